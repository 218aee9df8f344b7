"""A change to a vault is all or nothing, whenever the machine dies."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import shutil
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, Self

import pytest

from bearwitness.cli.main import main
from bearwitness.custody.entries import Entry
from bearwitness.errors import StorageError
from bearwitness.keep import rekeying, sharing_out
from bearwitness.keep.checking import CheckOptions, check
from bearwitness.store.packs import pack_path
from bearwitness.vault import change as changes
from bearwitness.vault import keyring
from bearwitness.vault.change import Change, erase, is_pending, replace
from bearwitness.vault.keyring import Unlocked
from bearwitness.vault.opening import open_vault
from bearwitness.vault.vault import Vault, digest_of
from bearwitness_verify.checkpoint import Checkpoint
from scale import ALL, sample
from workbench import Bench, fill, recipient_of, run

Copy = Callable[[], Path]


class Dead(BaseException):
    """The machine died."""


class Killer:
    """Lets so many of the calls through that change a disk; then the machine dies, nothing reaches it."""

    CALLS = ("fsync", "pwrite", "link", "replace", "rename", "unlink", "rmdir", "mkdir", "ftruncate")

    def __init__(self, patch: pytest.MonkeyPatch, calls: int, *, done: bool) -> None:
        self.left, self.done, self.seen, self.dead = calls, done, 0, False
        for name in self.CALLS:
            patch.setattr(os, name, self._wrapped(getattr(os, name)))

    def _wrapped(self, real: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: Any, **named: Any) -> Any:
            if self.dead:
                raise Dead
            self.seen += 1
            self.left -= 1
            if self.left == 0:
                self.dead = True
                if self.done:
                    real(*arguments, **named)
                raise Dead
            return real(*arguments, **named)

        return call


class InlinePool:
    """A process pool that is this process."""

    def __init__(self, *_: object, **__: object) -> None:
        pass

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def map(self, function: Callable[..., Any], *arguments: Iterable[Any]) -> Iterator[Any]:
        return map(function, *arguments)


@pytest.fixture(autouse=True)
def inline(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let `check` work in this process alone."""
    monkeypatch.setattr(sharing_out, "ProcessPoolExecutor", InlinePool)


def unlocked(vault: Vault, made: Bench) -> Unlocked:
    return keyring.unlock(vault, keyring.load_given([str(made.anna)], lambda prompt: ""))


def problems(vault: Vault, made: Bench) -> list[str]:
    return check(vault, unlocked(vault, made), CheckOptions(workers=1), lambda done: None).problems


def files(root: Path) -> dict[str, bytes]:
    """Return what belongs to a vault: nothing of this machine, no entries that were never committed."""
    vault = open_vault(root)
    entries = {vault.log.entry_path(index) for index in range(vault.log.size)}
    return {
        path: vault.store.read(path)
        for path in vault.store.names("")
        if path.partition("/")[0] not in ("local", "runs") and ("/entries/" not in path or path in entries)
    }


# --- A change of every kind ----------------------------------------------------------------------

PUT, NEW, UNBOUND, GONE = (
    "keys/keepers/0.age",
    "keys/keepers/7.age",
    "keys/source/0.age",
    "keys/keepers/1.age",
)
PACK = b"not even a pack, only named like one"


def change_everything(root: Path) -> None:
    """Replace a file the log speaks of, put a new one, one that no effect names, a pack; remove one."""
    vault = open_vault(root)
    with vault.writing():
        change = Change(vault)
        (change.pack_folder() / digest_of(PACK)).write_bytes(PACK)
        change.add_pack(digest_of(PACK))
        change.put(PUT, b"replaced")
        change.put(NEW, b"new")
        change.put(UNBOUND, vault.store.read(UNBOUND), bound=False)
        change.put("vault.toml", vault.store.read("vault.toml"))
        change.remove(GONE)
        change.commit({"kind": "keys-changed", "action": "test"}, {"keys/elsewhere.age": None})


def calls_of(root: Path, work: Callable[[Path], None]) -> int:
    """Count the calls that change the disk."""
    with pytest.MonkeyPatch.context() as patch:
        killer = Killer(patch, 10**9, done=False)
        work(root)
        return killer.seen


def is_before(root: Path, before: dict[str, bytes]) -> bool:
    now = files(root)
    pointer = "log/vault/checkpoint"  # may be an earlier one after a crash
    return {**now, pointer: b""} == {**before, pointer: b""}


def is_after(root: Path, size: int) -> bool:
    vault = open_vault(root)
    read = vault.store.read
    there = (read(PUT), read(NEW), read(pack_path(digest_of(PACK))), vault.store.size(GONE), vault.log.size)
    return there == (b"replaced", b"new", PACK, None, size + 1)


def test_a_change_is_carried_out_and_leaves_nothing_behind(copy: Copy) -> None:
    root = copy()
    size = open_vault(root).log.size
    change_everything(root)
    assert is_after(root, size)
    assert not (root / "runs" / "change").exists()
    vault = open_vault(root)
    effect = vault.log.effects()[size]
    assert effect == {
        PUT: digest_of(b"replaced"),
        NEW: digest_of(b"new"),
        "vault.toml": digest_of(vault.store.read("vault.toml")),
        GONE: None,
        "keys/elsewhere.age": None,
    }
    assert all(vault.read_expected(path, digest) for path, digest in vault.expected_files().items())


def test_a_change_that_is_not_committed_changes_nothing(copy: Copy) -> None:
    root = copy()
    before = files(root)
    vault = open_vault(root)
    change = Change(vault)
    change.put(PUT, b"replaced")
    change.remove(GONE)
    assert is_pending(vault)
    assert is_before(root, before)  # which opens it, and so clears what is left
    assert not is_pending(open_vault(root))


@pytest.mark.parametrize("done", [False, True], ids=["before the call", "after the call"])
def test_a_machine_that_dies_at_any_call_leaves_the_vault_before_or_after_the_change(
    done: bool, copy: Copy
) -> None:
    before = files(copy())
    total = calls_of(copy(), change_everything)
    assert total > 60
    outcomes = set()
    for at in sample(range(1, total + 1), total if ALL else 50):
        root = copy()
        size = open_vault(root).log.size
        with pytest.MonkeyPatch.context() as patch:
            killer = Killer(patch, at, done=done)
            with pytest.raises(Dead):
                change_everything(root)
            assert killer.dead
        outcomes |= {state(root, before, size), state(root, before, size)}
        assert not (root / "runs" / "change").exists()
    assert outcomes == {"before", "after"}


def state(root: Path, before: dict[str, bytes], size: int) -> str:
    if open_vault(root).log.size == size:
        assert is_before(root, before)
        return "before"
    assert is_after(root, size)
    return "after"


def test_a_machine_that_dies_again_while_the_change_is_finished_does_no_harm(copy: Copy) -> None:
    total = calls_of(copy(), change_everything)
    for at in sample(range(total // 2, total), 6):
        for again in sample(range(1, 30), 6):
            root = copy()
            size = open_vault(root).log.size
            for moment, work in ((at, change_everything), (again, open_vault)):
                with pytest.MonkeyPatch.context() as patch:
                    Killer(patch, moment, done=bool(again % 2))
                    with contextlib.suppress(Dead):
                        work(root)
            if open_vault(root).log.size > size:
                assert is_after(root, size)


def test_a_plan_whose_entry_was_never_appended_is_not_carried_out_by_the_next_entry(copy: Copy) -> None:
    """Somebody else's entry took the place: the plan speaks of an entry that is not in the log."""
    root = copy()
    vault = open_vault(root)
    change = Change(vault)
    change.put(PUT, b"replaced")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Vault, "append_all", lambda *_, **__: (_ for _ in ()).throw(Dead))
        with vault.writing(), pytest.raises(Dead):
            change.commit({"kind": "keys-changed", "action": "lost"})
    kept = vault.store.read(PUT)
    with vault.writing():
        vault.append({"kind": "restored"})
    assert open_vault(root).store.read(PUT) == kept


# --- Real acts -----------------------------------------------------------------------------------


def rotation(made: Bench) -> Callable[[Path], None]:
    def work(root: Path) -> None:
        vault = open_vault(root)
        with vault.writing():
            rekeying.rotate(vault, unlocked(vault, made), [recipient_of(made.anna)], 1)

    return work


def test_a_rotation_interrupted_anywhere_leaves_a_vault_that_opens_and_checks_clean(
    made: Bench, copy: Copy
) -> None:
    work = rotation(made)
    total, sizes = calls_of(copy(), work), set()
    for at in sample(range(1, total + 1), total if ALL else 30):
        root = copy()
        with pytest.MonkeyPatch.context() as patch:
            Killer(patch, at, done=at % 2 == 0)
            with pytest.raises(Dead):
                work(root)
        vault = open_vault(root)
        assert problems(vault, made) == []
        sizes.add(vault.log.size - open_vault(made.vault).log.size)
    assert sizes == {0, 1}


def test_a_destruction_interrupted_anywhere_leaves_a_vault_that_opens_and_checks_clean(
    made: Bench, copy: Copy, capsys: pytest.CaptureFixture[str]
) -> None:
    item = made.items()["b/third.txt"]["item"]

    def work(root: Path) -> None:
        keys = ["--identity", str(made.anna), "--identity", str(made.ben)]
        main(["destroy", "--vault", str(root), *keys, "--item", item, "--ground", "test"])

    total, sizes = calls_of(copy(), work), set()
    for at in sample(range(1, total + 1), total if ALL else 20):
        dead = False
        while not dead:  # runs differ by a few calls: one that ended before this moment is killed earlier
            root = copy()
            with pytest.MonkeyPatch.context() as patch:
                killer = Killer(patch, at, done=at % 2 == 1)
                with contextlib.suppress(Dead):
                    work(root)
                dead = killer.dead
            at -= 1  # noqa: PLW2901 - the same sample, one call earlier
            assert at >= 0
        vault = open_vault(root)
        assert problems(vault, made) == []
        sizes.add(vault.log.size > open_vault(made.vault).log.size)
    assert sizes == {True, False}
    capsys.readouterr()


# --- Erasing -------------------------------------------------------------------------------------


def test_what_is_erased_is_overwritten_before_it_is_removed(tmp_path: Path) -> None:
    path, second = tmp_path / "key", tmp_path / "second name"
    path.write_bytes(b"secret" * 300_000)
    os.link(path, second)
    erase(path)
    assert not path.exists()
    assert second.read_bytes() == bytes(1_800_000)
    erase(path)


def test_what_is_replaced_is_overwritten_after_the_new_bytes_are_there(tmp_path: Path, copy: Copy) -> None:
    store = open_vault(copy()).store
    second = tmp_path / "second name"
    os.link(store.path(PUT), second)
    length = second.stat().st_size
    replace(store, PUT, b"new")
    assert store.read(PUT) == b"new"
    assert second.read_bytes() == bytes(length)
    replace(store, NEW, b"first")
    assert store.read(NEW) == b"first"


def test_erasing_follows_no_symbolic_link(tmp_path: Path) -> None:
    target, link = tmp_path / "precious", tmp_path / "link"
    target.write_bytes(b"precious")
    link.symlink_to(target)
    with pytest.raises(OSError, match="symbolic links"):
        erase(link)
    assert target.read_bytes() == b"precious"


def test_a_change_that_another_command_died_over_is_finished_by_the_next_one_that_makes_a_change(
    copy: Copy,
) -> None:
    """It was opened before, and waited for the lock: nothing but it stands between the plan and the end."""
    root = copy()
    waiting = open_vault(root)
    size = waiting.log.size
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(changes, "_carry_out", lambda *_: (_ for _ in ()).throw(Dead))
        with pytest.raises(Dead):
            change_everything(root)
    with waiting.writing():
        mine = Change(waiting)
        mine.put("keys/keepers/9.age", b"mine")
        mine.commit({"kind": "keys-changed", "action": "another"})
    vault = open_vault(root)
    assert vault.store.read("keys/keepers/9.age") == b"mine"
    assert vault.log.size == size + 2
    assert all(vault.read_expected(path, digest) for path, digest in vault.expected_files().items())
    assert vault.store.size(pack_path(digest_of(PACK))) == len(PACK)


def test_every_folder_that_a_command_makes_is_durable_in_the_one_above(
    made: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else what was acknowledged, or committed, can be gone with its folder after a power cut."""
    unsynced: set[str] = set()
    lost: set[str] = set()
    real_mkdir, real_sync, real_append = os.mkdir, os.fsync, Vault.append_all

    def mkdir(path: Any, *rest: Any, **named: Any) -> None:
        real_mkdir(path, *rest, **named)
        unsynced.add(os.path.realpath(path))

    def fsync(file: int) -> None:
        real_sync(file)
        above = os.readlink(f"/proc/self/fd/{file}")
        unsynced.difference_update({path for path in unsynced if os.path.dirname(path) == above})

    def append_all(self: Vault, sealed: Sequence[Entry]) -> Checkpoint:
        lost.update(path for path in unsynced if os.path.isdir(path) and "/source" not in path)
        return real_append(self, sealed)

    monkeypatch.setattr(os, "mkdir", mkdir)
    monkeypatch.setattr(os, "fsync", fsync)
    monkeypatch.setattr(Vault, "append_all", append_all)
    vault, kit = tmp_path / "vault", tmp_path / "kit"
    keepers = ["--recipient", recipient_of(made.anna), "--recipient", recipient_of(made.ben)]
    run("init", vault, *keepers).ok()
    run("kit", kit, "--vault", vault).ok()
    source = fill(tmp_path / "source", {"a.txt": b"a", "b.txt": b"b"})
    for place in (kit, vault):
        run("seal", source, "--vault", place).ok()
    run("import", kit, "--vault", vault, "--identity", made.anna).ok()
    words = ["--vault", vault, "--identity", made.anna]
    item = run("list", *words, "--json").ok().json["items"][0]["item"]
    run("destroy", *words, "--identity", made.ben, "--item", item, "--leave-copies", "--ground", "law").ok(
        0, 3
    )
    assert lost == set()


def test_a_file_system_without_locks_is_not_told_as_another_command(
    copy: Copy, monkeypatch: pytest.MonkeyPatch
) -> None:
    vault = open_vault(copy())

    def flock(file: int, operation: int) -> None:
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    monkeypatch.setattr(fcntl, "flock", flock)
    with pytest.raises(StorageError, match="No locks available"), vault.writing(60):
        pass


@pytest.mark.parametrize("verb", ["restore", "freeze", "thaw"])
def test_what_happens_while_somebody_types_a_passphrase_is_seen_once_it_is_typed(
    made: Bench, copy: Copy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, verb: str
) -> None:
    """A destruction that died in its middle is finished first; after a rotation the old key gets nothing."""
    items = made.items()
    doomed, kept = items["b/third.txt"]["item"], next(p for p in items if p != "b/third.txt")
    keys = ["--identity", str(made.anna), "--identity", str(made.ben)]
    words = {
        "restore": ["restore", tmp_path / "out", "--item", items[kept]["item"]],
        "freeze": ["freeze", "--item", items[kept]["item"]],
        "thaw": ["thaw", "--item", items[kept]["item"], "--ground", "no minor"],
    }[verb]

    def die(root: Path) -> None:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(changes, "_carry_out", lambda *_: (_ for _ in ()).throw(Dead))
            with pytest.raises(Dead):
                main(["destroy", "--vault", str(root), *keys, "--item", doomed, "--ground", "law"])

    for meanwhile in (die, rotation(made)):
        root = copy()
        if verb == "thaw":
            run("freeze", "--vault", root, *keys, "--item", items[kept]["item"]).ok()
        typed = []
        unlock = keyring.unlock

        def unlocking(vault: Vault, given: Any) -> Unlocked:
            found = unlock(vault, given)  # noqa: B023 - called in this turn alone
            if not typed:  # noqa: B023
                typed.append(1)  # noqa: B023
                meanwhile(root)  # noqa: B023
            return found

        with monkeypatch.context() as patch:
            patch.setattr(keyring, "unlock", unlocking)
            done = run(*words, "--vault", root, *keys)
        if meanwhile is die:
            done.ok()
            vault = open_vault(root)
            assert all(vault.read_expected(path, digest) for path, digest in vault.expected_files().items())
        else:
            assert done.code == 1
            assert "the keys of the vault were changed meanwhile" in done.err
        assert not is_pending(open_vault(root))
        shutil.rmtree(tmp_path / "out", ignore_errors=True)
