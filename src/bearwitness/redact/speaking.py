"""Words into sound with a voice that is nobody's: espeak-ng, a program of its own, locked up and fed through
a pipe (sandbox/program.py): words may be a machine's draft of what hostile footage says.
"""

from __future__ import annotations

import io
import re
import wave
from typing import Final

import numpy as np

from bearwitness.errors import ChildFailedError, RefusedError
from bearwitness.sandbox.limits import Limits
from bearwitness.sandbox.program import Program, find_program, run_program

from .plan import Utterance
from .sound import VOICE_RATE, Samples, resampled

PROGRAM: Final = "espeak-ng"
LANGUAGES: Final = {"en": "en-gb", "fr": "fr-fr", "ru": "ru", "uk": "uk", "ar": "ar", "fa": "fa", "es": "es"}
"""By ISO 639-1: the voice of the program. Nobody has judged yet how well they can be understood."""

WORDS_MAX: Final = 2_000
_LIMITS: Final = Limits(cpu_seconds=30, wall_seconds=60, memory_bytes=1 << 29, answer_bytes_max=64 << 20)
_USUAL, _FASTEST = 160, 320
_RATES: Final = range(8_000, 48_001)
_QUIET: Final = 1e-3
_LOUDNESS: Final = 0.05
_UNSPOKEN = re.compile(r"[\x00-\x1f\x7f-\x9f\[\]<>&|]")


class SpeakerMissingError(RefusedError):
    """The program that speaks is not installed."""


def speaker() -> Program:
    """Return the program; raise SpeakerMissingError if it is not there."""
    program = find_program(PROGRAM)
    if program is None:
        raise SpeakerMissingError(
            "words can not be spoken: espeak-ng is not installed", "on Debian: sudo apt install espeak-ng"
        )
    return program


def speak(one: Utterance, *, accept_weak: bool = False) -> Samples:
    """Return the words of an utterance, spoken, as many samples as it is long (mono, VOICE_RATE).

    Raises RefusedError where they do not fit even when spoken twice as fast as usual, or the program fails,
    and SandboxError where it can not be locked up.
    """
    count = (one.end - one.begin) * VOICE_RATE // 1000
    rate = _USUAL
    while True:
        spoken = _spoken(one, rate, accept_weak=accept_weak)
        if len(spoken) <= count:
            return np.pad(spoken, (0, count - len(spoken)))
        if rate >= _FASTEST:
            raise RefusedError(
                f"the words from {one.begin / 1000:.3f} s take {len(spoken) / VOICE_RATE:.1f} s to say, and "
                f"have {count / VOICE_RATE:.1f} s",
                "say it shorter, or give it more time, in the file of --words",
            )
        rate = min(_FASTEST, max(rate + 10, rate * len(spoken) // count))


def _spoken(one: Utterance, rate: int, *, accept_weak: bool) -> Samples:
    if one.language not in LANGUAGES:
        raise RefusedError(
            f"there is no voice for the language {one.language!r}", f"there are: {', '.join(LANGUAGES)}"
        )
    words = _UNSPOKEN.sub(" ", one.words)[:WORDS_MAX]
    arguments = ["-v", LANGUAGES[one.language], "-s", str(rate), "-b", "1", "--stdin", "--stdout"]
    try:
        untrusted = run_program(speaker(), arguments, [words.encode()], _LIMITS, accept_weak=accept_weak)
        with wave.open(io.BytesIO(_sized(untrusted))) as sound:
            own = sound.getframerate()
            if (sound.getnchannels(), sound.getsampwidth()) != (1, 2) or own not in _RATES:
                raise ValueError("it speaks in another form than it always does")
            samples = np.frombuffer(sound.readframes(sound.getnframes()), "<i2").astype(np.float32) / 32768
    except (ChildFailedError, ValueError, wave.Error, EOFError):
        raise RefusedError(f"espeak-ng could not say the words from {one.begin / 1000:.3f} s") from None
    heard = np.flatnonzero(np.abs(samples) > _QUIET)
    if not len(heard):
        raise RefusedError(
            f"espeak-ng says nothing for the words from {one.begin / 1000:.3f} s",
            "are they in another language?",
        )
    samples = samples[heard[0] : heard[-1] + 1]
    samples = samples * (_LOUDNESS / float(np.sqrt(np.mean(samples**2))))
    fitted: Samples = np.clip(resampled(samples[None, :].astype(np.float32), own, VOICE_RATE)[0], -0.99, 0.99)
    return fitted


def _sized(data: bytes) -> bytes:
    """Return WAV with true sizes in it: a program that writes to a pipe can not know them."""
    at = data.find(b"data")
    if at < 0:
        return data
    size = len(data) - at - 8
    return (
        b"RIFF"
        + (len(data) - 8).to_bytes(4, "little")
        + data[8 : at + 4]
        + size.to_bytes(4, "little")
        + data[at + 8 :]
    )
