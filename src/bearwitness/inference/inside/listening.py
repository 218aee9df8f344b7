"""Text in pictures, speech, and what is said, as arrays: what signals/ finds, in the locked worker.

A list of texts is two arrays: the length in bytes of each, and all their UTF-8 in a row.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from bearwitness.signals.speech import RATE, SpeechNetwork, Transcriber, Turn
from bearwitness.signals.text import TextFinder, TextReader

Arrays = list[NDArray[Any]]
_WARM_SECONDS: Final = 1
_WARM_PICTURE: Final = (60, 200)


def find_text(finder: TextFinder, pictures: Arrays) -> Arrays:
    """Return for each grey picture its lines of text, (n, 4): left, top, right, bottom."""
    found = []
    for picture in pictures:
        boxes = [(box.left, box.top, box.right, box.bottom) for box in finder.find(picture)]
        found.append(np.array(boxes, np.int32).reshape(-1, 4))
    return found


def read_text(reader: TextReader, lines: Arrays) -> Arrays:
    """Return the texts of grey pictures cut to one line each, and how sure each is."""
    read = [reader.read(line) for line in lines]
    return [*_texts([line.text for line in read]), np.array([line.sure for line in read], np.float32)]


def hear_speech(network: SpeechNetwork, arrays: Arrays) -> Arrays:
    """Return probabilities and memory for samples and memory (signals.speech.SpeechNetwork)."""
    samples, memory = arrays
    return list(network.likelihoods(samples, memory))


def write_down(transcriber: Transcriber, samples: NDArray[Any], language: str) -> Arrays:
    """Return what is said in a sound: texts (the language first), then (n, 2) times and (n, 2) sureness.

    Times are seconds; sureness is the mean probability of a piece and 1 where it is doubtful. The first row
    is the language's: from 0 to the end, its probability.
    """
    whole = (Turn(0.0, len(samples) / RATE, 1.0),)
    written = transcriber.transcribe(samples, whole, language or None)
    times = [(0.0, len(samples) / RATE), *((said.start, said.end) for said in written.said)]
    sure = [(written.language_sure, 0.0), *((said.sure, float(said.doubtful)) for said in written.said)]
    texts = _texts([written.language, *(said.text for said in written.said)])
    return [*texts, np.array(times, np.float32), np.array(sure, np.float32)]


def warm_up(tool: object) -> None:
    """Have a finder or a reader work once: what it imports or loads late is there then."""
    if isinstance(tool, TextFinder):
        tool.find(np.zeros(_WARM_PICTURE, np.uint8))
    elif isinstance(tool, TextReader):
        tool.read(np.zeros(_WARM_PICTURE, np.uint8))


def warm_transcriber(files: dict[str, bytes], threads: int) -> Transcriber:
    """Return a transcriber that has written once: its libraries start threads and open files only then."""
    transcriber = Transcriber(files, threads)
    noise = np.random.default_rng(0).normal(0, 0.1, _WARM_SECONDS * RATE).astype(np.float32)
    write_down(transcriber, noise, "")
    return transcriber


def _texts(texts: list[str]) -> Arrays:
    encoded = [text.encode("utf-8", "replace") for text in texts]
    return [np.array([len(each) for each in encoded], np.int32), np.frombuffer(b"".join(encoded), np.uint8)]
