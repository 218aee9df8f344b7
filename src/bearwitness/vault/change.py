"""Replaces files that the log speaks of, all or none: staged, committed by the log, then moved.

A crash before the entry is appended leaves the vault as it was; a crash after it is mended by
:func:`finish_pending`, which every command calls first.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from bearwitness.crypto import age
from bearwitness.errors import storage_error
from bearwitness.store.local import LocalStore, sync_folder
from bearwitness.store.packs import pack_path
from bearwitness_verify.canonical import Json

from .vault import Vault, digest_of

_FOLDER: Final = "change"
_PLAN: Final = "plan.json"
_PACKS: Final = "packs"


class Change:
    """Files to be put, removed or erased when an entry is in the log."""

    def __init__(self, vault: Vault) -> None:
        self._vault = vault
        self._folder = vault.root / "runs" / _FOLDER
        self._put: dict[str, str] = {}  # path -> SHA-256; staged under that name
        self._remove: list[str] = []
        self._packs: list[str] = []
        shutil.rmtree(self._folder, ignore_errors=True)
        self._stage = LocalStore(self._folder)

    def put(self, path: str, data: bytes, *, bound: bool = True) -> None:
        """Have `data` at `path` after the change; `bound`: the entry's effect names it."""
        digest = digest_of(data)
        self._stage.write(f"staged/{digest}", data)
        self._put[path] = digest if bound else f"-{digest}"

    def remove(self, path: str) -> None:
        """Have nothing at `path` after the change, its old bytes overwritten."""
        self._remove.append(path)

    def pack_folder(self) -> Path:
        """Return the folder in which new packs are to be written."""
        folder = self._folder / _PACKS
        folder.mkdir(parents=True, exist_ok=True)
        return folder

    def add_pack(self, name: str) -> None:
        """Have the finished pack `name`, which lies in :meth:`pack_folder`, in the vault after the change."""
        self._packs.append(name)

    def commit(
        self,
        fields: Mapping[str, Json],
        also: Mapping[str, str | None] | None = None,
        recipient: age.Recipient | None = None,
        secrets: Mapping[str, Json] | None = None,
    ) -> None:
        """Enter `fields` in the log with the change as its effect (and `also`), then carry it out."""
        effect: dict[str, str | None] = {p: d for p, d in self._put.items() if not d.startswith("-")}
        effect |= {path: None for path in self._remove if path in self._vault.expected_files()}
        effect |= also or {}
        if self._packs:
            sync_folder(self.pack_folder())
        plan = {"put": self._put, "remove": self._remove, "packs": self._packs, "size": self._vault.log.size}
        self._stage.write(_PLAN, json.dumps(plan).encode())
        self._vault.append(fields, effect, recipient=recipient, secrets=secrets)
        finish_pending(self._vault)


def is_pending(vault: Vault) -> bool:
    """Say whether a crash may have left a change half carried out."""
    return (vault.root / "runs" / _FOLDER).is_dir()


def finish_pending(vault: Vault) -> bool:
    """Carry out a change that was committed, or undo one that was not; say whether there was one."""
    folder = vault.root / "runs" / _FOLDER
    if not folder.is_dir():
        return False
    try:
        plan = json.loads((folder / _PLAN).read_bytes())
    except FileNotFoundError:
        shutil.rmtree(folder, ignore_errors=True)  # a crash came while it was being prepared
        return True
    committed = vault.log.size > plan["size"]
    try:
        if committed:
            _carry_out(vault, folder, plan)
        shutil.rmtree(folder)
        sync_folder(folder.parent)
    except OSError as error:
        raise storage_error(error, str(vault.root)) from error
    return True


def _carry_out(vault: Vault, folder: Path, plan: dict[str, object]) -> None:
    put, remove, packs = plan["put"], plan["remove"], plan["packs"]
    if not isinstance(put, dict) or not isinstance(remove, list) or not isinstance(packs, list):
        raise TypeError("a plan is damaged")
    for name in packs:
        if (folder / _PACKS / name).exists():
            vault.store.adopt(folder / _PACKS / name, pack_path(name))
            sync_folder(vault.store.path(pack_path(name)).parent)
    for path, digest in put.items():
        staged = folder / "staged" / digest.removeprefix("-")
        if staged.exists():
            data = staged.read_bytes()
            erase(vault.store.path(path), keep=True)
            vault.store.write(path, data)
    for path in remove:
        erase(vault.store.path(path))


def erase(path: Path, *, keep: bool = False) -> None:
    """Overwrite a file with zeros and remove it (unless `keep`): what can be done on most disks.

    Flash memory and journaling file systems may keep the old bytes elsewhere; SECURITY.md says so.
    """
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_NOFOLLOW)
    except FileNotFoundError:
        return
    try:
        size = os.fstat(descriptor).st_size
        for at in range(0, size, 1 << 20):
            os.pwrite(descriptor, bytes(min(1 << 20, size - at)), at)
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    if not keep:
        path.unlink()
        sync_folder(path.parent)
