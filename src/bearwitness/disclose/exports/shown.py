"""What a finished release shows, as the exports need it: read only after the verifier has accepted it.

Exhibit numbers are stable: the first eight digits of the SHA-256 of ``release.json``, then the number of the
file in the release. Whoever has the release finds the same numbers, and no two releases share one. Between
releases the item stays the same: it is a hash of what was sealed.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path, PurePosixPath
from typing import Final

from bearwitness.errors import RefusedError
from bearwitness_verify import archive, evidence, item_words, leaves, release
from bearwitness_verify.anchors import Anchors
from bearwitness_verify.canonical import Json, integer, nanoseconds, text, unb64
from bearwitness_verify.release import ListedFile, Release, ShownDelivery, ShownItem, Still
from bearwitness_verify.report import (
    ALTERED_TEXT,
    VERDICT_TEXT,
    Finding,
    Report,
    Verdict,
    in_words,
    moment,
    printable,
)
from bearwitness_verify.stills import parse_frame
from bearwitness_verify.verify import verify

WHOLE: Final = "whole item"
CLIP: Final = "clip"
PACKETS: Final = "packets that prove a clip"
FIELDS: Final = "fields of an item"
ALTERED: Final = "redacted copy, ALTERED"
COPIED: Final = "packets that prove what was not altered in a copy"
STILL: Final = "proof still"
PLAN: Final = "plan by which a redacted copy was made"
TILES: Final = "tiles that prove a still"
_NUMBER_DIGITS: Final = 8
_CHARS_MAX: Final = 32_000  # what a cell of a spreadsheet holds; a path has at most 4,096 bytes on Linux


@dataclass(frozen=True)
class Exhibit:
    """An item, or a file made of one, that a release shows; `file` is None if only fields of it are shown."""

    number: str
    kind: str
    item: str
    delivery: int
    file: ListedFile | None
    fields: Mapping[str, Json]

    @property
    def path(self) -> str:
        """The sealed file's path for people; empty if it is not shown."""
        shown = self.fields.get("path")
        return (
            ""
            if shown is None
            else printable(unb64(shown, "a path").decode("utf-8", "backslashreplace"), _CHARS_MAX)
        )

    @property
    def modified(self) -> str:
        """When the sealed file was last modified, for people; empty if that is not shown."""
        shown = self.fields.get("mtime")
        return "" if shown is None else moment(nanoseconds(shown))

    @property
    def sealed_sha256(self) -> str:
        """The SHA-256 of the whole sealed file in hexadecimal; empty if it is not shown."""
        shown = self.fields.get("sha256")
        return "" if shown is None else unb64(shown, "a SHA-256", 32).hex()

    @property
    def sealed_bytes(self) -> str:
        """The length of the whole sealed file; empty if it is not shown."""
        return text(self.fields.get("size", ""), "a size")

    @property
    def others(self) -> Mapping[str, str]:
        """Every other field that is shown, for people; of the fate only one that is not a file's."""
        hidden = {"path", "mtime", "sha256", "size", "content", "tracks"}
        if self.fields.get("fate") == {"type": "file"}:
            hidden.add("fate")
        return {
            name: printable(in_words(v), _CHARS_MAX)
            for name, v in sorted(self.fields.items())
            if name not in hidden
        }


@dataclass(frozen=True)
class Withheld:
    """An item that is proven to be there and is not shown, and the ground the vault gives."""

    number: str
    item: str
    delivery: int
    ground: str


@dataclass(frozen=True)
class Delivery:
    """A delivery of which something is shown; `told` are other fields of its entry, in words."""

    number: int
    shown: int
    held: int | None
    imported: bool
    told: tuple[str, ...]
    withheld: tuple[Withheld, ...] | None


@dataclass(frozen=True)
class Shown:
    """A verified release: its statement and that one's SHA-256, and what both hold."""

    statement: Release
    digest: str
    sizes: tuple[ListedFile, ListedFile]
    verdict: Verdict
    findings: tuple[Finding, ...]
    exhibits: tuple[Exhibit, ...]
    deliveries: tuple[Delivery, ...]

    @property
    def verdict_text(self) -> str:
        """The verdict for people, with a warning where something shown was altered."""
        altered = any(one.kind == ALTERED for one in self.exhibits)
        return VERDICT_TEXT[self.verdict] + (f". {ALTERED_TEXT}" if altered else "")

    @property
    def prefix(self) -> str:
        """What every exhibit number of this release begins with."""
        return self.digest[:_NUMBER_DIGITS]

    @property
    def files(self) -> tuple[ListedFile, ...]:
        """All files of the release, statement and signature too, names ascending."""
        return tuple(sorted((*self.statement.files, *self.sizes), key=lambda file: file.name))

    @property
    def numbers(self) -> Mapping[str, str]:
        """The exhibit number of each file that is an exhibit."""
        return {one.file.name: one.number for one in self.exhibits if one.file}


def read(package: Path, anchors: Anchors) -> Shown:
    """Verify the release at `package` and return what it shows; raise RefusedError unless it holds."""
    report = verify(package, anchors)
    if report.verdict is Verdict.FAILED:
        reasons = "; ".join(finding.text for finding in report.findings if finding.status == "fail")
        raise RefusedError(
            f"the release {package} does not hold, and nothing is made of it: {reasons}",
            "get it again from whom you have it, and run bearwitness-verify on it",
        )
    with archive.open_package(package) as opened:
        data = archive.read_file(opened, release.STATEMENT_NAME, release.STATEMENT_BYTES_MAX)
        signature = archive.read_file(opened, release.SIGNATURE_NAME, release.STATEMENT_BYTES_MAX)
    sizes = (_listed(release.STATEMENT_NAME, data), _listed(release.SIGNATURE_NAME, signature))
    return _shown(release.parse(data), sizes, report)


def _listed(name: str, data: bytes) -> ListedFile:
    return ListedFile(name, len(data), sha256(data).hexdigest())


def _shown(statement: Release, sizes: tuple[ListedFile, ListedFile], report: Report) -> Shown:
    digest = sizes[0].sha256
    files = {file.name: file for file in statement.files}
    exhibits: list[Exhibit] = []
    deliveries: list[Delivery] = []
    for number, delivery in enumerate(statement.deliveries, start=1):
        fields = evidence.entry_fields(delivery.entry, "sealed")
        tree = leaves.delivery_ref(fields.get("delivery"))
        for item in delivery.items:
            proven = evidence.prove_item(item, tree)
            for kind, name in _parts(item):
                bare = sum(one.file is None for one in exhibits) + 1
                of_file = _number(kind, name) if name else f"F{bare}"
                told = f"{digest[:_NUMBER_DIGITS]}-{of_file}"
                exhibits.append(
                    Exhibit(told, kind, proven.item, number, files[name] if name else None, proven.fields)
                )
        before = sum(len(earlier.withheld or ()) for earlier in deliveries)
        deliveries.append(_delivery(delivery, number, fields, before, digest))
    twice = [number for number, count in Counter(one.number for one in exhibits).items() if count > 1]
    if twice:
        raise RefusedError(f"two exhibits of this release bear the number {twice[0]}: no index can be made")
    return Shown(
        statement, digest, sizes, report.verdict, tuple(report.findings), tuple(exhibits), tuple(deliveries)
    )


def _parts(item: ShownItem) -> Iterator[tuple[str, str]]:
    """Yield what is shown of an item: kind and file, no file if nothing but fields."""
    if item.file is not None:
        yield WHOLE, item.file
    for clip in item.clips:
        if clip.playable is not None:
            yield CLIP, clip.playable
        yield PACKETS, clip.segments.file
    for copy in item.copies:
        yield ALTERED, copy.file
        if copy.copied is not None:
            yield COPIED, copy.copied.segments.file
        if copy.plan is not None:
            yield PLAN, copy.plan
    for still in item.stills:
        yield _still(still), still.pieces.picture
        yield TILES, still.pieces.file
    if item.file is None and not (item.clips or item.copies or item.stills):
        yield FIELDS, ""


def _still(still: Still) -> str:
    """Return what a still is: how much of it is hidden, and whether its decoder had a choice."""
    frame = parse_frame(evidence.entry_fields(still.entry, "still")["still"])
    count = len(still.pieces.proof.indices)
    hidden = ", the others hidden" if count < frame.layout.count else ""
    bound = "" if frame.exact else ", DERIVED: another decoder may differ in the last bits"
    return f"{STILL}, {count} of {frame.layout.count} tiles shown{hidden}{bound}"


def _number(kind: str, name: str) -> str:
    return PurePosixPath(name).stem + ("P" if kind in (PACKETS, COPIED, TILES) else "")


def _delivery(
    delivery: ShownDelivery, number: int, fields: dict[str, Json], before: int, digest: str
) -> Delivery:
    held = integer(fields["items"], "the count of items") if "items" in fields else None
    withheld = None
    if delivery.withheld is not None:
        withheld = tuple(
            Withheld(f"{digest[:_NUMBER_DIGITS]}-W{place}", leaves.item_id(one.leaf), number, one.ground)
            for place, one in enumerate(delivery.withheld, start=before + 1)
        )
    told = tuple(item_words.told(fields))
    return Delivery(number, len(delivery.items), held, delivery.imported is not None, told, withheld)
