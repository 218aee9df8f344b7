"""Proves a clip: its table, its bytes, and that its playable file is made of them alone (format.md, 11.2)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from . import canonical, leaves, merkle, playing
from .canonical import Json
from .clips import Clip, Table
from .errors import ProofError
from .leaves import hash_leaf
from .rows import ROW_BYTES, SHARED, TRANSPORT, Row, Track, by_tracks, unpack_rows
from .transport import TransportPackets

HEAD_BYTES_MAX = 32


@dataclass(frozen=True)
class ProvenClip:
    """What was proven of a clip: its tracks, and how many bytes of the sealed file it shows."""

    tracks: tuple[Track, ...]
    bytes: int


def prove_table(fields: Mapping[str, Json], table: Table, *, gaps: bool = False) -> tuple[Track, ...]:
    """Return the tracks of a clip once every field and packet is proven in the item's track table.

    `gaps`: packets may be missing within a track.
    """
    tree = leaves.tracks_ref(fields["tracks"])
    payloads = [("track-field", canonical.dumps(field)) for field in table.fields]
    packets = table.packets
    payloads += [("packet", packets[at : at + ROW_BYTES]) for at in range(0, len(packets), ROW_BYTES)]
    hashes = [hash_leaf(kind, table.proof.salt(n), data) for n, (kind, data) in enumerate(payloads)]
    root = merkle.root_from_several(table.proof.indices, tree.height, hashes, table.proof.hashes)
    if root != tree.root:
        raise ProofError("the packets shown are not those of the item's track table")
    indices, count = table.proof.indices, len(table.fields)
    tracks = by_tracks(
        list(zip(indices[:count], table.fields, strict=True)),
        list(zip(indices[count:], unpack_rows(packets), strict=True)),
        gaps=gaps,
    )
    if any(row.flags & SHARED for track in tracks for row in track.played):
        raise ProofError("a packet shares its bytes with packets that are not shown")
    return tracks


def content_order(tracks: Iterable[Track]) -> list[tuple[Track, Row]]:
    """Return the packets that are shown, in the order of their bytes."""
    shown = [(track, row) for track in tracks for row in track.played]
    return sorted(shown, key=lambda pair: (pair[1].leaf, pair[1].offset, pair[1].leaves, pair[0].number))


def check_clip(
    fields: Mapping[str, Json], clip: Clip, raw: Iterable[bytes], playable: Iterable[bytes] | None
) -> ProvenClip:
    """Check a clip of the item with these proven `fields`; return what it shows.

    `raw` are the bytes of its segments' file, `playable` those of its playable file, None if it names
    none. Raises ProofError.
    """
    tracks = prove_table(fields, clip.table)
    proof, hashes = clip.segments.proof, list[bytes]()

    def hashed() -> Iterator[bytes]:
        for number, data in enumerate(cut(raw, clip.segments.lengths)):
            hashes.append(hash_leaf("segment", proof.salt(number), data))
            yield data

    built = rebuild(tracks, proof.indices, hashed(), play=playable is not None)
    if playable is None:
        for _ in built:
            pass
    else:
        _compare(built, Stream(playable, "the playable file"))
    tree = leaves.content_ref(fields["content"])
    if merkle.root_from_several(proof.indices, tree.height, hashes, proof.hashes) != tree.root:
        raise ProofError("the bytes shown are not those of the sealed file")
    return ProvenClip(tracks, sum(clip.segments.lengths))


def rebuild(
    tracks: tuple[Track, ...], indices: Sequence[int], segments: Iterable[bytes], *, play: bool
) -> Iterator[tuple[str, bytes]]:
    """Yield the playable file of packets whose segments come in order, each piece with what it is.

    Every packet is checked against its row on the way; with `play` false nothing is yielded.
    """
    order = content_order(tracks)
    plan = playing.plan(tracks, order) if play else None
    if play and plan is None:
        raise ProofError("a clip of this kind can have no playable file")
    packets: TransportPackets | PlainPackets
    if tracks[0].container in TRANSPORT:
        packets = TransportPackets(tracks)
    else:
        packets = PlainPackets([row for _, row in order], list(indices))
    before = iter(plan.before) if plan else iter(())
    if plan:
        yield "its header", plan.head
    for index, data in zip(indices, segments, strict=True):
        packets.take(index, data)
        for packet in packets.ready():
            if plan:
                yield "the order or timing of a packet", next(before)
                yield "the bytes of a packet", packet
    packets.finish()
    for packet in packets.ready():
        if plan:
            yield "the order or timing of a packet", next(before)
            yield "the bytes of a packet", packet
    if plan:
        yield "its end", plan.tail


class Stream:
    """Bytes that come in pieces, read in other pieces."""

    def __init__(self, pieces: Iterable[bytes], what: str) -> None:
        self._pieces, self._what = iter(pieces), what
        self._piece, self._at = b"", 0

    def read(self, length: int) -> bytes:
        """Return the next `length` bytes; raise ProofError if there are fewer."""
        parts, missing = [], length
        while missing:
            part = self._piece[self._at : self._at + missing]
            self._at += len(part)
            missing -= len(part)
            parts.append(part)
            if missing:
                piece = next(self._pieces, None)
                if piece is None:
                    raise ProofError(f"{self._what} is shorter than the proven packets make it")
                self._piece, self._at = piece, 0
        return b"".join(parts)

    def end(self) -> None:
        """Raise ProofError unless all was read."""
        if self._at < len(self._piece) or any(self._pieces):
            raise ProofError(f"{self._what} is longer than the proven packets make it")


def cut(raw: Iterable[bytes], lengths: Iterable[int]) -> Iterator[bytes]:
    """Yield the segments of a file that holds them one after the other."""
    stream = Stream(raw, "the file of the segments")
    for length in lengths:
        yield stream.read(length)
    stream.end()


def _compare(built: Iterable[tuple[str, bytes]], file: Stream) -> None:
    for what, wanted in built:
        if file.read(len(wanted)) != wanted:
            raise ProofError(f"the playable file differs from the proven packets in {what}")
    file.end()


class PlainPackets:
    """Puts segments together into packets that have them to themselves."""

    def __init__(self, rows: list[Row], indices: list[int]) -> None:
        if sum(row.leaves for row in rows) != len(indices):
            raise ProofError("the segments shown are more or fewer than those of the packets")
        wanted = [i for row in rows for i in range(row.leaf, row.leaf + row.leaves)]
        if wanted != indices:
            raise ProofError("the segments shown are not those of the packets, one after the other")
        self._rows, self._at, self._parts = rows, 0, list[bytes]()
        self._ready: list[bytes] = []

    def take(self, index: int, data: bytes) -> None:
        """Take the segment at `index`."""
        while not self._rows[self._at].leaves:
            self._close()
        row = self._rows[self._at]
        self._parts.append(data)
        if index == row.leaf + row.leaves - 1:
            self._close()

    def _close(self) -> None:
        row, data = self._rows[self._at], b"".join(self._parts)
        exact = row.offset + row.size == len(data) if row.leaves else not row.size
        if not exact or (row.leaves and row.offset > HEAD_BYTES_MAX):
            raise ProofError("a packet does not fill the segments it is shown with")
        self._ready.append(data[row.offset :] if row.leaves else b"")
        self._at, self._parts = self._at + 1, []

    def ready(self) -> list[bytes]:
        """Return the packets that are whole since the last call."""
        ready, self._ready = self._ready, []
        return ready

    def finish(self) -> None:
        """Close packets of no bytes at the end; raise ProofError if any other is not whole."""
        while self._at < len(self._rows):
            self._close()
