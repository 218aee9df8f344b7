"""An unsure face is believed where it continues a sure one, in both directions of time, and nowhere else."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from bearwitness.triage.lasting import believed
from scale import examples

SURE = [0.1, 0.1, 0.1, 0.1, 0.9]
TURNED = [0.14, 0.1, 0.1, 0.1, 0.2]
ELSEWHERE = [0.7, 0.7, 0.1, 0.1, 0.3]


def test_what_continues_a_sure_one_forth_and_back_is_kept_and_a_pattern_elsewhere_is_not() -> None:
    seen = [[TURNED], [TURNED, ELSEWHERE], [SURE], [TURNED], [ELSEWHERE, TURNED]]
    assert believed(seen, 0.5) == [[TURNED], [TURNED], [SURE], [TURNED], [TURNED]]


def test_a_chain_breaks_where_nothing_was_seen_and_without_a_sure_one_nothing_counts() -> None:
    assert believed([[SURE], [], [TURNED]], 0.5) == [[SURE], [], []]
    assert believed([[TURNED], [TURNED]], 0.5) == [[], []]
    assert believed([], 0.5) == []


def test_a_box_of_quite_another_size_continues_nothing() -> None:
    huge = [0.0, 0.0, 0.5, 0.5, 0.2]
    assert believed([[SURE], [huge]], 0.5) == [[SURE], []]


BOX = st.lists(st.floats(0, 1), min_size=5, max_size=5)


@given(seen=st.lists(st.lists(BOX, max_size=3), max_size=5), sure=st.floats(0.01, 1))
@examples(100)
def test_every_sure_box_stays_whatever_else_is_there(seen: list[list[list[float]]], sure: float) -> None:
    kept = believed(seen, sure)
    assert len(kept) == len(seen)
    for boxes, counted in zip(seen, kept, strict=True):
        assert all(box in counted for box in boxes if box[4] >= sure)
        assert all(box in boxes for box in counted)
