"""What stays over a recording is told from what changes, and a device's name from a sign in the scene."""

from __future__ import annotations

import pytest

from bearwitness.signals.clock_text import without_clock
from bearwitness.signals.overlay_ids import Standing, constants

TOP, MIDDLE = (0.05, 0.03, 0.2, 0.05), (0.4, 0.5, 0.2, 0.05)


def standing(box: tuple[float, float, float, float], *texts: str) -> list[Standing]:
    return [Standing(number, box, (text,)) for number, text in enumerate(texts)]


def test_a_name_that_is_misread_once_in_ten_is_still_constant() -> None:
    (found,) = constants(standing(TOP, *["CAM 07"] * 9, "CAM O7"))
    assert (found.text, found.stretches, found.of, found.is_device_id) == ("CAM 07", 9, 10, True)


def test_a_caption_that_is_there_half_of_the_time_is_no_device() -> None:
    seen = standing(TOP, *["Block 4"] * 5) + [Standing(n, MIDDLE, ("EXIT 1",)) for n in range(10)]
    assert [(each.text, each.is_device_id) for each in constants(seen)] == [("EXIT 1", False)]


def test_a_name_beside_a_running_clock_is_found() -> None:
    readings = tuple(f"2021-03-14 23:59:{second:02} CH02 YARD" for second in range(50))
    (found,) = constants([Standing(0, TOP, readings)])
    assert (found.text, found.is_device_id) == ("CH02 YARD", True)


def test_a_clock_or_a_date_alone_is_no_device() -> None:
    assert constants([Standing(0, TOP, tuple(f"23:59:{second:02}" for second in range(50)))]) == []
    assert constants(standing(TOP, *["14-03-2021"] * 4)) == []


def test_words_without_number_need_the_word_for_a_camera() -> None:
    assert [each.is_device_id for each in constants(standing(TOP, "Breaking news"))] == [False]
    assert [each.is_device_id for each in constants(standing(TOP, "Камера двор"))] == [True]


@pytest.mark.parametrize(
    ("text", "rest"),
    [
        ("2021-03-14 23:59:59 CAM1", "CAM1"),
        ("CAM1  14.03.2021 23:59:59", "CAM1"),
        ("23:59", ""),
        ("КАМЕРА 3", "КАМЕРА 3"),
    ],
)
def test_times_are_taken_out_of_a_text(text: str, rest: str) -> None:
    assert without_clock(text) == rest
