"""Files made to break a parser: only the documented error comes out, and what comes out is sound."""

from __future__ import annotations

import os
import random
import tracemalloc
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bearwitness.containers import matroska_scan, mp4, mp4_boxes, mpegts_scan, tasks
from bearwitness.containers.answer import decode_index
from bearwitness.containers.cutting import cut, packet_payloads, plain
from bearwitness.containers.model import ContainerError, Index, unpack
from bearwitness.containers.reader import BytesSource, FileSource

from . import craft
from .craft import FTYP, box, full, moov, stbl, table, trak, u32
from .media import Recipe

SEEDS = [
    Recipe("seed.mp4", "mpeg4", "aac", frames=6),
    Recipe("seed-fragments.mp4", "mpeg4", "aac", frames=6, options={"movflags": "frag_keyframe+empty_moov"}),
    Recipe("seed.mov", "mjpeg", "pcm_s16le", frames=3, pixels="yuvj420p"),
    Recipe("seed.mkv", "mpeg4", "libopus", frames=6),
    Recipe("seed-live.mkv", "mpeg4", "libopus", frames=6, options={"live": "1", "cluster_time_limit": "50"}),
    Recipe("seed.avi", "mpeg4", "libmp3lame", frames=6),
    Recipe("seed.ts", "mpeg4", "mp2", frames=6),
    Recipe("seed.m2ts", "mpeg2video", "ac3", frames=6, muxer="mpegts", options={"mpegts_m2ts_mode": "1"}),
    Recipe("seed.wav", None, "pcm_s16le", frames=1),
]
_NUMBERS = [
    b"\0",
    b"\xff",
    b"\x7f\xff",
    b"\x80\0",
    b"\0\0\0\0",
    b"\xff" * 4,
    b"\x7f\xff\xff\xff",
    b"\xff" * 8,
    b"\0\0\0\1",
]


def mutate(data: bytes, rng: random.Random) -> bytes:
    """Return `data` with bits flipped, numbers written over, and parts cut, doubled, moved or left out."""
    out = bytearray(data)
    # Where the structure is: the ends of a file as often as all between.
    for _ in range(rng.randint(1, 6)):
        if not out:
            break
        at = rng.choice(
            (rng.randrange(len(out)), rng.randrange(min(len(out), 2000)), -rng.randrange(min(len(out), 3000)))
        )
        at %= len(out)
        length = rng.choice((1, 4, 8, 188, rng.randrange(1, 2000)))
        match rng.randrange(7):
            case 0 | 1:
                out[at] ^= 1 << rng.randrange(8)
            case 2 | 3:
                number = rng.choice(_NUMBERS)
                out[at : at + len(number)] = number
            case 4:
                del out[at : at + length]
            case 5:
                source = rng.randrange(len(out))
                out[at:at] = out[source : source + length]
            case _:
                del out[at:]
    return bytes(out)


def check(data: bytes) -> Index | None:
    """Index a hostile file as the child and the parent do; return the index if there is one."""
    try:
        index = decode_index(tasks.index_file(BytesSource(data)), len(data))
    except ContainerError:
        return None
    if index is not None:
        cutting = cut(index, len(data)) or plain(len(data))
        assert sum(cutting.lengths) == len(data)
        assert len(packet_payloads(index, cutting, 9)) == len(index.packets)
    return index


@pytest.mark.parametrize("recipe", SEEDS, ids=lambda r: r.name)
def test_mutated_files_raise_nothing_but_the_documented_error(
    made: Callable[[Recipe], Path], recipe: Recipe
) -> None:
    data = made(recipe).read_bytes()
    whole = check(data)
    assert whole is not None
    assert "incomplete" not in whole.container
    rng = random.Random(recipe.name)
    read = sum(check(mutate(data, rng)) is not None for _ in range(600))
    assert read > 10, "nearly all mutations were refused at the door: they test nothing"


@pytest.mark.parametrize("recipe", SEEDS, ids=lambda r: r.name)
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    edits=st.lists(
        st.tuples(st.floats(0, 1, exclude_max=True), st.binary(min_size=1, max_size=12)), max_size=5
    )
)
def test_bytes_written_over_raise_nothing_but_the_documented_error(
    made: Callable[[Recipe], Path], recipe: Recipe, edits: list[tuple[float, bytes]]
) -> None:
    out = bytearray(made(recipe).read_bytes())
    for place, content in edits:
        at = int(place * len(out))
        out[at : at + len(content)] = content
    check(bytes(out))


@pytest.mark.parametrize("recipe", SEEDS, ids=lambda r: r.name)
def test_a_file_cut_off_anywhere_names_no_more_than_it_holds(
    made: Callable[[Recipe], Path], recipe: Recipe
) -> None:
    data = made(recipe).read_bytes()
    rng = random.Random(recipe.name)
    for length in [*range(40), *(rng.randrange(len(data)) for _ in range(60)), len(data) - 1]:
        index = check(data[:length])
        if index is not None:
            assert max((p.end for p in unpack(index.packets)), default=0) <= length


@given(st.binary(max_size=2000))
def test_bytes_of_no_kind_are_of_no_kind(data: bytes) -> None:
    check(data)


_HEADS = (
    FTYP,
    box(b"moov"),
    b"\0\0\0\1moof",
    craft.ebml(),
    craft.ebml() + craft.segment(unknown=True),
    b"RIFF\xff\xff\xff\xffAVI LIST",
    b"RIFF\xff\xff\xff\xffWAVEfmt \x10\0\0\0",
    craft.pat() * 3,
)


@given(st.sampled_from(_HEADS), st.binary(max_size=1000))
def test_bytes_after_a_head_that_is_known_raise_nothing_but_the_documented_error(
    head: bytes, tail: bytes
) -> None:
    check(head + tail)


_parts = st.sampled_from(
    [b"moov", b"trak", b"mdia", b"minf", b"stbl", b"stsz", b"stsc", b"stco", b"stts", b"moof", b"traf"]
)


@given(
    st.recursive(
        st.binary(max_size=40), lambda inner: st.tuples(_parts, st.lists(inner, max_size=4)), max_leaves=40
    )
)
def test_boxes_within_boxes_raise_nothing_but_the_documented_error(tree: Any) -> None:
    check(FTYP + _boxes(tree))


def _boxes(tree: Any) -> bytes:
    return tree if isinstance(tree, bytes) else box(tree[0], *map(_boxes, tree[1]))


# --- the corpus ---------------------------------------------------------------------------------


def test_damaged_files_of_the_corpus_are_read_or_refused(corpus: Path) -> None:
    outcomes = {}
    for path in sorted((corpus / "damaged").iterdir()):
        try:
            with path.open("rb") as file:
                index = tasks.index(FileSource(file.fileno()))
            outcomes[path.name] = "unknown" if index is None else index.container
        except ContainerError:
            outcomes[path.name] = "damaged"
    assert outcomes == {
        "bit-errors.mp4": "mp4",  # the damage is in the pictures
        "bomb.zip": "unknown",
        "cut-tail.jpg": "unknown",
        "empty.mp4": "unknown",
        "mp4-named.txt": "mp4",
        "nested-boxes.mp4": "damaged",
        "odd-names.json": "unknown",
        "pixel-bomb.png": "unknown",
        "png-named.jpg": "unknown",
        "text-named.mp4": "unknown",
        "truncated-no-moov.mp4": "damaged",
        "zeroed-ranges.mp4": "mp4",
    }


def test_files_of_other_kinds_are_not_recognised(corpus: Path) -> None:
    others = [
        p
        for p in corpus.rglob("*")
        if p.suffix in (".jpg", ".png", ".flac", ".mp3", ".pdf", ".docx", ".json")
    ]
    assert others
    assert [p.name for p in others if tasks.index(BytesSource(p.read_bytes())) is not None] == []


# --- memory, time, depth ------------------------------------------------------------------------


def test_depth_costs_no_stack() -> None:
    nested = b""
    for _ in range(20_000):
        nested = u32(len(nested) + 8) + b"moov" + nested
    with pytest.raises(ContainerError):
        tasks.index(BytesSource(FTYP + nested))


def peak_of(data: bytes) -> int:
    tracemalloc.start()
    try:
        check(data)
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def claims() -> Sequence[tuple[str, bytes]]:
    """Return small files that claim to hold very much."""
    many = 0xFFFFFFFF
    sizes = full(b"stsz", u32(8, many))
    chunks = table(b"stsc", [(1, many, 1)]) + table(b"stco", [(9,)] * 9) + table(b"stts", [(many, many)])
    sound = [(1, many, 1)]
    pcm = sizes + table(b"stsc", sound) + table(b"stco", [(9,)] * 9) + table(b"stts", [(many, 1)])
    trex = box(b"mvex", full(b"trex", u32(1, 1, 1, many, 0)))
    runs = box(b"moof", box(b"traf", full(b"tfhd", u32(1)), *[full(b"trun", u32(many))] * 99))
    return [
        ("samples", FTYP + moov(trak(1, sizes + chunks))),
        ("sound", FTYP + moov(trak(1, pcm, handler=b"soun", entry=craft.SOUND_ENTRY))),
        ("runs", FTYP + moov(trak(1, stbl([], [], per_chunk=[])), trex) + runs),
        (
            "sound runs",
            FTYP
            + moov(trak(1, stbl([], [], per_chunk=[]), handler=b"soun", entry=craft.SOUND_ENTRY), trex)
            + runs,
        ),
        (
            "lace",
            craft.ebml()
            + craft.segment(
                craft.tracks(craft.track_entry()), craft.cluster(0, craft.simple(b"\xff", 0, 0x84))
            ),
        ),
        (
            "wav",
            b"RF64"
            + b"\xff" * 4
            + b"WAVE"
            + craft.chunk(b"ds64", b"\xff" * 28)
            + craft.chunk(b"fmt ", craft.WAVE)
            + b"data"
            + b"\xff" * 4,
        ),
        (
            "avi",
            craft.avi(
                craft.strl(b"vids", craft.BITMAP, craft.chunk(b"indx", b"\4\0\0\0" + b"\xff" * 60)), b""
            ),
        ),
    ]


@pytest.mark.parametrize("data", [d for _, d in claims()], ids=[name for name, _ in claims()])
def test_a_small_file_can_not_take_much_memory(data: bytes) -> None:
    assert len(data) < 40_000
    assert peak_of(data) < 32 << 20


def test_tracks_can_not_add_up_to_more_packets_than_are_held(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mp4, "PACKETS_MAX", 1000)
    tables = stbl([1] * 400, [9], per_chunk=[(1, 400, 1)])
    assert check(FTYP + moov(trak(1, tables), trak(2, tables))) is not None
    with pytest.raises(ContainerError, match="packets"):
        tasks.index(BytesSource(FTYP + moov(*(trak(n, tables) for n in (1, 2, 3)))))


PICTURES = (0x1B, 256, b"")
PICTURE = craft.cells(256, craft.pes(b"x"))


def mkv(*blocks: bytes) -> bytes:
    return craft.ebml() + craft.segment(craft.tracks(craft.track_entry()), craft.cluster(0, *blocks))


@pytest.mark.parametrize(
    ("module", "limit", "data"),
    [
        (mp4_boxes, "BOXES_MAX", FTYP + box(b"free") * 50),
        (mp4, "INDEX_BOXES_MAX", FTYP + moov(*[box(b"free")] * 50)),
        (mp4, "MOOV_BYTES_MAX", FTYP + moov(trak(1, stbl([5], [0])), box(b"free", bytes(99)))),
        (matroska_scan, "ELEMENTS_MAX", craft.ebml() + craft.segment(*[craft.element(0xEC)] * 50)),
        (matroska_scan, "TRACKS_BYTES_MAX", mkv(*[craft.simple(b"x")])),
        (matroska_scan, "PACKETS_MAX", mkv(*[craft.simple(b"x")] * 50)),
        (mpegts_scan, "CUTS_MAX", craft.pat() * 50),
        (mpegts_scan, "PACKETS_MAX", b"".join([craft.pat(), craft.pmt(PICTURES), *PICTURE * 50])),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_every_loop_has_an_end_that_holds(
    monkeypatch: pytest.MonkeyPatch, module: object, limit: str, data: bytes
) -> None:
    monkeypatch.setattr(module, limit, 20)
    with pytest.raises(ContainerError):
        tasks.index(BytesSource(data))


def test_a_file_is_read_through_its_descriptor_as_from_memory(
    made: Callable[[Recipe], Path], tmp_path: Path
) -> None:
    for recipe in SEEDS:
        path = made(recipe)
        fd = os.open(path, os.O_RDONLY)
        try:
            assert tasks.index_file(FileSource(fd)) == tasks.index_file(BytesSource(path.read_bytes()))
        finally:
            os.close(fd)
