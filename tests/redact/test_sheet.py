"""The sheet shows where, not who; its words are whole and say what --add-box takes."""

from __future__ import annotations

import io
from fractions import Fraction
from typing import Any

import numpy as np
from PIL import Image

from bearwitness.media.model import Frame
from bearwitness.redact import sheet
from bearwitness.redact.geometry import Box
from bearwitness.redact.plan import Doubt, Picture, Plan, Source, Track

from .conftest import NOBODY

FACE = Box(40, 20, 160, 150)


class One:
    """A single frame of fine stripes, which stand for a face."""

    def frames(self, **_: Any) -> list[Frame]:
        stripes = np.zeros((180, 320, 3), np.uint8)
        stripes[:, ::2] = 255
        stripes[:, 160:] = 90
        return [Frame(0, 0, Fraction(0), True, 0, 320, 180, stripes)]


def plan(**changes: Any) -> Plan:
    track = Track(1, "face", hide=True, by="machine", boxes={0: FACE})
    picture = Picture(320, 180, Fraction(1, 25))
    doubts = (Doubt(0, "only one detector (faces 1\u00d7) saw something", Box(5, 6, 7, 8)),)
    whole = {"tracks": (track,), "doubts": doubts, **changes}
    return Plan(Source("ab" * 32, 5), picture, (0,), (NOBODY,), **whole)


def drawn(one: Plan, *, clear: bool = False) -> Any:
    data = sheet.draw(One(), one, sheet.entries(one), clear=clear)  # type: ignore[arg-type]
    return np.asarray(Image.open(io.BytesIO(data)).convert("L")).astype(int)


def test_what_is_hidden_is_one_even_colour_on_an_obscured_sheet_and_not_on_a_clear_one() -> None:
    inside = (slice(32 + 40, 32 + 150), slice(60, 180))
    assert drawn(plan())[inside].std() < 12
    assert drawn(plan(), clear=True)[inside].std() > 60


def test_a_doubt_says_the_box_that_would_hide_it_in_letters_the_sheet_has() -> None:
    texts = [entry.text for entry in sheet.entries(plan())]
    assert "track 1 face hidden 0.00-0.00 s" in texts[0]
    assert "at 5,6,7,8: only one detector" in texts[1]
    assert sheet.entries(plan())[1].boxes == (Box(5, 6, 7, 8),)


def test_a_sheet_of_nothing_still_says_what_it_is() -> None:
    assert drawn(plan(tracks=(), doubts=())).max() > 150
