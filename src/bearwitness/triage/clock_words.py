"""What is said of burned-in text and clocks: facts, and plain JSON for the result."""

from __future__ import annotations

from fractions import Fraction
from typing import Any, Final

from bearwitness.signals.arrays import Grey
from bearwitness.signals.borders import Box
from bearwitness.signals.clock_track import ClockTrack, Run
from bearwitness.signals.name_times import UNIX
from bearwitness.signals.overlay_ids import Constant

from .analyser import (
    Fact,
)

_NANOSECONDS: Final = 1_000_000_000


def is_text(text: str) -> bool:
    """Say whether there is more in it than a stroke that was taken for a letter."""
    return sum(character.isalnum() for character in text) >= 2


def shown_at(run: Run, time: Fraction) -> Fraction:
    """Return what a clock shows at a media time, in seconds since 1 January of the year 1 or of the day."""
    return time + run.fit.at(time)


def facts_of(track: ClockTrack) -> list[Fact]:
    """Return what is searched: each run's first moment and how long it lasts, and each jump."""
    facts = []
    for run in track.runs:
        start, end = round(float(run.start), 6), round(float(run.end), 6)
        shown = shown_at(run, run.start)
        if track.order is not None:
            facts.append(Fact("clock", round((shown - UNIX) * _NANOSECONDS), start, end))
        else:
            facts.append(Fact("clock.time", _time_of_day(shown), start, end))
    facts += [
        Fact("clock.jump", round(jump.seconds, 3), float(jump.after), float(jump.before))
        for jump in track.jumps
    ]
    if track.ambiguous:
        facts.append(Fact("clock.ambiguous", "day and month may be swapped"))
    return facts


def _time_of_day(seconds: Fraction) -> str:
    whole = int(seconds) % 86_400
    return f"{whole // 3600:02}:{whole // 60 % 60:02}:{whole % 60:02}"


def told_of(track: ClockTrack) -> dict[str, Any]:
    """Return a clock as plain JSON, times in seconds."""
    return {
        "order": track.order,
        "ambiguous": track.ambiguous,
        "readings": [[round(float(r.time), 6), r.text, round(r.sure, 4), r.agrees] for r in track.readings],
        "runs": [
            {
                "start": round(float(run.start), 6),
                "end": round(float(run.end), 6),
                "middle": round(float(run.fit.middle), 6),
                "shown": round(float(shown_at(run, run.fit.middle)), 6),
                "error": run.fit.error,
                "drift": run.fit.drift,
                "drift_error": run.fit.drift_error,
                "readings": run.readings,
            }
            for run in track.runs
        ],
        "jumps": [
            {
                "after": round(float(jump.after), 6),
                "before": round(float(jump.before), 6),
                "seconds": jump.seconds,
                "error": jump.error,
            }
            for jump in track.jumps
        ],
    }


def stays(each: Constant) -> dict[str, Any]:
    """Return a text that stays as plain JSON."""
    return {
        "text": each.text, "box": list(each.box), "device_id": each.is_device_id,
        "stretches": [each.stretches, each.of],
    }  # fmt: skip


def parts_of(box: Box, grey: Grey) -> list[float]:
    """Return left, top, width and height in parts of the picture."""
    rows, columns = grey.shape
    sides = (box.left / columns, box.top / rows, (box.right - box.left) / columns)
    return [round(side, 4) for side in (*sides, (box.bottom - box.top) / rows)]


def whole(box: Box) -> list[int]:
    """Return left, top, right and bottom in pixels."""
    return [box.left, box.top, box.right, box.bottom]
