"""Frames carry the container's own times, none is lost in silence, and the child's word is checked."""

from __future__ import annotations

import hashlib
import io
import itertools
import json
import subprocess
import sys
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from bearwitness.errors import ChildFailedError
from bearwitness.media import answers
from bearwitness.media.frames import frames
from bearwitness.media.model import HIDDEN, LOST, NO_FRAME, UNTIMED, DecodeTrouble, Frame, MediaError
from bearwitness.media.plans import USUAL, Plan, tried_twice
from bearwitness.media.source import Source
from bearwitness.sandbox.client import Sandbox

from .clips import clip
from .conftest import OpenSource

TWENTIETHS = [Fraction(n, 20) for n in range(20)]


def decode(sandbox: Sandbox, source: Source, **wish: object) -> tuple[list[Frame], list[DecodeTrouble]]:
    troubles: list[DecodeTrouble] = []
    return list(frames(sandbox, source, stream=0, troubles=troubles, **wish)), troubles  # type: ignore[arg-type]


def made(data: bytes) -> Source:
    return Source.of_bytes(data, "made.mp4")


def test_times_are_those_of_the_container_where_it_does_not_start_at_zero(
    decoders: Sandbox, open_source: OpenSource, corpus: Path
) -> None:
    found, troubles = decode(decoders, open_source("video/stage-audience.mp4"), max_side=64)
    truth = json.loads((corpus / "video/stage-audience.faces.json").read_text())["frames"]
    assert not troubles
    assert [frame.pts for frame in found] == [each["pts"] for each in truth]
    assert found[0].time == Fraction(10_214, 11_988)
    assert [frame.index for frame in found] == list(range(275))


@pytest.mark.parametrize("name", ["video/signer-woman.mkv", "neardup/woman-mirror.webm"])
def test_a_source_served_by_ranges_gives_the_same_pixels_as_the_file(
    name: str, decoders: Sandbox, open_source: OpenSource, corpus: Path
) -> None:
    data = (corpus / name).read_bytes()
    ranges = Source.of_ranges(lambda offset, length: data[offset : offset + length], len(data), name)
    seen = [
        [
            hashlib.sha256(frame.picture.tobytes()).digest()
            for frame in decode(decoders, source, max_side=160)[0]
        ]
        for source in (open_source(name), ranges)
    ]
    assert seen[0] == seen[1]
    assert len(seen[0]) == 89


def test_pixels_are_those_that_pyav_decodes(decoders: Sandbox, open_source: OpenSource, corpus: Path) -> None:
    found, _ = decode(decoders, open_source("video/corridor-two-walking.mp4"))
    with av.open(str(corpus / "video/corridor-two-walking.mp4")) as container:
        expected = [frame.to_ndarray(format="bgr24") for frame in container.decode(video=0)]
    assert len(found) == len(expected) == 35
    for frame, each in zip(found, expected, strict=True):
        assert np.abs(frame.picture.astype(int) - each).mean() < 1  # the scaler's rounding


@pytest.mark.parametrize(
    ("wish", "shape"),
    [
        ({"width": 100, "height": 50}, (50, 100, 3)),
        ({"max_side": 160}, (90, 160, 3)),
        ({"max_side": 9_999}, (360, 640, 3)),
        ({"max_side": 160, "pixel": "gray8"}, (90, 160)),
    ],
)
def test_frames_have_the_size_asked_for(
    wish: dict[str, object], shape: tuple[int, ...], decoders: Sandbox, open_source: OpenSource
) -> None:
    found, _ = decode(decoders, open_source("video/stage-audience.mp4"), end=Fraction(1), **wish)
    assert {frame.picture.shape for frame in found} == {shape}
    assert {(frame.native_width, frame.native_height) for frame in found} == {(640, 360)}
    assert not found[0].picture.flags.writeable


def test_with_key_only_there_are_key_frames_and_nothing_counts_as_lost(
    decoders: Sandbox, open_source: OpenSource
) -> None:
    found, troubles = decode(
        decoders, open_source("video/people-from-behind.mp4"), max_side=64, key_only=True
    )
    assert len(found) == 20
    assert all(frame.key for frame in found)
    assert not troubles


def test_key_frames_are_no_oftener_than_asked_and_begin_at_the_start(
    decoders: Sandbox, open_source: OpenSource
) -> None:
    source = open_source("video/people-from-behind.mp4")
    keys = [frame.time for frame in decode(decoders, source, max_side=64, key_only=True)[0]]
    third = [f.time for f in decode(decoders, source, max_side=64, key_only=True, every=Fraction(3))[0]]
    assert third == keys[::3]
    start = keys[4] + Fraction(1, 10)
    late, troubles = decode(decoders, source, max_side=64, key_only=True, start=start, end=keys[9])
    assert [frame.time for frame in late] == keys[5:9]
    assert not troubles


@pytest.mark.parametrize("form", ["mp4", "matroska", "mpegts", "avi"])
def test_start_and_end_bound_the_frames_in_every_container(form: str, decoders: Sandbox) -> None:
    base = Fraction(1, 20) if form == "avi" else Fraction(1, 60_000)
    data = clip(TWENTIETHS, form=form, base=base)
    everything, troubles = decode(decoders, made(data))
    first = everything[0].time
    some, _ = decode(decoders, made(data), start=first + Fraction(7, 20), end=first + Fraction(12, 20))
    assert not troubles
    assert len(everything) == 20
    assert [frame.pts for frame in some] == [frame.pts for frame in everything[7:12]]
    assert [frame.picture.tobytes() for frame in some] == [f.picture.tobytes() for f in everything[7:12]]


def test_every_takes_the_first_frame_of_each_step_and_misses_none_after_a_gap(decoders: Sandbox) -> None:
    times = [Fraction(n, 10) for n in (0, 1, 2, 3, 4, 5, 30, 31, 35, 36)]
    found, _ = decode(decoders, made(clip(times)), every=Fraction(1, 2))
    assert [frame.time for frame in found] == [Fraction(n, 10) for n in (0, 5, 30, 35)]
    assert [frame.index for frame in found] == [0, 5, 6, 8]


def test_a_draft_leaves_out_frames_that_no_other_needs_and_says_so_for_each(decoders: Sandbox) -> None:
    data = clip([Fraction(n, 10) for n in range(40)], codec="libx264", bf="3")
    found, troubles = decode(decoders, made(data), draft=True)
    everything, _ = decode(decoders, made(data))
    assert 0 < len(found) < len(everything) == 40
    assert len(found) + len(troubles) == 40
    assert {each.reason for each in troubles} == {NO_FRAME}
    assert {frame.time for frame in found} < {frame.time for frame in everything}


def test_variable_frame_rate_and_b_frames_come_in_the_order_they_are_shown(decoders: Sandbox) -> None:
    times = [Fraction(n * n, 100) for n in range(3, 30)]
    found, troubles = decode(decoders, made(clip(times, codec="libx264", bf="3")))
    assert [frame.time for frame in found] == times
    assert not troubles


def test_rotation_is_told_and_applied_only_when_asked_for(decoders: Sandbox) -> None:
    data = clip(TWENTIETHS[:2], width=96, height=64, rotation=90)
    told, _ = decode(decoders, made(data))
    turned, _ = decode(decoders, made(data), upright=True)
    assert {abs(frame.rotation) for frame in told} == {90}
    assert told[0].picture.shape == (64, 96, 3)
    assert turned[0].picture.shape == (96, 64, 3)
    assert turned[0].rotation == 0


@pytest.mark.parametrize("name", ["bit-errors.mp4", "zeroed-ranges.mp4"])
def test_every_packet_of_a_damaged_file_gives_a_frame_or_is_told_as_lost(
    name: str, decoders: Sandbox, open_source: OpenSource
) -> None:
    found, troubles = decode(decoders, open_source(f"damaged/{name}"))
    assert len(found) + sum(trouble.kind == LOST for trouble in troubles) == 89
    assert troubles
    assert all(trouble.reason for trouble in troubles)


def test_what_does_not_decode_is_kept_up_to_a_bound_and_then_the_file_is_given_up(
    decoders: Sandbox, open_source: OpenSource, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, troubles = decode(decoders, open_source("damaged/bit-errors.mp4"))
    monkeypatch.setattr(answers, "TROUBLES_MAX", len(troubles))
    assert decode(decoders, open_source("damaged/bit-errors.mp4"))[1] == troubles
    monkeypatch.setattr(answers, "TROUBLES_MAX", len(troubles) - 1)
    with pytest.raises(ChildFailedError, match="do not decode"):
        decode(decoders, open_source("damaged/bit-errors.mp4"))


ARRANGEMENTS = [
    ("libx264", "mp4", {"bf": "3", "x264-params": "open-gop=1:b-pyramid=normal"}),
    ("libx264", "mpegts", {"bf": "3"}),
    ("libx264", "matroska", {"x264-params": "interlaced=1"}),
    ("libx265", "mp4", {"x265-params": "log-level=none:bframes=4"}),
    ("libvpx", "webm", {"auto-alt-ref": "1", "lag-in-frames": "16", "arnr-maxframes": "5"}),
    ("libvpx-vp9", "webm", {"auto-alt-ref": "1", "lag-in-frames": "16"}),
    ("mpeg4", "avi", {"bf": "2"}),
    ("mjpeg", "avi", {}),
    ("mpeg2video", "mpegts", {"bf": "2"}),
    ("flv", "flv", {}),
]


@pytest.mark.parametrize(("codec", "form", "options"), ARRANGEMENTS)
def test_of_a_sound_file_nothing_is_told_as_lost_whatever_its_codec(
    codec: str, form: str, options: dict[str, str], decoders: Sandbox
) -> None:
    data = clip([Fraction(n, 25) for n in range(40)], form=form, codec=codec, base=Fraction(1, 25), **options)
    found, troubles = decode(decoders, made(data))
    assert len(found) == 40
    assert not troubles
    steps = {two.time - one.time for one, two in itertools.pairwise(found)}
    assert max(steps) - min(steps) <= Fraction(1, 500)  # some containers count milliseconds


def test_frames_an_edit_list_hides_are_told(decoders: Sandbox) -> None:
    data = bytearray(clip(TWENTIETHS, gop=1))
    media_time = bytes(data).index(b"elst") + 4 + 4 + 4 + 4
    data[media_time : media_time + 4] = (5 * 3_000).to_bytes(4, "big")  # the clip counts sixty-thousandths
    found, troubles = decode(decoders, made(bytes(data)))
    assert len(found) == 15
    assert [each.kind for each in troubles] == [HIDDEN]
    assert "keeps 5 stored packets" in troubles[0].reason
    everything, troubles = decode(decoders, made(bytes(data)), edits=False)
    assert len(everything) == 20
    assert not troubles
    assert [f.picture.tobytes() for f in found] == [f.picture.tobytes() for f in everything[5:]]


def test_rows_that_a_codec_cuts_off_are_decoded_where_all_that_is_stored_is_wanted(
    decoders: Sandbox,
) -> None:
    source = made(clip(TWENTIETHS, codec="libx264", **{"x264-params": "crop-rect=0,0,0,32"}))
    for edits, height in ((True, 32), (False, 64)):
        found, troubles = decode(decoders, source, edits=edits)
        assert not troubles
        assert [frame.picture.shape for frame in found] == [(height, 64, 3)] * 20


def test_a_stream_without_times_is_told_to_have_none(decoders: Sandbox) -> None:
    found, troubles = decode(decoders, made(clip(TWENTIETHS, form="h264", codec="libx264")))
    assert len(found) == 20
    assert [each.kind for each in troubles] == [UNTIMED] * 20


def test_a_frame_lost_in_the_middle_is_told_with_its_time(decoders: Sandbox) -> None:
    data = bytearray(clip(TWENTIETHS, gop=1, form="matroska", base=Fraction(1, 1000)))
    with av.open(io.BytesIO(bytes(data))) as container:
        packet = [p for p in container.demux() if p.size][7]
        body = bytes(packet)
    at = bytes(data).index(body)
    data[at : at + len(body)] = bytes(len(body))
    found, troubles = decode(decoders, made(bytes(data)))
    assert len(found) == 19
    assert [(each.kind, each.packet, each.time) for each in troubles] == [(LOST, 7, Fraction(7, 20))]


@pytest.mark.parametrize(
    "name",
    [
        "empty.mp4",
        "text-named.mp4",
        "truncated-no-moov.mp4",
        "nested-boxes.mp4",
        "bomb.zip",
        "pixel-bomb.png",
    ],
)
def test_what_is_no_footage_is_refused_with_its_name(
    name: str, decoders: Sandbox, open_source: OpenSource
) -> None:
    with pytest.raises(MediaError, match=name):
        decode(decoders, open_source(f"damaged/{name}"))


def test_a_stream_that_is_not_there_is_refused(decoders: Sandbox) -> None:
    with pytest.raises(MediaError, match="no video stream number 3"):
        list(frames(decoders, made(clip(TWENTIETHS[:1])), stream=3, troubles=[]))


@pytest.mark.parametrize("memory", [4, 8, 16])
def test_a_child_out_of_memory_says_so_and_calls_no_frame_lost(memory: int, decoders: Sandbox) -> None:
    data = clip(TWENTIETHS[:2], width=1920, height=1080)
    tight = Plan(threads=1, cpu_seconds=10, wall_seconds=20, memory_bytes=memory << 20)
    with pytest.raises(ChildFailedError, match="ran out of its"):
        decode(decoders, made(data), plan=tight)
    assert len(decode(decoders, made(data))[0]) == 2


def test_a_source_that_fails_to_read_ends_decoding_with_its_own_reason(decoders: Sandbox) -> None:
    def broken(offset: int, length: int) -> bytes:
        raise LookupError("the pack is gone")

    with pytest.raises(LookupError, match="the pack is gone"):
        decode(decoders, Source.of_ranges(broken, 100_000, "item"))


def test_a_second_try_has_one_thread_and_half_of_everything() -> None:
    plans: list[Plan] = []

    def work(plan: Plan) -> str:
        plans.append(plan)
        if len(plans) == 1:
            raise ChildFailedError("crashed")
        return "done"

    assert tried_twice(work, USUAL) == "done"
    assert (plans[1].threads, plans[1].memory_bytes) == (1, USUAL.memory_bytes // 2)


def test_the_process_that_asks_never_loads_a_decoder() -> None:
    code = (
        "import sys, bearwitness.media.frames, bearwitness.media.sound, bearwitness.media.packets,"
        "bearwitness.media.stills, bearwitness.media.probe;"
        "print({'av', 'PIL', 'pillow_heif'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"
