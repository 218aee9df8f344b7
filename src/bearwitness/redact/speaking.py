"""Words into sound with a voice that is nobody's: espeak-ng, a program of its own, fed through a pipe."""

from __future__ import annotations

import io
import re
import shutil
import subprocess
import wave
from typing import Final

import numpy as np

from bearwitness.errors import RefusedError

from .plan import Utterance
from .sound import VOICE_RATE, Samples, resampled

PROGRAM: Final = "espeak-ng"
LANGUAGES: Final = {"en": "en-gb", "fr": "fr-fr", "ru": "ru", "uk": "uk", "ar": "ar", "fa": "fa", "es": "es"}
"""By ISO 639-1: the voice of the program. Nobody has judged yet how well they can be understood."""

WORDS_MAX: Final = 2_000
_SECONDS: Final = 60
_USUAL, _FASTEST = 160, 320
_QUIET: Final = 1e-3
_LOUDNESS: Final = 0.05
_ENVIRONMENT: Final = {"PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8"}
_UNSPOKEN = re.compile(r"[\x00-\x1f\x7f-\x9f\[\]<>&|]")


class SpeakerMissingError(RefusedError):
    """The program that speaks is not installed."""


def speaker() -> str:
    """Return where the program is; raise SpeakerMissingError if it is not there."""
    path = shutil.which(PROGRAM)
    if path is None:
        raise SpeakerMissingError(
            "words can not be spoken: espeak-ng is not installed", "on Debian: sudo apt install espeak-ng"
        )
    return path


def speak(one: Utterance) -> Samples:
    """Return the words of an utterance, spoken, as many samples as it is long (mono, VOICE_RATE).

    Raises RefusedError where they do not fit even when spoken twice as fast as usual, or the program fails.
    """
    count = (one.end - one.begin) * VOICE_RATE // 1000
    rate = _USUAL
    while True:
        spoken = _spoken(one, rate)
        if len(spoken) <= count:
            return np.pad(spoken, (0, count - len(spoken)))
        if rate >= _FASTEST:
            raise RefusedError(
                f"the words from {one.begin / 1000:.3f} s take {len(spoken) / VOICE_RATE:.1f} s to say, and "
                f"have {count / VOICE_RATE:.1f} s",
                "say it shorter, or give it more time, in the file of --words",
            )
        rate = min(_FASTEST, max(rate + 10, rate * len(spoken) // count))


def _spoken(one: Utterance, rate: int) -> Samples:
    if one.language not in LANGUAGES:
        raise RefusedError(
            f"there is no voice for the language {one.language!r}", f"there are: {', '.join(LANGUAGES)}"
        )
    words = _UNSPOKEN.sub(" ", one.words)[:WORDS_MAX]
    command = [speaker(), "-v", LANGUAGES[one.language], "-s", str(rate), "-b", "1", "--stdin", "--stdout"]
    try:
        done = subprocess.run(  # noqa: S603 - a fixed program, fixed arguments; the words go in by a pipe
            command, input=words.encode(), capture_output=True, timeout=_SECONDS, check=True, env=_ENVIRONMENT
        )
        with wave.open(io.BytesIO(_sized(done.stdout))) as sound:
            own = sound.getframerate()
            samples = np.frombuffer(sound.readframes(sound.getnframes()), "<i2").astype(np.float32) / 32768
    except (OSError, subprocess.SubprocessError, wave.Error, EOFError):
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
