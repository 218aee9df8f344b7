"""Packs read whole: what went in comes out, and nothing that was altered passes."""

from __future__ import annotations

from hashlib import sha256

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bearwitness.crypto import age
from bearwitness.errors import BearwitnessError, KeyUnlockError, MalformedError, TamperedError
from bearwitness.store.memory import MemoryStore
from bearwitness.store.packreader import READ_BYTES, PackReader
from bearwitness.store.packs import PACK_BYTES, pack_path

CHUNK = age.CHUNK_BYTES
KEY = age.Identity.generate()
HEAD = len(age.start(KEY.recipient)[0])
# At the edges of chunks, of one reading, and of one reading less the header.
SIZES = sorted(
    {
        0,
        1,
        *(
            n + d
            for n in (CHUNK, 4 * CHUNK, READ_BYTES, READ_BYTES - HEAD, 9 * CHUNK)
            for d in (-1, 0, 1, 17)
        ),
    }
)


def data_of(size: int) -> bytes:
    return (sha256(str(size).encode()).digest() * (size // 32 + 1))[:size]


def keep(store: MemoryStore, data: bytes) -> str:
    name = sha256(data).hexdigest()
    store.write(pack_path(name), data)
    return name


@pytest.fixture(scope="module")
def store() -> MemoryStore:
    return MemoryStore()


@pytest.fixture(scope="module")
def reader(store: MemoryStore) -> PackReader:
    return PackReader(store)


@pytest.mark.parametrize("size", SIZES)
def test_a_pack_of_any_size_comes_out_as_it_was(store: MemoryStore, reader: PackReader, size: int) -> None:
    sealed = age.encrypt(data_of(size), KEY.recipient)
    reader.open(keep(store, sealed), KEY)
    assert reader.finish() == size
    assert bytes(reader.plain(0, size)) == data_of(size)
    assert reader.stored_bytes == len(sealed)


PLAIN = data_of(6 * CHUNK + 100)


@settings(max_examples=50, deadline=None)
@given(ranges=st.lists(st.tuples(st.integers(0, len(PLAIN)), st.integers(0, 2 * CHUNK)), max_size=6))
def test_ranges_in_any_order_are_the_slices_of_the_whole(ranges: list[tuple[int, int]]) -> None:
    store = MemoryStore()
    reader = PackReader(store)
    reader.open(keep(store, age.encrypt(PLAIN, KEY.recipient)), KEY)
    for begin, length in ranges:
        end = min(begin + length, len(PLAIN))
        assert bytes(reader.plain(begin, end)) == PLAIN[begin:end]
    assert reader.finish() == len(PLAIN)


def test_a_pack_left_half_read_leaves_nothing_in_the_next(store: MemoryStore, reader: PackReader) -> None:
    long, short = (keep(store, age.encrypt(data_of(size), KEY.recipient)) for size in (7 * CHUNK, 10))
    reader.open(long, KEY)
    reader.plain(0, CHUNK)
    reader.open(short, KEY)
    assert bytes(reader.plain(0, reader.finish())) == data_of(10)
    with pytest.raises(TamperedError, match="shorter than what is asked"):
        reader.plain(0, 11)


def test_a_pack_larger_than_any_of_ours_is_read_all_the_same(store: MemoryStore, reader: PackReader) -> None:
    plain = bytes(2 * PACK_BYTES + 1)
    reader.open(keep(store, age.encrypt(plain, KEY.recipient)), KEY)
    assert reader.finish() == len(plain)


@pytest.mark.parametrize("size", [10, 5 * CHUNK])
def test_no_byte_can_be_altered_dropped_or_added(store: MemoryStore, reader: PackReader, size: int) -> None:
    sealed = age.encrypt(data_of(size), KEY.recipient)
    name = keep(store, sealed)
    step = max(1, len(sealed) // 200)
    wrong = [sealed[:at] + bytes([sealed[at] ^ 1]) + sealed[at + 1 :] for at in range(0, len(sealed), step)]
    wrong += [sealed[:at] for at in range(0, len(sealed), step)] + [sealed + b"\x00", sealed + sealed]
    for data in wrong:
        store.write(pack_path(name), data)
        with pytest.raises(TamperedError, match=f"pack {name} was altered"):
            read_all(reader, name)


def read_all(reader: PackReader, name: str) -> None:
    reader.open(name, KEY)
    reader.finish()


def test_a_pack_that_is_missing_or_shrinks_meanwhile_is_told(store: MemoryStore, reader: PackReader) -> None:
    with pytest.raises(TamperedError, match="is missing"):
        reader.open("0" * 64, KEY)
    name = keep(store, age.encrypt(PLAIN, KEY.recipient))
    reader.open(name, KEY)
    store.write(pack_path(name), store.read(pack_path(name))[:-1])
    with pytest.raises(TamperedError, match="was altered"):
        reader.finish()


def test_a_pack_for_somebody_else_or_malformed_by_its_author_is_no_altered_one(
    store: MemoryStore, reader: PackReader
) -> None:
    sealed = age.encrypt(PLAIN, KEY.recipient)
    with pytest.raises(KeyUnlockError, match="not for this identity"):
        reader.open(keep(store, sealed), age.Identity.generate())
    reader.open(keep(store, sealed[: HEAD + 2 * age.SEALED_CHUNK_BYTES]), KEY)
    with pytest.raises(MalformedError, match="damaged or cut short"):
        reader.finish()
    with pytest.raises(MalformedError, match="age header"):
        reader.open(keep(store, sealed[:100]), KEY)


def test_after_a_damaged_chunk_nothing_more_of_the_pack_is_given_out(
    store: MemoryStore, reader: PackReader
) -> None:
    sealed = bytearray(age.encrypt(PLAIN, KEY.recipient))
    name = keep(store, bytes(sealed))
    sealed[HEAD + 5 * age.SEALED_CHUNK_BYTES] ^= 1
    store.write(pack_path(name), bytes(sealed))
    reader.open(name, KEY)
    assert bytes(reader.plain(0, CHUNK)) == PLAIN[:CHUNK]
    for _ in range(3):
        with pytest.raises(BearwitnessError, match="was altered"):
            reader.plain(0, len(PLAIN))
        with pytest.raises(BearwitnessError, match="was altered"):
            reader.finish()
