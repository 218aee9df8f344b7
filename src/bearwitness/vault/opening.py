"""Opens what is at a place: a vault or a field kit, mended if a crash left a change half carried out."""

from __future__ import annotations

from pathlib import Path

from bearwitness.errors import NotAVaultError, RefusedError, VaultError, storage_error

from .change import finish_pending, is_pending
from .config import Config, KitConfig, VaultConfig, decode
from .vault import KIT_FILE, VAULT_FILE, Vault


def read_config(path: Path) -> Config:
    """Read ``vault.toml`` or ``kit.toml``; raise TamperedError."""
    try:
        data = path.read_bytes()
    except OSError as error:
        raise storage_error(error, str(path)) from error
    if path.name == KIT_FILE:
        return decode(KitConfig, data, str(path))
    return decode(VaultConfig, data, str(path))


def open_vault(root: Path) -> Vault:
    """Open the vault or kit at `root`; refuse one whose public file is not the one its log commits to."""
    for path in (root / VAULT_FILE, root / KIT_FILE):
        if path.is_file():
            vault = Vault(root, read_config(path))
            if is_pending(vault):
                _mend(vault)
                vault = Vault(root, read_config(path))
            vault.check_public_file()
            return vault
    raise NotAVaultError(
        f"there is no vault and no kit at {root}",
        "check the path; a vault is made with: bearwitness init VAULT --recipient age1…",
    )


def _mend(vault: Vault) -> None:
    try:
        with vault.writing():
            finish_pending(vault)
    except OSError as error:
        raise VaultError(
            f"an interrupted change to {vault.root} must be finished, and it can not be written: {error}"
        ) from None


def settle(vault: Vault) -> None:
    """Finish what another command died over since `vault` was opened; the lock is held by now.

    Raises RefusedError where its keys were changed meanwhile: what is entered would be for the old ones.
    """
    finish_pending(vault)
    if read_config(vault.root / vault.public_file) != vault.config:
        raise RefusedError("the keys of the vault were changed meanwhile", "run the same command again")


def open_vault_proper(root: Path) -> Vault:
    """Open the vault at `root`; refuse a kit."""
    vault = open_vault(root)
    if vault.is_kit:
        raise NotAVaultError(f"{root} is a field kit; this needs the vault itself")
    return vault
