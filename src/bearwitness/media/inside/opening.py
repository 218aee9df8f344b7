"""Opening a container without a name, a path or a second file."""

from __future__ import annotations

import io
import os
from fractions import Fraction
from typing import Any, Final, NoReturn, Protocol, cast

import av
from av.container import InputContainer

from bearwitness.sandbox.tasks import Task

# Demuxers of files that hold pictures and sound themselves. Left out is what FFmpeg would take text for
# (subtitles, playlists, scripts) and what only points at other files.
DEMUXERS: Final = """
    aac ac3 aiff alaw amr ape apng asf au avi avs2 avs3 caf dhav dirac dts dtshd dv eac3 evc flac
    flv gif gxf h261 h263 h264 hevc ivf jpegxl_anim loas lxf m4v matroska webm mjpeg mlp mov mp4 m4a
    3gp 3g2 mj2 mp3 mpc mpc8 mpeg mpegts mpegvideo mpjpeg mulaw mxf nsv nut obu ogg rm tta vc1
    vc1test vvc w64 wav wv xa xmv xwma yuv4mpegpipe
""".split()
READ_BYTES: Final = 256 << 10


class Bytes(Protocol):
    """A file that can be read anywhere."""

    @property
    def size(self) -> int:
        """How many bytes it has."""

    def pread(self, offset: int, length: int) -> bytes:
        """Return `length` bytes from `offset`, fewer only at its end."""


class OpenFile:
    """A file handed over by its descriptor."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self.size = os.lseek(descriptor, 0, os.SEEK_END)

    def pread(self, offset: int, length: int) -> bytes:
        """Return `length` bytes from `offset`, fewer only at its end."""
        parts, data = [], os.pread(self._descriptor, length, offset)
        while data and len(data) < length:
            parts.append(data)
            offset, length = offset + len(data), length - len(data)
            data = os.pread(self._descriptor, length, offset)
        return b"".join([*parts, data])


class FileObject:
    """What PyAV and Pillow read from: a position over :class:`Bytes`."""

    def __init__(self, source: Bytes) -> None:
        self._source, self._at = source, 0

    def read(self, size: int = -1) -> bytes:
        """Return at most `size` bytes from here, all if it is negative."""
        size = self._source.size - self._at if size < 0 else size
        data = self._source.pread(self._at, size) if size > 0 and self._at < self._source.size else b""
        self._at += len(data)
        return data

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Move, as files do."""
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._source.size}[whence]
        self._at = max(0, base + offset)
        return self._at

    def tell(self) -> int:
        """Return the position."""
        return self._at

    def seekable(self) -> bool:
        """Say yes."""
        return True

    def readable(self) -> bool:
        """Say yes."""
        return True


def bytes_of(task: Task) -> Bytes:
    """Return the bytes a task is about."""
    return OpenFile(task.files[0]) if task.source is None else task.source


def open_container(source: Bytes, *, edits: bool = True) -> InputContainer:
    """Open hostile bytes as a container; raise av.FFmpegError.

    Without `edits` the edit lists of MP4 and MOV are taken for not there: all that is stored comes out.
    """
    container = av.open(
        cast(Any, FileObject(source)),
        mode="r",
        container_options={
            "format_whitelist": ",".join(DEMUXERS),
            "protocol_whitelist": "none",
            **({} if edits else {"ignore_editlist": "1"}),
        },
        buffer_size=READ_BYTES,
        metadata_errors="replace",
        io_open=_no_other_file,
    )
    return cast(InputContainer, container)


def count_hidden(source: Bytes, container: InputContainer, number: int) -> int:
    """Return how many packets of a stream an edit list keeps from coming out at all; raise av.FFmpegError."""
    if not container.format.name.startswith("mov"):
        return 0
    shown = {entry.pos for entry in container.streams[number].index_entries}
    with open_container(source, edits=False) as everything:
        if number >= len(everything.streams):
            return 0
        stored = {entry.pos for entry in everything.streams[number].index_entries}
    return len(stored - shown)


def _no_other_file(*_: object, **__: object) -> NoReturn:
    raise PermissionError("a file of footage wants another file opened")


def reason_of(error: BaseException) -> str:
    """Return FFmpeg's word for what is wrong, without numbers and names of functions.

    Raises MemoryError where it is not the file that is to blame: what a child is too small for must not be
    told as a loss.
    """
    if isinstance(error, MemoryError | BlockingIOError):  # the latter: no room for a thread
        raise MemoryError from error
    words = str(error).split("] ", 1)[-1].split(": '")[0]
    return words or type(error).__name__


def fraction(value: Any) -> Fraction | None:
    """Return a time base or rate of PyAV, None if there is none."""
    return None if value is None or not value else Fraction(value)
