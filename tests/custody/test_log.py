"""The log: what is committed stays, what was altered is noticed, no crash makes two roots for one size."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

import naive
from bearwitness.crypto import age
from bearwitness.custody.entries import Body, Entry
from bearwitness.custody.log import Frontier, Log
from bearwitness.custody.signing import SigningKey
from bearwitness.errors import (
    BearwitnessError,
    SignatureError,
    StorageError,
    TamperedError,
    VaultError,
)
from bearwitness.store.memory import MemoryStore
from bearwitness_verify import merkle, note
from bearwitness_verify.checkpoint import Checkpoint, read_checkpoint
from bearwitness_verify.merkle import EMPTY_ROOT
from bearwitness_verify.note import COSIGNATURE

KEY = SigningKey("vault.example", 1, bytes(range(32)))
OTHER = SigningKey("vault.example", 1, bytes(32))
READER = age.Identity(b"\x05" * 32).recipient


def entry(text: str, **effect: str | None) -> Entry:
    files = {name.replace("_", "/"): digest for name, digest in effect.items()}
    return Entry.seal(Body({"kind": "restored", "note": text}), READER, files)


ENTRIES = [entry(f"number {n}", **{f"packs_{n}": f"{n:064}"}) for n in range(12)]


def grown(count: int, store: MemoryStore | None = None) -> tuple[MemoryStore, Log]:
    store = store or MemoryStore()
    log = Log(store, KEY.verifier)
    for one in ENTRIES[:count]:
        log.append([one], KEY)
    return store, log


# --- Append and read -----------------------------------------------------------------------------


def test_a_log_that_is_not_begun_is_empty() -> None:
    log = Log(MemoryStore(), KEY.verifier)
    assert (log.size, log.checkpoint.root, log.leaves(), log.effects()) == (0, EMPTY_ROOT, [], [])
    assert list(log.entries()) == []


def test_what_was_appended_is_there_after_opening_again() -> None:
    store, log = grown(12)
    again = Log(store, KEY.verifier)
    assert (
        again.checkpoint
        == log.checkpoint
        == Checkpoint("vault.example", 12, naive.mth([e.leaf() for e in ENTRIES]))
    )
    assert [read for _, read in again.entries()] == ENTRIES
    assert [index for index, _ in again.entries(7)] == list(range(7, 12))
    assert again.effects() == log.effects() == [e.effect for e in ENTRIES]


def test_files_lie_where_the_document_says() -> None:
    store, log = grown(2)
    assert sorted(store.files) == [
        "log/vault/checkpoint",
        "log/vault/entries/000000/000000000.entry",
        "log/vault/entries/000000/000000001.entry",
        "log/vault/notes/1.note",
        "log/vault/notes/2.note",
    ]
    assert log.entry_path(1_234_567) == "log/vault/entries/001234/001234567.entry"
    assert store.files["log/vault/checkpoint"] == store.files["log/vault/notes/2.note"] == log.note_bytes(2)


def test_entries_appended_together_share_one_checkpoint() -> None:
    store = MemoryStore()
    log = Log(store, KEY.verifier)
    log.append(ENTRIES[:5], KEY)
    assert log.note_sizes() == [5]
    log.append(ENTRIES[5:6], KEY)
    assert Log(store, KEY.verifier).note_sizes() == [5, 6]
    assert Log(store, KEY.verifier).leaves() == [e.leaf() for e in ENTRIES[:6]]


def test_every_checkpoint_is_signed_and_of_the_tree_it_had() -> None:
    _, log = grown(12)
    for size in range(1, 13):
        head, _ = read_checkpoint(log.note_bytes(size), KEY.verifier)
        assert head == Checkpoint("vault.example", size, naive.mth([e.leaf() for e in ENTRIES[:size]]))
        assert log.root_at(size) == head.root
    assert log.root_at(0) == EMPTY_ROOT


def test_every_entry_is_proven_in_every_checkpoint_that_holds_it() -> None:
    _, log = grown(12)
    for size in range(1, 13):
        for index in range(size):
            proof = log.prove(index, size)
            assert proof.verify(ENTRIES[index].leaf(), KEY.verifier).size == size


def test_another_key_does_not_append() -> None:
    store, log = grown(3)
    before = dict(store.files)
    with pytest.raises(VaultError, match="not the one of this log"):
        log.append(ENTRIES[3:4], OTHER)
    assert store.files == before


def test_a_size_without_a_checkpoint_is_told() -> None:
    _, log = grown(3)
    with pytest.raises(VaultError, match="no checkpoint of size 9"):
        log.note_bytes(9)
    with pytest.raises(TamperedError, match="fewer than"):
        log.root_at(4)


def test_a_kits_log_is_kept_under_its_own_name_beside_the_vaults() -> None:
    store, log = grown(3)
    kit = SigningKey.generate("vault.example/0a1b2c3d")
    other = Log(store, kit.verifier, "0123456789abcdef")
    other.append(ENTRIES[5:7], kit)
    assert Log(store, kit.verifier, "0123456789abcdef").size == 2
    assert Log(store, KEY.verifier).checkpoint == log.checkpoint
    with pytest.raises(SignatureError):
        Log(store, KEY.verifier, "0123456789abcdef")


def test_cosignatures_are_added_once_and_leave_the_note_good() -> None:
    _, log = grown(2)
    desk = SigningKey("desk.example", COSIGNATURE, bytes(32))
    mine = desk.sign(note.parse(log.note_bytes(2)).text, 1_700_000_000)
    data = log.add_signatures(2, [mine])
    assert data == log.note_bytes(2) + mine.line().encode()
    assert read_checkpoint(data, KEY.verifier)[0] == log.checkpoint
    assert desk.verifier.verify(note.parse(data)) == 1_700_000_000


# --- Altered -------------------------------------------------------------------------------------


def swap(store: MemoryStore, log: Log) -> None:
    one, two = log.entry_path(2), log.entry_path(5)
    store.files[one], store.files[two] = store.files[two], store.files[one]


def drop(store: MemoryStore, log: Log) -> None:
    del store.files[log.entry_path(3)]


def drop_last(store: MemoryStore, log: Log) -> None:
    del store.files[log.entry_path(7)]


def replace(store: MemoryStore, log: Log) -> None:
    store.files[log.entry_path(3)] = entry("forged").encode()


def close_up(store: MemoryStore, log: Log) -> None:
    for index in range(3, 7):
        store.files[log.entry_path(index)] = store.files[log.entry_path(index + 1)]


def flip(store: MemoryStore, log: Log) -> None:
    data = bytearray(store.files[log.entry_path(3)])
    data[-1] ^= 1
    store.files[log.entry_path(3)] = bytes(data)


def other_effect(store: MemoryStore, log: Log) -> None:
    path = log.entry_path(3)
    store.files[path] = store.files[path].replace(f"{3:064}".encode(), f"{4:064}".encode())


def cut(store: MemoryStore, log: Log) -> None:
    path = log.entry_path(3)
    store.files[path] = store.files[path][:-10]


@pytest.mark.parametrize("alter", [swap, drop, drop_last, replace, close_up, flip, other_effect, cut])
def test_entries_altered_dropped_reordered_or_exchanged_are_noticed(
    alter: Callable[[MemoryStore, Log], None],
) -> None:
    store, log = grown(8)
    alter(store, log)
    again = Log(store, KEY.verifier)
    with pytest.raises(TamperedError):
        again.leaves()
    with pytest.raises(TamperedError):
        again.effects()
    with pytest.raises(TamperedError):
        again.append(ENTRIES[8:9], KEY)


def test_an_entry_behind_the_last_checkpoint_does_not_count() -> None:
    store, log = grown(8)
    store.files[log.entry_path(8)] = entry("never signed").encode()
    again = Log(store, KEY.verifier)
    assert (again.size, len(again.leaves())) == (8, 8)
    again.append(ENTRIES[8:9], KEY)
    assert again.entry(8) == ENTRIES[8]


def test_a_checkpoint_that_is_forged_misplaced_or_strange_is_noticed_on_opening() -> None:
    head = Checkpoint("vault.example", 8, bytes(32))
    wrong = {
        "forged": lambda files: files.update({"log/vault/notes/8.note": OTHER.sign_note(head.text())}),
        "misplaced": lambda files: files.update({"log/vault/notes/9.note": files["log/vault/notes/8.note"]}),
        "strange": lambda files: files.update({"log/vault/notes/latest": b""}),
        "strange number": lambda files: files.update({"log/vault/notes/1_0.note": b""}),
        "empty": lambda files: files.update({"log/vault/notes/8.note": b""}),
        "altered": lambda files: files.update(
            {"log/vault/notes/8.note": files["log/vault/notes/8.note"].replace(b"\n8\n", b"\n9\n")}
        ),
        "of another log": lambda files: files.update(
            {"log/vault/notes/8.note": KEY.sign_note(Checkpoint("elsewhere", 8, bytes(32)).text())}
        ),
    }
    for why, alter in wrong.items():
        store, _ = grown(8)
        alter(store.files)
        with pytest.raises(BearwitnessError):
            Log(store, KEY.verifier)
        assert why


def test_a_checkpoint_the_key_signed_over_other_entries_is_noticed_when_they_are_read() -> None:
    store, _ = grown(8)
    store.files["log/vault/notes/8.note"] = KEY.sign_note(Checkpoint("vault.example", 8, bytes(32)).text())
    log = Log(store, KEY.verifier)
    with pytest.raises(TamperedError, match="do not add up"):
        log.leaves()


def test_an_older_state_put_back_is_noticed_by_whoever_kept_a_later_checkpoint() -> None:
    store, log = grown(8)
    later = log.checkpoint
    for path in ("log/vault/notes/8.note", "log/vault/notes/7.note", log.entry_path(7), log.entry_path(6)):
        del store.files[path]
    old = Log(store, KEY.verifier)
    assert old.size == 6
    with pytest.raises(TamperedError, match="fewer than"):
        old.root_at(later.size)


# --- Crashes -------------------------------------------------------------------------------------


class FailingStore(MemoryStore):
    """A store whose n-th write fails, before or after its bytes are there."""

    def __init__(self, files: dict[str, bytes], at: int, *, written: bool) -> None:
        super().__init__()
        self.files, self._left, self._written = dict(files), at, written

    def write(self, path: str, data: bytes) -> None:
        self._left -= 1
        if self._left == 0:
            if self._written:
                super().write(path, data)
            raise StorageError("the disk is gone")
        super().write(path, data)


@pytest.mark.parametrize("written", [False, True], ids=["before it is written", "after it is written"])
@pytest.mark.parametrize("at", range(1, 7))
def test_a_crash_at_any_write_of_an_append_leaves_the_log_before_or_after_it(at: int, written: bool) -> None:
    store, _ = grown(4)
    failing = FailingStore(store.files, at, written=written)
    log = Log(failing, KEY.verifier)
    new = [entry("first"), entry("second"), entry("third")]
    writes = 5  # three entries, the note, the pointer
    if at <= writes:
        with pytest.raises(StorageError):
            log.append(new, KEY)
    else:
        log.append(new, KEY)
    again = reopened(failing)
    committed = at > 4 or (at == 4 and written)
    assert again.size == (7 if committed else 4)
    assert again.leaves() == [e.leaf() for e in (ENTRIES[:4] + new)[: again.size]]
    again.append([entry("after the crash")], KEY)
    assert reopened(failing).leaves() == again.leaves()


def reopened(store: MemoryStore) -> Log:
    fresh = MemoryStore()
    fresh.files = store.files
    return Log(fresh, KEY.verifier)


@pytest.mark.parametrize("at", range(1, 4))
def test_what_is_published_is_never_ahead_of_what_is_committed(at: int) -> None:
    failing = FailingStore(grown(4)[0].files, at, written=False)
    with pytest.raises(StorageError):
        Log(failing, KEY.verifier).append([entry("new")], KEY)
    pointer = Checkpoint.parse(note.parse(failing.files["log/vault/checkpoint"]).text)
    assert pointer.size <= reopened(failing).size


@pytest.mark.parametrize("written", [False, True], ids=["before it is written", "after it is written"])
@pytest.mark.parametrize("at", range(1, 5))
def test_two_roots_are_never_kept_for_one_size_though_an_append_failed_and_is_tried_again(
    at: int, written: bool
) -> None:
    """A device never signs two roots for one size: whoever saw the first would call it a fork."""
    failing = FailingStore(grown(4)[0].files, at, written=written)
    log = Log(failing, KEY.verifier)
    kept: dict[str, bytes] = {}
    for text in ("first try", "second try"):
        with contextlib.suppress(BearwitnessError):
            log.append([entry(text)], KEY)
        for path, data in failing.files.items():
            if "/notes/" in path:
                assert kept.setdefault(path, data) == data, "another root was signed for this size"
    again = reopened(failing)
    assert len(again.leaves()) == again.size


def test_a_log_that_grew_behind_our_back_is_not_appended_to() -> None:
    store, log = grown(4)
    reopened(store).append([entry("by another process")], KEY)
    before = dict(store.files)
    with pytest.raises(VaultError):
        log.append([entry("mine")], KEY)
    assert store.files == before


# --- Logs that grow long ------------------------------------------------------------------------


class Counting(MemoryStore):
    """A store that counts how often entries are read."""

    def __init__(self) -> None:
        super().__init__()
        self.entries_read = self.listings = 0

    def names(self, prefix: str) -> Iterator[str]:
        self.listings += 1
        return super().names(prefix)

    def read(self, path: str) -> bytes:
        self.entries_read += path.endswith(".entry")
        return super().read(path)


def test_an_append_reads_no_entry_again_however_many_there_are() -> None:
    store = Counting()
    log = Log(store, KEY.verifier)
    log.append([entry("first")], KEY)
    before = store.listings
    for number in range(40):
        log.append([entry(str(number))], KEY)
        log.refresh()
    assert store.entries_read == 0
    assert store.listings == before, "all checkpoints ever signed were listed for one append"
    assert log.checkpoint.root == merkle.root_of(Log(store, KEY.verifier).leaves())


def test_a_refresh_reads_only_what_another_process_appended() -> None:
    store = Counting()
    log, other = Log(store, KEY.verifier), Log(store, KEY.verifier)
    log.append([entry(str(number)) for number in range(10)], KEY)
    other.refresh()
    other.leaves()
    store.entries_read = 0
    log.append([entry("10"), entry("11")], KEY)
    other.refresh()
    assert store.entries_read == 2
    assert other.leaves() == log.leaves()
    assert len(other.effects()) == 12


def test_a_refresh_notices_a_log_that_went_back_or_whose_new_entry_is_not_the_one_signed() -> None:
    store = MemoryStore()
    log, other = Log(store, KEY.verifier), Log(store, KEY.verifier)
    log.append([entry("0")], KEY)
    other.refresh()
    other.leaves()
    log.append([entry("1")], KEY)
    store.write(log.entry_path(1), entry("9").encode())
    with pytest.raises(TamperedError, match="do not add up"):
        other.refresh()
    store.remove(log.note_path(2))
    with pytest.raises(TamperedError, match="and has 1 now"):
        log.refresh()


@given(st.integers(0, 200))
def test_the_root_that_grows_is_the_root_of_the_whole(count: int) -> None:
    leaves = [merkle.leaf_hash(bytes([n % 256, n >> 8])) for n in range(count)]
    assert Frontier(leaves).root() == merkle.root_of(leaves)


def test_an_append_that_another_process_died_in_is_seen_before_one_signs() -> None:
    """Its note may be kept although what is published is older: to sign over it would be a fork."""
    store = MemoryStore()
    log, other = Log(store, KEY.verifier), Log(store, KEY.verifier)
    log.append([entry("0")], KEY)
    other.refresh()
    published = store.read("log/vault/checkpoint")
    log.append([entry("1"), entry("2")], KEY)
    store.write("log/vault/checkpoint", published)
    with pytest.raises(VaultError, match="grew"):
        other.append([entry("3")], KEY)
    other.refresh()
    assert other.size == 3
    other.append([entry("3")], KEY)
    assert other.leaves()[:3] == log.leaves()
