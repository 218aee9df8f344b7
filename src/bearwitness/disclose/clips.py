"""Writes a clip: the segments of its packets, a file that plays them, and what proves both."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from hashlib import sha256
from itertools import accumulate
from pathlib import Path

from bearwitness.crypto.derive import derive
from bearwitness.custody.content import ContentHasher
from bearwitness.custody.tracks import track_leaves
from bearwitness.custody.trees import RunBuilder, SeveralProof, several_proof
from bearwitness.errors import TamperedError
from bearwitness.vault.delivery import OpenDelivery, Record
from bearwitness.vault.indexblob import PACKET_BYTES, IndexBlob, read_index
from bearwitness_verify import playing
from bearwitness_verify.canonical import Json, b64
from bearwitness_verify.clip_proof import content_order, cut, rebuild
from bearwitness_verify.leaves import content_ref, tracks_ref
from bearwitness_verify.rows import TRANSPORT, Track
from bearwitness_verify.transport import CELL_BYTES, pid_of

from .clip_choice import Asked, Taken, choose


@dataclass(frozen=True)
class ClipFile:
    """A file of a clip as written."""

    name: str
    size: int
    sha256: str


@dataclass(frozen=True)
class WrittenClip:
    """A clip as written: its files, the JSON that proves it, which packets were taken."""

    files: tuple[ClipFile, ...]
    json: Json
    taken: Taken


def write_clip(folder: Path, number: int, opened: OpenDelivery, record: Record, asked: Asked) -> WrittenClip:
    """Write the files of a clip below `folder`; raise RefusedError where it can not prove itself."""
    blob = read_index(opened, record)
    secret = derive(record.secret, b"content")
    count = len(blob.lengths) if blob else 1
    first = RunBuilder(secret, count, single=True).first
    taken = choose(blob, asked, first)
    if blob is None:
        raise TamperedError(f"the index of item {asked.item} is missing")
    name = f"exhibits/{number:02}.segments"
    hasher = ContentHasher(record.secret, blob.lengths, keep_leaves=True)
    shown = _Segments(taken.tracks, blob, first)
    raw = Writer(folder.parent / name, name)
    for index, data in enumerate(cut(opened.content(record), blob.lengths)):
        hasher.feed(memoryview(data))
        if shown.wants(index, data):
            raw.write(data)
    if hasher.finish().root != content_ref(record.value("content")).root:
        raise TamperedError(f"the stored bytes of item {asked.item} are not those that were sealed")
    files = [raw.close()]
    proof = several_proof(hasher.leaves, secret, shown.chosen, single=True)
    playable = _write_playable(folder, number, taken.tracks, proof, files[0], blob, shown.chosen)
    files += [playable] if playable else []
    segments: Json = {
        "file": name,
        "lengths": b64(b"".join(blob.lengths[n].to_bytes(4, "big") for n in shown.chosen)),
        **several(proof, secret, shown.chosen),
    }
    table = table_json(record, blob, taken.leaves)
    clip: Json = {"playable": playable.name if playable else None, "segments": segments, "table": table}
    return WrittenClip(tuple(files), clip, taken)


def table_json(record: Record, blob: IndexBlob, leaves: Sequence[int]) -> Json:
    """Return the proof of `leaves` (ascending numbers: fields, then packets) of an item's track table."""
    hashes = [leaf for some in track_leaves(record.secret, blob.fields, blob.packets) for leaf in some]
    secret, count = derive(record.secret, b"tracks"), len(blob.fields)
    proof = several_proof(hashes, secret, leaves)
    if proof.height != tracks_ref(record.value("tracks")).height:
        raise TamperedError("the track table of an item is not the one that was sealed")
    numbers = [leaf - count for leaf in leaves if leaf >= count]
    packets = b"".join(blob.packets[n * PACKET_BYTES : (n + 1) * PACKET_BYTES] for n in numbers)
    fields: list[Json] = [blob.fields[leaf] for leaf in leaves if leaf < count]
    return {"fields": fields, "packets": b64(packets), **several(proof, secret, leaves)}


def several(proof: SeveralProof, secret: bytes, numbers: Sequence[int]) -> dict[str, Json]:
    """Return runs, salts and hashes of leaves shown together; `numbers` are those within the run."""
    runs: list[list[int]] = []
    for index in proof.indices:
        if runs and runs[-1][0] + runs[-1][1] == index:
            runs[-1][1] += 1
        else:
            runs.append([index, 1])
    return {
        "hashes": b64(b"".join(proof.hashes)),
        "runs": b64(b"".join(n.to_bytes(4, "big") for run in runs for n in run)),
        "salts": b64(b"".join(derive(secret, b"salt", number) for number in numbers)),
    }


class _Segments:
    """Says which segments of a file a clip shows: those of its packets; of a transport stream, by PID."""

    def __init__(self, tracks: Sequence[Track], blob: IndexBlob, first: int) -> None:
        self.chosen: list[int] = []
        self._owners: dict[int, set[int]] = {}
        for track in tracks:
            for row in track.played:
                for leaf in range(row.leaf, row.leaf + row.leaves):
                    self._owners.setdefault(leaf - first, set()).add(track.number)
        self._transport = tracks[0].container in TRANSPORT
        self._skip = 4 if tracks[0].container == "m2ts" else 0
        self._starts = list(accumulate(blob.lengths, initial=0)) if self._transport else []
        begin = next(row.leaf for track in tracks for row in track.played if row.leaves) - first
        self._phase = self._starts[begin] if self._transport else 0
        self._wanted = False

    def wants(self, index: int, data: bytes) -> bool:
        """Say whether segment `index` is shown, and note it."""
        owners = self._owners.get(index, set())
        if not self._transport:
            wanted = bool(owners)
        elif (self._starts[index] - self._phase) % (self._skip + CELL_BYTES):
            wanted = self._wanted  # it begins within a cell: it goes with the one before
        else:
            head = data[self._skip : self._skip + 3]
            wanted = len(head) == 3 and pid_of(head) in owners
        self._wanted = wanted
        if wanted:
            self.chosen.append(index)
        return wanted


class Writer:
    """Writes a file of a release and hashes it."""

    def __init__(self, path: Path, name: str) -> None:
        self._file, self._name = path.open("xb"), name
        self._hash, self._size = sha256(), 0

    def write(self, data: bytes) -> None:
        """Append bytes."""
        self._file.write(data)
        self._hash.update(data)
        self._size += len(data)

    def close(self) -> ClipFile:
        """Make the file durable; return what it is."""
        self._file.flush()
        os.fsync(self._file.fileno())
        self._file.close()
        return ClipFile(self._name, self._size, self._hash.hexdigest())


def _write_playable(
    folder: Path,
    number: int,
    tracks: tuple[Track, ...],
    proof: SeveralProof,
    raw: ClipFile,
    blob: IndexBlob,
    chosen: Sequence[int],
) -> ClipFile | None:
    """Write the file that plays a clip, None where the rules have none."""
    if playing.plan(tracks, content_order(tracks)) is None:
        return None
    name = f"exhibits/{number:02}.{playing.EXTENSIONS[tracks[0].container]}"
    out = Writer(folder.parent / name, name)
    segments = cut(_pieces(folder.parent / raw.name), [blob.lengths[n] for n in chosen])
    for _, data in rebuild(tracks, proof.indices, segments, play=True):
        out.write(data)
    return out.close()


def _pieces(path: Path) -> Iterable[bytes]:
    with path.open("rb") as file:
        while piece := file.read(1 << 20):
            yield piece
