"""Pictures and documents: only pixels come over, covered, and what is planted afterwards is found."""

from __future__ import annotations

import io
import json
import os
import shutil
import subprocess
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, TiffImagePlugin

from bearwitness.errors import RefusedError
from bearwitness.media.source import Source as Bytes
from bearwitness.redact import operations, stills
from bearwitness.redact.attack.attacking_stills import attack_stills
from bearwitness.redact.attack.hits import Report
from bearwitness.redact.geometry import Box
from bearwitness.redact.plan import Plan, source_of
from bearwitness.redact.stills import Stills, covered_pages
from bearwitness.sandbox.client import Sandbox

from .conftest import NOBODY
from .test_attack import Seer

REGION = Box(30, 20, 60, 50)
SECRET = b"Anna's phone 4711"
Opener = Callable[[bytes], Stills]


@pytest.fixture
def opener(sandbox: Sandbox, tmp_path: Path) -> Iterator[Opener]:
    descriptors: list[int] = []

    def open_it(data: bytes) -> Stills:
        path = tmp_path / f"{len(descriptors)}"
        path.write_bytes(data)
        descriptors.append(os.open(path, os.O_RDONLY))
        return Stills(sandbox, Bytes.of_file(descriptors[-1], "a picture"))

    yield open_it
    for descriptor in descriptors:
        os.close(descriptor)


def photo(kind: str = "JPEG", pages: int = 1) -> bytes:
    """Return a picture with a serial, a place and a thumbnail in its metadata."""
    y, x = np.mgrid[0:150, 0:200]
    grey = (128 + 60 * np.sin(x / 3) * np.cos(y / 4)).astype(np.uint8)
    image = Image.fromarray(np.stack([grey, grey[::-1], 255 - grey], axis=2))
    exif = Image.Exif()
    exif[0x010F] = SECRET.decode()
    exif.get_ifd(0x8825)[1] = "N"
    sink = io.BytesIO()
    more = {"save_all": True, "append_images": [image] * (pages - 1)} if pages > 1 else {}
    image.save(sink, kind, exif=exif, **more)
    return sink.getvalue()


def plan_for(pages: Stills, data: bytes) -> Plan:
    times = tuple(range(len(pages.pages)))
    bare = Plan(source_of(iter([data])), pages.picture, times, (NOBODY,))
    return operations.add_box(bare, REGION, None, None)


def attacked(original: Stills, data: bytes, kind: str, plan: Plan, opener: Opener) -> Report:
    return attack_stills(original, opener(data), plan, kind, Seer())


@pytest.mark.parametrize("kind", ["jpeg", "png", "tiff", "pdf"])
@pytest.mark.parametrize("source", ["JPEG", "PNG", "TIFF"])
def test_only_pixels_come_over_and_the_attack_finds_nothing(source: str, kind: str, opener: Opener) -> None:
    data = photo(source)
    assert SECRET in data
    original = opener(data)
    plan = plan_for(original, data)
    made = stills.write(covered_pages(original, plan), kind)
    assert SECRET not in made
    report = attacked(original, made, kind, plan, opener)
    assert report.hits == []
    assert all(report.looked_at.values())
    page = opener(made).pages[0]
    assert page[22:68, 32:88].max() < 25
    assert np.abs(page[100:140, 100:190].astype(int) - original.pages[0][100:140, 100:190]).mean() < 6


def test_what_was_erased_from_a_picture_does_not_come_back_in_a_copy(opener: Opener) -> None:
    pixels = np.full((150, 200, 4), 90, np.uint8)
    pixels[..., 3] = 255
    pixels[100:140, 100:140] = (250, 10, 10, 0)  # gone to who looks at it, and stored
    sink = io.BytesIO()
    Image.fromarray(pixels).save(sink, "PNG")
    original = opener(sink.getvalue())
    made = opener(stills.write(covered_pages(original, plan_for(original, sink.getvalue())), "png"))
    assert made.pages[0][120, 120].tolist() == [255, 255, 255]


def test_every_page_of_a_document_is_covered(opener: Opener) -> None:
    data = photo("TIFF", pages=3)
    original = opener(data)
    plan = plan_for(original, data)
    for kind in ("tiff", "pdf"):
        data = stills.write(covered_pages(original, plan), kind)
        assert attacked(original, data, kind, plan, opener).hits == []
        made = opener(data)
        assert len(made.pages) == 3
        assert all(page[22:68, 32:88].max() < 25 for page in made.pages)
    with pytest.raises(RefusedError, match="3 pages"):
        stills.write(covered_pages(original, plan), "jpeg")


def _xmp(data: bytes) -> bytes:
    body = b"http://ns.adobe.com/xap/1.0/\0" + SECRET
    return data[:2] + b"\xff\xe1" + (len(body) + 2).to_bytes(2, "big") + body + data[2:]


def _chunk(data: bytes) -> bytes:
    body = b"tEXt" + SECRET
    chunk = len(SECRET).to_bytes(4, "big") + body + zlib.crc32(body).to_bytes(4, "big")
    return data[:33] + chunk + data[33:]


@pytest.mark.parametrize(
    ("kind", "change"),
    [
        ("jpeg", _xmp),
        ("jpeg", lambda d: d + SECRET),
        ("jpeg", lambda d: d[:2] + b"\xff\xfe\x00\x08secret" + d[2:]),
        ("png", _chunk),
        ("png", lambda d: d + photo()),
        ("tiff", lambda d: d + SECRET),
        ("pdf", lambda d: d + SECRET),
        ("pdf", lambda d: d.replace(b"/Type/Catalog", b"/Type/Catalog/Metadata 9 0 R")),
        ("pdf", lambda d: d.replace(b"xref\n", b"9 0 obj\n<</Author(Anna)>>\nendobj\nxref\n", 1)),
    ],
)
def test_what_is_planted_in_a_finished_picture_is_found(
    kind: str, change: Callable[[bytes], bytes], opener: Opener
) -> None:
    data = photo()
    original = opener(data)
    plan = plan_for(original, data)
    made = stills.write(covered_pages(original, plan), kind)
    assert "container" in {hit.check for hit in attacked(original, change(made), kind, plan, opener).hits}


def test_everything_but_a_region_of_a_page_is_hidden_and_nothing_beyond_it_is_seen(opener: Opener) -> None:
    data = photo()
    original = opener(data)
    plan = operations.set_policy(plan_for(original, data), inverted=True)
    made = stills.write(covered_pages(original, plan), "jpeg")
    page = opener(made).pages[0]
    outside = np.ones(page.shape[:2], bool)
    outside[REGION.y : REGION.bottom, REGION.x : REGION.right] = False
    assert page[outside].max() < 25
    assert page[28:60, 36:80].max() > 100
    assert attacked(original, made, "jpeg", plan, opener).hits == []
    bare = stills.write(original.pages, "jpeg")
    assert {hit.check for hit in attacked(original, bare, "jpeg", plan, opener).hits} == {"covered regions"}


def _heic() -> bytes:
    """Return a HEIC with a serial in Exif and XMP, a thumbnail and a second picture."""
    import pillow_heif

    image = Image.open(io.BytesIO(photo()))
    whole = pillow_heif.from_pillow(image)
    whole.info["exif"], whole.info["xmp"] = image.info["exif"], b"<x:xmpmeta>" + SECRET + b"</x:xmpmeta>"
    whole.add_from_pillow(image.rotate(180))
    sink = io.BytesIO()
    whole.save(sink, quality=90)
    return sink.getvalue()


def _layered() -> bytes:
    """Return a TIFF with the layers of an editor, its blocks, XMP, and a small page as a preview."""
    image, sink = Image.open(io.BytesIO(photo())), io.BytesIO()
    layers = b"Adobe Photoshop Document Data Block\0" + SECRET * 3
    tags = {37724: layers, 34377: b"8BIM" + SECRET, 700: SECRET, 33432: SECRET.decode(), 305: SECRET.decode()}
    info = TiffImagePlugin.ImageFileDirectory_v2()
    for tag, value in tags.items():
        info[tag] = value
        info.tagtype[tag] = 2 if isinstance(value, str) else 7
    image.save(sink, "TIFF", tiffinfo=info, save_all=True, append_images=[image.resize((80, 60))])
    return sink.getvalue()


def _several() -> bytes:
    """Return a JPEG of several pictures as phones write them, the second unredacted in colours of its own."""
    image, sink = Image.open(io.BytesIO(photo())), io.BytesIO()
    second = Image.new("RGB", (64, 48), (200, 10, 10))
    image.save(sink, "MPO", save_all=True, append_images=[second], exif=image.getexif())
    return sink.getvalue() + SECRET


def _previewed() -> bytes:
    """Return a JPEG with a thumbnail in Exif, XMP, Photoshop's block, a profile, a comment, and a tail."""
    thumb = io.BytesIO()
    Image.open(io.BytesIO(photo())).resize((40, 30)).save(thumb, "JPEG", comment=SECRET)
    exif = Image.Exif()
    exif[0x010F] = SECRET.decode()
    entries = b"MM\0*\0\0\0\x08\0\0\0\0\0\x0e\0\x02" + b"\x02\x01\0\x04\0\0\0\x01\0\0\0\x2c"
    entries += b"\x02\x02\0\x04\0\0\0\x01" + len(thumb.getvalue()).to_bytes(4, "big") + bytes(4)
    first = b"Exif\0\0" + entries.ljust(0x2C, b"\0") + thumb.getvalue()
    data = _xmp(photo())
    for marker, body in (
        (0xE1, first), (0xED, b"Photoshop 3.0\x008BIM" + SECRET), (0xE2, b"ICC_PROFILE\0\1\1" + SECRET),
        (0xFE, SECRET),
    ):  # fmt: skip
        data = data[:2] + bytes((0xFF, marker)) + (len(body) + 2).to_bytes(2, "big") + body + data[2:]
    return data + SECRET


@pytest.mark.parametrize("kind", ["jpeg", "png", "tiff", "pdf"])
@pytest.mark.parametrize("make", [_heic, _layered, _several, _previewed])
def test_of_layers_previews_and_second_pictures_nothing_survives(
    make: Callable[[], bytes], kind: str, opener: Opener, tmp_path: Path
) -> None:
    data = make()
    assert SECRET in data or make is _heic
    original = opener(data)
    plan = plan_for(original, data)
    if kind in ("jpeg", "png") and len(original.pages) > 1:
        with pytest.raises(RefusedError, match="2 pages"):
            stills.write(covered_pages(original, plan), kind)
        return
    made = stills.write(covered_pages(original, plan), kind)
    assert attacked(original, made, kind, plan, opener).hits == []
    out = tmp_path / f"out.{kind}"
    out.write_bytes(made)
    for trace in (SECRET, SECRET[:6], b"Exif", b"8BIM", b"xmp", b"MPF", b"ICC_PROFILE", b"Photoshop"):
        assert trace not in made
    wanted = {"IFD1"} if kind == "tiff" else set()  # the second page, covered as the first
    assert not ({"IFD1", "XMP", "Photoshop", "MPF", "ICC_Profile"} - wanted) & _groups(out)
    if make is _several:
        assert len(original.pages) == 1
        assert original.left_out == ["1 further picture(s) beside the one that is shown"]


def _groups(path: Path) -> set[str]:
    """Return the groups of tags exiftool sees in a file; none without exiftool."""
    if shutil.which("exiftool") is None:
        return set()
    told = subprocess.run(["exiftool", "-j", "-G1", "-a", str(path)], capture_output=True, check=False)
    return {key.split(":")[0] for key in json.loads(told.stdout)[0]}


def test_an_uncovered_region_is_found(opener: Opener) -> None:
    data = photo()
    original = opener(data)
    plan = plan_for(original, data)
    bare = stills.write(original.pages, "png")
    assert {hit.check for hit in attacked(original, bare, "png", plan, opener).hits} == {"covered regions"}


def test_a_picture_that_is_cut_off_is_refused(opener: Opener) -> None:
    from bearwitness.media.model import MediaError

    with pytest.raises(MediaError):
        _ = opener(photo()[:2000]).pages
