"""Putting a derivative together in memory, and handing it over only once it is whole and was let through."""

from __future__ import annotations

import contextlib
import errno
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

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
    """Write what was let through to `out`, which must not exist: all of it or nothing."""
    if out.exists():
        raise RefusedError(f"{out} exists already and is not overwritten", "choose another name")
    beside = out.with_name(f".{out.name}.{os.getpid()}.part")
    try:
        with open(beside, "xb") as target:
            at = 0
            while piece := os.pread(descriptor, _PIECE, at):
                target.write(piece)
                at += len(piece)
            target.flush()
            os.fsync(target.fileno())
        _name(beside, out)
    finally:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(beside)
