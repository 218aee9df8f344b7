"""What people do to a plan."""

from __future__ import annotations

from dataclasses import replace

import pytest

from bearwitness.errors import RefusedError
from bearwitness.redact import operations
from bearwitness.redact.geometry import Box
from bearwitness.redact.plan import Track

from .test_plan_text import plan


def test_a_kept_track_is_hidden_nowhere_and_can_be_hidden_again() -> None:
    kept = operations.keep(plan(), 1)
    assert kept.hidden() == {}
    assert operations.hide(kept, 1) == plan()


def test_hiding_only_some_shows_all_other_faces_and_no_other_box() -> None:
    more = operations.add_box(plan(), Box(0, 0, 9, 9), None, None)
    only = operations.hide_only(more, [])
    assert [track.hide for track in only.tracks] == [False, True]


def test_an_unknown_track_is_refused() -> None:
    with pytest.raises(RefusedError, match="no track 7"):
        operations.keep(plan(), 7)


def test_a_box_is_cut_to_the_picture_and_hidden_in_its_range_only() -> None:
    added = operations.add_box(plan(), Box(300, 200, 100, 100), 0.04, 0.1).tracks[-1]
    assert set(added.boxes.values()) == {Box(300, 200, 20, 40)}
    assert sorted(added.boxes) == [100, 612, 1124]


def test_what_is_on_the_screen_when_a_range_begins_or_is_told_to_end_is_hidden() -> None:
    made = replace(plan(), times=(0, 2560, 5120, 7680))  # at 0, 0.2, 0.4 and 0.6 s
    for begin, end, wanted in (
        (0.35, 0.45, [2560, 5120]),
        (0.25, 0.3, [2560]),
        (0.4, 0.4, [5120]),
        (0.1, 0.396, [0, 2560, 5120]),
        (0.7, None, [7680]),
        (None, 0.1, [0]),
    ):
        added = operations.add_box(made, Box(0, 0, 9, 9), begin, end).tracks[-1]
        assert sorted(added.boxes) == wanted, (begin, end)
    with pytest.raises(RefusedError, match="no frame"):
        operations.add_box(made, Box(0, 0, 9, 9), 0.9, 1.0)


def test_a_box_beside_the_picture_or_between_frames_is_refused() -> None:
    with pytest.raises(RefusedError, match="not on the picture"):
        operations.add_box(plan(), Box(400, 0, 5, 5), None, None)
    with pytest.raises(RefusedError, match="no frame"):
        operations.add_box(plan(), Box(0, 0, 5, 5), 100, 200)


def test_a_split_loses_no_box() -> None:
    cut = operations.split(plan(), 1, 0.08)
    assert cut.hidden() == plan().hidden()
    assert [len(track.boxes) for track in cut.tracks] == [1, 1]
    with pytest.raises(RefusedError, match="can not be split"):
        operations.split(plan(), 1, 99)


def test_muted_ranges_that_touch_become_one() -> None:
    muted = operations.mute(operations.mute(plan(), [(100, 200)]), [(150, 300), (400, 500)])
    assert muted.voices == "ranges"
    assert muted.muted == ((100, 300), (400, 500))
    with pytest.raises(RefusedError, match="before it begins"):
        operations.mute(plan(), [(5, 5)])


def test_hiding_chosen_persons_alone_leaves_texts_and_boxes_as_people_set_them() -> None:
    one = plan()
    for kind, hide in (("face", True), ("overlay", False), ("overlay", True), ("box", True)):
        boxes = {one.times[0]: Box(1, 1, 9, 9)}
        one = one.with_track(Track(one.next_number(), kind, hide=hide, by="machine", boxes=boxes))
    chosen = operations.hide_only(one, [one.tracks[-4].number])
    assert [track.hide for track in chosen.tracks[-4:]] == [True, False, True, True]
    assert not any(track.hide for track in operations.hide_only(one, []).tracks if track.kind == "face")


def test_turning_a_plan_round_is_not_undone_by_another_edit() -> None:
    turned = operations.set_policy(plan(), inverted=True)
    assert operations.set_policy(turned, fill="blur").inverted
