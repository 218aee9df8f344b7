"""Burned-in texts are found and covered by themselves; the attack finds whatever is left of one."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bearwitness.inference.texts import FINDER, READER, Texts
from bearwitness.inference.worker import InferenceWorker
from bearwitness.redact import operations
from bearwitness.redact.attack.attacking import attack
from bearwitness.redact.attack.hits import Report
from bearwitness.redact.attack.overlays import OverlayCheck, of_original, surviving
from bearwitness.redact.filling import Plane
from bearwitness.redact.footage import Footage
from bearwitness.redact.geometry import Box
from bearwitness.redact.outcome import with_hits
from bearwitness.redact.overlays import OverlayFinder, TextLooker, looked_for, with_doubts, with_overlays
from bearwitness.redact.plan import Plan, Track
from bearwitness.redact.planning import look_at_all, make_plan
from bearwitness.redact.rendering import render
from bearwitness.redact.writing import write_footage
from bearwitness.signals.arrays import Grey
from bearwitness.signals.borders import Box as Edges
from bearwitness.signals.text import Line
from scale import ALL, sample

from . import burned
from .burned import Drawn
from .conftest import empty_plan
from .test_attack import Seer

Open = Callable[[Path], Footage]
CLOCK = Drawn(burned.clock, "tl")
WHITE, BLACK = (255, 255, 255, 255), (0, 0, 0, 255)
KINDS = {
    "light Latin, lower right": Drawn("CAM 04 NORTH", "br", WHITE),
    "dark Latin, upper right": Drawn("ID 77-AB-1093", "tr", BLACK, size=15),
    "Cyrillic in a see-through box, lower left": Drawn(
        "КАМЕРА 12 ВОСТОК", "bl", (255, 255, 0, 255), (0, 0, 0, 120)
    ),
    "dark Cyrillic on a see-through light box": Drawn("ПОСТ 3 СЕВЕР", "br", BLACK, (255, 255, 255, 130)),
    "see-through letters": Drawn("DVR-0042", "bl", (255, 255, 255, 190), size=18),
    "a clock": CLOCK,
}


class Remembering:
    """Texts that are asked once for each picture: what attacks see of one original is always the same."""

    def __init__(self, texts: Texts) -> None:
        self._texts, self._found = texts, dict[bytes, list[Edges]]()

    def find(self, grey: Grey) -> list[Edges]:
        key = sha256(grey.tobytes()).digest()
        if key not in self._found:
            self._found[key] = self._texts.find(grey)
        return [*self._found[key]]

    def read(self, grey: Grey) -> Line:
        return self._texts.read(grey)


@pytest.fixture(scope="module")
def texts() -> Iterator[TextLooker]:
    worker = InferenceWorker((FINDER, READER), threads=1)
    yield Remembering(Texts(worker))
    worker.close()


def planned(path: Path, footage: Footage, texts: TextLooker) -> Plan:
    finder = OverlayFinder(texts, footage.picture.width, footage.picture.height)
    seen = look_at_all(footage, Seer(), finder=finder)
    bare = empty_plan(path, footage)
    return with_overlays(
        with_doubts(make_plan(bare.source, footage, Seer(), seen), seen.unread), seen.overlays, cover=True
    )


class Case:
    """A clip with a clock and a device number, its plan, and ways to finish and attack it."""

    def __init__(self, folder: Path, opened: Open, texts: TextLooker) -> None:
        self.folder, self.opened, self.texts = folder, opened, texts
        self.source = burned.make(folder / "a.mp4", [CLOCK, KINDS["light Latin, lower right"]], count=30)
        self.footage = opened(self.source)
        self.plan = planned(self.source, self.footage, texts)

    def finish(self, plan: Plan, change: Callable[[Plane, int], None] | None = None) -> Path:
        """Write the derivative; `change` alters pictures (I420) before they are covered."""
        out = self.folder / f"{len(os.listdir(self.folder))}.mp4"
        footage: Any = self.footage if change is None else Altered(self.footage, change)
        rendered = render(footage, plan, "h264")
        with open(out, "wb") as file:
            write_footage(file.fileno(), "mp4", rendered.track, ())
        return out

    def attack(self, out: Path, plan: Plan | None = None) -> Report:
        plan = plan or self.plan
        check = OverlayCheck(plan, self.texts, of_original(self.footage, plan, self.texts))
        return attack(self.footage, self.opened(out), plan, "mp4", 0, Seer(), overlays=check)

    def clock(self) -> Track:
        return next(track for track in self.plan.tracks if ":" in track.says)


class Altered:
    """Footage of which pictures are changed in the making: what a faulty renderer would do."""

    def __init__(self, footage: Footage, change: Callable[[Plane, int], None]) -> None:
        self._footage, self._change = footage, change

    def __getattr__(self, name: str) -> Any:
        return getattr(self._footage, name)

    def frames(self, *words: Any, **more: Any) -> Iterable[Any]:
        for frame in self._footage.frames(*words, **more):
            picture = np.array(frame.picture)
            self._change(picture, frame.pts)
            yield replace(frame, picture=picture)


@pytest.fixture(scope="module")
def kept_open(sandbox: Any) -> Iterator[Open]:
    from bearwitness.media.source import Source as Bytes

    descriptors: list[int] = []

    def open_it(path: Path) -> Footage:
        descriptors.append(os.open(path, os.O_RDONLY))
        return Footage(sandbox, Bytes.of_file(descriptors[-1], path.name))

    yield open_it
    for descriptor in descriptors:
        os.close(descriptor)


@pytest.fixture(scope="module")
def case(tmp_path_factory: pytest.TempPathFactory, kept_open: Open, texts: TextLooker) -> Case:
    return Case(tmp_path_factory.mktemp("burned"), kept_open, texts)


@pytest.mark.parametrize("name", sample([*KINDS], 3))
def test_a_text_that_stands_still_is_covered_with_every_pixel_of_it(
    name: str, tmp_path: Path, opened: Open, texts: Texts
) -> None:
    text = KINDS[name]
    source = burned.make(tmp_path / "a.mp4", [text], count=15)
    plan = planned(source, opened(source), texts)
    assert plan.tracks
    assert looked_for(plan)
    hidden = plan.hidden()
    for number, time in enumerate(plan.times):
        left, top, right, bottom = burned.place(text, number)
        assert any(
            b.x <= left and b.y <= top and b.right >= right and b.bottom >= bottom for b in hidden[time]
        )


def test_a_scene_without_text_is_left_alone(tmp_path: Path, opened: Open, texts: TextLooker) -> None:
    source = burned.make(tmp_path / "a.mp4", [])
    plan = planned(source, opened(source), texts)
    assert plan.tracks == ()
    assert plan.doubts == ()
    assert looked_for(plan)


def test_what_is_covered_is_small_beside_the_picture(case: Case) -> None:
    area = case.footage.picture.width * case.footage.picture.height
    assert sum(box.area for box in case.plan.hidden()[case.plan.times[0]]) < 0.09 * area


def test_a_sound_derivative_has_no_hit(case: Case) -> None:
    report = case.attack(case.finish(case.plan))
    assert report.hits == []
    assert report.looked_at["overlays"] > 6


def test_nothing_covered_is_found_wherever_it_stands(case: Case) -> None:
    nothing = replace(case.plan, tracks=())
    report = case.attack(case.finish(nothing), nothing)
    assert {hit.check for hit in report.hits} == {"overlays"}
    words = " ".join(hit.says for hit in report.hits)
    assert "2023-05-17" in words
    assert "CAM 04" in words


def test_what_was_found_can_be_added_to_the_plan_and_is_gone_then(case: Case) -> None:
    nothing = replace(case.plan, tracks=())
    found = with_hits(nothing, case.attack(case.finish(nothing), nothing).hits)
    assert case.attack(case.finish(found), found).hits == []


def test_texts_people_chose_to_show_are_no_hits(case: Case) -> None:
    shown = operations.set_overlays(case.plan, cover=False)
    assert case.attack(case.finish(shown), shown).hits == []
    one = operations.keep(case.plan, case.clock().number)
    assert case.attack(case.finish(one), one).hits == []


@pytest.mark.parametrize("missed", sample([range(17, 18), range(23, 27), range(0, 2), range(28, 30)], 2))
def test_a_text_the_plan_leaves_open_for_some_frames_is_found_in_them(case: Case, missed: range) -> None:
    times = {case.plan.times[number] for number in missed}
    boxes = {time: box for time, box in case.clock().boxes.items() if time not in times}
    gap = case.plan.with_track(replace(case.clock(), boxes=boxes))
    report = case.attack(case.finish(gap), gap)
    assert {hit.check for hit in report.hits} == {"overlays"}
    assert {hit.time for hit in report.hits} & times


def test_a_box_that_leaves_one_digit_is_found_with_the_frame_and_the_box(case: Case) -> None:
    left, top, right, bottom = burned.place(CLOCK, 0)
    digit = (right - left) // len(burned.clock(0))
    small = Box(left - 4, top - 4, right - left - digit + 4, bottom - top + 8)
    plan = case.plan.with_track(replace(case.clock(), boxes=dict.fromkeys(case.plan.times, small)))
    report = case.attack(case.finish(plan), plan)
    assert {hit.check for hit in report.hits} == {"overlays"}
    hit = report.hits[0]
    assert "strokes are left in" in hit.says
    assert hit.time is not None
    box = hit.boxes[hit.time]
    assert box.right >= right - 2
    assert f"{case.plan.seconds(hit.time):.3f} s" in hit.says


@pytest.mark.parametrize("weight", [0.3, 0.6] if ALL else [0.3])
def test_a_text_that_is_only_greyed_is_found_by_its_strokes_and_by_its_fill(
    case: Case, weight: float
) -> None:
    box = case.clock().boxes[case.plan.times[0]]

    def grey(picture: Plane, _: int) -> None:
        part = picture[box.y : box.bottom, box.x : box.right]
        part[:] = (part * weight + 60 * (1 - weight)).astype(np.uint8)

    without = replace(case.plan, tracks=tuple(t for t in case.plan.tracks if t != case.clock()))
    report = case.attack(case.finish(without, grey), case.plan)
    assert {"overlays", "covered regions"} == {hit.check for hit in report.hits}


def test_strokes_survive_dimming_and_not_a_fill() -> None:
    rng = np.random.default_rng(3)
    text = np.where(rng.random((20, 120)) < 0.3, 235, 40).astype(np.uint8)
    assert set(surviving(text, text)) == {1.0}
    assert min(surviving(text, (text * 0.2 + 90).astype(np.uint8))) > 0.9
    assert set(surviving(text, np.full_like(text, 16))) == {0.0}
    assert max(surviving(text, rng.integers(14, 19, text.shape).astype(np.uint8))) < 0.05
    one = np.full_like(text, 16)
    one[:, -14:] = text[:, -14:]
    assert [share > 0.4 for share in surviving(text, one)] == [False] * 9 + [True]


def test_without_a_reader_the_report_says_that_no_text_was_looked_for(case: Case) -> None:
    report = attack(case.footage, case.opened(case.finish(case.plan)), case.plan, "mp4", 0, Seer())
    assert any("texts were not looked for" in warning for warning in report.warnings)


@pytest.mark.parametrize("name", ["road-cars-clock", *(["timecode-25fps"] if ALL else [])])
def test_a_clock_of_real_footage_is_covered(name: str, corpus: Path, opened: Open, texts: TextLooker) -> None:
    source = corpus / "video" / f"{name}.mp4"
    plan = planned(source, opened(source), texts)
    clock = [track for track in plan.tracks if track.says.count(":") >= 2]
    assert [len(track.boxes) for track in clock] == [len(plan.times)]
