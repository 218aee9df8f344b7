"""Replaces files that the log speaks of, all or none: staged, committed by the log, then moved.

A crash before the entry is appended leaves the vault as it was; a crash after it is mended by
:func:`finish_pending`, which every command calls first.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from bearwitness.crypto import age
from bearwitness.custody.entries import Effect, Entry
from bearwitness.errors import storage_error
from bearwitness.store.local import LocalStore, make_folder, sync_folder
from bearwitness.store.packs import pack_path
from bearwitness_verify.canonical import Json

from .vault import Vault, digest_of

_FOLDER: Final = "change"
_PLAN: Final = "plan.json"
_PACKS: Final = "packs"
_OLD: Final = "old"


class Change:
    """Files to be put, removed or erased when an entry is in the log. Whoever makes one holds the lock."""

    def __init__(self, vault: Vault) -> None:
        self._vault = vault
        self._folder = vault.root / "runs" / _FOLDER
        self._put: dict[str, str] = {}  # path -> SHA-256; staged under that name
        self._remove: list[str] = []
        self._packs: list[str] = []
        finish_pending(vault)  # who held the lock before may have died in the middle
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
        make_folder(folder)
        return folder

    def add_pack(self, name: str) -> None:
        """Have the finished pack `name`, which lies in :meth:`pack_folder`, in the vault after the change."""
        self._packs.append(name)

    def commit(
        self,
        fields: Mapping[str, Json],
        also: Effect | None = None,
        recipient: age.Recipient | None = None,
        secrets: Mapping[str, Json] | None = None,
    ) -> None:
        """Enter `fields` in the log with the change as its effect (and `also`), then carry it out."""
        effect: Effect = {p: d for p, d in self._put.items() if not d.startswith("-")}
        expected = self._vault.expected_files()
        effect |= {path: None for path in self._remove if path in expected}
        effect |= also or {}
        self.commit_entries([self._vault.entry(fields, effect, recipient=recipient, secrets=secrets)])

    def commit_entries(self, sealed: Sequence[Entry]) -> None:
        """Enter `sealed` in the log, whose effects together name what changes, then carry it out."""
        if self._packs:
            sync_folder(self.pack_folder())
        plan = {
            "put": self._put, "remove": self._remove, "packs": self._packs,
            "size": self._vault.log.size, "effects": [entry.effect for entry in sealed],
        }  # fmt: skip
        self._stage.write(_PLAN, json.dumps(plan).encode())
        self._vault.append_all(sealed)
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
    try:
        if _is_committed(vault, plan):
            _carry_out(vault, folder, plan)
        shutil.rmtree(folder)
        sync_folder(folder.parent)
    except OSError as error:
        raise storage_error(error, str(vault.root)) from error
    return True


def _is_committed(vault: Vault, plan: dict[str, object]) -> bool:
    """Say whether the entries that were to follow when the plan was made are those that do follow."""
    size, effects = plan["size"], plan["effects"]
    if not isinstance(size, int) or not isinstance(effects, list):
        raise TypeError("a plan is damaged")
    return vault.log.effects()[size : size + len(effects)] == effects


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
            replace(vault.store, path, staged.read_bytes(), folder / _OLD)
    for path in remove:
        erase(vault.store.path(path))
    for left in (folder / _OLD).glob("*"):  # of a crash between the new bytes and the end of the old
        erase(left)


def replace(store: LocalStore, path: str, data: bytes, aside: Path | None = None) -> None:
    """Put `data` at `path` in one step, and only then overwrite the bytes that were there.

    The log's latest checkpoint and the public file may be among what is replaced: at no instant may they be
    neither old nor new. A second name in the folder `aside` keeps the old bytes in reach after a crash.
    """
    try:
        old = os.open(store.path(path), os.O_WRONLY | os.O_NOFOLLOW)
    except FileNotFoundError:
        store.write(path, data)
        return
    try:
        if store.read(path) == data:
            return
        if aside is not None:
            make_folder(aside)
            with contextlib.suppress(
                OSError
            ):  # it is there already, or the file system knows no second names
                os.link(store.path(path), aside / digest_of(path.encode()))
        store.write(path, data)
        _overwrite(old)
    finally:
        os.close(old)


def erase_leftovers(store: LocalStore) -> None:
    """Erase what interrupted writes left: it may be a copy of what is to be destroyed, or of its keys."""
    for path in list(store.leftovers()):
        erase(path)


def erase(path: Path) -> None:
    """Overwrite a file with zeros and remove it: what can be done on most disks.

    Flash memory and journaling file systems may keep the old bytes elsewhere; SECURITY.md says so.
    """
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_NOFOLLOW)
    except FileNotFoundError:
        return
    try:
        _overwrite(descriptor)
    finally:
        os.close(descriptor)
    path.unlink()
    sync_folder(path.parent)


def _overwrite(descriptor: int) -> None:
    size = os.fstat(descriptor).st_size
    for at in range(0, size, 1 << 20):
        os.pwrite(descriptor, bytes(min(1 << 20, size - at)), at)
    os.fsync(descriptor)
