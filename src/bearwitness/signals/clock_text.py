"""The text of a burned-in clock as a time: every way it can be read, so that 03/04 is never silently made one
of two days.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date
from fractions import Fraction

DAY = 86_400
_MONTHS = (
    "jan янв",
    "feb fév fev фев",
    "mar мар",
    "apr avr апр",
    "may mai май мая",
    "jun июн",
    "jul июл",
    "aug aoû aou авг",
    "sep сен",
    "oct окт",
    "nov ноя",
    "dec déc дек",
)
_MONTH_OF = {name: number + 1 for number, names in enumerate(_MONTHS) for name in names.split()}

_TIME = re.compile(
    r"(?<![\d:])(?P<h>\d{1,2}):(?P<m>\d{2})(?::(?P<s>\d{2}))?(?:[:;](?P<f>\d{2})|[.,](?P<p>\d{1,3}))?(?![\d:])"
    r"\s*(?P<half>[AaPp]\.?[Mm])?"
)
_DATES = (
    ("ymd", re.compile(r"(?<!\d)(?P<y>\d{4})(?P<sep>[-./])(?P<m>\d{2})(?P=sep)(?P<d>\d{2})(?=\D|\d{2}:|$)")),
    ("dmy", re.compile(r"(?<!\d)(?P<d>\d{2})(?P<sep>[-./])(?P<m>\d{2})(?P=sep)(?P<y>\d{4})(?=\D|\d{2}:|$)")),
    ("mdy", re.compile(r"(?<!\d)(?P<m>\d{2})(?P<sep>[-./])(?P<d>\d{2})(?P=sep)(?P<y>\d{4})(?=\D|\d{2}:|$)")),
    ("dmy", re.compile(r"(?<!\d)(?P<d>\d{2})(?P<sep>[-./])(?P<m>\d{2})(?P=sep)(?P<y>\d{2})(?=\D|\d{2}:|$)")),
    ("mdy", re.compile(r"(?<!\d)(?P<m>\d{2})(?P<sep>[-./])(?P<d>\d{2})(?P=sep)(?P<y>\d{2})(?=\D|\d{2}:|$)")),
    ("ymd", re.compile(r"(?<!\d)(?P<y>\d{2})(?P<sep>[-./])(?P<m>\d{2})(?P=sep)(?P<d>\d{2})(?=\D|\d{2}:|$)")),
    (
        "dmy",
        re.compile(
            r"(?<!\d)(?P<d>\d{1,2})[-. ]?(?P<n>[^\W\d]{3})[^\W\d]*[-., ]{0,2}(?P<y>\d{4})(?=\D|\d{2}:|$)"
        ),
    ),
    (
        "mdy",
        re.compile(r"(?P<n>[^\W\d]{3})[^\W\d]*[-. ]?(?P<d>\d{1,2})[-., ]{1,2}(?P<y>\d{4})(?=\D|\d{2}:|$)"),
    ),
)
_CONFUSED = str.maketrans(
    {"O": "0", "o": "0", "D": "0", "l": "1", "I": "1", "|": "1", "；": ":", "：": ":", "—": "-"}
)


@dataclass(frozen=True)
class ClockText:
    """One reading of a clock's text.

    order: ymd, dmy or mdy, None without a date. seconds: of the day, or since 1 January of the year 1 with a
    date. step: how much the clock counts in (1 s; 60 s without seconds; less with a fraction). frames: the
    frame number of a timecode, which needs a frame rate to become a time. text: what was shown, spaces put
    right.
    """

    order: str | None
    seconds: Fraction
    step: Fraction
    frames: int | None
    text: str


def parse_clock(text: str) -> tuple[ClockText, ...]:
    """Return every way to read the text as a clock, the likelier date order first; empty if it is none.

    Letters are taken for the digits they look like only where it is no clock otherwise.
    """
    return _parse(text) or _parse(text.translate(_CONFUSED))


def without_clock(text: str) -> str:
    """Return what is left of a text when times of day and dates are taken out: what else is burned in."""
    rest = _TIME.sub(" ", text)
    for _, pattern in _DATES:
        rest = pattern.sub(" ", rest)
    return " ".join(rest.split()).strip(" -:./,|")


def _parse(text: str) -> tuple[ClockText, ...]:
    found: dict[tuple[str | None, Fraction], ClockText] = {}
    for order, pattern in _DATES:
        for match in pattern.finditer(text):
            day = _day(match)
            if day is None:
                continue
            for rest, first in ((text[match.end() :], True), (text[: match.start()], False)):
                clock = _time(rest)
                if clock is None:
                    continue
                seconds, step, frames, shown = clock
                parts = (match.group(0), shown) if first else (shown, match.group(0))
                value = ClockText(order, day * DAY + seconds, step, frames, " ".join(parts))
                found.setdefault((order, value.seconds), value)
        if order == "ymd" and found:
            break  # a year of four digits in front leaves nothing to guess
    if found:
        return tuple(found.values())
    clock = _time(text)
    return (ClockText(None, *clock),) if clock is not None else ()


def _day(match: re.Match[str]) -> int | None:
    """Return the day's number, None for a day that does not exist."""
    groups = match.groupdict()
    month = _MONTH_OF.get(groups["n"].lower()) if "n" in groups else int(groups["m"])
    year = int(groups["y"])
    if len(groups["y"]) == 2:
        year += 2000 if year < 70 else 1900
    if not 1970 <= year <= 2099:
        return None
    try:
        return date(year, month or 0, int(groups["d"])).toordinal()
    except ValueError:
        return None


def _time(text: str) -> tuple[Fraction, Fraction, int | None, str] | None:
    """Return (seconds of the day, step, frame number, as shown) of the first time of day in the text."""
    for match in _TIME.finditer(text):
        hours, minutes, seconds = int(match["h"]), int(match["m"]), int(match["s"] or 0)
        half = (match["half"] or "").lower().replace(".", "")
        if hours > 23 or minutes > 59 or seconds > 59 or (half and not 1 <= hours <= 12):
            continue
        if half:
            hours = hours % 12 + (12 if half == "pm" else 0)
        step, part = Fraction(1 if match["s"] else 60), Fraction(0)
        if match["p"] and match["s"]:
            step = Fraction(1, 10 ** len(match["p"]))
            part = int(match["p"]) * step
        frames = int(match["f"]) if match["f"] and match["s"] else None
        return Fraction(hours * 3600 + minutes * 60 + seconds) + part, step, frames, match.group(0).strip()
    return None
