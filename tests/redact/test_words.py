"""A text of what is to be spoken again: read strictly, drafted by the machine, spoken into its time."""

from __future__ import annotations

import shutil
import subprocess
from fractions import Fraction
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest

from bearwitness.errors import MalformedError, RefusedError
from bearwitness.media.model import Sound
from bearwitness.redact import speaking, words
from bearwitness.redact.plan import SPEAK, Utterance
from bearwitness.redact.sound import VOICE_RATE
from bearwitness.sandbox.program import Program, find_program
from bearwitness.sandbox.status import layers
from bearwitness.signals.speech import RATE, Said, Transcript

needs_speaker = pytest.mark.skipif(
    shutil.which(speaking.PROGRAM) is None, reason="espeak-ng is not installed: sudo apt install espeak-ng"
)


def test_lines_are_utterances_in_the_language_before_them() -> None:
    text = "# a comment\n\nen\n3.30-7.64 But she said no.\n8-9.5 ru Он не знал.\nfr\n10-11 Non.\n"
    assert words.read(text.encode()) == [
        Utterance(3300, 7640, SPEAK, "en", "But she said no."),
        Utterance(8000, 9500, SPEAK, "ru", "Он не знал."),
        Utterance(10000, 11000, SPEAK, "fr", "Non."),
    ]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (b"1-2 hello", "no language"),
        (b"en\nhello", "line 2"),
        (b"en\n2-1 hello", "ends before"),
        (b"en\n1-2", "FROM-TO"),
        (b"\xff\xfe", "UTF-8"),
        (b"en\n1-2 " + b"a" * 3000, "longer than 2000"),
        (b"#" * (5 << 20), "longer than any"),
    ],
)
def test_what_is_no_utterance_is_refused_with_its_line(text: bytes, says: str) -> None:
    with pytest.raises(MalformedError, match=says):
        words.read(text)


def test_a_draft_is_read_back_and_marks_what_can_not_be_spoken() -> None:
    said = [
        ("ru", Said(1.0, 2.0, "он не\nзнал", 0.9, doubtful=False)),
        ("ru", Said(2.5, 2.5, "да", 0.2, doubtful=True)),
        ("xx", Said(3.0, 4.0, "nothing", 0.9, doubtful=False)),
    ]
    text = words.draft(said)
    assert "no voice for xx" in text
    assert "# doubtful" in text
    assert [(u.begin, u.end, u.language, u.words) for u in words.read(text.encode())] == [
        (1000, 2000, "ru", "он не знал"),
        (2500, 2510, "ru", "да"),
    ]


@needs_speaker
@pytest.mark.parametrize(
    ("language", "text"),
    [("en", "But she said no."), ("ru", "Он ничего не знал."), ("fr", "Elle a dit non.")],
)
def test_words_fill_their_time_and_no_more(language: str, text: str) -> None:
    made = speaking.speak(Utterance(1000, 4000, SPEAK, language, text))
    assert len(made) == 3 * VOICE_RATE
    assert np.abs(made).max() > 0.05
    quick = speaking.speak(Utterance(0, 1100, SPEAK, language, text))
    assert len(quick) == VOICE_RATE * 1100 // 1000


@needs_speaker
@pytest.mark.parametrize(
    ("one", "says"),
    [
        (Utterance(0, 100, SPEAK, "en", "far too much to say in a tenth of a second"), "take"),
        (Utterance(0, 1000, SPEAK, "xx", "hello"), "no voice for the language"),
        (Utterance(0, 1000, SPEAK, "en", "..."), "says nothing"),
    ],
)
def test_what_can_not_be_said_is_refused(one: Utterance, says: str) -> None:
    with pytest.raises(RefusedError, match=says):
        speaking.speak(one)


_TAKEN_OVER = """#!/usr/bin/perl
my @words = <STDIN>;
my $out = 0;
$out++ if socket(my $s, 2, 1, 0);
$out++ if open(my $f, "<", "{secret}");
$out++ if open(my $g, ">", "{new}");
my $p = fork(); exit if defined $p and not $p; $out++ if defined $p;
exit if $out;
my $data = pack("s<*", map {{ 3000 * sin($_ / 8) }} 1 .. 8000);
my $form = pack("vvVVvv", 1, 1, {rate}, 2 * {rate}, 2, 16);
print "RIFF", pack("V", 36 + length $data), "WAVEfmt ", pack("V", 16), $form;
print "data", pack("V", length $data), $data;
"""


def _taken_over(folder: Path, monkeypatch: pytest.MonkeyPatch, rate: int = 22_050) -> Path:
    """Have a program speak that first tries whatever it must not, and is silent if any of it goes through."""
    if layers().lacking or find_program("perl") is None:
        pytest.skip("this machine can not show it: there is no perl, or a layer of the sandbox is missing")
    secret, program = folder / "secret", folder / "speaker"
    secret.write_bytes(b"do not touch")
    program.write_text(_TAKEN_OVER.format(secret=secret, new=folder / "new", rate=rate))
    program.chmod(0o755)
    monkeypatch.setattr(speaking, "find_program", lambda _: Program(str(program), "/usr/bin/perl"))
    return program


def test_a_speaker_that_its_words_took_over_can_not_get_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = _taken_over(tmp_path, monkeypatch)
    made = speaking.speak(Utterance(0, 1000, SPEAK, "en", "hello"))
    assert np.abs(made).max() > 0.05
    assert not (tmp_path / "new").exists()
    unlocked = subprocess.run([program], input=b"hello", capture_output=True, check=False)
    assert unlocked.stdout == b"", "the acts themselves do not work: the test shows nothing"


@pytest.mark.parametrize("rate", [0, 7_999, 48_001, 0xFFFFFFFF // 2])
def test_sound_in_an_impossible_form_is_refused(
    rate: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _taken_over(tmp_path, monkeypatch, rate)
    with pytest.raises(RefusedError, match="could not say"):
        speaking.speak(Utterance(0, 1000, SPEAK, "en", "hello"))


def test_without_the_program_the_one_command_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(speaking, "find_program", lambda _: None)
    with pytest.raises(speaking.SpeakerMissingError) as refused:
        speaking.speak(Utterance(0, 1000, SPEAK, "en", "hello"))
    assert refused.value.hint == "on Debian: sudo apt install espeak-ng"


def test_what_a_machine_heard_stands_at_the_times_of_the_footage() -> None:
    class Stream:
        index = 1

    class Track:
        name, sounds = "a clip", (Stream(),)

        def sound(self, _: int, rate: int) -> list[Sound]:
            return [Sound(0, Fraction(10), rate, np.ones(100 * rate, np.float32))]

    class Writer:
        asked: ClassVar[list[float]] = []

        def write(self, samples: object, language: str = "") -> Transcript:
            self.asked.append(len(samples) / RATE)  # type: ignore[arg-type]
            return Transcript("en", 0.9, (Said(0.5, 1.0, "no", 0.9, doubtful=False),))

    footage: Any = Track()
    writer: Any = Writer()
    turns = [(12_000, 14_000), (14_500, 16_000), (40_000, 105_000)]
    found = words.written(footage, turns, writer)
    assert [one.start for _, one in found] == [12.5, 40.5, 99.5]
    assert Writer.asked == pytest.approx([4, 59, 6])
