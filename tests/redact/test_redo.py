"""A court redoes a derivation: the copy of this plan follows from the original, any other is told apart."""

from __future__ import annotations

import io
import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from av.video.frame import VideoFrame
from PIL import Image

from bearwitness.redact import operations, plan_text
from bearwitness.redact.ends import part_of
from bearwitness.redact.footage import Footage
from bearwitness.redact.geometry import Box
from bearwitness.redact.plan import Detector, Ends, Picture, Plan, source_of
from bearwitness.redact.redoing import squares
from bearwitness.redact.rendering import render
from bearwitness.redact.sound import make_sounds
from bearwitness.redact.stills import Stills, covered_pages
from bearwitness.redact.stills import write as write_pages
from bearwitness.redact.writing import codec_for, container_of, write_footage
from workbench import Done, run

from . import clips
from .conftest import empty_plan, hiding
from .test_rendering import GROUPS, REGION


class Case:
    """An original, a plan and what `redact` makes of them."""

    def __init__(self, folder: Path, opened: Callable[[Path], Footage]) -> None:
        self.folder = folder
        self.original = clips.make(folder / "a.mp4", "libx264", "aac", options=GROUPS, times=range(30))
        self.footage = opened(self.original)
        self.plan = hiding(empty_plan(self.original, self.footage), REGION, 5, 20)
        self.plan = operations.mute(replace(self.plan, voices="ranges"), [(100, 300)])

    def made(self, plan: Plan, name: str = "copy.mp4") -> Path:
        part, shown = part_of(self.footage, plan)
        out = self.folder / name
        container = container_of(out)
        with out.open("wb") as file:
            sounds = make_sounds(part, shown, container).tracks
            write_footage(file.fileno(), container, render(part, shown, codec_for(container)).track, sounds)
        return out

    def redo(self, copy: Path, plan: Plan | None = None) -> Done:
        path = self.folder / f"{len(list(self.folder.iterdir()))}.plan"
        path.write_text(plan_text.write(plan or self.plan))
        return run("redo", self.original, "--plan", path, "--copy", copy, "--json")

    def again(self, copy: Path, name: str, change: Callable[[int, Any], Any], crf: int = 20) -> Path:
        """Encode the pictures of a copy once more, as others could, each changed; sound is kept."""
        out = self.folder / name
        with av.open(str(copy)) as source, av.open(str(out), "w") as sink:
            video: Any = sink.add_stream("libx264", rate=25, options={"crf": str(crf), "bf": "0"})
            video.width, video.height, video.pix_fmt = clips.WIDTH, clips.HEIGHT, "yuv420p"
            audio: Any = sink.add_stream_from_template(source.streams.audio[0])
            for number, frame in enumerate(source.decode(video=0)):
                picture = change(number, frame.to_ndarray(format="rgb24").copy())
                if picture is not None:
                    new = VideoFrame.from_ndarray(picture, format="rgb24").reformat(format="yuv420p")
                    new.pts, new.time_base = frame.pts, frame.time_base
                    sink.mux(video.encode(new))
            sink.mux(video.encode(None))
            source.seek(0)
            for packet in source.demux(audio=0):
                if packet.size:
                    packet.stream = audio
                    sink.mux(packet)
        return out


@pytest.fixture
def case(tmp_path: Path, opened: Callable[[Path], Footage]) -> Case:
    return Case(tmp_path, opened)


def test_the_same_plan_and_build_give_the_same_bytes(case: Case) -> None:
    for number, plan in enumerate((case.plan, replace(case.plan, ends=Ends(2, 1, 5000, "cd" * 32)))):
        done = case.redo(case.made(plan, f"{number}.mp4"), plan).ok()
        assert done.json["verdict"] == "same bytes"
        assert done.json["plan_sha256"] == plan_text.digest(plan)
        assert "libavcodec" in done.json["libraries"]


def test_another_encoding_of_the_same_is_alike_and_a_painted_square_is_not(case: Case) -> None:
    copy = case.made(case.plan)
    same = case.redo(case.again(copy, "b.mp4", lambda _, picture: picture, 18))
    assert same.code == 0, same.out
    assert same.json["verdict"] == "alike"
    assert 0 < same.json["worst"] <= 24

    def painted(number: int, picture: Any) -> Any:
        if number == 25:
            picture[64:88, 120:144] = 255 - picture[64:88, 120:144]
        return picture

    done = case.redo(case.again(copy, "c.mp4", painted, 18))
    assert (done.code, done.json["verdict"]) == (1, "other")
    assert done.json["worst_at"] == 1.0
    assert "altered that the plan does not alter" in done.json["why"][0]


def test_a_picture_that_is_missing_and_sound_that_is_another_are_told(case: Case) -> None:
    copy = case.made(case.plan)
    done = case.redo(case.again(copy, "b.mp4", lambda n, picture: None if n == 29 else picture))
    assert "fewer pictures" in done.json["why"][0]
    loud = case.made(replace(case.plan, voices="keep", muted=()), "c.mp4")
    done = case.redo(loud)
    assert (done.code, done.json["verdict"]) == (1, "other")
    assert "sound track 1 is another at" in done.json["why"][0]


def test_another_plan_and_another_original_do_not_pass(case: Case) -> None:
    copy = case.made(case.plan)
    more = operations.add_box(case.plan, Box(100, 40, 40, 40), 0.2, 0.8)
    done = case.redo(copy, more)
    assert (done.code, done.json["verdict"]) == (1, "other")
    other = replace(case.plan, source=source_of(iter([b"another file"])))
    done = case.redo(copy, other)
    assert (done.code, done.out) == (1, "")
    assert "the plan was not made for a.mp4" in done.err


def test_a_document_is_redone_page_by_page(tmp_path: Path, case: Case) -> None:
    file = io.BytesIO()
    Image.fromarray(clips.picture(3)).save(file, "png")
    (tmp_path / "a.png").write_bytes(file.getvalue())
    case.original = tmp_path / "a.png"
    with case.original.open("rb") as opened:
        pages = Stills(case.footage.sandbox, clips_source(opened.fileno()))
        shape = pages.picture
        plan = Plan(
            source_of(iter([file.getvalue()])), Picture(shape.width, shape.height, shape.time_base), (0,),
            (Detector("nobody", "00" * 32, ("1×",), 0),),
        )  # fmt: skip
        plan = operations.add_box(plan, Box(10, 10, 30, 30), None, None)
        data = write_pages(covered_pages(pages, plan), "png")
    (tmp_path / "copy.png").write_bytes(data)
    assert case.redo(tmp_path / "copy.png", plan).ok().json["verdict"] == "same bytes"
    with Image.open(io.BytesIO(data)) as image:
        image.putpixel((100, 60), (255, 0, 255))
        image.crop((0, 0, 159, 96)).save(tmp_path / "cut.png")
        image.paste((255, 255, 255), (100, 60, 130, 90))
        image.save(tmp_path / "other.png")
    assert case.redo(tmp_path / "other.png", plan).json["verdict"] == "other"
    assert "pixels large" in case.redo(tmp_path / "cut.png", plan).json["why"][0]


def clips_source(descriptor: int) -> Any:
    from bearwitness.media.source import Source

    return Source.of_file(descriptor, "a.png")


def test_squares_at_the_edges_count_whole() -> None:
    one = np.zeros((20, 18, 3), np.uint8)
    other = one.copy()
    assert squares(one, other) == 0.0
    other[16:, 16:] = 90
    assert squares(one, other) == 90.0


@pytest.mark.parametrize("kind", ["folder", "pipe"])
def test_what_is_no_file_is_refused_and_not_waited_for(kind: str, case: Case, tmp_path: Path) -> None:
    given = tmp_path / "given"
    given.mkdir() if kind == "folder" else os.mkfifo(given)
    for original, copy in ((given, case.original), (case.original, given)):
        done = run("redo", original, "--plan", case.original, "--copy", copy)
        assert done.code == 1
        assert "is not a file" in done.err
