"""What an unfinished imaging must remember across a crash, encrypted with the key of its run.

The key lies beside it and is destroyed with the run: what the notes say of a drive (its hash, where its
sectors fail) is then gone too, whatever the disk keeps of the file.
"""

from __future__ import annotations

import hmac
import json
import os
from pathlib import Path
from typing import Any, Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305

from bearwitness.errors import storage_error
from bearwitness.store.local import sync_folder

_NONCE_BYTES: Final = 12


class Notes:
    """A small file of facts in the folder of a run."""

    def __init__(self, folder: Path, run_key: bytes, name: str) -> None:
        self._path = folder / name
        self._cipher = ChaCha20Poly1305(hmac.digest(run_key, b"image notes", "sha256"))

    def read(self) -> dict[str, Any] | None:
        """Return what was written last, None if nothing was, or not whole."""
        try:
            data = self._path.read_bytes()
            plain = self._cipher.decrypt(data[:_NONCE_BYTES], data[_NONCE_BYTES:], None)
        except (FileNotFoundError, InvalidTag, ValueError):
            return None
        found = json.loads(plain)
        return found if isinstance(found, dict) else None

    def write(self, facts: dict[str, Any]) -> None:
        """Keep `facts`; durable when this returns. Raise StorageError."""
        nonce = os.urandom(_NONCE_BYTES)
        data = nonce + self._cipher.encrypt(nonce, json.dumps(facts).encode(), None)
        temporary = self._path.with_suffix(".new")
        try:
            descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
            with os.fdopen(descriptor, "wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            temporary.rename(self._path)
            sync_folder(self._path.parent)
        except OSError as error:
            raise storage_error(error, str(self._path.parent)) from error
