"""ExifTool's opinion is taken in a locked process, agrees with the corpus, and its absence is said."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from bearwitness.errors import ChildFailedError
from bearwitness.triage import exif
from bearwitness.triage.analyser import Material
from bearwitness.triage.exif import SecondOpinion, read_tags
from bearwitness.triage.looking import look
from bearwitness.vault.derivatives import DONE
from triaged import jpeg

Make = Callable[[bytes], Material]
NAMES = (
    "iphone-receipt.jpg", "phone-gps.mov", "c2pa-signed.jpg", "c2pa-none.jpg", "mat2-dirty.pdf",
    "photo-en-route.jpg",
)  # fmt: skip
NONSENSE = [b"", b"[]", b"[1]", b"{}", b"[{}", b"[" * 100_000, b'["x"]', b"[{}, {}]", b"\xff"]


@pytest.fixture(autouse=True)
def _fresh() -> None:
    exif.version.cache_clear()


def told(make: Make, data: bytes) -> dict[str, Any]:
    (looked,) = look(make(data), [("job", SecondOpinion())])
    assert looked.outcome == DONE, looked.reason
    read: dict[str, Any] = json.loads(looked.files["result.json"])
    return read


@pytest.mark.parametrize("name", NAMES)
def test_place_credentials_and_dates_are_those_of_the_corpus(material: Make, corpus: Path, name: str) -> None:
    if not exif.version():
        pytest.skip(exif.MISSING)
    files = json.loads((corpus / "corpus.json").read_text())["files"]
    truth = next(each["truth"] for each in files if each["file"] == f"metadata/{name}")
    found = told(material, (corpus / "metadata" / name).read_bytes())
    facts = {fact["name"]: fact["value"] for fact in found["facts"]}
    if truth["gps"]:
        place = (facts["exiftool.latitude"], facts["exiftool.longitude"])
        assert place == pytest.approx(truth["gps"], abs=1e-3)
    else:
        assert "exiftool.latitude" not in facts
    assert ("exiftool.c2pa" in facts) == name.startswith("c2pa-signed")
    dates = [tag for tag in truth["tags"] if tag.endswith(("DateTimeOriginal", "QuickTime:CreateDate"))]
    for tag in dates:
        assert found["details"]["tags"][tag] == str(truth["tags"][tag])
    assert not [tag for tag in found["details"]["tags"] if tag.startswith("System:")]


def test_a_broken_file_is_a_result_with_its_trouble(material: Make) -> None:
    if not exif.version():
        pytest.skip(exif.MISSING)
    assert told(material, jpeg(2)[:40] + bytes(300))["details"]["missing"] == ""


def test_where_it_is_missing_that_is_said_with_the_command(
    material: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(exif, "find_program", lambda name: None)
    assert "apt install libimage-exiftool-perl" in SecondOpinion().lacking
    assert SecondOpinion().parameters == {"exiftool": "no"}
    assert "not installed" in told(material, jpeg(2))["details"]["missing"]
    exif.version.cache_clear()


@pytest.mark.parametrize("answer", NONSENSE)
def test_an_answer_that_is_none_is_refused(answer: bytes) -> None:
    with pytest.raises(ChildFailedError):
        read_tags(answer)


def test_a_hostile_answer_can_not_steer_a_terminal_or_flood() -> None:
    many = {f"IFD0:Tag{number}": "x" * 9000 for number in range(5000)}
    tags = read_tags(json.dumps([{"IFD0:Make": "A\x1b[2JB\u202e", "System:FileName": "-", **many}]).encode())
    assert tags["IFD0:Make"] == "A[2JB"
    assert len(tags) <= 2000
    assert max(map(len, tags.values())) <= 500
    assert "System:FileName" not in tags
