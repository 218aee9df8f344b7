"""What people do to a plan: keep, hide, add a box, split a track, cover all but. Pure: a plan in, a plan out.

The command line and, later, the editor of the review room use these and no others.
"""

from __future__ import annotations

import bisect
import itertools
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Final

from bearwitness.errors import RefusedError

from .geometry import Box, clipped
from .plan import BY_MACHINE, BY_PEOPLE, Plan, Track, Utterance

_TOLD: Final = 0.005  # times of frames are told, and typed, to a hundredth of a second
END = 1 << 40
"""Milliseconds no sound lasts."""


def keep(plan: Plan, number: int) -> Plan:
    """Return the plan with a track shown."""
    return plan.with_track(replace(plan.track(number), hide=False))


def hide(plan: Plan, number: int) -> Plan:
    """Return the plan with a track hidden."""
    return plan.with_track(replace(plan.track(number), hide=True))


def hide_only(plan: Plan, numbers: Iterable[int]) -> Plan:
    """Return the plan with these tracks hidden and all others of faces, heads and bodies shown.

    Burned-in texts and boxes stay as they are.
    """
    chosen = set(numbers)
    for number in chosen:
        plan.track(number)
    tracks = tuple(
        replace(
            track,
            hide=track.number in chosen or (track.hide and track.kind in ("overlay", "box")),
        )
        for track in plan.tracks
    )
    return replace(plan, tracks=tracks)


def add_box(
    plan: Plan, box: Box, begin: float | None, end: float | None, kind: str = "box", by: str = BY_PEOPLE
) -> Plan:
    """Return the plan with `box` hidden in all frames from `begin` to `end` seconds, None: as far as it goes.

    The frame that is on the screen at `begin` is one of them, though it came before. Raises RefusedError if
    the box is not on the picture or no frame is in the range.
    """
    inside = clipped(box, plan.picture.width, plan.picture.height)
    if inside is None:
        raise RefusedError(
            f"a box at {box.x},{box.y} is not on the picture of {plan.picture.width} × {plan.picture.height}"
        )
    seconds = [plan.seconds(time) for time in plan.times]
    first = 0 if begin is None else _shown_at(seconds, begin)
    last = len(seconds) if end is None else bisect.bisect_right(seconds, end + _TOLD)
    times = plan.times[first:last]
    if not times:
        raise RefusedError(
            f"no frame lies between {begin} and {end} s", "times are seconds as a player shows them"
        )
    return plan.with_track(
        Track(plan.next_number(), kind, hide=True, by=by, boxes=dict.fromkeys(times, inside))
    )


def _shown_at(seconds: Sequence[float], wanted: float) -> int:
    """Return the number of the frame that is shown then, or of the first after it."""
    number = bisect.bisect_right(seconds, wanted + 1e-6)
    lasts = seconds[-1] - seconds[-2] if len(seconds) > 1 else 0.0
    if number == len(seconds) and seconds and wanted > seconds[-1] + max(lasts, 1e-6):
        return number
    return max(0, number - 1)


def set_overlays(plan: Plan, *, cover: bool) -> Plan:
    """Return the plan with all burned-in texts that the machine found covered, or shown."""
    tracks = (
        replace(track, hide=cover) if track.kind == "overlay" and track.by == BY_MACHINE else track
        for track in plan.tracks
    )
    return replace(plan, tracks=tuple(tracks))


def split(plan: Plan, number: int, seconds: float) -> Plan:
    """Return the plan with a track cut in two: from `seconds` on it has a number of its own.

    Raises RefusedError where one part would be empty.
    """
    track = plan.track(number)
    before = {time: box for time, box in track.boxes.items() if plan.seconds(time) < seconds}
    after = {time: box for time, box in track.boxes.items() if time not in before}
    if not before or not after:
        raise RefusedError(
            f"track {number} can not be split at {seconds} s: it goes from "
            f"{plan.seconds(track.first):.3f} to {plan.seconds(track.last):.3f} s"
        )
    number_after = plan.next_number()
    plan = plan.with_track(replace(track, boxes=before))
    return plan.with_track(replace(track, number=number_after, boxes=after))


def mute(plan: Plan, ranges: Iterable[tuple[int, int]]) -> Plan:
    """Return the plan with sound muted from … to … milliseconds; ranges that touch become one."""
    merged: list[tuple[int, int]] = []
    for begin, end in sorted([*plan.muted, *ranges]):
        if end <= begin:
            raise RefusedError(f"a range to mute ends ({end} ms) before it begins ({begin} ms)")
        if merged and begin <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
        else:
            merged.append((begin, end))
    return replace(plan, voices="ranges", muted=tuple(merged))


def change_voices(plan: Plan, utterances: Iterable[Utterance]) -> Plan:
    """Return the plan with utterances in another voice: what was muted of them is heard again, changed.

    Raises RefusedError where two overlap.
    """
    changed = sorted(utterances, key=lambda one: one.begin)
    for before, after in itertools.pairwise(changed):
        if after.begin < before.end:
            raise RefusedError(
                f"what is said from {after.begin / 1000:.3f} s begins before what is said from "
                f"{before.begin / 1000:.3f} s ends ({before.end / 1000:.3f} s)"
            )
    muted = list(plan.muted)
    for one in changed:
        muted = [rest for span in muted for rest in without(span, (one.begin, one.end))]
    return replace(plan, voices="ranges", muted=tuple(muted), changed=tuple(changed))


def mute_rest(plan: Plan) -> Plan:
    """Return the plan with all sound muted that is not in another voice."""
    rest = [(0, END)]
    for one in plan.changed:
        rest = [part for span in rest for part in without(span, (one.begin, one.end))]
    return mute(plan, rest)


def without(span: tuple[int, int], taken: tuple[int, int]) -> list[tuple[int, int]]:
    """Return what is left of a range when another is taken from it."""
    parts = (span[0], min(span[1], taken[0])), (max(span[0], taken[1]), span[1])
    return [part for part in parts if part[0] < part[1]]


def set_policy(
    plan: Plan, *, fill: str | None = None, voices: str | None = None, inverted: bool = False
) -> Plan:
    """Return the plan with another fill, another way with voices, or turned round; None: as it is."""
    if fill is not None:
        plan = replace(plan, fill=fill)
    if voices is not None:
        plan = replace(plan, voices=voices, muted=(), changed=())
    return replace(plan, inverted=plan.inverted or inverted)
