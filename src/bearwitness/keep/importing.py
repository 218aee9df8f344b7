"""Imports a field kit: its log without a fork, its deliveries, every pack hashed on the way."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from hashlib import sha256

from bearwitness.custody.entries import Body, Effect
from bearwitness.custody.log import Log
from bearwitness.errors import BearwitnessError, NotAVaultError, RefusedError, TamperedError
from bearwitness.store.packs import pack_path
from bearwitness.vault.change import Change
from bearwitness.vault.delivery import Descriptor, Record
from bearwitness.vault.keyring import Unlocked
from bearwitness.vault.ledger import Act, DeliveryRecord, Ledger, log_name
from bearwitness.vault.vault import Vault, digest_of
from bearwitness_verify import canonical
from bearwitness_verify.canonical import Json
from bearwitness_verify.checkpoint import Checkpoint, read_checkpoint

from .check_content import check_items


@dataclass(frozen=True)
class Imported:
    """What an import brought in."""

    device: str
    deliveries: list[str]
    entries: int
    checkpoint: Checkpoint


def import_kit(
    vault: Vault, kit: Vault, unlocked: Unlocked, progress: Callable[[int], None]
) -> Imported | None:
    """Take over what `kit` holds and the vault does not; None if there is nothing new."""
    if not kit.is_kit:
        raise NotAVaultError(f"{kit.root} is a vault, not a field kit")
    if kit.config.vault_key != vault.config.vault_key:
        raise RefusedError(f"the kit at {kit.root} was made for another vault")
    known = _known_state(Ledger(vault, unlocked), kit)
    kit.log.leaves()
    if known.size and kit.log.root_at(known.size) != known.root:
        raise TamperedError(
            f"FORK: the kit's log does not continue what is known of it (size {known.size})",
            "its history was rewritten, or two kits share one key; keep the kit as evidence",
        )
    if known.imported and kit.log.size == known.size:
        return None
    if known.revoked is not None and kit.log.size > known.revoked:
        raise RefusedError(
            f"this kit was revoked after {known.revoked} entries, it now has {kit.log.size}",
            "what it wrote later may be forged by whoever took it",
        )
    descriptors = _new_descriptors(vault, kit)
    _must_open(Ledger(kit, unlocked), known.size, descriptors)
    _must_be_new(Ledger(vault, unlocked), Ledger(kit, unlocked), descriptors)
    for descriptor in descriptors:
        _copy_delivery(vault, kit, descriptor, progress)
    change = Change(vault)
    effect = _copy_log(vault, kit, change)
    for descriptor in descriptors:
        effect[descriptor.path] = digest_of(descriptor.encode())
        effect[descriptor.identity_path] = digest_of(vault.store.read(descriptor.identity_path))
    deliveries: list[Json] = [descriptor.delivery for descriptor in descriptors]
    change.commit(
        {
            "kind": "imported",
            "device": kit.config.key,
            "checkpoint": kit.log.note_bytes(kit.log.size).decode(),
            "deliveries": deliveries,
        },
        effect,
    )
    ids = [descriptor.delivery for descriptor in descriptors]
    return Imported(kit.config.key, ids, kit.log.size - known.size, kit.log.checkpoint)


@dataclass
class _Known:
    """What the vault's log says of a kit."""

    size: int = 0
    root: bytes = b""
    imported: bool = False
    revoked: int | None = None


def _known_state(ledger: Ledger, kit: Vault) -> _Known:
    known, certified, revoked = _Known(), False, None
    for act in ledger.acts():
        if act.body is None or act.body.fields.get("device") != kit.config.key:
            continue
        kind = act.body.kind
        if kind == "device-certified":
            certified = True
            known = _at(act, kit)
        elif kind == "imported":
            known = _at(act, kit)
            known.imported = True
        elif kind == "device-revoked":
            revoked = canonical.integer(act.body.fields["size"], "the size of a revoked log")
    known.revoked = revoked
    if not certified:
        raise RefusedError(
            f"the kit at {kit.root} is not certified by this vault", "kits are made with: bearwitness kit"
        )
    return known


def _at(act: Act, kit: Vault) -> _Known:
    fields = act.body.fields if act.body else {}
    data = canonical.text(fields.get("checkpoint"), "a checkpoint").encode()
    checkpoint, _ = read_checkpoint(data, kit.config.log_key)
    return _Known(checkpoint.size, checkpoint.root)


def _new_descriptors(vault: Vault, kit: Vault) -> list[Descriptor]:
    """Return the kit's deliveries that the vault does not have."""
    have = vault.expected_files()
    found = []
    for path, digest in kit.expected_files().items():
        if path.startswith("deliveries/") and path not in have:
            descriptor = Descriptor.decode(kit.read_expected(path, digest), path)
            if descriptor.path != path:  # else it could write over the keys of another delivery
                raise TamperedError(f"{path} in the kit speaks of another delivery")
            found.append(descriptor)
    return found


def _must_open(ledger: Ledger, known_size: int, descriptors: list[Descriptor]) -> None:
    """Refuse new deliveries that are not what their entries say: once logged they could not be taken out."""
    new = {descriptor.delivery for descriptor in descriptors}
    for act in ledger.acts():
        if act.index < known_size or act.body is None:
            continue
        try:
            _must_have_a_time(act.body)
            if act.body.kind != "sealed":
                continue
            record = DeliveryRecord(act, act.body, None)
            if record.delivery not in new:
                raise TamperedError("it speaks of a delivery that is not new")
            new.remove(record.delivery)
            check_items(ledger.open_delivery(record.delivery), record)
        except (BearwitnessError, KeyError, ValueError) as error:
            raise TamperedError(
                f"entry {act.index} of the kit's log does not hold: {error}", "keep the kit as evidence"
            ) from None


def _must_have_a_time(body: Body) -> None:
    """Refuse an entry whose time is not written as every entry's is: lists and the log show it."""
    time = canonical.members(body.fields.get("time"), "the time of an entry", "local utc")
    for name in ("local", "utc"):
        canonical.text(time[name], "the time of an entry")


def _must_be_new(ours: Ledger, theirs: Ledger, descriptors: list[Descriptor]) -> None:
    """Refuse items that are in a delivery already: each has a secret of its own, and with it an id."""
    new = {descriptor.delivery for descriptor in descriptors}
    homes: dict[bytes, str] = {}
    for record in theirs.all_deliveries():
        for secret in _secrets_of(theirs, record) if record.delivery in new else ():
            if homes.setdefault(secret, record.delivery) != record.delivery:
                raise _twice(record.delivery)
    for record in ours.all_deliveries() if homes else ():
        try:
            found = not homes.keys().isdisjoint(_secrets_of(ours, record))
        except BearwitnessError:  # what is lost of the vault keeps nothing from coming in
            continue
        if found:
            raise _twice(record.delivery)


def _secrets_of(ledger: Ledger, record: DeliveryRecord) -> Iterator[bytes]:
    for line in ledger.open_delivery(record.delivery, frozen_too=True).all_lines():
        if isinstance(line, Record):
            yield line.secret


def _twice(delivery: str) -> TamperedError:
    return TamperedError(
        f"the kit has an item in two deliveries, one of them {delivery}", "keep the kit as evidence"
    )


def _copy_delivery(vault: Vault, kit: Vault, descriptor: Descriptor, progress: Callable[[int], None]) -> None:
    """Copy a delivery's files, each checked; the vault knows of it only once the import is logged."""
    for name in descriptor.pack_names():
        path = pack_path(name)
        if not _is_there(vault, path, name):
            vault.store.write(path, _checked(kit, path, name))
        progress(vault.store.size(path) or 0)
    for number, part in enumerate(descriptor.parts):
        path = descriptor.key_path(number)
        vault.store.write(path, _checked(kit, path, part.keys))
    identity = descriptor.identity_path
    expected = kit.expected_files()
    vault.store.write(identity, _checked(kit, identity, expected.get(identity, "")))
    vault.store.write(descriptor.path, _checked(kit, descriptor.path, expected[descriptor.path]))


def _is_there(vault: Vault, path: str, digest: str) -> bool:
    """Say whether an interrupted import left a file, whole."""
    return vault.store.size(path) is not None and digest_of(vault.store.read(path)) == digest


def _checkpoint(kit: Vault, size: int) -> bytes:
    """Return the signed checkpoint of `size`, which is one of the kit's log."""
    data = kit.log.note_bytes(size)
    checkpoint, _ = read_checkpoint(data, kit.config.log_key)
    if checkpoint.size != size or kit.log.root_at(size) != checkpoint.root:
        raise TamperedError(f"checkpoint {size} in the kit is not one of its log", "keep the kit as evidence")
    return data


def _checked(kit: Vault, path: str, digest: str) -> bytes:
    try:
        data = kit.store.read(path)
    except KeyError:
        raise TamperedError(f"the kit lacks {path}") from None
    if sha256(data).hexdigest() != digest:
        raise TamperedError(f"{path} in the kit was altered or cut short")
    return data


def _copy_log(vault: Vault, kit: Vault, change: Change) -> Effect:
    """Copy the kit's log; return the effect that binds its key, its last checkpoint and its stamps.

    A checkpoint that the vault binds, and that was cosigned since, is replaced by `change`.
    """
    key = kit.config.log_key
    target = Log(vault.store, key, log_name(key))
    notes = {target.note_path(size): _checkpoint(kit, size) for size in kit.log.note_sizes()}
    for size in target.note_sizes():
        if size > kit.log.size:  # of an import that was not committed, from a kit that went another way
            vault.store.remove(target.note_path(size))
    for index, entry in kit.log.entries():
        vault.store.write(target.entry_path(index), entry.encode())
    bound = vault.expected_files()
    for path, data in notes.items():
        if bound.get(path, digest_of(data)) != digest_of(data):
            change.put(path, data)
        else:
            vault.store.write(path, data)
    last = target.note_path(kit.log.size)
    effect: Effect = {last: digest_of(notes[last])}
    effect[f"log/{target.name}/key"] = digest_of(key.encode().encode())
    vault.store.write(f"log/{target.name}/key", key.encode().encode())
    for path, digest in kit.expected_files().items():
        if path.startswith(f"log/{kit.log.name}/stamps/"):
            moved = path.replace(f"log/{kit.log.name}/", f"log/{target.name}/", 1)
            vault.store.write(moved, kit.read_expected(path, digest))
            effect[moved] = digest
    return effect
