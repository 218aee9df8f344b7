"""Planted clocks are found back within their error bars; what contradicts is reported, never averaged
away.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.scale import examples

from bearwitness.signals.clock_evidence import Evidence, Known, Same, Shown
from bearwitness.signals.clock_solver import solve_clocks

BASE = 6.37e10


def planted(seed: int, gross: int) -> tuple[list[Evidence], set[int], dict[str, tuple[float, float]]]:
    """Return (evidence, places of gross errors, true offset and drift by clock): 3 recorders of 5
    items each.
    """
    rng = np.random.default_rng(seed)
    truth = {f"c{i}": (float(rng.uniform(-7200, 7200)), float(rng.normal(0, 1e-4))) for i in range(3)}
    starts: dict[str, float] = {}
    evidence: list[Evidence] = []
    for clock, (offset, drift) in truth.items():
        for k in range(5):
            item = f"{clock}/{k}"
            starts[item] = BASE + float(rng.uniform(0, 200_000))
            for media in (0.0, 100.0, 200.0, 300.0):
                shown = BASE + (starts[item] + media - BASE - offset) / (1 + drift)
                evidence.append(Shown(item, clock, media, shown + float(rng.normal(0, 0.1)), 0.1, "overlay"))
    names = sorted(starts)
    for _ in range(12):
        one, other = (str(name) for name in rng.choice(names, 2, replace=False))
        media = 10 + starts[one] - starts[other] + float(rng.normal(0, 0.2))
        evidence.append(Same(one, 10.0, other, media, 0.2, "sound"))
    for item in names[:2]:
        evidence.append(Known(item, 5.0, starts[item] + 5 + float(rng.normal(0, 0.2)), 0.2, "gps"))
    # One of an item's four readings at most: two that agree contradict the other two, and nobody is outvoted.
    wrong = {4 * int(i) + int(rng.integers(4)) for i in rng.choice(len(names), gross, replace=False)}
    for i in wrong:
        each = evidence[i]
        assert isinstance(each, Shown)
        evidence[i] = replace(each, shown=each.shown + float(rng.choice([-3600, 3600, 17])))
    return evidence, wrong, truth


@given(seed=st.integers(0, 100_000))
@examples(12)
def test_the_truth_lies_within_the_error_bars_and_gross_errors_are_named(seed: int) -> None:
    evidence, wrong, truth = planted(seed, 4)
    solution = solve_clocks(evidence)
    named = [contradiction.evidence for contradiction in solution.contradictions]
    for i in wrong:
        assert evidence[i] in named
    assert len(named) <= len(wrong) + 1
    ratios = []
    for clock in solution.clocks:
        offset, drift = truth[clock.clock]
        ratios.append(abs(clock.offset - offset - drift * (clock.middle - BASE)) / clock.error)
        assert clock.absolute
        assert abs(clock.drift - drift) <= 2.5 * clock.drift_error
    # 95 % bars: of three clocks one may be outside now and then, but not far.
    assert sorted(ratios)[1] <= 1.0 or max(ratios) <= 1.5
    assert max(ratios) <= 2.0


def test_bars_hold_the_truth_about_as_often_as_they_say() -> None:
    inside = []
    for seed in range(25):
        evidence, _, truth = planted(seed, 0)
        for clock in solve_clocks(evidence).clocks:
            offset, drift = truth[clock.clock]
            inside.append(abs(clock.offset - offset - drift * (clock.middle - BASE)) <= clock.error)
    assert np.mean(inside) >= 0.88


def test_two_equal_claims_that_contradict_are_both_given_and_not_averaged() -> None:
    evidence: list[Evidence] = [
        Known("a", 0.0, BASE, 1.0, "witness"),
        Shown("a", "cam", 0.0, BASE + 100, 1.0, "overlay"),
        Shown("a", "cam", 0.0, BASE + 700, 1.0, "file name"),
    ]
    solution = solve_clocks(evidence)
    (clock,) = solution.clocks
    given_ = sorted([clock.offset, *clock.others])
    assert given_ == pytest.approx([-700, -100], abs=5)
    (contradiction,) = solution.contradictions
    assert not contradiction.settled
    assert abs(contradiction.seconds) == pytest.approx(600, abs=5)


def test_a_clear_majority_settles_a_contradiction_without_moving_by_it() -> None:
    shown: list[Evidence] = [
        Shown(f"i{k}", "cam", 0.0, BASE + 100 * k + 40, 1.0, "overlay") for k in range(6)
    ]
    known: list[Evidence] = [Known(f"i{k}", 0.0, BASE + 100 * k, 1.0, "gps") for k in range(6)]
    wrong = Shown("i2", "cam", 0.0, BASE + 5000, 1.0, "file name")
    solution = solve_clocks([*shown, *known, wrong])
    (clock,) = solution.clocks
    assert clock.offset == pytest.approx(-40, abs=0.5)
    assert clock.others == ()
    (contradiction,) = solution.contradictions
    assert contradiction.evidence == wrong
    assert contradiction.settled


def test_clocks_nothing_ties_together_are_kept_apart_and_not_absolute() -> None:
    solution = solve_clocks(
        [Shown("a", "x", 0.0, BASE, 1.0, "overlay"), Shown("b", "y", 0.0, BASE + 9, 1.0, "overlay")]
    )
    assert {clock.group for clock in solution.clocks} == {0, 1}
    assert not any(clock.absolute for clock in solution.clocks)


def test_unusable_evidence_is_refused() -> None:
    with pytest.raises(ValueError, match="no usable evidence"):
        solve_clocks([Known("a", 0.0, BASE, 0.0, "gps")])
    with pytest.raises(ValueError, match="no usable evidence"):
        solve_clocks([Known("a", 0.0, float("nan"), 1.0, "gps")])


def test_a_delivery_of_hundreds_of_items_is_solved_as_its_parts_are() -> None:
    evidence, _, truth = planted(7, 4)
    more = [
        Shown(
            f"c0/more{n}",
            "c0",
            0.0,
            BASE + (40.0 * n - truth["c0"][0]) / (1 + truth["c0"][1]),
            0.1,
            "overlay",
        )
        for n in range(600)
    ]
    few, many = solve_clocks(evidence), solve_clocks([*evidence, *more])
    assert [c.evidence for c in many.contradictions] == [c.evidence for c in few.contradictions]
    for one, other in zip(few.clocks, many.clocks, strict=True):
        shift = one.drift * (other.middle - one.middle)
        assert one.offset + shift == pytest.approx(other.offset, abs=one.error)
    starts = {item.item: item for item in many.items}
    for n in (0, 300, 599):
        assert starts[f"c0/more{n}"].start == pytest.approx(BASE + 40.0 * n, abs=starts[f"c0/more{n}"].error)
