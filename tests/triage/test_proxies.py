"""Copies to look at keep the recording's times, play from any fragment, and are handed out by an act."""

from __future__ import annotations

import io
import json
import os
import resource
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from bearwitness.cli import view_cmd
from bearwitness.errors import StorageError
from bearwitness.triage import proxies
from bearwitness.triage.analyser import Material
from bearwitness.triage.looking import look
from bearwitness.triage.proxies import Proxies
from bearwitness.vault.derivatives import DONE, FAILED
from triaged import Triaged, jpeg
from workbench import Bench, fill, run, wav

Make = Callable[[bytes], Material]


def made(make: Make, data: bytes) -> tuple[dict[str, Any], Any]:
    """Return levels and files."""
    (looked,) = look(make(data), [("job", Proxies())])
    assert looked.outcome == DONE, looked.reason
    return json.loads(looked.files["result.json"])["details"]["levels"], looked.files


def shown(data: bytes) -> list[tuple[float, Any]]:
    """Return time and grey picture of each frame."""
    with av.open(io.BytesIO(data)) as container:
        return [(float(f.time), f.to_ndarray(format="gray")) for f in container.decode(video=0)]


def test_times_are_those_of_the_recording_and_each_fragment_plays_alone(material: Make, corpus: Path) -> None:
    levels, files = made(material, (corpus / "video/stage-audience.mp4").read_bytes())
    with av.open(str(corpus / "video/stage-audience.mp4")) as container:
        starts = float(next(container.decode(video=0)).time)
    for level in ("clear", "veiled"):
        data, told = files[f"{level}.mp4"], levels[level]
        whole = shown(data)
        assert abs(whole[0][0] - starts) < 0.001  # it does not begin at 0
        assert len(told["fragments"]) >= 4
        head = data[: told["head"]]
        for time, offset, size in told["fragments"][1:]:
            alone = shown(head + data[int(offset) : int(offset + size)])
            assert abs(alone[0][0] - time) < 0.001
            same = next(picture for at, picture in whole if abs(at - time) < 0.001)
            assert np.array_equal(alone[0][1], same)
        assert told["fragments"][-1][1] + told["fragments"][-1][2] <= len(data)
    assert levels["clear"]["sound"]
    with av.open(io.BytesIO(files["clear.mp4"])) as container:
        assert len(list(container.decode(audio=0))) > 100


def test_the_veiled_copy_has_no_sound_no_colour_and_too_few_pixels_to_know_a_face(
    material: Make, corpus: Path
) -> None:
    levels, files = made(material, (corpus / "video/stage-audience.mp4").read_bytes())
    with av.open(io.BytesIO(files["veiled.mp4"])) as container:
        assert [stream.type for stream in container.streams] == ["video"]
        frame = next(container.decode(video=0))
    assert max(frame.width, frame.height) <= 48
    colour = frame.to_ndarray(format="rgb24").astype(int)
    assert np.abs(colour[..., 0] - colour[..., 2]).max() <= 2
    assert not levels["veiled"]["sound"]
    assert levels["original"] == {
        "item": "0" * 32,
        "bytes": (corpus / "video/stage-audience.mp4").stat().st_size,
    }


def test_sound_alone_and_pictures_have_copies_too(material: Make) -> None:
    levels, files = made(material, wav(3.0))
    assert set(levels) == {"clear", "original"}
    with av.open(io.BytesIO(files["clear.mp4"])) as container:
        assert abs(sum(f.samples for f in container.decode(audio=0)) / 16_000 - 3) < 0.2
    levels, files = made(material, jpeg(4))
    assert set(levels) == {"clear", "veiled", "original"}
    assert files["veiled.jpg"][:3] == b"\xff\xd8\xff"


@pytest.fixture(scope="module")
def sealed_film(tmp_path_factory: pytest.TempPathFactory, corpus: Path) -> Triaged:
    bench = Bench(tmp_path_factory.mktemp("view"))
    drive = bench.folder / "drive"
    drive.mkdir()
    shutil.copy(corpus / "neardup/woman-lowres.mp4", drive / "film.mp4")
    shutil.copy(corpus / "neardup/woman-lowres.mp4", drive / "twin.mp4")
    (drive / "photo.jpg").write_bytes(jpeg(1))
    bench.seal(drive)
    made = Triaged(bench, bench.vault)
    made.triage("--only", "proxies")
    return made


@pytest.fixture
def film(sealed_film: Triaged, tmp_path: Path) -> Triaged:
    return Triaged(sealed_film, Path(shutil.copytree(sealed_film.vault, tmp_path / "vault")))


def test_looking_is_an_act_that_stands_in_the_log(film: Triaged, tmp_path: Path) -> None:
    for path, level in (("film.mp4", "veiled"), ("twin.mp4", "clear"), ("photo.jpg", "veiled")):
        seen = tmp_path / f"{level}-{path}"
        told = film.do("view", seen, "--item", film.id_of(path), "--level", level, "--by", "Anna")
        assert seen.stat().st_mode & 0o777 == 0o600
        entry = film.do("log")["entries"][-1]["fields"]
        assert (entry["kind"], entry["items"], entry["level"]) == ("viewed", [film.id_of(path)], level)
        assert entry["sha256"] == told["sha256"]
        assert entry["by"] == "Anna"
    film.is_clean()


def test_what_is_frozen_is_not_shown_nor_is_its_twin(film: Triaged, tmp_path: Path) -> None:
    film.do("freeze", "--item", film.id_of("film.mp4"))
    entries = len(film.do("log")["entries"])
    for path in ("film.mp4", "twin.mp4"):
        words = ["--item", film.id_of(path), "--vault", film.vault, "--identity", film.anna]
        done = run("view", tmp_path / "seen", *words)
        assert done.code == 1
        assert "frozen" in done.err
    assert not (tmp_path / "seen").exists()
    assert len(film.do("log")["entries"]) == entries


def test_what_was_not_made_or_would_overwrite_a_file_is_refused(film: Triaged, tmp_path: Path) -> None:
    words = ["--item", film.id_of("film.mp4"), "--vault", film.vault, "--identity", film.anna]
    done = run("view", tmp_path / "seen", *words, "--level", "reconstructed")
    assert (done.code, "bearwitness repair" in done.err) == (1, True)
    (tmp_path / "there").write_bytes(b"mine")
    assert run("view", tmp_path / "there", *words).code == 1
    assert (tmp_path / "there").read_bytes() == b"mine"


def test_a_copy_that_the_disk_has_no_room_for_does_not_stay_half_in_the_clear(tmp_path: Path) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, hard))
    try:
        with pytest.raises(StorageError):
            view_cmd._write(tmp_path / "seen", bytes(100_000))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert not (tmp_path / "seen").exists()


def test_another_name_of_a_file_says_which_item_to_name(tmp_path: Path) -> None:
    made = Bench(tmp_path / "bench")
    drive = fill(made.folder / "drive", {"one.jpg": jpeg(1)})
    os.link(drive / "one.jpg", drive / "two.jpg")
    made.seal(drive)
    bench = Triaged(made, made.vault)
    items = bench.items()
    other = next(str(each["item"]) for each in items.values() if each["fate"].get("same_as"))
    first = next(str(each["item"]) for each in items.values() if not each["fate"].get("same_as"))
    keys = ["--vault", bench.vault, "--identity", bench.anna]
    for words in (
        ["view", tmp_path / "seen", "--item", other],
        ["similar", "--item", other],
        ["repair", "--item", other],
        ["find", "--similar", other],
    ):
        done = run(*words, *keys)
        assert done.code == 2
        assert f"another name of item {first}" in done.err


def test_a_copy_that_would_be_too_large_is_no_defect_of_ours(
    material: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(proxies, "_BYTES_MAX", 10)
    (looked,) = look(material(wav()), [("job", Proxies())])
    assert looked.outcome == FAILED
    assert looked.reason.startswith("a copy to look at would be larger")
