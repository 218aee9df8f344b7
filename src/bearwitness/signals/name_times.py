"""Dates and times that recorders and phones put into file names."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date, datetime
from fractions import Fraction

DAY = 86_400
UNIX = date(1970, 1, 1).toordinal() * DAY
"""The year 1970, in seconds since 1 January of the year 1."""

_JOINED = r"(?P<y>19[789]\d|20\d\d)(?P<mo>[01]\d)(?P<d>[0-3]\d)"
_PARTED = r"(?P<y>19[789]\d|20\d\d)(?P<s>[-_.])(?P<mo>[01]?\d)(?P=s)(?P<d>[0-3]?\d)"
_REVERSED = r"(?P<d>[0-3]\d)(?P<s>[-_.])(?P<mo>[01]\d)(?P=s)(?P<y>19[789]\d|20\d\d)"
_CLOCK = (
    r"(?:[ _.T-]|at| at )*(?P<h>[0-2]\d)(?P<c>[-_.:h]?)(?P<mi>[0-5]\d)(?P=c)(?P<sec>[0-5]\d)(?P<ms>\d{3})?"
)
_TIMED = tuple(re.compile(rf"(?<!\d){day}{_CLOCK}(?P<z>Z)?(?!\d)") for day in (_JOINED, _PARTED, _REVERSED))
_DATED = tuple(re.compile(rf"(?<!\d){day}(?!\d)") for day in (_JOINED, _PARTED, _REVERSED))
_EPOCH = re.compile(r"(?<!\d)(1[0-9]{9})(\d{3})?(?!\d)")  # 2001 to 2033
_UTC_MAKERS = re.compile(r"^PXL_")  # Pixel phones name by UTC


@dataclass(frozen=True)
class NameTime:
    """A time in a file name. seconds: since 1 January of the year 1. step: 1 s, or a day where the name holds
    only a date.

    zone: `utc` where the name says so, else `local`, the recorder's own. role: `start`, or `end` for the
    second of two times.
    """

    seconds: Fraction
    step: Fraction
    zone: str
    role: str


def name_times(name: str) -> tuple[NameTime, ...]:
    """Return the times in a file's name (or path, the last part counting), in order; empty where there is
    none.

    Days that do not exist, and years before 1970, are no times. A bare date is given only where no time is.
    """
    last = name.replace("\\", "/").rsplit("/", 1)[-1]
    timed: dict[int, NameTime] = {}
    utc = "utc" if _UTC_MAKERS.match(last) else "local"
    for pattern in _TIMED:
        for match in pattern.finditer(last):
            seconds = _seconds(match)
            if seconds is not None:
                timed.setdefault(
                    match.start(), NameTime(seconds, Fraction(1), "utc" if match["z"] else utc, "start")
                )
    if timed:
        return _roles([timed[place] for place in sorted(timed)])
    found = [
        NameTime(
            UNIX + Fraction(int(match[1])) + Fraction(int(match[2] or 0), 1000), Fraction(1), "utc", "start"
        )
        for match in _EPOCH.finditer(last)
    ]
    if found:
        return _roles(found)
    dated = (match for pattern in _DATED for match in pattern.finditer(last))
    days = [day for day in map(_day, dated) if day is not None]
    return tuple(NameTime(Fraction(day * DAY), Fraction(DAY), utc, "start") for day in days[:1])


def _roles(times: list[NameTime]) -> tuple[NameTime, ...]:
    """Recorders name a file by start, or by start and end; anything else stays a start."""
    if len(times) == 2 and times[1].seconds > times[0].seconds:
        return times[0], NameTime(times[1].seconds, times[1].step, times[1].zone, "end")
    return tuple(times)


def _day(match: re.Match[str]) -> int | None:
    try:
        return date(int(match["y"]), int(match["mo"]), int(match["d"])).toordinal()
    except ValueError:
        return None


def _seconds(match: re.Match[str]) -> Fraction | None:
    day = _day(match)
    if day is None or int(match["h"]) > 23:
        return None
    whole = day * DAY + int(match["h"]) * 3600 + int(match["mi"]) * 60 + int(match["sec"])
    return whole + Fraction(int(match["ms"] or 0), 1000)


def seconds_of(moment: datetime) -> Fraction:
    """Return a container's creation time on the same scale (seconds since 1 January of the year 1, its zone
    ignored).
    """
    midnight = moment.hour * 3600 + moment.minute * 60 + moment.second
    return moment.date().toordinal() * DAY + midnight + Fraction(moment.microsecond, 1_000_000)
