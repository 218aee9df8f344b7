"""The parent's side of a disk image: asks the locked child, checks what it says, starts another where one
died.

    with Sandbox(TASKS) as sandbox, DiskImage(sandbox, [descriptor], RAW) as image:
        for volume in image.layout().volumes:
            for entry in image.entries(volume.number, volume.root): ...

A question on which two children died is not asked again: that file or folder is unreadable, with the reason,
and everything else goes on. One object serves the processes forked after it was made; each has a child of its
own.
"""

from __future__ import annotations

import os
import re
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

from bearwitness.containers.answer import ANSWER_BYTES_MAX as INDEX_BYTES_MAX
from bearwitness.errors import BearwitnessError, ChildFailedError, MalformedError, SandboxError
from bearwitness.sandbox.client import Sandbox, Session
from bearwitness.sandbox.closing import Closes
from bearwitness.sandbox.limits import Limits
from bearwitness_verify import canonical
from bearwitness_verify.canonical import Json

from . import answers
from .model import READ_BYTES_MAX, Acquisition, Entry, Hole, Layout, Place
from .ranges import Ranges

TASKS: Final = "bearwitness.images.locked"
RAW: Final = "raw"
EWF: Final = "ewf"
FILES_MAX: Final = 250  # as many as can be handed to the sandbox

# A folder of a slow, failing disk may take minutes; a structure made to keep a parser busy takes them all.
LIMITS: Final = Limits(120, 900.0, 512 << 20, answers.ANSWER_BYTES_MAX)
# Looking for deleted files reads every sector of a disk for one answer.
PATIENT_LIMITS: Final = Limits(6 * 3600, 12 * 3600.0, 2 << 30, answers.ANSWER_BYTES_MAX)
_NOISE: Final = re.compile(r"\A.*?' (failed: [A-Za-z]+: )?")
_LOST_SECONDS_MAX: Final = 1_800.0  # on questions that killed their children, before an image is given up
_DEATHS_MAX: Final = 16  # in one folder
_RANGES_AT_ONCE: Final = 10_000
_INDEX_SECONDS_LEAST: Final = 20
_INDEX_BYTES_A_SECOND: Final = 50_000_000
_INDEX_MEMORY_BYTES: Final = 1 << 30


class ImageError(BearwitnessError):
    """A question about an image has no answer; the message says why."""


class DiedError(ImageError):
    """The children that were asked died of the question."""


class Trouble(NamedTuple):
    """Something of a folder that is not listed, and why."""

    reason: str


@dataclass(frozen=True)
class Medium:
    """How to open an image: its open files in order, what they hold, the size of a sector.

    Of a raw image a second one may be the same opened with O_DIRECT, for the sectors beside bad ones.
    """

    files: Sequence[int]
    form: str = RAW
    sector_bytes: int = 512


class DiskImage(Closes):
    """An image or device that is open for reading."""

    def __init__(self, sandbox: Sandbox, medium: Medium, limits: Limits = LIMITS) -> None:
        self._sandbox, self._medium, self._limits = sandbox, medium, limits
        self._session: Session | None = None
        self._process = 0
        self._bad, self._unstable = Ranges(), Ranges()
        self._layout: Layout | None = None
        self._lost_seconds = 0.0

    def close(self) -> None:
        """End this process's child; the next question would start another."""
        if self._session is not None and self._process == os.getpid():
            self._session.close()
        self._session = None

    def know(self, bad: Iterable[tuple[int, int]], unstable: Iterable[tuple[int, int]]) -> None:
        """Tell which ranges can not be read and need not be tried, and which are not to be trusted."""
        self._bad, self._unstable = Ranges(bad), Ranges(unstable)
        self.close()

    def layout(self) -> Layout:
        """Return what is on the medium; raise ImageError."""
        if self._layout is None:
            self._layout = answers.decode_layout(self._ask("layout"))
        return self._layout

    def acquisition(self) -> Acquisition:
        """Return what an EWF image says of how it was made; raise ImageError."""
        return answers.decode_acquisition(self._ask("acquisition"))

    def entries(self, volume: int, address: int, *, deleted: bool = False) -> Iterator[Entry | Trouble]:
        """Yield the names in a folder, and what of it can not be listed."""
        skip, count, deaths, more = 0, answers.NAMES_MAX, 0, True
        while more:
            try:
                page = answers.decode_page(
                    self._ask(
                        "list", address=str(address), count=str(count), deleted=deleted, skip=str(skip),
                        volume=str(volume),
                    ), volume,
                )  # fmt: skip
            except DiedError as error:
                if count > 1:  # find the one name that kills
                    count = 1
                    continue
                deaths += 1
                yield Trouble(f"name number {skip + 1} in it: {error}")
                if deaths == _DEATHS_MAX:
                    yield Trouble("the names after that are not listed: too many of them end the parser")
                    return
                page = None
            except (ImageError, MalformedError):
                yield Trouble("its list of names can not be read")
                return
            skip += count
            count = answers.NAMES_MAX
            if page is not None:
                more = page.more
                yield from page.entries
                if page.damaged:
                    yield Trouble("its list of names lies on unreadable sectors; names may be missing")

    def fill(self, place: Place, view: memoryview, offset: int) -> list[Hole]:
        """Fill `view` with bytes of a file; return what is wrong with them. Raise ImageError."""
        return self._fill("read", answers.place_json(place), view, offset)

    def fill_raw(self, view: memoryview, offset: int) -> list[Hole]:
        """Fill `view` with bytes of the disk; return what is wrong with them. Raise ImageError."""
        return self._fill("raw", {}, view, offset)

    def _fill(self, ask: str, values: dict[str, Json], view: memoryview, offset: int) -> list[Hole]:
        holes: list[Hole] = []
        for at in range(0, len(view), READ_BYTES_MAX):
            part, begin = view[at : at + READ_BYTES_MAX], offset + at
            untrusted = self._ask(ask, offset=str(begin), length=str(len(part)), **values)
            try:
                part[:], found = answers.decode_bytes(untrusted, begin, len(part))
            except MalformedError as error:
                raise ImageError(f"what was read of it makes no sense: {error}") from None
            holes += found
        return holes

    def untrusted_index(self, place: Place, size: int) -> bytes:
        """Return what a child of its own says of a file's container; raise SandboxError."""
        arguments = {**self._arguments(), "place": answers.place_json(place)}
        seconds = _INDEX_SECONDS_LEAST + size // _INDEX_BYTES_A_SECOND
        limits = Limits(seconds, float(4 * seconds), _INDEX_MEMORY_BYTES, INDEX_BYTES_MAX)
        return self._sandbox.call("index", canonical.dumps(arguments), self._medium.files, limits)

    def _ask(self, ask: str, **values: Json) -> bytes:
        """Return the child's answer, which is untrusted; ask another child once if it dies of it."""
        if self._lost_seconds > _LOST_SECONDS_MAX:
            raise ImageError("given up: other parts of the image kept the parsers busy for too long")
        begun = time.monotonic()
        question = answers.question(ask, **values)
        try:
            try:
                return self._ask_once(question)
            except DiedError:
                return self._ask_once(question)
        except DiedError:
            self._lost_seconds += time.monotonic() - begun
            raise

    def _ask_once(self, question: bytes) -> bytes:
        try:
            session = self._open_session()
        except ChildFailedError as error:
            raise DiedError(f"it can not be opened: {_plain(error)}") from None
        try:
            return session.ask(question)
        except ChildFailedError as error:
            if session.closed:
                self._session = None
                raise DiedError(f"the parser of file systems {_plain(error)}") from None
            raise ImageError("the file system's structures lead nowhere") from None
        except SandboxError:
            self._session = None
            raise

    def _open_session(self) -> Session:
        """Return this process's session; one inherited from the process before belongs to that."""
        if self._process != os.getpid():
            self._session, self._process = None, os.getpid()
        if self._session is None:
            session = self._sandbox.session(
                "image", canonical.dumps(self._arguments()), self._medium.files, self._limits
            )
            for question in _knowledge(self._bad, self._unstable):
                session.ask(question)
            self._session = session
        return self._session

    def _arguments(self) -> dict[str, Json]:
        return {"form": self._medium.form, "sector_bytes": str(self._medium.sector_bytes), "v": "1"}


def _plain(error: ChildFailedError) -> str:
    """Return why a child failed, without the words that only name the task and the class of the error."""
    return _NOISE.sub("", str(error))


def _knowledge(bad: Ranges, unstable: Ranges) -> Iterator[bytes]:
    """Yield the questions that tell a new child what is known of the disk."""
    for pieces, name in ((list(bad), "bad"), (list(unstable), "unstable")):
        for at in range(0, len(pieces), _RANGES_AT_ONCE):
            told: list[Json] = [[str(o), str(n)] for o, n in pieces[at : at + _RANGES_AT_ONCE]]
            empty: list[Json] = []
            yield answers.question("know", **{"bad": empty, "unstable": empty, name: told})
