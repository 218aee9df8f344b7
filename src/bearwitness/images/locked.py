"""What the sandbox runs of this package: a session that answers for one image (see sandbox/tasks.py).

Questions (canonical JSON, :mod:`.answers`):

    layout                                        partition table, volumes, ids
    list    volume address skip count deleted     names in a folder
    read    volume address stream offset length   bytes of a file
    raw     offset length                         bytes of the disk
    know    bad unstable                          ranges the parent found unreadable or unstable
    acquisition                                   what an EWF image says of how it was made

Each file's container is read by a child of its own (the call `index`): what a film may do to the parser of
films it does not do to the one that reads everybody's files.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping
from typing import Final

from bearwitness.containers.answer import encode_unknown
from bearwitness.containers.tasks import index_file
from bearwitness.sandbox.tasks import Call, Handler, Session, Task
from bearwitness_verify import canonical
from bearwitness_verify.canonical import Json, array, integer, members

from . import answers
from .content import Content, open_content
from .fat import FatContent
from .listing import Listing
from .medium import EwfMedium, Medium, RawMedium
from .model import Acquisition, Hole
from .volumes import Disk

# FAT times have no zone; The Sleuth Kit takes them for those of the machine it runs on.
os.environ["TZ"] = "UTC"
time.tzset()
for _codec in ("utf-16-le", "cp437", "latin-1"):
    "".encode(_codec)  # Python loads a codec when it is first used, and here that can not be later

_WORD_CHARACTERS_MAX: Final = 2_000
_HASHES: Final = ("md5", "sha1", "sha256")


class Image:
    """One open image."""

    def __init__(self, task: Task) -> None:
        got = members(canonical.loads(task.arguments), "arguments", "form sector_bytes v", "place")
        files = task.files
        sector = integer(got["sector_bytes"], "a sector", 512, 65_536)
        self.medium: Medium = EwfMedium(files) if got["form"] == "ewf" else RawMedium(files, sector)
        self.disk = Disk(self.medium, sector)
        self._listing = Listing(self.disk)
        self._content: Content | FatContent | None = None
        self._answers: dict[str, tuple[str, Callable[[dict[str, Json]], bytes]]] = {
            "layout": ("", self._layout),
            "list": ("volume address skip count deleted", self._list),
            "read": ("volume address stream offset length", self._read),
            "raw": ("offset length", self._raw),
            "know": ("bad unstable", self._know),
            "acquisition": ("", self._acquisition),
        }
        self.place = got.get("place")

    def answer(self, question: bytes) -> bytes:
        """Answer one question; raise for one that can not be answered."""
        got = canonical.loads(question, "a question")
        ask = got.get("ask") if isinstance(got, dict) else None
        names, answer = self._answers[str(ask)]
        return answer(members(got, "a question", f"ask v {names}"))

    def _layout(self, _: Mapping[str, Json]) -> bytes:
        return answers.encode_layout(self.disk.layout())

    def _list(self, got: Mapping[str, Json]) -> bytes:
        volume, address = integer(got["volume"]), integer(got["address"])
        skip, count = integer(got["skip"]), integer(got["count"], "a count", 1, answers.NAMES_MAX)
        page = self._listing.page(volume, address, skip, count, deleted=got["deleted"] is True)
        return answers.encode_page(page)

    def _read(self, got: Mapping[str, Json]) -> bytes:
        data, holes = self.content(got).read(*answers.decode_range(got))
        return answers.encode_bytes(data, holes)

    def content(self, got: Mapping[str, Json]) -> Content | FatContent:
        """Return the file a question is about; the one asked for last stays open."""
        place = answers.read_place(got)
        volume = self.disk.open(place.volume)
        if self._content is None or self._content.place != place:
            self._content = None
            self._content = open_content(volume, self.disk.fat(volume), place)
        return self._content

    def _raw(self, got: Mapping[str, Json]) -> bytes:
        offset, length = answers.decode_range(got)
        data = self.medium.read(offset, max(0, min(length, self.medium.size - offset)))
        bad = self.medium.bad.within(offset, len(data))
        return answers.encode_bytes(data, [Hole(begin, size, "sector") for begin, size in bad])

    def _know(self, got: Mapping[str, Json]) -> bytes:
        for ranges, name in ((self.medium.bad, "bad"), (self.medium.unstable, "unstable")):
            for value in array(got[name]):
                offset, length = array(value)
                ranges.add(integer(offset), integer(length))
        return b""

    def _acquisition(self, _: Mapping[str, Json]) -> bytes:
        if not isinstance(self.medium, EwfMedium):
            raise LookupError("only an EWF image says how it was made")
        handle = self.medium.handle
        facts = {"bytes_per_sector": str(handle.bytes_per_sector), "chunk_bytes": str(handle.chunk_size)}
        facts |= {str(name): _word(value) for name, value in handle.get_header_values().items()}
        hashes = {str(name).lower(): _word(value).lower() for name, value in handle.get_hash_values().items()}
        kept = {name: value for name, value in hashes.items() if name in _HASHES}
        return answers.encode_acquisition(Acquisition(kept, facts))


def _word(value: object) -> str:
    return str(value).encode("utf-8", "replace").decode()[:_WORD_CHARACTERS_MAX]


def _image(task: Task) -> Handler:
    return Image(task).answer


def _index(task: Task) -> bytes:
    """Answer what :func:`bearwitness.containers.tasks.index_file` says of one file of the image."""
    image = Image(task)
    if not isinstance(image.place, dict):
        return encode_unknown()
    return index_file(image.content(image.place))


CALLS: Mapping[str, Call] = {"index": _index}
SESSIONS: Mapping[str, Session] = {"image": _image}
