"""No packet of the original in what must not be bit-exact: whoever has the original could match it."""

from __future__ import annotations

from collections.abc import Iterator
from hashlib import sha256
from typing import Final

from bearwitness import media
from bearwitness.errors import RefusedError
from bearwitness.media.model import DecodeTrouble
from bearwitness.media.packets import packets
from bearwitness.media.probe import probe
from bearwitness.media.source import Source
from bearwitness.sandbox.client import Sandbox

_BYTES_MIN: Final = 32  # shorter ones, of silence and the like, are the same in many files


def refuse_packets(copy: Source, original: Source) -> None:
    """Raise RefusedError if `copy` holds a packet of pictures or sound of `original`; both are footage."""
    with Sandbox(media.TASKS) as sandbox:
        known = set(_digests(sandbox, original))
        kept = sum(digest in known for digest in _digests(sandbox, copy))
    if kept:
        raise RefusedError(
            f"{copy.name} holds {kept} packets of the original, by which whoever has it could match it",
            "make a copy for the press: bearwitness redact ITEM --press",
        )


def _digests(sandbox: Sandbox, source: Source) -> Iterator[bytes]:
    streams = [s.index for s in probe(sandbox, source).streams if s.kind in ("video", "audio") and s.codec]
    troubles: list[DecodeTrouble] = []
    for packet in packets(sandbox, source, streams=streams, troubles=troubles, edits=False):
        if len(packet.data) >= _BYTES_MIN:
            yield sha256(packet.data).digest()
