"""Checks a release, step by step, and reports every finding. The one function to call is :func:`verify`.

 1  the package and its statement are strictly what docs/format.md says
 2  the statement is signed by the key it names as the vault's
 3  each delivery's entry is in a log that the vault signed (through an import, if a kit wrote it)
 4  the fields shown of the entry are those it commits to
 5  each item is in its delivery, the fields shown of it are its own; what is said besides is about these
 6  each file is, byte for byte, the one that was sealed; each clip is packets of it, as the table has them
 7  time stamps hold
 8  cosignatures hold
 9  the vault is the one the reader knows: key, cosigner or checkpoint from elsewhere

Every step that fails is reported. Steps 7 to 9 are in trust.py, the single checks in evidence.py.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from . import (
    archive,
    clip_words,
    copy_words,
    evidence,
    item_words,
    leaves,
    note,
    release,
    said,
    still_words,
    trust,
)
from .anchors import Anchors
from .archive import Package
from .canonical import integer, unb64
from .clip_proof import check_clip
from .clips import Clip
from .copies import Derivation
from .copy_proof import ProvenCopy, check_copied, check_derivation
from .errors import ProofError, SignatureError, VerifyError
from .release import Content, Copy, Release, ShownDelivery, ShownItem, Still
from .report import Report, printable
from .still_proof import check_still

SIGNATURE_BYTES_MAX = 64 * 1024


def verify(path: Path, anchors: Anchors, progress: Callable[[int], None] = lambda done: None) -> Report:
    """Check the release at `path`; never raises for what is in it."""
    report = Report()
    try:
        with archive.open_package(path) as package:
            shown = _statement(package, report)
            _listed_files(package, shown, report)
            _Verification(package, shown, anchors, report, progress).run()
    except VerifyError as error:
        report.fail(1, printable(str(error)))
    return report


def _statement(package: Package, report: Report) -> Release:
    """Steps 1 and 2."""
    data = archive.read_file(package, release.STATEMENT_NAME, release.STATEMENT_BYTES_MAX)
    signature = archive.read_file(package, release.SIGNATURE_NAME, SIGNATURE_BYTES_MAX)
    shown = release.parse(data)
    report.ok(1, "the statement is well formed")
    try:
        _signed(shown, data, signature)
        report.ok(2, f"the statement is signed by the vault it names, {printable(shown.vault.name)}")
    except VerifyError as error:
        report.fail(2, printable(str(error)))
    return shown


def _signed(shown: Release, data: bytes, signature: bytes) -> None:
    signed = note.parse(signature)
    shown.vault.verify(signed)
    if len(signed.signatures) != 1:
        raise SignatureError("the release carries signatures besides the vault's")
    if signed.text != f"bearwitness/1/release\n{hashlib.sha256(data).hexdigest()}\n":
        raise SignatureError("the signature is over another statement")


def _listed_files(package: Package, shown: Release, report: Report) -> None:
    """Step 1, the files: exactly those listed are there."""
    listed = {file.name: file for file in shown.files}
    expected = {*listed, release.STATEMENT_NAME, release.SIGNATURE_NAME}
    there = set(package.names())
    surplus, missing = sorted(there - expected), sorted(expected - there)
    for name in surplus:
        report.fail(1, f"the package holds {printable(name)}, which the statement does not list")
    for name in missing:
        report.fail(1, f"{name} is missing in the package")
    for name, file in listed.items():
        if name not in missing and package.size(name) != file.size:
            report.fail(1, f"{name} has {package.size(name)} bytes instead of {file.size}")


class _Verification:
    """Steps 3 to 9 over one statement."""

    def __init__(
        self,
        package: Package,
        shown: Release,
        anchors: Anchors,
        report: Report,
        progress: Callable[[int], None],
    ) -> None:
        self._package, self._shown, self._anchors = package, shown, anchors
        self._report, self._progress = report, progress
        self._there = {file.name for file in shown.files} & set(package.names())
        self._used: set[str] = set()
        self._items: set[str] = set()
        self._counts: list[tuple[int, int | None]] = []  # of each delivery: items shown, items it holds
        self._hashes: dict[str, str] = {}

    def run(self) -> None:
        """Do all steps, going on after a failure wherever something is left to check."""
        entries = [evidence.entry_leaf(delivery.entry) for delivery in self._shown.deliveries]
        if len(set(entries)) != len(entries):
            self._report.fail(3, "a delivery is shown twice")
        for number, delivery in enumerate(self._shown.deliveries, start=1):
            name = f"delivery {number}"
            try:
                self._delivery(delivery, name)
            except VerifyError as error:
                self._report.fail(3, f"{name}: {printable(str(error))}")
        said.check_said(self._shown, self._items, self._counts, self._report)
        self._other_files()
        trust.check_anchors(self._shown, self._anchors, self._report)

    def _delivery(self, delivery: ShownDelivery, name: str) -> None:
        log, vault = evidence.check_log(delivery, self._shown.vault)
        self._report.ok(3, f"{name} is an entry of the vault's log, checkpoint of size {vault.size}")
        if delivery.imported:
            self._report.ok(3, f"{name} was written by a field kit and imported (its checkpoint: {log.size})")
        self._contents(delivery, name)
        trust.check_stamps(delivery, name, self._anchors, self._report)

    def _contents(self, delivery: ShownDelivery, name: str) -> None:
        """Steps 4 to 6 for one delivery."""
        try:
            fields = evidence.entry_fields(delivery.entry, "sealed")
            tree = leaves.delivery_ref(fields.get("delivery"))
            self._report.ok(4, f"{name} shows {item_words.count(len(delivery.items), fields)}")
        except VerifyError as error:
            self._report.fail(4, f"{name}: {printable(str(error))}")
            return
        for line in item_words.told(fields):
            self._report.note(4, f"{name}: {line}")
        proven = [item for item in (self._item(item, tree) for item in delivery.items) if item]
        if proven != sorted(set(proven)):
            self._report.fail(5, f"{name}: an item is shown twice, or they are not in their order")
        held = integer(fields["items"], "the count of items") if "items" in fields else None
        self._counts.append((len(proven), held))
        self._items |= {leaves.item_id(leaf) for leaf in proven}
        if delivery.withheld is not None:
            said.check_rest(delivery.withheld, tree, proven, held, name, self._report)

    def _item(self, item: ShownItem, tree: leaves.TreeRef) -> bytes:
        """Check one item; return its leaf, empty if it is not proven to be in the delivery."""
        try:
            proven = evidence.prove_item(item, tree)
            told = item_words.described(proven.fields)
            told += "" if item.file is not None else item_words.identity(proven.fields)
            self._report.ok(5, f"item {proven.item} is in the delivery{told}")
        except VerifyError as error:
            self._report.fail(5, f"{item.file or 'an item without content'}: {printable(str(error))}")
            return b""
        if item.file is not None and item.content is not None:
            self._file(item.file, item.content, proven)
        for clip in item.clips:
            self._clip(clip, proven)
        for still in item.stills:
            self._still(still, proven)
        for copy in item.copies:
            self._copy(copy, proven)
        return proven.leaf

    def _clip(self, clip: Clip, proven: evidence.ProvenItem) -> None:
        names = [clip.segments.file] + ([] if clip.playable is None else [clip.playable])
        try:
            self._use(names)
            playable = None if clip.playable is None else self._pieces(clip.playable)
            found = check_clip(proven.fields, clip, self._pieces(clip.segments.file), playable)
        except VerifyError as error:
            self._report.fail(6, f"{names[-1]}: {printable(str(error))}")
            return
        for line in clip_words.described(names[-1], proven.item, found):
            self._report.ok(6, printable(line, 1000))

    def _copy(self, copy: Copy, proven: evidence.ProvenItem) -> None:
        self._report.altered = True
        names = [copy.file] + ([] if copy.copied is None else [copy.copied.segments.file])
        names += [] if copy.plan is None else [copy.plan]
        found: ProvenCopy | None = None
        try:
            self._use(names)
            pieces = self._pieces(copy.file)
            if copy.copied is not None:
                found = check_copied(
                    proven.fields, copy.copied, self._pieces(copy.copied.segments.file), pieces
                )
            for _ in pieces:
                pass
            told, size = check_derivation(copy, proven, self._shown.vault, self._hashes[copy.file])
            self._plan(copy.plan, told)
        except VerifyError as error:
            self._report.fail(6, f"{copy.file}: {printable(str(error))}")
            return
        for line in copy_words.described(copy.file, proven.item, told, size, found):
            self._report.ok(6, printable(line, 1000))
        if copy.plan is not None:
            self._report.ok(6, f"{copy.plan} is the plan by which {copy.file} was made")
        for line in copy_words.unproven(copy.file, copy.approvals, found):
            self._report.note(6, line)

    def _plan(self, name: str | None, told: Derivation) -> None:
        """Raise ProofError unless the file `name` is the plan that the log tells of."""
        if name is None:
            return
        for _ in self._pieces(name):
            pass
        if self._hashes[name] != told.plan:
            raise ProofError("the plan shown is not the one by which the copy was made")

    def _still(self, still: Still, proven: evidence.ProvenItem) -> None:
        names = [still.pieces.file, still.pieces.picture]
        try:
            self._use(names)
            raw, made = (self._pieces(name) for name in names)
            found = check_still(still, proven, self._shown.vault, raw, made)
        except VerifyError as error:
            self._report.fail(6, f"{still.pieces.picture}: {printable(str(error))}")
            return
        for line in still_words.described(still.pieces.picture, proven.item, found):
            self._report.ok(6, printable(line))
        self._report.note(6, still_words.trust(still.pieces.picture, found))

    def _use(self, names: Sequence[str]) -> None:
        """Note the files of an exhibit; raise ProofError unless they are there, and its own."""
        if self._used & set(names) or len(set(names)) < len(names):
            raise ProofError("two exhibits use one file")
        self._used |= set(names)
        if set(names) - self._there:
            raise ProofError("a file of an exhibit is missing, or not listed in the release")

    def _file(self, name: str, content: Content, proven: evidence.ProvenItem) -> None:
        try:
            if name in self._used:
                raise ProofError("two exhibits use one file")
            self._used.add(name)
            if name not in self._there:
                raise ProofError("the file of an item is missing, or not listed in the release")
            size = evidence.check_content(proven.fields, content, self._pieces(name))
        except VerifyError as error:
            self._report.fail(6, f"{name}: {printable(str(error))}")
            return
        digest = unb64(proven.fields["sha256"]).hex()
        self._report.ok(6, f"{name} is byte for byte the sealed file: {size} bytes, SHA-256 {digest}")

    def _pieces(self, name: str) -> Iterator[bytes]:
        """Yield a file's bytes and note their SHA-256 for the list of files."""
        whole = hashlib.sha256()
        for piece in self._package.pieces(name):
            whole.update(piece)
            self._progress(len(piece))
            yield piece
        self._hashes[name] = whole.hexdigest()

    def _other_files(self) -> None:
        """Step 6 for every listed file: its own hash; and that no exhibit stands without an item."""
        for file in self._shown.files:
            if file.name not in self._there:
                continue
            try:
                if file.name not in self._hashes:
                    for _ in self._pieces(file.name):
                        pass
                if self._hashes[file.name] != file.sha256:
                    self._report.fail(6, f"{file.name} is not the file that the statement lists")
            except VerifyError as error:
                self._report.fail(6, f"{file.name}: {printable(str(error))}")
            if file.name.startswith("exhibits/") and file.name not in self._used:
                self._report.fail(6, f"{file.name} belongs to no item that is proven")
