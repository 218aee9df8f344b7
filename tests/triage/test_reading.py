"""Burned-in clocks are read through the sandbox, can be searched, and their jumps are told."""

from __future__ import annotations

import io
import json
from bisect import bisect_right
from collections.abc import Callable
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFont

from bearwitness.inference.texts import Texts
from bearwitness.signals import cyrillic
from bearwitness.signals.borders import Box
from bearwitness.triage import windows
from bearwitness.triage.analyser import Material
from bearwitness.triage.cyrillic_lines import missing
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


def recording(lines: Callable[[int], list[tuple[tuple[int, int], str]]], seconds: int = 4) -> bytes:
    """Return a video of a grey scene with lines of text burned in, five frames a second."""
    font = ImageFont.truetype("DejaVuSans.ttf", 24)
    out = io.BytesIO()
    with av.open(out, "w", format="mp4") as container:
        stream: Any = container.add_stream("libx264", rate=5, options={"preset": "ultrafast"})
        stream.width, stream.height = 640, 360
        for number in range(seconds * 5):
            page = Image.new("L", (640, 360), 40)
            for place, text in lines(number // 5):
                ImageDraw.Draw(page).text(place, text, fill=235, font=font)
            container.mux(stream.encode(av.VideoFrame.from_image(page.convert("RGB"))))
        container.mux(stream.encode())
    return out.getvalue()


@pytest.fixture
def burned() -> bytes:
    """Return a recording with a clock, the name of its camera, and a line in Cyrillic."""
    try:
        return recording(
            lambda second: [
                ((20, 10), f"2021-03-14 23:59:{50 + second:02}"),
                ((440, 10), "CAM 07"),
                ((20, 320), "КАМЕРА ДВОР 12"),
                ((200, 170), "EXIT 3"),
            ]
        )
    except OSError as error:
        pytest.skip(f"a font is missing: {error}")


def test_the_name_of_the_recorder_is_told_from_clock_and_scene(heard: Make, burned: bytes) -> None:
    told = result(heard, burned)
    names = {fact["value"] for fact in told["facts"] if fact["name"] == "device.id"}
    assert "CAM 07" in names
    assert not {name for name in names if "EXIT" in name or ":" in name}
    assert "EXIT 3" in {each["text"] for each in told["details"]["staying"]}


def test_cyrillic_overlays_can_be_searched_and_are_read_once(heard: Make, burned: bytes) -> None:
    if missing():
        pytest.skip(missing())
    told = result(heard, burned)
    russian = [text["text"] for text in told["texts"] if text["language"] == "ru"]
    assert any("КАМЕРА ДВОР" in text for text in russian)
    assert told["details"]["cyrillic"]["asked"] <= 4  # lines, however many frames show them
    assert any("КАМЕРА" in fact["value"] for fact in told["facts"] if fact["name"] == "device.id")


def test_where_tesseract_is_missing_it_is_said_with_the_command(
    heard: Make, burned: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cyrillic, "find_program", lambda name: None)
    cyrillic.tesseract.cache_clear()
    try:
        assert "apt install tesseract-ocr-rus" in Clock().lacking
        assert Clock().parameters["cyrillic"] == "no"
        assert "tesseract-ocr-rus" in result(heard, burned)["details"]["cyrillic"]["missing"]
    finally:
        cyrillic.tesseract.cache_clear()


def test_of_thousands_of_frames_in_a_second_a_few_hundred_are_held_to_be_read(
    material: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = io.BytesIO()
    with av.open(data, "w", format="mp4") as out:
        stream = out.add_stream("libx264", rate=5_000, options={"preset": "ultrafast"})
        stream.width = stream.height = 64
        for _ in range(5_000):
            out.mux(
                stream.encode(av.VideoFrame.from_ndarray(np.zeros((64, 64, 3), np.uint8), format="bgr24"))
            )
        out.mux(stream.encode())
    held: list[int] = []
    monkeypatch.setattr(windows, "read_clock", lambda crops, *_: held.append(len(crops)) or [])
    monkeypatch.setattr(windows.Windows, "texts", lambda _: Texts)
    windows.Windows(material(data.getvalue()))._read(0, [Box(0, 0, 64, 16)], np.zeros((64, 64), np.uint8))
    assert held == [300]
