"""Questions and answers between parent and locked child: canonical JSON, for bytes followed by 0A and the
bytes.

The child may be in the hands of whoever made the image. The `decode_` functions believe nothing: a wrong
type, range, count or name raises MalformedError, so that what comes out can be used without a look, as far as
it goes: that a file has these bytes is the image's own word.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

from bearwitness_verify import canonical
from bearwitness_verify.canonical import Json, array, b64, integer, members, text, unb64
from bearwitness_verify.errors import MalformedError

from .model import (
    FILE,
    HOLES,
    READ_BYTES_MAX,
    REASONS,
    SYMLINK,
    TYPES,
    VOLUMES_MAX,
    Acquisition,
    Entry,
    Hole,
    Layout,
    Page,
    Place,
    Stream,
    Volume,
)

NAMES_MAX: Final = 64  # asked for in one page
ENTRIES_MAX: Final = 70_000  # of one page: 64 files of 1,001 streams each
NAME_BYTES_MAX: Final = 8_192  # of a file and a stream, 255 characters each
TARGET_BYTES_MAX: Final = 65_536
HOLES_MAX: Final = 4_096  # of one answer: every sector of it, from both lists
ANSWER_BYTES_MAX: Final = 64 << 20
_FACTS_MAX: Final = 64
_TEXT_CHARACTERS_MAX: Final = 4_096
_SIZE_MAX: Final = 2**63 - 1
_TIME_MAX: Final = 2**75  # nanoseconds; Windows counts to the year 30828
_NUMBERS: Final = ("atime", "attributes", "btime", "ctime", "gid", "mode", "mtime", "nlink", "uid")
_TIMES: Final = ("atime", "btime", "ctime", "mtime")
_FLAGS: Final = ("deleted", "local", "several", "sparse")
_FILE_SYSTEM = re.compile(r"[a-z0-9]{0,16}\Z")
_FACT = re.compile(r"[a-z0-9_]{1,32}\Z")
_HEX = re.compile(r"[0-9a-f]{32,128}\Z")


def question(ask: str, **values: Json) -> bytes:
    """Return the bytes of a question."""
    return canonical.dumps({"ask": ask, "v": "1", **values})


def place_json(place: Place) -> dict[str, Json]:
    """Return a place as members of a question."""
    stream: Json = None if place.stream is None else [str(place.stream.type), str(place.stream.id)]
    return {"address": str(place.address), "stream": stream, "volume": str(place.volume)}


def read_place(value: Mapping[str, Json]) -> Place:
    """Return the place in a question or an entry."""
    stream = None
    if value["stream"] is not None:
        kind, number = _several(value["stream"], 2, "a stream")
        stream = Stream(integer(kind, "a stream", 0, 2**32 - 1), integer(number, "a stream", 0, 65_535))
    number_of = integer(value["volume"], "a volume", 0, VOLUMES_MAX)
    return Place(number_of, integer(value["address"], "a meta address"), stream)


def _several(value: Json, count: int, what: str) -> list[Json]:
    """Return `value` if it is an array of `count` members."""
    found = array(value, what)
    if len(found) != count:
        raise MalformedError(f"{what} has {len(found)} members, not {count}")
    return found


# entries


def encode_page(page: Page) -> bytes:
    """Return the answer that lists part of a folder."""
    entries: list[Json] = [_entry_json(entry) for entry in page.entries]
    return canonical.dumps({"damaged": page.damaged, "entries": entries, "more": page.more, "v": "1"})


def _entry_json(entry: Entry) -> Json:
    out: dict[str, Json] = {
        "name": b64(entry.name), "reason": entry.reason, "size": str(entry.size), "type": entry.type,
        **place_json(entry.place),
    }  # fmt: skip
    for name in _NUMBERS:
        value = getattr(entry, name)
        if value is not None:
            out[name] = str(value)
    for name in _FLAGS:
        out[name] = getattr(entry, name)
    if entry.target is not None:
        out["target"] = b64(entry.target)
    return out


def decode_page(untrusted: bytes, volume: int) -> Page:
    """Return part of a folder of `volume`."""
    got = members(canonical.loads(untrusted, "a page of a folder"), "a page", "damaged entries more v")
    entries = [_entry(value, volume) for value in array(got["entries"], "entries")]
    if len(entries) > ENTRIES_MAX:
        raise MalformedError("a page of a folder is longer than any may be")
    return Page(entries, _flag(got["more"]), _flag(got["damaged"]))


def _entry(value: Json, volume: int) -> Entry:
    required = "address name reason size stream type volume " + " ".join(_FLAGS)
    got = members(value, "an entry", required, " ".join((*_NUMBERS, "target")))
    place = read_place(got)
    name, kind, reason = unb64(got["name"], "a name"), got["type"], got["reason"]
    if place.volume != volume or kind not in TYPES or not (reason == "" or reason in REASONS):
        raise MalformedError("an entry is of an unknown kind or another volume")
    if not name or len(name) > NAME_BYTES_MAX or b"\x00" in name:
        raise MalformedError("an entry has no possible name")
    target = unb64(got["target"], "a target") if "target" in got else None
    if (target is None) != (kind != SYMLINK) or len(target or b"") > TARGET_BYTES_MAX:
        raise MalformedError("an entry is a link without a target, or the other way round")
    size = integer(got["size"], "a size", 0, _SIZE_MAX)
    if size and kind not in (FILE, "unreadable"):
        raise MalformedError("an entry that is not a file has a size")
    found: dict[str, Any] = {n: _number(got[n], n) for n in _NUMBERS if n in got}
    found |= {n: _flag(got[n]) for n in _FLAGS}
    return Entry(place, name, str(kind), size, target=target, reason=str(reason), **found)


def _number(value: Json, name: str) -> int:
    if name in _TIMES:
        return integer(value, "a time", -_TIME_MAX, _TIME_MAX)
    return integer(value, "a number of an entry", 0, 2**32 - 1)


def _flag(value: Json) -> bool:
    if not isinstance(value, bool):
        raise MalformedError("a flag is neither true nor false")
    return value


# bytes


def encode_bytes(data: bytes, holes: Sequence[Hole]) -> bytes:
    """Return the answer that gives bytes; offsets of holes are those of the file."""
    listed: list[Json] = [[str(h.offset), str(h.length), h.reason] for h in holes]
    return canonical.dumps({"holes": listed, "v": "1"}) + b"\n" + data


def decode_bytes(untrusted: bytes, offset: int, length: int) -> tuple[memoryview, list[Hole]]:
    """Return the `length` bytes that were asked for from `offset`, and what is wrong with them."""
    end = untrusted.find(b"\n")
    body = memoryview(untrusted)[end + 1 :]
    if end < 0 or len(body) != length:
        raise MalformedError("other bytes came than were asked for")
    got = members(canonical.loads(untrusted[:end], "the header of bytes"), "a header", "holes v")
    holes = []
    for value in array(got["holes"], "holes"):
        begin, size, reason = _several(value, 3, "a hole")
        at = integer(begin, "a hole", offset, offset + length)
        holes.append(Hole(at, integer(size, "a hole", 1, offset + length - at), text(reason)))
    if len(holes) > HOLES_MAX or any(hole.reason not in HOLES for hole in holes):
        raise MalformedError("holes are of an unknown kind, or too many")
    return body, holes


def decode_range(value: Mapping[str, Json]) -> tuple[int, int]:
    """Return offset and length in a question for bytes."""
    return integer(value["offset"]), integer(value["length"], "a length", 1, READ_BYTES_MAX)


# layout


def encode_layout(layout: Layout) -> bytes:
    """Return the answer that tells what is on a medium."""
    volumes: list[Json] = [
        {
            "file_system": v.file_system, "ids": dict(v.ids), "kind": v.kind, "length": str(v.length),
            "number": str(v.number), "offset": str(v.offset), "orphans": str(v.orphans), "root": str(v.root),
            "trouble": v.trouble,
        }
        for v in layout.volumes
    ]  # fmt: skip
    ids: dict[str, Json] = dict(layout.ids)
    return canonical.dumps(
        {"ids": ids, "size": str(layout.size), "table": layout.table, "v": "1", "volumes": volumes}
    )


def decode_layout(untrusted: bytes) -> Layout:
    """Return what is on a medium."""
    got = members(canonical.loads(untrusted, "a layout"), "a layout", "ids size table v volumes")
    volumes = tuple(_volume(value) for value in array(got["volumes"], "volumes"))
    numbers = [volume.number for volume in volumes]
    if len(volumes) > VOLUMES_MAX + 1 or len(set(numbers)) != len(numbers):
        raise MalformedError("a medium has more volumes than any, or two of one number")
    size = integer(got["size"], "the size of a medium", 0, _SIZE_MAX)
    return Layout(size, _file_system(got["table"]), volumes, _ids(got["ids"]))


def _volume(value: Json) -> Volume:
    got = members(value, "a volume", "file_system ids kind length number offset orphans root trouble")
    return Volume(
        number=integer(got["number"], "a volume", 0, VOLUMES_MAX),
        offset=integer(got["offset"], "an offset", 0, _SIZE_MAX),
        length=integer(got["length"], "a length"),
        kind=_text(got["kind"]),
        file_system=_file_system(got["file_system"]),
        root=integer(got["root"], "a root"),
        orphans=integer(got["orphans"], "an address"),
        trouble=_text(got["trouble"]),
        ids=_ids(got["ids"]),
    )


def _file_system(value: Json) -> str:
    if not isinstance(value, str) or not _FILE_SYSTEM.match(value):
        raise MalformedError("a file system has an impossible name")
    return value


def _ids(value: Json) -> dict[str, str]:
    if not isinstance(value, dict) or len(value) > _FACTS_MAX or not all(map(_FACT.match, value)):
        raise MalformedError("ids are malformed")
    return {name: _text(word) for name, word in value.items()}


def _text(value: Json) -> str:
    word = text(value)
    if len(word) > _TEXT_CHARACTERS_MAX:
        raise MalformedError("a text is longer than any may be")
    return word


# EWF


def encode_acquisition(acquisition: Acquisition) -> bytes:
    """Return the answer that tells how an EWF image was made."""
    return canonical.dumps({"facts": dict(acquisition.facts), "hashes": dict(acquisition.hashes), "v": "1"})


def decode_acquisition(untrusted: bytes) -> Acquisition:
    """Return how an EWF image was made, as it says."""
    got = members(canonical.loads(untrusted, "facts of an image"), "facts of an image", "facts hashes v")
    hashes = _ids(got["hashes"])
    if not all(map(_HEX.match, hashes.values())):
        raise MalformedError("a hash stored in an image is malformed")
    return Acquisition(hashes, dict(_ids(got["facts"])))
