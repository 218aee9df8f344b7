"""EWF images: segments are found, decoded and compared; damage costs what it hits."""

from __future__ import annotations

import contextlib
import hashlib
import random
from pathlib import Path

import pytest
from looking import content, content_and_holes, everything, opened

from bearwitness.errors import SourceError
from bearwitness.images.disk_image import EWF, DiskImage, ImageError
from bearwitness.images.segments import segment_files
from bearwitness.sandbox.client import Sandbox
from disks.ewf import CHUNK, EXAMINER, Ewf
from disks.fat import Fat
from disks.tools import call, tool
from disks.tree import Node, noise
from workbench import ALL, SEED

FILM = noise(600_000)
DISK = Fat(8_000, bits=16).write([Node("film.mp4", FILM), Node("small", b"small")])


def decoded(image: DiskImage) -> bytes:
    data = bytearray(image.layout().size)
    assert image.fill_raw(memoryview(data), 0) == []
    return bytes(data)


@pytest.mark.parametrize("chunks", [1_000_000, 30], ids=["one segment", "several segments"])
def test_an_image_decodes_to_the_disk_it_was_made_of(
    tmp_path: Path, image_sandbox: Sandbox, chunks: int
) -> None:
    paths = Ewf(DISK, chunks_a_segment=chunks).write(tmp_path)
    assert segment_files(paths[0]) == paths
    with opened(image_sandbox, *paths, form=EWF) as image:
        assert decoded(image) == DISK
        entries = everything(image).entries
        assert content(image, entries[b"0/film.mp4"]) == FILM
        acquisition = image.acquisition()
    assert acquisition.hashes["md5"] == hashlib.md5(DISK, usedforsecurity=False).hexdigest()
    assert acquisition.hashes["sha1"] == hashlib.sha1(DISK, usedforsecurity=False).hexdigest()
    assert acquisition.facts["examiner_name"] == EXAMINER


def test_what_the_test_writes_is_what_ewfverify_calls_sound(tmp_path: Path) -> None:
    paths = Ewf(DISK, chunks_a_segment=30).write(tmp_path)
    assert "SUCCESS" in call("ewfverify", paths[0])


@pytest.mark.parametrize("form", ["encase2", "encase6", "encase7", "ftk", "smart"])
def test_an_image_of_ewfacquire_in_segments_is_read(
    tmp_path: Path, image_sandbox: Sandbox, form: str
) -> None:
    tool("ewfacquire")
    source = tmp_path / "disk.raw"
    source.write_bytes(noise(3 << 20) + DISK)
    words = ["-u", "-q", "-d", "sha1", "-S", "1MiB", "-f", form, "-c", "deflate:fast"]
    call("ewfacquire", *words, "-t", tmp_path / "made", source)
    paths = segment_files(tmp_path / ("made.s01" if form == "smart" else "made.E01"))
    assert len(paths) > 2
    with opened(image_sandbox, *paths, form=EWF) as image:
        assert decoded(image) == source.read_bytes()
    with opened(image_sandbox, *paths[:-1], form=EWF) as image, pytest.raises(ImageError):
        image.layout()


def test_a_damaged_chunk_is_zero_and_told_and_costs_one_file(tmp_path: Path, image_sandbox: Sandbox) -> None:
    maker = Fat(8_000, bits=16)
    maker.write([Node("film.mp4", FILM), Node("small", b"small")])
    hit = maker.offset(maker.place["film.mp4"][0]) // CHUNK + 2
    paths = Ewf(DISK, damaged=frozenset({hit})).write(tmp_path)
    with opened(image_sandbox, *paths, form=EWF) as image:
        entries = everything(image).entries
        data, holes = content_and_holes(image, entries[b"0/film.mp4"])
        assert content(image, entries[b"0/small"]) == b"small"
    begin = hit * CHUNK - maker.offset(maker.place["film.mp4"][0])
    assert data == FILM[:begin] + bytes(CHUNK) + FILM[begin + CHUNK :]
    assert {hole.reason for hole in holes} == {"sector"}
    assert sum(hole.length for hole in holes) == CHUNK


def test_a_damaged_byte_anywhere_makes_no_zeros_that_are_not_told(
    tmp_path: Path, image_sandbox: Sandbox
) -> None:
    (path,) = Ewf(DISK).write(tmp_path)
    whole, generator = path.read_bytes(), random.Random(SEED)
    entry = whole.index(b"table\x00") + 76 + 24 + 4 * 3
    told_of = 0
    for at in [entry, *(generator.randrange(len(whole)) for _ in range(200 if ALL else 12))]:
        path.write_bytes(whole[:at] + bytes([whole[at] ^ 0xFF]) + whole[at + 1 :])
        found, told = bytearray(len(DISK)), bytearray(len(DISK))
        with opened(image_sandbox, path, form=EWF) as image, contextlib.suppress(ImageError):
            for hole in image.fill_raw(memoryview(found), 0):
                told[hole.offset : hole.offset + hole.length] = b"\x01" * hole.length
            told_of += any(told)
            assert all(a == b or t for a, b, t in zip(found, DISK, told, strict=True)), at
    assert told_of > 0


def test_a_missing_segment_is_an_error_not_an_image_that_ends_there(
    tmp_path: Path, image_sandbox: Sandbox
) -> None:
    paths = Ewf(DISK, chunks_a_segment=30).write(tmp_path)
    with opened(image_sandbox, *paths[:-1], form=EWF) as image, pytest.raises(ImageError):
        image.layout()


def test_a_middle_segment_can_not_be_named_for_the_image(tmp_path: Path) -> None:
    paths = Ewf(DISK, chunks_a_segment=30).write(tmp_path)
    with pytest.raises(SourceError, match="not the first segment"):
        segment_files(paths[1])


def test_segments_are_found_by_name_beyond_ninety_nine(tmp_path: Path) -> None:
    names = [f"d.e{n:02}" for n in range(1, 100)] + ["d.eaa", "d.eab"]
    for name in names:
        (tmp_path / name).write_bytes(b"")
    (tmp_path / "d.ead").write_bytes(b"after a gap")
    assert [path.name for path in segment_files(tmp_path / "d.e01")] == names


def test_more_segments_than_can_be_handed_over_are_refused(tmp_path: Path) -> None:
    letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
    names = [f"d.E{n:02}" for n in range(1, 100)] + [f"d.E{a}{b}" for a in letters for b in letters]
    for name in names[:251]:
        (tmp_path / name).write_bytes(b"")
    with pytest.raises(SourceError, match="more than 250"):
        segment_files(tmp_path / "d.E01")
