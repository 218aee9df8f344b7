"""Derivatives of items: what an analyser made, encrypted as everything else (docs/format.md, 5.3).

What one entry `derived` brings lies in packs of its own, whose identities stand in a key file of the item,
``keys/<delivery>/derived/<item>-<n>.age``, wrapped to the delivery: destroying the item removes both, while
rotation and handover pass over them. :func:`put` writes, :class:`OpenDerived` reads.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Final

from bearwitness.crypto import age
from bearwitness.crypto.padding import padded_length
from bearwitness.custody.entries import Effect
from bearwitness.errors import MalformedError, TamperedError
from bearwitness.store.packs import PACK_BYTES, pack_path
from bearwitness_verify import canonical
from bearwitness_verify.canonical import Json, integer

from .change import Change
from .delivery import HEX64, OpenDelivery
from .vault import digest_of

DONE: Final = "done"
FAILED: Final = "failed"
NOTHING: Final = "nothing"  # the analyser looked and this kind of file is not its own
OUTCOMES: Final = (DONE, FAILED, NOTHING)
REASON_LENGTH_MAX: Final = 300
_KEY_PATH: Final = re.compile(r"keys/([0-9a-f]{32})/derived/([0-9a-f]{32})-([0-9]{6})\.age\Z")
_NAME: Final = re.compile(r"[a-z0-9][a-z0-9._-]{0,99}\Z")


@dataclass(frozen=True)
class Derivation:
    """One result: what made it of what, and the files it is. `files` maps names to bytes."""

    job: str
    kind: str
    tool: str
    version: str
    model: Mapping[str, str] | None
    parameters: Json
    time: Json
    outcome: str
    reason: str = ""
    files: Mapping[str, bytes] = field(default_factory=dict, repr=False)

    def listed(self) -> list[Json]:
        """Return name, size and hash of each file, names ascending."""
        for name in self.files:
            if not _NAME.match(name):
                raise MalformedError(f"{name!r} is no name for a file of a derivative")
        return [
            {"bytes": str(len(data)), "name": name, "sha256": digest_of(data)}
            for name, data in sorted(self.files.items())
        ]

    def to_json(self) -> dict[str, Json]:
        """Return how the entry `derived` tells of it."""
        if self.outcome not in OUTCOMES:
            raise MalformedError(f"{self.outcome!r} is no outcome of an analysis")
        told: dict[str, Json] = {
            "digest": digest_of(canonical.dumps(self.listed())),
            "job": self.job,
            "kind": self.kind,
            "model": None if self.model is None else {**self.model},
            "outcome": self.outcome,
            "parameters": self.parameters,
            "time": self.time,
            "tool": self.tool,
            "version": self.version,
        }
        return told | ({"reason": self.reason[:REASON_LENGTH_MAX]} if self.reason else {})


def key_path(delivery: str, item: str, number: int) -> str:
    """Return where the key file of an item's derivatives number `number` lies."""
    return f"keys/{delivery}/derived/{item}-{number:06}.age"


def read_key_path(path: str) -> tuple[str, str, int] | None:
    """Return delivery, item and number of such a key file, None if `path` is none."""
    match = _KEY_PATH.match(path)
    return (match[1], match[2], int(match[3])) if match else None


def put(
    change: Change, opened: OpenDelivery, item: str, number: int, results: Sequence[Derivation]
) -> tuple[dict[str, Json], Effect]:
    """Stage the files of `results` in `change`; return fields and effect of their entry."""
    delivery = opened.descriptor.delivery
    listed: list[Json] = [{"files": result.listed(), "job": result.job} for result in results]
    head: dict[str, Json] = {
        "delivery": delivery, "item": item, "results": listed, "type": "derived", "v": "1",
    }  # fmt: skip
    stream = bytearray(canonical.dumps(head) + b"\n")
    for result in results:
        for _, data in sorted(result.files.items()):
            stream += data
    effect: Effect = {}
    names, identities = [], {}
    for at in range(0, len(stream), PACK_BYTES):
        piece = bytes(stream[at : at + PACK_BYTES])
        identity = age.Identity.generate()
        data = age.encrypt(piece + bytes(padded_length(len(piece)) - len(piece)), identity.recipient)
        name = digest_of(data)
        _write_pack(change, name, data)
        names.append(name)
        identities[name] = identity
        effect[pack_path(name)] = name
    keys = age.encrypt(_encode_keys(names, identities), opened.identity.recipient)
    path = key_path(delivery, item, number)
    change.put(path, keys)
    effect[path] = digest_of(keys)
    fields: dict[str, Json] = {
        "kind": "derived", "delivery": delivery, "item": item, "results": [r.to_json() for r in results],
    }  # fmt: skip
    return fields, effect


def _write_pack(change: Change, name: str, data: bytes) -> None:
    with (change.pack_folder() / name).open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    change.add_pack(name)


def _encode_keys(names: Sequence[str], identities: Mapping[str, age.Identity]) -> bytes:
    packs: list[Json] = list(names)
    return canonical.dumps({"keys": {n: i.text() for n, i in identities.items()}, "packs": packs, "v": "1"})


def _decode_keys(data: bytes, what: str) -> list[tuple[str, age.Identity]]:
    got = canonical.members(canonical.loads(data, what), what, "keys packs v")
    keys, packs = got["keys"], [canonical.text(name, what) for name in canonical.array(got["packs"], what)]
    if got["v"] != "1" or not isinstance(keys, dict) or not packs or set(packs) != set(keys):
        raise MalformedError(f"{what} is malformed")
    if not all(map(HEX64.match, packs)):
        raise MalformedError(f"{what} names a malformed pack")
    return [(name, age.Identity.parse(canonical.text(keys[name], what))) for name in packs]


@dataclass(frozen=True)
class _Place:
    offset: int
    size: int
    sha256: str


class OpenDerived:
    """The derivatives behind one key file: which jobs, which files, their bytes."""

    def __init__(self, opened: OpenDelivery, path: str, keys: bytes) -> None:
        """Open the key file `keys` that lies at `path` and is the one the log binds."""
        self.path = path
        place = read_key_path(path)
        if place is None or place[0] != opened.descriptor.delivery:
            raise MalformedError(f"{path} is no key file of derivatives of this delivery")
        self.item = place[1]
        pairs = _decode_keys(age.decrypt(keys, opened.identity, path), path)
        self.packs = tuple(name for name, _ in pairs)
        self._readers = [opened.reader(name, identity) for name, identity in pairs]
        self.jobs: dict[str, dict[str, _Place]] = {}
        self.digests: dict[str, str] = {}
        self._read_head(place[0])

    def _read_head(self, delivery: str) -> None:
        head, what = bytearray(), f"the derivatives at {self.path}"
        while b"\n" not in head:
            piece = self._range(len(head), age.CHUNK_BYTES)
            if not piece:
                raise MalformedError(f"{what} have no beginning")
            head += piece
        line = bytes(head[: head.index(b"\n")])
        got = canonical.members(canonical.loads(line, what), what, "delivery item results type v")
        if (got["type"], got["v"], got["item"], got["delivery"]) != ("derived", "1", self.item, delivery):
            raise TamperedError(f"{what} are not those of the item their place is named after")
        at = len(line) + 1
        for result in canonical.array(got["results"], what):
            told = canonical.members(result, what, "files job")
            files: dict[str, _Place] = {}
            for file in canonical.array(told["files"], what):
                one = canonical.members(file, what, "bytes name sha256")
                size = integer(one["bytes"], what)
                files[canonical.text(one["name"], what)] = _Place(at, size, canonical.text(one["sha256"]))
                at += size
            job = canonical.text(told["job"], what)
            self.jobs[job] = files
            self.digests[job] = digest_of(canonical.dumps(told["files"]))

    def _range(self, offset: int, length: int) -> bytes:
        """Return up to `length` bytes of the stream that the packs together are."""
        out = bytearray()
        while length > 0 and offset // PACK_BYTES < len(self._readers):
            reader, at = self._readers[offset // PACK_BYTES], offset % PACK_BYTES
            step = min(length, PACK_BYTES - at, reader.plaintext_bytes - at)
            if step <= 0:
                break
            out += reader.read(at, step)
            offset, length = offset + step, length - step
        return bytes(out)

    def size(self, job: str, name: str) -> int:
        """Return the length of a file in bytes; raise KeyError if there is none."""
        return self.jobs[job][name].size

    def read(self, job: str, name: str) -> bytes:
        """Return a file whole, its hash checked; raise KeyError or TamperedError."""
        place = self.jobs[job][name]
        data = self._range(place.offset, place.size)
        if sha256(data).hexdigest() != place.sha256:
            raise TamperedError(f"{name} among the derivatives at {self.path} was altered")
        return data

    def read_range(self, job: str, name: str, offset: int, length: int) -> bytes:
        """Return a range of a file; age authenticates its chunks, the whole hash is not checked."""
        place = self.jobs[job][name]
        return self._range(place.offset + offset, max(0, min(length, place.size - offset)))


def files_by_item(effects: Sequence[Effect]) -> dict[tuple[str, str], dict[str, tuple[str, ...]]]:
    """Return for each (delivery, item) the key files of its derivatives that are here, and their packs.

    An entry `derived` names one key file and the packs it opens, so that what is to go with an item is known
    without opening anything.
    """
    found: dict[tuple[str, str], dict[str, tuple[str, ...]]] = {}
    for effect in effects:
        for path, digest in effect.items():
            place = read_key_path(path)
            if place is None:
                continue
            mine = found.setdefault(place[:2], {})
            if digest is None:
                mine.pop(path, None)
            else:
                mine[path] = tuple(p.rpartition("/")[2] for p in effect if p.startswith("packs/"))
    return found


def next_numbers(effects: Sequence[Effect]) -> dict[tuple[str, str], int]:
    """Return for each (delivery, item) a number that no key file of its derivatives ever had."""
    numbers: dict[tuple[str, str], int] = {}
    for effect in effects:
        for path in effect:
            place = read_key_path(path)
            if place is not None:
                numbers[place[:2]] = max(numbers.get(place[:2], 0), place[2] + 1)
    return numbers


def is_derived(effect: Effect) -> bool:
    """Say whether an entry with this effect can only be one of kind `derived`, without opening it."""
    keys = [path for path in effect if read_key_path(path)]
    return len(keys) == 1 and all(
        d is not None and (p in keys or p.startswith("packs/")) for p, d in effect.items()
    )
