"""Changed voices: nothing of the original is left in them, and the attack finds it where something is."""

from __future__ import annotations

import hashlib
import itertools
import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from av.audio.frame import AudioFrame
from av.video.frame import VideoFrame

from bearwitness.errors import RefusedError
from bearwitness.media.model import Sound
from bearwitness.redact import changing, operations
from bearwitness.redact.attack import changed as attack_changed
from bearwitness.redact.attack.attacking import attack
from bearwitness.redact.attack.hits import Report
from bearwitness.redact.changing import Changer, utterances
from bearwitness.redact.footage import Footage
from bearwitness.redact.plan import Plan, Utterance
from bearwitness.redact.rendering import render
from bearwitness.redact.sound import make_sounds, of_range, whole_sound
from bearwitness.redact.speaking import PROGRAM
from bearwitness.redact.writing import container_of, write_footage

from . import clips
from .conftest import empty_plan
from .test_attack import Seer

Samples = np.ndarray[Any, Any]
RATE = 16_000
SAID = ("1998-15444-0006", "2033-164914-0003", "2414-128291-0007", "1688-142285-0004")
LONG = 3.0


def read(path: Path) -> Samples:
    with av.open(str(path)) as opened:
        return (
            np.concatenate([f.to_ndarray().ravel() for f in opened.decode(audio=0)]).astype(np.float32)
            / 32768
        )


def clip(path: Path, sound: Samples) -> Path:
    """Write a clip of some frames with a sound (RATE, not compressed)."""
    with av.open(str(path), "w") as out:
        video: Any = out.add_stream("libx264", rate=clips.RATE)
        video.width, video.height, video.pix_fmt = clips.WIDTH, clips.HEIGHT, "yuv420p"
        audio: Any = out.add_stream("flac", rate=RATE)
        for number in range(10):
            frame = VideoFrame.from_ndarray(clips.picture(number), format="rgb24").reformat(format="yuv420p")
            frame.pts, frame.time_base = number, Fraction(1, clips.RATE)
            out.mux(video.encode(frame))
        out.mux(video.encode(None))
        heard = AudioFrame.from_ndarray(np.round(sound * 32767).astype(np.int16)[None], "s16", "mono")
        heard.sample_rate, heard.pts = RATE, 0
        for packet in [*audio.encode(heard), *audio.encode(None)]:
            out.mux(packet)
    return path


class Booth:
    """A clip in which four people speak for three seconds each, and ways to change and attack it."""

    def __init__(
        self, folder: Path, sound: Samples, opened: Callable[[Path], Footage], changer: Changer
    ) -> None:
        self._folder, self._opened, self._changer = folder, opened, changer
        self.sound = sound
        self.source = clip(folder / "said.mkv", sound)
        self.footage = opened(self.source)
        each = round(LONG * 1000)
        self.plan = operations.change_voices(
            empty_plan(self.source, self.footage),
            [Utterance(n * each, (n + 1) * each, "whisper") for n in range(len(SAID))],
        )

    def finish(
        self,
        name: str,
        spoil: Callable[[int, Samples, Samples], Samples] | None = None,
        plan: Plan | None = None,
    ) -> Path:
        """Write the finished file; `spoil` gets number, original and changed sound of each utterance."""
        plan, out, number = plan or self.plan, self._folder / name, -1

        def change(was: Samples, one: Utterance) -> Samples:
            nonlocal number
            number += 1
            now = self._changer.change(was, one)
            return spoil(number, was, now) if spoil else now

        container = container_of(out)
        rendered = render(self.footage, plan, "vp9" if container == "webm" else "h264")
        with open(out, "wb") as file:
            made = make_sounds(self.footage, plan, container, change)
            write_footage(file.fileno(), container, rendered.track, made.tracks)
        return out

    def attack(self, out: Path, plan: Plan | None = None) -> Report:
        return attack(
            self.footage, self._opened(out), plan or self.plan, container_of(out), 1, Seer(),
            hear=lambda *_: (1, []), voice=self._changer.voice,
        )  # fmt: skip

    def heard(self, out: Path) -> Samples:
        finished = self._opened(out)
        return whole_sound("out", list(finished.sound(finished.sounds[0].index, RATE)))


@pytest.fixture(scope="module")
def changer() -> Iterator[Changer]:
    made = Changer()
    yield made
    made.close()


@pytest.fixture(autouse=True)
def draws(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let chance be the same in each run of these tests, and differ from utterance to utterance."""
    count = itertools.count()
    monkeypatch.setattr(
        changing.secrets, "token_bytes", lambda size: hashlib.sha256(b"%d" % next(count)).digest()[:size]
    )


@pytest.fixture
def booth(corpus: Path, tmp_path: Path, opened: Callable[[Path], Footage], changer: Changer) -> Booth:
    parts = [read(corpus / "audio" / f"{name}.flac")[: int(LONG * RATE)] for name in SAID]
    return Booth(tmp_path, np.concatenate(parts), opened, changer)


def test_nothing_of_the_voices_is_left_and_the_attack_passes(booth: Booth) -> None:
    out = booth.finish("out.mkv")
    report = booth.attack(out)
    assert report.hits == []
    assert report.looked_at["changed voices"] == len(booth.sound)
    now = booth.heard(out)
    assert len(now) == len(booth.sound)
    assert attack_changed.same_sound(booth.sound, now) < attack_changed.SAME_SOUND
    assert not np.array_equal(booth.heard(booth.finish("again.mkv")), now)


@pytest.mark.parametrize("number", range(len(SAID)))
def test_one_utterance_left_as_it_was_is_found(booth: Booth, number: int) -> None:
    report = booth.attack(booth.finish("out.mkv", lambda n, was, now: was if n == number else now))
    assert [(hit.check, hit.mute) for hit in report.hits] == [
        ("changed voices", (number * 3000, (number + 1) * 3000))
    ]


def test_a_word_of_the_original_within_a_whisper_is_found(booth: Booth) -> None:
    def spoil(number: int, was: Samples, now: Samples) -> Samples:
        loudest = int(np.abs(was).argmax())
        part = slice(max(0, loudest - RATE // 5), loudest + RATE // 5)
        return np.concatenate([now[: part.start], was[part], now[part.stop :]]) if number == 1 else now

    assert len(booth.attack(booth.finish("out.mkv", spoil)).hits) == 1


def test_the_original_under_the_whisper_is_found(booth: Booth) -> None:
    mixed = booth.finish("out.mkv", lambda n, was, now: was + now / 4 if n == 2 else now)
    assert len(booth.attack(mixed).hits) == 1


def test_the_voice_of_the_original_saying_something_else_is_found(booth: Booth, corpus: Path) -> None:
    other = read(corpus / "audio" / "1998-15444-0003.flac")[: int(LONG * RATE)]
    report = booth.attack(booth.finish("out.mkv", lambda n, was, now: other if n == 0 else now))
    assert "sounds like that of the original from 0.000 s" in report.hits[0].says


def test_a_mute_within_a_changed_range_is_silent(booth: Booth) -> None:
    plan = operations.mute(booth.plan, [(1000, 2000)])
    out = booth.finish("out.mkv", plan=plan)
    assert booth.attack(out, plan).hits == []
    assert np.abs(booth.heard(out)[RATE : 2 * RATE]).max() == 0
    assert booth.attack(booth.finish("loud.mkv"), plan).hits[0].check == "muted sound"


def test_an_attack_without_ears_for_voices_does_not_pass(
    booth: Booth, opened: Callable[[Path], Footage]
) -> None:
    out = booth.finish("out.mkv")
    with pytest.raises(ValueError, match="nobody listens whether"):
        attack(booth.footage, opened(out), booth.plan, "mkv", 1, Seer(), hear=lambda *_: (1, []))


@pytest.mark.skipif(shutil.which(PROGRAM) is None, reason="espeak-ng is not installed")
@pytest.mark.parametrize("name", ["out.mkv", "out.mp4", "out.webm"])
def test_words_spoken_again_pass_and_the_rest_of_the_speech_is_silent(booth: Booth, name: str) -> None:
    words = Utterance(3000, 6000, "speak", "en", "He said that he had seen nothing.")
    base = operations.mute(replace(booth.plan, changed=(), muted=()), [(0, 12_000)])
    plan = operations.change_voices(base, [words])
    assert plan.muted == ((0, 3000), (6000, 12_000))
    out = booth.finish(name, plan=plan)
    assert booth.attack(out, plan).hits == []
    now = booth.heard(out)
    assert np.abs(now[4 * RATE : 5 * RATE]).max() > 0.02
    assert np.abs(now[: 2 * RATE]).max() < 1 / 512


def test_utterances_are_cut_in_pauses_and_cover_all_speech() -> None:
    speech, turns = [(0, 5000), (6000, 26_000), (4500, 5200)], [(600, 2000), (2600, 4400), (6600, 25_400)]
    found = utterances(speech, turns)
    assert [(one.begin, one.end) for one in found] == [
        (0, 2300), (2300, 5200), (6000, 12_666), (12_666, 19_333), (19_333, 26_000)
    ]  # fmt: skip
    assert {one.how for one in found} == {"whisper"}
    plan = Plan(*[None] * 2, (0,), ())  # type: ignore[arg-type]
    rest = operations.mute_rest(operations.change_voices(plan, found))
    assert rest.muted == ((5200, 6000), (26_000, operations.END))


def test_utterances_that_overlap_are_refused() -> None:
    plan = Plan(*[None] * 2, (0,), ())  # type: ignore[arg-type]
    with pytest.raises(RefusedError, match="before what is said"):
        operations.change_voices(plan, [Utterance(0, 900, "whisper"), Utterance(800, 1000, "whisper")])


def test_a_range_that_begins_before_the_sound_or_ends_after_it_is_cut_right() -> None:
    sound = Sound(0, Fraction(1), 1000, np.arange(1, 1001, dtype=np.float32))
    assert of_range(sound, 500, 1002).tolist() == [0.0] * 500 + [1, 2]
    assert of_range(sound, 1998, 5000).tolist() == [999, 1000]
    assert len(of_range(sound, 3000, 4000)) == 0
    holed = [
        Sound(0, Fraction(0), 1000, np.ones(5, np.float32)),
        Sound(5, Fraction(1, 100), 1000, np.ones(5, np.float32)),
    ]
    assert whole_sound("a clip", holed).tolist() == [1] * 5 + [0] * 5 + [1] * 5
