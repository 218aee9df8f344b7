"""Copies are found by what triage stored of them; what is not alike is not put together."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from bearwitness.errors import MalformedError
from bearwitness.signals.relation import Relation, same_bytes
from bearwitness.triage.copies import decode
from bearwitness.triage.similar import Pair, clusters
from triaged import Triaged, jpeg
from workbench import Bench, run

pytest.importorskip("cv2", reason="sketches need OpenCV")
NAMES = ("stage-bright.mp4", "stage-caption.mp4", "stage-trim.mp4", "woman-crop.mp4", "bridge-orig.jpg")


@pytest.fixture(scope="module")
def looked(corpus: Path, tmp_path_factory: pytest.TempPathFactory) -> Triaged:
    bench = Bench(tmp_path_factory.mktemp("similar"))
    drive = bench.folder / "drive"
    drive.mkdir()
    for name in NAMES:
        shutil.copy(corpus / "neardup" / name, drive)
    shutil.copy(drive / "bridge-orig.jpg", drive / "twin.jpg")
    (drive / "noise.jpg").write_bytes(jpeg(5))
    bench.seal(drive)
    made = Triaged(bench, bench.vault)
    made.triage("--only", "sketch")
    return made


def test_copies_and_cuts_are_told_with_relation_and_times(looked: Triaged) -> None:
    found = looked.do("similar")
    paths = found["paths"]
    pairs = {tuple(sorted(paths[item] for item in pair["items"])): pair for pair in found["pairs"]}
    assert pairs["bridge-orig.jpg", "twin.jpg"]["relation"] == "same-bytes"
    cut = pairs["stage-bright.mp4", "stage-trim.mp4"]
    assert (cut["relation"], "contained" in cut["traits"]) == ("copy", True)
    (span,) = cut["spans"]
    starts = sorted([span["from"][0], span["in"][0]])
    assert abs(starts[1] - 3) < 0.5
    groups = [sorted(paths[item] for item in group) for group in found["clusters"]]
    assert ["stage-bright.mp4", "stage-caption.mp4", "stage-trim.mp4"] in groups
    assert not any("woman-crop.mp4" in group or "noise.jpg" in group for group in groups)


def test_only_what_is_like_one_item_can_be_asked_for(looked: Triaged) -> None:
    found = looked.do("similar", "--item", looked.id_of("twin.jpg"))
    assert len(found["pairs"]) == 1
    assert json.dumps(found)


def test_what_is_like_one_of_equal_files_is_like_the_other_and_a_frozen_one_is_refused(
    looked: Triaged, corpus: Path, tmp_path: Path
) -> None:
    bench = Triaged(looked, Path(shutil.copytree(looked.vault, tmp_path / "vault")))
    (tmp_path / "more").mkdir()
    shutil.copy(corpus / "neardup/stage-bright.mp4", tmp_path / "more" / "again.mp4")
    bench.seal(tmp_path / "more")
    bench.do("rebuild")
    found = bench.do("similar", "--item", bench.id_of("again.mp4"))
    assert set(found["paths"].values()) >= {"again.mp4", "stage-bright.mp4", "stage-trim.mp4"}
    bench.do("freeze", "--item", bench.id_of("again.mp4"))
    words = ["--item", bench.id_of("again.mp4"), "--vault", bench.vault, "--identity", bench.anna]
    assert "frozen" in run("similar", *words).err


def test_what_is_frozen_is_in_no_cluster(looked: Triaged, tmp_path: Path) -> None:
    bench = Triaged(looked, Path(shutil.copytree(looked.vault, tmp_path / "vault")))
    bench.do("freeze", "--item", bench.id_of("stage-bright.mp4"))
    bench.do("freeze", "--item", bench.id_of("twin.jpg"))
    named = set(bench.do("similar")["paths"].values())
    assert not named & {"stage-bright.mp4", "twin.jpg", "bridge-orig.jpg"}
    assert "stage-caption.mp4" in named


def test_a_stored_sketch_that_was_cut_or_altered_is_refused() -> None:
    with pytest.raises(MalformedError):
        decode(b"PK\x03\x04")
    with pytest.raises(MalformedError):
        decode(np.random.default_rng(1).bytes(500))


def test_a_lead_puts_nothing_into_a_cluster() -> None:
    view = Relation("same-view", frozenset(), None, (), None)
    pairs = [Pair("a", "b", same_bytes()), Pair("b", "c", same_bytes()), Pair("c", "d", view)]
    assert clusters(pairs) == [["a", "b", "c"]]
