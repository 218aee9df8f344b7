"""Everything that can lie on a drive has a defined fate: sealed as what it is, listed if it is not whole."""

from __future__ import annotations

import errno
import os
import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from bearwitness.seal.reading import FileReading
from bearwitness.seal.sources import FolderSource
from scale import ALL
from workbench import Bench, fill, mounted, needs_root, run, snapshot, verify

SOUND = b"bytes of a file\n" * 40


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path / "bench")


def back(bench: Bench, tmp_path: Path, *words: object, codes: tuple[int, ...] = (0,)) -> Path:
    """Restore everything; return where."""
    out = tmp_path / "out"
    run("restore", out, "--vault", bench.vault, "--identity", bench.anna, *words).ok(*codes)
    return out


def test_files_links_and_empty_ones_come_back_as_they_were(bench: Bench, tmp_path: Path) -> None:
    source = fill(tmp_path / "source", {"a.txt": SOUND, "b/empty": b"", "b/c/deep.bin": 70_000})
    (source / "nobody in it").mkdir()
    os.link(source / "a.txt", source / "b/same file")
    (source / "link").symlink_to("b/c/deep.bin")
    (source / "broken").symlink_to("../nowhere/at all")
    (source / "to a folder").symlink_to("b")
    os.chmod(source / "a.txt", 0o640)
    os.utime(source / "link", ns=(5, 1_234_567_891_234_567_891), follow_symlinks=False)
    sealed = bench.seal(source)
    assert sealed["items"] == 7
    assert sealed["unreadable"] == []
    assert snapshot(back(bench, tmp_path)) == snapshot(source)
    bench.is_clean()


def test_a_link_is_never_followed_out_of_the_source(bench: Bench, tmp_path: Path) -> None:
    outside = fill(tmp_path / "outside", {"secret.txt": b"not on the drive"})
    source = fill(tmp_path / "source", {"a.txt": SOUND})
    (source / "way out").symlink_to(outside)
    (source / "file out").symlink_to(outside / "secret.txt")
    bench.seal(source)
    items = bench.items()
    assert set(items) == {"a.txt", "way out", "file out"}
    assert items["way out"]["fate"]["type"] == items["file out"]["fate"]["type"] == "symlink"
    assert items["file out"]["sha256"] is None


def test_sockets_pipes_and_devices_are_listed_and_not_opened(bench: Bench, tmp_path: Path) -> None:
    source = fill(tmp_path / "source", {"a.txt": SOUND})
    os.mkfifo(source / "pipe")  # opened for reading it would wait for ever
    with socket.socket(socket.AF_UNIX) as listening:
        here = os.getcwd()
        os.chdir(source)  # the name of a socket may have 107 bytes
        listening.bind("socket")
        os.chdir(here)
        if os.geteuid() == 0:
            os.mknod(source / "zero", 0o600 | 0o020000, os.makedev(1, 5))
        sealed = bench.seal(source)
    fates = {path: item["fate"]["type"] for path, item in bench.items().items()}
    expected = {"a.txt": "file", "pipe": "fifo", "socket": "socket"}
    if os.geteuid() == 0:
        expected["zero"] = "character-device"
    assert fates == expected
    assert sealed["items"] == len(expected)
    done = run("restore", tmp_path / "out", "--vault", bench.vault, "--identity", bench.anna, "--json").ok(3)
    assert len(done.json["not_restored"]) == len(expected) - 1


def test_a_sparse_file_is_whole_and_its_holes_take_no_room(bench: Bench, tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.mkdir()
    with (source / "sparse.bin").open("wb") as file:
        file.write(b"begin")
        file.seek(96 << 20)
        file.write(b"end")
        file.truncate(128 << 20)
    bench.seal(source)
    stored = sum(path.stat().st_size for path in (bench.vault / "packs").rglob("*") if path.is_file())
    assert stored < 8 << 20
    out = back(bench, tmp_path)
    assert (out / "sparse.bin").stat().st_blocks * 512 < 16 << 20
    assert snapshot(out) == snapshot(source)


@pytest.mark.skipif(not ALL, reason="writes and reads more than 4 GiB; with BEARWITNESS_ALL=1")
def test_a_file_of_more_than_4_gib_comes_back(bench: Bench, tmp_path: Path) -> None:
    source, size = tmp_path / "source", (4 << 30) + 4097
    source.mkdir()
    with (source / "long.bin").open("wb") as file:
        for at in (0, (1 << 32) - 3, size - 5):
            file.seek(at)
            file.write(os.urandom(5))
    sealed = bench.seal(source)
    assert sealed["bytes"] == size
    item = bench.items()["long.bin"]
    assert item["bytes"] == size
    out = back(bench, tmp_path)
    with (source / "long.bin").open("rb") as before, (out / "long.bin").open("rb") as after:
        while one := before.read(16 << 20):
            assert one == after.read(16 << 20)
    bench.is_clean()


ODD_NAMES = [
    b"\xff\xfe not UTF-8 \xe4",
    b"line\nbreak",
    b"tab\tand\rreturn\x1b[31m",
    b"-rf",
    b" spaces ",
    b"back\\slash",
    b"quote\"'`$(id)",
    "café".encode(),
    "cafe\N{COMBINING ACUTE ACCENT}".encode(),
    "\N{RIGHT-TO-LEFT OVERRIDE}gpj.exe".encode(),
    b"x" * 255,
    b"...",
    b"~",
]


def test_names_come_back_byte_for_byte_and_are_shown_so_that_they_do_no_harm(
    bench: Bench, tmp_path: Path
) -> None:
    source = tmp_path / "source"
    source.mkdir()
    for number, name in enumerate(ODD_NAMES):
        folder = os.path.join(os.fsencode(source), b"in " + name[:200])
        os.mkdir(folder)
        for path in (os.path.join(os.fsencode(source), name), os.path.join(folder, name)):
            with open(path, "wb") as file:
                file.write(b"%d" % number)
    bench.seal(source)
    listed = bench.do("list")["items"]
    assert {os.fsencode(item["path"]) for item in listed} >= set(ODD_NAMES)
    (odd,) = [item for item in listed if item["path"].startswith("\udcff")]
    assert bytes.fromhex(odd["path_hex"]) == ODD_NAMES[0]
    shown = run("list", "--vault", bench.vault, "--identity", bench.anna).ok().out
    assert "\x1b" not in shown
    assert "\N{RIGHT-TO-LEFT OVERRIDE}" not in shown
    assert len(shown.splitlines()) <= len(listed) + 3  # a newline in a name makes no line
    assert snapshot(back(bench, tmp_path)) == snapshot(source)


# --- What goes wrong while it is read -----------------------------------------------------------


def test_a_file_that_changes_while_it_is_read_is_read_again(
    bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = fill(tmp_path / "source", {"video.bin": 200_000})
    still, asked = FileReading.is_still, [0]

    def once(self: FileReading, state: Any) -> bool:
        asked[0] += 1
        if asked[0] == 1:
            os.utime(source / "video.bin", ns=(1, 2))
        return still(self, state)

    monkeypatch.setattr(FileReading, "is_still", once)
    assert bench.seal(source)["unreadable"] == []
    item = bench.items()["video.bin"]
    assert item["mtime_ns"] == 2
    assert "changed" not in item["fate"]


def test_a_file_that_never_holds_still_is_sealed_and_listed_as_changed(
    bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = fill(tmp_path / "source", {"video.bin": 200_000, "a.txt": SOUND})
    changing = os.stat(source / "video.bin").st_ino

    def never(self: FileReading, state: Any) -> bool:
        return os.fstat(self._file).st_ino != changing

    monkeypatch.setattr(FileReading, "is_still", never)
    sealed = bench.seal(source, codes=(3,))
    assert [lost["path"] for lost in sealed["unreadable"]] == ["video.bin"]
    assert "changed" in sealed["unreadable"][0]["reason"]
    assert bench.items()["video.bin"]["fate"]["changed"] is True
    assert [lost["path"] for lost in bench.do("list", "--lost")["unreadable"]] == ["video.bin"]


def test_a_file_that_becomes_shorter_while_it_is_read_is_listed_and_the_rest_is_sealed(
    bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = fill(tmp_path / "source", {"a.txt": SOUND, "shrinks.bin": 300_000})
    state = FileReading.state

    def larger(self: FileReading) -> Any:
        told = state(self)
        return told._replace(size=told.size + 10) if told.size == 300_000 else told

    monkeypatch.setattr(FileReading, "state", larger)
    sealed = bench.seal(source, codes=(3,))
    assert [lost["path"] for lost in sealed["unreadable"]] == ["shrinks.bin"]
    assert "shorter" in sealed["unreadable"][0]["reason"]
    assert bench.items()["shrinks.bin"]["fate"]["type"] == "unreadable"
    bench.is_clean()


def failing(ranges: list[tuple[int, int]], inode: int) -> Callable[[FileReading, memoryview, int], int]:
    """Return what reads a file of which some bytes can not be had."""

    def get(self: FileReading, view: memoryview, offset: int) -> int:
        if os.fstat(self._file).st_ino == inode:
            for begin, end in ranges:
                if begin <= offset < end:
                    raise OSError(errno.EIO, os.strerror(errno.EIO))
                if offset < begin < offset + len(view):
                    raise OSError(errno.EIO, os.strerror(errno.EIO))  # a read that touches it fails whole
        return os.preadv(self._file, [view], offset)

    return get


def test_what_can_not_be_read_is_zero_in_the_copy_alone_and_listed_with_offsets(
    bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = fill(tmp_path / "source", {"scratched.bin": 300_000, "a.txt": SOUND})
    before = (source / "scratched.bin").read_bytes()
    bad = [(4096, 4096 + 1024), (200_192, 200_704)]
    monkeypatch.setattr(FileReading, "_get", failing(bad, (source / "scratched.bin").stat().st_ino))
    sealed = bench.seal(source, codes=(3,))
    assert "1536 bytes" in sealed["unreadable"][0]["reason"]
    losses = bench.items()["scratched.bin"]["fate"]["losses"]
    assert [(int(loss["offset"]), int(loss["length"])) for loss in losses] == [(4096, 1024), (200_192, 512)]
    assert {loss["reason"] for loss in losses} == {os.strerror(errno.EIO)}
    expected = bytearray(before)
    for begin, end in bad:
        expected[begin:end] = bytes(end - begin)
    assert (back(bench, tmp_path) / "scratched.bin").read_bytes() == bytes(expected)
    assert (source / "scratched.bin").read_bytes() == before
    bench.is_clean()


def test_what_can_not_be_opened_is_listed_with_its_reason(
    bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = fill(tmp_path / "source", {"locked.txt": SOUND, "a.txt": SOUND})
    opening = FolderSource.open

    def refused(self: FolderSource, found: Any) -> Any:
        if found.path == b"locked.txt":
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
        return opening(self, found)

    monkeypatch.setattr(FolderSource, "open", refused)
    done = run("seal", source, "--vault", bench.vault).ok(3)
    assert " x  locked.txt: Permission denied" in done.out
    listed = bench.do("list")
    assert [(lost["path"], lost["reason"]) for lost in listed["unreadable"]] == [
        ("locked.txt", "Permission denied")
    ]
    out = back(bench, tmp_path, codes=(3,))
    assert set(snapshot(out)) == {b"a.txt"}


@needs_root
def test_another_file_system_below_the_source_is_told_and_not_entered(bench: Bench, tmp_path: Path) -> None:
    source = fill(tmp_path / "source", {"a.txt": SOUND})
    with mounted(source / "other disk", "-t", "tmpfs", "tmpfs") as place:
        (place / "inside.txt").write_text("on another disk")
        bench.seal(source, codes=(3,))
    items = bench.items()
    assert set(items) == {"a.txt", "other disk"}
    assert items["other disk"]["fate"]["type"] == "other-filesystem"
    assert [lost["path"] for lost in bench.do("list")["unreadable"]] == ["other disk"]


def test_a_vault_that_lies_in_the_source_is_not_sealed_into_itself(bench: Bench, tmp_path: Path) -> None:
    fill(tmp_path / "bench", {"a.txt": SOUND})
    bench.seal(bench.folder)
    assert not [path for path in bench.items() if path.startswith("vault/")]
    assert "a.txt" in bench.items()


# --- The source stays as it is ------------------------------------------------------------------


def states(root: Path) -> Iterator[tuple[str, tuple[int, ...]]]:
    """Yield every name with all times, size and mode; a change of anything moves ctime."""
    for path in [root, *sorted(root.rglob("*"))]:
        s = path.lstat()
        yield str(path), (s.st_atime_ns, s.st_mtime_ns, s.st_ctime_ns, s.st_size, s.st_mode, s.st_nlink)


def test_nothing_on_the_source_is_changed_not_even_when_it_was_read(bench: Bench, tmp_path: Path) -> None:
    files: dict[str, bytes | int] = {"a.txt": SOUND, "b/c.bin": 5_000_000, "b/empty": b""}
    source = fill(tmp_path / "source", files)
    (source / "link").symlink_to("a.txt")
    for path in sorted(source.rglob("*"), reverse=True):
        os.utime(
            path, ns=(1_000, 2_000), follow_symlinks=False
        )  # read before it was written: atime would move
    os.utime(source, ns=(1_000, 2_000))
    before = dict(states(source))
    bench.seal(source, "--md5")
    after = dict(states(source))
    link = str(source / "link")  # a link has no way to be read without the kernel noting it
    before.pop(link), after.pop(link)
    assert after == before


@needs_root
def test_a_source_that_can_not_be_written_is_no_obstacle(bench: Bench, tmp_path: Path) -> None:
    source = fill(tmp_path / "source", {"a.txt": SOUND, "b/c.bin": 90_000})
    with mounted(tmp_path / "read-only", "--bind", "-o", "ro", str(source)) as place:
        bench.seal(place)
    assert snapshot(back(bench, tmp_path)) == snapshot(source)


def test_a_single_file_and_a_file_with_an_odd_name_are_sealed_alone(bench: Bench, tmp_path: Path) -> None:
    source = fill(tmp_path / "source", {"line\nbreak.txt": SOUND})
    sealed = bench.seal(source / "line\nbreak.txt")
    assert sealed["items"] == 1
    assert list(bench.items()) == ["line\nbreak.txt"]
    assert snapshot(back(bench, tmp_path)) == snapshot(source)


@pytest.mark.parametrize("what", ["missing", "pipe", "nothing"])
def test_what_is_no_source_is_refused_with_a_sentence(bench: Bench, tmp_path: Path, what: str) -> None:
    source = tmp_path / what
    if what == "pipe":
        os.mkfifo(source)
    words = [] if what == "nothing" else [source]
    done = run("seal", *words, "--vault", bench.vault)
    assert done.code == (2 if what == "nothing" else 1)
    assert done.err.startswith("bearwitness: ")
    assert done.out == ""


def test_a_folder_of_many_small_files_is_one_delivery(bench: Bench, tmp_path: Path) -> None:
    files: dict[str, bytes | int] = {f"{n % 7}/{n}.txt": b"%d" % n for n in range(600)}
    source = fill(tmp_path / "source", files)
    assert bench.seal(source)["items"] == 600
    assert snapshot(back(bench, tmp_path)) == snapshot(source)


def test_dates_that_no_64_bits_of_nanoseconds_hold_cost_nothing(tmp_path: Path) -> None:
    """A recorder's clock may be centuries off; one folder so dated made its delivery unreadable."""
    bench = Bench(tmp_path / "bench")
    source = fill(tmp_path / "source", {"folder/old": b"old", "new": b"new", "plain": b"plain"})
    far = {"folder/old": -12_000_000_000, "new": 10_413_792_000, "folder": 11_000_000_000}
    for name, seconds in far.items():
        os.utime(source / name, ns=(seconds * 10**9 + 7, seconds * 10**9 + 8))
    before = snapshot(source)
    bench.seal(source)
    bench.is_clean()
    assert bench.items()["new"]["mtime_ns"] == (source / "new").stat().st_mtime_ns
    bench.do("restore", tmp_path / "out")
    assert snapshot(tmp_path / "out") == before
    bench.release(tmp_path / "court", ["new", "folder/old"], "--reveal", "path,mtime")
    verify(tmp_path / "court", "--vault-key", bench.fingerprint).ok()
    assert before[b"new"][2] > 2**63, "this disk has no such dates"
