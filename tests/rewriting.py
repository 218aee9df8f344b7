"""A vault's history rewritten by one who has its signing key, or by one who has not."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path

from bearwitness.custody.entries import Entry
from bearwitness.custody.log import Log
from bearwitness.custody.signing import SigningKey
from bearwitness.vault.opening import read_config
from bearwitness.vault.vault import VAULT_FILE, Vault
from bearwitness_verify import merkle
from bearwitness_verify.checkpoint import Checkpoint


def entries_of(vault: Path) -> list[Entry]:
    """Return the entries of a vault's own log."""
    return [entry for _, entry in open_as_it_is(vault).log.entries()]


def open_as_it_is(vault: Path) -> Vault:
    """Return a vault without the checks that its door makes."""
    return Vault(vault, read_config(vault / VAULT_FILE))


def put_entries(vault: Path, entries: Sequence[Entry], *, name: str = "vault") -> None:
    """Put these entries in the place of those of a log; its checkpoints stay."""
    folder = vault / "log" / name / "entries"
    shutil.rmtree(folder)
    for index, entry in enumerate(entries):
        path = folder / f"{index // 1000:06}" / f"{index:09}.entry"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(entry.encode())


def sign_anew(vault: Path, entries: Sequence[Entry]) -> None:
    """Rewrite the log as one with the vault's signing key can: these entries, a checkpoint for each size."""
    signer = SigningKey.parse((vault / "local/device.key").read_text())
    put_entries(vault, entries)
    notes = vault / "log/vault/notes"
    shutil.rmtree(notes)
    notes.mkdir()
    leaves = [entry.leaf() for entry in entries]
    for size in range(1, len(leaves) + 1):
        head = Checkpoint(signer.name, size, merkle.root_of(leaves[:size]))
        (notes / f"{size}.note").write_bytes(signer.sign_note(head.text()))
    shutil.copy(notes / f"{len(leaves)}.note", vault / "log/vault/checkpoint")


def cut_log(vault: Path, size: int) -> None:
    """Put the log back to an earlier size as one without any key can: drop files."""
    log = Log(open_as_it_is(vault).store, open_as_it_is(vault).config.log_key)
    put_entries(vault, [entry for _, entry in log.entries()][:size])
    notes = vault / "log/vault/notes"
    for path in notes.glob("*.note"):
        if int(path.stem) > size:
            path.unlink()
    shutil.copy(notes / f"{size}.note", vault / "log/vault/checkpoint")
