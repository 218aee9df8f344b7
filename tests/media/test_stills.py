"""Picture files: bombs are refused before they unpack, damage is told, every kind comes out right."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pillow_heif
import pytest
from PIL import Image

from bearwitness.errors import ChildFailedError, MalformedError
from bearwitness.media.model import MediaError
from bearwitness.media.source import Source
from bearwitness.media.stills import Still, _still, still
from bearwitness.sandbox.client import Sandbox

from .conftest import OpenSource

pillow_heif.register_heif_opener()


def saved(form: str, picture: Image.Image, **options: object) -> Source:
    out = io.BytesIO()
    picture.save(out, format=form, **options)
    return Source.of_bytes(out.getvalue(), f"made.{form.lower()}")


def drawn() -> Image.Image:
    pixels = np.zeros((40, 60, 3), np.uint8)
    pixels[:20] = (250, 10, 10)  # red above, blue below
    pixels[20:] = (10, 10, 250)
    return Image.fromarray(pixels)


@pytest.mark.parametrize("form", ["JPEG", "PNG", "TIFF", "WEBP", "GIF", "BMP", "HEIF"])
def test_every_kind_comes_out_in_blue_green_red(form: str, decoders: Sandbox) -> None:
    found = still(decoders, saved(form, drawn()))
    assert (found.kind, found.native_width, found.native_height, found.frames) == (form, 60, 40, 1)
    assert found.picture.shape == (40, 60, 3)
    above, below = found.picture[5, 30].astype(int), found.picture[35, 30].astype(int)
    assert above[2] > 200
    assert above[0] < 60
    assert below[0] > 200
    assert below[2] < 60


def test_a_pixel_bomb_is_refused_with_a_sentence(decoders: Sandbox, open_source: OpenSource) -> None:
    with pytest.raises(
        MediaError, match=r"pixel-bomb.png can not be shown: its 20000 x 20000 pixels are more"
    ):
        still(decoders, open_source("damaged/pixel-bomb.png"))


def test_a_cut_picture_is_refused_and_shown_in_part_only_when_asked_for(
    decoders: Sandbox, open_source: OpenSource
) -> None:
    with pytest.raises(MediaError, match="truncated"):
        still(decoders, open_source("damaged/cut-tail.jpg"))
    shown = still(decoders, open_source("damaged/cut-tail.jpg"), partial=True)
    assert shown.picture.shape == (375, 500, 3)


def test_a_name_that_lies_does_not_matter(decoders: Sandbox, open_source: OpenSource) -> None:
    assert still(decoders, open_source("damaged/png-named.jpg")).kind == "PNG"


@pytest.mark.parametrize("name", ["bomb.zip", "empty.mp4", "text-named.mp4"])
def test_what_is_no_picture_is_refused(name: str, decoders: Sandbox, open_source: OpenSource) -> None:
    with pytest.raises(MediaError, match=f"{name} can not be shown: it is no picture"):
        still(decoders, open_source(f"damaged/{name}"))


def test_it_is_made_smaller_and_turned_upright_only_when_asked_for(decoders: Sandbox) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    source = saved("JPEG", drawn(), exif=exif)
    as_stored = still(decoders, source, max_side=30)
    upright = still(decoders, source, max_side=30, upright=True)
    assert (as_stored.orientation, as_stored.picture.shape) == (6, (20, 30, 3))
    assert upright.picture.shape == (30, 20, 3)
    assert (upright.native_width, upright.native_height) == (60, 40)


def test_a_frame_of_a_moving_picture_can_be_chosen(decoders: Sandbox) -> None:
    second = Image.new("RGB", (60, 40), (0, 255, 0))
    source = saved("GIF", drawn(), save_all=True, append_images=[second])
    assert still(decoders, source).frames == 2
    assert still(decoders, source, frame=1).picture[20, 30].tolist() == [0, 255, 0]
    with pytest.raises(MediaError, match="number 2 was asked for"):
        still(decoders, source, frame=2)


def test_pictures_of_the_corpus_decode_as_pillow_decodes_them(
    decoders: Sandbox, open_source: OpenSource, corpus: Path
) -> None:
    found = still(decoders, open_source("images/cat.png"))
    with Image.open(corpus / "images/cat.png") as expected:
        assert np.array_equal(found.picture[:, :, ::-1], np.asarray(expected.convert("RGB")))


HEAD = b'{"frames":"1","kind":"PNG","native":["2","1"],"orientation":"1","size":["2","1"],"v":"1"}\n'


def take(untrusted: bytes) -> Still:
    return _still(untrusted, "file", "bgr24", 0)


def test_an_answer_with_a_byte_too_few_or_many_or_a_changed_head_is_refused() -> None:
    assert take(HEAD + b"abcdef").picture.shape == (1, 2, 3)
    wrong = [HEAD + b"abcde", HEAD + b"abcdefg", HEAD.replace(b"PNG", b"EXE") + b"abcdef", b"", b"{}\n"]
    wrong += [
        HEAD.replace(b'"size":["2"', b'"size":["0"'),
        HEAD.replace(b'"size":["2"', b'"size":["99999999"'),
    ]
    for untrusted in wrong:
        with pytest.raises((MalformedError, ChildFailedError)):
            take(untrusted)


def erased(mode: str) -> Image.Image:
    """Return a red picture with a hole in which blue is still stored."""
    pixels = np.full((40, 60, 4), (250, 10, 10, 255), np.uint8)
    pixels[10:30, 20:40] = (10, 10, 250, 0)
    return Image.fromarray(pixels).convert(mode)


@pytest.mark.parametrize(
    ("form", "mode"), [("PNG", "RGBA"), ("PNG", "LA"), ("TIFF", "RGBA"), ("GIF", "RGBA")]
)
def test_what_was_erased_is_seen_as_the_ground_and_told_as_it_is_stored(
    form: str, mode: str, decoders: Sandbox
) -> None:
    source = saved(form, erased(mode))
    white, black = (still(decoders, source, ground=ground).picture for ground in ("white", "black"))
    assert white[20, 30].tolist() == [255, 255, 255]
    assert black[20, 30].tolist() == [0, 0, 0]
    assert white[5, 5].tolist() == black[5, 5].tolist() == still(decoders, source).picture[5, 5].tolist()
    if (form, mode) == ("PNG", "RGBA"):
        assert still(decoders, source).picture[20, 30].tolist() == [250, 10, 10]


def test_a_picture_on_a_ground_is_turned_as_without(decoders: Sandbox) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    found = still(decoders, saved("PNG", erased("RGBA"), exif=exif), upright=True, ground="white")
    assert found.picture.shape == (60, 40, 3)
    assert found.picture[30, 20].tolist() == [255, 255, 255]
