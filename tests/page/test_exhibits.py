"""What is shown is covered until the reader asks, plays, and says how much of the recording it is."""

from __future__ import annotations

from pathlib import Path

import pytest

from browser import needs_chromium
from reader import Reader

pytestmark = needs_chromium
pytest.importorskip("containers.media", reason="PyAV makes the footage")
from footage import Footage  # noqa: E402

PLAYED = ("h264-aac.mp4", "vp8-opus.webm")
UNPLAYED = ("mpeg4-mp3.avi",)


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Footage:
    return Footage(tmp_path_factory.mktemp("shown"), (*PLAYED, *UNPLAYED))


@pytest.fixture
def shown(bench: Footage, reader: Reader, tmp_path: Path) -> Reader:
    """Return a reader before a release of three clips, sound, a text and a statement."""
    ids = bench.ids
    words: list[object] = ["--item", ids["a text.txt"], "--item", ids["sound.wav"]]
    for name in (*PLAYED, *UNPLAYED):
        words += ["--clip", f"{ids[name]}:1-2"]
    said = f"{ids[PLAYED[0]]}@1.2-1.6#10,20,50,50: \u202ea man <b>in uniform</b>"
    bench.do("release", tmp_path / "shown", *words, "--statement", said, "--stated-by", "Anna")
    assert reader.check(tmp_path / "shown", bench.fingerprint).state == "verified"
    return reader


def test_videos_are_covered_and_silent_until_the_reader_asks(shown: Reader) -> None:
    states = """[...document.querySelectorAll('.media')].map((box) => {
      const video = box.querySelector('video');
      return [box.classList.contains('covered'), video.muted, video.controls];
    })"""
    assert shown.tab.do(states) == [[True, True, False]] * len(PLAYED)
    blur = "getComputedStyle(document.querySelector('.media video')).filter"
    assert "blur(40px)" in shown.tab.do(blur)
    shown.tab.do("document.querySelector('.uncover').click()")
    assert shown.tab.do(states) == [[False, False, True]] + [[True, True, False]] * (len(PLAYED) - 1)
    assert shown.tab.do(blur) == "none"
    shown.tab.do("document.querySelector('.uncover').click()")
    assert shown.tab.do(states) == [[True, True, False]] * len(PLAYED)


def test_the_clips_that_browsers_know_play_to_their_end(shown: Reader) -> None:
    played = """Promise.all([...document.querySelectorAll('video')].map(async (video) => {
      video.muted = true;
      video.playbackRate = 4;
      const end = new Promise((go, fail) => { video.onended = go; video.onerror = () => fail(video.error); });
      await video.play();
      await end;
      return [video.duration, video.videoWidth];
    }))"""
    for duration, width in shown.tab.do(played):
        assert 0.9 < duration < 1.5
        assert width == 160


def test_what_browsers_do_not_play_is_said_so_and_can_be_saved(shown: Reader) -> None:
    notes = shown.tab.do("[...document.querySelectorAll('.exhibit .quiet')].map((note) => note.textContent)")
    assert len(notes) == len(UNPLAYED)
    assert "do not play" in notes[0]
    links = shown.tab.do(
        "[...document.querySelectorAll('a.save')].map((link) => [link.download, link.href.slice(0, 5)])"
    )
    assert len(links) == len(PLAYED) + len(UNPLAYED) + 2
    assert all(address == "blob:" and name.startswith("exhibits-") for name, address in links)


def test_the_timeline_is_green_where_the_recording_is_shown(shown: Reader) -> None:
    green = shown.tab.do(
        """[...document.querySelectorAll('.bar')].map((bar) => {
          const part = bar.querySelector('.proven').getBoundingClientRect();
          return part.width / bar.getBoundingClientRect().width;
        })"""
    )
    assert sum(share > 0.99 for share in green) == 2  # whole files
    assert sum(0.2 < share < 0.95 for share in green) == 3


@pytest.mark.parametrize("language", [0, 1, 2])
def test_nothing_is_wider_than_a_telephone(shown: Reader, language: int) -> None:
    size = {"deviceScaleFactor": 2, "height": 780, "mobile": True}
    try:
        shown.tab.call("Emulation.setDeviceMetricsOverride", width=360, **size)
        shown.tab.do(f"find('languages').children[{language}].click(); find('details').open = true; 0")
        assert shown.tab.do("document.documentElement.scrollWidth") == 360
    finally:
        shown.tab.do("find('languages').children[0].click()")
        shown.tab.call("Emulation.setDeviceMetricsOverride", width=1280, **{**size, "mobile": False})


def test_words_of_the_vault_can_not_pass_for_proof_nor_for_markup(shown: Reader) -> None:
    assert shown.tab.do("document.querySelectorAll('blockquote').length") == 1
    text = shown.tab.do("document.querySelector('blockquote').textContent")
    assert "Said, not proven" in text
    assert "\u202e" not in text
    assert "a man <b>in uniform</b>" in text
    assert "10 to 60 % from the left, 20 to 70 % from the top" in text
