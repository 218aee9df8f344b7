"""What the gates see of people: faces of every size, and of people who lie, in pictures and in footage."""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator, Sequence
from fractions import Fraction
from typing import Any

import av
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageFilter

from astronaut import bgr
from bearwitness import media
from bearwitness.disclose import watching
from bearwitness.disclose.watching import MODELS, Watcher
from bearwitness.inference.worker import InferenceWorker
from bearwitness.media.model import MediaError
from bearwitness.media.source import held_in_memory
from bearwitness.sandbox.client import Sandbox

Picture = NDArray[np.uint8]
GREY = np.full((384, 640, 3), 90, np.uint8)  # all are of one size: networks are compiled for each


@pytest.fixture(scope="module")
def decoders() -> Iterator[Sandbox]:
    with Sandbox(media.TASKS) as sandbox:
        yield sandbox


@pytest.fixture(scope="module")
def worker() -> Iterator[InferenceWorker]:
    with InferenceWorker(MODELS, exact=False) as worker:
        yield worker


@pytest.fixture
def watcher(decoders: Sandbox, worker: InferenceWorker) -> Watcher:
    return Watcher(decoders, worker)


def lying(astronaut: Image.Image, way: int = 1) -> Picture:
    """Return a picture of somebody out of focus who lies, whom nothing sees that is shown it upright."""
    face = astronaut.crop((160, 60, 290, 200)).filter(ImageFilter.GaussianBlur(4)).resize((200, 215))
    turned = np.rot90(bgr(face, 0.6), way)
    picture = GREY.copy()
    picture[20 : 20 + turned.shape[0], 80 : 80 + turned.shape[1]] = turned
    return picture


@pytest.mark.parametrize("way", [1, 3])
def test_a_face_of_somebody_who_lies_is_counted_in_a_picture(
    watcher: Watcher, astronaut: Image.Image, way: int
) -> None:
    watcher.pages([lying(astronaut, way)])
    assert watcher.faces == 1


def test_a_face_that_is_larger_than_the_picture_is_counted(watcher: Watcher, astronaut: Image.Image) -> None:
    close = astronaut.crop((150, 87, 300, 172)).resize((640, 384), Image.Resampling.BICUBIC)
    watcher.pages([bgr(close, 0.12)])
    assert watcher.faces == 1


def test_a_face_that_is_drawn_by_what_shines_through_is_counted(
    watcher: Watcher, astronaut: Image.Image
) -> None:
    light = np.asarray(astronaut.crop((100, 20, 420, 380)).convert("L"))
    drawn = np.zeros((*light.shape, 4), np.uint8)
    drawn[..., 3] = 255 - light
    out = io.BytesIO()
    Image.fromarray(drawn).save(out, "PNG")
    with held_in_memory(out.getvalue(), "mask.png") as source:
        watcher.picture(source)
    assert watcher.faces == 1


def test_pictures_of_which_not_all_would_be_looked_at_are_refused(
    watcher: Watcher, monkeypatch: pytest.MonkeyPatch
) -> None:
    out, grey = io.BytesIO(), [Image.fromarray(GREY[:40, :40] + n) for n in range(3)]
    grey[0].save(out, "PNG", save_all=True, append_images=grey[1:])
    monkeypatch.setattr(watching, "_PICTURES_MAX", 2)
    with (
        held_in_memory(out.getvalue(), "many.png") as source,
        pytest.raises(MediaError, match="not all are looked at"),
    ):
        watcher.picture(source)


def test_upright_and_lying_faces_of_one_picture_are_counted_together_and_none_twice(
    watcher: Watcher, astronaut: Image.Image
) -> None:
    both = lying(astronaut)
    both[:360, 320:] = bgr(astronaut.crop((100, 20, 420, 380)))
    watcher.pages([both, GREY])
    assert watcher.faces == 2


def test_who_lies_in_some_frames_is_counted_and_what_is_seen_turned_in_fewer_is_not(
    watcher: Watcher, astronaut: Image.Image
) -> None:
    watch(watcher, [GREY] * 2 + [lying(astronaut)] * 4 + [GREY] * 2)
    assert watcher.faces == 0
    watch(watcher, [GREY] + [lying(astronaut)] * 5 + [GREY])
    assert watcher.faces == 1


def test_where_nobody_is_nobody_is_counted(watcher: Watcher) -> None:
    watch(watcher, [GREY] * 6)
    watcher.pages([GREY])
    assert (watcher.faces, watcher.persons) == (0, 0)


def test_speech_that_an_edit_list_hides_is_heard(watcher: Watcher, monkeypatch: pytest.MonkeyPatch) -> None:
    heard: list[float] = []

    class Ears:
        """In the place of what finds speech: tells how long there was sound."""

        def __init__(self, _: object) -> None:
            pass

        def hear(self, pieces: Iterable[tuple[Fraction, Picture]], _: str) -> None:
            heard.append(sum(np.abs(samples).max(initial=0) > 0.1 for _, samples in pieces))

        def finish(self, **_: object) -> list[Any]:
            return []

    monkeypatch.setattr(watching, "SpeechFinder", Ears)
    with held_in_memory(late_tone(), "late.mp4") as source:
        watcher.footage(source)
    assert heard == [1]


def late_tone() -> bytes:
    """Return an MP4 of a second of silence and two of a tone, of which its edit list shows the first half."""
    out = io.BytesIO()
    wave = np.sin(np.arange(3 * 48_000) * 0.05).astype(np.float32) * 0.5
    wave[:48_000] = 0
    with av.open(out, "w", format="mp4") as container:
        stream: Any = container.add_stream("aac", rate=48_000, layout="mono")
        frame = av.AudioFrame.from_ndarray(wave[None, :], format="fltp", layout="mono")
        frame.sample_rate, frame.pts = 48_000, 0
        container.mux(stream.encode(frame))
        container.mux(stream.encode())
    data = bytearray(out.getvalue())
    at = data.index(b"elst") + 12  # behind version, flags and the count of entries
    data[at : at + 4] = (500).to_bytes(4, "big")
    return bytes(data)


def watch(watcher: Watcher, pictures: Sequence[Picture]) -> None:
    out = io.BytesIO()
    with av.open(out, "w", format="avi") as container:
        stream: Any = container.add_stream("mjpeg", rate=25)
        stream.height, stream.width = pictures[0].shape[:2]
        stream.pix_fmt = "yuvj420p"
        for number, picture in enumerate(pictures):
            frame = av.VideoFrame.from_ndarray(picture, format="bgr24")
            frame.pts, frame.time_base = number, Fraction(1, 25)
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    with held_in_memory(out.getvalue(), "frames.avi") as source:
        watcher.footage(source)
