"""RIFF files: AVI and WAV, told apart by their form type (Microsoft and IBM, 1991)."""

from __future__ import annotations

from typing import Final

from . import avi, wav
from .model import Index
from .reader import Reader

_WAV_FORMS: Final = ((b"RIFF", "wav"), (b"RF64", "rf64"), (b"BW64", "bw64"))


def recognise(head: bytes) -> bool:
    """Say whether a file that begins with `head` is an AVI or WAV file."""
    return _container(head) is not None


def _container(head: bytes) -> str | None:
    if head[:4] == b"RIFF" and head[8:12] == b"AVI ":
        return "avi"
    return dict(_WAV_FORMS).get(head[:4]) if head[8:12] == b"WAVE" else None


def read(reader: Reader) -> Index:
    """Return the index of an AVI or WAV file; raise ContainerError if it is damaged."""
    container = _container(reader.read(0, 12))
    return avi.read(reader) if container in ("avi", None) else wav.read(reader, container)
