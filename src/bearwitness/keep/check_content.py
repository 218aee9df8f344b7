"""Checks a delivery with its key: manifests, commitments, every byte of every item."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from bearwitness.crypto.derive import derive
from bearwitness.custody import items as commitments
from bearwitness.custody.content import ContentHasher, root_of_one
from bearwitness.custody.tracks import track_tree
from bearwitness.custody.trees import scatter
from bearwitness.errors import BearwitnessError, MalformedError, TamperedError
from bearwitness.store.packreader import PackReader
from bearwitness.vault.delivery import HEX32, OpenDelivery, Record, Tombstone, parse_manifest
from bearwitness.vault.indexblob import IndexBlob, plain_lengths
from bearwitness.vault.ledger import DeliveryRecord
from bearwitness_verify import canonical
from bearwitness_verify.canonical import unb64
from bearwitness_verify.leaves import (
    HIDDEN_HEIGHTS,
    SEGMENT_BYTES_MAX,
    TreeRef,
    hash_leaf,
    item_id,
)

from .findings import Findings
from .part_packs import PIECE_BYTES, PartPacks
from .sharing_out import shared_out

_SMALL: Final = min(SEGMENT_BYTES_MAX, PIECE_BYTES)  # files that are one segment and come in one piece


class _Shared:
    """What worker processes inherit: sent with each part, the names of all packs would go along each time."""

    opened: OpenDelivery | None = None
    reader: PackReader | None = None  # its buffers serve all parts that a process checks


_shared: Final = _Shared()


@dataclass(frozen=True)
class Look:
    """How to look: `withheld` packs of frozen items are not in a mirror; `deep` computes digests again."""

    withheld: frozenset[str] = frozenset()
    deep: bool = False


@dataclass(frozen=True)
class PartCheck:
    """What checking one part gave."""

    problems: list[str]
    leaves: list[bytes]
    sizes: list[int]
    tombstones: int
    ciphertext_bytes: int


def check_delivery(
    opened: OpenDelivery,
    record: DeliveryRecord,
    findings: Findings,
    progress: Callable[[int], None],
    workers: int,
    look: Look,
) -> None:
    """Check all of a delivery; a `deep` look computes SHA-256 and MD5 of every file again as well."""
    count = len(opened.descriptor.parts)
    leaves: list[bytes] = []
    size = tombstones = 0
    _shared.opened, _shared.reader = opened, None
    try:
        with shared_out(count, workers) as mapped:
            for part in mapped(_check_part, range(count), [look] * count):
                findings.problems += part.problems
                for leaf, length in zip(part.leaves, part.sizes, strict=True):
                    if leaf not in record.dropped:
                        leaves.append(leaf)
                        size += length
                tombstones += part.tombstones
                progress(part.ciphertext_bytes)
    finally:
        _shared.opened = _shared.reader = None
    _check_tree(record, leaves, None if tombstones else size, findings)
    findings.count("items", len(leaves))


def check_items(opened: OpenDelivery, record: DeliveryRecord) -> None:
    """Check that the manifests of a delivery list the items its entry commits to; raise TamperedError."""
    leaves, size, whole, findings = [], 0, True, Findings()
    for line in opened.all_lines():
        if isinstance(line, Tombstone):
            leaves.append(line.leaf)
            whole = False
        elif isinstance(line, Record):
            _must_be_readable(line)
            leaf = commitments.commit(line.values, line.secret)
            if leaf not in record.dropped:
                leaves.append(leaf)
                size += line.size or 0
    _check_tree(record, leaves, size if whole else None, findings)
    for problem in findings.problems:
        raise TamperedError(problem)


def _must_be_readable(record: Record) -> None:
    """Refuse an item whose fields are not as they are written: no catalogue could be made of it."""
    what, fate, stats = "a field of an item", record.fate, record.value("stat")
    record.path  # noqa: B018 - raises
    canonical.text(fate.get("type"), what)
    if "same_as" in fate and not HEX32.match(canonical.text(fate["same_as"], what)):
        raise MalformedError(f"{what} names no item")
    if fate["type"] == "symlink":
        unb64(fate.get("target"), what)
    for name, length in (("sha256", 32), ("md5", 16)):
        if name in record.values:
            unb64(record.value(name), what, length)
    for number in (record.value("mtime"), *(stats.values() if isinstance(stats, dict) else (stats,))):
        if number is not None:
            canonical.nanoseconds(number, what)


def _check_tree(record: DeliveryRecord, leaves: list[bytes], size: int | None, findings: Findings) -> None:
    """Check tree, count and size (None: items were destroyed, the size is not what it was)."""
    name = f"delivery {record.delivery}"
    receipt = hash_leaf("receipt", derive(record.tree_secret, b"salt", 0), record.receipt)
    try:
        tree = scatter([*leaves, receipt], record.tree_secret)
        if (tree.root, tree.height) != (record.tree.root, record.tree.height):
            raise TamperedError("its items do not add up to the tree that was sealed")
        if record.body.fields.get("items") != str(len(leaves)):
            raise TamperedError(
                f"it holds {len(leaves)} items, its entry says {record.body.fields.get('items')}"
            )
        if size is not None and record.body.fields.get("bytes") != str(size):
            raise TamperedError(
                f"its items have {size} bytes, its entry says {record.body.fields.get('bytes')}"
            )
    except BearwitnessError as error:
        findings.problem(f"{name}: {error}")


def _check_part(number: int, look: Look) -> PartCheck:
    """Check one part: every pack read once, hashed and decrypted, every item built again from it."""
    opened = _shared.opened
    if opened is None:
        raise AssertionError("no delivery is being checked")
    if _shared.reader is None:
        _shared.reader = PackReader(opened.store)
    part = opened.descriptor.parts[number]
    what = f"part {number} of delivery {opened.descriptor.delivery}"
    packs = PartPacks(opened, number, _shared.reader, look.withheld)
    problems, leaves, sizes, tombstones = [], [], [], 0
    try:
        if opened.keys(number).keys() != {*part.packs, part.manifest}:
            raise TamperedError("its key file is not about its packs")
        for line in parse_manifest(packs.manifest(), opened.descriptor.delivery, number):
            if isinstance(line, Tombstone):
                leaves.append(line.leaf)
                sizes.append(0)
                tombstones += 1
            elif isinstance(line, Record):
                leaf = commitments.commit(line.values, line.secret)
                size = line.size
                leaves.append(leaf)
                sizes.append(size or 0)
                held = not look.withheld.isdisjoint(name for name, _, _ in (*line.extents, *line.index))
                if size is not None and "content" in line.values and not held:
                    problem = _check_item(packs, line, size, deep=look.deep)
                    problems += [f"item {item_id(leaf)}: {problem}"] if problem else []
        packs.finish()
    except BearwitnessError as error:
        problems.append(f"{what}: {error}")
    problems += [f"{what}: {text}" for text in packs.bad.values()]
    return PartCheck(problems, leaves, sizes, tombstones, packs.ciphertext_bytes)


def _check_item(packs: PartPacks, record: Record, size: int, *, deep: bool) -> str:
    """Return what is wrong with the bytes of a file of `size` bytes, nothing if they are what was sealed."""
    try:
        blob = IndexBlob.decode(packs.blob(record.index), "its index") if record.index else None
        if record.values["content"] != _content_text(packs, record, size, blob, deep=deep):
            raise TamperedError("its bytes are not those its content tree commits to")
        if blob:
            _check_tracks(record, blob)
    except BearwitnessError as error:
        return str(error)
    return ""


def _content_text(packs: PartPacks, record: Record, size: int, blob: IndexBlob | None, *, deep: bool) -> str:
    """Return the reference to the content tree over what the packs hold; with `deep` check digests too."""
    if not deep and blob is None and [extent[2] for extent in record.extents] == [size] and size <= _SMALL:
        piece = next(packs.read(record.extents), b"")
        return commitments.tree_text("segment", 0, root_of_one(record.secret, piece))
    lengths = blob.lengths if blob else plain_lengths(size)
    hasher = ContentHasher(record.secret, lengths, whole=deep, md5=deep and "md5" in record.values)
    for piece in packs.read(record.extents):
        hasher.feed(piece)
    hashes = hasher.finish()
    for name, found in (("sha256", hashes.sha256), ("md5", hashes.md5)):
        if found and found != unb64(record.value(name)):
            raise TamperedError(f"its {name} is not the one that was sealed")
    return commitments.tree_text("segment", hasher.tree.height, hashes.root)


def _check_tracks(record: Record, blob: IndexBlob) -> None:
    reference = record.value("tracks")
    if reference is None:
        return
    builder = track_tree(record.secret, blob.fields, blob.packets)
    found = TreeRef("packet", builder.height, builder.root())
    if TreeRef.from_json(reference, "packet", HIDDEN_HEIGHTS) != found:
        raise TamperedError("its track table is not the one that was sealed")
