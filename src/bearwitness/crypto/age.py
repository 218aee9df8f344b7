"""The age v1 format for packs: one X25519 recipient, seekable, the GIL's best friend.

:func:`encrypt` and :func:`decrypt` do whole byte strings; :func:`start` gives a
:class:`ChunkSealer` for streams, :class:`Reader` reads any range without touching the rest.
The format is c2sp.org/age. The library the rest of Bearwitness uses for age (pyrage) holds the
interpreter's lock for a whole file, can not seek and takes 1.4 s a GB where this takes 0.25 s;
for keepers' identities and passphrases it is used all the same (`keyring.py`).
"""

from __future__ import annotations

import base64
import binascii
import hmac
import os
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from bearwitness.errors import KeyUnlockError, MalformedError

from . import bech32

CHUNK_BYTES: Final = 65_536
TAG_BYTES: Final = 16
SEALED_CHUNK_BYTES: Final = CHUNK_BYTES + TAG_BYTES
NONCE_BYTES: Final = 16
HEADER_BYTES_MAX: Final = 64 * 1024
_VERSION: Final = b"age-encryption.org/v1\n"
_X25519_INFO: Final = b"age-encryption.org/v1/X25519"
# Fixed because each wrap key is derived from a fresh ephemeral share and used once.
_WRAP_NONCE: Final = bytes(12)
_STANZA = re.compile(
    rb"-> ([\x21-\x7e]+(?: [\x21-\x7e]+)*)\n((?:[A-Za-z0-9+/]{64}\n)*)([A-Za-z0-9+/]{0,63})\n"
)
_END = re.compile(rb"--- ([A-Za-z0-9+/]{43})\n")


@dataclass(frozen=True)
class Recipient:
    """A public X25519 key."""

    public: bytes

    def __str__(self) -> str:
        return bech32.encode("age", self.public)

    @classmethod
    def parse(cls, text: str) -> Recipient:
        """Read ``age1…``; raise MalformedError."""
        public = bech32.decode("age", text.strip())
        if len(public) != 32:
            raise MalformedError("the recipient has the wrong length")
        return cls(public)


@dataclass(frozen=True)
class Identity:
    """A secret X25519 key; never printed by repr."""

    secret: bytes = field(repr=False)

    @classmethod
    def generate(cls) -> Identity:
        """Make a new identity."""
        return cls(os.urandom(32))

    @classmethod
    def parse(cls, text: str) -> Identity:
        """Read ``AGE-SECRET-KEY-1…``; raise MalformedError."""
        secret = bech32.decode("age-secret-key-", text.strip())
        if len(secret) != 32:
            raise MalformedError("the identity has the wrong length")
        return cls(secret)

    def text(self) -> str:
        """Return ``AGE-SECRET-KEY-1…``."""
        return bech32.encode("age-secret-key-", self.secret).upper()

    @property
    def recipient(self) -> Recipient:
        """The public half."""
        key = X25519PrivateKey.from_private_bytes(self.secret)
        return Recipient(key.public_key().public_bytes_raw())


class ChunkSealer:
    """Encrypts the chunks of one age file in order, into memory the caller owns."""

    def __init__(self, payload_key: bytes) -> None:
        self._aead = ChaCha20Poly1305(payload_key)
        self._counter = 0

    def seal(self, chunk: memoryview | bytes, into: memoryview, *, last: bool) -> int:
        """Encrypt a chunk of 65,536 bytes (`last`: 1 to 65,536) to the start of `into`; return the length."""
        nonce = self._counter.to_bytes(11, "big") + (b"\x01" if last else b"\x00")
        self._counter += 1
        size = len(chunk) + TAG_BYTES
        self._aead.encrypt_into(nonce, chunk, None, into[:size])
        return size


def start(recipient: Recipient) -> tuple[bytes, ChunkSealer]:
    """Begin an age file; return its first bytes (header and nonce) and what seals its chunks."""
    file_key = os.urandom(16)
    ephemeral = X25519PrivateKey.generate()
    share = ephemeral.public_key().public_bytes_raw()
    shared = ephemeral.exchange(X25519PublicKey.from_public_bytes(recipient.public))
    wrap_key = _hkdf(shared, share + recipient.public, _X25519_INFO)
    body = ChaCha20Poly1305(wrap_key).encrypt(_WRAP_NONCE, file_key, None)
    head = _VERSION + b"-> X25519 " + _raw64(share) + b"\n" + _raw64(body) + b"\n---"
    mac = hmac.digest(_hkdf(file_key, b"", b"header"), head, "sha256")
    nonce = os.urandom(NONCE_BYTES)
    prologue = head + b" " + _raw64(mac) + b"\n" + nonce
    return prologue, ChunkSealer(_hkdf(file_key, nonce, b"payload"))


def encrypt(plaintext: bytes, recipient: Recipient) -> bytes:
    """Return `plaintext` as an age file to `recipient`."""
    prologue, sealer = start(recipient)
    count = max(1, -(-len(plaintext) // CHUNK_BYTES))
    out = bytearray(len(prologue) + len(plaintext) + count * TAG_BYTES)
    out[: len(prologue)] = prologue
    view, at = memoryview(out), len(prologue)
    source = memoryview(plaintext)
    for number in range(count):
        chunk = source[number * CHUNK_BYTES : (number + 1) * CHUNK_BYTES]
        at += sealer.seal(chunk, view[at:], last=number == count - 1)
    return bytes(out)


class ChunkOpener:
    """Decrypts the chunks of one age file in order, into memory the caller owns."""

    def __init__(self, payload_key: bytes, sealed_bytes: int, what: str = "the file") -> None:
        """`sealed_bytes` is the length of all chunks; raise MalformedError if no file has that many."""
        self._aead, self._what = ChaCha20Poly1305(payload_key), what
        self._number, self._count = 0, _chunk_count(sealed_bytes)
        self.plaintext_bytes = _plaintext_bytes(sealed_bytes, what)

    @property
    def done(self) -> bool:
        """Whether the last chunk was decrypted."""
        return self._number == self._count

    def open(self, chunk: memoryview, into: memoryview) -> int:
        """Decrypt the next chunk (65,552 bytes, the last fewer) to the start of `into`; return the length."""
        size, number = len(chunk) - TAG_BYTES, self._number
        self._number += 1
        try:
            self._aead.decrypt_into(_nonce(number, self._count), chunk, None, into[:size])
        except InvalidTag:
            raise MalformedError(f"{self._what} is damaged or cut short (chunk {number})") from None
        return size


def decrypt(data: bytes, identity: Identity, what: str = "the file") -> bytes:
    """Return the plaintext of the age file `data`, whole or not at all.

    Raises KeyUnlockError if it is for somebody else, MalformedError if it is damaged.
    """
    payload_key, at = open_header(data[:HEADER_BYTES_MAX], identity, what)
    sealed = memoryview(data)[at:]
    opener = ChunkOpener(payload_key, len(sealed), what)
    plain = bytearray(opener.plaintext_bytes)
    into = memoryview(plain)
    for begin in range(0, max(1, len(sealed)), SEALED_CHUNK_BYTES):
        into = into[opener.open(sealed[begin : begin + SEALED_CHUNK_BYTES], into) :]
    return bytes(plain)


class Reader:
    """Random access to an age file. `fetch(offset, length)` returns its ciphertext."""

    def __init__(
        self, fetch: Callable[[int, int], bytes], size: int, identity: Identity, what: str = "the file"
    ) -> None:
        self._fetch, self._what = fetch, what
        payload_key, self._payload_at = open_header(fetch(0, min(size, HEADER_BYTES_MAX)), identity, what)
        self._aead = ChaCha20Poly1305(payload_key)
        sealed = size - self._payload_at
        self._chunks = _chunk_count(sealed)
        self.plaintext_bytes = _plaintext_bytes(sealed, what)

    def chunk(self, number: int) -> bytes:
        """Return chunk `number` decrypted (65,536 bytes, the last one shorter)."""
        return next(self._opened(number, number))

    def read(self, offset: int, length: int) -> bytes:
        """Return `length` bytes of plaintext from `offset`; refuse a range beyond the end."""
        if offset < 0 or length < 0 or offset + length > self.plaintext_bytes:
            raise MalformedError(f"{self._what} is shorter than what is asked of it")
        if length == 0:
            return b""
        first, last = offset // CHUNK_BYTES, (offset + length - 1) // CHUNK_BYTES
        joined = b"".join(self._opened(first, last))
        begin = offset - first * CHUNK_BYTES
        return joined[begin : begin + length]

    def read_all(self) -> bytes:
        """Return the whole plaintext, its last chunk checked to be the last."""
        return b"".join(self.chunk(n) for n in range(self._chunks))

    def _opened(self, first: int, last: int) -> Iterator[bytes]:
        """Yield the plaintext of chunks whose ciphertext is fetched at once."""
        at, count = self._payload_at + first * SEALED_CHUNK_BYTES, last + 1 - first
        sealed = memoryview(self._fetch(at, count * SEALED_CHUNK_BYTES))
        for number in range(first, last + 1):
            begin = (number - first) * SEALED_CHUNK_BYTES
            try:
                chunk = sealed[begin : begin + SEALED_CHUNK_BYTES]
                yield self._aead.decrypt(_nonce(number, self._chunks), chunk, None)
            except InvalidTag:
                raise MalformedError(f"{self._what} is damaged or cut short (chunk {number})") from None


def _chunk_count(sealed_bytes: int) -> int:
    return max(1, -(-sealed_bytes // SEALED_CHUNK_BYTES))


def _plaintext_bytes(sealed_bytes: int, what: str) -> int:
    count = _chunk_count(sealed_bytes)
    size = sealed_bytes - count * TAG_BYTES
    # The last chunk is never empty unless the whole payload is.
    if size < 0 or (count > 1 and sealed_bytes % SEALED_CHUNK_BYTES in range(1, TAG_BYTES + 1)):
        raise MalformedError(f"{what} is cut short")
    return size


def _nonce(number: int, count: int) -> bytes:
    return number.to_bytes(11, "big") + (b"\x01" if number == count - 1 else b"\x00")


def open_header(data: bytes, identity: Identity, what: str = "the file") -> tuple[bytes, int]:
    """Return payload key and offset of the payload, the header's MAC being right."""
    if not data.startswith(_VERSION):
        raise MalformedError(f"{what} is not an age file")
    at, file_key = len(_VERSION), None
    while match := _STANZA.match(data, at):
        arguments = match[1].split(b" ")
        if arguments[0] == b"X25519" and file_key is None:
            file_key = _unwrap(arguments, match[2].replace(b"\n", b"") + match[3], identity, what)
        at = match.end()
    end = _END.match(data, at)
    if end is None or len(data) < end.end() + NONCE_BYTES:
        raise MalformedError(f"{what} has a damaged age header")
    if file_key is None:
        raise KeyUnlockError(f"{what} is not for this identity")
    mac = hmac.digest(_hkdf(file_key, b"", b"header"), data[: at + 3], "sha256")
    if not hmac.compare_digest(_unraw64(end[1], what), mac):
        raise MalformedError(f"{what} has an age header that was altered")
    payload_at = end.end() + NONCE_BYTES
    return _hkdf(file_key, data[end.end() : payload_at], b"payload"), payload_at


def _unwrap(arguments: list[bytes], body: bytes, identity: Identity, what: str) -> bytes | None:
    share, sealed = _unraw64(arguments[-1], what), _unraw64(body, what)
    if len(arguments) != 2 or len(share) != 32 or len(sealed) != 32:
        raise MalformedError(f"{what} has a malformed age stanza")
    secret = X25519PrivateKey.from_private_bytes(identity.secret)
    try:
        shared = secret.exchange(X25519PublicKey.from_public_bytes(share))
    except ValueError:  # the shared secret is all zero
        raise MalformedError(f"{what} has a malformed age stanza") from None
    wrap_key = _hkdf(shared, share + secret.public_key().public_bytes_raw(), _X25519_INFO)
    try:
        return ChaCha20Poly1305(wrap_key).decrypt(_WRAP_NONCE, sealed, None)
    except InvalidTag:
        return None


def _hkdf(key: bytes, salt: bytes, info: bytes) -> bytes:
    return HKDF(SHA256(), 32, salt or None, info).derive(key)


def _raw64(data: bytes) -> bytes:
    return base64.b64encode(data).rstrip(b"=")


def _unraw64(text: bytes, what: str) -> bytes:
    try:
        data = binascii.a2b_base64(text + b"=" * (-len(text) % 4), strict_mode=True)
    except binascii.Error:
        raise MalformedError(f"{what} has a damaged age header") from None
    if _raw64(data) != text:
        raise MalformedError(f"{what} has a damaged age header")
    return data
