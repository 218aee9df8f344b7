"""Finds the pictures of a redacted copy that are the original's packets, and writes what proves them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from hashlib import sha256
from itertools import accumulate
from pathlib import Path
from typing import Any, BinaryIO, Final

from bearwitness.crypto.derive import derive
from bearwitness.custody.content import ContentHasher
from bearwitness.custody.trees import RunBuilder, several_proof
from bearwitness.errors import TamperedError
from bearwitness.vault.delivery import OpenDelivery, Record
from bearwitness.vault.indexblob import IndexBlob, read_index
from bearwitness_verify.canonical import Json, b64
from bearwitness_verify.clip_proof import Stream, cut
from bearwitness_verify.copies import parse_copied
from bearwitness_verify.copy_mp4 import CopyTrack, Sample, read_movie
from bearwitness_verify.copy_proof import CODECS, ORIGINALS, check_copied
from bearwitness_verify.copy_units import IDR, SLICE, kinds_of, sets_of
from bearwitness_verify.errors import VerifyError
from bearwitness_verify.leaves import content_ref
from bearwitness_verify.rows import KEY, SHARED, Row

from .clip_choice import Whole, wholes_of
from .clips import ClipFile, Writer, several, table_json

FIELDS_SHOWN: Final = 3  # decoder, display, edits


@dataclass(frozen=True)
class Written:
    """What proves the copied pictures: JSON and file, and how many of how many they are."""

    json: Json
    file: ClipFile
    copied: int
    pictures: int


@dataclass(frozen=True)
class _Match:
    """Runs of samples that are packets: sample and row number of each, samples ascending."""

    pairs: tuple[tuple[int, int], ...]

    def runs(self) -> list[list[int]]:
        """Return first sample and count of each run."""
        runs: list[list[int]] = []
        for sample, _ in self.pairs:
            if runs and sum(runs[-1]) == sample:
                runs[-1][1] += 1
            else:
                runs.append([sample, 1])
        return runs


def write_copied(copy: Path, raw: Path, name: str, opened: OpenDelivery, record: Record) -> Written | str:
    """Write the segments of the packets that `copy` has from its original to `raw`; return what proves them.

    Returns the reason in words where no picture can be proven; then nothing is written.
    """
    blob = read_index(opened, record)
    if blob is None or not blob.fields or blob.container not in ORIGINALS:
        return "the original's container does not let single pictures be proven"
    pictures = [one for one in wholes_of(blob) if one.track.media == "video" and one.track.codec in CODECS]
    try:
        with copy.open("rb") as file:
            movie = read_movie(Stream(_pieces(copy), "the copy"))
            track = movie[0]
            if not pictures:
                return "the original's pictures are of a codec of which none are copied"
            original = _Original(blob, pictures[0], opened, record)
            match = _match(track, original, _data(file, track.samples))
    except VerifyError as error:
        return f"the copy is not one whose pictures can be proven ({error})"
    if not match.pairs:
        return "no picture of the copy is the original's"
    written = original.write(match, raw, name)
    try:
        fields = {"content": record.value("content"), "tracks": record.value("tracks")}
        check_copied(fields, parse_copied(written), _pieces(raw), _pieces(copy))
    except VerifyError as error:
        raw.unlink()
        return f"its copied pictures can not be proven ({error})"
    size = raw.stat().st_size
    digest = sha256(raw.read_bytes()).hexdigest()
    return Written(written, ClipFile(name, size, digest), len(match.pairs), len(track.samples))


class _Original:
    """One track of pictures of an item, with the SHA-256 of each of its packets."""

    def __init__(self, blob: IndexBlob, whole: Whole, opened: OpenDelivery, record: Record) -> None:
        self.whole, self.track = whole, whole.track
        self._blob, self._opened, self._record = blob, opened, record
        self._secret = derive(record.secret, b"content")
        self._first = RunBuilder(self._secret, len(blob.lengths), single=True).first
        self._hasher = ContentHasher(record.secret, blob.lengths, keep_leaves=True)
        self.digests = self._hashed()

    def _hashed(self) -> dict[int, bytes]:
        """Return the SHA-256 of the packets that have their segments to themselves."""
        owners = {
            leaf - self._first: number
            for number, row in enumerate(self.track.rows)
            if row.leaves and not row.flags & SHARED
            for leaf in range(row.leaf, row.leaf + row.leaves)
        }
        starts = [*accumulate(self._blob.lengths, initial=0)]
        hashes, digests = defaultdict[int, Any](sha256), dict[int, bytes]()
        for index, data in enumerate(cut(self._opened.content(self._record), self._blob.lengths)):
            self._hasher.feed(memoryview(data))
            number = owners.get(index)
            if number is None:
                continue
            row = self.track.rows[number]
            low = row.leaf - self._first
            begin = row.offset if index == low else 0
            hashes[number].update(data[begin:])
            exact = starts[low] + row.offset + row.size == starts[low + row.leaves]
            if index == low + row.leaves - 1 and exact:
                digests[number] = hashes[number].digest()
        if self._hasher.finish().root != content_ref(self._record.value("content")).root:
            raise TamperedError("the stored bytes of an item are not those that were sealed")
        return digests

    def write(self, match: _Match, raw: Path, name: str) -> Json:
        """Write the segments of the packets of `match` and return the JSON that proves them."""
        rows = [self.track.rows[number] for _, number in match.pairs]
        chosen = sorted(leaf - self._first for row in rows for leaf in range(row.leaf, row.leaf + row.leaves))
        wanted, out = set(chosen), Writer(raw, name)
        for index, data in enumerate(cut(self._opened.content(self._record), self._blob.lengths)):
            if index in wanted:
                out.write(data)
        out.close()
        proof = several_proof(self._hasher.leaves, self._secret, chosen, single=True)
        lengths = b"".join(self._blob.lengths[n].to_bytes(4, "big") for n in chosen)
        fields = range(self.whole.field_leaf, self.whole.field_leaf + FIELDS_SHOWN)
        packets = [self.whole.first_leaf + number for _, number in match.pairs]
        samples = b"".join(n.to_bytes(4, "big") for run in match.runs() for n in run)
        return {
            "samples": b64(samples),
            "segments": {"file": name, "lengths": b64(lengths), **several(proof, self._secret, chosen)},
            "table": table_json(self._record, self._blob, (*fields, *packets)),
        }


def _match(copy: CopyTrack, original: _Original, data: Iterator[tuple[int, bytes]]) -> _Match:
    """Return which samples are packets: the same bytes at the same time, each run decodable by itself."""
    track = original.track
    times = {track.clock(track.time(row)): number for number, row in enumerate(track.rows)}
    length_size = sets_of(track.extradata).length_size
    found: dict[int, int] = {}
    begins: set[int] = set()
    for sample, content in data:
        number = times.get(Fraction(copy.samples[sample].pts, copy.scale), -1)
        if original.digests.get(number) == sha256(content).digest() and _fits(
            copy, sample, track.rows[number]
        ):
            found[sample] = number
            kinds = kinds_of(content, length_size)
            if next((kind for kind in kinds if SLICE <= kind <= IDR), 0) == IDR:
                begins.add(sample)
    return _Match(tuple(_decodable(found, begins)))


def _fits(copy: CopyTrack, sample: int, row: Row) -> bool:
    return copy.samples[sample].key == bool(row.flags & KEY)


def _decodable(found: Mapping[int, int], begins: set[int]) -> Iterator[tuple[int, int]]:
    """Yield the pairs of runs, each from where it decodes by itself, packets following each other."""
    before: tuple[int, int] | None = None
    for sample, number in sorted(found.items()):
        follows = before == (sample - 1, number - 1)
        if follows or (sample in begins and (before is None or before[0] != sample - 1)):
            yield sample, number
            before = (sample, number)


def _data(file: BinaryIO, samples: Sequence[Sample]) -> Iterator[tuple[int, bytes]]:
    for number, sample in enumerate(samples):
        file.seek(sample.at)
        yield number, file.read(sample.size)


def _pieces(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        while piece := file.read(1 << 20):
            yield piece
