"""What can be shown on its own: kinds of leaves, tree references, slots (docs/format.md, 2, 4, 6.2)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from . import canonical
from .canonical import Json
from .errors import MalformedError
from .merkle import leaf_hash

SALT_BYTES: Final = 32
SEGMENT_BYTES_MAX: Final = 65_536
HIDDEN_HEIGHTS: Final = (16, 24, 32)
ITEM_HEIGHT: Final = 4
ENTRY_HEIGHT: Final = 5

KINDS: Final = (
    "segment",
    "track-field",
    "packet",
    "item-field",
    "item",
    "receipt",
    "entry-field",
    "entry",
    "tile",
)

ITEM_SLOTS: Final = {
    name: slot
    for slot, name in enumerate("path size mtime stat sha256 content tracks fate origin md5 xattrs".split())
}

_COMMON_SLOTS: Final = {"kind": 0, "time": 1, "by": 2, "tool": 3, "note": 4}
ENTRY_SLOTS: Final = {
    kind: _COMMON_SLOTS | {name: slot for slot, name in enumerate(names.split(), start=8)}
    for kind, names in {
        "founded": "vault keepers source_keepers threshold",
        "kit-founded": "vault device label",
        "device-certified": "device checkpoint label",
        "device-revoked": "device size ground",
        "sealed": "delivery items bytes losses source custody late instalment descriptor complete",
        "imported": "device checkpoint deliveries",
        "restored": "items",
        "redaction-written": "item sha256 plan approvals",
        "released": "release items revealed profile recipients answers escrow marks",
        "destroyed": "items ground keepers",
        "copies-reached": "items reached not_reached",
        "mirrored": "mirror size",
        "keys-changed": "action keepers recipient",
        "stamped": "stamp authority stamped_time size",
        "cosigned": "cosigner size",
        "triage-noted": "deliveries purpose danger legal_basis who_may_see",
        "derived": "item delivery results redaction",
        "frozen": "items ground task",
        "thawed": "items ground keepers",
        "grouping-authorised": "case deliveries keepers ground",
        "grouping-ended": "case ground",
        "person-registered": "person name roles key keepers replaces",
        "person-revoked": "person ground keepers",
        "approved": "person subject purpose statement",
        "overridden": "person subject gate item label reason statement",
        "consent": "consent item label purpose recipient scope expiry withdrawal language explained_by"
        " support person statement",
        "consent-withdrawn": "consent ground person statement",
        "gate-results": "subject outcome results",
        "received": "release person verdict statement",
        "still": "item delivery still",
        "viewed": "items level sha256",
        "faceprints-destroyed": "items ground keepers",
    }.items()
}


def prefix(kind: str) -> bytes:
    """Return what stands before the salt of a leaf of `kind`."""
    if kind not in KINDS:
        raise MalformedError(f"there is no leaf of kind {kind!r}")
    return b"bearwitness/1/" + kind.encode() + b"\x00"


def hash_leaf(kind: str, salt: bytes, payload: bytes) -> bytes:
    """Return the hash of the leaf of `kind` with 32-byte `salt` and `payload`."""
    if len(salt) != SALT_BYTES:
        raise MalformedError(f"a salt has {len(salt)} bytes instead of {SALT_BYTES}")
    return leaf_hash(prefix(kind) + salt + payload)


def field_payload(name: str, value: Json) -> bytes:
    """Return the payload of an item-field or entry-field leaf."""
    return canonical.dumps({"name": name, "value": value})


@dataclass(frozen=True)
class TreeRef:
    """How a tree enters its parent: the kind of its leaves, their room (2**height), the root."""

    kind: str
    height: int
    root: bytes

    def to_json(self) -> dict[str, Json]:
        """Return the members of the canonical object."""
        return {
            "kind": self.kind,
            "leaves": str(1 << self.height),
            "root": canonical.b64(self.root),
        }

    @classmethod
    def from_json(cls, value: Json, kind: str, heights: tuple[int, ...]) -> TreeRef:
        """Read a reference to a tree of `kind` leaves whose height must be one of `heights`."""
        got = canonical.members(value, "a tree reference", "kind leaves root")
        if got["kind"] != kind:
            raise MalformedError(f"a tree of {got['kind']} stands where one of {kind} belongs")
        leaves = canonical.integer(got["leaves"], "the size of a tree")
        height = leaves.bit_length() - 1
        if height not in heights or leaves != 1 << height:
            raise MalformedError(f"a tree of {kind} can not have room for {leaves} leaves")
        return cls(kind, height, canonical.unb64(got["root"], "the root of a tree", 32))


def content_ref(value: Json) -> TreeRef:
    """Read the reference to a file's content tree."""
    return TreeRef.from_json(value, "segment", (0, *HIDDEN_HEIGHTS))


def tracks_ref(value: Json) -> TreeRef:
    """Read the reference to a file's track table."""
    return TreeRef.from_json(value, "packet", HIDDEN_HEIGHTS)


def delivery_ref(value: Json) -> TreeRef:
    """Read the reference to a delivery's tree."""
    return TreeRef.from_json(value, "item", HIDDEN_HEIGHTS)


def tiles_ref(value: Json) -> TreeRef:
    """Read the reference to the tree of a still's tiles."""
    return TreeRef.from_json(value, "tile", HIDDEN_HEIGHTS)


def item_payload(root: bytes) -> bytes:
    """Return the payload of an item leaf whose fields have `root`."""
    return canonical.dumps(TreeRef("item-field", ITEM_HEIGHT, root).to_json())


def item_id(item_leaf: bytes) -> str:
    """Return the id by which people call the item with this leaf hash."""
    return item_leaf[:16].hex()
