"""Writes a redacted copy into a release: the copy as attacked, its entry, what of it is the original's."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Final

from bearwitness.custody.entries import Body, Entry
from bearwitness.errors import RefusedError, UsageError
from bearwitness.media.source import Source
from bearwitness.vault import signed
from bearwitness.vault.delivery import OpenDelivery, Record
from bearwitness.vault.item_reader import ItemReader
from bearwitness.vault.ledger import Ledger
from bearwitness.vault.marks import is_for
from bearwitness.vault.redactions import APPROVAL, COPY, Redaction, plan_of, redactions_of
from bearwitness_verify import canonical
from bearwitness_verify.canonical import Json

from . import proofs
from .clips import ClipFile
from .copied import Written, write_copied
from .exactness import refuse_packets
from .kinds import HEAD_BYTES, extension_of

FOOTAGE: Final = frozenset({"mp4", "mov", "mkv", "webm"})
_SHOWN: Final = ("kind", "item", "redaction")
_PIECE: Final = 1 << 20
_DIGITS_MIN: Final = 8


@dataclass(frozen=True)
class AskedCopy:
    """A redacted copy as asked for: of which item, the beginning of its SHA-256 (empty: the only one)."""

    item: str
    sha256: str = ""


@dataclass(frozen=True)
class WrittenCopy:
    """A copy as written: its files, the JSON that proves it, why no picture is proven (empty if some are)."""

    files: tuple[ClipFile, ...]
    json: Json
    copied: int
    pictures: int
    why_not: str


def parse_copy(text: str) -> AskedCopy:
    """Read ``ITEM``, ``ITEM:SHA256`` or ``ITEM@SHA256``, the hash by its beginning; raise UsageError."""
    item, colon, digest = text.replace("@", ":", 1).partition(":")
    if not item or (colon and (len(digest) < _DIGITS_MIN or not digest.isalnum())):
        raise UsageError(f"{text!r} is no redacted copy", "write ITEM, or ITEM:SHA256 where it has several")
    return AskedCopy(item, digest.lower())


def choose(ledger: Ledger, item: str, asked: AskedCopy, recipient: str = "") -> Redaction:
    """Return the copy that is asked for; raise UsageError, RefusedError.

    Where it is not told which, it is one with a mark for `recipient` if there is one, else one without.
    """
    found = [one for one in redactions_of(ledger, [item]) if one.sha256.startswith(asked.sha256)]
    if recipient and not asked.sha256:
        found = [one for one in found if one.marked and is_for(ledger, one, recipient)]
        if not found:
            raise UsageError(
                f"item {item} has no redacted copy with a mark for {recipient}",
                f"make one: bearwitness redact {item} --plan PLAN --vault … --mark-for {recipient}",
            )
    elif not asked.sha256:
        found = [one for one in found if not one.marked] or found
    if not found:
        raise UsageError(
            f"item {item} has no such redacted copy", "make one: bearwitness redact ITEM --vault …"
        )
    if len({one.sha256 for one in found}) > 1:
        names = ", ".join(sorted(one.sha256[:12] for one in found))
        raise UsageError(f"item {item} has several redacted copies: {names}", "name one: ITEM:SHA256")
    if not found[-1].told:
        raise RefusedError(
            f"the redacted copy {found[-1].sha256[:12]} of item {item} was entered by an older version, "
            "whose entry can not be shown",
            "redact the item again with the same plan",
        )
    return found[-1]


class CopyWriter:
    """Writes redacted copies of a vault's items."""

    def __init__(self, ledger: Ledger, *, exact: bool, plans: bool = False) -> None:
        """`exact`: packets of the original may be shown as such; `plans`: and how each copy was made."""
        self._ledger, self._exact, self._plans = ledger, exact, plans

    def write(
        self, folder: Path, number: int, opened: OpenDelivery, record: Record, one: Redaction
    ) -> WrittenCopy:
        """Write the copy and what proves it below `folder`."""
        copy = self._file(folder, number, opened, one)
        copied: Written | str = "the profile shows no packets of the original"
        if one.marked:
            copied = "a mark is in every picture of it"
        if not self._exact:
            self._refuse_exact(folder.parent / copy.name, opened, record, one)
        elif not one.marked:
            name = f"exhibits/{number:02}.segments"
            copied = write_copied(folder.parent / copy.name, folder.parent / name, name, opened, record)
        approved = len(signed.read(self._ledger).approvers(one.plan, APPROVAL))
        value: dict[str, Json] = {
            "approvals": str(approved),
            "copied": None if isinstance(copied, str) else copied.json,
            "entry": proofs.entry_json(*self._entry(one), _SHOWN),
            "file": copy.name,
            "log": self._log(one),
        }
        files = [copy]
        if self._plans:
            files.append(self._plan(folder, number, one))
            value["plan"] = files[-1].name
        if isinstance(copied, str):
            return WrittenCopy(tuple(files), value, 0, 0, copied)
        return WrittenCopy((*files, copied.file), value, copied.copied, copied.pictures, "")

    def _plan(self, folder: Path, number: int, one: Redaction) -> ClipFile:
        """Write the plan of a copy; for a court, never for the public."""
        data, name = plan_of(self._ledger, one), f"exhibits/{number:02}.plan"
        (folder.parent / name).write_bytes(data)
        return ClipFile(name, len(data), one.plan)

    def _refuse_exact(self, path: Path, opened: OpenDelivery, record: Record, one: Redaction) -> None:
        """Raise RefusedError if a copy that must not be bit-exact holds packets of the original."""
        if one.container not in FOOTAGE:
            return
        reader = ItemReader(opened, record)
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        try:
            original = Source.of_ranges(reader.read, reader.size, f"item {one.item}")
            refuse_packets(Source.of_file(descriptor, path.name), original)
        finally:
            os.close(descriptor)
        if not one.loose:
            raise RefusedError(
                f"the redacted copy {one.sha256[:12]} of item {one.item} is as long as the original, to the "
                "frame: lists of what was copied could be searched for it",
                f"make one for the press: bearwitness redact {one.item} --press",
            )

    def _file(self, folder: Path, number: int, opened: OpenDelivery, one: Redaction) -> ClipFile:
        temporary, digest, size = folder / f".{number}", sha256(), 0
        head = b""
        with temporary.open("xb") as file:
            for piece in self._pieces(opened, one):
                head = head or piece[:HEAD_BYTES]
                file.write(piece)
                digest.update(piece)
                size += len(piece)
            file.flush()
            os.fsync(file.fileno())
        if digest.hexdigest() != one.sha256:
            raise RefusedError(f"the redacted copy {one.sha256[:12]} of item {one.item} was altered")
        name = f"exhibits/{number:02}.{extension_of(head)}"
        temporary.rename(folder.parent / name)
        return ClipFile(name, size, one.sha256)

    def _pieces(self, opened: OpenDelivery, one: Redaction) -> Iterator[bytes]:
        derived = self._ledger.open_derived(opened, one.path)
        at, size = 0, derived.size(one.job, COPY)
        while at < size:
            piece = derived.read_range(one.job, COPY, at, min(_PIECE, size - at))
            if not piece:
                raise RefusedError(f"the redacted copy {one.sha256[:12]} of item {one.item} is cut off")
            yield piece
            at += len(piece)

    def _entry(self, one: Redaction) -> tuple[Entry, Body]:
        act = next(self._ledger.acts(size=one.entry + 1, start=one.entry))
        if act.body is None:
            raise RefusedError("the entry of a redacted copy is closed to the keys given")
        canonical.members(
            act.body.fields["redaction"],
            "a redaction",
            "build container copy detectors plan tool version",
            "ends mark",
        )
        return act.entry, act.body

    def _log(self, one: Redaction) -> Json:
        log = self._ledger.vault.log
        sizes = proofs.covering_sizes(log, one.entry, (), ())
        return proofs.log_json(log, one.entry, sizes, {}, plain=True)
