"""Detections become tracks without gaps: what a passing face looks like to a detector that blinks."""

from __future__ import annotations

from collections.abc import Sequence

from bearwitness.redact.covering import regions
from bearwitness.redact.geometry import Box, clipped, common
from bearwitness.redact.tracking import Chain, Detection, link, merged

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
