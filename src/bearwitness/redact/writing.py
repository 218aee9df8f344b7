"""Putting a derivative together, and handing it over only once it is whole and was let through.

Until then it has no name: it lies in memory or, where it is large and goes to a plain file, in an unnamed
file of the folder it goes to (O_TMPFILE), which the kernel takes away with the process, however that ends.
What is refused is overwritten first, for such a folder may be on a stick that is given away.
"""

from __future__ import annotations

import contextlib
import errno
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import BinaryIO, Final

from bearwitness.errors import RefusedError, UsageError

from .muxing import matroska, mp4
from .muxing.model import AudioTrack, VideoTrack

VIDEO: Final = {".mp4": "mp4", ".m4v": "mp4", ".mov": "mov", ".mkv": "mkv", ".webm": "webm"}
STILLS: Final = {
    ".jpg": "jpeg",
    ".jpeg": "jpeg",
    ".png": "png",
    ".tif": "tiff",
    ".tiff": "tiff",
    ".pdf": "pdf",
}
_CODECS: Final = {"mp4": "h264", "mov": "h264", "mkv": "h264", "webm": "vp9"}
_PIECE: Final = 1 << 20
MEMORY_BYTES_MAX: Final = 256 << 20
"""What is larger is not kept in memory until it is let through, if it goes to a plain file."""
_NO_UNNAMED: Final = frozenset({errno.EOPNOTSUPP, errno.EISDIR, errno.EINVAL, errno.ENOENT})
_NO_LINKS: Final = frozenset({errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK})


def container_of(out: Path) -> str:
    """Return which container an output's name asks for; raise UsageError."""
    kind = {**VIDEO, **STILLS}.get(out.suffix.lower())
    if kind is None:
        raise UsageError(
            f"{out.name} does not say what to write", f"end it in one of {', '.join((*VIDEO, *STILLS))}"
        )
    return kind


def codec_for(container: str) -> str:
    """Return the video codec a container is written with."""
    return _CODECS[container]


@contextlib.contextmanager
def in_memory(name: str) -> Iterator[int]:
    """Give the descriptor of a file that exists only in memory, gone afterwards."""
    descriptor = os.memfd_create(name, os.MFD_CLOEXEC)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


@contextlib.contextmanager
def without_name(size: int, beside: Path | None) -> Iterator[int]:
    """Give the descriptor of an empty file without a name, gone afterwards unless it was handed over.

    In memory, unless about `size` bytes are too many for that and there is a folder, `beside`, whose file
    system knows unnamed files. A file there that was not handed over is overwritten before it goes.
    """
    descriptor = -1
    if beside is not None and size > MEMORY_BYTES_MAX:
        descriptor = _unnamed(beside)
    if descriptor < 0:
        with in_memory("derivative") as descriptor:
            yield descriptor
        return
    try:
        yield descriptor
    finally:
        try:
            if not os.fstat(descriptor).st_nlink:
                _overwrite(descriptor)
        finally:
            os.close(descriptor)


def _unnamed(folder: Path) -> int:
    """Return the descriptor of a new file of `folder` without a name, -1 where there is no such thing."""
    try:
        return os.open(folder, os.O_TMPFILE | os.O_RDWR | os.O_CLOEXEC, 0o666)
    except OSError as error:
        if error.errno in _NO_UNNAMED:
            return -1
        raise


def _overwrite(descriptor: int) -> None:
    size, at = os.fstat(descriptor).st_size, 0
    nothing = bytes(_PIECE)
    while at < size:
        at += os.pwrite(descriptor, nothing[: size - at], at)
    os.fsync(descriptor)


def write_footage(descriptor: int, container: str, video: VideoTrack, sounds: Sequence[AudioTrack]) -> None:
    """Write a finished file of footage to `descriptor`."""
    with os.fdopen(os.dup(descriptor), "wb") as sink:
        if container in ("mp4", "mov"):
            mp4.write(sink, video, sounds, quicktime=container == "mov")
        else:
            matroska.write(sink, video, sounds, webm=container == "webm")


def _name(beside: Path, out: Path) -> None:
    """Give a finished file its name without replacing another; sticks formatted as FAT know no links."""
    try:
        os.link(beside, out)
    except OSError as error:
        if error.errno not in _NO_LINKS or out.exists():
            raise
        os.rename(beside, out)


def hand_over(descriptor: int, out: Path) -> None:
    """Give what was let through the name `out`, which must not exist: all of it or nothing."""
    if out.exists():
        raise RefusedError(f"{out} exists already and is not overwritten", "choose another name")
    if _linked(descriptor, out):
        return
    copy = _unnamed(out.parent)
    if copy >= 0:
        with os.fdopen(copy, "wb") as target:
            _copy(descriptor, target)
            if _linked(copy, out):
                return
    beside = out.with_name(f".{out.name}.{os.getpid()}.part")
    try:
        with open(beside, "xb") as target:
            _copy(descriptor, target)
            os.fsync(target.fileno())
        _name(beside, out)
    finally:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(beside)


def _copy(descriptor: int, target: BinaryIO) -> None:
    at = 0
    while piece := os.pread(descriptor, _PIECE, at):
        target.write(piece)
        at += len(piece)
    target.flush()


def _linked(descriptor: int, out: Path) -> bool:
    """Name a file that has no name; say whether that could be done: not for memory, nor across devices."""
    kept = os.fstat(descriptor)
    if kept.st_nlink or kept.st_dev != out.parent.stat().st_dev:
        return False
    os.fsync(descriptor)
    try:
        os.link(f"/proc/self/fd/{descriptor}", out, follow_symlinks=True)
    except OSError as error:
        if error.errno in _NO_LINKS or error.errno in (errno.ENOENT, errno.EXDEV):
            return False
        raise
    return True
