"""Copied groups are the original's bit for bit, covered ones covered, no frame shown at another time."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bearwitness.errors import RefusedError
from bearwitness.redact.footage import Footage
from bearwitness.redact.geometry import Box
from bearwitness.redact.operations import set_policy
from bearwitness.redact.plan import Plan, Track
from bearwitness.redact.rendering import Rendered, render
from bearwitness.redact.sound import make_sounds
from bearwitness.redact.writing import codec_for, container_of, write_footage

from . import clips
from .conftest import empty_plan, hiding

Open = Callable[[Path], Footage]
REGION = Box(16, 16, 100, 40)
MILLISECOND = Fraction(1, 1000)
# Small groups without the message x264 writes about itself into the first.
GROUPS = {"x264-params": "keyint=10:min-keyint=10:scenecut=0:bframes=2", "preset": "ultrafast"}
PLAIN = {"bsf": "filter_units=remove_types=6"}


def finish(footage: Footage, plan: Plan, out: Path) -> Rendered:
    container = container_of(out)
    rendered = render(footage, plan, codec_for(container))
    with open(out, "wb") as file:
        write_footage(file.fileno(), container, rendered.track, make_sounds(footage, plan, container).tracks)
    return rendered


def differences(before: list[Fraction], after: list[Fraction]) -> Fraction:
    assert len(before) == len(after)
    return max(abs(a - b) for a, b in zip(before, after, strict=True))


def irregular() -> list[int]:
    return list(itertools.accumulate([900] + [400, 400, 1300, 70, 2000, 390] * 9))


COMBINATIONS: list[tuple[str, str, str | None, dict[str, Any]]] = [
    ("mp4", "libx264", "aac", {"options": GROUPS}),
    ("mov", "libx264", "aac", {"options": GROUPS, "sound_start": 0.25}),
    ("mkv", "libx264", "libopus", {"options": GROUPS}),
    ("mkv", "libx264", "flac", {"options": GROUPS, "times": irregular(), "base": Fraction(1, 10000)}),
    ("mp4", "libx264", "aac", {"options": GROUPS, "times": irregular(), "base": Fraction(1, 10000)}),
    ("mp4", "libx265", "aac", {"options": {"x265-params": "log-level=none"}}),
    ("mp4", "mpeg4", "aac", {}),
    ("mkv", "mjpeg", "pcm_s16le", {"pixel": "yuvj420p"}),
    ("webm", "libvpx-vp9", "libopus", {"options": {"deadline": "realtime", "cpu-used": "8"}}),
    ("webm", "libvpx", "libopus", {"options": {"deadline": "realtime", "cpu-used": "8"}}),
    ("ts->mp4", "libx264", "aac", {"options": GROUPS}),
    ("avi->mp4", "mpeg4", "pcm_s16le", {}),
    ("avi->mkv", "mjpeg", "aac", {"pixel": "yuvj420p"}),
]


@pytest.mark.parametrize(
    ("suffixes", "codec", "sound", "more"), COMBINATIONS, ids=[f"{s} {c} {a}" for s, c, a, _ in COMBINATIONS]
)
def test_every_frame_and_sound_keeps_its_time_to_the_millisecond(
    suffixes: str, codec: str, sound: str | None, more: dict[str, Any], tmp_path: Path, opened: Open
) -> None:
    before_suffix, _, after_suffix = suffixes.partition("->")
    source = clips.make(tmp_path / f"a.{before_suffix}", codec, sound, **more)
    footage = opened(source)
    plan = hiding(empty_plan(source, footage), REGION, 22, 26)
    out = tmp_path / f"b.{after_suffix or before_suffix}"
    finish(footage, plan, out)
    assert differences(clips.frame_times(source), clips.frame_times(out)) <= MILLISECOND
    if sound:
        before, after = clips.packets(source, "audio"), clips.packets(out, "audio")
        assert abs(before[0][0] - after[0][0]) <= MILLISECOND
        ends = [max(time + length for time, length, _ in run) for run in (before, after)]
        assert abs(ends[0] - ends[1]) <= 30 * MILLISECOND  # the last packet may be filled up
    for number, luma in enumerate(clips.lumas(out)):
        part = luma[20:52, 20:112].astype(int)
        assert (part.max() < 45) == (22 <= number < 26), number


@pytest.mark.parametrize("suffix", ["mkv", "webm"])
def test_tags_and_the_name_of_an_encoder_in_the_set_up_of_vorbis_do_not_go_out(
    suffix: str, tmp_path: Path, opened: Open
) -> None:
    source = clips.make(tmp_path / f"a.{suffix}", "libvpx", "vorbis")
    assert b"\x03vorbis" in source.read_bytes()  # the header with the comments
    footage = opened(source)
    out = tmp_path / f"b.{suffix}"
    finish(footage, hiding(empty_plan(source, footage), REGION, 22, 26), out)
    assert b"vorbis" not in out.read_bytes()
    ends = [max(time + length for time, length, _ in clips.packets(path, "audio")) for path in (source, out)]
    assert abs(ends[0] - ends[1]) <= 30 * MILLISECOND


@pytest.mark.parametrize(
    ("suffix", "sound"), [("mkv", "aac"), ("mp4", "aac"), ("mkv", "libopus"), ("mkv", "libmp3lame")]
)
def test_a_text_in_what_sets_up_a_decoder_of_sound_does_not_go_out(
    suffix: str, sound: str, tmp_path: Path, opened: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = clips.make(tmp_path / f"a.{suffix}", "libx264", sound, options=GROUPS)
    footage = opened(source)
    (stream,) = footage.sounds
    told = replace(stream, extradata=stream.extradata + b"of recorder 4711, ward 3, north side")
    monkeypatch.setattr(Footage, "sounds", property(lambda self: [told]))
    out = tmp_path / f"b.{suffix}"
    finish(footage, hiding(empty_plan(source, footage), REGION, 22, 26), out)
    assert b"recorder" not in out.read_bytes()
    assert clips.packets(out, "audio")


def test_groups_without_a_change_are_copied_bit_for_bit_and_told(tmp_path: Path, opened: Open) -> None:
    source = clips.make(tmp_path / "a.mkv", options=GROUPS)
    footage = opened(source)
    plan = hiding(empty_plan(source, footage), REGION, 22, 26)
    rendered = finish(footage, plan, tmp_path / "b.mkv")
    # The first group holds x264's message about itself; the third is covered.
    assert rendered.copied == ((10, 20), (30, 60))
    before, after = (clips.packets(tmp_path / name, "video") for name in ("a.mkv", "b.mkv"))
    for begin, end in rendered.copied:
        assert [p[2] for p in before[begin:end]] == [p[2] for p in after[begin:end]]
    changed = [n for n in range(60) if before[n][2] != after[n][2]]
    assert changed == [*range(10), *range(20, 30)]


def test_leading_pictures_of_open_groups_are_encoded_with_their_group(tmp_path: Path, opened: Open) -> None:
    options = {**GROUPS, "x264-params": GROUPS["x264-params"] + ":open-gop=1"}
    source = clips.make(tmp_path / "a.mp4", options=options)
    footage = opened(source)
    plan = hiding(empty_plan(source, footage), REGION, 40, 42)
    rendered = finish(footage, plan, tmp_path / "b.mp4")
    before, after = clips.lumas(source), clips.lumas(tmp_path / "b.mp4")
    # Nothing decodes wrongly around the joints: outside the region all frames are as they were.
    for a, b in zip(before, after, strict=True):
        assert np.abs(a[60:].astype(int) - b[60:].astype(int)).mean() < 4
    assert rendered.track.packets[0].key


def test_groups_encoded_anew_tell_the_same_colours_as_those_that_are_copied(
    tmp_path: Path, opened: Open
) -> None:
    told = {
        **GROUPS,
        "x264-params": GROUPS["x264-params"] + ":colorprim=bt709:transfer=bt709:colormatrix=bt709",
    }
    for suffix in (".mp4", ".mkv"):
        source = clips.make(tmp_path / f"a{suffix}", options=told)
        footage = opened(source)
        assert footage.video.colour[:3] == (1, 1, 1)
        finish(footage, hiding(empty_plan(source, footage), REGION, 0, 60), tmp_path / f"b{suffix}")
        assert opened(tmp_path / f"b{suffix}").video.colour[:3] == (1, 1, 1)


def test_a_file_without_a_change_is_still_cleaned_and_whole(tmp_path: Path, opened: Open) -> None:
    source = clips.make(
        tmp_path / "a.mp4", "libx264", "aac", options=GROUPS, metadata={"title": "SECRET-TITLE"}
    )
    footage = opened(source)
    finish(footage, empty_plan(source, footage), tmp_path / "b.mp4")
    data = (tmp_path / "b.mp4").read_bytes()
    assert b"SECRET-TITLE" in source.read_bytes()
    assert not any(trace in data for trace in (b"SECRET-TITLE", b"x264", b"Lavf", b"Lavc", b"Handler"))
    assert len(clips.frame_times(tmp_path / "b.mp4")) == 60


def test_everything_but_a_region_can_be_hidden(tmp_path: Path, opened: Open) -> None:
    source = clips.make(tmp_path / "a.mp4", options=GROUPS)
    footage = opened(source)
    plan = hiding(empty_plan(source, footage), REGION, 0, 60)
    finish(footage, set_policy(plan, inverted=True), tmp_path / "b.mp4")
    for before, after in zip(clips.lumas(source), clips.lumas(tmp_path / "b.mp4"), strict=True):
        assert after[60:].max() < 40
        assert np.abs(before[20:50, 20:110].astype(int) - after[20:50, 20:110]).mean() < 6


def test_a_face_in_the_region_that_is_shown_stays_hidden_and_one_outside_does_not_open_it(
    tmp_path: Path, opened: Open
) -> None:
    source = clips.make(tmp_path / "a.mp4", options=GROUPS)
    footage = opened(source)
    plan = hiding(empty_plan(source, footage), REGION, 0, 60)
    for number, face in ((7, Box(40, 24, 24, 20)), (8, Box(120, 60, 24, 24))):
        boxes = dict.fromkeys(plan.times, face)
        plan = plan.with_track(Track(number, "face", hide=True, by="machine", boxes=boxes))
    finish(footage, set_policy(plan, inverted=True), tmp_path / "b.mp4")
    for before, after in zip(clips.lumas(source), clips.lumas(tmp_path / "b.mp4"), strict=True):
        assert after[60:].max() < 40
        assert after[26:42, 42:62].max() < 40
        assert np.abs(before[20:50, 70:110].astype(int) - after[20:50, 70:110]).mean() < 6


def test_a_frame_that_does_not_decode_refuses_the_file(tmp_path: Path, opened: Open) -> None:
    source = clips.make(tmp_path / "a.mp4", options=GROUPS)
    data = bytearray(source.read_bytes())
    at = data.find(b"mdat") + 2000
    data[at : at + 600] = bytes(600)
    (tmp_path / "hurt.mp4").write_bytes(data)
    with pytest.raises(RefusedError, match="does not decode whole"):
        empty_plan(tmp_path / "hurt.mp4", opened(tmp_path / "hurt.mp4"))


def test_a_frame_the_plan_has_not_seen_refuses_the_file(tmp_path: Path, opened: Open) -> None:
    source = clips.make(tmp_path / "a.mp4", "mpeg4")
    footage = opened(source)
    plan = empty_plan(source, footage)
    blind = replace(plan, times=(*plan.times[:30], *plan.times[31:]))
    with pytest.raises(RefusedError, match="the plan does not know"):
        finish(footage, blind, tmp_path / "b.mp4")


@pytest.mark.parametrize("number", [0, 20, 35, 59])
def test_a_frame_the_plan_has_not_seen_is_not_dropped_either(
    number: int, tmp_path: Path, opened: Open
) -> None:
    source = clips.make(tmp_path / "a.mp4", options=GROUPS)
    footage = opened(source)
    plan = empty_plan(source, footage)
    blind = replace(plan, times=(*plan.times[:number], *plan.times[number + 1 :]))
    with pytest.raises(RefusedError, match="is not in the plan"):
        finish(footage, blind, tmp_path / "b.mp4")


def test_a_picture_shown_turned_is_covered_where_people_see_it(tmp_path: Path, opened: Open) -> None:
    flat = clips.make(tmp_path / "flat.mp4", options=GROUPS)
    footage = opened(flat)
    rendered = render(footage, empty_plan(flat, footage), "h264")
    turned = tmp_path / "turned.mp4"
    with open(turned, "wb") as file:
        write_footage(file.fileno(), "mp4", replace(rendered.track, quarter_turns=1), ())
    footage = opened(turned)
    assert (footage.picture.width, footage.picture.height, footage.quarter_turns) == (
        clips.HEIGHT,
        clips.WIDTH,
        1,
    )
    # Upper right of the upright picture is the upper left of the stored one.
    plan = hiding(empty_plan(turned, footage), Box(clips.HEIGHT - 40, 0, 40, 30), 0, 60)
    finish(footage, plan, tmp_path / "out.mp4")
    for luma in clips.lumas(tmp_path / "out.mp4"):
        assert luma[2:38, 2:28].max() < 45
        assert luma[60:, 60:].max() > 100
    assert opened(tmp_path / "out.mp4").quarter_turns == 1


def test_sound_that_an_edit_list_cuts_off_is_not_copied(tmp_path: Path, opened: Open) -> None:
    source = clips.make(tmp_path / "a.mp4", "libx264", "aac", options=GROUPS)
    before = [data for _, _, data in clips.packets(source, "audio")]
    data = bytearray(source.read_bytes())
    at = data.rindex(b"elst") + 16  # where the sound of the second track begins, behind how long it is shown
    data[at : at + 4] = (48_000 * 3 // 2).to_bytes(4, "big")
    (tmp_path / "cut.mp4").write_bytes(data)
    footage = opened(tmp_path / "cut.mp4")
    first = 48_000 * 3 // 2 // 1024  # packet in which the shown sound begins
    for name in ("b.mp4", "b.mkv"):
        finish(footage, empty_plan(tmp_path / "cut.mp4", footage), tmp_path / name)
        copy = (tmp_path / name).read_bytes()
        assert not any(packet in copy for packet in before[: first - 1] if len(packet) > 16)
        assert sum(packet in copy for packet in before[first:]) > 15
    after = clips.packets(tmp_path / "b.mp4", "audio")
    assert min(time for time, _, _ in after) >= -50 * MILLISECOND


ORIENTATION = {0: bytes((47, 3, 0, 0, 0x18)), 180: bytes((47, 3, 0x10, 0, 0x18))}


def turning(path: Path, footage: Footage, empty: Plan, turns: Callable[[int], int]) -> Path:
    """Write the clip with a message in each picture that says by how many degrees it is to be turned."""
    track = render(footage, empty, "h264").track
    packets = []
    for number, packet in enumerate(track.packets):
        message = b"\x06" + ORIENTATION[turns(number)] + b"\x80"
        told = len(message).to_bytes(4, "big") + message + packet.data
        packets.append(replace(packet, data=told))
    with open(path, "wb") as file:
        write_footage(file.fileno(), "mp4", replace(track, packets=packets), ())
    return path


def test_footage_that_is_turned_on_the_way_is_refused(tmp_path: Path, opened: Open) -> None:
    flat = clips.make(tmp_path / "flat.mp4", options=GROUPS)
    footage = opened(flat)
    empty = empty_plan(flat, footage)
    steady = opened(turning(tmp_path / "steady.mp4", footage, empty, lambda number: 180))
    assert {frame.rotation % 360 for frame in steady.frames()} == {180}
    turned = opened(
        turning(tmp_path / "turned.mp4", footage, empty, lambda number: 180 if number > 29 else 0)
    )
    with pytest.raises(RefusedError, match=r"turned by 0° at its beginning and by -?180°"):
        list(turned.frames(upright=True))


@pytest.mark.parametrize(("cut", "copied"), [("0,0,0,8", True), ("0,0,0,32", False), ("2,0,0,0", False)])
def test_groups_with_rows_that_are_cut_off_and_nobody_saw_are_not_copied(
    cut: str, copied: bool, tmp_path: Path, opened: Open
) -> None:
    options = {**GROUPS, "x264-params": f"{GROUPS['x264-params']}:crop-rect={cut}"}
    source = clips.make(tmp_path / "a.mkv", options=options)
    footage = opened(source)
    assert footage.video.height < clips.HEIGHT or footage.video.width < clips.WIDTH
    rendered = finish(footage, hiding(empty_plan(source, footage), REGION, 22, 26), tmp_path / "b.mkv")
    assert bool(rendered.copied) == copied
