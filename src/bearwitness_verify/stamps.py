"""Stamp files, and how a renewal keeps an old stamp good (docs/format.md, 7).

A stamp file holds the authority's reply as it came, the certificates and revocation lists that checking
it will need when the authority is gone, and what was stamped: the plain note of a checkpoint or, for a
renewal, an older stamp file. :func:`verify_chain` judges all stamp files of one checkpoint together.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from typing import Final

from cryptography import x509

from . import canonical, note, timestamp
from .canonical import Json, b64, unb64
from .errors import MalformedError, SignatureError
from .timestamp import Stamped

FILE_BYTES_MAX: Final = 16 * 1024 * 1024  # revocation lists are what can make it large
FILES_MAX: Final = 256  # stamps and renewals of one checkpoint


@dataclass(frozen=True)
class StampFile:
    """The members of a stamp file; `note` is set for a first stamp, `renewed` (a SHA-256) for a renewal."""

    reply: bytes
    certificates: tuple[bytes, ...] = ()
    crls: tuple[bytes, ...] = ()
    note: str | None = None
    renewed: bytes | None = None

    def encode(self) -> bytes:
        """Return the bytes of the file."""
        stamps: Json = {"note": self.note} if self.renewed is None else {"stamp": b64(self.renewed)}
        return canonical.dumps(
            {
                "certificates": [b64(data) for data in sorted(self.certificates)],
                "crls": [b64(data) for data in sorted(self.crls)],
                "reply": b64(self.reply),
                "stamps": stamps,
                "v": "1",
            }
        )

    @classmethod
    def parse(cls, data: bytes) -> StampFile:
        """Read a stamp file strictly; nothing in it is checked yet."""
        if len(data) > FILE_BYTES_MAX:
            raise MalformedError("a stamp file is too large")
        got = canonical.members(
            canonical.loads(data, "a stamp file"), "a stamp file", "certificates crls reply stamps v"
        )
        if got["v"] != "1":
            raise MalformedError("the stamp file is of a version not known here")
        stamps = canonical.members(got["stamps"], "what was stamped", "", optional="note stamp")
        if len(stamps) != 1:
            raise MalformedError("a stamp file is either of a note or of another stamp file")
        text, renewed = None, None
        if "note" in stamps:
            text = canonical.text(stamps["note"], "the note in a stamp file")
            if len(note.parse(text.encode()).signatures) != 1:
                raise MalformedError("the note in a stamp file does not have exactly one signature")
        else:
            renewed = unb64(stamps["stamp"], "the hash of the stamp renewed", 32)
        reply = unb64(got["reply"], "the reply in a stamp file")
        return cls(reply, _byte_strings(got["certificates"]), _byte_strings(got["crls"]), text, renewed)

    def is_of(self, message: bytes) -> bool:
        """Say whether the file speaks of the plain note, or the stamp file, that is `message`."""
        if self.renewed is not None:
            return self.renewed == sha256(message).digest()
        return self.note is not None and self.note.encode() == message


def _byte_strings(value: Json) -> tuple[bytes, ...]:
    """Read an array of byte strings, ascending and distinct: for given contents there is one file."""
    strings = tuple(unb64(member) for member in canonical.array(value, "certificates or revocation lists"))
    if list(strings) != sorted(set(strings)):
        raise MalformedError("certificates or revocation lists in a stamp file are not in ascending order")
    return strings


def verify_stamp(stamp_file: bytes, message: bytes, roots: Sequence[x509.Certificate]) -> Stamped:
    """Check that a stamp file stamps `message`: a plain note, or the stamp file it renews.

    1. It says that it is of `message`.
    2. Its reply holds for `message` below one of `roots`, with the certificates and revocation lists
       kept in the file (:func:`.timestamp.verify`).

    Returns the evidence. Whether the authority's certificate has expired since is not looked at here.
    """
    stamp = StampFile.parse(stamp_file)
    if not stamp.is_of(message):
        raise SignatureError("the stamp file is of something else")
    token = timestamp.parse_reply(stamp.reply)
    return timestamp.verify(token, message, roots, stamp.certificates, stamp.crls)


def verify_chain(
    stamp_files: Sequence[bytes],
    plain_note: bytes,
    roots: Sequence[x509.Certificate],
    *,
    now: datetime | None = None,
) -> list[Stamped]:
    """Check all stamp files of one checkpoint, in whatever order; return the evidence, oldest first.

    Each file stamps `plain_note` or renews another of the files. Why renewals: once the certificate of
    an authority has expired, nobody watches over its key any more and no list would tell that it was
    stolen, so a stamp that turns up then may have been made then. A renewal covers the exact bytes of
    the older file, reply, certificates and revocation lists, and so proves that they were there while the
    old certificate was still good. It can come from any authority, and can be renewed in its turn.

    1. Every file holds by itself at the time it names (:func:`verify_stamp`), and no renewal is older
       than what it renews.
    2. Every first stamp is good `now` (the clock's now, if not given): its certificate has not expired,
       or it was renewed, by the latest reckoning of the renewal's clock, before that expiry, by a stamp
       that is good `now` in the same sense.

    The earliest `latest` returned is the one that counts: the checkpoint existed *not later than* then.
    Raises SignatureError at the first stamp that is not good, so that none is passed over in silence; to
    judge independent stamps one by one, hand over each with its renewals (:func:`apart`). Whether a stamp
    held when it was made can be asked with `now` set to a time before the expiry.
    """
    if not stamp_files:
        raise SignatureError("there is no time stamp")
    known = _by_hash(stamp_files)
    evidence: dict[bytes, Stamped] = {}
    renewals: dict[bytes, list[bytes]] = {key: [] for key in known}
    for key, (data, stamp) in known.items():
        older = stamp.renewed
        message = plain_note if older is None else known[older][0]
        evidence[key] = verify_stamp(data, message, roots)
        if older is not None:
            renewals[older].append(key)
    for older, newer in ((older, newer) for older, keys in renewals.items() for newer in keys):
        if evidence[newer].latest < evidence[older].time:
            raise SignatureError("a renewal of a time stamp is older than the stamp")
    for key, (_, stamp) in known.items():
        if stamp.renewed is None and not _is_good(key, evidence, renewals, now or datetime.now(UTC)):
            raise SignatureError(
                f"the stamp of {evidence[key].time:%Y-%m-%d} held when it was made, but the certificate of "
                f"{evidence[key].authority} expired on {evidence[key].valid_until:%Y-%m-%d} and no renewal "
                "made before that is good today"
            )
    return sorted(evidence.values(), key=lambda stamped: stamped.time)


def _by_hash(stamp_files: Sequence[bytes]) -> dict[bytes, tuple[bytes, StampFile]]:
    if len(stamp_files) > FILES_MAX:
        raise MalformedError(f"a checkpoint has more than {FILES_MAX} stamp files")
    known = {sha256(data).digest(): (data, StampFile.parse(data)) for data in stamp_files}
    for _, stamp in known.values():
        if stamp.renewed is not None and stamp.renewed not in known:
            raise SignatureError("a stamp file renews one that is not here")
    return known


def _is_good(
    key: bytes, evidence: Mapping[bytes, Stamped], renewals: Mapping[bytes, Sequence[bytes]], now: datetime
) -> bool:
    end = evidence[key].valid_until
    return now <= end or any(
        evidence[newer].latest <= end and _is_good(newer, evidence, renewals, now) for newer in renewals[key]
    )


def apart(stamp_files: Sequence[bytes]) -> list[list[bytes]]:
    """Return the files sorted apart: each first stamp, followed by all that renews it."""
    known = _by_hash(stamp_files)
    found = {key: [data] for key, (data, stamp) in known.items() if stamp.renewed is None}
    for data, stamp in known.values():
        first = stamp.renewed
        if first is None:
            continue
        while (older := known[first][1].renewed) is not None:
            first = older
        found[first].append(data)
    return list(found.values())
