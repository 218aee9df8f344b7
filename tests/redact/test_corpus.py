"""Real files: of all metadata planted by cameras, phones and editors nothing survives."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from bearwitness.errors import BearwitnessError
from bearwitness.media.source import Source as Bytes
from bearwitness.redact import stills
from bearwitness.redact.attack.attacking import attack
from bearwitness.redact.footage import Footage
from bearwitness.redact.plan import Plan, source_of
from bearwitness.redact.rendering import render
from bearwitness.redact.sound import make_sounds
from bearwitness.redact.stills import Stills
from bearwitness.redact.writing import write_footage
from bearwitness.sandbox.client import Sandbox

from .conftest import NOBODY, empty_plan
from .test_attack import Seer

# What exiftool reads off any file of its kind: the format's own fields, not tags.
_OWN = {"SourceFile", "ExifTool", "File", "Composite", "QuickTime", "JFIF", "PNG", "Matroska"}
_DATES = "0000:00:00 00:00:00"


def tags(path: Path) -> dict[str, str]:
    if shutil.which("exiftool") is None:
        pytest.skip("exiftool is not installed (Debian package libimage-exiftool-perl)")
    told = subprocess.run(["exiftool", "-j", "-G1", "-a", str(path)], capture_output=True, check=False)
    found: dict[str, str] = json.loads(told.stdout)[0]
    return found


def planted(corpus: Path, name: str) -> list[str]:
    """Return the texts of the original's tags that are worth searching for byte by byte."""
    before = tags(corpus / "metadata" / name)
    system = ("SourceFile", "System:", "ExifTool:", "Composite:", "File:")
    values = [str(v) for k, v in before.items() if not k.startswith(system)]
    return [value for value in values if len(value) >= 8 and not value.replace(".", "").isdigit()]


@pytest.mark.parametrize("name", ["mat2-dirty.mp4", "phone-gps.mov", "c2pa-signed.mp4"])
def test_no_tag_of_a_camera_survives_in_footage(
    corpus: Path, name: str, tmp_path: Path, opened: Callable[[Path], Footage]
) -> None:
    source = corpus / "metadata" / name
    footage = opened(source)
    plan = empty_plan(source, footage)
    out = tmp_path / f"out{source.suffix}"
    container = source.suffix[1:]
    rendered, sounds = render(footage, plan, "h264"), make_sounds(footage, plan, container)
    with open(out, "wb") as file:
        write_footage(file.fileno(), container, rendered.track, sounds.tracks)
    assert len(sounds.notes) == len(footage.facts.streams) - 1  # what is carried over and what is not is told
    assert attack(footage, opened(out), plan, container, len(sounds.tracks), Seer()).hits == []
    after = tags(out)
    groups = {key.split(":")[0] for key in after}
    assert not {"UserData", "ItemList", "Keys", "XMP", "JUMBF", "GPS", "IFD0"} & groups
    assert all(
        value == _DATES
        for key, value in after.items()
        if "Date" in key and key.startswith(("Quick", "Track"))
    )
    data = out.read_bytes()
    assert not [text for text in planted(corpus, name) if text.encode() in data]


@pytest.mark.parametrize(
    "name",
    [
        "mat2-dirty.jpg", "iphone-receipt.jpg", "photo-en-route.jpg", "c2pa-signed.jpg", "exiftool-gps.jpg",
        "c2pa-altered-image.jpg", "c2pa-bad-signature.jpg", "c2pa-none.jpg",
    ],
)  # fmt: skip
def test_no_tag_of_a_camera_survives_in_pictures(
    corpus: Path, name: str, tmp_path: Path, sandbox: Sandbox
) -> None:
    source = corpus / "metadata" / name
    descriptor = os.open(source, os.O_RDONLY)
    try:
        pages = Stills(sandbox, Bytes.of_file(descriptor, name))
        plan = Plan(source_of(iter([source.read_bytes()])), pages.picture, (0,), (NOBODY,))
        data = stills.write(stills.covered_pages(pages, plan), "jpeg")
    finally:
        os.close(descriptor)
    out = tmp_path / "out.jpg"
    out.write_bytes(data)
    assert {key.split(":")[0] for key in tags(out)} <= {
        "SourceFile",
        "ExifTool",
        "System",
        "File",
        "JFIF",
        "Composite",
    }
    assert not [text for text in planted(corpus, name) if text.encode() in data]


def test_no_tag_of_an_office_survives_in_a_document(corpus: Path, tmp_path: Path, sandbox: Sandbox) -> None:
    source = corpus / "metadata" / "mat2-dirty.pdf"
    data = source.read_bytes()
    pages = Stills(sandbox, Bytes.of_bytes(data, source.name))
    plan = Plan(source_of(iter([data])), pages.picture, tuple(range(len(pages.pages))), (NOBODY,))
    out = tmp_path / "out.pdf"
    out.write_bytes(stills.write(stills.covered_pages(pages, plan), "pdf"))
    found = tags(out)
    assert {key.split(":")[0] for key in found} <= {"SourceFile", "ExifTool", "System", "File", "PDF"}
    assert not {"PDF:Author", "PDF:Producer", "PDF:Creator", "PDF:Title", "PDF:CreateDate"} & found.keys()
    assert not [text for text in planted(corpus, source.name) if text.encode() in out.read_bytes()]


@pytest.mark.parametrize("name", ["mat2-dirty.docx", "mat2-dirty.mp3", "exiftool-quicktime.mov"])
def test_what_has_no_pictures_or_none_that_decode_is_refused_and_not_passed_on(
    corpus: Path, name: str, opened: Callable[[Path], Footage], sandbox: Sandbox
) -> None:
    footage = opened(corpus / "metadata" / name)
    with pytest.raises(BearwitnessError):
        _ = footage.video
    with pytest.raises(BearwitnessError):
        _ = Stills(sandbox, Bytes.of_bytes((corpus / "metadata" / name).read_bytes(), name)).pages


def test_every_file_with_planted_tags_is_tested_here(corpus: Path) -> None:
    text = Path(__file__).read_text()
    assert [path.name for path in (corpus / "metadata").iterdir() if f'"{path.name}"' not in text] == []
