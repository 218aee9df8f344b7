"""A release as a folder or as the one archive its names and bytes allow."""

from __future__ import annotations

import io
import os
import shutil
import socket
import struct
import subprocess
import sys
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bearwitness_verify import archive
from bearwitness_verify.archive import FolderPackage, ZipPackage, open_package, read_file, write_zip
from bearwitness_verify.errors import MalformedError
from scale import ALL, examples

FILES = {
    "VERIFY.txt": b"how to check\n",
    "exhibits/01.mp4": b"\x00" * 300 + b"\xff" * 17,
    "exhibits/02": b"",
    "release.json": b"{}",
    "release.sig": "\N{EM DASH} sig\n".encode(),
}


class Held:
    """A package in memory."""

    def __init__(self, files: dict[str, bytes]) -> None:
        self.files = files

    def names(self) -> list[str]:
        return sorted(self.files)

    def size(self, name: str) -> int:
        return len(self.files[name])

    def pieces(self, name: str) -> Iterator[bytes]:
        data = self.files[name]
        for at in range(0, len(data), 7):
            yield data[at : at + 7]


def zipped(files: dict[str, bytes]) -> bytes:
    out = io.BytesIO()
    write_zip(Held(files), out)
    return out.getvalue()


def contents(package: archive.Package) -> dict[str, bytes]:
    return {name: b"".join(package.pieces(name)) for name in package.names()}


def folder(root: Path, files: dict[str, bytes]) -> Path:
    for name, data in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(data)
    return root


def by_hand(files: dict[str, bytes]) -> bytes:
    """Return the archive that docs/format.md, 11 describes, put together from APPNOTE's tables."""
    local, central, at = b"", b"", 0
    for name, data in sorted(files.items()):
        text = name.encode()
        common = struct.pack(
            "<HHHHHIIIHH", 20, 0x0800, 0, 0, 0x0021, zlib.crc32(data), len(data), len(data), len(text), 0
        )
        central += (
            b"PK\x01\x02" + struct.pack("<H", 20) + common + struct.pack("<HHHII", 0, 0, 0, 0, at) + text
        )
        entry = b"PK\x03\x04" + common + text + data
        local, at = local + entry, at + len(entry)
    count = len(files)
    end = b"PK\x05\x06" + struct.pack("<HHHHIIH", 0, 0, count, count, len(central), at, 0)
    return local + central + end


# --- Archives ------------------------------------------------------------------------------------


def test_the_archive_is_the_one_the_document_describes() -> None:
    assert zipped(FILES) == by_hand(FILES)
    assert zipped({}) == by_hand({})


def test_an_archive_holds_what_was_put_in() -> None:
    assert contents(ZipPackage(io.BytesIO(zipped(FILES)))) == FILES


@examples(60)
@given(
    st.dictionaries(
        st.text(st.characters(exclude_categories=("Cs",)), min_size=1, max_size=30),
        st.binary(max_size=50),
        max_size=6,
    )
)
def test_any_names_and_bytes_give_one_archive_that_is_read_back(files: dict[str, bytes]) -> None:
    files = {name: data for name, data in files.items() if len(name.encode()) <= archive.NAME_BYTES_MAX}
    data = zipped(files)
    assert data == by_hand(files)
    assert contents(ZipPackage(io.BytesIO(data))) == files


def test_python_and_unzip_take_the_archive_and_find_the_same_in_it(tmp_path: Path) -> None:
    path = tmp_path / "release.zip"
    path.write_bytes(zipped(FILES))
    with zipfile.ZipFile(path) as read:
        assert read.testzip() is None
        assert {i.filename: read.read(i) for i in read.infolist()} == FILES
        assert {i.date_time for i in read.infolist()} == {(1980, 1, 1, 0, 0, 0)}
    subprocess.run([sys.executable, "-m", "zipfile", "-t", path], check=True, capture_output=True)
    if shutil.which("unzip"):
        subprocess.run(["unzip", "-tqq", path], check=True, capture_output=True)


def test_no_byte_of_an_archive_can_be_altered() -> None:
    data = zipped(FILES)
    for at in range(len(data)):
        for mask in (1, 0x80):
            altered = bytearray(data)
            altered[at] ^= mask
            with pytest.raises(MalformedError):
                contents(ZipPackage(io.BytesIO(altered)))


def test_an_archive_cut_short_or_with_more_behind_it_is_refused() -> None:
    data = zipped(FILES)
    for length in range(len(data)):
        with pytest.raises(MalformedError):
            ZipPackage(io.BytesIO(data[:length]))
    for extra in (b"\x00", b"PK", data):
        with pytest.raises(MalformedError):
            ZipPackage(io.BytesIO(data + extra))
        with pytest.raises(MalformedError):
            ZipPackage(io.BytesIO(extra + data))


def test_what_ordinary_tools_write_is_refused(tmp_path: Path) -> None:
    for method in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        out = io.BytesIO()
        with zipfile.ZipFile(out, "w", method) as made:
            for name, data in sorted(FILES.items()):
                made.writestr(name, data)
        with pytest.raises(MalformedError):
            ZipPackage(out)


def rearranged(names: list[str]) -> bytes:
    """Return an archive in which the files come in this order."""

    class Unsorted(Held):
        def names(self) -> list[str]:
            return names

    out = io.BytesIO()
    write_zip(Unsorted(FILES), out)
    return out.getvalue()


def test_names_out_of_order_or_twice_are_refused() -> None:
    ordered = sorted(FILES)
    assert rearranged(ordered) == zipped(FILES)
    for names in (ordered[::-1], [ordered[0], *ordered], [*ordered, ordered[-1]]):
        with pytest.raises(MalformedError, match="not in order"):
            ZipPackage(io.BytesIO(rearranged(names)))


def test_a_name_that_is_too_long_or_not_utf_8_is_refused() -> None:
    with pytest.raises(MalformedError):
        ZipPackage(io.BytesIO(zipped({"x" * (archive.NAME_BYTES_MAX + 1): b""})))
    assert ZipPackage(io.BytesIO(zipped({"x" * archive.NAME_BYTES_MAX: b""}))).names()
    with pytest.raises(MalformedError, match="UTF-8"):
        ZipPackage(io.BytesIO(zipped({"abc": b""}).replace(b"abc", b"ab\xff")))
    with pytest.raises(MalformedError):
        ZipPackage(io.BytesIO(zipped({"": b""})))


def test_a_directory_that_says_otherwise_than_the_files_is_refused() -> None:
    data, other = zipped({"a": b"1", "b": b"2"}), zipped({"a": b"1", "b": b"3"})
    start, end = data.index(b"PK\x01\x02"), other.index(b"PK\x01\x02")
    with pytest.raises(MalformedError, match="end of the archive"):
        ZipPackage(io.BytesIO(data[:start] + other[end:]))


def test_a_file_whose_bytes_do_not_fit_its_checksum_is_refused_only_when_read() -> None:
    data = zipped(FILES).replace(b"how to check", b"how to cheat")
    package = ZipPackage(io.BytesIO(data))
    with pytest.raises(MalformedError, match=r"VERIFY.txt does not fit its checksum"):
        read_file(package, "VERIFY.txt", 100)
    assert read_file(package, "release.json", 100) == b"{}"


# --- Larger than 4 GiB ---------------------------------------------------------------------------


class Sparse(io.RawIOBase):
    """A file of zeros with some written parts, that only says how large it is."""

    def __init__(self, size: int, parts: dict[int, bytes]) -> None:
        super().__init__()
        self.length, self.parts, self.at = size, parts, 0

    def seek(self, offset: int, whence: int = 0) -> int:
        self.at = offset + (self.length if whence == os.SEEK_END else 0)
        return self.at

    def read(self, size: int = -1) -> bytes:
        size = max(0, min(size, self.length - self.at))
        out = bytearray(size)
        for begin, part in self.parts.items():
            low, high = max(begin, self.at), min(begin + len(part), self.at + size)
            if low < high:
                out[low - self.at : high - self.at] = part[low - begin : high - begin]
        self.at += size
        return bytes(out)


class Huge(Held):
    """A package whose first file claims to be huge, without bytes."""

    def __init__(self, sizes: dict[str, int]) -> None:
        super().__init__(dict.fromkeys(sizes, b""))
        self.sizes = sizes

    def size(self, name: str) -> int:
        return self.sizes[name]


@pytest.mark.parametrize("size", [2**32 - 2, 2**32 - 1, 2**32, 2**32 + 1, 5 * 2**40])
def test_headers_of_huge_files_use_zip64_where_they_must_and_only_there(size: int) -> None:
    sizes = {"a": 3, "b": size, "c": 4}
    out = io.BytesIO()
    write_zip(Huge(sizes), out)  # headers only: bytes are added as holes
    headers, parts, real, at = out.getvalue(), {}, 0, 0
    for name, length in sizes.items():
        wide = length >= 2**32 - 1
        header = 30 + 1 + (20 if wide else 0)
        assert headers[real : real + 4] == b"PK\x03\x04"
        assert struct.unpack_from("<H", headers, real + 4)[0] == (45 if wide else 20)
        parts[at] = headers[real : real + header]
        real, at = real + header, at + header + length
        assert parts[at - length - header].endswith(
            name.encode() + (struct.pack("<HHQQ", 1, 16, size, size) if wide else b"")
        )
    parts[at] = headers[real:]
    package = ZipPackage(Sparse(at + len(parts[at]), parts))  # type: ignore[arg-type]
    assert {name: package.size(name) for name in package.names()} == sizes
    assert (b"PK\x06\x06" in parts[at]) is (at >= 2**32 - 1)
    shrunk = dict(parts) | {at: parts[at][:-1] + b"\x01"}
    with pytest.raises(MalformedError):
        ZipPackage(Sparse(at + len(parts[at]), shrunk))  # type: ignore[arg-type]


def test_zip64_where_it_is_not_needed_is_refused() -> None:
    data = bytearray(zipped({"a": b"x"}))
    local = data[:30] + b"a" + struct.pack("<HHQQ", 1, 16, 1, 1)
    struct.pack_into("<H", local, 4, 45)
    struct.pack_into("<I", local, 18, 2**32 - 1)
    struct.pack_into("<I", local, 22, 2**32 - 1)
    struct.pack_into("<H", local, 28, 20)
    with pytest.raises(MalformedError, match="header"):
        ZipPackage(io.BytesIO(bytes(local) + b"x" + data[32:]))


@pytest.mark.skipif(not ALL, reason="writes and reads an archive of 4 GiB")
def test_an_archive_beyond_4_gib_is_taken_by_python_and_unzip_and_read_back(tmp_path: Path) -> None:
    root = folder(tmp_path / "release", {"exhibits/01.bin": b"first", "release.json": b"{}"})
    with (root / "exhibits" / "02.bin").open("wb") as file:
        file.truncate(2**32 + 5)
    path = tmp_path / "release.zip"
    with path.open("wb") as out:
        write_zip(FolderPackage(root), out)
    with zipfile.ZipFile(path) as read:
        assert read.getinfo("exhibits/02.bin").file_size == 2**32 + 5
        assert read.read("release.json") == b"{}"  # its header lies beyond 4 GiB
    if shutil.which("unzip"):
        subprocess.run(["unzip", "-tqq", path], check=True, capture_output=True)
    with open_package(path) as package:
        assert package.size("exhibits/02.bin") == 2**32 + 5
        assert sum(map(len, package.pieces("exhibits/02.bin"))) == 2**32 + 5
        assert read_file(package, "release.json", 9) == b"{}"


def test_more_files_than_sixteen_bits_count_are_listed_with_zip64() -> None:
    count = 65_536
    data = zipped({f"{n:06}": b"" for n in range(count)})
    assert b"PK\x06\x06" in data
    with zipfile.ZipFile(io.BytesIO(data)) as read:
        assert len(read.namelist()) == count
    assert len(ZipPackage(io.BytesIO(data)).names()) == count


def test_more_files_than_people_look_at_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archive, "FILES_MAX", 5)
    for count in (5, 6):
        files = {f"{n:06}": b"" for n in range(count)}
        for package in (zipped(files), folder(tmp_path / str(count), files)):
            if count == 5:
                assert len(opened(package).names()) == 5
            else:
                with pytest.raises(MalformedError, match="more than 5 files"):
                    opened(package)


def opened(package: bytes | Path) -> archive.Package:
    return FolderPackage(package) if isinstance(package, Path) else ZipPackage(io.BytesIO(package))


# --- Folders -------------------------------------------------------------------------------------


def test_a_folder_and_its_archive_hold_the_same(tmp_path: Path) -> None:
    root = folder(tmp_path / "release", FILES)
    with open_package(root) as package:
        assert contents(package) == FILES
        assert package.names() == sorted(FILES)
        assert {name: package.size(name) for name in package.names()} == {n: len(d) for n, d in FILES.items()}
        out = io.BytesIO()
        write_zip(package, out)
    assert out.getvalue() == zipped(FILES)


def odd(root: Path, kind: str) -> None:
    place = root / "exhibits" / "03.bin"
    if kind == "symlink":
        place.symlink_to(root / "release.json")
    elif kind == "symlink to nothing":
        place.symlink_to("nowhere")
    elif kind == "fifo":
        os.mkfifo(place)
    elif kind == "socket":
        with socket.socket(socket.AF_UNIX) as server:
            here = Path.cwd()
            os.chdir(place.parent)
            server.bind(place.name)
            os.chdir(here)
    elif kind == "folder in a folder":
        place.mkdir()
    elif kind == "symlink to a folder":
        (root / "more").symlink_to(root / "exhibits")


@pytest.mark.parametrize(
    "kind", ["symlink", "symlink to nothing", "fifo", "socket", "folder in a folder", "symlink to a folder"]
)
def test_a_folder_with_anything_but_files_is_refused_and_nothing_in_it_is_followed(
    kind: str, tmp_path: Path
) -> None:
    root = folder(tmp_path / "release", FILES)
    odd(root, kind)
    with pytest.raises(MalformedError, match="neither file nor folder"), open_package(root):
        pass


def test_a_file_of_the_folder_that_can_not_be_read_is_a_finding_and_no_crash(tmp_path: Path) -> None:
    root = folder(tmp_path / "release", FILES)

    def lose() -> None:
        with open_package(root) as package:
            (root / "release.json").unlink()
            read_file(package, "release.json", 10)

    with pytest.raises(MalformedError, match="can not be read"):
        lose()


def test_a_file_is_read_by_ranges_that_end_where_it_ends(tmp_path: Path) -> None:
    (tmp_path / "release.zip").write_bytes(zipped(FILES))
    for place in (folder(tmp_path / "release", FILES), tmp_path / "release.zip"):
        with open_package(place) as package:
            for name, data in FILES.items():
                for offset in range(len(data) + 2):
                    assert package.range_of(name, offset, 3) == data[offset : offset + 3]


def test_a_place_without_a_release_is_refused(tmp_path: Path) -> None:
    with pytest.raises(MalformedError, match="can not be read"), open_package(tmp_path / "nothing"):
        pass
    (tmp_path / "text").write_bytes(b"not an archive")
    with pytest.raises(MalformedError, match="neither a folder nor"), open_package(tmp_path / "text"):
        pass


def test_no_file_is_read_beyond_what_it_may_have() -> None:
    package = Held({"a": b"12345"})
    assert read_file(package, "a", 5) == b"12345"
    with pytest.raises(MalformedError):
        read_file(package, "a", 4)
    with pytest.raises(MalformedError, match="missing"):
        read_file(package, "b", 4)
