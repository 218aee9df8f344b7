"""Files made wrong on purpose go through triage: nothing dies of it, nothing is left out in silence."""

from __future__ import annotations

import resource
import shutil
import subprocess
import tempfile
from pathlib import Path

import pytest

from bearwitness.sandbox.status import layers
from containers.media import Recipe, make
from mutating import mutated
from scale import ALL
from triaged import NOTE, RUSSIAN, Triaged, docx, jpeg
from workbench import BIN, SEED, Bench, Done, run, scaled, wav

FILES = scaled(8, 2000)
FILES_WITH_MODELS = 80  # the models see frames that were decoded, never a byte of the file
DECODING = [
    word
    for kind in ("probe", "metadata", "document", "shots", "sketch", "loudness")
    for word in ("--only", kind)
]
LARGEST_PROCESS = 2 << 30
PATIENCE_SECONDS = scaled(600, 4 * 3600)
_H264 = {"g": "20", "bf": "2", "preset": "ultrafast"}
RECIPES = (
    Recipe("h264-aac.mp4", "libx264", "aac", 40, _H264),
    Recipe("h264-aac.mkv", "libx264", "aac", 40, _H264),
    Recipe("jpeg-pcm.mov", "mjpeg", "pcm_s16le", 20, pixels="yuvj420p"),
    Recipe("mpeg4-mp3.avi", "mpeg4", "mp3", 40, {"g": "20"}),
    Recipe("vp8-opus.webm", "libvpx", "libopus", 20, {"g": "20"}),
    Recipe("h264-aac.ts", "libx264", "aac", 40, _H264),
)
SOUND_ONES = {"sound.jpg": jpeg(1), "sound.docx": docx(RUSSIAN), "sound.wav": wav(2.0)}


def drawn(folder: Path) -> dict[str, bytes]:
    """Return the files that are made wrong, each drawn or written here."""
    made = {recipe.name: make(folder, recipe).read_bytes() for recipe in RECIPES}
    return made | {
        "photo.jpg": jpeg(4, maker="Фирма", place=True),
        "text.docx": docx(RUSSIAN),
        "talk.wav": wav(3.0),
    }


def watched(*words: object) -> tuple[Done, int]:
    """Run a command to its end; return what it said and the largest process among it and its children."""
    with tempfile.TemporaryFile("w+") as out, tempfile.TemporaryFile("w+") as err:
        process = subprocess.Popen([str(BIN / "bearwitness"), *map(str, words)], stdout=out, stderr=err)
        try:
            process.wait(PATIENCE_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            pytest.fail("triage hangs")
        out.seek(0)
        err.seek(0)
        largest = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024
        return Done(process.returncode, out.read(), err.read()), largest


def test_every_mutated_file_ends_with_a_result_or_a_reason_and_sound_ones_are_not_harmed(
    tmp_path: Path,
) -> None:
    triage_mutated(drawn(tmp_path), FILES // 2, tmp_path, DECODING)


@pytest.mark.skipif(not ALL, reason="models look at eighty files for minutes: BEARWITNESS_ALL=1")
def test_models_too_come_to_an_end_with_mutated_files(tmp_path: Path) -> None:
    triage_mutated(drawn(tmp_path), FILES_WITH_MODELS, tmp_path, [])


def test_every_mutated_file_of_the_corpus_ends_with_a_result_or_a_reason(
    corpus: Path, tmp_path: Path
) -> None:
    small = [p for p in sorted(corpus.rglob("*.*")) if p.is_file() and p.stat().st_size < 400_000]
    media = {path.name: path.read_bytes() for path in small if path.suffix not in {".json", ".py", ".md"}}
    triage_mutated(media, FILES // 2, tmp_path, DECODING)


def triage_mutated(originals: dict[str, bytes], count: int, tmp_path: Path, kinds: list[str]) -> None:
    """Seal `count` mutated files between sound ones, have `kinds` look at them; each must be told of."""
    if layers().lacking:
        pytest.skip(f"this kernel can not lock up the decoders: {'; '.join(layers().lacking)}")
    bench, drive = Bench(tmp_path / "bench"), tmp_path / "drive"
    drive.mkdir()
    for name, data in mutated(originals, count, SEED):
        (drive / name).write_bytes(data)
    for name, data in SOUND_ONES.items():
        (drive / name).write_bytes(data)
    bench.seal(drive)
    triaged = Triaged(bench, Path(shutil.copytree(bench.vault, tmp_path / "vault")))
    words = ["triage", "--vault", triaged.vault, "--identity", triaged.anna, *NOTE, *kinds, "--json"]
    done, largest = watched(*words)
    report = done.ok(0, 3).json
    assert largest <= LARGEST_PROCESS
    derived = triaged.derived()
    assert all(result.get("reason") for result in derived if result["outcome"] == "failed")
    told = {(failure["item"], failure["kind"]) for failure in report["failures"]}
    assert told == {(result["item"], result["kind"]) for result in derived if result["outcome"] == "failed"}
    looked = {result["item"] for result in derived}
    items = triaged.items()
    same: dict[str, set[str]] = {}  # bytes that are there twice are looked at once
    for item in items.values():
        if int(item["bytes"]):
            same.setdefault(item["sha256"], set()).add(item["item"])
    assert all(group & looked for group in same.values()), "a file was left out in silence"
    for name in SOUND_ONES:
        outcomes = {result["outcome"] for result in derived if result["item"] == items[name]["item"]}
        assert outcomes
        assert "failed" not in outcomes
    assert run(*words).ok(0, 3).json["entered"] == {}, "a second run does it all again"
    triaged.is_clean()
