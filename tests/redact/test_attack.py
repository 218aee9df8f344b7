"""The attack finds what was planted, each kind of it, and nothing in a sound derivative."""

from __future__ import annotations

import random
import struct
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import av
import pytest

from bearwitness.media.model import Frame
from bearwitness.redact import operations, outcome, voices
from bearwitness.redact.attack.attacking import attack
from bearwitness.redact.attack.hits import Report
from bearwitness.redact.footage import Footage
from bearwitness.redact.geometry import Box
from bearwitness.redact.looking import BODIES
from bearwitness.redact.plan import Detector, Plan
from bearwitness.redact.rendering import render
from bearwitness.redact.sound import make_sounds
from bearwitness.redact.tracking import Detection
from bearwitness.redact.writing import codec_for, container_of, write_footage

from . import clips
from .conftest import NOBODY, empty_plan, hiding
from .test_rendering import GROUPS, REGION, Open


class Seer:
    """A detector that sees what it is told to, by number of the frame."""

    def __init__(self, sees: Mapping[int, Detection | list[Detection]] | None = None) -> None:
        self._sees = sees or {}

    @property
    def detectors(self) -> tuple[Detector, ...]:
        return (NOBODY,)

    def look(self, frames: Iterable[Frame]) -> Iterator[tuple[Frame, list[Detection]]]:
        for number, frame in enumerate(frames):
            seen = self._sees.get(number, [])
            yield frame, seen if isinstance(seen, list) else [seen]


class Bench:
    """An original with a plan, and ways to finish and attack it."""

    def __init__(self, folder: Path, opened: Open) -> None:
        self._folder, self._opened = folder, opened
        self.hears: list[tuple[int, int]] = []
        self.source = clips.make(folder / "a.mp4", "libx264", "aac", options=GROUPS)
        self.footage = opened(self.source)
        self.plan = hiding(empty_plan(self.source, self.footage), REGION, 20, 40)

    def finish(self, plan: Plan, name: str = "b.mp4") -> Path:
        out = self._folder / name
        container = container_of(out)
        rendered = render(self.footage, plan, codec_for(container))
        with open(out, "wb") as file:
            tracks = make_sounds(self.footage, plan, container).tracks
            write_footage(file.fileno(), container, rendered.track, tracks)
        return out

    def reopened(self, out: Path) -> Footage:
        return self._opened(out)

    def attack(
        self, out: Path, plan: Plan | None = None, looker: Seer | None = None, sounds: int = 1
    ) -> Report:
        return attack(
            self.footage, self.reopened(out), plan or self.plan, container_of(out), sounds, looker or Seer(),
            hear=lambda footage, stream, unheard: (1, self.hears),
        )  # fmt: skip


@pytest.fixture
def bench(tmp_path: Path, opened: Callable[[Path], Footage]) -> Bench:
    return Bench(tmp_path, opened)


def checks(report: Report) -> set[str]:
    return {hit.check for hit in report.hits}


@pytest.mark.parametrize("name", ["b.mp4", "b.mov", "b.mkv"])
def test_a_sound_derivative_has_no_hit_and_every_check_looked_at_something(bench: Bench, name: str) -> None:
    report = bench.attack(bench.finish(bench.plan, name))
    assert report.hits == []
    assert {
        "container",
        "traces",
        "streams",
        "frame times",
        "covered regions",
        "faces",
    } <= report.looked_at.keys()
    assert all(report.looked_at.values())


def test_one_frame_left_uncovered_is_found(bench: Bench) -> None:
    track = bench.plan.tracks[-1]
    missed = bench.plan.times[30]
    boxes = {time: box for time, box in track.boxes.items() if time != missed}
    report = bench.attack(bench.finish(bench.plan.with_track(replace(track, boxes=boxes))))
    assert [(hit.check, hit.time) for hit in report.hits] == [("covered regions", missed)]


def test_half_a_region_left_uncovered_is_found_in_every_frame(bench: Bench) -> None:
    half = hiding(
        empty_plan(bench.source, bench.footage), Box(REGION.x, REGION.y, REGION.w // 2, REGION.h), 20, 40
    )
    report = bench.attack(bench.finish(half))
    assert len(report.hits) == 20
    assert checks(report) == {"covered regions"}


@pytest.mark.parametrize("fill", ["mosaic", "blur"])
def test_an_obscured_region_where_a_solid_one_was_planned_is_found(bench: Bench, fill: str) -> None:
    report = bench.attack(bench.finish(replace(bench.plan, fill=fill)))
    assert checks(report) == {"covered regions"}


def test_a_region_obscured_too_weakly_still_shows_the_originals_edges(bench: Bench) -> None:
    untouched = bench.finish(empty_plan(bench.source, bench.footage))
    report = bench.attack(untouched, replace(bench.plan, fill="blur"))
    assert checks(report) == {"covered regions"}
    assert "edges" in report.hits[0].says


def test_a_chosen_blur_is_let_through_with_a_warning_in_figures(bench: Bench) -> None:
    plan = replace(bench.plan, fill="blur")
    report = bench.attack(bench.finish(plan), plan)
    assert report.hits == []
    assert "not safe" in report.warnings[0]
    assert "of 20 regions" in report.warnings[0]


def test_a_face_seen_surely_once_is_a_hit_that_says_what_to_hide(bench: Bench) -> None:
    seer = Seer({50: Detection(120, 60, 20, 26, 0.7, "faces")})
    report = bench.attack(bench.finish(bench.plan), looker=seer)
    assert checks(report) == {"faces"}
    assert bench.plan.times[50] in report.hits[0].boxes


def test_a_face_seen_unsurely_counts_once_it_is_seen_often(bench: Bench) -> None:
    out = bench.finish(bench.plan)
    unsure = {n: Detection(120, 60, 20, 26, 0.55, "faces") for n in (45, 47, 50)}
    assert checks(bench.attack(out, looker=Seer(unsure))) == {"faces"}
    once = bench.attack(out, looker=Seer({45: unsure[45]}))
    assert once.hits == []
    assert "look at 1.800 s" in once.warnings[0]  # a person decides


def test_a_detector_that_fires_on_a_black_fill_is_no_hit(bench: Bench) -> None:
    on_black = Detection(REGION.x + 10, REGION.y + 5, 30, 30, 0.9, "faces")
    assert bench.attack(bench.finish(bench.plan), looker=Seer({25: on_black})).hits == []


def test_a_face_people_chose_to_show_is_no_hit(bench: Bench) -> None:
    kept = operations.keep(bench.plan, 1)
    shown = Detection(REGION.x + 10, REGION.y + 5, 30, 30, 0.9, "faces")
    assert bench.attack(bench.finish(kept), kept, Seer({25: shown})).hits == []


def body(
    frames: Iterable[int], score: float = 0.35, x: float = 110
) -> dict[int, Detection | list[Detection]]:
    """Return a person seen in some frames, as by the detector of persons."""
    return {n: Detection(110, 40, 40, 90, score, BODIES) for n in frames}


def test_a_person_seen_where_whole_bodies_were_to_be_hidden_is_a_hit_that_says_what_to_hide(
    bench: Bench,
) -> None:
    hides = replace(bench.plan, detectors=(NOBODY, replace(NOBODY, scales=("heads", BODIES))))
    out = bench.finish(hides)
    found = bench.attack(out, hides, Seer(body([50, 51, 52])))
    assert checks(found) == {"bodies"}
    assert bench.plan.times[51] in found.hits[0].boxes
    assert found.looked_at["bodies"] == len(bench.plan.times)
    assert bench.attack(out, hides, Seer(body([50, 51]))).hits == [], "twice is chance"
    assert bench.attack(out, hides, Seer(body([50, 51, 52], 0.25))).hits == [], "unsure"
    on_black = {n: Detection(REGION.x, REGION.y, 30, 30, 0.9, BODIES) for n in range(20, 40)}
    assert bench.attack(out, hides, Seer(on_black)).hits == []


def test_a_person_is_no_hit_where_only_faces_were_to_be_hidden_and_never_counts_as_a_face(
    bench: Bench,
) -> None:
    report = bench.attack(bench.finish(bench.plan), looker=Seer(body(range(40, 60), 0.9)))
    assert report.hits == []
    assert "bodies" not in report.looked_at


def test_a_weak_face_where_a_hidden_track_has_just_ended_is_a_hit(bench: Bench) -> None:
    faces = replace(bench.plan, tracks=tuple(replace(t, kind="face") for t in bench.plan.tracks))
    out = bench.finish(faces)
    after = Detection(REGION.x, REGION.y, REGION.w, REGION.h, 0.55, "faces")
    assert "goes on" in bench.attack(out, faces, Seer({42: after})).hits[0].says
    assert bench.attack(out, faces, Seer({57: after})).hits == []


def test_where_a_hidden_track_ends_two_passes_that_agree_count_from_a_lower_score(bench: Bench) -> None:
    faces = replace(bench.plan, tracks=tuple(replace(t, kind="face") for t in bench.plan.tracks))
    out = bench.finish(faces)
    one = Detection(REGION.x, REGION.y, REGION.w, REGION.h, 0.4, "faces 1× mirrored")
    other = replace(one, x=one.x + 3, score=0.25, by="faces 2× mirrored")
    found = bench.attack(out, faces, Seer({42: [one, other]}))
    assert "goes on" in found.hits[0].says
    alone = bench.attack(out, faces, Seer({42: one, 43: one, 44: one}))
    assert alone.hits == []
    assert "look at" in alone.warnings[0]
    assert bench.attack(out, faces, Seer({42: one, 43: other})).hits == []
    assert bench.attack(out, faces, Seer({57: [one, other]})).hits == []


def test_an_untouched_overlay_is_found(bench: Bench) -> None:
    overlay = operations.add_box(bench.plan, Box(100, 80, 50, 12), None, None, kind="overlay")
    report = bench.attack(bench.finish(bench.plan), overlay)
    assert len(report.hits) == 60


def test_an_unmuted_word_is_found(bench: Bench) -> None:
    muted = operations.mute(bench.plan, [(500, 1200)])
    assert bench.attack(bench.finish(muted), muted).hits == []
    report = bench.attack(bench.finish(bench.plan, "loud.mp4"), muted)
    assert checks(report) == {"muted sound"}
    earlier = bench.attack(bench.finish(operations.mute(bench.plan, [(500, 1000)]), "short.mp4"), muted)
    assert checks(earlier) == {"muted sound"}


def test_speech_outside_of_what_was_muted_refuses_and_says_what_to_mute(bench: Bench) -> None:
    muted = voices.mute_speech(bench.plan, [(500, 1200)])
    out = bench.finish(muted)
    bench.hears = [(300, 480), (1180, 1400), (1500, 1540)]
    report = bench.attack(out, muted)
    assert [(hit.check, hit.mute) for hit in report.hits] == [
        ("speech", (300, 480)),
        ("speech", (1200, 1400)),
    ]
    more = outcome.with_hits(muted, report.hits)
    assert more.muted == ((300, 480), (500, 1400))
    assert bench.attack(bench.finish(more, "more.mp4"), more).hits == []


def test_speech_outside_of_chosen_ranges_is_named_for_a_person(bench: Bench) -> None:
    muted = operations.mute(bench.plan, [(500, 1200)])
    bench.hears = [(1180, 1400)]
    report = bench.attack(bench.finish(muted), muted)
    assert report.hits == []
    assert "1.200 to 1.400 s" in report.warnings[0]


def test_an_attack_that_nobody_listens_for_does_not_pass(bench: Bench) -> None:
    muted = operations.mute(bench.plan, [(500, 1200)])
    out = bench.finish(muted)
    with pytest.raises(ValueError, match="nobody listens"):
        attack(bench.footage, bench.reopened(out), muted, "mp4", 1, Seer())


def test_sound_that_was_to_be_left_out_is_found(bench: Bench) -> None:
    mute = replace(bench.plan, voices="mute")
    assert bench.attack(bench.finish(mute), mute, sounds=0).hits == []
    assert {"container", "streams"} <= checks(
        bench.attack(bench.finish(bench.plan, "loud.mp4"), mute, sounds=0)
    )


def test_a_second_video_track_is_found(bench: Bench, tmp_path: Path) -> None:
    lumas = clips.lumas(bench.finish(bench.plan))
    with av.open(str(tmp_path / "two.mp4"), "w") as container:
        streams: list[Any] = [container.add_stream("mpeg4", rate=clips.RATE) for _ in range(2)]
        for stream in streams:
            stream.width, stream.height, stream.pix_fmt = clips.WIDTH, clips.HEIGHT, "yuv420p"
        for luma in lumas:
            for stream in streams:
                frame = av.VideoFrame.from_ndarray(luma, format="gray").reformat(format="yuv420p")
                container.mux(stream.encode(frame))
        for stream in streams:
            container.mux(stream.encode(None))
    assert {"container", "streams"} <= checks(bench.attack(tmp_path / "two.mp4"))


def _planted(out: Path, name: str, change: Callable[[bytes], bytes]) -> Path:
    path = out.with_name(name)
    path.write_bytes(change(out.read_bytes()))
    return path


def _box(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I4s", 8 + len(body), kind) + body


THUMBNAIL = bytes.fromhex("ffd8ffe0") + random.Random(7).randbytes(300) + bytes.fromhex("ffd9")


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("a comment", lambda d: d + _box(b"udta", _box(b"\xa9cmt", b"\0\x08\0\0for Anna"))),
        ("a thumbnail in a box", lambda d: d + _box(b"uuid", THUMBNAIL)),
        ("a thumbnail behind the end", lambda d: d + THUMBNAIL),
        ("free space", lambda d: d + _box(b"free", b"\0" * 64)),
        (
            "a date",
            lambda d: d.replace(b"mvhd\x01\0\0\0" + bytes(8), b"mvhd\x01\0\0\0" + b"\0\0\0\0\xe0\0\0\0", 1),
        ),
        ("a name", lambda d: d.replace(b"vide" + bytes(12), b"vide" + bytes(4) + b"Canon EO", 1)),
    ],
)
def test_what_hides_in_an_mp4_is_found(bench: Bench, name: str, change: Callable[[bytes], bytes]) -> None:
    out = _planted(bench.finish(bench.plan), "planted.mp4", change)
    assert out.read_bytes() != bench.finish(bench.plan, "again.mp4").read_bytes()
    assert "container" in checks(bench.attack(out))


def test_bytes_between_samples_are_found(bench: Bench) -> None:
    def widen(data: bytes) -> bytes:
        at = data.index(b"mdat") - 4
        size = struct.unpack_from(">Q", data, at + 8)[0]
        return data[: at + 8] + struct.pack(">Q", size + len(THUMBNAIL)) + data[at + 16 :] + THUMBNAIL

    report = bench.attack(_planted(bench.finish(bench.plan), "planted.mp4", widen))
    assert any("belong to no sample" in hit.says for hit in report.hits)


def test_tags_and_attachments_in_matroska_are_found(bench: Bench) -> None:
    tag = bytes.fromhex("1254c367") + b"\x88" + b"for Anna"
    for extra in (tag, bytes.fromhex("1941a469") + b"\x84Anna", b"\xec\x84Anna", b"trailing"):
        report = bench.attack(_planted(bench.finish(bench.plan, "b.mkv"), "p.mkv", lambda d, e=extra: d + e))  # type: ignore[misc]
        assert "container" in checks(report)
        (bench.source.parent / "b.mkv").unlink()


def test_a_text_of_the_originals_tags_is_found_wherever_it_stands(tmp_path: Path, opened: Open) -> None:
    source = clips.make(tmp_path / "a.mp4", options=GROUPS, metadata={"comment": "Nokia 8 of Anna"})
    footage = opened(source)
    plan = empty_plan(source, footage)
    rendered = render(footage, plan, "h264")
    packets = list(rendered.track.packets)
    note = b"\x00\x00\x00\x11\x06Nokia 8 of Anna\x80"
    packets[5] = replace(packets[5], data=note + packets[5].data)
    out = tmp_path / "b.mp4"
    with open(out, "wb") as file:
        write_footage(file.fileno(), "mp4", replace(rendered.track, packets=packets), ())
    report = attack(footage, opened(out), plan, "mp4", 0, Seer())
    assert "traces" in checks(report)


def test_a_frame_shown_at_another_time_is_found(bench: Bench) -> None:
    rendered = render(bench.footage, bench.plan, "h264")
    late = [replace(p, pts=p.pts + 40) if n >= 50 else p for n, p in enumerate(rendered.track.packets)]
    out = bench.source.with_name("late.mp4")
    with open(out, "wb") as file:
        write_footage(file.fileno(), "mp4", replace(rendered.track, packets=late), ())
    assert "frame times" in checks(bench.attack(out, sounds=0))
