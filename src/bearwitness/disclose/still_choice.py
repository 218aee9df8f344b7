"""Chooses a still: finds the packet shown at a time, decodes it, enters the root of its tiles in the log.

The still is known by the beginning of that root. Releases decode it again and show what tiles they like.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from hashlib import sha256
from itertools import accumulate
from typing import TYPE_CHECKING, Final

from bearwitness.catalogue.catalogue import ItemRow
from bearwitness.crypto.derive import derive
from bearwitness.custody.items import commit
from bearwitness.custody.tiles import Tiled, cut_tiles, tile_secret
from bearwitness.custody.trees import RunBuilder
from bearwitness.errors import RefusedError, TamperedError, UsageError
from bearwitness.vault.delivery import OpenDelivery, Record
from bearwitness.vault.indexblob import PACKET_BYTES, IndexBlob, read_index
from bearwitness.vault.item_reader import ItemReader
from bearwitness.vault.ledger import Act, Ledger
from bearwitness_verify.canonical import text
from bearwitness_verify.errors import VerifyError
from bearwitness_verify.rows import IN_PIECES, TRANSPORT, UNTOLD, Row, Track
from bearwitness_verify.stills import Frame, parse_frame
from bearwitness_verify.transport import CELL_BYTES, check_packet, pid_of

from .clip_choice import Whole, origin_of, wholes_of

if TYPE_CHECKING:
    from bearwitness.media.planes import Planes
    from bearwitness.media.source import Source

KIND: Final = "still"
_ID_BYTES: Final = 16
_PREFIX_MIN: Final = 6


@dataclass(frozen=True)
class Found:
    """A packet with a picture: its item's index, its track, and where it stands in the track table."""

    blob: IndexBlob
    whole: Whole
    number: int

    @property
    def row(self) -> Row:
        """The packet."""
        return self.whole.track.rows[self.number]

    @property
    def leaf(self) -> int:
        """Its number among the leaves of the track table."""
        return self.whole.first_leaf + self.number


@dataclass(frozen=True)
class ChosenStill:
    """A still that stands in the log."""

    act: Act
    item: str
    frame: Frame

    @property
    def still(self) -> str:
        """Its id."""
        return self.frame.tiles.root[:_ID_BYTES].hex()


@dataclass(frozen=True)
class Entered:
    """A still as it was entered."""

    item: str
    frame: Frame
    time: Fraction

    @property
    def still(self) -> str:
        """Its id."""
        return self.frame.tiles.root[:_ID_BYTES].hex()


def choose_still(ledger: Ledger, row: ItemRow, at: Fraction, track: int | None = None) -> Entered:
    """Enter the frame of item `row` that is shown `at` seconds of its clock; the caller holds the lock.

    `track` names one of several video tracks. Raises RefusedError where a frame can not be bound to the
    sealed item, MediaError where it does not decode, FrozenError for what is frozen.
    """
    ledger.frozen.refuse([row.item])
    if row.same_as:
        raise UsageError(f"item {row.item} is another name of item {row.same_as}", f"choose {row.same_as}")
    opened = ledger.open_delivery(row.delivery)
    record = record_of(opened, row)
    found = find_packet(opened, record, row.item, at, track)
    made, tiled, index = decode(opened, record, row.item, found)
    whole, packet = found.whole, found.row
    frame = Frame(
        made.layout, made.codec, made.decoder, made.exact, made.matrix, made.range, made.turn,
        whole.track.number, index, packet.time, tiled.tree,
    )  # fmt: skip
    parse_frame(frame.to_json())
    ledger.vault.append({"kind": KIND, "item": row.item, "delivery": row.delivery, "still": frame.to_json()})
    origin = origin_of([each.track for each in wholes_of(found.blob)])
    return Entered(row.item, frame, whole.track.clock(packet.time) - origin)


def chosen_stills(ledger: Ledger, names: Sequence[str]) -> list[ChosenStill]:
    """Return the stills that these beginnings of ids name; raise UsageError."""
    if not names:
        return []
    all_of_them = list(_stills(ledger))
    found: list[ChosenStill] = []
    for name in names:
        fit = {s.still: s for s in all_of_them if len(name) >= _PREFIX_MIN and s.still.startswith(name)}
        if len(fit) != 1:
            raise UsageError(
                f"{name!r} names {len(fit) or 'no'} still{'s' if fit else ''}",
                "choose one first: bearwitness still ITEM --at TIME; it says what the still is called",
            )
        found += fit.values()
    return found


def _stills(ledger: Ledger) -> Iterator[ChosenStill]:
    for act in ledger.acts(derived=False):
        if act.body is not None and act.body.kind == KIND:
            fields = act.body.fields
            yield ChosenStill(act, text(fields["item"]), parse_frame(fields["still"]))


def record_of(opened: OpenDelivery, row: ItemRow) -> Record:
    """Return an item's line in its manifest; raise TamperedError if it is not there."""
    for line in opened.lines(row.part):
        if isinstance(line, Record) and commit(line.values, line.secret) == row.leaf:
            return line
    raise TamperedError(f"item {row.item} is not in its delivery any more")


def find_packet(opened: OpenDelivery, record: Record, item: str, at: Fraction, number: int | None) -> Found:
    """Return the packet whose picture is shown at a time of the recording's clock; raise RefusedError."""
    blob = read_index(opened, record)
    if blob is None or not blob.fields or blob.container.endswith(", incomplete"):
        raise RefusedError(
            f"item {item} was sealed without a whole track table, so that no frame of it can be bound to it",
            "release the whole item (--item), or a redacted copy of it",
        )
    wholes = wholes_of(blob)
    origin = origin_of([whole.track for whole in wholes])
    pictures = [whole for whole in wholes if whole.track.media == "video"]
    fit = [whole for whole in pictures if number in (None, whole.track.number)]
    if not fit:
        there = ", ".join(str(whole.track.number) for whole in pictures)
        raise UsageError(f"item {item} has no such video track", f"it has: {there or 'none'}")
    return Found(blob, fit[0], _shown_at(fit[0].track, at, origin, item))


def _shown_at(track: Track, at: Fraction, origin: Fraction, item: str) -> int:
    try:
        wanted = (at + origin + track.shift) / track.base
    except VerifyError as error:
        raise RefusedError(f"frames of item {item} can not be found by time: {error}") from None
    if any(row.time == UNTOLD for row in track.rows):
        raise RefusedError(f"item {item} does not tell when its pictures are shown")
    times = [track.time(row) for row in track.rows]
    before = [n for n, time in enumerate(times) if time <= wanted]
    if not before:
        return min(range(len(times)), key=times.__getitem__)
    found = max(before, key=times.__getitem__)
    begin, end = (time - origin for time in track.span)
    if found == max(range(len(times)), key=times.__getitem__) and at > end:
        raise UsageError(
            f"item {item} shows nothing at {float(at):g} s",
            f"it runs from {float(begin):g} to {float(end):g} s",
        )
    return found


def find_row(opened: OpenDelivery, record: Record, chosen: ChosenStill) -> Found:
    """Return the packet of a still that stands in the log; raise TamperedError if it is not there."""
    blob, frame = read_index(opened, record), chosen.frame
    if blob is not None:
        count = len(blob.fields) + len(blob.packets) // PACKET_BYTES
        leaf = frame.packet - RunBuilder(derive(record.secret, b"tracks"), count).first
        for whole in wholes_of(blob):
            number = leaf - whole.first_leaf
            if whole.track.number == frame.track and 0 <= number < len(whole.track.rows):
                return Found(blob, whole, number)
    raise TamperedError(f"the packet of still {chosen.still} is not in its item's track table")


def decode(opened: OpenDelivery, record: Record, item: str, found: Found) -> tuple[Planes, Tiled, int]:
    """Return a packet's frame, cut into tiles, and the packet's index in the tree of the track table."""
    from bearwitness import media
    from bearwitness.media.planes import planes
    from bearwitness.media.source import Source
    from bearwitness.sandbox.client import Sandbox

    reader = ItemReader(opened, record)
    source: Source = Source.of_ranges(reader.read, reader.size, f"item {item}")
    track, row = found.whole.track, found.row
    digest = sha256(_packet(reader, record, found, item)).digest()
    with Sandbox(media.TASKS) as sandbox:
        made = planes(sandbox, source, packet=digest, around=track.time(row) * track.base, track=track.number)
    count = len(found.blob.fields) + len(found.blob.packets) // PACKET_BYTES
    index = RunBuilder(derive(record.secret, b"tracks"), count).first + found.leaf
    secret = tile_secret(record.secret, track.number, index)
    return made, cut_tiles(made.layout, made.planes, secret), index


def _packet(reader: ItemReader, record: Record, found: Found, item: str) -> bytes:
    """Return the bytes of a packet as its decoder is given them."""
    blob, row, track = found.blob, found.row, found.whole.track
    first = RunBuilder(derive(record.secret, b"content"), len(blob.lengths), single=True).first
    starts = list(accumulate(blob.lengths, initial=0))
    low = row.leaf - first
    if track.container not in TRANSPORT:
        if row.flags & IN_PIECES:
            raise RefusedError(f"the pictures of item {item} lie in pieces, and no still is made of them")
        return reader.read(starts[low] + row.offset, row.size)
    skip = 4 if track.container == "m2ts" else 0
    stride = skip + CELL_BYTES
    data = reader.read(starts[low], starts[low + row.leaves] - starts[low])
    cells = (data[at : at + stride] for at in range(0, len(data), stride))
    own = b"".join(cell for cell in cells if pid_of(cell[skip : skip + 3]) == row.track)
    try:
        return check_packet(own, row, stride, skip)
    except VerifyError as error:
        raise RefusedError(f"the picture at that time of item {item} is not whole: {error}") from None
