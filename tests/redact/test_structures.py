"""Our own containers are followed to the last byte, and no altered byte passes for one of ours unread."""

from __future__ import annotations

import io
import itertools
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bearwitness.redact.attack import structure_matroska, structure_mp4, structure_stills
from bearwitness.redact.muxing import matroska, mp4
from bearwitness.redact.muxing.model import AudioTrack, Packet, VideoTrack, with_decoding_times

BASE = Fraction(1, 12800)
CONFIG = bytes.fromhex("0142001effe10005674200 1e80010002688000".replace(" ", ""))


def packets(count: int, step: int = 512) -> list[Packet]:
    return [Packet(7 + n * step, n * step, step, n % 10 == 0, bytes((n,)) * (n + 1)) for n in range(count)]


def written(kind: str) -> bytes:
    sink = io.BytesIO()
    video = VideoTrack("h264", BASE, 320, 240, CONFIG, packets(25), quarter_turns=1)
    sound = AudioTrack("aac", Fraction(1, 48000), 48000, 2, b"\x11\x90", packets(40, 1024))
    if kind == "mp4":
        mp4.write(sink, video, [sound])
    else:
        matroska.write(sink, video, [sound])
    return sink.getvalue()


CHECKS = {"mp4": structure_mp4.check, "mkv": structure_matroska.check}


@pytest.mark.parametrize("kind", ["mp4", "mkv"])
def test_what_we_write_holds_nothing_else(kind: str) -> None:
    looked_at, hits = CHECKS[kind](memoryview(written(kind)), 1)
    assert looked_at > 20
    assert hits == []


@pytest.mark.parametrize("kind", ["mp4", "mkv"])
@given(st.binary(min_size=1, max_size=60))
def test_anything_behind_the_end_is_a_hit(kind: str, more: bytes) -> None:
    assert CHECKS[kind](memoryview(written(kind) + more), 1)[1]


@pytest.mark.parametrize("kind", ["mp4", "mkv"])
@given(st.data())
def test_a_file_cut_anywhere_is_a_hit_and_never_a_crash(kind: str, data: st.DataObject) -> None:
    whole = written(kind)
    cut = data.draw(st.integers(0, len(whole) - 1))
    assert CHECKS[kind](memoryview(whole[:cut]), 1)[1]


@given(st.sampled_from(["mp4", "mkv"]), st.binary(max_size=200))
def test_noise_is_a_hit_and_never_a_crash(kind: str, noise: bytes) -> None:
    assert CHECKS[kind](memoryview(noise), 0)[1]


@given(st.sampled_from(["jpeg", "png", "tiff", "pdf"]), st.binary(max_size=200))
def test_noise_is_no_picture(kind: str, noise: bytes) -> None:
    heads = {"jpeg": b"\xff\xd8", "png": b"\x89PNG\r\n\x1a\n", "tiff": b"II*\0", "pdf": b"%PDF-1.4\n"}
    for data in (noise, heads[kind] + noise):
        assert structure_stills.check(memoryview(data), kind, 1)[1]


@given(st.lists(st.integers(0, 1000), min_size=1, max_size=30, unique=True))
def test_made_up_decoding_times_ascend_and_never_lie_behind_showing(shown: list[int]) -> None:
    made = with_decoding_times([Packet(time, 0, 1, True, b"") for time in shown])
    assert [p.pts for p in made] == shown
    assert all(a.dts < b.dts for a, b in itertools.pairwise(made))
    assert all(p.dts <= p.pts for p in made)
