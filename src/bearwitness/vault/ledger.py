"""What the log says, read with keys: acts in order, and the deliveries with all that proves and opens them.

Entries that the keys at hand do not open (the source keepers' own) stay closed and are counted.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import sha256
from typing import Final

from bearwitness.crypto import age
from bearwitness.custody.entries import Body, Entry
from bearwitness.custody.log import OWN, Log
from bearwitness.errors import KeyUnlockError, SignatureError, TamperedError
from bearwitness_verify import canonical
from bearwitness_verify.canonical import unb64
from bearwitness_verify.checkpoint import Checkpoint
from bearwitness_verify.leaves import TreeRef, delivery_ref
from bearwitness_verify.note import VerifierKey, parse

from .delivery import Descriptor, OpenDelivery
from .derivatives import OpenDerived, is_derived
from .freezing import frozen
from .keyring import Unlocked
from .vault import Vault

VAULT: Final = "vault"
SOURCE: Final = "source"
_BODIES_MAX: Final = 2_000  # kept open by one ledger; of longer logs the rest is opened each time


@dataclass(frozen=True)
class Act:
    """An entry with its place; `body` is None where the keys at hand do not open it."""

    log: str
    index: int
    entry: Entry
    body: Body | None


@dataclass(frozen=True)
class DeliveryRecord:
    """A sealed delivery: the act that entered it, and for a kit's the act that imported it."""

    sealed: Act
    body: Body
    imported: Act | None

    @property
    def delivery(self) -> str:
        """The delivery's id."""
        descriptor = canonical.members(self.body.fields["descriptor"], "a descriptor", "delivery sha256")
        return canonical.text(descriptor["delivery"])

    @property
    def tree(self) -> TreeRef:
        """The tree over its items."""
        return delivery_ref(self.body.fields["delivery"])

    @property
    def tree_secret(self) -> bytes:
        """The secret of that tree."""
        return unb64(self.body.secrets["tree"], "the secret of a delivery", 32)

    @property
    def receipt(self) -> bytes:
        """The payload of the receipt leaf."""
        return unb64(self.body.secrets["receipt"], "the receipt of a delivery", 32)

    @property
    def dropped(self) -> frozenset[bytes]:
        """Leaves in the manifests that do not count."""
        leaves = canonical.array(self.body.secrets["dropped"], "dropped leaves")
        return frozenset(bytes.fromhex(canonical.text(leaf)) for leaf in leaves)


class Ledger:
    """The acts of a vault, decrypted with `unlocked`."""

    def __init__(self, vault: Vault, unlocked: Unlocked) -> None:
        self.vault, self._unlocked = vault, unlocked
        self._files = vault.expected_files()
        self.frozen = frozen(vault)
        self._bodies: dict[tuple[bytes, TreeRef], Body | None] = {}

    def _open(self, entry: Entry, what: str) -> Body | None:
        """Return the body of an entry, opened once: it depends on these bytes and this commitment alone."""
        key = (entry.ciphertext, entry.fields)
        if key in self._bodies:
            return self._bodies[key]
        body = self._opened(entry, what)
        if len(self._bodies) < _BODIES_MAX:
            self._bodies[key] = body
        return body

    def _opened(self, entry: Entry, what: str) -> Body | None:
        for identity in self._unlocked.all():
            try:
                return entry.open(identity, what)
            except KeyUnlockError:
                continue
        return None

    def acts(
        self, log: Log | None = None, size: int | None = None, *, start: int = 0, derived: bool = True
    ) -> Iterator[Act]:
        """Yield the acts of `log` (default: the vault's own), from `start` up to `size`.

        Without `derived` the entries of triage, of which there are many, are passed over unread.
        """
        log = log or self.vault.log
        effects = log.effects()
        for index in range(start, log.size if size is None else min(size, log.size)):
            if not derived and is_derived(effects[index]):
                continue
            entry = log.entry(index)
            yield Act(log.name, index, entry, self._open(entry, f"entry {index} of log {log.name}"))

    def device_log(self, act: Act) -> tuple[Log, Checkpoint]:
        """Return the log that an `imported` act took over, and the checkpoint it took over."""
        if act.body is None:
            raise KeyUnlockError("an import is closed to the keys given")
        key = VerifierKey.parse(canonical.text(act.body.fields["device"]))
        signed = parse(canonical.text(act.body.fields["checkpoint"]).encode())
        key.verify(signed)
        checkpoint = Checkpoint.parse(signed.text)
        if checkpoint.origin != key.name:
            raise SignatureError("an imported checkpoint is of another device than the entry says")
        log = Log(self.vault.store, key, log_name(key))
        if log.root_at(checkpoint.size) != checkpoint.root:
            raise TamperedError(f"the log of kit {key.name} is not the one that was imported")
        return log, checkpoint

    def device_logs(self) -> Iterator[Log]:
        """Yield the logs of kits that were imported, each once."""
        seen = set()
        for act in self.acts(derived=False):
            if act.body is not None and act.body.kind == "imported":
                log, _ = self.device_log(act)
                if log.name not in seen:
                    seen.add(log.name)
                    yield log

    def deliveries(self, compartment: str = VAULT) -> Iterator[DeliveryRecord]:
        """Yield the deliveries of a compartment whose entries the keys open.

        What is in the quarantine (`SOURCE`) is for source keepers who ask for it by name; it never
        mixes with the evidence, whoever holds which keys.
        """
        for record in self.all_deliveries():
            if self.descriptor(record.delivery).compartment == compartment:
                yield record

    def all_deliveries(self) -> Iterator[DeliveryRecord]:
        """Yield every delivery whose entry the keys open, those of kits through their imports."""
        taken: dict[str, int] = {}
        for act in self.acts(derived=False):
            if act.body is None:
                continue
            if act.body.kind == "sealed":
                yield DeliveryRecord(act, act.body, None)
            elif act.body.kind == "imported":
                log, checkpoint = self.device_log(act)
                start = taken.get(log.name, 0)
                for sealed in self.acts(log, checkpoint.size):
                    if sealed.index >= start and sealed.body is not None and sealed.body.kind == "sealed":
                        yield DeliveryRecord(sealed, sealed.body, act)
                taken[log.name] = checkpoint.size

    def closed_deliveries(self, compartment: str) -> list[str]:
        """Return the ids of a compartment's deliveries whose entries the keys do not open."""
        opened = {record.delivery for record in self.all_deliveries()}
        names = (path.partition("/") for path in self._files)
        ids = [name.removesuffix(".json") for folder, _, name in names if folder == "deliveries"]
        return [d for d in ids if d not in opened and self.descriptor(d).compartment == compartment]

    def descriptor(self, delivery: str) -> Descriptor:
        """Return the descriptor of a delivery as it is now."""
        path = f"deliveries/{delivery}.json"
        if path not in self._files:
            raise TamperedError(f"the log does not speak of delivery {delivery}")
        return Descriptor.decode(self.vault.read_expected(path, self._files[path]), path)

    def open_delivery(self, delivery: str, *, frozen_too: bool = False) -> OpenDelivery:
        """Return a delivery with its identity at hand; what is frozen can not be read from it.

        `frozen_too` is for those who do not show anything: checking, and rewriting packs.
        """
        descriptor = self.descriptor(delivery)
        path = descriptor.identity_path
        data = self.vault.read_expected(path, self._files.get(path, ""))
        identity = age.Identity.parse(self._unlocked.open(data, path).decode())
        held = frozenset() if frozen_too else self.frozen.packs
        return OpenDelivery(self.vault.store, descriptor, identity, held)

    def open_derived(self, opened: OpenDelivery, path: str) -> OpenDerived:
        """Return the derivatives behind the key file at `path`, which must be the one the log binds."""
        return OpenDerived(opened, path, self.vault.read_expected(path, self._files.get(path, "")))


def log_name(key: VerifierKey) -> str:
    """Return the name under which the log of a kit is kept in a vault."""
    return sha256(key.encode().encode()).hexdigest()[:16]


def own_log(vault: Vault) -> Log:
    """Return the vault's own log."""
    return Log(vault.store, vault.config.log_key, OWN)
