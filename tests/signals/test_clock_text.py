"""Clock texts and file names become times; what has two readings keeps both; what is none stays none."""

from __future__ import annotations

from datetime import datetime, timedelta
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.scale import examples

from bearwitness.signals.clock_text import parse_clock
from bearwitness.signals.name_times import name_times, seconds_of

MOMENTS = st.datetimes(datetime(1999, 1, 1), datetime(2060, 1, 1)).map(lambda d: d.replace(microsecond=0))
SHAPES = [
    "%Y-%m-%d %H:%M:%S",
    "%d.%m.%Y %H:%M:%S",
    "%m/%d/%Y %H:%M:%S",
    "%H:%M:%S %d-%m-%Y",
    "%Y/%m/%d%H:%M:%S",
    "%d-%m-%Y %I:%M:%S %p",
    "%d %b %Y %H:%M:%S",
]
NAMES = [
    "VID_%Y%m%d_%H%M%S.mp4",
    "ch01_%Y%m%d%H%M%S.dav",
    "%Y-%m-%d %H.%M.%S.mov",
    "Video %d-%m-%Y %H-%M-%S.avi",
    "cam/%Y/%Y-%m-%dT%H-%M-%S.mkv",
]


@pytest.mark.parametrize("shape", SHAPES)
@given(moment=MOMENTS)
@examples(25)
def test_a_written_clock_is_read_as_its_time(shape: str, moment: datetime) -> None:
    assert seconds_of(moment) in {way.seconds for way in parse_clock(moment.strftime(shape))}


@pytest.mark.parametrize("shape", NAMES)
@given(moment=MOMENTS)
@examples(25)
def test_a_recorders_file_name_is_read_as_its_time(shape: str, moment: datetime) -> None:
    (found,) = name_times(moment.strftime(shape))
    assert (found.seconds, found.step, found.zone, found.role) == (seconds_of(moment), 1, "local", "start")


@given(text=st.text(max_size=40))
@examples(300)
def test_no_text_breaks_the_parsers(text: str) -> None:
    parse_clock(text)
    name_times(text)


@pytest.mark.parametrize(
    "text", ["", "EXIT", "10:75:00", "2021-02-30", "99:99", "IMG_20211332_120000", "v1.2.3", "16:9000"]
)
def test_what_is_no_clock_is_not_read_as_one(text: str) -> None:
    assert parse_clock(text) == ()


def test_an_ambiguous_date_keeps_both_readings_and_a_clear_one_does_not() -> None:
    assert {way.order for way in parse_clock("03-04-2021 10:00:00")} == {"dmy", "mdy"}
    assert {way.order for way in parse_clock("03-14-2021 10:00:00")} == {"mdy"}


def test_a_space_lost_by_the_reader_is_put_back() -> None:
    assert parse_clock("2021-03-1423:59:52")[0].text == "2021-03-14 23:59:52"


def test_letters_that_look_like_digits_are_read_as_digits() -> None:
    assert parse_clock("2O21-O3-14 23:59:5l")[0].seconds == seconds_of(datetime(2021, 3, 14, 23, 59, 51))


def test_a_timecode_keeps_its_frame_number() -> None:
    (found,) = parse_clock("00:00:04:20")
    assert (found.seconds, found.frames) == (4, 20)


def test_two_times_in_a_name_are_start_and_end_and_utc_is_told() -> None:
    assert [time.role for time in name_times("a_20210314235952_20210315000512.dav")] == ["start", "end"]
    assert name_times("PXL_20210314_235952123.mp4")[0].zone == "utc"
    (stamp,) = name_times("1615766392000.mp4")
    assert (stamp.seconds, stamp.zone) == (seconds_of(datetime(2021, 3, 14, 23, 59, 52)), "utc")
    assert name_times("VID-20210314-WA0003.mp4")[0].step == Fraction(86_400)
    assert name_times("holiday.mp4") == ()
    assert timedelta(days=1).total_seconds() == 86_400
