"""NTFS: files and their further streams, links, times to 100 ns; what is the file system's stays out."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from looking import content, everything, opened

from bearwitness.images.model import FILE, FOLDER, SYMLINK, UNREADABLE
from bearwitness.sandbox.client import Sandbox
from disks.tools import LABEL, ntfs, ntfs_mounted
from disks.tree import noise

FILES = {
    "film.mp4": noise(300_000),
    "small enough for its record": b"resident",
    "empty": b"",
    "кино 😀.mp4": noise(70_000, 2),
}
STREAMS = {
    ("film.mp4", "Zone.Identifier"): b"[ZoneTransfer]\r\nHostUrl=https://cloud.example/ivan\r\n",
    ("film.mp4", "второй поток"): noise(200_000, 3),
}


@pytest.fixture(scope="module")
def volume(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return ntfs(tmp_path_factory.mktemp("ntfs") / "ntfs.img", FILES, STREAMS)


def test_files_and_further_streams_come_back_each_by_its_name(volume: Path, image_sandbox: Sandbox) -> None:
    wanted = {b"0/" + name.encode(): data for name, data in FILES.items()}
    wanted |= {f"0/{name}:{stream}".encode(): data for (name, stream), data in STREAMS.items()}
    with opened(image_sandbox, volume) as image:
        found = everything(image)
        assert set(found.entries) == set(wanted)
        assert found.troubles == []
        for path, data in wanted.items():
            assert content(image, found.entries[path]) == data, path


def test_times_are_those_given_and_owners_are_left_out(volume: Path, image_sandbox: Sandbox) -> None:
    with opened(image_sandbox, volume) as image:
        entry = everything(image).entries[b"0/film.mp4"]
    assert entry.mtime is not None
    assert entry.mtime // 10**9 == 1_700_000_001
    assert None not in (entry.atime, entry.ctime, entry.btime)
    assert (entry.uid, entry.gid) == (None, None), "the number stands for an account of one machine"
    assert entry.mode == 0o100644


def test_ids_are_told_with_the_volume(volume: Path, image_sandbox: Sandbox) -> None:
    with opened(image_sandbox, volume) as image:
        (found,) = image.layout().volumes
    assert found.ids["label"] == LABEL
    assert len(found.ids["serial"]) == 16


@pytest.fixture(scope="module")
def lived_in(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a volume with folders, links, a reparse point, a deleted file."""
    base = tmp_path_factory.mktemp("ntfs-lived-in")
    image = ntfs(base / "image", {"first": b"x"})
    with ntfs_mounted(image, base / "mounted") as root:
        (root / "DCIM/deep").mkdir(parents=True)
        (root / "DCIM/deep/film.mp4").write_bytes(noise(50_000))
        os.link(root / "DCIM/deep/film.mp4", root / "the same film.mp4")
        (root / "DCIM:stream of a folder").write_bytes(b"hidden here")
        with (root / "sparse").open("wb") as file:
            file.truncate(2 << 20)
        (root / "line\nbreak").write_bytes(b"l")
        (root / "й").mkdir()
        (root / "й" / ("й" * 120)).write_bytes(b"long")
        for n in range(200):
            (root / "DCIM" / f"one of many {n}").write_bytes(noise(n, n))
        (root / "read only").write_bytes(b"r")
        os.setxattr(root / "read only", "system.ntfs_attrib", (1).to_bytes(4, "little"))
        (root / "link.mp4").write_bytes(b"")
        target = "DCIM\\deep\\film.mp4".encode("utf-16-le")
        paths = len(target).to_bytes(2, "little")
        body = b"\x00\x00" + paths + paths + b"\x00\x00" + (1).to_bytes(4, "little") + target
        point = (0xA000000C).to_bytes(4, "little") + len(body).to_bytes(2, "little") + b"\x00\x00" + body
        os.setxattr(root / "link.mp4", "system.ntfs_reparse_data", point)
        (root / "deduplicated.mp4").write_bytes(b"a stand-in")
        gone = (0x80000013).to_bytes(4, "little") + (8).to_bytes(2, "little") + bytes(10)
        os.setxattr(root / "deduplicated.mp4", "system.ntfs_reparse_data", gone)
        (root / "gone-secret.mp4").write_bytes(noise(3_000, 9))
        os.sync()
        (root / "gone-secret.mp4").unlink()
    return image


def test_folders_links_and_streams_of_folders(lived_in: Path, image_sandbox: Sandbox) -> None:
    with opened(image_sandbox, lived_in) as image:
        entries = everything(image).entries
        first, second = entries[b"0/DCIM/deep/film.mp4"], entries[b"0/the same film.mp4"]
        assert first.place == second.place
        assert first.several
        assert content(image, second) == noise(50_000)
        assert content(image, entries[b"0/DCIM:stream of a folder"]) == b"hidden here"
        assert content(image, entries[b"0/sparse"]) == bytes(2 << 20)
        assert entries[b"0/DCIM"].type == FOLDER
        assert b"0/line\nbreak" in entries
        assert content(image, entries["0/й/".encode() + "й".encode() * 120]) == b"long"
        assert sum(1 for path in entries if b"one of many" in path) == 200
        assert (entries[b"0/read only"].mode, entries[b"0/read only"].attributes) == (0o100444, 1)


def test_a_reparse_point_is_a_link_or_said_to_be_unreadable_never_an_empty_file(
    lived_in: Path, image_sandbox: Sandbox
) -> None:
    with opened(image_sandbox, lived_in) as image:
        entries = everything(image).entries
    assert entries[b"0/link.mp4"].type == SYMLINK
    assert entries[b"0/link.mp4"].target == b"DCIM\\deep\\film.mp4"
    assert entries[b"0/deduplicated.mp4"].type == UNREADABLE
    assert entries[b"0/deduplicated.mp4"].reason == "elsewhere"


def test_a_deleted_file_is_recovered_only_when_asked_for(lived_in: Path, image_sandbox: Sandbox) -> None:
    with opened(image_sandbox, lived_in) as image:
        assert not any(b"secret" in path for path in everything(image).entries)
        entry = everything(image, deleted=True).entries[b"0/gone-secret.mp4"]
        assert entry.deleted
        assert entry.type == FILE
        assert content(image, entry) == noise(3_000, 9)
