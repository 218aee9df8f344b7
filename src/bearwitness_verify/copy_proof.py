"""Proves of a redacted copy which pictures are the sealed original's, bit for bit (docs/format.md, 11.6)."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import chain

from . import leaves, merkle
from .canonical import Json, integer
from .clip_proof import PlainPackets, Stream, content_order, cut, prove_table
from .copies import Copied, Derivation, derivation
from .copy_mp4 import CopyTrack, Sample, read_movie
from .copy_units import (
    IDR,
    SLICE,
    Sets,
    check_copied_units,
    check_sets,
    entry_of,
    kinds_of,
    named_by,
    sets_of,
    units_of,
)
from .errors import ProofError
from .evidence import ProvenItem, check_evidence, entry_fields, entry_leaf
from .leaves import hash_leaf
from .mp4_entry import fraction, numbers, scaled
from .note import VerifierKey
from .release import Copy
from .rows import KEY, Track

CONTAINERS = ("mp4", "mov")
ORIGINALS = ("mp4", "mov", "matroska")
CODECS = ("avc1", "avc3", "V_MPEG4/ISO/AVC")
_IDENTITY = (65_536, 0, 0, 0, 65_536, 0, 0, 0, 1 << 30)
_ONE = 1 << 16
Span = tuple[Fraction, Fraction]


@dataclass(frozen=True)
class ProvenCopy:
    """How many pictures of how many are the original's, when (seconds of the copy), and how long it is."""

    copied: int
    pictures: int
    spans: tuple[Span, ...]
    begin: Fraction
    end: Fraction
    sounds: int


def check_derivation(copy: Copy, item: ProvenItem, vault: VerifierKey, digest: str) -> tuple[Derivation, int]:
    """Return what the log says of a copy with the SHA-256 `digest`, and the size of its checkpoint.

    Raises ProofError unless the copy was entered as one of this item.
    """
    if copy.log.key != vault:
        raise ProofError("the copy stands in the log of another vault")
    checkpoint = check_evidence(entry_leaf(copy.entry), copy.log)
    found = derivation(entry_fields(copy.entry, "derived"), item.item)
    if found.copy != digest:
        raise ProofError("the copy is not the one that was entered in the log")
    if copy.copied is not None and found.container not in CONTAINERS:
        raise ProofError("of a copy of this kind no pictures are proven")
    if copy.copied is not None and found.mark:
        raise ProofError("a copy with a mark in every picture can hold none of the original's")
    return found, checkpoint.size


def check_copied(
    fields: Mapping[str, Json], copied: Copied, raw: Iterable[bytes], copy: Iterable[bytes]
) -> ProvenCopy:
    """Check what is copied of the item with these proven `fields`; return how much that is.

    `raw` are the bytes of the segments' file, `copy` those of the copy. Raises ProofError.
    """
    tracks = prove_table(fields, copied.table, gaps=True)
    track = tracks[0]
    if len(tracks) > 1 or track.media != "video" or track.codec not in CODECS:
        raise ProofError("what is said to be copied are not the pictures of one track")
    if track.container not in ORIGINALS or track.edits is None:
        raise ProofError("of this container no copied pictures are proven, or its edit list is not shown")
    digests = _packets(fields, copied, track, raw)
    file = Stream(copy, "the copy")
    movie = read_movie(file)
    original = sets_of(track.extradata)
    check_sets(_check_display(movie[0], track), original)
    rows = _rows_of_samples(copied, len(movie[0].samples))
    _check_times(movie[0], track, rows)
    _check_bytes(file, movie, rows, {n: digests[row] for n, row in rows.items()}, original)
    file.end()
    return _summary(movie, rows)


def _packets(
    fields: Mapping[str, Json], copied: Copied, track: Track, raw: Iterable[bytes]
) -> dict[int, bytes]:
    """Return the SHA-256 of each packet, by its number among those of the table."""
    order = [row for _, row in content_order([track])]
    if len(order) != len(track.rows):
        raise ProofError("a packet that is said to be copied belongs to pictures that are not shown")
    where = {row: number for number, row in enumerate(track.rows)}
    proof, hashes, digests = copied.segments.proof, list[bytes](), list[bytes]()
    packets = PlainPackets(order, list(proof.indices))
    for number, data in enumerate(cut(raw, copied.segments.lengths)):
        if number == len(proof.indices):
            raise ProofError("more segments are shown than are proven")
        hashes.append(hash_leaf("segment", proof.salt(number), data))
        packets.take(proof.indices[number], data)
        digests += [hashlib.sha256(packet).digest() for packet in packets.ready()]
    packets.finish()
    digests += [hashlib.sha256(packet).digest() for packet in packets.ready()]
    tree = leaves.content_ref(fields["content"])
    if merkle.root_from_several(proof.indices, tree.height, hashes, proof.hashes) != tree.root:
        raise ProofError("the bytes shown are not those of the sealed file")
    return {where[row]: digest for row, digest in zip(order, digests, strict=True)}


def _rows_of_samples(copied: Copied, count: int) -> dict[int, int]:
    """Return for each copied sample the number of its packet; raise ProofError where a run has a hole."""
    places = copied.table.proof.indices[len(copied.table.fields) :]
    first, length = copied.samples[-1] if copied.samples else (0, 0)
    if not length or sum(n for _, n in copied.samples) != len(places) or first + length > count:
        raise ProofError("more or fewer samples are said to be copied than there are packets")
    samples = list(chain.from_iterable(range(first, first + n) for first, n in copied.samples))
    at = 0
    for _, length in copied.samples:
        if places[at + length - 1] - places[at] != length - 1:
            raise ProofError("packets are missing within a run of copied pictures")
        at += length
    return {sample: number for number, sample in enumerate(samples)}


def _check_display(copy: CopyTrack, track: Track) -> Sets:
    """Raise ProofError unless the copy's pictures are shown as the original's; return their parameters."""
    display, decoder = track.display, track.decoder
    width, height, sets, aspect = entry_of(copy.entry)
    sealed = [integer(decoder.get(name, "0"), name) for name in ("width", "height")]
    if [width, height] != sealed or width % 2 or height % 2 or not width or not height:
        raise ProofError("the pictures of the copy have another size than the original's")
    matrix = numbers(display.get("matrix"), 9) or _IDENTITY
    turn = (matrix[0], matrix[1], matrix[3], matrix[4])
    if copy.turn != turn or sorted(map(abs, turn)) != [0, 0, _ONE, _ONE]:
        raise ProofError("the copy turns its pictures in another way than the original")
    if (numbers(display.get("movie_matrix"), 9) or _IDENTITY) != _IDENTITY:
        raise ProofError("the original distorts its pictures in a way that is not proven")
    if "crop" in display or "projection" in display or "unit" in display:
        raise ProofError("the original crops or projects its pictures, which is not proven")
    shape = _aspect(track, width, height)
    if not aspect[1] or Fraction(*aspect) != shape or copy.height != height << 16:
        raise ProofError("the copy's pixels have another shape than the original's")
    if abs(copy.width - width * shape * _ONE) > _ONE:
        raise ProofError("the copy stretches its pictures")
    return sets


def _aspect(track: Track, width: int, height: int) -> Fraction:
    """Return the shape of a pixel of the original; raise ProofError where it says two things."""
    display = track.display
    told = Fraction(1)
    if "pixel_aspect" in display:
        told = Fraction(*fraction(display["pixel_aspect"]))
    if "width" in display and "height" in display:
        across, down = (Fraction(scaled(display[name]), _ONE) for name in ("width", "height"))
        if track.container == "matroska" and down:
            return across * height / (down * width)
        if abs(across - width * told) > 1 or abs(down - height) > 1:
            raise ProofError("the original stretches its pictures in a way that is not proven")
    return told


def _check_times(copy: CopyTrack, track: Track, rows: Mapping[int, int]) -> None:
    for sample, number in rows.items():
        row, found = track.rows[number], copy.samples[sample]
        if Fraction(found.pts, copy.scale) != track.clock(track.time(row)):
            raise ProofError("a picture of the copy is shown at another time than in the original")
        if found.key != bool(row.flags & KEY) or found.size != row.size:
            raise ProofError("a picture of the copy is not the packet it is said to be")


def _check_bytes(
    file: Stream,
    movie: Sequence[CopyTrack],
    rows: Mapping[int, int],
    digests: Mapping[int, bytes],
    original: Sets,
) -> None:
    """Read all samples in the order of their bytes; raise ProofError for one that is not as it must be.

    `digests` are those of the packets, by sample.
    """
    named = named_by(original)
    order: list[tuple[Sample, int | None]] = [(one, n) for n, one in enumerate(movie[0].samples)]
    order += [(one, None) for sound in movie[1:] for one in sound.samples]
    for sample, number in sorted(order, key=lambda pair: pair[0].at):
        data = file.read(sample.size)
        if number is None:
            continue
        kinds = kinds_of(data, original.length_size)
        if number not in rows:
            if not set(kinds) <= {SLICE, IDR} or not data:
                raise ProofError("an altered picture of the copy could change how others are decoded")
            continue
        if hashlib.sha256(data).digest() != digests[number]:
            raise ProofError("a picture of the copy differs from the original's, and is said to be copied")
        check_copied_units(units_of(data, original.length_size), original, named)
        if number - 1 not in rows and next((k for k in kinds if k in range(SLICE, IDR + 1)), 0) != IDR:
            raise ProofError("a run of copied pictures does not decode by itself")


def _summary(movie: Sequence[CopyTrack], rows: Mapping[int, int]) -> ProvenCopy:
    copy = movie[0]
    shown = sorted((sample.pts, sample.lasts, number) for number, sample in enumerate(copy.samples))
    ends = [after[0] for after in shown[1:]] + [shown[-1][0] + shown[-1][1]]
    spans: list[Span] = []
    for (begin, _, number), end in zip(shown, ends, strict=True):
        if number not in rows:
            continue
        span = (Fraction(begin, copy.scale), Fraction(end, copy.scale))
        if spans and spans[-1][1] == span[0]:
            span = (spans.pop()[0], span[1])
        spans.append(span)
    first, last = Fraction(shown[0][0], copy.scale), Fraction(ends[-1], copy.scale)
    return ProvenCopy(len(rows), len(shown), tuple(spans), first, last, len(movie) - 1)
