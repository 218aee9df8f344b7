"""Clocks of a vault are put on one time; what contradicts is told, and what shows no date is left out."""

from __future__ import annotations

import io
import shutil
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
import pytest

from bearwitness.errors import UsageError
from bearwitness.inference.models import ModelError, model
from bearwitness.triage.clocks import read_known, read_same, recorder_of, written
from triaged import Triaged
from workbench import Bench


def filmed(first_second: int, jump: int = 0, day: str = "14", *, text: bool = True) -> bytes:
    """Return nine seconds of a still scene with a clock burned in, which may jump after five."""
    data = io.BytesIO()
    with av.open(data, "w", format="matroska") as container:
        stream = container.add_stream("mpeg4", rate=5)
        stream.width, stream.height, stream.bit_rate = 640, 360, 2_000_000
        for number in range(45):
            picture = np.full((360, 640, 3), 40, np.uint8)
            second = first_second + number // 5 + (jump if number >= 25 else 0)
            shown = f"2021-03-{day} 07:{second // 60:02}:{second % 60:02}" if text else ""
            cv2.putText(picture, shown, (60, 60), cv2.FONT_HERSHEY_SIMPLEX, 1.0, (255, 255, 255), 2)
            frame = av.VideoFrame.from_ndarray(picture, format="bgr24")
            frame.pts, frame.time_base = number, Fraction(1, 5)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return data.getvalue()


@pytest.fixture(scope="module")
def looked(tmp_path_factory: pytest.TempPathFactory) -> Triaged:
    try:
        model("ocr-read").locate()
    except ModelError as error:
        pytest.skip(error.message)
    bench, broken = Bench(tmp_path_factory.mktemp("clocks")), filmed(0)[:60] + bytes(400)
    for folder, files in {
        "north": {"20210314_070000.mkv": filmed(0), "20210314_070100.mkv": filmed(60)},
        "south": {"a.mkv": filmed(600, jump=120), "plain.mkv": filmed(0, text=False), "broken.mkv": broken},
    }.items():
        place = bench.folder / "drive" / folder
        place.mkdir(parents=True)
        for name, data in files.items():
            (place / name).write_bytes(data)
    bench.seal(bench.folder / "drive")
    made = Triaged(bench, bench.vault)
    made.triage("--only", "probe", "--only", "clock", "--workers", "1")
    return made


def test_a_time_within_a_recording_finds_it_and_one_outside_does_not(looked: Triaged) -> None:
    assert looked.found("--clock", "2021-03-14T07:01:04..2021-03-14T07:01:05") == {
        "north/20210314_070100.mkv"
    }
    assert looked.found("--clock", "2021-03-14T07:01:30..2021-03-14T07:05:00") == set()
    assert looked.found("--clock", "..2021-03-14T07:00:30") == {"north/20210314_070000.mkv"}


def test_a_recorders_clocks_agree_and_a_jump_contradicts(looked: Triaged) -> None:
    told = looked.do("clocks")
    by_name = {each["clock"]: each for each in told["clocks"]}
    names = by_name["north/#, file names"]
    assert abs(names["offset"] - by_name["north/#, burned in"]["offset"]) <= names["error"]
    assert 0 < names["error"] < 5
    assert {each["path"] for each in told["contradictions"]} == {"south/a.mkv"}
    assert any(115 <= abs(each["seconds"]) <= 125 for each in told["contradictions"])


def test_a_flash_on_two_recordings_and_a_known_time_tie_clocks_to_true_time(looked: Triaged) -> None:
    north, south = looked.id_of("north/20210314_070000.mkv"), looked.id_of("south/a.mkv")
    told = looked.do(
        "clocks", "--same", f"{north}@2={south}@2", "--known",
        f"{north}@0=2021-03-14T06:00:00",
    )  # fmt: skip
    clock = next(each for each in told["clocks"] if each["clock"] == "north/#, burned in")
    assert clock["absolute"]
    assert abs(clock["offset"] + 3600) < 2
    starts = {each["path"]: each["start"] for each in told["items"]}
    assert starts["north/20210314_070100.mkv"].startswith("2021-03-14 06:0")


@pytest.mark.parametrize(
    ("path", "by", "recorder"),
    [
        ("CAM1/ch01_20210314_070000.mp4", "name", "CAM1/ch01_#"),
        ("CAM1/ch02_20210314_080000.mp4", "name", "CAM1/ch02_#"),
        ("IMG_0001.MOV", "name", "IMG_#"),
        ("x/2021-03-14 07.00.00.mp4", "name", "x/#"),
        ("CAM1/ch02_1.mp4", "folder", "CAM1"),
        ("CAM1/ch02_1.mp4", "item", "CAM1/ch02_1.mp4"),
    ],
)
def test_files_of_one_recorder_are_told_by_folder_and_pattern(path: str, by: str, recorder: str) -> None:
    assert recorder_of(path, by) == recorder


@pytest.mark.parametrize("text", ["", "a", "a@", "a@x=b@1", "@1=b@1", "a@nan=b@1", "a@1", "a@1=b"])
def test_what_ties_no_moments_is_refused(text: str) -> None:
    with pytest.raises(UsageError):
        read_same(text, str)
    with pytest.raises(UsageError):
        read_known(text, str, lambda _: None)


def test_times_are_written_as_people_read_them() -> None:
    assert written(63751449597.9785) == "2021-03-14 23:59:57.978"
    assert written(-1e12) == "outside of the calendar"


def test_a_frozen_recording_has_no_clock_any_more(looked: Triaged, tmp_path: Path) -> None:
    bench = Triaged(looked, Path(shutil.copytree(looked.vault, tmp_path / "vault")))
    bench.do("freeze", "--item", bench.id_of("south/a.mkv"))
    told = bench.do("clocks")
    assert not [each for each in told["clocks"] if each["clock"].startswith("south")]
    assert told["contradictions"] == []
    assert "south/a.mkv" not in {each["path"] for each in told["without_clock"]}
    named = {each["path"] for each in told["items"]}
    assert named == {"north/20210314_070000.mkv", "north/20210314_070100.mkv"}
    assert bench.found("--clock", "..2021-03-14T08:00:00") == named


def test_recordings_without_a_clock_are_listed_with_the_reason(looked: Triaged) -> None:
    told = {each["path"]: each["reason"] for each in looked.do("clocks")["without_clock"]}
    assert "no clock is burned in" in told.pop("south/plain.mkv")
    assert "could not be read" in told.pop("south/broken.mkv")
    assert told == {}
