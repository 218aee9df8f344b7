"""Packs: age files to an identity of their own, named by the hash of their bytes (docs/format.md, 5.2).

:class:`PackWriter` streams plaintext into packs: ask for :meth:`~PackWriter.room`, put bytes there, say how
many with :meth:`~PackWriter.commit`. Plaintext stays in one buffer of this process.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Final

from bearwitness.crypto import age
from bearwitness.crypto.padding import padded_length

from .directfile import FLUSH_BYTES, DiskWriter, open_direct

PACK_BYTES: Final = (
    8 << 20
)  # a pack is closed once it holds this much; large files end in one of up to twice that
BUFFER_BYTES: Final = 4 * age.CHUNK_BYTES  # with what is made of it, it fits the cache of one core


@dataclass(frozen=True)
class Pack:
    """A finished pack: its name, the identity that opens it, its length on disk."""

    name: str
    identity: age.Identity
    stored_bytes: int


def pack_path(name: str) -> str:
    """Return where the pack `name` lies in a vault."""
    return f"packs/{name[:2]}/{name}"


class PackWriter:
    """Writes one pack after another into `folder`, each under its final name once it is durable."""

    def __init__(self, folder: Path, disk: DiskWriter) -> None:
        self._folder, self._disk = folder, disk
        self._plain = memoryview(bytearray(BUFFER_BYTES))
        self._pending: list[tuple[Future[None], Path, str]] = []
        self._open: _OpenPack | None = None
        self._filled = 0
        self.finished: list[Pack] = []

    @property
    def offset(self) -> int:
        """How many bytes of plaintext the present pack holds."""
        return self._filled + (self._open.plain_bytes if self._open else 0)

    def room(self, at_least: int = 1) -> memoryview:
        """Return free memory for the next plaintext, `at_least` that many bytes (up to 65,536)."""
        if BUFFER_BYTES - self._filled < at_least:
            self._drain(last=False)
        return self._plain[self._filled :]

    def commit(self, length: int) -> None:
        """Take the first `length` bytes of what :meth:`room` returned as plaintext of the present pack."""
        self._filled += length

    def close_pack(self) -> Pack | None:
        """End the present pack, padded; None if it holds nothing. Durable after :meth:`settle`."""
        if self.offset == 0:
            return None
        missing = padded_length(self.offset) - self.offset
        while missing:
            room = self.room()[:missing]
            room[:] = bytes(len(room))
            self.commit(len(room))
            missing -= len(room)
        self._drain(last=True)
        pack = self._finish()
        self.finished.append(pack)
        return pack

    def take(self) -> tuple[list[Pack], Callable[[], None]]:
        """Return all closed packs and forget them; also what waits until they are there under their names."""
        packs, pending = self.finished, self._pending
        self.finished, self._pending = [], []

        def wait() -> None:
            for done, temporary, name in pending:
                done.result()
                temporary.rename(self._folder / name)

        return packs, wait

    def settle(self) -> list[Pack]:
        """Wait until all closed packs are on the disk under their names; return and forget them."""
        packs, wait = self.take()
        wait()
        return packs

    def abandon(self) -> None:
        """Give up whatever is not settled."""
        self._disk.forget()
        if self._open:
            os.close(self._open.file)
        for path in self._folder.glob(f"{os.getpid()}-*"):
            path.unlink(missing_ok=True)
        self._open, self._filled, self._pending, self.finished = None, 0, [], []

    def _drain(self, *, last: bool) -> None:
        """Encrypt what the buffer holds; unless it is the `last` of the pack, hold the last chunk back.

        Only the last chunk of an age file may be marked as such, and whether a chunk is the last is
        not known before more comes, or nothing.
        """
        pack = self._open or self._start()
        end = self._filled if last else (self._filled - 1) // age.CHUNK_BYTES * age.CHUNK_BYTES
        for at in range(0, end, age.CHUNK_BYTES):
            stop = min(at + age.CHUNK_BYTES, end)
            pack.append_chunk(self._plain[at:stop], last=last and stop == end)
        pack.absorb()
        pack.plain_bytes += end
        self._filled -= end
        self._plain[: self._filled] = self._plain[end : end + self._filled]

    def _start(self) -> _OpenPack:
        self._open = _OpenPack(self._folder / f"{os.getpid()}-{secrets.token_hex(8)}", self._disk)
        return self._open

    def _finish(self) -> Pack:
        pack, self._open = self._open, None
        if pack is None:
            raise AssertionError("a pack is finished that was never begun")
        name = pack.finish()
        self._pending.append((pack.done, pack.path, name))
        return Pack(name, pack.identity, pack.stored_bytes)


class _OpenPack:
    """The pack being written: encrypts chunks into the disk's buffer and hashes what comes out."""

    done: Future[None]

    def __init__(self, path: Path, disk: DiskWriter) -> None:
        self.path, self.identity, self._disk = path, age.Identity.generate(), disk
        prologue, self._sealer = age.start(self.identity.recipient)
        self.file = open_direct(path)
        self.plain_bytes = self.stored_bytes = self._flushed = 0
        self._hash = sha256()
        disk.buffer()[: len(prologue)] = prologue
        self._fill, self._hashed = len(prologue), 0

    def append_chunk(self, chunk: memoryview, *, last: bool) -> None:
        """Encrypt `chunk` to the end of the pack."""
        self._fill += self._sealer.seal(chunk, self._disk.buffer()[self._fill :], last=last)
        if self._fill >= FLUSH_BYTES:
            self.absorb()
            whole = FLUSH_BYTES
            tail = self._fill - whole
            self._disk.swap(self.file, self._flushed, whole, tail)
            self._flushed += whole
            self._fill = self._hashed = tail

    def absorb(self) -> None:
        """Hash what was encrypted since the last call."""
        self._hash.update(self._disk.buffer()[self._hashed : self._fill])
        self._hashed = self._fill

    def finish(self) -> str:
        """Hand the rest to the disk; return the pack's name."""
        self.absorb()
        self.stored_bytes = self._flushed + self._fill
        self.done = self._disk.submit_close(self.file, self._flushed, self._fill, self.stored_bytes)
        return self._hash.hexdigest()
