"""Entries of the log: sealed bodies, shown fields, effects in the clear (docs/format.md, 6.1)."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from hashlib import sha256

from bearwitness.crypto import age
from bearwitness.crypto.derive import derive, new_secret
from bearwitness.errors import MalformedError, TamperedError
from bearwitness_verify import canonical
from bearwitness_verify.canonical import Json, b64, unb64
from bearwitness_verify.leaves import ENTRY_HEIGHT, ENTRY_SLOTS, TreeRef, field_payload, hash_leaf

from .items import ShownField
from .trees import slotted

_HEX64 = re.compile(r"[0-9a-f]{64}\Z")

Effect = dict[str, str | None]  # relative path -> SHA-256 in hexadecimal, None: removed


@dataclass(frozen=True)
class Body:
    """What an entry says: fields that can be shown one by one, and secrets that never are."""

    fields: Mapping[str, Json]
    secrets: Mapping[str, Json] = field(default_factory=dict)
    secret: bytes = field(default_factory=new_secret, repr=False)

    @property
    def kind(self) -> str:
        """The kind of entry."""
        return canonical.text(self.fields["kind"], "the kind of an entry")

    def shown(self) -> tuple[bytes, dict[str, ShownField]]:
        """Return the root over the fields, and each field with its proof."""
        slots = ENTRY_SLOTS.get(self.kind)
        if slots is None or not self.fields.keys() <= slots.keys():
            raise MalformedError(f"an entry of kind {self.kind} has fields this version does not know")
        payloads = {name: field_payload(name, value) for name, value in self.fields.items()}
        salts = {name: derive(self.secret, b"salt", slots[name]) for name in payloads}
        leaves = {
            slots[name]: hash_leaf("entry-field", salts[name], payload) for name, payload in payloads.items()
        }
        root, proofs = slotted(leaves, ENTRY_HEIGHT, self.secret)
        return root, {
            name: ShownField(salts[name], payload, proofs[slots[name]]) for name, payload in payloads.items()
        }

    def encode(self) -> bytes:
        """Return the plaintext of the entry's ciphertext."""
        return canonical.dumps(
            {
                "fields": dict(self.fields),
                "secret": b64(self.secret),
                "secrets": dict(self.secrets),
                "v": "1",
            }
        )

    @classmethod
    def decode(cls, data: bytes) -> Body:
        """Read the plaintext of an entry's ciphertext."""
        got = canonical.members(canonical.loads(data, "an entry"), "an entry", "fields secret secrets v")
        fields, secrets = got["fields"], got["secrets"]
        if got["v"] != "1" or not isinstance(fields, dict) or not isinstance(secrets, dict):
            raise MalformedError("an entry of the log is of a version not known here")
        canonical.text(fields.get("kind"), "the kind of an entry")
        return cls(fields, secrets, unb64(got["secret"], "the secret of an entry", 32))


def now(moment: datetime | None = None) -> dict[str, Json]:
    """Return the `time` field for `moment` (default: this second), UTC and local."""
    moment = moment or datetime.now(UTC).astimezone()
    utc = moment.astimezone(UTC).replace(tzinfo=None)
    return {
        "local": moment.isoformat(timespec="seconds"),
        "utc": utc.isoformat(timespec="seconds") + "Z",
    }


@dataclass(frozen=True)
class Entry:
    """An entry as it is stored: header in the clear, ciphertext."""

    ciphertext: bytes
    effect: Effect
    nonce: bytes
    fields: TreeRef
    salt: bytes

    @classmethod
    def seal(cls, body: Body, recipient: age.Recipient, effect: Effect | None = None) -> Entry:
        """Encrypt `body` to `recipient` and commit to its fields and its effect."""
        root, _ = body.shown()
        return cls(
            ciphertext=age.encrypt(body.encode(), recipient),
            effect=dict(effect or {}),
            nonce=os.urandom(16),
            fields=TreeRef("entry-field", ENTRY_HEIGHT, root),
            salt=new_secret(),
        )

    def effect_json(self) -> dict[str, Json]:
        """Return the effect as it stands in the header."""
        return {"files": {**self.effect}, "nonce": b64(self.nonce)}

    def effect_hash(self) -> bytes:
        """Return the hash by which the leaf commits to the effect."""
        return sha256(canonical.dumps(self.effect_json())).digest()

    def leaf(self) -> bytes:
        """Return the hash of the entry's leaf in the log."""
        payload = leaf_payload(sha256(self.ciphertext).digest(), self.effect_hash(), self.fields)
        return hash_leaf("entry", self.salt, payload)

    def encode(self) -> bytes:
        """Return the bytes of the entry's file."""
        header: dict[str, Json] = {
            "ciphertext": b64(sha256(self.ciphertext).digest()),
            "effect": self.effect_json(),
            "fields": self.fields.to_json(),
            "salt": b64(self.salt),
            "v": "1",
        }
        return canonical.dumps(header) + b"\n" + self.ciphertext

    @classmethod
    def decode(cls, data: bytes, what: str = "an entry") -> Entry:
        """Read an entry's file strictly; its ciphertext must be the one the header names."""
        header, newline, ciphertext = data.partition(b"\n")
        got = canonical.members(canonical.loads(header, what), what, "ciphertext effect fields salt v")
        if not newline or got["v"] != "1":
            raise MalformedError(f"{what} is of a version not known here")
        if unb64(got["ciphertext"], what, 32) != sha256(ciphertext).digest():
            raise TamperedError(f"the ciphertext of {what} is not the one that was logged")
        effect, nonce = _read_effect(got["effect"], what)
        fields = TreeRef.from_json(got["fields"], "entry-field", (ENTRY_HEIGHT,))
        return cls(ciphertext, effect, nonce, fields, unb64(got["salt"], what, 32))

    def open(self, identity: age.Identity, what: str = "an entry") -> Body:
        """Decrypt the body and check that its fields are those committed to."""
        body = Body.decode(age.decrypt(self.ciphertext, identity, what))
        if body.kind in ENTRY_SLOTS and body.shown()[0] != self.fields.root:
            raise TamperedError(f"the fields of {what} are not those its leaf commits to")
        return body


def leaf_payload(ciphertext: bytes, effect: bytes, fields: TreeRef) -> bytes:
    """Return the payload of an entry's leaf."""
    return canonical.dumps({"ciphertext": b64(ciphertext), "effect": b64(effect), "fields": fields.to_json()})


def _read_effect(value: Json, what: str) -> tuple[Effect, bytes]:
    got = canonical.members(value, f"the effect of {what}", "files nonce")
    files = got["files"]
    if not isinstance(files, dict):
        raise MalformedError(f"the effect of {what} names no files")
    effect: Effect = {}
    for path, digest in files.items():
        if digest is not None and (not isinstance(digest, str) or not _HEX64.match(digest)):
            raise MalformedError(f"the effect of {what} has a malformed hash")
        effect[path] = digest
    return effect, unb64(got["nonce"], what, 16)
