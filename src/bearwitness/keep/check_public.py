"""Checks a vault without keys: log, checkpoints, files, packs. What a storage host or an auditor can do."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from hashlib import sha256
from typing import TYPE_CHECKING

from bearwitness.custody.log import OWN, Log
from bearwitness.errors import BearwitnessError, TamperedError
from bearwitness.store.base import Store
from bearwitness.store.packs import pack_path
from bearwitness.vault import stampfiles
from bearwitness.vault.delivery import Descriptor
from bearwitness.vault.freezing import frozen
from bearwitness.vault.ledger import log_name
from bearwitness.vault.vault import Vault
from bearwitness_verify import note
from bearwitness_verify.checkpoint import Checkpoint, read_checkpoint
from bearwitness_verify.note import VerifierKey

from .findings import Findings
from .mirroring import CARD
from .sharing_out import shared_out

if TYPE_CHECKING:
    from cryptography import x509

_READ_BYTES = 4 << 20
_PACKS_AT_ONCE = 16


def check_log(log: Log, findings: Findings) -> None:
    """Check every entry and every checkpoint of one log."""
    try:
        log.leaves()
    except BearwitnessError as error:
        findings.problem(str(error))
        return
    findings.count("entries", log.size)
    for size in log.note_sizes():
        try:
            checkpoint, _ = read_checkpoint(log.note_bytes(size), log.key)
            if checkpoint.size != size or log.root_at(size) != checkpoint.root:
                raise TamperedError(f"checkpoint {size} of log {log.name} is not one of this log")
        except BearwitnessError as error:
            findings.problem(f"checkpoint {size} of log {log.name}: {error}")
        findings.count("checkpoints")


def check_pointer(vault: Vault, findings: Findings) -> None:
    """Check that the published checkpoint is one that was kept (after a crash it may be an earlier one)."""
    try:
        data = vault.store.read(f"log/{OWN}/checkpoint")
        size = Checkpoint.parse(note.parse(data).text).size
        if note.parse(data).text != note.parse(vault.log.note_bytes(size)).text:
            raise TamperedError("the file log/vault/checkpoint is not a checkpoint of this log")
        vault.config.log_key.verify(note.parse(data))
    except KeyError:
        findings.problem("log/vault/checkpoint is missing")
    except OSError as error:
        findings.problem(f"log/vault/checkpoint can not be read: {error.strerror}")
    except BearwitnessError as error:
        findings.problem(f"log/vault/checkpoint: {error}")


def check_device_key(vault: Vault, findings: Findings) -> None:
    """Check that the signing key of this machine is the one of this log, if there is one."""
    if not (vault.local / "device.key").exists():
        findings.note("this machine has no signing key for the vault: it can read, not write")
        return
    try:
        if vault.signer().verifier != vault.config.log_key:
            raise TamperedError("the signing key of this machine is not that of the log")
    except (BearwitnessError, UnicodeDecodeError) as error:
        findings.problem(f"local/device.key: {error}")


def device_logs(vault: Vault) -> Iterator[Log]:
    """Yield the logs of kits that were imported; raises TamperedError."""
    for path, digest in vault.expected_files().items():
        if path.startswith("log/") and path.endswith("/key"):
            key = VerifierKey.parse(vault.read_expected(path, digest).decode("utf-8", "replace"))
            if path != f"log/{log_name(key)}/key":
                raise TamperedError(f"{path} is not the key its place is named after")
            yield Log(vault.store, key, log_name(key))


def withheld_packs(vault: Vault, findings: Findings) -> frozenset[str]:
    """Return the packs of frozen items that are not in a mirror; in the vault itself none may be missing.

    The card of a mirror is bound by nothing; a mirror has no signing key.
    """
    if vault.store.size(CARD) is None or (vault.local / "device.key").exists():
        return frozenset()
    names = frozenset(name for name in frozen(vault).packs if vault.store.size(pack_path(name)) is None)
    if names:
        findings.note(f"{len(names)} packs of frozen items are not in this mirror, as it must be")
    return names


def check_files(vault: Vault, findings: Findings, withheld: frozenset[str]) -> list[Descriptor]:
    """Check all files the log speaks of but packs that are `withheld`; return the descriptors among them."""
    descriptors = []
    left_out = {pack_path(name) for name in withheld}
    for path, digest in vault.expected_files().items():
        if path in left_out:
            continue
        try:
            data = vault.read_expected(path, digest)
            if path.startswith("deliveries/"):
                descriptors.append(Descriptor.decode(data, path))
        except BearwitnessError as error:
            findings.problem(str(error))
        findings.count("files")
    for descriptor in descriptors:
        for number, part in enumerate(descriptor.parts):
            try:
                vault.read_expected(descriptor.key_path(number), part.keys)
            except BearwitnessError as error:
                findings.problem(str(error))
            findings.count("files")
    return descriptors


def check_stamps(vault: Vault, log: Log, findings: Findings, roots: Sequence[x509.Certificate] = ()) -> None:
    """Check that each stamp is over its checkpoint or an older stamp; with `roots` also by whom."""
    try:
        for size, files in stampfiles.by_size(vault, log).items():
            plain = note.parse(log.note_bytes(size)).plain(log.key).encode()
            known = {sha256(data).digest(): data for data in files}
            from bearwitness_verify import (
                stamps,
                timestamp,
            )  # only where there is one: they bring all of X.509

            for data in files:
                stamp = stamps.StampFile.parse(data)
                message = plain if stamp.renewed is None else known.get(stamp.renewed)
                if message is None or not stamp.is_of(message):
                    raise TamperedError(
                        f"a stamp of checkpoint {size} of log {log.name} is of something else"
                    )
                timestamp.check_consistent(timestamp.parse_reply(stamp.reply), message, stamp.certificates)
            if roots:
                for group in stamps.apart(files):
                    stamps.verify_chain(group, plain, roots)
            findings.count("stamps", len(files))
    except BearwitnessError as error:
        findings.problem(f"stamps of log {log.name}: {error}")


def check_since(logs: Sequence[Log], data: bytes, findings: Findings) -> None:
    """Check that one of the logs continues a checkpoint of it that was kept elsewhere."""
    try:
        origin = Checkpoint.parse(note.parse(data).text).origin
        log = next((log for log in logs if log.key.name == origin), None)
        if log is None:
            raise TamperedError(f"the checkpoint is of the log {origin}, which is not in this vault")
        known, _ = read_checkpoint(data, log.key)
        if log.root_at(known.size) != known.root:
            raise TamperedError(
                "FORK: the log does not continue that checkpoint; its history was rewritten",
                "keep both as evidence",
            )
        findings.count("earlier checkpoints")
    except BearwitnessError as error:
        findings.problem(
            f"the checkpoint given with --since: {error}" + (f" ({error.hint})" if error.hint else "")
        )


def check_packs(
    store: Store, names: Iterable[str], findings: Findings, progress: Callable[[int], None], workers: int
) -> None:
    """Check that every pack is there and has the bytes its name says, on `workers` processes."""
    unique = sorted(set(names))
    batches = [unique[at : at + _PACKS_AT_ONCE] for at in range(0, len(unique), _PACKS_AT_ONCE)]
    with shared_out(len(batches), workers) as mapped:
        for problems, size in mapped(_hash_packs, [store] * len(batches), batches):
            findings.problems += problems
            progress(size)
    findings.count("packs", len(unique))


def _hash_packs(store: Store, names: list[str]) -> tuple[list[str], int]:
    problems, done = [], 0
    for name in names:
        digest, at = sha256(), 0
        try:
            while piece := store.read_range(pack_path(name), at, _READ_BYTES):
                digest.update(piece)
                at += len(piece)
        except KeyError:
            problems.append(f"pack {name} is missing")
            continue
        except OSError as error:
            problems.append(f"pack {name} can not be read: {error.strerror}")
            continue
        if digest.hexdigest() != name:
            problems.append(f"pack {name} was altered: its bytes have another hash")
        done += at
    return problems, done


def check_strays(vault: Vault, descriptors: Iterable[Descriptor], findings: Findings) -> None:
    """Tell of files the log does not speak of; they are harmless but nobody vouches for them."""
    expected = set(vault.expected_files())
    for descriptor in descriptors:
        expected |= {pack_path(name) for name in descriptor.pack_names()}
        expected |= {descriptor.key_path(n) for n in range(len(descriptor.parts))}
    for path in vault.store.names(""):
        top = path.partition("/")[0]
        if path in expected or path == CARD or top in ("local", "runs", "log"):
            continue
        findings.note(f"{path} is here, but the log does not speak of it")
