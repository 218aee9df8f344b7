"""Readings of a burned-in clock over time: which are misread, where the clock jumped, what offset and drift
it has.

A clock that counts whole seconds and shows c at media time t has an offset (clock less media time) between c
- t and c - t + 1. Where the text changes, it is known to within one frame; a line through these changes gives
offset and drift.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import pairwise

from bearwitness.signals.clock_fit import Fit, fit_run
from bearwitness.signals.clock_text import DAY, ClockText, parse_clock

_SLACK = Fraction(1, 20)  # a clock may run this much faster or slower than the media (5 %)
_FEWEST = 3


@dataclass(frozen=True)
class Reading:
    """What was read at a media time. agrees: it is one of those by which the clock advances; text is then the
    clock's text.
    """

    time: Fraction
    text: str
    sure: float
    agrees: bool = False


@dataclass(frozen=True)
class Run:
    """A stretch in which the clock advances evenly, from start to end in media time.

    offset: clock less media time at the middle of the run, in seconds since 1 January of the year 1 (with a
    date) or of the day. drift: seconds the clock gains a second of media time, None where too few changes
    were seen. Errors bound 95 %.
    """

    start: Fraction
    end: Fraction
    fit: Fit
    readings: int


@dataclass(frozen=True)
class Jump:
    """The clock was set, or footage is missing: between two media times the clock gained `seconds` more than
    passed.
    """

    after: Fraction
    before: Fraction
    seconds: float
    error: float


@dataclass(frozen=True)
class ClockTrack:
    """A clock followed through a video. order: the date order taken; ambiguous: another one fits as well."""

    readings: tuple[Reading, ...]
    runs: tuple[Run, ...]
    jumps: tuple[Jump, ...]
    order: str | None
    ambiguous: bool


@dataclass(frozen=True)
class _Point:
    index: int
    time: Fraction
    value: ClockText
    seconds: Fraction


def follow_clock(readings: Sequence[Reading], rate: Fraction | None = None) -> ClockTrack | None:
    """Return the clock that the readings (in order of time) show, or None where nothing advances as a clock
    does.

    rate: frames a second of the media, to count the frame numbers of a timecode. Readings out of step with
    the others are kept, with `agrees` False: they are misread, or the clock was covered.
    """
    parsed = [parse_clock(reading.text) for reading in readings]
    orders = Counter(order for ways in parsed for order in dict.fromkeys(way.order for way in ways))
    tries = [(_runs(_points(readings, parsed, order, rate)), order) for order in orders]
    tries = [each for each in tries if each[0]]
    if not tries:
        return None
    counts = [sum(len(run) for run in runs) for runs, _ in tries]
    best = max(range(len(tries)), key=lambda number: counts[number])
    runs, order = tries[best]
    ambiguous = any(count == counts[best] for number, count in enumerate(counts) if number != best)
    good = {point.index: point.value.text for run in runs for point in run}
    checked = tuple(
        replace(reading, text=good.get(index, reading.text), agrees=index in good)
        for index, reading in enumerate(readings)
    )
    measured = tuple(Run(run[0].time, run[-1].time, _fit(run, order), len(run)) for run in runs)
    return ClockTrack(checked, measured, _jumps(measured, order), order, ambiguous)


def _points(
    readings: Sequence[Reading], parsed: list[tuple[ClockText, ...]], order: str | None, rate: Fraction | None
) -> list[_Point]:
    points = []
    for index, (reading, ways) in enumerate(zip(readings, parsed, strict=True)):
        value = next((way for way in ways if way.order == order), None)
        if value is None:
            continue
        if value.frames is not None and rate and value.frames < rate:
            value = replace(value, seconds=value.seconds + value.frames / rate, step=1 / rate)
        points.append(_Point(index, reading.time, value, value.seconds))
    return points


def _runs(points: list[_Point]) -> list[list[_Point]]:
    """Deal the points to runs within which the clock advances as time does; drop what does not advance, or is
    seen less than thrice.

    A point joins the longest run whose last point it follows evenly, so one misread clock does not break a
    run.
    """
    open_runs: list[list[_Point]] = []
    for point in points:
        fitting = [run for run in open_runs if _follows(run[-1], point) and _follows(run[0], point)]
        if fitting:
            max(fitting, key=len).append(point)
        else:
            open_runs.append([point])
    kept = [run for run in open_runs if len(run) >= _FEWEST and run[-1].seconds != run[0].seconds]
    return sorted(_without_overlap(kept), key=lambda run: run[0].time)


def _follows(earlier: _Point, later: _Point) -> bool:
    passed, advanced = later.time - earlier.time, later.seconds - earlier.seconds
    if earlier.value.order is None:  # without a date the clock begins again at midnight
        advanced = (advanced + DAY // 2) % DAY - DAY // 2
    step = max(earlier.value.step, later.value.step)
    return abs(advanced - passed) <= step + _SLACK * passed


def _without_overlap(runs: list[list[_Point]]) -> list[list[_Point]]:
    """Of runs at the same time keep the longest: a misreading that repeats itself makes a run of its own."""
    kept: list[list[_Point]] = []
    for run in sorted(runs, key=len, reverse=True):
        if all(run[-1].time < other[0].time or run[0].time > other[-1].time for other in kept):
            kept.append(run)
    return kept


def _fit(run: list[_Point], order: str | None) -> Fit:
    base = run[0].seconds
    shift = [point.seconds - base for point in run]
    if order is None:
        shift = [each % DAY for each in shift]
    fitted = fit_run([point.time for point in run], shift, run[0].value.step)
    return replace(fitted, offset=fitted.offset + base)


def _jumps(runs: tuple[Run, ...], order: str | None) -> tuple[Jump, ...]:
    found = []
    for one, other in pairwise(runs):
        gap = (one.end + other.start) / 2
        size = other.fit.at(gap) - one.fit.at(gap)
        if order is None:
            size = (size + DAY // 2) % DAY - DAY // 2
        error = one.fit.error_at(gap) + other.fit.error_at(gap)
        if abs(size) > error:
            found.append(Jump(one.end, other.start, float(size), error))
    return tuple(found)
