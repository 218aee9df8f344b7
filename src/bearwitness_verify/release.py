"""What ``release.json`` says, read strictly into values (docs/format.md, 11). Nothing is proven here."""

from __future__ import annotations

import re
import sys
from array import array
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from . import canonical
from .account import (
    Account,
    Answer,
    Statement,
    Withheld,
    parse_account,
    parse_answers,
    parse_conditions,
    parse_statement,
    parse_withheld,
)
from .canonical import Json, integer, members, unb64
from .clips import Clip, parse_clip
from .copies import Copied, parse_approvals, parse_copied
from .errors import MalformedError
from .leaves import ENTRY_HEIGHT, TreeRef, field_payload
from .note import ED25519, VerifierKey
from .ranges import parse_ranges
from .stills import Pieces, parse_pieces

STATEMENT_NAME: Final = "release.json"
SIGNATURE_NAME: Final = "release.sig"
STATEMENT_BYTES_MAX: Final = 1 << 30
_FILE_NAME = re.compile(r"(exhibits/[0-9]{2,6}(\.[a-z0-9]{1,8})?|[A-Z]{3,12}\.txt|index\.html)\Z")
_HEX64 = re.compile(r"[0-9a-f]{64}\Z")
_VERSIONS: Final = (None, "1", "2", "3")


@dataclass(frozen=True)
class Leaf:
    """A field that is shown: name, value, and what proves it."""

    name: str
    value: Json
    index: int
    salt: bytes
    path: tuple[bytes, ...]

    @property
    def payload(self) -> bytes:
        """The bytes that are hashed."""
        return field_payload(self.name, self.value)


@dataclass(frozen=True)
class ShownEntry:
    """An entry of a log, some of its fields shown."""

    ciphertext: bytes
    effect: bytes
    fields: TreeRef
    salt: bytes
    shown: tuple[Leaf, ...]


@dataclass(frozen=True)
class StampedProof:
    """A log proof and the stamp files of its checkpoint."""

    proof: str
    stamps: tuple[bytes, ...]


@dataclass(frozen=True)
class LogEvidence:
    """That an entry stands in the log of `key`; `further`: in other checkpoints as well."""

    key: VerifierKey
    proof: StampedProof
    further: tuple[StampedProof, ...]


@dataclass(frozen=True)
class Content:
    """The run of segments that is a file."""

    first: int
    lengths: array[int]
    salts: bytes
    left: tuple[bytes, ...]
    right: tuple[bytes, ...]


@dataclass(frozen=True)
class Still:
    """A frame: the entry that commits to its tiles, and what is shown of it."""

    entry: ShownEntry
    log: LogEvidence
    pieces: Pieces


@dataclass(frozen=True)
class Copy:
    """A redacted copy: the entry that brought it, how many approved its plan, what of it is proven.

    `plan`: the file that is its plan, in an escrow.
    """

    file: str
    approvals: int
    entry: ShownEntry
    log: LogEvidence
    copied: Copied | None
    plan: str | None = None


@dataclass(frozen=True)
class ShownItem:
    """An item of a delivery, some of its fields shown, its bytes in `file`, or parts as clips and stills."""

    index: int
    path: tuple[bytes, ...]
    salt: bytes
    root: bytes
    fields: tuple[Leaf, ...]
    file: str | None
    content: Content | None
    clips: tuple[Clip, ...] = ()
    stills: tuple[Still, ...] = ()
    copies: tuple[Copy, ...] = ()


@dataclass(frozen=True)
class ShownDelivery:
    """A delivery, some of its items shown; `withheld` are all others, None if they are not told."""

    entry: ShownEntry
    log: LogEvidence
    imported: tuple[ShownEntry, LogEvidence] | None
    items: tuple[ShownItem, ...]
    withheld: tuple[Withheld, ...] | None = None


@dataclass(frozen=True)
class ListedFile:
    """A file of the release besides statement and signature."""

    name: str
    size: int
    sha256: str


@dataclass(frozen=True)
class Release:
    """The whole statement; what version 1 does not know is empty in it."""

    vault: VerifierKey
    files: tuple[ListedFile, ...]
    deliveries: tuple[ShownDelivery, ...]
    statements: tuple[Statement, ...] = ()
    conditions: Mapping[str, str] = field(default_factory=dict)
    account: Account | None = None
    answers: tuple[Answer, ...] = ()
    escrow: str = ""
    ranges: Mapping[str, tuple[int, int]] = field(default_factory=dict)


def parse(data: bytes) -> Release:
    """Read the bytes of ``release.json``; raise MalformedError."""
    value = canonical.loads(data, STATEMENT_NAME)
    version = value.get("v") if isinstance(value, dict) else None
    number = _VERSIONS.index(version) if version in _VERSIONS else 0
    names = "deliveries files type v vault" + (" account conditions statements" if number > 1 else "")
    got = members(value, STATEMENT_NAME, names, "answers escrow ranges" if number > 2 else "")
    if got["type"] != "release" or not number:
        raise MalformedError("the release is of a version this verifier does not know")
    files = tuple(_file(value) for value in canonical.array(got["files"], "files"))
    if [f.name for f in files] != sorted({f.name for f in files}):
        raise MalformedError("the files of the release are not listed in order, once each")
    deliveries = tuple(_delivery(value, number) for value in canonical.array(got["deliveries"], "deliveries"))
    answers = parse_answers(got["answers"]) if "answers" in got else ()
    if not deliveries and not answers:
        raise MalformedError("the release shows no delivery")
    vault = _log_key(got["vault"], "the vault's key")
    if number == 1:
        return Release(vault, files, deliveries)
    statements = tuple(map(parse_statement, canonical.array(got["statements"], "statements")))
    conditions, account = parse_conditions(got["conditions"]), parse_account(got["account"])
    escrow = _escrow(got["escrow"]) if "escrow" in got else ""
    ranges = parse_ranges(got["ranges"]) if "ranges" in got else {}
    return Release(vault, files, deliveries, statements, conditions, account, answers, escrow, ranges)


def _escrow(value: Json) -> str:
    digest = canonical.text(members(value, "an escrow", "sha256")["sha256"], "the SHA-256 of an escrow")
    if not _HEX64.match(digest):
        raise MalformedError("the SHA-256 of an escrow is none")
    return digest


def _file(value: Json) -> ListedFile:
    got = members(value, "a listed file", "bytes name sha256")
    name, digest = canonical.text(got["name"]), canonical.text(got["sha256"])
    if not _FILE_NAME.match(name) or not _HEX64.match(digest):
        raise MalformedError(f"{name!r} is not a file a release can list")
    return ListedFile(name, integer(got["bytes"], "the size of a file"), digest)


def _delivery(value: Json, version: int) -> ShownDelivery:
    got = members(value, "a delivery", "entry import items log" + (" withheld" if version > 1 else ""))
    imported = None
    if got["import"] is not None:
        inner = members(got["import"], "an import", "entry log")
        imported = (_entry(inner["entry"]), _log(inner["log"]))
    items = tuple(_item(item, version) for item in canonical.array(got["items"], "the items of a delivery"))
    withheld = None
    if got.get("withheld") is not None:
        withheld = tuple(map(parse_withheld, canonical.array(got["withheld"], "what is withheld")))
    return ShownDelivery(_entry(got["entry"]), _log(got["log"]), imported, items, withheld)


def _entry(value: Json) -> ShownEntry:
    got = members(value, "an entry", "ciphertext effect fields salt shown")
    return ShownEntry(
        unb64(got["ciphertext"], "a hash of an entry", 32),
        unb64(got["effect"], "a hash of an entry", 32),
        TreeRef.from_json(got["fields"], "entry-field", (ENTRY_HEIGHT,)),
        unb64(got["salt"], "the salt of an entry", 32),
        _leaves(got["shown"]),
    )


def _leaves(value: Json) -> tuple[Leaf, ...]:
    leaves = []
    for member in canonical.array(value, "shown fields"):
        got = members(member, "a shown field", "index path payload salt")
        payload = members(got["payload"], "a shown field", "name value")
        leaves.append(
            Leaf(
                canonical.text(payload["name"], "the name of a field"),
                payload["value"],
                integer(got["index"], "the index of a field", 0, 31),
                unb64(got["salt"], "the salt of a field", 32),
                _hashes(got["path"]),
            )
        )
    if len({leaf.name for leaf in leaves}) != len(leaves):
        raise MalformedError("a field is shown twice")
    return tuple(leaves)


def _hashes(value: Json) -> tuple[bytes, ...]:
    return tuple(unb64(h, "a hash of a proof", 32) for h in canonical.array(value, "a proof"))


def _log(value: Json) -> LogEvidence:
    got = members(value, "a log proof", "further key proof stamps")
    further = []
    for member in canonical.array(got["further"], "further checkpoints"):
        inner = members(member, "a further checkpoint", "proof stamps")
        further.append(_stamped(inner["proof"], inner["stamps"]))
    key = _log_key(got["key"], "the key of a log")
    return LogEvidence(key, _stamped(got["proof"], got["stamps"]), tuple(further))


def _log_key(value: Json, what: str) -> VerifierKey:
    key = VerifierKey.parse(canonical.text(value, what))
    if key.algorithm != ED25519:
        raise MalformedError(f"{what} is the key of a cosigner, not of a log")
    return key


def _stamped(proof: Json, stamps: Json) -> StampedProof:
    files = tuple(canonical.dumps(stamp) for stamp in canonical.array(stamps, "stamps"))
    return StampedProof(canonical.text(proof, "a log proof"), files)


def _item(value: Json, version: int) -> ShownItem:
    names = "content fields file index path root salt" + (" clips" if version > 1 else "")
    got = members(value, "an item", names, "redacted stills" if version > 2 else "")
    file = None if got["file"] is None else canonical.text(got["file"], "the file of an item")
    content = None if got["content"] is None else _content(got["content"])
    if (file is None) != (content is None):
        raise MalformedError("an item is shown with a file but no content tree, or the reverse")
    return ShownItem(
        integer(got["index"], "the index of an item", 0, 2**32 - 1),
        _hashes(got["path"]),
        unb64(got["salt"], "the salt of an item", 32),
        unb64(got["root"], "the root of an item", 32),
        _leaves(got["fields"]),
        file,
        content,
        tuple(map(parse_clip, canonical.array(got.get("clips", []), "the clips of an item"))),
        _stills(got["stills"]) if "stills" in got else (),
        _copies(got["redacted"]) if "redacted" in got else (),
    )


def _copies(value: Json) -> tuple[Copy, ...]:
    found = []
    for member in canonical.array(value, "the redacted copies of an item"):
        got = members(member, "a redacted copy", "approvals copied entry file log", "plan")
        log = _log(got["log"])
        if log.further or log.proof.stamps:
            raise MalformedError("the entry of a redacted copy is shown with more than one plain log proof")
        name = canonical.text(got["file"], "the file of a redacted copy")
        copied = None if got["copied"] is None else parse_copied(got["copied"])
        plan = canonical.text(got["plan"], "the file of a plan") if "plan" in got else None
        approvals = parse_approvals(got["approvals"])
        found.append(Copy(name, approvals, _entry(got["entry"]), log, copied, plan))
    if not found:
        raise MalformedError("an item has an empty list of redacted copies")
    return tuple(found)


def _stills(value: Json) -> tuple[Still, ...]:
    found = []
    for member in canonical.array(value, "the stills of an item"):
        got = members(member, "a still", "entry log picture table tiles")
        log = _log(got["log"])
        if log.further or log.proof.stamps:
            raise MalformedError("the entry of a still is shown with more than one plain log proof")
        found.append(Still(_entry(got["entry"]), log, parse_pieces(got)))
    if not found:
        raise MalformedError("an item has an empty list of stills")
    return tuple(found)


def _content(value: Json) -> Content:
    got = members(value, "the content of an item", "first left lengths right salts")
    raw, salts = unb64(got["lengths"], "segment lengths"), unb64(got["salts"], "segment salts")
    if len(raw) % 4 or len(salts) != 8 * len(raw) or not raw:
        raise MalformedError("there is not one salt for each segment")
    lengths = array("I", raw)
    if sys.byteorder == "little":
        lengths.byteswap()
    _check_lengths(lengths)
    first = integer(got["first"], "the first segment", 0, 2**32 - 1)
    return Content(first, lengths, salts, _hashes(got["left"]), _hashes(got["right"]))


def _check_lengths(lengths: Sequence[int]) -> None:
    if max(lengths) > 65_536 or (min(lengths) == 0 and len(lengths) > 1):
        raise MalformedError("a segment is empty or longer than 65,536 bytes")
