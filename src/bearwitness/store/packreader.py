"""Reads packs whole, one after the other: each byte once, hashed and decrypted while it is in the cache.

Both buffers are used for all packs. Fresh memory for every pack cost more time than decrypting it.
"""

from __future__ import annotations

from hashlib import sha256
from typing import Final

from bearwitness.crypto import age
from bearwitness.errors import (
    BearwitnessError,
    KeyUnlockError,
    MalformedError,
    TamperedError,
    unreadable_error,
)

from .base import Store
from .packs import PACK_BYTES, pack_path

READ_BYTES: Final = 4 * age.SEALED_CHUNK_BYTES  # with what comes of it, it fits the cache of one core


class PackReader:
    """The pack opened last. What :meth:`plain` returned is overwritten when another is opened."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._sealed = memoryview(bytearray(READ_BYTES + age.SEALED_CHUNK_BYTES))
        self._plain = memoryview(bytearray(2 * PACK_BYTES))
        self.name = ""
        self.stored_bytes = self._read = self._begin = self._fill = self._got = 0
        self._hash = sha256()
        self._failure: BearwitnessError | None = None

    def open(self, name: str, identity: age.Identity) -> None:
        """Go to the pack `name`; raise TamperedError, KeyUnlockError, MalformedError."""
        size = self._store.size(pack_path(name))
        if size is None:
            raise TamperedError(f"pack {name} is missing", "restore it from a mirror")
        self.name, self.stored_bytes, self._hash = name, size, sha256()
        self._read = self._begin = self._fill = self._got = 0
        self._failure = None
        self._fetch()
        head, what = bytes(self._sealed[: min(self._fill, age.HEADER_BYTES_MAX)]), f"pack {name}"
        try:
            key, self._begin = age.open_header(head, identity, what)
            self._opener = age.ChunkOpener(key, size - self._begin, what)
        except (KeyUnlockError, MalformedError) as error:
            raise self._cause_of(error) from None
        if self._opener.plaintext_bytes > len(self._plain):
            self._plain = memoryview(bytearray(self._opener.plaintext_bytes))

    def plain(self, begin: int, end: int) -> memoryview:
        """Return the plaintext from `begin` to `end`; raise TamperedError, MalformedError."""
        if end > self._opener.plaintext_bytes:
            raise TamperedError(f"pack {self.name} is shorter than what is asked of it")
        while self._got < end:
            self._decrypt()
        return self._plain[begin:end]

    def finish(self) -> int:
        """Read and decrypt what is left; return the length of the plaintext.

        Raises TamperedError unless the pack has the hash it is named after, MalformedError if it is damaged.
        """
        size = self._opener.plaintext_bytes
        while not self._opener.done:
            self._decrypt()
        if self._hash.hexdigest() != self.name:
            raise self._altered()
        return size

    def _decrypt(self) -> None:
        """Decrypt the chunks at hand and fetch more; once that failed it fails for good."""
        if self._failure:
            raise self._failure
        try:
            while self._fill - self._begin >= age.SEALED_CHUNK_BYTES or self._read == self.stored_bytes:
                chunk = self._sealed[self._begin : min(self._fill, self._begin + age.SEALED_CHUNK_BYTES)]
                self._got += self._opener.open(chunk, self._plain[self._got :])
                self._begin += len(chunk)
                if self._begin == self._fill:
                    break
        except MalformedError as error:
            raise self._cause_of(error) from None
        self._fetch()

    def _fetch(self) -> None:
        """Read on behind what is not decrypted yet."""
        rest = self._fill - self._begin
        self._sealed[:rest] = self._sealed[self._begin : self._fill]
        self._begin, self._fill = 0, rest
        wanted = min(READ_BYTES, self.stored_bytes - self._read)
        if not wanted:
            return
        into = self._sealed[rest : rest + wanted]
        try:
            got = self._store.read_into(pack_path(self.name), self._read, into)
        except OSError as error:
            self._failure = unreadable_error(error, f"pack {self.name}")
            raise self._failure from None
        if got < wanted:
            raise self._altered()
        self._hash.update(into)
        self._read, self._fill = self._read + wanted, rest + wanted

    def _cause_of(self, error: BearwitnessError) -> BearwitnessError:
        """Return why the pack can not be read: it was altered, or it was made so."""
        self._begin = self._fill = 0
        while self._read < self.stored_bytes:
            self._begin = self._fill
            self._fetch()
        self._failure = error if self._hash.hexdigest() == self.name else self._altered()
        return self._failure

    def _altered(self) -> TamperedError:
        self._failure = TamperedError(f"pack {self.name} was altered: its bytes have another hash")
        return self._failure
