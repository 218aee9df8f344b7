"""Clocks are found and read on real footage and drawn ones, in a process that can open nothing any more."""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
from bisect import bisect_right
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.scale import ALL, examples
from tests.signals import scenes
from tests.signals.conftest import frames

from bearwitness.errors import MalformedError
from bearwitness.inference.models import ModelError, model
from bearwitness.signals.clock_track import follow_clock
from bearwitness.signals.cyrillic import ReaderMissingError, read_cyrillic, tesseract
from bearwitness.signals.onnx_notes import notes
from bearwitness.signals.overlays import find_overlays, read_clock
from bearwitness.signals.text import TextFinder, TextReader

_LOCKED = """
import resource, numpy as np
from bearwitness.inference.models import model
from bearwitness.signals.speech import SpeechFinder, SpeechNetwork
from bearwitness.signals.text import TextFinder, TextReader
import cv2
finder, reader = TextFinder(model("ocr-find").load()), TextReader(model("ocr-read").load())
speech = SpeechFinder(SpeechNetwork(model("silero-vad").load()).likelihoods)
page = np.full((180, 320), 30, np.uint8)
cv2.putText(page, "12:34:56", (40, 90), cv2.FONT_HERSHEY_SIMPLEX, 1.2, 255, 3)
resource.setrlimit(resource.RLIMIT_NOFILE, (0, 0))
try:
    open("/dev/null")
except OSError:
    (box,) = finder.find(page)
    speech.add(np.zeros(16_000, np.float32))
    print(reader.read(page[box.top:box.bottom, box.left:box.right]).text, speech.finish())
"""


def test_models_loaded_first_work_in_a_process_that_can_open_nothing(
    text_finder: TextFinder, speech_finder: object
) -> None:
    done = subprocess.run(
        [sys.executable, "-c", _LOCKED], capture_output=True, text=True, check=False, timeout=120
    )
    assert done.stdout.strip() == "12:34:56 ()", done.stderr


def test_the_clock_on_real_footage_is_read_and_its_jump_found(
    corpus: Path, text_finder: TextFinder, text_reader: TextReader
) -> None:
    video = list(frames(corpus / "video/road-cars-clock.mp4"))
    truth = json.loads((corpus / "video/road-cars-clock.clock.json").read_text())
    starts = [run["first_frame"] for run in truth["runs"]]
    texts = [truth["runs"][bisect_right(starts, i) - 1]["text"] for i in range(len(video))]
    (clock,) = (
        o for o in find_overlays([p for _, p in video], text_finder.find, text_reader.read) if o.clock
    )
    chosen = list(range(0, len(video), 1 if ALL else 5))
    track = follow_clock(read_clock((video[i] for i in chosen), clock.box, text_reader.read))
    assert track is not None
    exact = [reading.text == texts[i] for reading, i in zip(track.readings, chosen, strict=True)]
    assert np.mean(exact) >= 0.95
    (jump,) = track.jumps
    assert abs(jump.seconds - 3600) <= jump.error
    assert float(jump.after) <= 12.0 <= float(jump.before) + 0.01


@pytest.mark.parametrize("place", [41, 42])
def test_a_drawn_clock_over_a_moving_scene_is_read(
    place: int, text_finder: TextFinder, text_reader: TextReader
) -> None:
    video = scenes.film(place, place, 4, fps=5, shake=8)
    for time, picture in video:
        text = f"14.03.2021 07:41:{17 + int(time):02}"
        for colour, width in ((0, 5), (255, 2)):
            cv2.putText(picture, text, (90, 250), cv2.FONT_HERSHEY_SIMPLEX, 0.8, colour, width, cv2.LINE_AA)
    overlays = find_overlays([p for _, p in video], text_finder.find, text_reader.read)
    (clock,) = (overlay for overlay in overlays if overlay.clock)
    track = follow_clock(read_clock(video, clock.box, text_reader.read))
    assert track is not None
    good = [f"14.03.2021 07:41:{17 + int(r.time):02}" == r.text for r in track.readings]
    assert np.mean(good) >= 0.95
    assert track.order == "dmy"


def test_a_scene_without_text_has_no_clock(text_finder: TextFinder, text_reader: TextReader) -> None:
    video = scenes.film(43, 43, 1)
    assert not [
        o for o in find_overlays([p for _, p in video], text_finder.find, text_reader.read) if o.clock
    ]
    assert find_overlays([], text_finder.find, text_reader.read) == []


def test_cyrillic_is_read_where_tesseract_is_installed() -> None:
    from PIL import Image, ImageDraw, ImageFont

    try:
        tesseract()
        font = ImageFont.truetype("DejaVuSans.ttf", 30)
    except (ReaderMissingError, OSError) as error:
        pytest.skip(f"Tesseract's Russian or a font is missing: {error}")
    page = Image.fromarray(scenes.texture(2, 60, 420).astype(np.uint8) // 3)
    ImageDraw.Draw(page).text((20, 10), "КАМЕРА ДВОР 12", fill=255, font=font)
    assert "КАМЕРА" in read_cyrillic(np.array(page)).text


@given(content=st.binary(max_size=200))
@examples(200)
def test_no_bytes_break_the_reader_of_a_models_notes(content: bytes) -> None:
    with contextlib.suppress(MalformedError):
        notes(content)


def test_the_readers_alphabet_is_in_its_notes() -> None:
    try:
        characters = notes(model("ocr-read").load())["character"].split("\n")
    except ModelError as error:
        pytest.skip(str(error))
    assert set("0123456789:-./") <= set(characters)


def test_frames_whose_clock_did_not_change_are_not_read_again() -> None:
    from bearwitness.signals.borders import Box
    from bearwitness.signals.text import Line

    asked = []

    def read(grey: np.ndarray) -> Line:
        asked.append(grey)
        return Line(f"00:00:0{len(asked)}", 1.0)

    page = np.full((40, 200), 20, np.uint8)
    other = page.copy()
    other[12:28, 100:110] = 250
    video = [(Fraction(i, 5), page if i < 5 else other) for i in range(10)]
    read_clock(video, Box(10, 10, 190, 30), read)
    assert len(asked) == 2
