"""All clocks of a vault put on one time, from what triage stored: burned-in clocks, names of files, times of
containers, and what people or copies say to be one moment (signals/clock_solver.py does the sums).

Each source of a recorder is a clock of its own, for a recorder may burn in local time, name files by another
zone and write UTC into the container: how far these are apart is a finding, not an error. A recorder is told
by folder and pattern of the name (:func:`recorder_of`); who knows better gives folders or single items.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from fractions import Fraction
from typing import Any, Final

from sqlalchemy import select

from bearwitness.catalogue import schema
from bearwitness.catalogue.catalogue import Catalogue, ItemRow
from bearwitness.errors import MalformedError, UsageError
from bearwitness.signals.clock_evidence import ClockSolution, Evidence, Known, Same, Shown
from bearwitness.signals.clock_solver import solve_clocks
from bearwitness.signals.name_times import DAY, UNIX, name_times
from bearwitness.vault.ledger import Ledger

from .reading import Clock
from .similar import Pair
from .stored import stored

OVERLAY: Final = "burned in"
NAMES: Final = "file names"
CONTAINER: Final = "containers"
BY: Final = ("name", "folder", "item")
_SIGMAS: Final = 2.0  # errors that were stored bound 95 %
_STEP_SIGMA: Final = 0.29  # of a whole second that was cut off: 1 / √12
_NAME_ERROR: Final = 1.0  # seconds between naming a file and its first frame
_CONTAINER_ERROR: Final = 2.0
_COPY_ERROR: Final = 0.2  # to this a cut's place in its original is known
_COUNTER: Final = re.compile(r"(?:\d{4,}|\d\d?([-.:])\d\d?\1\d{2,4})(?:[-_.: T]*\d{2,})*")


@dataclass
class Gathered:
    """Evidence, and what could not be used: burned-in clocks without a date, those of which day and month may
    be swapped.
    """

    evidence: list[Evidence] = field(default_factory=list)
    rows: dict[str, ItemRow] = field(default_factory=dict)
    undated: list[str] = field(default_factory=list)
    ambiguous: list[str] = field(default_factory=list)


def recorder_of(path: str, by: str = "name") -> str:
    """Return what recorder a file is of: its folder with the pattern of its name, the folder, or itself.

    In the pattern dates and counters (four digits and more) are #: ``CAM1/ch01_20210314.mp4`` is of
    ``CAM1/ch01_#``.
    """
    folder, slash, name = path.rpartition("/")
    if by == "item":
        return path
    if by == "folder":
        return folder or "."
    return folder + slash + _COUNTER.sub("#", name.rpartition(".")[0] or name)


def gather(ledger: Ledger, catalogue: Catalogue, by: str = "name") -> Gathered:
    """Return what triage stored that tells time, of all items that are not frozen."""
    found = Gathered()
    starts = _starts(catalogue)
    for item, told in stored(ledger, catalogue, Clock):
        row = catalogue.get(item)
        if row is not None and "clocks" in told:
            found.rows[item] = row
            _overlay(found, item, _recorder(row, by), told)
    for item, moment in _creation_times(catalogue):
        row = catalogue.get(item)
        if row is None or item not in starts or catalogue.is_frozen(item):
            continue
        found.rows[item] = row
        clock = f"{_recorder(row, by)}, {CONTAINER}"
        seconds = float(UNIX + Fraction(moment.timestamp()))
        found.evidence.append(Shown(item, clock, starts[item], seconds, _CONTAINER_ERROR, CONTAINER))
    for item, start in starts.items():
        row = catalogue.get(item)
        if row is not None and not catalogue.is_frozen(item):
            _name(found, row, start, by)
    return found


def _recorder(row: ItemRow, by: str) -> str:
    return recorder_of(row.path.decode("utf-8", "replace"), by)


def _overlay(found: Gathered, item: str, recorder: str, told: dict[str, Any]) -> None:
    for number, clock in enumerate(told["clocks"]):
        if clock["order"] is None:
            found.undated.append(item)
            continue
        if clock["ambiguous"]:
            found.ambiguous.append(item)
        name = f"{recorder}, {OVERLAY}" + (f" ({number + 1})" if number else "")
        for run in clock["runs"]:
            error = max(1e-3, float(run["error"]) / _SIGMAS)
            found.evidence.append(Shown(item, name, run["middle"], run["shown"], error, OVERLAY))


def _name(found: Gathered, row: ItemRow, start: float, by: str) -> None:
    """Take the time in a name: where it says UTC it is another clock than where it says local time."""
    for told in name_times(row.path.decode("utf-8", "replace")):
        if told.role != "start" or told.step >= DAY:
            continue
        found.rows[row.item] = row
        clock = f"{_recorder(row, by)}, {NAMES}" + (" (UTC)" if told.zone == "utc" else "")
        error = math.hypot(_NAME_ERROR, _STEP_SIGMA * float(told.step))
        found.evidence.append(Shown(row.item, clock, start, float(told.seconds), error, NAMES))
        return


def _starts(catalogue: Catalogue) -> dict[str, float]:
    """Return the items with a length, and where their media time begins (0 where nothing says otherwise)."""
    table = schema.facts.c
    with catalogue.connect() as connection:
        rows = connection.execute(
            select(table.item, table.name, table.value).where(table.name.in_(("duration", "starts")))
        ).all()
    items = {str(row.item): 0.0 for row in rows}
    return items | {str(row.item): float(row.value) for row in rows if row.name == "starts"}


def _creation_times(catalogue: Catalogue) -> Iterator[tuple[str, datetime]]:
    table = schema.facts.c
    with catalogue.connect() as connection:
        rows = connection.execute(
            select(table.item, table.exact).where(table.name == "moment.creation_time").order_by(table.item)
        ).all()
    for item, exact in rows:
        try:
            moment = datetime.fromisoformat(exact.strip().replace("Z", "+00:00"))
        except ValueError:
            continue
        moment = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment
        if moment.year >= 1971:  # containers without a clock say 1904 or 1970
            yield str(item), moment


def of_copies(pairs: Iterable[Pair]) -> Iterator[Same]:
    """Yield that copies show one moment, at the middle of each stretch they share."""
    for pair in pairs:
        if pair.relation.kind != "copy":
            continue
        for span in pair.relation.spans:
            if span.a_end > span.a_start:
                at, other = (span.a_start + span.a_end) / 2, (span.b_start + span.b_end) / 2
                yield Same(pair.one, float(at), pair.other, float(other), _COPY_ERROR, "copies")


def read_known(text: str, find: Callable[[str], str], read: Callable[[str], int | None]) -> Known:
    """Read ITEM@SECONDS=TIME: what somebody knows of the true time; raise UsageError."""
    moment, equals, shown = text.partition("=")
    item, seconds = _moment(moment, text)
    true = read(shown) if equals else None
    if true is None:
        raise UsageError(f"{text!r} is no ITEM@SECONDS=TIME", "for example 5f3a9c@12.4=2021-03-14T23:00:05")
    return Known(find(item), seconds, float(UNIX + Fraction(true, 10**9)), 0.5, "told by a person")


def read_same(text: str, find: Callable[[str], str]) -> Same:
    """Read ITEM@SECONDS=ITEM@SECONDS: one flash or bang on two recordings; raise UsageError."""
    one, equals, other = text.partition("=")
    if not equals:
        raise UsageError(f"{text!r} is no ITEM@SECONDS=ITEM@SECONDS", "for example 5f3a9c@12.4=77b012@3.1")
    (item, at), (second, place) = _moment(one, text), _moment(other, text)
    return Same(find(item), at, find(second), place, 0.1, "told by a person")


def _moment(text: str, whole: str) -> tuple[str, float]:
    item, at, seconds = text.partition("@")
    try:
        value = float(seconds) if at else math.nan
    except ValueError:
        value = math.nan
    if not item or not math.isfinite(value):
        raise UsageError(f"{text!r} in {whole!r} is no ITEM@SECONDS")
    return item, value


def solved(evidence: Sequence[Evidence]) -> ClockSolution:
    """Return all clocks put on one time; raise MalformedError where stored evidence can not be."""
    try:
        return solve_clocks(evidence)
    except ValueError as error:
        raise MalformedError(str(error)) from None


def written(seconds: float) -> str:
    """Return seconds since 1 January of the year 1 as a date and time, to the millisecond, without a zone."""
    day, rest = divmod(round(seconds * 1000), DAY * 1000)
    try:
        shown = date.fromordinal(day).isoformat()
    except (ValueError, OverflowError):
        return "outside of the calendar"
    second, thousandth = divmod(rest, 1000)
    return f"{shown} {second // 3600:02}:{second // 60 % 60:02}:{second % 60:02}.{thousandth:03}"
