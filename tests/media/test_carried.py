"""What a file carries is told wherever it hangs: behind the picture, in thumbnails, in chapters."""

from __future__ import annotations

import io
import struct
from fractions import Fraction
from typing import Any

import av
import numpy as np
import pytest
from PIL import Image

from bearwitness.media.metadata import FOOTAGE, IMAGE, Carried, metadata
from bearwitness.media.source import Source
from bearwitness.sandbox.client import Sandbox

from .clips import clip, tone

BEHIND = "what stands behind its end"


def picture(form: str, **more: Any) -> bytes:
    pixels, data = np.random.default_rng(1).integers(0, 255, (60, 80, 3), dtype=np.uint8), io.BytesIO()
    Image.fromarray(pixels).save(data, form, **more)
    return data.getvalue()


def carried(sandbox: Sandbox, data: bytes) -> Carried:
    return metadata(sandbox, Source.of_bytes(data, "picture"), IMAGE)


@pytest.mark.parametrize(("form", "more"), [("JPEG", {}), ("JPEG", {"progressive": True}), ("PNG", {})])
def test_a_film_that_hangs_behind_a_picture_is_told(
    decoders: Sandbox, form: str, more: dict[str, Any]
) -> None:
    plain, film = picture(form, **more), clip([Fraction(0), Fraction(1, 25)])
    assert carried(decoders, plain).unread == ()
    assert carried(decoders, plain + bytes(512)).unread == ()
    assert carried(decoders, plain + film).unread == (BEHIND,)


def test_a_thumbnail_is_told_for_it_may_show_what_the_picture_does_not(decoders: Sandbox) -> None:
    one = struct.pack("<HHHII", 1, 0x0112, 3, 1, 1)
    other = struct.pack("<HHHIII", 1, 0x0103, 3, 1, 6, 0)
    head = b"Exif\0\0II*\0" + struct.pack("<I", 8)
    bare = picture("JPEG", exif=head + one + struct.pack("<I", 0))
    assert carried(decoders, bare).unread == ()
    second = picture("JPEG", exif=head + one + struct.pack("<I", 8 + len(one) + 4) + other)
    assert carried(decoders, second).unread == ("a thumbnail",)
    data = picture("JPEG")
    at = data.index(b"JFIF\0")
    body = data[at : at + 12] + b"\1\1" + b"\x10\x20\x30"
    small = data[: at - 2] + (len(body) + 2).to_bytes(2, "big") + body + data[at + 14 :]
    assert carried(decoders, small).unread == ("a thumbnail",)


@pytest.fixture
def chapters() -> bytes:
    out = io.BytesIO()
    with av.open(out, "w", format="matroska") as container:
        stream: Any = container.add_stream("mpeg4", rate=25)
        stream.width = stream.height = 64
        stream.pix_fmt = "yuv420p"
        container.set_chapters(
            [
                {
                    "id": 1, "start": 0, "end": 40, "time_base": Fraction(1, 1000),
                    "metadata": {"title": "cell 12, north side"},
                }
            ]
        )  # fmt: skip
        frame = av.VideoFrame.from_ndarray(np.full((64, 64, 3), 90, np.uint8), format="bgr24")
        frame.pts, frame.time_base = 0, Fraction(1, 25)
        container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return out.getvalue()


def test_titles_of_chapters_are_told(decoders: Sandbox, chapters: bytes) -> None:
    told = metadata(decoders, Source.of_bytes(chapters, "film.mkv"), FOOTAGE)
    assert told.tags["chapter 1"] == "cell 12, north side"


def box(kind: bytes, *parts: bytes) -> bytes:
    return struct.pack(">I", 8 + sum(map(len, parts))) + kind + b"".join(parts)


def with_udta(child: bytes) -> bytes:
    """Return an MP4 with a box among the texts of its maker."""
    data = clip([Fraction(0), Fraction(1, 25)])
    at = data.index(b"moov") - 4
    return data[:at] + box(b"moov", data[at + 8 : data.rindex(b"udta") - 4], box(b"udta", child))


def test_boxes_of_makers_that_are_passed_over_are_told(decoders: Sandbox) -> None:
    def told(data: bytes) -> Carried:
        return metadata(decoders, Source.of_bytes(data, "film.mp4"), FOOTAGE)

    plain, serial = clip([Fraction(0), Fraction(1, 25)]), b"S/N 4711, ward 3"
    assert told(plain).unread == ()
    assert told(plain + box(b"free", bytes(99)) + bytes(500)).unread == ()
    assert told(plain + box(b"free", serial)).unread == ("box free",)
    assert told(plain + box(b"uuid", bytes(16), serial)).unread == ("box uuid",)
    assert told(plain + serial).unread == ("structure",)
    assert told(with_udta(box(b"PANA", serial))).unread == ("box PANA",)
    assert told(with_udta(box("\u00a9uid".encode("latin-1"), serial))).unread == ("box \\xa9uid",)
    known = told(with_udta(box("\u00a9mak".encode("latin-1"), struct.pack(">HH", 4, 0x55C4), b"Maker")))
    assert known.unread == ()
    assert "Make" in str(known.tags)


def chunk(kind: bytes, body: bytes) -> bytes:
    return kind + struct.pack("<I", len(body)) + body + bytes(len(body) % 2)


@pytest.mark.parametrize("form", ["avi", "wav"])
def test_chunks_of_makers_that_are_passed_over_are_told(decoders: Sandbox, form: str) -> None:
    plain = clip([Fraction(0), Fraction(1, 25)], form="avi") if form == "avi" else tone(0.1)

    def told(more: bytes) -> tuple[str, ...]:
        """Return what is left unread with another chunk at the end of the file's list of them."""
        data = plain[:4] + struct.pack("<I", len(plain) - 8 + len(more)) + plain[8:] + more
        return metadata(decoders, Source.of_bytes(data, f"film.{form}"), FOOTAGE).unread

    assert told(b"") == ()
    assert told(chunk(b"JUNK", bytes(40))) == ()
    assert told(chunk(b"JUNK", b"recorder 4711")) == ("chunk JUNK",)
    assert told(chunk(b"gps0", b"43.8,87.6")) == ("chunk gps0",)
    assert metadata(decoders, Source.of_bytes(plain + b"43.8,87.6", "x"), FOOTAGE).unread == ("structure",)


def test_more_names_than_are_told_one_by_one_are_not_left_out_in_silence(decoders: Sandbox) -> None:
    data = clip([Fraction(0), Fraction(1, 25)]) + b"".join(box(b"a%03d" % n, b"x") for n in range(30))
    told = metadata(decoders, Source.of_bytes(data, "film.mp4"), FOOTAGE).unread
    assert (len(told), told[-1]) == (21, "and more")
