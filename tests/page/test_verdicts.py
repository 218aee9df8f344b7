"""The page says "verified" only with an anchor, plays only what is, and asks the network for nothing."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest

from browser import Browser, PageError, needs_chromium
from reader import VERDICTS, Reader, python_says
from workbench import Scene

pytestmark = needs_chromium
SHOWN = "document.querySelectorAll('#exhibits article').length"


def test_without_an_anchor_the_verdict_is_consistent_only(reader: Reader, scene: Scene) -> None:
    for package in (scene.court, scene.press):
        outcome = reader.check(package)
        assert (outcome.state, outcome.failed) == ("consistent", ())
    assert "proves nothing about who made it" in reader.tab.do("find('verdictText').textContent")


def test_it_verifies_against_key_and_fingerprint(reader: Reader, scene: Scene) -> None:
    key, spaced = (
        scene.made["vault_key"],
        " ".join(scene.fingerprint.upper()[n : n + 4] for n in range(0, 64, 4)),
    )
    for keys in (key, scene.fingerprint, spaced, f"\n {key}\r\n\n", f"{key}\n{scene.fingerprint}"):
        assert reader.check(scene.court, keys).state == "verified", keys


@pytest.fixture(scope="module")
def witnessed(scene: Scene) -> Path:
    """Return a release that is proven in the checkpoint that the cosigner saw and the reader holds."""
    place = scene.folder / "witnessed"
    scene.release(place, ["a.txt"], "--checkpoint", str(seen(scene)))
    return place


def seen(scene: Scene) -> Path:
    """Return the note of the vault that the cosigner signed."""
    notes = (scene.vault / "log/vault/notes").glob("*.note")
    return next(path for path in notes if b"paper.example/desk" in path.read_bytes())


def test_it_verifies_against_a_cosigner_and_a_checkpoint_that_the_reader_holds(
    reader: Reader, scene: Scene, witnessed: Path
) -> None:
    cosigned = reader.check(witnessed, scene.cosigner)
    assert (cosigned.state, 8 in cosigned.held) == ("verified", True)
    assert python_says(witnessed, cosigners=[scene.cosigner]).verdict.name == "VERIFIED"
    assert reader.check(witnessed, "", [seen(scene)]).state == "verified"
    assert (
        reader.check(witnessed, f"{scene.cosigner}\n{scene.fingerprint}", [seen(scene)]).state == "verified"
    )


def test_a_cosigner_or_checkpoint_that_does_not_cover_it_refuses_it_as_in_python(
    reader: Reader, scene: Scene
) -> None:
    for notes in ([scene.vault / "log/vault/notes/1.note"], [seen(scene)]):
        outcome = reader.check(scene.court, "", notes)
        assert outcome.state == VERDICTS[python_says(scene.court, checkpoints=notes).verdict]
    outcome = reader.check(scene.court, scene.cosigner)
    assert outcome.state == VERDICTS[python_says(scene.court, cosigners=[scene.cosigner]).verdict]


@pytest.mark.parametrize(
    "keys", ["0" * 64, "paper.example/desk+3f0cf1d5+BE8H2pVZUmPvhHIo3SEtmJkN4Qf4PxUhPVnh8DyTFHCU"]
)
def test_another_vault_or_a_key_that_can_not_be_one_never_verifies(
    reader: Reader, scene: Scene, keys: str
) -> None:
    assert reader.check(scene.court, keys).state in ("failed", "badAnchor")
    assert reader.tab.do(SHOWN) == 0


@pytest.mark.parametrize("name", ["v1/release", "v1/release.zip", "v2/release", "v2/sound.zip"])
def test_releases_made_long_ago_are_read(reader: Reader, name: str) -> None:
    package = Path(__file__).resolve().parents[1] / "golden" / name
    outcome = reader.check(package)
    assert outcome.state == "consistent", outcome
    assert outcome.state == VERDICTS[python_says(package).verdict]


def test_of_all_that_is_given_every_part_must_hold(reader: Reader, scene: Scene) -> None:
    other = scene.fingerprint[::-1]
    assert reader.check(scene.court, f"{scene.cosigner}\n{other}").state == "failed"


def test_nothing_of_a_refused_package_is_shown(reader: Reader, scene: Scene, tmp_path: Path) -> None:
    key = scene.made["vault_key"]
    assert reader.check(scene.court, key).state == "verified"
    assert reader.tab.do(SHOWN) > 0
    root = tmp_path / "altered"
    shutil.copytree(scene.court, root)
    (root / "VERIFY.txt").write_bytes(b"trust us")
    assert reader.check(root, key).state == "failed"
    assert reader.tab.do(SHOWN) == 0
    assert reader.tab.do("document.querySelectorAll('img, video, audio, a').length") == 0
    assert reader.tab.do("find('reasons').children.length") > 0


def test_a_page_that_is_not_the_listed_one_is_noticed_by_another(
    reader: Reader, scene: Scene, tmp_path: Path
) -> None:
    root = tmp_path / "page"
    shutil.copytree(scene.court, root)
    (root / "index.html").write_bytes((root / "index.html").read_bytes() + b" ")
    assert {1, 6} <= set(reader.check(root, scene.made["vault_key"]).failed)


def test_stamps_are_told_and_not_judged(reader: Reader, scene: Scene) -> None:
    if not scene.stamped:
        pytest.skip("openssl, which makes the stamps, is not installed")
    outcome = reader.check(scene.court, scene.made["vault_key"])
    assert any("note 7" in line and "does not judge" in line for line in outcome.lines)
    assert 7 not in outcome.held


def test_a_package_that_is_no_package_is_refused_with_a_reason(reader: Reader, tmp_path: Path) -> None:
    for name, data in (("empty.zip", b""), ("text.zip", b"hello"), ("head.zip", b"PK\x03\x04" + bytes(40))):
        (tmp_path / name).write_bytes(data)
        outcome = reader.check(tmp_path / name)
        assert outcome.state == "failed"
        assert outcome.lines
    folder = tmp_path / "folder"
    folder.mkdir()
    (folder / "a.txt").write_bytes(b"a")
    assert reader.check(folder).state == "failed"


def test_a_browser_that_can_not_check_signatures_says_so_and_judges_nothing(
    chromium: Browser, place: Path, scene: Scene
) -> None:
    old = Reader(chromium.tab(place))
    old.tab.do(
        "crypto.subtle.importKey = async () => { throw new DOMException('', 'NotSupportedError'); }; 0"
    )
    assert old.check(scene.court, scene.made["vault_key"]).state == "noBrowser"
    old.tab.close()


def test_the_page_asks_the_network_for_nothing_and_can_not(
    chromium: Browser, place: Path, scene: Scene
) -> None:
    reader = Reader(chromium.tab(place))
    assert reader.check(scene.court, scene.made["vault_key"]).state == "verified"
    asked = [event["request"]["url"] for event in reader.tab.said("Network.requestWillBeSent")]
    outside = [
        url for url in asked if not url.startswith(("blob:", "data:image/svg+xml"))
    ]  # data: own controls
    assert outside == [place.resolve().as_uri()]
    assert not reader.tab.said("Runtime.exceptionThrown")
    assert not reader.tab.said("Log.entryAdded")
    with pytest.raises(PageError):
        reader.tab.do("fetch('http://127.0.0.1:9/')")
    blocked: list[Any] = reader.tab.said("Log.entryAdded")
    assert any("Content Security Policy" in event["entry"]["text"] for event in blocked)
    reader.tab.close()


def test_the_page_speaks_three_languages(reader: Reader, scene: Scene) -> None:
    reader.check(scene.court, scene.made["vault_key"])
    titles = set()
    for number, language in enumerate(("en", "ru", "fr")):
        reader.tab.do(f"find('languages').children[{number}].click()")
        assert reader.tab.do("document.documentElement.lang") == language
        titles.add(reader.tab.do("find('verdict').textContent"))
    reader.tab.do("find('languages').children[0].click()")
    assert len(titles) == 3
