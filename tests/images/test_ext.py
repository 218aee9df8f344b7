"""ext4: names that are no text, links, odd files and all times come back as `mke2fs` was given them."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest
from looking import content, everything, opened

from bearwitness.images.model import FILE, FOLDER
from bearwitness.sandbox.client import Sandbox
from disks.tools import EXT4_UUID, LABEL, debugfs, ext4
from disks.tree import noise, odd_names

NO_TEXT = b"\xff\xfe \xe4.mp4"
FAST, SLOW = b"../no\nwhere\xff\x01", b"a/" * 60 + b"\xfe\n"


@pytest.fixture(scope="module")
def folder(corpus: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("ext") / "drive"
    (root / "DCIM/deep").mkdir(parents=True)
    (root / "DCIM/film.mp4").write_bytes(noise(300_000))
    (root / "DCIM/deep/small").write_bytes(b"small")
    (root / "empty").write_bytes(b"")
    for name in ["line\nbreak.mp4", "tab\tand\rreturn", *odd_names(corpus, forbidden="/")]:
        (root / "DCIM" / name).write_bytes(name.encode())
    Path(os.fsdecode(os.fsencode(root) + b"/" + NO_TEXT)).write_bytes(b"no text")
    os.link(root / "DCIM/film.mp4", root / "DCIM/deep/the same film.mp4")
    os.symlink(FAST, os.fsencode(root) + b"/fast")
    os.symlink(SLOW, os.fsencode(root) + b"/slow")
    os.mkfifo(root / "fifo")
    with (root / "sparse").open("wb") as file:
        file.truncate(3 << 20)
        file.seek(2 << 20)
        file.write(noise(5_000, 5))
    (root / "gone-secret.mp4").write_bytes(noise(4_000, 6))
    for n in range(300):
        (root / "DCIM/deep" / f"one of many {n}").write_bytes(noise(n, n))
    os.chmod(root / "empty", 0o4750)
    for path in sorted(root.rglob("*")):
        if not path.is_symlink():
            os.utime(path, (1_600_000_000 + path.name.__len__(), 1_600_000_100 + path.name.__len__()))
    return root


@pytest.fixture(scope="module")
def volume(folder: Path) -> Path:
    image = ext4(folder.parent / "ext4.img", folder)
    debugfs(image, "rm gone-secret.mp4")
    return image


def wanted(folder: Path) -> dict[bytes, os.stat_result]:
    base = os.fsencode(folder)
    found = {}
    for where, folders, files in os.walk(base):
        for name in folders + files:
            path = os.path.join(where, name)
            found[b"0/" + os.path.relpath(path, base)] = os.lstat(path)
    del found[b"0/gone-secret.mp4"]
    return found


def test_every_name_and_every_byte_come_back(volume: Path, folder: Path, image_sandbox: Sandbox) -> None:
    expected = wanted(folder)
    with opened(image_sandbox, volume) as image:
        found = everything(image)
        assert set(found.entries) == {*expected, b"0/lost+found"}
        assert found.troubles == []
        for path in expected:
            entry = found.entries[path]
            if entry.type == FILE:
                with open(os.fsencode(folder) + path[1:], "rb") as file:
                    assert content(image, entry) == file.read(), path


def test_what_is_not_a_file_says_what_it_is(volume: Path, folder: Path, image_sandbox: Sandbox) -> None:
    with opened(image_sandbox, volume) as image:
        entries = everything(image).entries
    assert entries[b"0/fast"].target == FAST
    assert entries[b"0/slow"].target == SLOW
    assert entries[b"0/fifo"].type == "fifo"
    assert entries[b"0/DCIM"].type == FOLDER


def test_mode_owner_links_and_times_are_those_of_the_inode(
    volume: Path, folder: Path, image_sandbox: Sandbox
) -> None:
    with opened(image_sandbox, volume) as image:
        entries = everything(image).entries
    for path, status in wanted(folder).items():
        entry = entries[path]
        assert (entry.mode, entry.uid, entry.gid) == (status.st_mode, status.st_uid, status.st_gid), path
        if not stat.S_ISLNK(status.st_mode):
            assert entry.mtime == status.st_mtime_ns // 10**9 * 10**9, path
        assert entry.ctime is not None
        assert entry.btime is not None
        assert not entry.local


def test_names_of_one_file_are_known_to_be(volume: Path, image_sandbox: Sandbox) -> None:
    with opened(image_sandbox, volume) as image:
        entries = everything(image).entries
    first, second = entries[b"0/DCIM/film.mp4"], entries[b"0/DCIM/deep/the same film.mp4"]
    assert first.place == second.place
    assert first.several
    assert first.nlink == 2
    assert not entries[b"0/empty"].several


@pytest.mark.parametrize(
    ("seconds", "extra", "expected"),
    [
        (1_600_000_000, 123_456_789 << 2, 1_600_000_000_123_456_789),
        (2**32 - 10_800, 0, -10_800 * 10**9),  # 21:00 the day before 1970, as zones to the west make it
        (100, 1 << 2 | 1, (2**32 + 100) * 10**9 + 1),
    ],
)
def test_times_before_1970_and_after_2038_are_not_rounded_into_the_span_between(
    folder: Path, tmp_path: Path, image_sandbox: Sandbox, seconds: int, extra: int, expected: int
) -> None:
    (tmp_path / "drive").mkdir()
    (tmp_path / "drive/file").write_bytes(b"x")
    image_path = ext4(tmp_path / "image", tmp_path / "drive", 4 << 20)
    debugfs(image_path, f"set_inode_field file mtime @{seconds}", f"set_inode_field file mtime_extra {extra}")
    with opened(image_sandbox, image_path) as image:
        assert everything(image).entries[b"0/file"].mtime == expected


def test_deleted_files_are_listed_only_when_asked_for(volume: Path, image_sandbox: Sandbox) -> None:
    with opened(image_sandbox, volume) as image:
        assert not any(b"secret" in path for path in everything(image).entries)
        entries = everything(image, deleted=True).entries
    assert any(b"secret" in path and entry.deleted for path, entry in entries.items())


def test_an_ext4_of_small_inodes_keeps_what_there_is(tmp_path: Path, image_sandbox: Sandbox) -> None:
    (tmp_path / "drive").mkdir()
    (tmp_path / "drive/file").write_bytes(b"x")
    os.utime(tmp_path / "drive/file", (5, 6))
    image_path = ext4(tmp_path / "image", tmp_path / "drive", 4 << 20, "-I", "128")
    with opened(image_sandbox, image_path) as image:
        entry = everything(image).entries[b"0/file"]
    assert (entry.mtime, entry.btime) == (6 * 10**9, None)


def test_ids_are_told_with_the_volume(volume: Path, image_sandbox: Sandbox) -> None:
    with opened(image_sandbox, volume) as image:
        (found,) = image.layout().volumes
    assert dict(found.ids) == {"label": LABEL, "uuid": EXT4_UUID}
    assert found.file_system == "ext4"
