"""ExifTool's opinion is taken in a locked process, agrees with the corpus, and its absence is said."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from PIL import ExifTags, Image
from PIL.PngImagePlugin import PngInfo

from bearwitness.errors import ChildFailedError
from bearwitness.triage import exif
from bearwitness.triage.analyser import Material
from bearwitness.triage.exif import SecondOpinion, read_tags
from bearwitness.triage.looking import look
from bearwitness.triage.metadata import Metadata
from bearwitness.vault.derivatives import DONE
from triaged import jpeg

Make = Callable[[bytes], Material]
NAMES = (
    "iphone-receipt.jpg", "phone-gps.mov", "c2pa-signed.jpg", "c2pa-none.jpg", "mat2-dirty.pdf",
    "photo-en-route.jpg",
)  # fmt: skip
NONSENSE = [b"", b"[]", b"[1]", b"{}", b"[{}", b"[" * 100_000, b'["x"]', b"[{}, {}]", b"\xff"]


@pytest.fixture(autouse=True)
def _fresh() -> Iterator[None]:
    clear = exif.version.cache_clear
    clear()
    yield
    clear()


def told(make: Make, data: bytes) -> dict[str, Any]:
    (looked,) = look(make(data), [("job", SecondOpinion())])
    assert looked.outcome == DONE, looked.reason
    read: dict[str, Any] = json.loads(looked.files["result.json"])
    return read


def seen_by_either(make: Make, data: bytes) -> tuple[dict[str, Any], dict[str, Any], set[str]]:
    """Return facts, tags and names of facts of ExifTool, of our own reading where it is not asked."""
    opinion = told(make, data)
    if opinion["details"]["unread"]:
        facts = {fact["name"].removeprefix("exiftool."): fact["value"] for fact in opinion["facts"]}
        return facts, opinion["details"]["tags"], {fact["name"] for fact in opinion["facts"]}
    assert opinion["facts"] == []
    (looked,) = look(make(data), [("job", Metadata())])
    own = json.loads(looked.files["result.json"])
    tags = {f"ExifIFD:{name}": value for name, value in own["details"]["tags"].items()}
    return {fact["name"]: fact["value"] for fact in own["facts"]}, tags, set()


@pytest.mark.parametrize("name", NAMES)
def test_place_credentials_and_dates_are_those_of_the_corpus(material: Make, corpus: Path, name: str) -> None:
    if not exif.version():
        pytest.skip(exif.MISSING)
    files = json.loads((corpus / "corpus.json").read_text())["files"]
    truth = next(each["truth"] for each in files if each["file"] == f"metadata/{name}")
    facts, tags, names = seen_by_either(material, (corpus / "metadata" / name).read_bytes())
    if truth["gps"]:
        assert (facts["latitude"], facts["longitude"]) == pytest.approx(truth["gps"], abs=1e-3)
    else:
        assert "latitude" not in facts
    assert ("exiftool.c2pa" in names) == name.startswith("c2pa-signed")
    for tag in truth["tags"]:
        if tag.endswith(("DateTimeOriginal", "QuickTime:CreateDate")):
            assert tags[tag] == str(truth["tags"][tag])
    assert not [tag for tag in tags if tag.startswith("System:")]


def with_segment(data: bytes, marker: int, body: bytes) -> bytes:
    return data[:2] + bytes([0xFF, marker]) + (len(body) + 2).to_bytes(2, "big") + body + data[2:]


def png(*names: str) -> bytes:
    info = PngInfo()
    for name in names:
        info.add_text(name, "words")
    out = io.BytesIO()
    Image.new("L", (8, 8)).save(out, "PNG", pnginfo=info)
    return out.getvalue()


def with_note(data: bytes) -> bytes:
    exif = Image.Exif()
    exif.get_ifd(ExifTags.IFD.Exif)[ExifTags.Base.MakerNote] = b"SERIAL 1"
    out = io.BytesIO()
    Image.open(io.BytesIO(data)).save(out, "JPEG", exif=exif)
    return out.getvalue()


@pytest.mark.parametrize(
    ("data", "unread"),
    [
        (jpeg(2), []),
        (png(), []),
        (with_segment(jpeg(2), 0xED, b"Photoshop 3.0\0"), ["segment ed"]),
        (with_segment(jpeg(2), 0xE1, b"http://ns.adobe.com/xap/1.0/\0<x/>"), ["segment e1"]),
        (with_note(jpeg(2)), ["MakerNote"]),
        (png("Location"), ["chunk tEXt"]),
    ],
    ids=["plain", "plain png", "iptc", "xmp", "maker", "png text"],
)
def test_exiftool_is_asked_of_a_picture_where_something_is_left_unread_and_only_there(
    material: Make, monkeypatch: pytest.MonkeyPatch, data: bytes, unread: list[str]
) -> None:
    asked = []
    monkeypatch.setattr(exif, "version", lambda: "12.57")
    monkeypatch.setattr(exif, "find_program", lambda name: name)
    monkeypatch.setattr(exif, "run_program", lambda *a, **k: asked.append(a) or b"[{}]")
    assert told(material, data)["details"]["unread"] == unread
    assert len(asked) == bool(unread)


def test_a_picture_that_our_own_reader_does_not_know_or_fails_on_is_shown_to_exiftool(
    material: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(exif, "version", lambda: "12.57")
    monkeypatch.setattr(exif, "find_program", lambda name: name)
    monkeypatch.setattr(exif, "run_program", lambda *a, **k: b"[{}]")
    out = io.BytesIO()
    Image.new("L", (8, 8)).save(out, "TIFF")
    assert told(material, out.getvalue())["details"]["unread"] == ["format"]
    (trouble,) = told(material, jpeg(2)[:40] + bytes(300))["details"]["unread"]
    assert trouble.startswith("trouble: ")


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
