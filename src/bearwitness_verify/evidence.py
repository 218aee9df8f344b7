"""The checks that make up a verification, on parsed values: return evidence or raise (format.md, 11)."""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from . import canonical, leaves, merkle
from .canonical import Json
from .checkpoint import Checkpoint, LogProof
from .errors import ProofError
from .leaves import ENTRY_HEIGHT, ENTRY_SLOTS, ITEM_HEIGHT, ITEM_SLOTS, hash_leaf
from .note import VerifierKey, parse
from .release import Content, Leaf, LogEvidence, ShownDelivery, ShownEntry, ShownItem

ALWAYS_SHOWN = ("fate",)
ALWAYS_SHOWN_OF_FILES = ("content", "sha256", "size")
ALWAYS_SHOWN_OF_CLIPS = ("content", "tracks")
ALWAYS_SHOWN_OF_STILLS = ("tracks",)


@dataclass(frozen=True)
class ProvenItem:
    """An item that stands in its delivery, with the fields shown of it."""

    item: str
    leaf: bytes
    fields: Mapping[str, Json]


def entry_leaf(entry: ShownEntry) -> bytes:
    """Return the hash of the entry's leaf."""
    payload = canonical.dumps(
        {
            "ciphertext": canonical.b64(entry.ciphertext),
            "effect": canonical.b64(entry.effect),
            "fields": entry.fields.to_json(),
        }
    )
    return hash_leaf("entry", entry.salt, payload)


def proven_fields(
    shown: Sequence[Leaf], kind: str, slots: Mapping[str, int], height: int, root: bytes
) -> dict[str, Json]:
    """Return the shown fields once each is proven to stand in its own slot under `root`."""
    values = {}
    for leaf in shown:
        if slots.get(leaf.name) != leaf.index:
            raise ProofError(f"the field {leaf.name!r} does not stand in its slot")
        found = merkle.root_from_path(leaf.index, height, hash_leaf(kind, leaf.salt, leaf.payload), leaf.path)
        if found != root:
            raise ProofError(f"the field {leaf.name!r} is not the one committed to")
        values[leaf.name] = leaf.value
    return values


def entry_fields(entry: ShownEntry, kind: str) -> dict[str, Json]:
    """Return the proven fields of an entry that must be of `kind`."""
    named = [leaf.value for leaf in entry.shown if leaf.name == "kind"]
    if named != [kind]:
        raise ProofError(f"the entry shown is not of kind {kind}")
    return proven_fields(entry.shown, "entry-field", ENTRY_SLOTS[kind], ENTRY_HEIGHT, entry.fields.root)


def check_import(delivery: ShownDelivery, device_checkpoint: Checkpoint) -> None:
    """Check that the vault took over exactly this checkpoint of this device."""
    if delivery.imported is None:
        return
    fields = entry_fields(delivery.imported[0], "imported")
    if fields.get("device") != delivery.log.key.encode():
        raise ProofError("the vault imported the log of another device than the one shown")
    imported = parse(canonical.text(fields.get("checkpoint"), "the imported checkpoint").encode())
    if Checkpoint.parse(imported.text) != device_checkpoint:
        raise ProofError("the vault imported another checkpoint of the device than the one shown")


def prove_item(item: ShownItem, tree: leaves.TreeRef) -> ProvenItem:
    """Return the item once its leaf is proven in the delivery's tree and its fields in their slots."""
    leaf = hash_leaf("item", item.salt, leaves.item_payload(item.root))
    if merkle.root_from_path(item.index, tree.height, leaf, item.path) != tree.root:
        raise ProofError("the item does not stand in the delivery")
    fields = proven_fields(item.fields, "item-field", ITEM_SLOTS, ITEM_HEIGHT, item.root)
    wanted = ALWAYS_SHOWN + (ALWAYS_SHOWN_OF_FILES if item.file else ())
    wanted += ALWAYS_SHOWN_OF_CLIPS if item.clips else ()
    wanted += ALWAYS_SHOWN_OF_STILLS if item.stills else ()
    wanted += ALWAYS_SHOWN_OF_CLIPS if any(copy.copied for copy in item.copies) else ()
    missing = [name for name in wanted if name not in fields]
    if missing:
        raise ProofError(f"of the item the field {missing[0]!r} must be shown and is not")
    return ProvenItem(leaves.item_id(leaf), leaf, fields)


def check_content(fields: Mapping[str, Json], content: Content, pieces: Iterable[bytes]) -> int:
    """Check that bytes are the sealed ones, by SHA-256, size and content tree; return their number."""
    tree = leaves.content_ref(fields["content"])
    size = canonical.integer(fields["size"], "the size of an item")
    if sum(content.lengths) != size:
        raise ProofError("the segments shown do not add up to the size of the file")
    whole, hashes, seen = hashlib.sha256(), [], 0
    missing = _Segments(content)
    for piece in pieces:
        whole.update(piece)
        seen += len(piece)
        hashes += missing.feed(piece)
    hashes += missing.end()
    if seen != size:
        raise ProofError(f"the file has {seen} bytes instead of {size}")
    if whole.digest() != canonical.unb64(fields["sha256"], "a SHA-256", 32):
        raise ProofError("the file is not the one that was sealed: its SHA-256 differs")
    root = merkle.root_from_run(content.first, tree.height, hashes, content.left, content.right)
    if root != tree.root:
        raise ProofError("the file's segments are not those of its content tree")
    return seen


class _Segments:
    """Hashes segments of the lengths shown while bytes stream by."""

    def __init__(self, content: Content) -> None:
        self._head = b"\x00" + leaves.prefix("segment")
        self._salts = (content.salts[at : at + 32] for at in range(0, len(content.salts), 32))
        self._lengths = iter(content.lengths)
        self._begin()

    def _begin(self) -> None:
        self._missing: int | None = next(self._lengths, None)
        self._hash = hashlib.sha256(self._head + next(self._salts, b""))

    def feed(self, piece: bytes) -> list[bytes]:
        done, view = [], memoryview(piece)
        while view:
            if not self._missing:
                raise ProofError("the file is longer than its segments")
            part = view[: self._missing]
            self._hash.update(part)
            self._missing -= len(part)
            view = view[len(part) :]
            if not self._missing:
                done.append(self._hash.digest())
                self._begin()
        return done

    def end(self) -> list[bytes]:
        if self._missing is None:
            return []
        if self._missing:
            raise ProofError("the file is shorter than its segments")
        return [self._hash.digest()]  # the one empty segment of an empty file


def check_log(delivery: ShownDelivery, vault: VerifierKey) -> tuple[Checkpoint, Checkpoint]:
    """Check inclusion of the delivery's entry; return the log's checkpoint and the vault's."""
    leaf = entry_leaf(delivery.entry)
    checkpoint = check_evidence(leaf, delivery.log)
    if delivery.imported is None:
        if delivery.log.key != vault:
            raise ProofError("the delivery stands in the log of another vault")
        return checkpoint, checkpoint
    entry, log = delivery.imported
    if log.key != vault:
        raise ProofError("the delivery was imported by another vault")
    check_import(delivery, checkpoint)
    return checkpoint, check_evidence(entry_leaf(entry), log)


def check_evidence(leaf: bytes, log: LogEvidence) -> Checkpoint:
    """Return the checkpoint of the log in which the entry with this `leaf` is proven; raise ProofError."""
    checkpoint = LogProof.parse(log.proof.proof).verify(leaf, log.key)
    for further in log.further:
        LogProof.parse(further.proof).verify(leaf, log.key)
    return checkpoint


def all_proofs(delivery: ShownDelivery) -> list[tuple[VerifierKey, LogProof, tuple[bytes, ...]]]:
    """Return every log proof of a delivery with its log's key and its stamp files."""
    logs = [delivery.log] + ([delivery.imported[1]] if delivery.imported else [])
    return [
        (log.key, LogProof.parse(stamped.proof), stamped.stamps)
        for log in logs
        for stamped in itertools.chain([log.proof], log.further)
    ]
