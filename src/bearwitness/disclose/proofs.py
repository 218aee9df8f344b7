"""The parts of ``release.json`` that prove: entries, log proofs, items, segments (docs/format.md, 11)."""

from __future__ import annotations

import json
from array import array
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256

from bearwitness.custody.entries import Body, Entry
from bearwitness.custody.items import ItemProofs, ShownField
from bearwitness.custody.log import Log
from bearwitness.custody.trees import Proof, RunProof
from bearwitness.errors import UsageError, VaultError
from bearwitness_verify import canonical, note
from bearwitness_verify.canonical import Json, b64
from bearwitness_verify.checkpoint import LogProof


@dataclass(frozen=True)
class Chosen:
    """Which fields are shown besides those that always are: of items, and of the sealed entry."""

    item_fields: frozenset[str]
    delivery_fields: frozenset[str]


def shown_fields(fields: Mapping[str, ShownField], names: Collection[str]) -> list[Json]:
    """Return the shown leaves of those `names` that exist, in the order of their slots."""
    chosen = sorted((fields[name].proof.index, name) for name in names if name in fields)
    return [_leaf(fields[name]) for _, name in chosen]


def _leaf(field: ShownField) -> Json:
    return {
        "index": str(field.proof.index),
        "path": hashes(field.proof.path),
        "payload": json.loads(field.payload),
        "salt": b64(field.salt),
    }


def hashes(values: Sequence[bytes]) -> list[Json]:
    """Return hashes as the statement writes them."""
    return [b64(value) for value in values]


def entry_json(entry: Entry, body: Body, names: Collection[str]) -> Json:
    """Return an entry with the fields `names` shown; a name that the entry lacks is refused."""
    _, fields = body.shown()
    missing = sorted(set(names) - fields.keys())
    if missing:
        raise UsageError(f"the log says nothing of {missing[0]!r} for this delivery, so it can not be shown")
    return {
        "ciphertext": b64(sha256(entry.ciphertext).digest()),
        "effect": b64(entry.effect_hash()),
        "fields": entry.fields.to_json(),
        "salt": b64(entry.salt),
        "shown": shown_fields(fields, names),
    }


def log_json(
    log: Log, index: int, sizes: Sequence[int], stamps: Mapping[int, list[bytes]], *, plain: bool = False
) -> Json:
    """Return the proof of entry `index` in the checkpoints of `sizes`, the first being the main one.

    `plain`: without the signatures of cosigners, which tell when they were made.
    """
    proofs: list[dict[str, Json]] = [
        {
            "proof": _proof(log, index, size, plain=plain).encode(),
            "stamps": [canonical.loads(stamp, "a stamp") for stamp in stamps.get(size, [])],
        }
        for size in sizes
    ]
    return {"further": list(proofs[1:]), "key": log.key.encode(), **proofs[0]}


def _proof(log: Log, index: int, size: int, *, plain: bool) -> LogProof:
    proof = log.prove(index, size)
    if not plain:
        return proof
    return LogProof(proof.index, proof.hashes, note.parse(proof.note).plain(log.key).encode())


def covering_sizes(log: Log, index: int, stamped: Collection[int], extra: Collection[int]) -> list[int]:
    """Return sizes of checkpoints that hold entry `index`: the earliest stamped one, else the earliest.

    Later ones would tell of activity; `extra` are added because the recipient holds them already.
    """
    covering = [size for size in log.note_sizes() if size > index]
    if not covering:
        raise VaultError(f"no checkpoint of log {log.name} covers entry {index}")
    first = next((size for size in covering if size in stamped), covering[0])
    return [first, *(size for size in sorted(extra) if size in covering and size != first)]


def item_json(
    proofs: ItemProofs, place: Proof, names: Collection[str], file: str | None, content: Json
) -> dict[str, Json]:
    """Return an item with the fields `names` shown."""
    return {
        "content": content,
        "fields": shown_fields(proofs.fields, names),
        "file": file,
        "index": str(place.index),
        "path": hashes(place.path),
        "root": b64(proofs.root),
        "salt": b64(proofs.salt),
    }


def content_json(run: RunProof, lengths: array[int], salts: bytes) -> Json:
    """Return the content of an item as a run of segments."""
    return {
        "first": str(run.first),
        "left": hashes(run.left),
        "lengths": b64(b"".join(length.to_bytes(4, "big") for length in lengths)),
        "right": hashes(run.right),
        "salts": b64(salts),
    }
