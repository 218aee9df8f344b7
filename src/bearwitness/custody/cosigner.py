"""A small cosigner: it signs a checkpoint only if that continues the last one it saw (c2sp.org/tlog-witness).

:func:`cosign` decides; where requests come from and answers go (a file, a stick, HTTP) is not its business.
"""

from __future__ import annotations

import base64
import fcntl
import json
import os
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Final

from bearwitness.errors import BearwitnessError, MalformedError, RefusedError, storage_error
from bearwitness.store.local import LocalStore, make_folder
from bearwitness_verify import merkle, note
from bearwitness_verify.checkpoint import PROOF_HASHES_MAX, Checkpoint, number
from bearwitness_verify.note import Note, VerifierKey

from .log import Log, consistency_proof
from .signing import SigningKey

BAD_REQUEST: Final = 400
FORBIDDEN: Final = 403
NOT_FOUND: Final = 404
CONFLICT: Final = 409
UNPROCESSABLE: Final = 422
REQUEST_BYTES_MAX: Final = 128 * 1024
_FORK: Final = "a fork is evidence: keep both checkpoints"
_HINTS: Final = {
    NOT_FOUND: "to know it from now on, give its key, got from the vault's keepers: --log-key",
    CONFLICT: _FORK,
    UNPROCESSABLE: _FORK,
}


class CosignRefusedError(BearwitnessError):
    """The cosigner does not sign; `status` is the HTTP status of the protocol, `body` what goes with it."""

    def __init__(self, status: int, message: str, body: str = "") -> None:
        super().__init__(message, _HINTS.get(status, ""))
        self.status, self.body = status, body


@dataclass(frozen=True)
class Request:
    """What a cosigner is asked: the size it should know, the proof from there, the signed checkpoint."""

    old_size: int
    proof: tuple[bytes, ...]
    signed: Note

    def encode(self) -> bytes:
        """Return the body of an add-checkpoint request."""
        lines = [f"old {self.old_size}"] + [base64.b64encode(h).decode() for h in self.proof]
        return "\n".join(lines).encode() + b"\n\n" + self.signed.encode()

    @classmethod
    def parse(cls, data: bytes) -> Request:
        """Read the body strictly."""
        head, gap, signed = data.partition(b"\n\n")
        try:
            first, *lines = head.decode("ascii").split("\n")
        except UnicodeDecodeError:
            raise MalformedError("a request to a cosigner is not text") from None
        if not gap or not first.startswith("old ") or len(lines) > PROOF_HASHES_MAX:
            raise MalformedError("a request to a cosigner has the form old size, proof, checkpoint")
        proof = tuple(note.strict_b64(line, "a hash in a request") for line in lines)
        return cls(number(first.removeprefix("old "), "the old size"), proof, note.parse(signed))


def request_for(log: Log, old_size: int) -> Request:
    """Return the request to cosign the latest checkpoint of `log`, whose cosigner knows `old_size`."""
    if old_size > log.size:
        raise RefusedError(
            f"the log has {log.size} entries, the cosigner saw {old_size}: this is an older log"
        )
    signed = note.parse(log.note_bytes(log.size))
    plain = Note(signed.text, tuple(s for s in signed.signatures if log.key.made(s)))
    return Request(old_size, tuple(consistency_proof(log.leaves(), old_size)), plain)


class CosignerState:
    """What a cosigner remembers: for each log the largest checkpoint it signed, and the log's key."""

    def __init__(self, folder: Path) -> None:
        self._store = LocalStore(folder)

    def _path(self, origin: str) -> str:
        return f"{sha256(origin.encode()).hexdigest()[:32]}.json"

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Have whoever else cosigns with this folder wait: two at once could sign both sides of a fork."""
        folder = self._store.root
        try:
            make_folder(folder)
            lock = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
            try:
                fcntl.flock(lock, fcntl.LOCK_EX)
            except BaseException:
                os.close(lock)
                raise
        except OSError as error:
            raise storage_error(error, str(folder)) from error
        try:
            yield
        finally:
            os.close(lock)

    def key_of(self, origin: str) -> VerifierKey | None:
        """Return the key of the log called `origin`, None if it is not known."""
        try:
            return VerifierKey.parse(json.loads(self._store.read(self._path(origin)))["key"])
        except KeyError:
            return None

    def latest(self, origin: str) -> Checkpoint | None:
        """Return the largest checkpoint signed for the log called `origin`."""
        try:
            text = json.loads(self._store.read(self._path(origin)))["checkpoint"]
        except KeyError:
            return None
        return Checkpoint.parse(text) if text else None

    def remember(self, key: VerifierKey, checkpoint: Checkpoint | None) -> None:
        """Keep the log's key and its largest checkpoint, durably."""
        text = checkpoint.text() if checkpoint else ""
        data = json.dumps({"key": key.encode(), "checkpoint": text}).encode()
        self._store.write(self._path(key.name), data)


def cosign(data: bytes, key: SigningKey, state: CosignerState, now: int | None = None) -> bytes:
    """Return the cosignature line for the request `data`; raise CosignRefusedError."""
    try:
        request = Request.parse(data)
        checkpoint = Checkpoint.parse(request.signed.text)
    except MalformedError as error:
        raise CosignRefusedError(BAD_REQUEST, str(error)) from None
    log_key = state.key_of(checkpoint.origin)
    if log_key is None:
        raise CosignRefusedError(NOT_FOUND, f"no log called {checkpoint.origin} is known here")
    try:
        log_key.verify(request.signed)
    except BearwitnessError as error:
        raise CosignRefusedError(FORBIDDEN, str(error)) from None
    with state.alone():
        _must_continue(request, checkpoint, state.latest(checkpoint.origin))
        state.remember(log_key, checkpoint)
    moment = int(time.time()) if now is None else now
    return key.sign(request.signed.text, moment).line().encode()


def _must_continue(request: Request, checkpoint: Checkpoint, latest: Checkpoint | None) -> None:
    known = latest.size if latest else 0
    if request.old_size > checkpoint.size:
        raise CosignRefusedError(BAD_REQUEST, "the old size is larger than the new one")
    if request.old_size != known:
        raise CosignRefusedError(CONFLICT, f"the last checkpoint signed here has size {known}", f"{known}\n")
    if latest is None:
        if request.proof:
            raise CosignRefusedError(UNPROCESSABLE, "a first checkpoint needs no proof")
        return
    if checkpoint.size == known and checkpoint.root != latest.root:
        raise CosignRefusedError(
            CONFLICT, "FORK: another checkpoint of this size was signed here", f"{known}\n"
        )
    try:
        merkle.verify_consistency(known, checkpoint.size, latest.root, checkpoint.root, request.proof)
    except BearwitnessError as error:
        raise CosignRefusedError(UNPROCESSABLE, f"FORK: {error}") from None


def read_cosignatures(data: bytes, cosigner: VerifierKey, log: Log) -> tuple[int, Sequence[note.Signature]]:
    """Return the size and the signatures of `cosigner` in `data`, lines over a checkpoint of `log`."""
    for size in reversed(log.note_sizes()):
        text = note.parse(log.note_bytes(size)).text
        try:
            signed = note.parse(text.encode() + b"\n" + data)
            cosigner.verify(signed)
        except BearwitnessError:
            continue
        return size, [s for s in signed.signatures if cosigner.made(s)]
    raise RefusedError(f"what was given is no cosignature by {cosigner.name} of a checkpoint of this log")
