"""Decoding of the corpus for the analysers' tests, and the models, loaded once; both are skipped where
missing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from bearwitness.inference.models import ModelError, model
from bearwitness.signals.speech import RATE, SpeechFinder, SpeechNetwork
from bearwitness.signals.text import TextFinder, TextReader


def frames(path: Path) -> Iterator[tuple[Fraction, NDArray[np.uint8]]]:
    """Yield (time, grey picture) of each frame of a video."""
    with av.open(str(path)) as container:
        for frame in container.decode(video=0):
            assert frame.pts is not None
            yield frame.pts * frame.time_base, frame.to_ndarray(format="gray")


def sound(path: Path) -> NDArray[np.float32]:
    """Return the samples of a file, mono at 16 kHz."""
    resampler = av.AudioResampler(format="flt", layout="mono", rate=RATE)
    with av.open(str(path)) as container:
        parts = [part for frame in container.decode(audio=0) for part in resampler.resample(frame)]
        parts += resampler.resample(None)
    return np.concatenate([part.to_ndarray()[0] for part in parts])


def picture(path: Path) -> NDArray[np.uint8]:
    """Return a still as blue, green, red."""
    return np.ascontiguousarray(np.array(Image.open(path).convert("RGB"))[..., ::-1])


def _model(name: str, made: Callable[[bytes], object]) -> object:
    try:
        return made(model(name).load())
    except (ModelError, ImportError) as error:
        pytest.skip(f"the model is not installed: {error}")


@pytest.fixture(scope="session")
def text_finder() -> object:
    return _model("ocr-find", TextFinder)


@pytest.fixture(scope="session")
def text_reader() -> object:
    return _model("ocr-read", TextReader)


@pytest.fixture(scope="session")
def speech_finder() -> object:
    return _model("silero-vad", lambda weights: SpeechFinder(SpeechNetwork(weights).likelihoods))
