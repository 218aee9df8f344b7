"""Sound of an audio stream: mono samples at the rate asked for, with the exact time of each run."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from typing import Final

import numpy as np

from bearwitness.errors import MalformedError
from bearwitness.sandbox.client import Sandbox
from bearwitness_verify.canonical import Json

from . import wire
from .answers import in_batches
from .model import DecodeTrouble, Sound
from .plans import USUAL, Plan
from .source import Source

_ANSWER_BYTES_MAX: Final = wire.BATCH_BYTES + (32 << 20)
_RATE_MAX: Final = 384_000


def sound(
    sandbox: Sandbox,
    source: Source,
    *,
    stream: int,
    rate: int,
    troubles: list[DecodeTrouble],
    edits: bool = True,
    plan: Plan = USUAL,
) -> Iterator[Sound]:
    """Yield the sound of audio stream number `stream`, all channels mixed to one, `rate` samples a second.

    Where the stream has a gap the next block begins later than the last one ended: nothing is filled in. What
    does not decode is appended to `troubles`. Without `edits` what an edit list of MP4 or MOV hides is heard
    too, and times are those of the media. Raises as :func:`bearwitness.media.frames.frames` does.
    """
    if not 0 < rate <= _RATE_MAX:
        raise ValueError(f"sound of {rate} samples a second is not made")
    first = 0

    def read(batch: wire.Batch) -> list[Sound]:
        nonlocal first
        blocks = _blocks(batch, rate, first)
        first += sum(len(block.samples) for block in blocks)
        return blocks

    asked: Json = {"edits": edits, "rate": str(rate), "stream": str(stream)}
    yield from in_batches(
        sandbox, source, "sound", asked, plan.limits(_ANSWER_BYTES_MAX),
        wire.SOUND.size, read, troubles, ": no sound can be decoded",
    )  # fmt: skip


def _blocks(batch: wire.Batch, rate: int, first: int) -> list[Sound]:
    blocks: list[Sound] = []
    samples = np.frombuffer(batch.data, "<f4") if len(batch.data) % 4 == 0 else None
    if samples is None or not np.isfinite(samples).all():
        raise MalformedError("a batch holds samples that are no numbers")
    begin = at = 0
    for numerator, denominator, count in wire.SOUND.iter_unpack(batch.records):
        if denominator <= 0 or at + count > len(samples):
            raise MalformedError("a block of sound is cut off")
        time = Fraction(numerator, denominator)
        if blocks and blocks[-1].time + Fraction(at - begin, rate) == time:  # the same run goes on
            time = blocks.pop().time
        else:
            begin = at
        at += count
        blocks.append(Sound(first + begin, time, rate, samples[begin:at]))
    if at != len(samples):
        raise MalformedError("a batch holds samples that belong to no block")
    return blocks
