"""Closes a run: the delivery's tree, its descriptor, its entry in the log (docs/format.md, 5 and 6.2)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from bearwitness.crypto import age
from bearwitness.crypto.derive import derive, new_secret
from bearwitness.custody.trees import scatter
from bearwitness.vault.delivery import Descriptor
from bearwitness.vault.vault import Vault, digest_of
from bearwitness_verify.canonical import Json, b64
from bearwitness_verify.leaves import TreeRef, hash_leaf
from bearwitness_verify.merkle import HASH_BYTES

from .journal import Run
from .part import mark_rows


@dataclass(frozen=True)
class Closed:
    """A delivery as entered in the log."""

    delivery: str
    root: bytes
    items: int
    size: int
    losses: int
    checkpoint: bytes
    entry: int


@dataclass
class Tally:
    """The items of a run that count, and those a later attempt at the same name replaced."""

    leaves: bytearray = field(default_factory=bytearray)  # 32 bytes each
    dropped: list[bytes] = field(default_factory=list)
    items: int = 0
    size: int = 0
    losses: int = 0

    def add(self, leaf: bytes, size: int, *, lossy: bool) -> None:
        """Count one item."""
        self.leaves += leaf
        self.items += 1
        self.size += size
        self.losses += lossy


def tally(run: Run) -> Tally:
    """Count the run's items: of several attempts at one name only the last."""
    again = {tag for tag, _, _, lossy in mark_rows(run.marks) if lossy}
    latest: dict[bytes, tuple[bytes, int, bool]] = {}
    out = Tally()
    for tag, leaf, size, lossy in mark_rows(run.marks):
        if tag not in again:
            out.add(leaf, size, lossy=lossy)
            continue
        if tag in latest:
            out.dropped.append(latest[tag][0])
        latest[tag] = (leaf, size, lossy)
    for leaf, size, lossy in latest.values():
        out.add(leaf, size, lossy=lossy)
    return out


def close(vault: Vault, run: Run, fields: Mapping[str, Json]) -> Closed:
    """Enter the run's delivery in the log; it is sealed when this returns."""
    tree_secret, receipt = new_secret(), new_secret()
    receipt_leaf = hash_leaf("receipt", derive(tree_secret, b"salt", 0), receipt)
    with run.syncing():
        count = tally(run)
        run.marks.clear()  # a million items leave no memory to spare
        tree = scatter(_each_leaf(count, receipt_leaf), tree_secret)
    descriptor = run.descriptor()
    encoded = descriptor.encode()
    run.note_root(tree.root)
    vault.store.write(descriptor.path, encoded)
    recipient = vault.source_recipient if run.info.compartment == "source" else vault.recipient
    checkpoint = vault.append(
        {
            "kind": "sealed",
            "delivery": TreeRef("item", tree.height, tree.root).to_json(),
            "items": str(count.items),
            "bytes": str(count.size),
            "losses": str(count.losses),
            "descriptor": {"delivery": run.info.delivery, "sha256": digest_of(encoded)},
            **fields,
        },
        {
            descriptor.path: digest_of(encoded),
            descriptor.identity_path: digest_of(vault.store.read(descriptor.identity_path)),
        },
        secrets={
            "dropped": [leaf.hex() for leaf in count.dropped],
            "receipt": b64(receipt),
            "tree": b64(tree_secret),
        },
        recipient=recipient,
    )
    return _closed(vault, run, count, tree.root, checkpoint.size - 1)


def recover(vault: Vault, run: Run) -> None:
    """Read the journal of a run that a crash left, whether it was entered in the log before or not."""
    run.recover(entered=any(run.descriptor().path in effect for effect in vault.log.effects()))


def was_closed(vault: Vault, run: Run) -> Closed | None:
    """Return the delivery of a run that was entered in the log before a crash let it end, else None."""
    path = run.descriptor().path
    for index, effect in enumerate(vault.log.effects()):
        if path in effect:
            return _closed(vault, run, tally(run), run.noted_root(), index)
    return None


def _closed(vault: Vault, run: Run, count: Tally, root: bytes, entry: int) -> Closed:
    sizes = [size for size in vault.log.note_sizes() if size > entry]
    note = vault.log.note_bytes(sizes[0])
    return Closed(run.info.delivery, root, count.items, count.size, count.losses, note, entry)


def _each_leaf(count: Tally, receipt_leaf: bytes) -> Iterator[bytes]:
    """Yield the receipt's leaf and, for the last time, those of the items."""
    packed, count.leaves = count.leaves, bytearray()
    yield receipt_leaf
    for at in range(0, len(packed), HASH_BYTES):
        yield bytes(packed[at : at + HASH_BYTES])


def write_identity(vault: Vault, run_delivery: Descriptor, identity: age.Identity) -> None:
    """Wrap a new delivery's identity to the vault, or the source keepers; it is forgotten after."""
    source = run_delivery.compartment == "source"
    recipient = vault.source_recipient if source else vault.recipient
    data = age.encrypt(identity.text().encode() + b"\n", recipient)
    vault.store.write(run_delivery.identity_path, data)
