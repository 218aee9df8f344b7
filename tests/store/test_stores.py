"""What every store must do, asked of each."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bearwitness.errors import MalformedError, StorageError
from bearwitness.store import local
from bearwitness.store.base import Store, check_path
from bearwitness.store.local import LocalStore
from bearwitness.store.memory import MemoryStore
from scale import ALL

STORES: dict[str, Callable[[Path], Store]] = {
    "memory": lambda folder: MemoryStore(),
    "local": lambda folder: LocalStore(folder / "store"),
}


@pytest.fixture(params=STORES)
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Store:
    """Return an empty store of each kind."""
    return STORES[request.param](tmp_path)


# --- The contract --------------------------------------------------------------------------------


@pytest.mark.parametrize("data", [b"", b"x", bytes(range(256)) * 300])
def test_what_was_put_is_there(store: Store, data: bytes) -> None:
    store.write("packs/ab/abc", data)
    assert store.read("packs/ab/abc") == data
    assert store.size("packs/ab/abc") == len(data)
    assert list(store.names("")) == ["packs/ab/abc"]


def test_a_second_write_replaces_the_first_whole(store: Store) -> None:
    store.write("a", b"long text")
    store.write("a", b"short")
    assert store.read("a") == b"short"
    assert store.size("a") == 5
    assert list(store.names("")) == ["a"]


def test_what_is_not_there_is_a_key_error_and_has_no_size(store: Store) -> None:
    store.write("folder/file", b"x")
    for path in ("nothing", "folder", "folder/other", "folder/file/below", "other/file"):
        with pytest.raises(KeyError):
            store.read(path)
        with pytest.raises(KeyError):
            store.read_range(path, 0, 1)
        with pytest.raises(KeyError):
            store.read_into(path, 0, memoryview(bytearray(1)))
        assert store.size(path) is None


def test_ranges_are_slices(store: Store) -> None:
    data = bytes(range(200))
    store.write("a", data)
    for offset in (0, 1, 100, 199, 200, 201, 1000):
        for length in (0, 1, 100, 200, 1000):
            assert store.read_range("a", offset, length) == data[offset : offset + length]
            room = bytearray(b"." * length)
            got = store.read_into("a", offset, memoryview(room))
            assert room[:got] == data[offset : offset + length]
            assert room[got:] == b"." * (length - got)


def test_removing_is_final_and_may_be_repeated(store: Store) -> None:
    store.write("a/b", b"x")
    store.write("a/c", b"y")
    store.remove("a/b")
    store.remove("a/b")
    store.remove("never/was")
    assert list(store.names("")) == ["a/c"]
    assert store.size("a/b") is None
    with pytest.raises(KeyError):
        store.read("a/b")


def test_names_are_those_below_a_folder_and_not_those_that_begin_alike(store: Store) -> None:
    for path in ("log/vault/1", "log/vault/2", "log/vaults/3", "log/x/y/z", "logs/4", "top"):
        store.write(path, b"")
    assert sorted(store.names("log/vault")) == ["log/vault/1", "log/vault/2"]
    assert sorted(store.names("log")) == ["log/vault/1", "log/vault/2", "log/vaults/3", "log/x/y/z"]
    assert len(list(store.names(""))) == 6
    assert list(store.names("nowhere")) == list(store.names("top")) == list(store.names("log/vault/1")) == []


def test_names_may_be_removed_while_they_are_listed(store: Store) -> None:
    for n in range(5):
        store.write(f"a/{n}", b"")
    for path in store.names("a"):
        store.remove(path)
    assert list(store.names("")) == []


BAD_PATHS = [
    *"/ // /etc/passwd a/ a//b . .. ../x a/../b a/.. ./a a/. .hidden a/.hidden .part-0 ä a/ü a\\b".split(),
    *"C:\\x -rf a/-b ~ * a:b".split(),
    "",
    "a b",
    "a\nb",
    "a\n",
    "a\x00b",
    "／",
    "x" * 129,
    "a/" + "x" * 129,
    "�",
]


@pytest.mark.parametrize("path", BAD_PATHS, ids=ascii)
def test_a_path_that_could_lead_elsewhere_is_refused_by_every_door(
    store: Store, path: str, tmp_path: Path
) -> None:
    doors: list[Callable[[], Any]] = [
        lambda: store.read(path),
        lambda: store.read_range(path, 0, 1),
        lambda: store.read_into(path, 0, memoryview(bytearray(1))),
        lambda: store.write(path, b"x"),
        lambda: store.remove(path),
        lambda: store.size(path),
    ]
    if path:
        doors.append(lambda: list(store.names(path)))
    for door in doors:
        with pytest.raises(MalformedError):
            door()
    assert list(store.names("")) == []
    assert list(tmp_path.rglob("*")) == []


@pytest.mark.parametrize(
    "path", ["vault.toml", "log/vault/entries/000000/000000000.entry", "_a", "A", "0", "a.b-c_d", "x" * 128]
)
def test_paths_of_a_vault_are_accepted(path: str) -> None:
    assert check_path(path) == path


PATHS = st.lists(st.sampled_from(["a", "b", "c.d"]), min_size=1, max_size=2).map("/".join)
ACTS = st.lists(
    st.tuples(st.sampled_from(["write", "remove", "read"]), PATHS, st.binary(max_size=3)), max_size=12
)


@settings(
    max_examples=400 if ALL else 15,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(acts=ACTS)
def test_stores_can_not_be_told_apart(
    acts: list[tuple[str, str, bytes]], tmp_path_factory: pytest.TempPathFactory
) -> None:
    one, other = MemoryStore(), LocalStore(tmp_path_factory.mktemp("store"))
    files: set[str] = set()
    folders: set[str] = set()  # a path that was a folder once may stay one on a disk
    for act, path, data in acts:
        if act == "write" and path not in folders and not any(path.startswith(k + "/") for k in files):
            files.add(path)
            folders |= {path.rpartition("/")[0]} - {""}
            one.write(path, data)
            other.write(path, data)
        elif act == "remove":
            files.discard(path)
            one.remove(path)
            other.remove(path)
        assert one.size(path) == other.size(path)
    for prefix in ("", "a", "b", "a/a"):
        assert sorted(one.names(prefix)) == sorted(other.names(prefix))
    assert {path: one.read(path) for path in one.names("")} == {
        path: other.read(path) for path in other.names("")
    }


# --- The one on disk -----------------------------------------------------------------------------


def test_a_folder_that_can_not_be_read_is_not_taken_for_an_empty_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store, opened = LocalStore(tmp_path), os.scandir
    store.write("a/b/c", b"x")

    def scandir(path: str) -> Any:
        if str(path).endswith("/b"):
            raise PermissionError(errno.EACCES, "Permission denied", path)
        return opened(path)

    monkeypatch.setattr(os, "scandir", scandir)
    with pytest.raises(StorageError, match="b"):
        list(store.names(""))
    assert list(store.names("nothing")) == []


def test_a_write_that_fails_leaves_the_old_bytes_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = LocalStore(tmp_path)
    store.write("a/b", b"old")

    def full(*_: Any) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    for name in ("fsync", "replace"):
        with monkeypatch.context() as patch:
            patch.setattr(os, name, full)
            with pytest.raises(StorageError, match="is full"):
                store.write("a/b", b"new")
        assert store.read("a/b") == b"old"
        assert [path.name for path in tmp_path.rglob("*") if path.is_file()] == ["b"]


def test_a_write_is_interrupted_without_leaving_half_a_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = LocalStore(tmp_path)

    def interrupted(*_: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "fsync", interrupted)
    (tmp_path / "a").mkdir()
    with pytest.raises(KeyboardInterrupt):
        store.write("a/b", b"x")
    assert list((tmp_path / "a").iterdir()) == []


def test_bytes_and_name_are_on_the_disk_when_a_write_returns(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    order: list[str] = []
    real_sync, real_replace = os.fsync, Path.replace

    def sync(descriptor: int) -> None:
        place = Path(os.readlink(f"/proc/self/fd/{descriptor}"))
        order.append("folder" if place.is_dir() else "file")
        real_sync(descriptor)

    def replace(self: Path, target: Path) -> Path:
        order.append("rename")
        return real_replace(self, target)

    (tmp_path / "a").mkdir()
    monkeypatch.setattr(os, "fsync", sync)
    monkeypatch.setattr(Path, "replace", replace)
    LocalStore(tmp_path).write("a/b", b"x")
    assert order == ["file", "rename", "folder"]
    order.clear()
    LocalStore(tmp_path).remove("a/b")
    assert order == ["folder"]


def test_new_folders_are_made_durable_in_the_one_above(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: list[Path] = []
    real = local.sync_folder

    def noting(folder: Path) -> None:
        synced.append(folder)
        real(folder)

    monkeypatch.setattr(local, "sync_folder", noting)
    LocalStore(tmp_path).write("a/b/c", b"x")
    assert synced == [tmp_path, tmp_path / "a", tmp_path / "a" / "b"]


def test_what_an_interrupted_write_left_is_never_named(tmp_path: Path) -> None:
    store = LocalStore(tmp_path)
    store.write("a/b", b"x")
    (tmp_path / "a" / ".part-0011223344556677").write_bytes(b"half")
    assert list(store.names("")) == ["a/b"]


def test_where_a_folder_should_be_there_is_a_file_is_a_storage_error(tmp_path: Path) -> None:
    store = LocalStore(tmp_path)
    store.write("a", b"x")
    with pytest.raises(StorageError):
        store.write("a/b", b"y")
    assert store.read("a") == b"x"


def test_a_place_that_can_not_be_written_is_a_storage_error() -> None:
    with pytest.raises(StorageError):
        LocalStore(Path("/proc/nothing")).write("a", b"x")


def test_adopting_moves_a_finished_file(tmp_path: Path) -> None:
    store = LocalStore(tmp_path / "store")
    (tmp_path / "made").write_bytes(b"x")
    store.adopt(tmp_path / "made", "packs/ab/abcd")
    assert store.read("packs/ab/abcd") == b"x"
    assert not (tmp_path / "made").exists()
    with pytest.raises(StorageError):
        store.adopt(tmp_path / "made", "packs/ab/other")
    with pytest.raises(MalformedError):
        store.adopt(tmp_path / "made", "../outside")
