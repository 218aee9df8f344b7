"""Doing a derivation again: does a redacted copy follow from this original by this plan?

The plan is carried out anew on the original, with no detector, and the copy compared with the result: first
byte by byte, then, where another build of the encoder gives other bytes, picture by picture and sound by
sound, both decoded by the same decoder. Two encodings of one picture differ a little everywhere; a picture
in which something else was altered differs much somewhere. So every square of 16 × 16 pixels is compared.
"""

from __future__ import annotations

import contextlib
import itertools
import os
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from bearwitness.media.model import Picture
from bearwitness.media.source import Source as Bytes
from bearwitness.sandbox.client import Sandbox

from . import ends
from .footage import Footage
from .plan import Plan, Source, require_for
from .rendering import render
from .sound import make_sounds
from .stills import Stills, covered_pages
from .stills import write as write_pages
from .writing import STILLS, codec_for, in_memory, write_footage

SAME_BYTES: Final = "same bytes"
SAME: Final = "same pictures and sound"
ALIKE: Final = "alike"
OTHER: Final = "other"
SQUARE: Final = 16
SQUARE_MOST: Final = 24.0
"""By how much of 255 a square may differ on average and still count as another encoding of the same."""
_SOUND_RATE: Final = 16_000
_SOUND_PIECE: Final = 4_000
_SOUND_FLOOR: Final = 0.02
_SOUND_SHARE: Final = 0.5
_MILLISECOND: Final = Fraction(1, 1000)
_PIECE: Final = 1 << 20
Samples: TypeAlias = NDArray[np.float32]


@dataclass(frozen=True)
class Redone:
    """What came of it. `verdict`: same bytes, same pictures and sound, alike or other, then `why` says so.

    `worst`: by how much of 255 a square of a picture differs at most, at `worst_at` seconds of the copy.
    `left_out`: what could not be compared, in words.
    """

    verdict: str
    pictures: int
    worst: float
    worst_at: float
    why: tuple[str, ...]
    left_out: tuple[str, ...]


def redo(
    sandbox: Sandbox, original: Bytes, source: Source, plan: Plan, container: str, copy: Bytes
) -> Redone:
    """Carry out `plan` on `original` again and compare `copy`, a file of the kind `container`, with it.

    Raises RefusedError where the plan is for another file or can not be carried out, MediaError where the
    copy does not decode whole.
    """
    require_for(plan, source, original.name)
    with in_memory("again") as descriptor:
        if container in STILLS.values():
            pages = Stills(sandbox, original)
            with os.fdopen(os.dup(descriptor), "wb") as sink:
                sink.write(write_pages(covered_pages(pages, plan), container))
            left_out: list[str] = []
        else:
            left_out = _footage_again(Footage(sandbox, original), plan, container, descriptor)
        again = Bytes.of_file(descriptor, "what the plan gives")
        if plan.mark:
            left_out.append("the mark in every picture, which only those who put it in can make again")
        if not left_out and _same_bytes(again, copy):
            return Redone(SAME_BYTES, 0, 0.0, 0.0, (), ())
        if container in STILLS.values():
            return _judged(_pages(Stills(sandbox, again), Stills(sandbox, copy)), [], left_out)
        wanted, found = Footage(sandbox, again), Footage(sandbox, copy)
        sound = [] if plan.changed else list(_sounds(wanted, found))
        return _judged(_frames(wanted, found), sound, left_out)


def _footage_again(footage: Footage, plan: Plan, container: str, descriptor: int) -> list[str]:
    """Write what the plan gives to `descriptor`; return what of it is never the same twice."""
    part, shown = ends.part_of(footage, plan)
    made = render(part, shown, codec_for(container))
    if plan.changed:  # drawn anew each time
        write_footage(descriptor, container, made.track, ())
        return ["the sound: its voices were changed by chance, which nobody can repeat"]
    write_footage(descriptor, container, made.track, make_sounds(part, shown, container).tracks)
    return []


@dataclass
class _Difference:
    pictures: int = 0
    worst: float = 0.0
    worst_at: float = 0.0
    why: str = ""


def _judged(pictures: _Difference, sound: list[str], left_out: list[str]) -> Redone:
    why = [pictures.why] if pictures.why else []
    if not why and pictures.worst > SQUARE_MOST:
        why.append(
            f"at {pictures.worst_at:.3f} s a part of the picture differs by {pictures.worst:.0f} of 255: "
            "something was altered that the plan does not alter"
        )
    differs = [said for said in sound if said]
    why += differs
    if why:
        verdict = OTHER
    elif pictures.worst or sound:
        verdict = ALIKE
    else:
        verdict = SAME
    return Redone(verdict, pictures.pictures, pictures.worst, pictures.worst_at, tuple(why), tuple(left_out))


def _frames(wanted: Footage, found: Footage) -> _Difference:
    told = _Difference()
    pairs = itertools.zip_longest(wanted.frames(upright=True), found.frames(upright=True))
    for one, other in pairs:
        if one is None or other is None:
            told.why = (
                "the copy has " + ("more" if one is None else "fewer") + " pictures than the plan gives"
            )
            return told
        if abs(one.time - other.time) > _MILLISECOND:
            told.why = f"a picture is shown at {float(other.time):.3f} s instead of {float(one.time):.3f} s"
            return told
        if not _take(told, one.picture, other.picture, float(other.time)):
            return told
    return told


def _pages(wanted: Stills, found: Stills) -> _Difference:
    told = _Difference()
    if len(wanted.pages) != len(found.pages):
        told.why = f"the copy has {len(found.pages)} pages instead of {len(wanted.pages)}"
    for number, (one, other) in enumerate(zip(wanted.pages, found.pages, strict=False)):
        if not _take(told, one, other, number):
            break
    return told


def _take(told: _Difference, one: Picture, other: Picture, at: float) -> bool:
    """Take in a picture and its counterpart; say whether they can be compared at all."""
    told.pictures += 1
    if one.shape != other.shape:
        told.why = f"at {at:.3f} the picture is {other.shape[1]}×{other.shape[0]} pixels large"
        return False
    worst = squares(one, other)
    if worst > told.worst:
        told.worst, told.worst_at = worst, at
    return True


def squares(one: Picture, other: Picture) -> float:
    """Return by how much two pictures of one shape differ, on average, in the square where they do most."""
    if np.array_equal(one, other):
        return 0.0
    apart = np.abs(one.astype(np.int16) - other.astype(np.int16)).mean(axis=2, dtype=np.float32)
    rows = np.add.reduceat(apart, np.arange(0, apart.shape[0], SQUARE), axis=0)
    sums = np.add.reduceat(rows, np.arange(0, apart.shape[1], SQUARE), axis=1)
    heights = np.diff([*range(0, apart.shape[0], SQUARE), apart.shape[0]])
    widths = np.diff([*range(0, apart.shape[1], SQUARE), apart.shape[1]])
    return float((sums / np.outer(heights, widths)).max())


def _sounds(wanted: Footage, found: Footage) -> Iterator[str]:
    """Yield why each track of sound is another, "" where it is only alike; nothing where it is the same."""
    if len(wanted.sounds) != len(found.sounds):
        yield f"the copy has {len(found.sounds)} tracks of sound instead of {len(wanted.sounds)}"
        return
    for one, other in zip(wanted.sounds, found.sounds, strict=True):
        pieces = itertools.zip_longest(_pieces(wanted, one.index), _pieces(found, other.index))
        for number, (ours, theirs) in enumerate(pieces):
            if ours is None or theirs is None or len(ours) != len(theirs):
                yield f"sound track {other.index} is of another length"
                break
            if np.array_equal(ours, theirs):
                continue
            apart, loud = _loud(ours - theirs), max(_loud(ours), _loud(theirs))
            differs = apart > max(_SOUND_FLOOR, _SOUND_SHARE * loud)
            at = number * _SOUND_PIECE / _SOUND_RATE
            yield f"sound track {other.index} is another at {at:.2f} s" if differs else ""
            if differs:
                break


def _loud(samples: Samples) -> float:
    return float(np.sqrt(np.mean(np.square(samples, dtype=np.float64)))) if len(samples) else 0.0


def _pieces(footage: Footage, stream: int) -> Iterator[Samples]:
    """Yield a track's samples in pieces of one length, the last shorter."""
    rest: list[Samples] = []
    held = 0
    for piece in footage.sound(stream, _SOUND_RATE):
        rest.append(piece.samples)
        held += len(piece.samples)
        if held >= _SOUND_PIECE:
            whole = np.concatenate(rest)
            full = held // _SOUND_PIECE * _SOUND_PIECE
            yield from np.split(whole[:full], full // _SOUND_PIECE)
            rest, held = [whole[full:]], held - full
    if held:
        yield np.concatenate(rest)


def _same_bytes(one: Bytes, other: Bytes) -> bool:
    if one.size != other.size:
        return False
    pairs = zip(_read(one), _read(other), strict=True)
    return all(a == b for a, b in pairs)


def _read(source: Bytes) -> Iterator[bytes]:
    with contextlib.ExitStack() as stack:
        descriptor = -1
        if source.read is None:
            (given,), _ = source.handed()
            descriptor = os.dup(given)
            stack.callback(os.close, descriptor)
        for at in range(0, source.size, _PIECE):
            wanted = min(_PIECE, source.size - at)
            yield os.pread(descriptor, wanted, at) if source.read is None else source.read(at, wanted)
