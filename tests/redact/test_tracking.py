"""Detections become tracks without gaps: what a passing face looks like to a detector that blinks."""

from __future__ import annotations

from collections.abc import Sequence

from bearwitness.redact.covering import regions
from bearwitness.redact.geometry import Box, clipped, common
from bearwitness.redact.tracking import HEADS, LYING_OFTEN, THRESHOLD, Chain, Detection, link, merged

WIDTH, HEIGHT = 640, 360
SECONDS = [n / 25 for n in range(60)]


def face(x: float, score: float = 0.8, y: float = 100, side: float = 50) -> Detection:
    return Detection(x, y, side, side * 1.3, score, "faces 1×")


def chains(frames: Sequence[Sequence[Detection]], cuts: Sequence[int] = ()) -> list[Chain]:
    return link([merged(one) for one in frames], SECONDS[: len(frames)], cuts)


def hidden(frames: Sequence[Sequence[Detection]], cuts: Sequence[int] = ()) -> dict[int, list[Box]]:
    found: dict[int, list[Box]] = {}
    for chain in chains(frames, cuts):
        for at, box in regions(chain, SECONDS[: len(frames)], cuts, WIDTH, HEIGHT).items():
            found.setdefault(at, []).append(box)
    return found


def test_frames_in_which_a_moving_face_was_lost_are_hidden_where_it_was() -> None:
    frames = [[face(100 + 6 * n)] if not 20 <= n < 35 else [] for n in range(60)]
    found = hidden(frames)
    for n in range(60):
        inside = clipped(face(100 + 6 * n).box, WIDTH, HEIGHT)
        assert inside is not None
        assert any(common(inside, box) == inside.area for box in found[n]), n


def test_entries_and_exits_are_padded() -> None:
    found = hidden([[face(100)] if 20 <= n < 40 else [] for n in range(60)])
    assert {19, 10, 40, 49} <= found.keys()
    assert not {5, 55} & found.keys()


def test_nothing_is_carried_across_a_cut() -> None:
    frames = [[face(100)] if n < 20 else [] for n in range(60)]
    assert max(hidden(frames, cuts=[20])) == 19
    later = [[face(100)] if n >= 20 else [] for n in range(60)]
    assert min(hidden(later, cuts=[20])) == 20


def test_a_weak_detection_carries_a_face_on_and_begins_none() -> None:
    weak = [[face(100, 0.12)] for _ in range(60)]
    assert hidden(weak) == {}
    one_sure = [[face(100, 0.9 if n == 30 else 0.12)] for n in range(60)]
    assert len(hidden(one_sure)) == 60


def test_a_weak_detection_elsewhere_does_not_drag_a_track_away() -> None:
    frames = [[face(100)] if n < 20 or n > 30 else [] for n in range(60)]
    frames[25] = [face(150, 0.13, y=160)]
    found = hidden(frames)
    truth = face(100).box
    assert all(any(common(truth, box) == truth.area for box in found[n]) for n in range(60))


def test_two_faces_that_pass_each_other_are_both_hidden_throughout() -> None:
    frames = [[face(50 + 8 * n), face(530 - 8 * n, y=110)] for n in range(60)]
    found = hidden(frames)
    for n, seen in enumerate(frames):
        for one in seen:
            inside = clipped(one.box, WIDTH, HEIGHT)
            assert inside is None or any(common(inside, box) == inside.area for box in found[n])


def test_what_two_detectors_saw_is_hidden_as_far_as_either_saw_it() -> None:
    (one,) = merged([Detection(100, 100, 50, 60, 0.9, "a"), Detection(110, 95, 50, 70, 0.3, "b")])
    assert one.box == Box(100, 95, 60, 70)
    assert one.by == {"a", "b"}


def head(x: float, y: float = 95) -> Detection:
    return Detection(x, y, 52, 70, 0.15, "heads")


def test_a_head_says_where_a_face_is_while_it_is_turned_away() -> None:
    """The face jumps while it is lost; only the head tells."""
    frames = [
        [face(100)] if n < 20 else [head(100 + min(60, 12 * (n - 19)))] if n < 40 else [face(160)]
        for n in range(60)
    ]
    found = hidden(frames)
    truth = face(160).box
    assert all(any(common(truth, box) == truth.area for box in found[n]) for n in range(27, 60))


def test_a_head_alone_begins_no_track_and_carries_none_for_ever() -> None:
    assert hidden([[head(100)] for _ in range(60)]) == {}
    once = [[face(100, 0.4)] if n == 5 else [head(100)] for n in range(60)]
    assert max(hidden(once)) < 20


def lying(x: float, score: float = 0.7, side: float = 50) -> Detection:
    return Detection(x, 200, side * 1.3, side, score, "faces 0.5× turned 90°", lying=True)


def test_a_face_that_only_turned_pictures_show_is_hidden_once_it_is_there_for_some_frames() -> None:
    found = hidden([[lying(100)] if 20 <= n < 20 + LYING_OFTEN else [] for n in range(60)])
    for n in range(20, 20 + LYING_OFTEN):
        assert any(common(lying(100).box, box) == lying(100).box.area for box in found[n]), n
    assert hidden([[lying(100)] if 20 <= n < 19 + LYING_OFTEN else [] for n in range(60)]) == {}
    assert hidden([[lying(100, 0.34)] for _ in range(60)]) == {}


def test_in_a_single_picture_one_turned_look_is_enough() -> None:
    (chain,) = link([merged([lying(100)])], [0.0], [0], THRESHOLD)
    assert chain.seen[0].box == lying(100).box


def test_a_turned_look_confirms_a_face_that_is_seen_upright_and_does_not_enlarge_it() -> None:
    wide = Detection(90, 95, 80, 70, 0.9, "faces 0.5× turned 90°", lying=True)
    (seen,) = merged([wide, face(100, 0.3)])
    assert (seen.box, seen.score, seen.lying) == (face(100).box, 0.3, 0.9)
    (unsure,) = merged([wide, face(100, 0.15)])
    assert common(unsure.box, wide.box) == wide.box.area


def test_a_turned_look_tells_where_a_head_is_better_than_shoulders_do() -> None:
    head = Detection(90, 180, 60, 90, 0.15, HEADS)
    (seen,) = merged([head, lying(95, 0.6)])
    assert seen.box == lying(95).box
    assert seen.by == {HEADS, "faces 0.5× turned 90°"}
