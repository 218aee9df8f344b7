"""Deliveries as stored: descriptors, key files, manifests, and the bytes of an item (docs/format.md, 5)."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from bearwitness.crypto import age
from bearwitness.custody.items import Extent, Values
from bearwitness.errors import MalformedError, TamperedError, frozen_error, unreadable_error
from bearwitness.store.base import Store
from bearwitness.store.packs import pack_path
from bearwitness_verify import canonical
from bearwitness_verify.canonical import Json, integer, unb64
from bearwitness_verify.leaves import ITEM_SLOTS

from .config import SUITE

HEX32: Final = re.compile(r"[0-9a-f]{32}\Z")
HEX64: Final = re.compile(r"[0-9a-f]{64}\Z")
ZERO: Final = "zero"
# The line of a file as nearly all are: one segment in one extent, nothing out of the ordinary. Whatever it
# matches is canonical JSON: the members stand in their order, and no text needs an escape.
_USUAL: Final = re.compile(
    r"""\{"extents":\[\["(?P<pack>[0-9a-f]{64})","(?P<offset>0|[1-9][0-9]{0,18})","""
    r""""(?P<length>0|[1-9][0-9]{0,18})"\]\],"fields":\{"""
    r""""content":(?P<content>\{"kind":"segment","leaves":"1","root":"[\w-]{43}"\}),"""
    r""""fate":(?P<fate>\{"type":"file"\}),"mtime":(?P<mtime>"-?[0-9]+"),"path":(?P<path>"[\w-]+"),"""
    r""""sha256":(?P<sha256>"[\w-]{43}"),"size":(?P<size>"[0-9]+"),"stat":(?P<stat>\{"atime":"-?[0-9]+","""
    r"""(?:"btime":"-?[0-9]+",)?"ctime":"-?[0-9]+","gid":"[0-9]+","mode":"[0-9]+","nlink":"[0-9]+","""
    r""""uid":"[0-9]+"\})\},"index":\[\],"secret":"(?P<secret>[\w-]{43})","type":"item"\}\Z""",
    re.ASCII,
)


@dataclass(frozen=True)
class Part:
    """One part of a delivery: content packs, manifest pack, SHA-256 of the key file."""

    packs: tuple[str, ...]
    manifest: str
    keys: str


@dataclass(frozen=True)
class Descriptor:
    """What a delivery consists of, in the clear."""

    delivery: str
    compartment: str
    recipient: str
    parts: tuple[Part, ...]

    @property
    def path(self) -> str:
        """Where the descriptor lies in a vault."""
        return f"deliveries/{self.delivery}.json"

    def key_path(self, number: int) -> str:
        """Where the key file of part `number` lies."""
        return f"keys/{self.delivery}/{number:06}.age"

    @property
    def identity_path(self) -> str:
        """Where the delivery's wrapped identity lies."""
        return f"keys/{self.delivery}/identity.age"

    def pack_names(self) -> Iterator[str]:
        """Yield the names of all packs, manifests included."""
        for part in self.parts:
            yield from part.packs
            yield part.manifest

    def encode(self) -> bytes:
        """Return the canonical JSON."""
        parts: list[Json] = [
            {"keys": part.keys, "manifest": part.manifest, "packs": list(part.packs)} for part in self.parts
        ]
        return canonical.dumps(
            {
                "compartment": self.compartment,
                "delivery": self.delivery,
                "parts": parts,
                "recipient": self.recipient,
                "suite": SUITE,
                "v": "1",
            }
        )

    @classmethod
    def decode(cls, data: bytes, what: str) -> Descriptor:
        """Read canonical JSON strictly."""
        got = canonical.members(
            canonical.loads(data, what), what, "compartment delivery parts recipient suite v"
        )
        if got["v"] != "1" or got["suite"] != SUITE or got["compartment"] not in ("vault", "source"):
            raise MalformedError(f"{what} is of a version not known here")
        parts = tuple(_part(value, what) for value in canonical.array(got["parts"], what))
        recipient = str(age.Recipient.parse(canonical.text(got["recipient"])))
        return cls(_hex(got["delivery"], HEX32, what), str(got["compartment"]), recipient, parts)


def _part(value: Json, what: str) -> Part:
    got = canonical.members(value, what, "keys manifest packs")
    packs = tuple(_hex(name, HEX64, what) for name in canonical.array(got["packs"], what))
    return Part(packs, _hex(got["manifest"], HEX64, what), _hex(got["keys"], HEX64, what))


def _hex(value: Json, pattern: re.Pattern[str], what: str) -> str:
    if not isinstance(value, str) or not pattern.match(value):
        raise MalformedError(f"{what} holds a malformed name")
    return value


@dataclass(frozen=True)
class Record:
    """An item's line in a manifest."""

    values: Values
    secret: bytes = field(repr=False)
    extents: tuple[Extent, ...]
    index: tuple[Extent, ...]
    part: int = 0

    def value(self, name: str) -> Json:
        """Return a field's value, None if the item has no such field."""
        text = self.values.get(name)
        return None if text is None else json.loads(text)

    @property
    def path(self) -> bytes:
        """The name on the source, bytes."""
        return unb64(self.value("path"), "the path of an item")

    @property
    def size(self) -> int | None:
        """Length in bytes, None for what is not a file."""
        text = self.values.get("size")  # a string of digits needs no parser of JSON
        return None if text in (None, "null") else integer(str(text)[1:-1], "the size of an item")

    @property
    def mtime(self) -> int | None:
        """When it was changed last, None if that was not told."""
        value = self.value("mtime")
        return None if value is None else canonical.nanoseconds(value)

    @property
    def fate(self) -> dict[str, Json]:
        """What became of the item."""
        value = self.value("fate")
        if not isinstance(value, dict):
            raise MalformedError("an item without a fate")
        return value


@dataclass(frozen=True)
class Folder:
    """A folder's line in a manifest."""

    path: bytes
    mode: int
    mtime: int


@dataclass(frozen=True)
class Tombstone:
    """What stands in a manifest where an item was destroyed."""

    leaf: bytes


def encode_keys(identities: Mapping[str, age.Identity]) -> bytes:
    """Return the plaintext of a key file."""
    return canonical.dumps({"keys": {n: i.text() for n, i in identities.items()}, "v": "1"})


def decode_keys(data: bytes, what: str) -> dict[str, age.Identity]:
    """Read the plaintext of a key file."""
    got = canonical.members(canonical.loads(data, what), what, "keys v")
    keys = got["keys"]
    if got["v"] != "1" or not isinstance(keys, dict):
        raise MalformedError(f"{what} is of a version not known here")
    return {
        _hex(name, HEX64, what): age.Identity.parse(canonical.text(text, what)) for name, text in keys.items()
    }


class OpenDelivery:
    """A delivery with its identity at hand: its manifest, and the bytes of its items."""

    def __init__(
        self,
        store: Store,
        descriptor: Descriptor,
        identity: age.Identity,
        frozen: frozenset[str] = frozenset(),
    ) -> None:
        """Open it; packs named in `frozen` are not read."""
        if str(identity.recipient) != descriptor.recipient:
            raise TamperedError(f"the key of delivery {descriptor.delivery} is not its own")
        self.store, self.descriptor, self.identity = store, descriptor, identity
        self._frozen = frozen
        self._keys: dict[int, dict[str, age.Identity]] = {}

    def keys(self, part: int) -> dict[str, age.Identity]:
        """Return the pack identities of `part`."""
        if part not in self._keys:
            path = self.descriptor.key_path(part)
            data = _read(self.store, path)
            self._keys = {part: decode_keys(age.decrypt(data, self.identity, path), path)}
        return self._keys[part]

    def pack(self, part: int, name: str) -> age.Reader:
        """Return random access to the plaintext of a pack of `part`."""
        identity = self.keys(part).get(name)
        if identity is None:
            raise TamperedError(f"there is no key for pack {name}")
        return self.reader(name, identity)

    def reader(self, name: str, identity: age.Identity) -> age.Reader:
        """Return random access to a pack that `identity` opens; raise FrozenError if it is frozen."""
        if name in self._frozen:
            raise frozen_error("the item is frozen")
        path = pack_path(name)
        size = self.store.size(path)
        if size is None:
            raise TamperedError(f"pack {name} is missing", "restore it from a mirror")

        def fetch(at: int, length: int) -> bytes:
            try:
                return self.store.read_range(path, at, length)
            except OSError as error:
                raise unreadable_error(error, f"pack {name}") from None

        return age.Reader(fetch, size, identity, f"pack {name}")

    def lines(self, part: int) -> Iterator[Record | Folder | Tombstone]:
        """Yield what the manifest of `part` says."""
        name = self.descriptor.parts[part].manifest
        plain = self.pack(part, name).read_all()
        yield from parse_manifest(plain, self.descriptor.delivery, part)

    def all_lines(self) -> Iterator[Record | Folder | Tombstone]:
        """Yield what all manifests say, in order."""
        for part in range(len(self.descriptor.parts)):
            yield from self.lines(part)

    def content(self, record: Record) -> Iterator[bytes]:
        """Yield the bytes of an item in pieces of at most 1 MiB."""
        return self.read_extents(record.part, record.extents)

    def read_extents(self, part: int, extents: Sequence[Extent]) -> Iterator[bytes]:
        """Yield the bytes of `extents` in pieces of at most 1 MiB."""
        step = 16 * age.CHUNK_BYTES
        for name, offset, length in extents:
            reader = None if name == ZERO else self.pack(part, name)
            for at in range(0, length, step):
                size = min(step, length - at)
                yield bytes(size) if reader is None else reader.read(offset + at, size)


def _read(store: Store, path: str) -> bytes:
    try:
        return store.read(path)
    except KeyError:
        raise TamperedError(f"{path} is missing", "restore it from a mirror") from None
    except OSError as error:
        raise unreadable_error(error, path) from None


def parse_manifest(plain: bytes, delivery: str, part: int) -> Iterator[Record | Folder | Tombstone]:
    """Yield the lines of a manifest's plaintext, its padding left off."""
    what = f"the manifest of part {part} of delivery {delivery}"
    text = plain.rstrip(b"\x00")
    lines = text.split(b"\n")
    head = canonical.dumps({"delivery": delivery, "type": "manifest", "v": "1"})
    if lines[0] != head or lines[-1]:
        raise MalformedError(f"{what} is damaged")
    for line in lines[1:-1]:
        yield _usual_line(line, part, what) or _line(canonical.loads(line, what), part, what)


def _usual_line(line: bytes, part: int, what: str) -> Record | None:
    """Return what :func:`_line` does for a line as nearly all are, only faster; None for any other."""
    match = _USUAL.match(line.decode("latin-1"))
    if match is None:
        return None
    values = match.groupdict()
    pack, offset, length, secret = (values.pop(name) for name in ("pack", "offset", "length", "secret"))
    return Record(values, unb64(secret, what, 32), ((pack, int(offset), int(length)),), (), part)


def _line(value: Json, part: int, what: str) -> Record | Folder | Tombstone:
    kind = value.get("type") if isinstance(value, dict) else None
    if kind == "item":
        got = canonical.members(value, what, "extents fields index secret type")
        fields = got["fields"]
        if not isinstance(fields, dict) or not fields.keys() <= ITEM_SLOTS.keys():
            raise MalformedError(f"{what} has an item with unknown fields")
        values = {name: canonical.part_text(v) for name, v in fields.items()}
        secret = unb64(got["secret"], what, 32)
        return Record(values, secret, _extents(got["extents"], what), _extents(got["index"], what), part)
    if kind == "folder":
        got = canonical.members(value, what, "mode mtime path type")
        return Folder(
            unb64(got["path"], what), integer(got["mode"], what), canonical.nanoseconds(got["mtime"], what)
        )
    if kind == "tombstone":
        got = canonical.members(value, what, "leaf type")
        return Tombstone(bytes.fromhex(_hex(got["leaf"], HEX64, what)))
    raise MalformedError(f"{what} has a line of unknown type")


def _extents(value: Json, what: str) -> tuple[Extent, ...]:
    out = []
    for extent in canonical.array(value, what):
        parts = canonical.array(extent, what)
        if len(parts) != 3:
            raise MalformedError(f"{what} has a malformed extent")
        name, offset, length = parts
        pack = ZERO if name == ZERO else _hex(name, HEX64, what)
        out.append((pack, integer(offset, what), integer(length, what)))
    return tuple(out)
