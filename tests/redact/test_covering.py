"""What is hidden of a face: as much as the head has, however little the detector boxes for a moment."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from bearwitness.redact.covering import GROW, regions
from bearwitness.redact.geometry import Box, clipped, common, grown
from bearwitness.redact.tracking import GROWTH_MAX, SURE, THRESHOLD, Chain, Sighting

WIDTH, HEIGHT = 640, 360
FRAMES = 60
SECONDS = [n / 25 for n in range(FRAMES)]
FACE = frozenset(("faces 1×",))
UNSURE = THRESHOLD + 0.01


def chain(boxes: dict[int, Box], score: float = 0.9, by: frozenset[str] = FACE) -> Chain:
    return Chain({at: Sighting(box, score, by) for at, box in boxes.items()})


def hidden(one: Chain) -> dict[int, Box]:
    return regions(one, SECONDS, [], WIDTH, HEIGHT)


def holds(outer: Box, inner: Box) -> bool:
    return common(outer, inner) == inner.area


def test_a_head_of_which_only_the_front_is_boxed_for_some_frames_stays_hidden_whole() -> None:
    whole, front = Box(400, 100, 130, 180), Box(400, 100, 91, 180)
    found = hidden(chain({n: front if 30 <= n < 34 else whole for n in range(FRAMES)}))
    assert all(holds(found[n], whole) for n in range(FRAMES))


def test_a_head_stays_as_large_as_it_was_where_its_box_shrinks_while_it_moves() -> None:
    def face(n: int, part: float) -> Box:
        return grown(Box(100 + 5 * n, 100, 80, 100), part)

    found = hidden(chain({n: face(n, 0.7 if 30 <= n < 33 else 1) for n in range(FRAMES)}))
    assert all(holds(found[n], grown(face(n, 1), GROW - 0.02)) for n in (30, 31, 32))


def test_a_head_that_comes_near_is_not_hidden_as_large_as_it_will_be_later() -> None:
    found = hidden(chain({n: grown(Box(300, 150, 20, 26), 1 + n / 10) for n in range(FRAMES)}))
    assert found[10].area < found[40].area / 4


def test_one_box_that_is_far_too_large_does_not_spread_to_its_neighbours() -> None:
    small = Box(300, 150, 20, 26)
    found = hidden(chain({n: grown(small, 6) if n == 30 else small for n in range(FRAMES)}))
    most = grown(grown(small, GROWTH_MAX), GROW)
    assert all(found[n].area <= 1.3 * most.area for n in range(FRAMES) if n != 30)


def test_what_was_never_seen_surely_takes_no_more_room_than_its_own_boxes() -> None:
    boxes = {n: Box(300, 100, 40, 80) if n % 5 else Box(295, 95, 50, 90) for n in range(FRAMES)}
    unsure = hidden(chain(boxes, score=UNSURE))
    assert all(unsure[n] == grown(box, GROW) for n, box in boxes.items())
    once = chain(boxes, score=UNSURE)
    once.seen[20] = Sighting(boxes[20], SURE, FACE)
    assert all(hidden(once)[n].area > unsure[n].area for n in boxes if n % 5)


def test_frames_further_apart_than_the_reach_do_not_share_their_size() -> None:
    slow = [n / 2 for n in range(FRAMES)]
    boxes = {n: Box(300, 100, 50 if n % 2 else 60, 60) for n in range(FRAMES)}
    found = regions(chain(boxes), slow, [], WIDTH, HEIGHT)
    assert {n: found[n] for n in boxes} == {n: grown(box, GROW) for n, box in boxes.items()}


@given(
    st.dictionaries(
        st.integers(0, FRAMES - 1),
        st.builds(
            Box, st.integers(-50, 630), st.integers(-50, 350), st.integers(1, 300), st.integers(1, 300)
        ),
        min_size=1,
    ),
    st.sampled_from([0.9, UNSURE]),
)
def test_whatever_was_seen_is_hidden_with_its_room_around_it(boxes: dict[int, Box], score: float) -> None:
    found = hidden(chain(dict(sorted(boxes.items())), score))
    for at, box in boxes.items():
        room = clipped(grown(box, GROW), WIDTH, HEIGHT)
        assert room is None or holds(found[at], room)
