"""A run of `seal` that is not closed yet: a folder that survives any crash (docs/format.md, 8).

The journal is the commit: a part counts, and is acknowledged, once its line is on the disk. Packs are written
to the run's own folder first and moved into the vault after; resuming moves what a crash left behind.
"""

from __future__ import annotations

import base64
import binascii
import hmac
import json
import os
import re
import secrets
import shutil
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from bearwitness.crypto import age
from bearwitness.errors import TamperedError, storage_error
from bearwitness.store.local import LocalStore, make_folder, sync_folder
from bearwitness.store.packs import pack_path
from bearwitness.vault.delivery import Descriptor, Part
from bearwitness_verify.leaves import item_id

from .part import Mark, PartResult, unpack_marks

_RUN_FILE: Final = "run.json"
_KEY_FILE: Final = "key"
_JOURNAL: Final = "journal"
_ROOT: Final = "root"
_NAME: Final = re.compile(r"\.?[0-9a-f]{32}\Z")
_SYNCS_AT_ONCE: Final = 8  # disks do those that come together in one go
_NO_KEY: Final = bytes(32)  # what is written over a key that is destroyed


@dataclass(frozen=True)
class RunInfo:
    """What a run is: its delivery, the recipient of its key files, which source (a keyed tag) it reads."""

    delivery: str
    recipient: str
    compartment: str
    source_tag: str


class Run:
    """An open run in ``runs/<delivery>/``."""

    def __init__(self, folder: Path, store: LocalStore) -> None:
        self.folder, self._store = folder, store
        self.key = _key_of(folder)
        self.info = RunInfo(**json.loads((folder / _RUN_FILE).read_text()))
        self.parts: list[Part] = []
        self.items = self.size = 0  # of all parts, further attempts at a name counted too
        self._tags: set[bytes] = set()
        self._by_tag: dict[bytes, bytes] = {}
        self.marks = bytearray()

    @property
    def temporary(self) -> Path:
        """The folder workers write to."""
        return self.folder / "tmp"

    @classmethod
    def create(cls, store: LocalStore, source: bytes, recipient: age.Recipient, compartment: str) -> Run:
        """Begin a run; its folder appears complete or not at all."""
        delivery, key = secrets.token_hex(16), secrets.token_bytes(32)
        folder = store.root / "runs" / f".{delivery}"
        try:
            make_folder(folder.parent)
            (folder / "tmp").mkdir(parents=True, mode=0o700)
            info = RunInfo(delivery, str(recipient), compartment, source_tag(key, source))
            _write(folder / _KEY_FILE, key)
            _write(folder / _RUN_FILE, json.dumps(info.__dict__).encode())
            _write(folder / _JOURNAL, b"")
            sync_folder(folder)
            final = folder.with_name(delivery)
            folder.rename(final)
            sync_folder(final.parent)
        except OSError as error:
            raise storage_error(error, str(store.root)) from error
        return cls(final, store)

    def descriptor(self) -> Descriptor:
        """Return the descriptor of what is sealed so far."""
        info = self.info
        return Descriptor(info.delivery, info.compartment, info.recipient, tuple(self.parts))

    def is_of(self, source: bytes) -> bool:
        """Say whether this run reads `source`."""
        return hmac.compare_digest(self.info.source_tag, source_tag(self.key, source))

    def recover(self, *, entered: bool = False) -> None:
        """Read the journal and move what a crash left in the run's folder; drop unfinished parts.

        What was `entered` in the log is the vault's: its packs may have been written anew since.
        """
        for line in self._read_lines():
            self._count(line)
            if not entered:
                self._adopt(len(self.parts) - 1, str(line["key_file"]))
        for leftover in self.temporary.iterdir():
            leftover.unlink()
        self._tags = {mark.tag for mark in self.each_mark() if not mark.lossy}

    def is_done(self, tag: bytes) -> bool:
        """Say whether an earlier session sealed the file with this tag without loss."""
        return tag in self._tags

    def item_of(self, tag: bytes) -> str | None:
        """Return the id of the item an earlier session sealed under `tag`."""
        if not self._by_tag:
            self._by_tag = {mark.tag: mark.leaf for mark in self.each_mark()}
        leaf = self._by_tag.get(tag)
        return item_id(leaf) if leaf else None

    def each_mark(self) -> Iterator[Mark]:
        """Yield the mark of every item, in the order in which they were sealed."""
        return unpack_marks(self.marks)

    def commit(self, results: Sequence[PartResult]) -> None:
        """Enter finished parts in the journal; acknowledged when this returns."""
        lines = [
            {
                "part": Part(tuple(r.packs), r.manifest, r.keys_digest).__dict__,
                "key_file": r.key_file,
                "marks": base64.b64encode(r.marks).decode(),
                "items": r.items,
                "bytes": r.size,
            }
            for r in results
        ]
        try:
            sync_folder(self.temporary)
            data = b"".join(json.dumps(line).encode() + b"\n" for line in lines)
            descriptor = os.open(self.folder / _JOURNAL, os.O_WRONLY | os.O_APPEND)
            try:
                _write_all(descriptor, data)
                os.fsync(descriptor)
            finally:
                os.close(descriptor)
        except OSError as error:
            raise storage_error(error, str(self._store.root)) from error
        for line in lines:
            self._count(line)
            self._adopt(len(self.parts) - 1, str(line["key_file"]))

    def _count(self, line: dict[str, object]) -> None:
        part = line["part"]
        if not isinstance(part, dict):
            raise TamperedError(f"the journal {self.folder} is damaged")
        self.parts.append(Part(tuple(part["packs"]), part["manifest"], part["keys"]))
        self.marks += base64.b64decode(str(line["marks"]))
        self.items += int(str(line["items"]))
        self.size += int(str(line["bytes"]))

    def _adopt(self, number: int, key_file: str) -> None:
        """Move the files of part `number` to their places, those that are not there yet."""
        part = self.parts[number]
        moves = [(name, pack_path(name)) for name in (*part.packs, part.manifest)]
        moves.append((key_file, self.descriptor().key_path(number)))
        for name, path in moves:
            temporary = self.temporary / name
            if temporary.exists():
                self._store.adopt(temporary, path)
            elif self._store.size(path) is None:
                raise TamperedError(f"{path}, acknowledged by an unfinished run, is gone")

    def _read_lines(self) -> Iterable[dict[str, object]]:
        """Yield the journal's lines; cut off a last one that a crash left incomplete."""
        path = self.folder / _JOURNAL
        data = path.read_bytes()
        whole = data.rpartition(b"\n")[0] + b"\n" if b"\n" in data else b""
        if len(whole) != len(data):
            os.truncate(path, len(whole))
        for line in whole.splitlines():
            try:
                yield json.loads(line)
            except (ValueError, binascii.Error):
                raise TamperedError(f"the journal {path} is damaged") from None

    @contextmanager
    def syncing(self) -> Iterator[None]:
        """Make all moves of files durable while the body runs; they are when it ends."""
        folders = {self._store.path(pack_path(name)).parent for name in self.descriptor().pack_names()}
        keys = self._store.path(self.descriptor().identity_path).parent
        if keys.is_dir():
            folders.add(keys)
        with ThreadPoolExecutor(_SYNCS_AT_ONCE) as pool:
            synced = [pool.submit(sync_folder, folder) for folder in folders]
            yield
        for one in synced:
            one.result()

    def note_root(self, root: bytes) -> None:
        """Keep the root of the delivery's tree until the run has ended."""
        _write(self.folder / _ROOT, root)

    def noted_root(self) -> bytes:
        """Return the root kept by :meth:`note_root`."""
        return (self.folder / _ROOT).read_bytes()

    def destroy(self) -> None:
        """Destroy the run's key and its folder; ended at once for whoever comes after a crash."""
        ended = self.folder.with_name(f".{self.folder.name}")
        self.folder.rename(ended)
        sync_folder(ended.parent)
        _clear(ended)
        sync_folder(ended.parent)


def open_runs(store: LocalStore) -> list[Run]:
    """Return the runs that are not closed; clear away what crashes left of others. The lock is held."""
    runs = store.root / "runs"
    if not runs.is_dir():
        return []
    found = []
    for folder in sorted(runs.iterdir()):
        if _NAME.match(folder.name) is None:
            continue  # what replaces files when an entry is in the log: vault/change.py
        if folder.name.startswith("."):
            _clear(folder)  # a crash came before the run began, or in its end
            continue
        found.append(Run(folder, store))
    return found


def _key_of(folder: Path) -> bytes:
    """Return the key of a run; where it is lost, what was acknowledged can be closed, not gone on with."""
    try:
        return (folder / _KEY_FILE).read_bytes()
    except FileNotFoundError:
        return secrets.token_bytes(32)


def _clear(folder: Path) -> None:
    """Overwrite the key in a run's folder, then remove the folder."""
    if (folder / _KEY_FILE).exists():
        _write(folder / _KEY_FILE, _NO_KEY)
    shutil.rmtree(folder)


def source_tag(key: bytes, source: bytes) -> str:
    """Return the keyed tag of a source's absolute path."""
    return hmac.digest(key, b"source\x00" + source, "sha256").hex()


def _write(path: Path, data: bytes) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT, 0o600)
    try:
        _write_all(descriptor, data)
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _write_all(descriptor: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(descriptor, view) :]
