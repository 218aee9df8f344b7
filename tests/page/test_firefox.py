"""The page does in Firefox what it does in Chromium: it accepts, refuses, plays and asks nobody."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import cast

import pytest

from bearwitness_verify import archive
from browser import PageError, Tab
from firefox import Firefox, firefox, needs_firefox
from forging import Forged
from reader import Reader
from scale import ALL

pytestmark = [
    needs_firefox,
    pytest.mark.skipif(not ALL, reason="takes Firefox long to start: BEARWITNESS_ALL=1"),
]
pytest.importorskip("containers.media", reason="PyAV makes the footage")
from footage import Footage  # noqa: E402

NAME = "vp8-opus.webm"
NOTHING = "document.querySelectorAll('img, video, audio, a, article').length"


@pytest.fixture(scope="module")
def footage(tmp_path_factory: pytest.TempPathFactory) -> Footage:
    """Return a vault with a release of a clip, a sound and a text, `shown`."""
    made = Footage(tmp_path_factory.mktemp("firefox"), (NAME,))
    ids = made.ids
    words = ["--item", ids["a text.txt"], "--item", ids["sound.wav"], "--clip", f"{ids[NAME]}:1-2"]
    made.do("release", made.folder / "shown", *words)
    return made


@pytest.fixture(scope="module")
def fox(tmp_path_factory: pytest.TempPathFactory, place: Path) -> Iterator[Firefox]:
    with firefox(tmp_path_factory.mktemp("fox")) as made:
        made.open(place)
        yield made


@pytest.fixture
def reader(fox: Firefox) -> Reader:
    return Reader(cast(Tab, fox))


@pytest.mark.parametrize("workers_from", [2**24, 0], ids=["in the page", "in workers"])
def test_a_good_package_is_verified_a_forged_one_refused_and_not_shown(
    fox: Firefox, reader: Reader, footage: Footage, tmp_path: Path, workers_from: int
) -> None:
    fox.do(f"workersFrom = {workers_from}")
    key, good = footage.made["vault_key"], footage.folder / "shown"
    assert reader.check(good, key).state == "verified"
    assert reader.check(good).state == "consistent"
    forged = Forged(good, footage.vault, tmp_path)
    name = next(name for name in forged.files if name.endswith(".segments"))
    forged.files[name] = forged.files[name][:-1] + bytes([forged.files[name][-1] ^ 1])
    outcome = reader.check(forged.write(), key)
    assert (outcome.state, 6 in outcome.failed) == ("failed", True), outcome
    assert fox.do(NOTHING) == 0


def test_the_single_file_is_verified_and_one_with_a_byte_changed_refused(
    reader: Reader, footage: Footage, tmp_path: Path
) -> None:
    path, key = tmp_path / "release.zip", footage.made["vault_key"]
    with archive.open_package(footage.folder / "shown") as package, path.open("wb") as out:
        archive.write_zip(package, out)
    assert reader.check(path, key).state == "verified"
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
    assert reader.check(path, key).state == "failed"


def test_clip_and_sound_play_to_their_end(fox: Firefox, reader: Reader, footage: Footage) -> None:
    assert reader.check(footage.folder / "shown", footage.made["vault_key"]).state == "verified"
    played = """(async () => {
      const found = [];
      for (const media of document.querySelectorAll('video, audio')) {
        media.muted = true;
        media.playbackRate = 4;
        const end = new Promise((go, fail) => Object.assign(media, { onended: go, onerror: fail }));
        await media.play();
        await end;
        found.push([media.localName, media.duration, media.videoWidth ?? 0]);
      }
      return found;
    })()"""
    found = {name: (duration, width) for name, duration, width in fox.do(played)}
    assert found["video"][1] == 160
    assert 0.9 < found["video"][0] < 1.5
    assert found["audio"][0] > 1


def test_the_page_can_ask_nobody(fox: Firefox) -> None:
    with pytest.raises(PageError):
        fox.do("fetch('http://127.0.0.1:9/')")
    assert (
        fox.do(
            "performance.getEntriesByType('resource').filter((one) => !one.name.startsWith('blob:')).length"
        )
        == 0
    )
