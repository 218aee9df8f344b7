"""Checks a delivery with its key: manifests, commitments, every byte of every item."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from hashlib import sha256
from multiprocessing import get_context

from bearwitness.crypto import age
from bearwitness.crypto.derive import derive
from bearwitness.custody import items as commitments
from bearwitness.custody.content import ContentHasher, root_of_one
from bearwitness.custody.items import Extent
from bearwitness.custody.tracks import track_tree
from bearwitness.custody.trees import scatter
from bearwitness.errors import BearwitnessError, TamperedError
from bearwitness.machine import keep_off_the_disk
from bearwitness.store.packs import pack_path
from bearwitness.vault.delivery import ZERO, OpenDelivery, Record, Tombstone
from bearwitness.vault.indexblob import IndexBlob, plain_lengths
from bearwitness.vault.ledger import DeliveryRecord
from bearwitness_verify.canonical import unb64
from bearwitness_verify.leaves import (
    HIDDEN_HEIGHTS,
    SEGMENT_BYTES_MAX,
    TreeRef,
    content_ref,
    hash_leaf,
    item_id,
)

from .findings import Findings

_ZERO_PIECE = bytes(1 << 20)


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
    with ProcessPoolExecutor(workers, get_context("fork"), keep_off_the_disk) as pool:
        for part in pool.map(_check_part, [opened] * count, range(count), [look] * count):
            findings.problems += part.problems
            for leaf, length in zip(part.leaves, part.sizes, strict=True):
                if leaf not in record.dropped:
                    leaves.append(leaf)
                    size += length
            tombstones += part.tombstones
            progress(part.ciphertext_bytes)
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
            leaf = commitments.commit(line.values, line.secret)
            if leaf not in record.dropped:
                leaves.append(leaf)
                size += line.size or 0
    _check_tree(record, leaves, size if whole else None, findings)
    for problem in findings.problems:
        raise TamperedError(problem)


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


def _check_part(opened: OpenDelivery, number: int, look: Look) -> PartCheck:
    """Check one part: every pack read once, hashed and decrypted, every item built again from it."""
    part = opened.descriptor.parts[number]
    what = f"part {number} of delivery {opened.descriptor.delivery}"
    packs = _Packs(opened, number)
    problems, leaves, sizes, tombstones = [], [], [], 0
    try:
        expected = {*part.packs, part.manifest}
        if opened.keys(number).keys() != expected:
            raise TamperedError("its key file is not about its packs")
        for line in opened.lines(number):
            if isinstance(line, Tombstone):
                leaves.append(line.leaf)
                sizes.append(0)
                tombstones += 1
            elif isinstance(line, Record):
                leaf = commitments.commit(line.values, line.secret)
                leaves.append(leaf)
                sizes.append(line.size or 0)
                if not look.withheld.isdisjoint(name for name, _, _ in (*line.extents, *line.index)):
                    continue
                problems += [f"item {item_id(leaf)}: {text}" for text in _check_item(packs, line, look.deep)]
        for name in sorted(expected - look.withheld):
            packs.load(name)
    except BearwitnessError as error:
        problems.append(f"{what}: {error}")
    return PartCheck(problems, leaves, sizes, tombstones, packs.ciphertext_bytes)


def _check_item(packs: _Packs, record: Record, deep: bool) -> list[str]:
    """Return what is wrong with an item's bytes."""
    if record.size is None or "content" not in record.values:
        return []
    try:
        blob = IndexBlob.decode(b"".join(packs.read(record.index)), "its index") if record.index else None
        if content_ref(record.value("content")).root != _content_root(packs, record, blob, deep):
            raise TamperedError("its bytes are not those its content tree commits to")
        if blob:
            _check_tracks(record, blob)
    except BearwitnessError as error:
        return [str(error)]
    return []


def _content_root(packs: _Packs, record: Record, blob: IndexBlob | None, deep: bool) -> bytes:
    """Return the root of the content tree over what the packs hold; with `deep` check the digests too."""
    size = record.size or 0
    if not deep and blob is None and len(record.extents) == 1 and 0 < size <= SEGMENT_BYTES_MAX:
        return root_of_one(record.secret, b"".join(packs.read(record.extents)))
    lengths = blob.lengths if blob else plain_lengths(size)
    hasher = ContentHasher(record.secret, lengths, whole=deep, md5=deep and "md5" in record.values)
    for piece in packs.read(record.extents):
        hasher.feed(piece)
    hashes = hasher.finish()
    for name, found in (("sha256", hashes.sha256), ("md5", hashes.md5)):
        if found and found != unb64(record.value(name)):
            raise TamperedError(f"its {name} is not the one that was sealed")
    return hashes.root


def _check_tracks(record: Record, blob: IndexBlob) -> None:
    reference = record.value("tracks")
    if reference is None:
        return
    builder = track_tree(record.secret, blob.fields, blob.packets)
    found = TreeRef("packet", builder.height, builder.root())
    if TreeRef.from_json(reference, "packet", HIDDEN_HEIGHTS) != found:
        raise TamperedError("its track table is not the one that was sealed")


class _Packs:
    """The packs of one part, each read once from the disk, hashed, decrypted whole; one kept in memory."""

    def __init__(self, opened: OpenDelivery, part: int) -> None:
        self._opened, self._part = opened, part
        self._done: set[str] = set()
        self._name, self._plain = "", memoryview(b"")
        self.ciphertext_bytes = 0

    def load(self, name: str) -> memoryview:
        """Return the plaintext of a pack; its bytes have the hash it is named after."""
        if name == self._name:
            return self._plain
        if name in self._done and name == self._opened.descriptor.parts[self._part].manifest:
            return self._plain
        try:
            data = self._opened.store.read(pack_path(name))
        except KeyError:
            raise TamperedError(f"pack {name} is missing", "restore it from a mirror") from None
        if name not in self._done:
            if sha256(data).hexdigest() != name:
                raise TamperedError(f"pack {name} was altered: its bytes have another hash")
            self.ciphertext_bytes += len(data)
            self._done.add(name)
        identity = self._opened.keys(self._part).get(name)
        if identity is None:
            raise TamperedError(f"there is no key for pack {name}")
        self._plain = memoryview(age.decrypt_buffer(data, identity, f"pack {name}"))
        self._name = name
        return self._plain

    def read(self, extents: tuple[Extent, ...]) -> Iterator[memoryview]:
        """Yield the bytes of `extents`."""
        for name, offset, length in extents:
            if name == ZERO:
                for at in range(0, length, len(_ZERO_PIECE)):
                    yield memoryview(_ZERO_PIECE)[: length - at]
                continue
            plain = self.load(name)
            if offset + length > len(plain):
                raise TamperedError(f"pack {name} is shorter than what is asked of it")
            yield plain[offset : offset + length]
