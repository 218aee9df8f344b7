"""Pictures are laid on few canvases; faces are linked by how far apart they are on the picture as shown."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from bearwitness.triage.planning import gives_more
from bearwitness.triage.registry import load
from bearwitness.triage.seeing import BRIEFLY, CLOSELY, USUALLY, FaceBoxes, PersonBoxes, on_canvas


@pytest.mark.parametrize(
    ("shape", "canvas"),
    [((360, 640), (384, 640)), ((640, 360), (640, 384)), ((480, 640), (480, 640)), ((270, 480), (384, 640)),
     ((600, 600), (640, 640)), ((700, 900), (700, 900))],
)  # fmt: skip
def test_a_picture_lies_at_the_top_left_of_the_smallest_canvas_black_beside_it(
    shape: tuple[int, int], canvas: tuple[int, int]
) -> None:
    laid = on_canvas(np.full((*shape, 3), 9, np.uint8))
    assert laid.canvas.shape[:2] == canvas
    assert (laid.rows, laid.columns) == shape
    assert (laid.canvas[: shape[0], : shape[1]] == 9).all()
    assert laid.canvas.sum(dtype=np.int64) == 9 * 3 * shape[0] * shape[1]


def test_a_weak_box_counts_only_within_reach_of_a_sure_one_as_the_picture_is_shown() -> None:
    sure, aside = [0.50, 0.40, 0.025, 0.06, 0.9], [0.54, 0.40, 0.025, 0.06, 0.3]
    # In parts of a picture of 16 to 9 they are 0.04 apart; as it is shown 0.071 of its height.
    kept = FaceBoxes().settled([[sure], [aside]], 16 / 9)
    assert kept == [[sure], []]
    near = [0.52, 0.40, 0.025, 0.06, 0.3]
    assert FaceBoxes().settled([[sure], [near]], 16 / 9) == [[sure], [near]]


def test_who_asks_for_thorough_analysers_is_given_them_and_nobody_else_is() -> None:
    usual, thorough = (
        {each.name: each for each in load(["shots", "faces", "metadata"], thorough=asked)}
        for asked in (False, True)
    )
    assert not any(each.thorough for each in usual.values())
    assert {name for name, each in thorough.items() if each.thorough} == {"shots", "faces"}
    changed = {name for name in usual if usual[name].parameters != thorough[name].parameters}
    assert changed == {"shots", "faces"}, "the same job for another result"


def test_a_thorough_look_at_what_is_short_is_no_job_but_for_faces() -> None:
    usual, thorough, faces = PersonBoxes(), PersonBoxes(), FaceBoxes()
    thorough.make_thorough()
    faces.make_thorough()
    assert gives_more(usual, 10.0)
    assert not gives_more(thorough, 10.0)
    assert not gives_more(thorough, 0.0), "a picture is no video"
    assert gives_more(thorough, 100.0)
    assert gives_more(thorough, None), "of what nobody knows it may be long"
    assert gives_more(faces, 10.0)
    assert not gives_more(faces, 0.0)


class Rows:
    """In the place of the worker: what it finds in each picture, by how it is shown, and what was asked."""

    def __init__(self, found: dict[str, tuple[float, ...]]) -> None:
        self.found, self.asked = found, list[str]()

    def compute(self, ask: str, head: dict[str, Any], pictures: list[Any]) -> list[Any]:
        if ask == "faces by view":
            views = [f"{view['scale']} turned {view['turned']}" for view in head["views"]]
        else:
            views = ["+".join(head["scales"])]
        self.asked += views
        boxes = [[self.found[view]] if view in self.found else [] for view in views]
        rows = [np.zeros((len(each), 15), np.float32) for each in boxes]
        for row, each in zip(rows, boxes, strict=True):
            row[:, :5] = each or np.empty((0, 5))
        return [row for row in rows for _ in pictures]


@pytest.mark.parametrize("care", [USUALLY, CLOSELY])
def test_a_face_that_fills_the_picture_is_seen_by_who_looks_at_a_small_one(care: str) -> None:
    weak, large, small = (
        (90.0, 30.0, 300.0, 300.0, 0.2),
        (80.0, 20.0, 320.0, 330.0, 0.9),
        (5.0, 5.0, 40.0, 40.0, 0.9),
    )
    worker: Any = Rows({"1.0": weak, "0.35 turned 0": large, "0.5 turned 0": small})
    laid = [on_canvas(np.zeros((360, 640, 3), np.uint8))]
    (seen,) = FaceBoxes().see(worker, laid, care)
    assert [box[4] for box in seen] == [0.9], (
        "the weak box of the same face, or one too small for a rough look"
    )
    assert seen[0][0] == 80 / 640
    assert worker.asked[-4:] == [
        f"{view[0]} turned {view[1]}" for view in (("0.5", 0), ("0.35", 0), ("0.5", 1), ("0.5", 3))
    ]


def test_of_long_footage_no_second_look_is_taken_at_small_or_turned_pictures() -> None:
    worker: Any = Rows({"1.0": (90.0, 30.0, 30.0, 30.0, 0.8)})
    laid = [on_canvas(np.zeros((360, 640, 3), np.uint8))]
    assert [box[4] for box in FaceBoxes().see(worker, laid, BRIEFLY)[0]] == [0.8]
    assert worker.asked == ["1.0"]
