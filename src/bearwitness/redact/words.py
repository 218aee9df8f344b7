"""What is to be said again, as a text that people correct: one utterance a line.

    # the language of the lines that follow
    en
    3.30-7.64 But she said: I will not.
    8.14-12.20 ru Он не знал.

Times are seconds of the footage's clock. What another language is spoken in has its letters before the words.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from typing import Final

import numpy as np

from bearwitness.errors import MalformedError
from bearwitness.inference.speech import STRETCH_SECONDS_MAX, Transcripts
from bearwitness.media.model import Sound
from bearwitness.signals.speech import Said, Turn, stretches

from .footage import Footage
from .plan import SPEAK, Utterance
from .sound import VOICE_RATE, of_range, whole_sound
from .speaking import LANGUAGES, WORDS_MAX

WORDS_BYTES_MAX: Final = 4 << 20
_GAP_SECONDS: Final = 1.0
_LINE = re.compile(r"(\d{1,7}(?:\.\d{1,6})?)-(\d{1,7}(?:\.\d{1,6})?)\s+(\S.*)\Z")


def read(data: bytes) -> list[Utterance]:
    """Return the utterances of a file; raise MalformedError with the first line that is none."""
    if len(data) > WORDS_BYTES_MAX:
        raise MalformedError("a file of words is longer than any may be")
    try:
        lines = data.decode("utf-8-sig").splitlines()
    except UnicodeDecodeError:
        raise MalformedError("the file of words is not text in UTF-8") from None
    language, found = "", list[Utterance]()
    for number, line in enumerate(lines, 1):
        stripped = line.strip()
        if not stripped or stripped.startswith("#"):
            continue
        if stripped in LANGUAGES:
            language = stripped
            continue
        found.append(_utterance(stripped, number, language))
    return found


def _utterance(line: str, number: int, language: str) -> Utterance:
    match = _LINE.match(line)
    if match is None:
        raise MalformedError(
            f"line {number} of the words is not: FROM-TO WORDS", "for example: 3.30-7.64 But she said no."
        )
    begin, end = (round(float(one) * 1000) for one in match.groups()[:2])
    first, _, rest = match[3].partition(" ")
    words = match[3]
    if first in LANGUAGES and rest.strip():
        language, words = first, rest.strip()
    if not language:
        raise MalformedError(
            f"line {number} of the words has no language before it",
            f"begin the file with a line of one of: {', '.join(LANGUAGES)}",
        )
    if end <= begin:
        raise MalformedError(f"line {number} of the words ends before it begins")
    if len(words) > WORDS_MAX:
        raise MalformedError(f"line {number} of the words is longer than {WORDS_MAX} letters")
    return Utterance(begin, end, SPEAK, language, words)


def written(
    footage: Footage, turns: Sequence[tuple[int, int]], transcripts: Transcripts
) -> list[tuple[str, Said]]:
    """Return what is said in `turns` (milliseconds) of the first track, each with its language.

    Turns that lie close are heard together, up to the half minute that helps the network most.
    """
    pieces = list(footage.sound(footage.sounds[0].index, VOICE_RATE)) if footage.sounds else []
    if not pieces:
        return []
    whole = Sound(0, pieces[0].time, VOICE_RATE, whole_sound(footage.name, pieces))
    spoken = [Turn(begin / 1000, end / 1000, 1.0) for begin, end in turns]
    found = []
    for begin, end in stretches(spoken, gap=_GAP_SECONDS):
        for start in np.arange(begin, end, STRETCH_SECONDS_MAX - 1):
            stop = min(end, start + STRETCH_SECONDS_MAX - 1)
            samples = of_range(whole, round(start * 1000), round(stop * 1000))
            if len(samples):
                heard = transcripts.write(samples)
                found += [
                    (heard.language, replace(one, start=one.start + start, end=one.end + start))
                    for one in heard.said
                ]
    return found


def draft(said: Sequence[tuple[str, Said]]) -> str:
    """Return a text to correct of what a machine heard: (language, Said), times in seconds."""
    lines = ["# heard by a machine, wrong in many words: correct it, then give it to --words"]
    now = ""
    for language, one in said:
        if language != now and language in LANGUAGES:
            now = language
            lines += ["", language]
        mark = "" if language in LANGUAGES else f"# no voice for {language or 'this language'}: "
        doubt = "  # doubtful:\n" if one.doubtful else ""
        words = " ".join(one.text.split())
        lines.append(f"{doubt}{mark}{one.start:.2f}-{max(one.end, one.start + 0.01):.2f} {words}")
    return "\n".join(lines) + "\n"
