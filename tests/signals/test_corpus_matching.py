"""Near-duplicates on real footage: every pair of the corpus judged against what its makers say is the
same.
"""

from __future__ import annotations

import json
from itertools import combinations
from pathlib import Path

import pytest
from tests.scale import ALL
from tests.signals import scenes
from tests.signals.conftest import frames, picture

from bearwitness.signals.candidates import CandidateIndex
from bearwitness.signals.relation import Relation, compare
from bearwitness.signals.sketch import Sketch, Sketcher, sampling

Judged = dict[tuple[str, str], Relation | None]


def sketch_file(path: Path) -> Sketch:
    if path.suffix in {".jpg", ".png"}:
        return scenes.still(picture(path))
    video = list(frames(path))
    sketcher = Sketcher(*sampling(float(video[-1][0] - video[0][0])))
    for time, grey in video:
        sketcher.add(grey, time)
    return sketcher.finish()


@pytest.fixture(scope="module")
def groups(corpus: Path) -> dict[str, str]:
    """Return the group of each file; files of no group are their own. The long clips only in test-all."""
    matching = json.loads((corpus / "corpus.json").read_text())["matching"]
    named = {file: group for group, files in matching["same"].items() for file in files}
    left_out = {"chair", "cars"} if not ALL else set()
    kept = {file: group for file, group in named.items() if group not in left_out}
    extra = ["metadata/mat2-dirty.mp4"] if not ALL else []
    different = (
        matching["different"] if ALL else [file for file in matching["different"] if "mat2" not in file]
    )
    return kept | {file: file for file in different if file not in extra}


@pytest.fixture(scope="module")
def judged(corpus: Path, groups: dict[str, str]) -> Judged:
    """Return what is said of every pair; pairs that are no candidates are said to be unrelated."""
    names = sorted(groups)
    sketches = [sketch_file(corpus / name) for name in names]
    verdicts: Judged = dict.fromkeys(combinations(names, 2))
    for (i, j), tips in CandidateIndex(sketches).pairs().items():
        verdicts[names[i], names[j]] = compare(sketches[i], sketches[j], tips)
    return verdicts


def test_recall_and_precision_on_all_pairs(judged: Judged, groups: dict[str, str]) -> None:
    said = {pair for pair, relation in judged.items() if relation is not None and relation.kind == "copy"}
    true = {pair for pair in judged if groups[pair[0]] == groups[pair[1]]}
    assert len(said & true) >= 0.95 * len(true), true - said
    assert len(said & true) >= 0.98 * len(said), said - true


def test_the_same_room_with_another_person_is_no_copy(judged: Judged) -> None:
    relation = judged["video/signer-bystander.mkv", "video/signer-woman.mkv"]
    assert relation is not None
    assert relation.kind == "same-view"


@pytest.mark.parametrize(
    ("pair", "traits"),
    [
        (("neardup/woman-crop.mp4", "video/signer-woman.mkv"), {"cropped"}),
        (("neardup/woman-letterbox.mp4", "video/signer-woman.mkv"), {"letterboxed"}),
        (("neardup/woman-mirror.webm", "video/signer-woman.mkv"), {"mirrored"}),
        (("neardup/woman-lowres.mp4", "video/signer-woman.mkv"), {"re-encoded"}),
        (("neardup/stage-bright.mp4", "video/stage-audience.mp4"), {"re-encoded"}),
        (("neardup/stage-caption.mp4", "video/stage-audience.mp4"), {"overlaid"}),
        (("neardup/stage-pip.mp4", "video/stage-audience.mp4"), {"inset"}),
        (("neardup/stage-trim.mp4", "video/stage-audience.mp4"), {"contained"}),
        (("neardup/bridge-orig.jpg", "neardup/bridge-rotate-90.jpg"), {"turned-270"}),
        (("neardup/bridge-letterboxed.jpg", "neardup/bridge-orig.jpg"), {"letterboxed"}),
    ],
)
def test_what_was_done_is_named(judged: Judged, pair: tuple[str, str], traits: set[str]) -> None:
    relation = judged[pair]
    assert relation is not None
    assert relation.traits == traits


def test_the_trimmed_clip_is_found_at_its_times_though_the_clip_starts_late(judged: Judged) -> None:
    relation = judged["neardup/stage-trim.mp4", "video/stage-audience.mp4"]
    assert relation is not None
    (span,) = relation.spans
    assert span.b_start - span.a_start == pytest.approx(0.852 + 90 / 29.97, abs=0.11)
    assert span.a_end > 4.4
