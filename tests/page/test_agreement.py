"""The page and the Python verifier are two programs of one format: on every package they say the same."""

from __future__ import annotations

import json
import random
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from bearwitness.custody.signing import SigningKey
from bearwitness_verify import archive
from bearwitness_verify.note import ED25519
from browser import needs_chromium
from forging import Forged, failed
from reader import VERDICTS, Reader, python_says
from scale import ALL
from workbench import SEED, Scene, scaled

pytestmark = needs_chromium
pytest.importorskip("containers.media", reason="PyAV makes the footage")
from footage import NAMES, Footage  # noqa: E402

CLIPS = NAMES if ALL else ("h264-aac.mp4", "vp9-flac.mkv", "mpeg4-mp3.avi", "h264-aac.ts", "sound.wav")
Alter = Callable[[Forged, random.Random], object]


def agree(reader: Reader, package: Path, key: str, what: str) -> str:
    """Check that both say the same of `package`, and fail at the same steps; return the verdict."""
    report, outcome = python_says(package, [key]), reader.check(package, key)
    assert outcome.state == VERDICTS[report.verdict], f"{what}: {report.findings} {outcome}"
    assert set(outcome.failed) == failed(report), f"{what}: {report.findings} {outcome}"
    assert not any("the page or the browser failed" in line for line in outcome.lines), f"{what}: {outcome}"
    return outcome.state


# --- Alterations that the vault itself signs ------------------------------------------------------


def other_text(text: str, chance: random.Random) -> str:
    """Return `text` with one character changed to one that may stand there, or one left out."""
    if not text:
        return "A"
    at = chance.randrange(len(text))
    return text[:at] + chance.choice(["", "0", "1", "A", "B", "_", "a", "9"]) + text[at + 1 :]


def a_changed_value(made: Forged, chance: random.Random) -> object:
    places = [place for place, value in made.places() if place and not isinstance(value, dict | list)]
    place = chance.choice(places)
    value = made.at(place)
    made.set(place, other_text(value, chance) if isinstance(value, str) else "0")
    return place


def something_of_another_kind(made: Forged, chance: random.Random) -> object:
    place = chance.choice([place for place, _ in made.places() if place])
    made.set(place, chance.choice([None, "", [], {}, True, "0", ["0"], {"a": "b"}]))
    return place


def something_from_elsewhere(made: Forged, chance: random.Random) -> object:
    everything = [place for place, _ in made.places() if place]
    place = chance.choice(everything)
    same = [other for other in everything if other[-1] == place[-1]]
    other = chance.choice(same)
    made.set(place, json.loads(json.dumps(made.at(other))))
    return place, other


def a_member_or_element_gone(made: Forged, chance: random.Random) -> object:
    place = chance.choice([place for place, _ in made.places() if place])
    del made.at(place[:-1])[place[-1]]
    return place


def a_member_too_many(made: Forged, chance: random.Random) -> object:
    place = chance.choice([place for place, value in made.places() if isinstance(value, dict)])
    made.at(place)[chance.choice(["extra", "v", "Name", "0"])] = "0"
    return place


def an_order_changed(made: Forged, chance: random.Random) -> object:
    lists = [place for place, value in made.places() if isinstance(value, list) and len(value) > 1]
    place = chance.choice(lists)
    chance.shuffle(made.at(place))
    return place


def a_file_changed_and_listed_as_it_is(made: Forged, chance: random.Random) -> object:
    name = chance.choice([name for name, data in made.files.items() if data and name != "index.html"])
    data = bytearray(made.files[name])
    data[chance.randrange(len(data))] ^= 1 << chance.randrange(8)
    made.put(name, bytes(data))
    return name


def two_files_exchanged(made: Forged, chance: random.Random) -> object:
    first, second = chance.sample(sorted(made.files), 2)
    made.files[first], made.files[second] = made.files[second], made.files[first]
    return first, second


SIGNED: tuple[Alter, ...] = (
    a_changed_value, something_of_another_kind, something_from_elsewhere, a_member_or_element_gone,
    a_member_too_many, an_order_changed, a_file_changed_and_listed_as_it_is, two_files_exchanged,
)  # fmt: skip


@pytest.fixture(scope="module")
def clips(tmp_path_factory: pytest.TempPathFactory) -> Footage:
    """Return a vault of footage with releases: `clips` with statements and an account, `ranges`."""
    made = Footage(tmp_path_factory.mktemp("clips"), CLIPS)
    ids = made.ids
    words: list[Any] = ["--item", ids["a text.txt"], "--statement", f"{ids['h264-aac.mp4']}@1-1.5: a man"]
    for name in CLIPS:
        words += ["--clip", f"{ids[name]}:{'3-9' if name == 'sound.wav' else '0.9-1.5'}"]
    made.do("release", made.folder / "clips", *words, "--reveal", "delivery.items")
    told = ["--ranges", "items,bytes,seconds,sealed", "--condition", "purpose=a trial"]
    made.do("release", made.folder / "ranges", "--item", ids["a text.txt"], *told)
    return made


def source_of(which: str, scene: Scene, clips: Footage) -> tuple[Path, Path]:
    return (scene.court, scene.vault) if which == "court" else (clips.folder / which, clips.vault)


@pytest.mark.parametrize("which", ["court", "clips", "ranges"])
@pytest.mark.parametrize("alter", SIGNED, ids=lambda alter: alter.__name__)
def test_both_say_the_same_of_what_a_vault_could_forge(
    reader: Reader, scene: Scene, clips: Footage, tmp_path: Path, which: str, alter: Alter
) -> None:
    release, vault = source_of(which, scene, clips)
    chance = random.Random(f"{SEED} {which} {alter.__name__}")
    refused = 0
    for _ in range(scaled(4, 50)):
        made = Forged(release, vault, tmp_path)
        what = alter(made, chance)
        root = made.write()
        refused += agree(reader, root, made.key, f"{alter.__name__} {what}") == "failed"
        shutil.rmtree(root)
    assert refused


def test_both_refuse_a_signature_besides_the_vaults(reader: Reader, scene: Scene, tmp_path: Path) -> None:
    root = tmp_path / "signed-twice"
    shutil.copytree(scene.court, root)
    signature = root / "release.sig"
    text = signature.read_bytes().decode().partition("\n\n")[0] + "\n"
    second = SigningKey("somebody.else", ED25519, bytes(32)).sign(text).line()
    signature.write_bytes(signature.read_bytes() + second.encode())
    assert agree(reader, root, scene.made["vault_key"], "two signatures") == "failed"


# --- Alterations by anybody else ------------------------------------------------------------------


@pytest.mark.parametrize("which", ["court", "clips"])
def test_both_refuse_a_package_of_which_one_byte_is_changed(
    reader: Reader, scene: Scene, clips: Footage, tmp_path: Path, which: str
) -> None:
    release, _ = source_of(which, scene, clips)
    chance, key = random.Random(f"{SEED} bytes {which}"), (scene if which == "court" else clips).made
    names = sorted(
        str(p.relative_to(release)) for p in release.rglob("*") if p.is_file() and p.stat().st_size
    )
    for number in range(scaled(len(names), 200)):
        root = tmp_path / f"{number}"
        shutil.copytree(release, root)
        name = names[number % len(names)]
        data = bytearray((root / name).read_bytes())
        at = chance.randrange(len(data))
        data[at] ^= 1 << chance.randrange(8)
        (root / name).write_bytes(data)
        assert agree(reader, root, key["vault_key"], f"{name} at {at}") == "failed"
        shutil.rmtree(root)


def test_both_refuse_an_archive_of_which_one_byte_is_changed_or_missing(
    reader: Reader, scene: Scene, tmp_path: Path
) -> None:
    chance = random.Random(f"{SEED} archive")
    whole = scene.press.read_bytes()
    directory = whole.index(b"PK\x01\x02")
    for number in range(scaled(20, 200)):
        data = bytearray(whole)
        at = chance.randrange(directory, len(data)) if number % 2 else chance.randrange(len(data))
        data[at] ^= 1 << chance.randrange(8)
        altered = bytes(data) if number % 5 else whole[:at]
        path = tmp_path / f"{number}.zip"
        path.write_bytes(altered)
        assert agree(reader, path, scene.made["vault_key"], f"byte {at}") == "failed"


@pytest.mark.parametrize("which", ["court", "clips"])
def test_both_accept_the_release_as_folder_and_as_archive(
    reader: Reader, scene: Scene, clips: Footage, tmp_path: Path, which: str
) -> None:
    release, _ = source_of(which, scene, clips)
    key = (scene if which == "court" else clips).made["vault_key"]
    assert agree(reader, release, key, "folder") == "verified"
    path = tmp_path / "release.zip"
    with archive.open_package(release) as package, path.open("wb") as out:
        archive.write_zip(package, out)
    assert agree(reader, path, key, "archive") == "verified"
