"""Burned-in clocks are read through the sandbox, can be searched, and their jumps are told."""

from __future__ import annotations

import io
import json
from bisect import bisect_right
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from PIL import Image

from bearwitness.triage.analyser import Material
from bearwitness.triage.looking import look
from bearwitness.triage.reading import Clock
from bearwitness.vault.derivatives import DONE

Make = Callable[[bytes], Material]


def result(make: Make, data: bytes) -> dict[str, Any]:
    (looked,) = look(make(data), [("job", Clock())])
    assert looked.outcome == DONE, looked.reason
    told: dict[str, Any] = json.loads(looked.files["result.json"])
    return told


def test_the_clock_of_real_footage_is_read_exactly_and_its_jump_found(heard: Make, corpus: Path) -> None:
    told = result(heard, (corpus / "video/road-cars-clock.mp4").read_bytes())
    truth = json.loads((corpus / "video/road-cars-clock.clock.json").read_text())["runs"]
    (clock,) = told["details"]["clocks"]
    starts, texts = [run["first_frame"] for run in truth], [run["text"] for run in truth]
    exact = [
        text == texts[bisect_right(starts, number) - 1]
        for number, (_, text, _, _) in enumerate(clock["readings"])
    ]
    assert len(exact) == 250
    assert np.mean(exact) >= 0.95
    (jump,) = clock["jumps"]
    assert abs(jump["seconds"] - 3600) <= jump["error"]
    assert jump["after"] < 12.0 <= jump["before"] + 0.01
    shown = [fact for fact in told["facts"] if fact["name"] == "clock"]
    midnight = 1_615_766_400 * 10**9  # 15 March 2021, 00:00
    assert [abs(fact["value"] - moment) < 10**9 for fact, moment in zip(
        shown, (midnight - 8 * 10**9, midnight + 3604 * 10**9), strict=True)] == [True, True]  # fmt: skip


def test_footage_and_a_picture_without_text_have_neither_clock_nor_words(heard: Make, corpus: Path) -> None:
    told = result(heard, (corpus / "neardup/stage-bright.mp4").read_bytes())
    assert told["details"]["clocks"] == []
    flat = io.BytesIO()
    Image.new("L", (320, 200), 90).save(flat, "PNG")
    assert result(heard, flat.getvalue())["texts"] == []


def test_words_in_a_picture_become_text_that_can_be_searched(heard: Make) -> None:
    page = np.full((200, 640), 30, np.uint8)
    cv2.putText(page, "CAMERA 07 NORTH", (30, 110), cv2.FONT_HERSHEY_SIMPLEX, 1.5, 255, 3)
    data = io.BytesIO()
    Image.fromarray(page).save(data, "PNG")
    (text,) = result(heard, data.getvalue())["texts"]
    assert text["field"] == "overlay"
    assert "CAMERA" in text["text"]
