"""Makes a release: choose, prove, write, verify one's own work, enter it in the log.

Nothing appears at the destination unless the stand-alone verifier accepts the whole package.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from bearwitness.catalogue.catalogue import Catalogue, ItemRow
from bearwitness.crypto.derive import derive
from bearwitness.custody import items as commitments
from bearwitness.custody.log import Log
from bearwitness.custody.trees import Proof, scatter
from bearwitness.errors import RefusedError, TamperedError, UsageError, storage_error
from bearwitness.vault import stampfiles
from bearwitness.vault.delivery import OpenDelivery, Record, Tombstone
from bearwitness.vault.ledger import DeliveryRecord, Ledger
from bearwitness_verify import archive, canonical
from bearwitness_verify.anchors import Anchors
from bearwitness_verify.canonical import Json
from bearwitness_verify.checkpoint import Checkpoint
from bearwitness_verify.leaves import ENTRY_SLOTS, ITEM_SLOTS, hash_leaf, item_id
from bearwitness_verify.release import SIGNATURE_NAME, STATEMENT_NAME
from bearwitness_verify.report import Verdict
from bearwitness_verify.verify import verify

from . import proofs
from .exhibits import Exhibit, write_exhibit
from .instructions import NAME as INSTRUCTIONS_NAME
from .instructions import instructions
from .proofs import Chosen

_DELIVERY_PREFIX = "delivery."
_TEMPORARY = ".bearwitness-release-"
_ALWAYS_ITEM = frozenset({"fate"})
_ALWAYS_FILE = frozenset({"content", "fate", "sha256", "size"})
_ALWAYS_DELIVERY = frozenset({"kind", "delivery"})


@dataclass(frozen=True)
class Released:
    """A release as made."""

    path: Path
    statement_sha256: str
    items: list[str]
    revealed: list[str]


def choose(reveal: Sequence[str]) -> Chosen:
    """Read what --reveal names: fields of items, and ``delivery.`` fields; raise UsageError."""
    item, delivery = set(), set()
    for name in reveal:
        short = name.removeprefix(_DELIVERY_PREFIX)
        if name.startswith(_DELIVERY_PREFIX) and short in ENTRY_SLOTS["sealed"]:
            delivery.add(short)
        elif name in ITEM_SLOTS:
            item.add(name)
        else:
            known = [*ITEM_SLOTS, *(_DELIVERY_PREFIX + n for n in ENTRY_SLOTS["sealed"] if n != "kind")]
            raise UsageError(f"{name!r} is nothing that can be revealed", "one of: " + ", ".join(known))
    return Chosen(frozenset(item), frozenset(delivery))


def release(
    ledger: Ledger,
    catalogue: Catalogue,
    destination: Path,
    wanted: Sequence[str],
    chosen: Chosen,
    checkpoints: Sequence[Checkpoint] = (),
    progress: Callable[[str], None] = lambda text: None,
) -> Released:
    """Make a release of the items `wanted` at `destination` (a folder, or a file ending in .zip)."""
    rows = list({row.leaf: row for row in (catalogue.find(item) for item in wanted)}.values())
    ledger.frozen.refuse([row.item for row in rows])
    for row in rows:
        _refuse_links(row)
    if destination.exists():
        raise RefusedError(f"{destination} is there already", "choose another place")
    with _workplace(destination) as folder:
        builder = _Builder(ledger, folder, chosen, checkpoints)
        statement = builder.build(rows, progress)
        _verify_own(folder, ledger, progress)
        digest = sha256(statement).hexdigest()
        revealed = sorted(chosen.item_fields) + sorted(_DELIVERY_PREFIX + n for n in chosen.delivery_fields)
        ids = sorted(row.item for row in rows)
        ledger.vault.append(  # first: what a crash keeps from going out does no harm in the log
            {"kind": "released", "release": digest, "items": list(ids), "revealed": list(revealed)}
        )
        _hand_over(folder, destination)
    return Released(destination, digest, ids, revealed)


def _refuse_links(row: ItemRow) -> None:
    if row.same_as:
        raise RefusedError(
            f"item {row.item} is another name of item {row.same_as}", f"release {row.same_as} instead"
        )


@contextmanager
def _workplace(destination: Path) -> Iterator[Path]:
    """Give a folder beside the destination that is gone afterwards unless it was moved."""
    try:
        destination.parent.mkdir(parents=True, exist_ok=True)
        _clear_leftovers(destination.parent)
        folder = Path(tempfile.mkdtemp(prefix=_TEMPORARY, dir=destination.parent))
        lock = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    except OSError as error:
        raise storage_error(error, str(destination.parent)) from error
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        (folder / "exhibits").mkdir()
        yield folder
    except OSError as error:
        raise storage_error(error, str(destination)) from error
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        os.close(lock)


def _clear_leftovers(place: Path) -> None:
    """Remove what a killed release left in the clear at `place`; nobody holds its lock."""
    for folder in place.glob(f"{_TEMPORARY}*"):
        with contextlib.suppress(OSError):
            lock = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(folder)
            finally:
                os.close(lock)


def _hand_over(folder: Path, destination: Path) -> None:
    if destination.suffix == ".zip":
        package, temporary = archive.FolderPackage(folder), folder / "release.zip"
        with temporary.open("xb") as file:
            archive.write_zip(package, file)
            file.flush()
            os.fsync(file.fileno())
        temporary.rename(destination)
    else:
        folder.chmod(0o755)
        folder.rename(destination)


def _verify_own(folder: Path, ledger: Ledger, progress: Callable[[str], None]) -> None:
    progress("checking the release as a stranger would")
    report = verify(folder, Anchors(vault_keys=(ledger.vault.config.vault_key.encode(),)))
    if report.verdict != Verdict.VERIFIED:
        reasons = "; ".join(f.text for f in report.findings if f.status == "fail")
        raise TamperedError(f"the release does not verify: {reasons}", "check the vault: bearwitness check")


@dataclass(frozen=True)
class _Shown:
    """An item to be shown, at its place in its delivery."""

    record: Record
    proofs: commitments.ItemProofs
    place: Proof


class _Builder:
    """Writes the files of a release into a folder."""

    def __init__(
        self, ledger: Ledger, folder: Path, chosen: Chosen, checkpoints: Sequence[Checkpoint]
    ) -> None:
        self._ledger, self._folder, self._chosen, self._checkpoints = ledger, folder, chosen, checkpoints
        self._exhibits: list[Exhibit] = []
        self._number = 0

    def build(self, rows: Sequence[ItemRow], progress: Callable[[str], None]) -> bytes:
        """Write exhibits, statement, signature and instructions; return the statement."""
        wanted = {row.delivery: [r.leaf for r in rows if r.delivery == row.delivery] for row in rows}
        deliveries: list[Json] = []
        for record in self._ledger.deliveries():
            if record.delivery in wanted:
                progress(f"proving {len(wanted[record.delivery])} items of delivery {record.delivery}")
                deliveries.append(self._delivery(record, wanted[record.delivery]))
        vault = self._ledger.vault.config.vault_key
        text = instructions(vault, [e.name for e in self._exhibits]).encode()
        (self._folder / INSTRUCTIONS_NAME).write_bytes(text)
        files = [Exhibit(INSTRUCTIONS_NAME, len(text), sha256(text).hexdigest(), None), *self._exhibits]
        listed: list[Json] = [
            {"bytes": str(f.size), "name": f.name, "sha256": f.sha256}
            for f in sorted(files, key=lambda f: f.name)
        ]
        statement = canonical.dumps(
            {
                "deliveries": deliveries,
                "files": listed,
                "type": "release",
                "v": "1",
                "vault": vault.encode(),
            }
        )
        (self._folder / STATEMENT_NAME).write_bytes(statement)
        signer = self._ledger.vault.signer()
        note = signer.sign_note(f"bearwitness/1/release\n{sha256(statement).hexdigest()}\n")
        (self._folder / SIGNATURE_NAME).write_bytes(note)
        return statement

    def _delivery(self, record: DeliveryRecord, leaves: Sequence[bytes]) -> Json:
        opened = self._ledger.open_delivery(record.delivery)
        shown = _find(opened, record, leaves)
        items = [self._item(opened, shown[leaf]) for leaf in sorted(shown)]
        names = _ALWAYS_DELIVERY | self._chosen.delivery_fields
        log = self._ledger.vault.log
        imported: Json = None
        if record.imported is not None and record.imported.body is not None:
            act, body = record.imported, record.imported.body
            imported = {
                "entry": proofs.entry_json(act.entry, body, ("kind", "device", "checkpoint")),
                "log": self._log(log, act.index),
            }
            log, checkpoint = self._ledger.device_log(act)
            own = self._device_log(log, record.sealed.index, checkpoint.size)
        else:
            own = self._log(log, record.sealed.index)
        entry = proofs.entry_json(record.sealed.entry, record.body, names)
        return {"entry": entry, "import": imported, "items": items, "log": own}

    def _log(self, log: Log, index: int) -> Json:
        stamps = stampfiles.by_size(self._ledger.vault, log)
        sizes = proofs.covering_sizes(log, index, stamps.keys(), self._asked(log))
        return proofs.log_json(log, index, sizes, stamps)

    def _device_log(self, log: Log, index: int, imported: int) -> Json:
        """Return the proof in the imported checkpoint, and in earlier ones: stamped, or asked for."""
        stamps = stampfiles.by_size(self._ledger.vault, log)
        stamped = [size for size in stamps if index < size < imported][:1]
        asked = [size for size in self._asked(log) if index < size < imported]
        sizes = [imported, *sorted({*stamped, *asked})]
        return proofs.log_json(log, index, sizes, stamps)

    def _asked(self, log: Log) -> list[int]:
        """Return the sizes of this log's checkpoints that the recipient holds already."""
        return [known.size for known in self._checkpoints if known.origin == log.key.name]

    def _item(self, opened: OpenDelivery, shown: _Shown) -> Json:
        self._number += 1
        record = shown.record
        if record.size is None:
            names = _ALWAYS_ITEM | self._chosen.item_fields
            return proofs.item_json(shown.proofs, shown.place, names, None, None)
        exhibit = write_exhibit(self._folder / "exhibits", self._number, opened, record)
        self._exhibits.append(exhibit)
        names = _ALWAYS_FILE | self._chosen.item_fields
        return proofs.item_json(shown.proofs, shown.place, names, exhibit.name, exhibit.content)


def _find(opened: OpenDelivery, record: DeliveryRecord, wanted: Sequence[bytes]) -> dict[bytes, _Shown]:
    """Return the wanted items with their places in the delivery's tree, which is built anew."""
    leaves = [hash_leaf("receipt", derive(record.tree_secret, b"salt", 0), record.receipt)]
    found: dict[bytes, Record] = {}
    for line in opened.all_lines():
        if isinstance(line, Record):
            leaf = commitments.commit(line.values, line.secret)
            if leaf in record.dropped:
                continue
            if leaf in wanted:
                found[leaf] = line
            leaves.append(leaf)
        elif isinstance(line, Tombstone):
            leaves.append(line.leaf)
    tree = scatter(leaves, record.tree_secret, wanted)
    if tree.root != record.tree.root:
        raise TamperedError(f"the items of delivery {record.delivery} do not add up to what was sealed")
    missing = [item_id(leaf) for leaf in wanted if leaf not in found]
    if missing:
        raise TamperedError(f"item {missing[0]} is not in its delivery's manifest")
    return {
        leaf: _Shown(line, commitments.prove(line.values, line.secret), tree.proofs[leaf])
        for leaf, line in found.items()
    }
