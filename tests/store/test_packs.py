"""Packs: whatever is put in comes out again, padded, under the hash of what lies on the disk."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from typing import Any

import pyrage
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bearwitness.crypto import age
from bearwitness.crypto.padding import padded_length
from bearwitness.store import directfile
from bearwitness.store.directfile import BLOCK_BYTES, FLUSH_BYTES, DiskWriter, open_direct
from bearwitness.store.packs import BUFFER_BYTES, Pack, PackWriter, pack_path
from scale import ALL, sample

CHUNK = age.CHUNK_BYTES
SHM = Path("/dev/shm")


@pytest.fixture(scope="module")
def disk() -> DiskWriter:
    """Return one disk writer for all packs, as a worker has."""
    return DiskWriter()


@pytest.fixture(params=["disk", "memory"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Path]:
    """Return a folder on a disk, and one in memory, which knows no O_DIRECT on many kernels."""
    if request.param == "disk":
        yield tmp_path
        return
    if not os.access(SHM, os.W_OK):
        pytest.skip("there is no /dev/shm")
    folder = SHM / f"bearwitness-test-{os.getpid()}"
    folder.mkdir()
    try:
        yield folder
    finally:
        for path in folder.iterdir():
            path.unlink()
        folder.rmdir()


def data_of(size: int) -> bytes:
    return (sha256(str(size).encode()).digest() * (size // 32 + 1))[:size]


def put(writer: PackWriter, data: bytes, step: int) -> None:
    at = 0
    while at < len(data):
        room = writer.room(min(step, len(data) - at, CHUNK))
        size = min(step, len(data) - at, len(room))
        room[:size] = data[at : at + size]
        writer.commit(size)
        at += size


def plain(folder: Path, pack: Pack) -> bytes:
    """Return the plaintext of a pack, its name and length being right."""
    sealed = (folder / pack.name).read_bytes()
    assert sha256(sealed).hexdigest() == pack.name
    assert len(sealed) == pack.stored_bytes
    return age.decrypt(sealed, pack.identity)


EDGES = sorted(
    {
        max(1, base + more)
        for base in (
            0,
            BLOCK_BYTES,
            CHUNK,
            2 * CHUNK,
            BUFFER_BYTES,
            BUFFER_BYTES + CHUNK,
            FLUSH_BYTES,
            2 * FLUSH_BYTES,
        )
        for more in (-16, -1, 0, 1, 16)
    }
)


@pytest.mark.parametrize("size", sample(EDGES, 14))
def test_a_pack_of_any_size_around_the_edges_of_its_buffers_comes_back(
    size: int, disk: DiskWriter, place: Path
) -> None:
    data = data_of(size)
    for step in {1 + size // 3, CHUNK, size}:
        writer = PackWriter(place, disk)
        put(writer, data, step)
        assert writer.offset == size
        writer.close_pack()
        (pack,) = writer.settle()
        found = plain(place, pack)
        assert found[:size] == data
        assert len(found) == padded_length(size)
        assert not any(found[size:])
        assert [path.name for path in place.iterdir()] == [pack.name]
        (place / pack.name).unlink()


@settings(
    max_examples=300 if ALL else 20,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(st.lists(st.tuples(st.integers(1, 3 * CHUNK), st.integers(1, 2 * CHUNK)), min_size=1, max_size=6))
def test_several_packs_in_a_row_do_not_mix(
    disk: DiskWriter, tmp_path_factory: pytest.TempPathFactory, made: list[tuple[int, int]]
) -> None:
    folder = tmp_path_factory.mktemp("packs")
    writer = PackWriter(folder, disk)
    for number, (size, step) in enumerate(made):
        put(writer, data_of(size + number), step)
        writer.close_pack()
    packs = writer.settle()
    assert len({pack.identity.secret for pack in packs}) == len({pack.name for pack in packs}) == len(made)
    for number, ((size, _), pack) in enumerate(zip(made, packs, strict=True)):
        assert plain(folder, pack)[: size + number] == data_of(size + number)


def test_a_large_pack_that_is_flushed_many_times_comes_back_and_others_read_it(
    disk: DiskWriter, tmp_path: Path
) -> None:
    data = data_of(5 * FLUSH_BYTES + 4321)
    writer = PackWriter(tmp_path, disk)
    put(writer, data, 50_000)
    writer.close_pack()
    (pack,) = writer.settle()
    sealed = (tmp_path / pack.name).read_bytes()
    theirs = pyrage.x25519.Identity.from_str(pack.identity.text())
    assert pyrage.decrypt(sealed, [theirs])[: len(data)] == data


def test_nothing_is_no_pack(disk: DiskWriter, tmp_path: Path) -> None:
    writer = PackWriter(tmp_path, disk)
    assert writer.close_pack() is None
    assert writer.settle() == []
    assert list(tmp_path.iterdir()) == []


def test_a_pack_has_its_name_only_once_it_is_on_the_disk(disk: DiskWriter, tmp_path: Path) -> None:
    writer = PackWriter(tmp_path, disk)
    put(writer, b"text", 4)
    pack = writer.close_pack()
    assert pack is not None
    assert not (tmp_path / pack.name).exists()
    assert writer.settle() == [pack]
    assert (tmp_path / pack.name).exists()
    assert writer.settle() == []


def test_what_is_given_up_leaves_nothing_and_the_next_pack_is_good(disk: DiskWriter, tmp_path: Path) -> None:
    writer = PackWriter(tmp_path, disk)
    put(writer, data_of(2 * FLUSH_BYTES), CHUNK)
    writer.close_pack()
    put(writer, data_of(FLUSH_BYTES + 5), CHUNK)
    writer.abandon()
    assert list(tmp_path.iterdir()) == []
    assert writer.offset == 0
    put(writer, b"afterwards", 4)
    writer.close_pack()
    (pack,) = writer.settle()
    assert plain(tmp_path, pack).rstrip(b"\x00") == b"afterwards"


def test_plaintext_never_touches_the_disk(disk: DiskWriter, tmp_path: Path) -> None:
    writer = PackWriter(tmp_path, disk)
    marker = b"MARKER-" * 20_000
    put(writer, marker, CHUNK)
    writer.close_pack()
    (pack,) = writer.settle()
    assert b"MARKER-" not in (tmp_path / pack.name).read_bytes()


def test_a_packs_place_is_told_by_its_name() -> None:
    assert pack_path("ab" + "0" * 62) == "packs/ab/ab" + "0" * 62


# --- Errors --------------------------------------------------------------------------------------


def failing(after: int, code: int = errno.ENOSPC) -> Any:
    """Return a pwrite that fails after some calls."""
    real, calls = os.pwrite, [0]

    def pwrite(file: int, data: Any, offset: int) -> int:
        calls[0] += 1
        if calls[0] > after:
            raise OSError(code, os.strerror(code))
        return real(file, data, offset)

    return pwrite


@pytest.mark.parametrize("after", range(3))
def test_a_full_disk_surfaces_at_the_latest_when_the_packs_are_settled(
    after: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    writer = PackWriter(tmp_path, DiskWriter())
    monkeypatch.setattr(os, "pwrite", failing(after))
    with pytest.raises(OSError, match="No space left"):
        write_all(writer)
    monkeypatch.undo()
    writer.abandon()
    assert list(tmp_path.iterdir()) == []


def write_all(writer: PackWriter) -> None:
    put(writer, data_of(2 * FLUSH_BYTES + 7), CHUNK)
    writer.close_pack()
    writer.settle()


@pytest.mark.parametrize("name", ["fsync", "ftruncate"])
def test_a_disk_that_can_not_make_a_pack_durable_surfaces(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: Any) -> None:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    writer = PackWriter(tmp_path, DiskWriter())
    monkeypatch.setattr(os, name, broken)
    with pytest.raises(OSError, match="Input/output error"):
        write_all(writer)
    monkeypatch.undo()
    writer.abandon()


def test_a_write_cut_short_by_the_system_is_continued(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = os.pwrite
    monkeypatch.setattr(os, "pwrite", lambda file, data, offset: real(file, data[:BLOCK_BYTES], offset))
    writer = PackWriter(tmp_path, DiskWriter())
    put(writer, data_of(FLUSH_BYTES + 99), CHUNK)
    writer.close_pack()
    (pack,) = writer.settle()
    assert plain(tmp_path, pack)[: FLUSH_BYTES + 99] == data_of(FLUSH_BYTES + 99)


def test_a_file_system_that_refuses_o_direct_on_opening_is_written_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = os.open

    def refusing(path: Any, flags: int, *more: Any, **named: Any) -> int:
        if flags & os.O_DIRECT:
            os.close(
                real(path, flags & ~os.O_DIRECT, *more, **named)
            )  # some create the file before they refuse
            raise OSError(errno.EINVAL, "Invalid argument")
        return real(path, flags, *more, **named)

    monkeypatch.setattr(os, "open", refusing)
    writer = PackWriter(tmp_path, DiskWriter())
    put(writer, data_of(FLUSH_BYTES + 1), CHUNK)
    writer.close_pack()
    (pack,) = writer.settle()
    assert plain(tmp_path, pack)[: FLUSH_BYTES + 1] == data_of(FLUSH_BYTES + 1)


def test_a_file_system_that_refuses_o_direct_on_writing_is_written_through_the_cache(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import fcntl

    real, refused = os.pwrite, []

    def refusing(file: int, data: Any, offset: int) -> int:
        if fcntl.fcntl(file, fcntl.F_GETFL) & os.O_DIRECT:
            refused.append(offset)
            raise OSError(errno.EINVAL, "Invalid argument")
        return real(file, data, offset)

    monkeypatch.setattr(os, "pwrite", refusing)
    writer = PackWriter(tmp_path, DiskWriter())
    put(writer, data_of(2 * FLUSH_BYTES), CHUNK)
    writer.close_pack()
    (pack,) = writer.settle()
    assert refused == [0]
    assert plain(tmp_path, pack) == data_of(2 * FLUSH_BYTES)


def test_an_invalid_argument_without_o_direct_is_an_error_and_no_endless_loop(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "pwrite", failing(0, errno.EINVAL))
    writer = PackWriter(tmp_path, DiskWriter())
    with pytest.raises(OSError, match="Invalid argument"):
        write_all(writer)
    monkeypatch.undo()
    writer.abandon()


def test_a_file_is_made_anew_and_only_for_its_owner(tmp_path: Path) -> None:
    descriptor = open_direct(tmp_path / "made")
    os.close(descriptor)
    assert (tmp_path / "made").stat().st_mode & 0o777 == 0o600
    with pytest.raises(FileExistsError):
        open_direct(tmp_path / "made")
    with pytest.raises(FileNotFoundError):
        open_direct(tmp_path / "no" / "folder")
    (tmp_path / "link").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(FileExistsError):
        open_direct(tmp_path / "link")
    assert not (tmp_path / "elsewhere").exists()


def test_the_last_block_is_padded_on_the_disk_and_the_file_cut_to_its_length(tmp_path: Path) -> None:
    disk, data = DiskWriter(), data_of(FLUSH_BYTES + BLOCK_BYTES + 5)
    file = open_direct(tmp_path / "made")
    disk.buffer()[:FLUSH_BYTES] = data[:FLUSH_BYTES]
    tail = len(data) - FLUSH_BYTES
    disk.buffer()[FLUSH_BYTES : FLUSH_BYTES + tail] = data[FLUSH_BYTES:]
    disk.swap(file, 0, FLUSH_BYTES, tail)
    assert bytes(disk.buffer()[:tail]) == data[FLUSH_BYTES:]
    disk.submit_close(file, FLUSH_BYTES, tail, len(data)).result()
    assert (tmp_path / "made").read_bytes() == data
    assert directfile.BLOCK_BYTES == 4096
