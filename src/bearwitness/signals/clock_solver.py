"""All clocks of a delivery put on one time: overlays, file names, container times and matches between cameras
in one robust fit.

Method: least absolute deviations first (gross errors do not move it), then evidence more than OUTLYING of its
own errors off is set aside and reported, then weighted least squares of the rest, whose covariance gives the
error bars. What is set aside is asked the other way round: were it right, would as much of the evidence
agree? If so nothing is settled, and both answers are given. Nothing is averaged across a contradiction.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from bearwitness.signals.arrays import Doubles
from bearwitness.signals.clock_equations import (
    System,
    build,
    covariance,
    drifts,
    least_absolute,
    residuals,
    solve,
)
from bearwitness.signals.clock_evidence import (
    ClockEstimate,
    ClockSolution,
    Contradiction,
    Evidence,
    ItemStart,
    Known,
    Same,
    Shown,
)

OUTLYING = 4.0
_SIGMAS = 2.2  # 95 % with the scatter itself estimated from a dozen pieces
_MOST_DRIFT = 6.0  # times DRIFT_PRIOR: no recorder is worse than one part in a thousand
_MOST_ASKED = 40  # pieces of evidence set aside that are asked the other way round, the worst first


def solve_clocks(evidence: Sequence[Evidence]) -> ClockSolution:
    """Return the solution. Raises ValueError for an error that is not positive or a number that is not
    finite.

    Groups that nothing ties together are solved apart: their times can not be compared, and are not.
    """
    for each in evidence:
        numbers = [value for value in vars(each).values() if isinstance(value, float | int)]
        if not np.isfinite(numbers).all() or each.error <= 0:
            raise ValueError(f"the {each.source} of {each.item} is no usable evidence: {each}")
    clocks: list[ClockEstimate] = []
    items: list[ItemStart] = []
    contradictions: list[Contradiction] = []
    for number, group in enumerate(_groups(evidence)):
        absolute = any(isinstance(each, Known) for each in group)
        first = next((each.clock for each in group if isinstance(each, Shown)), None)
        if first is None and not absolute:
            continue  # items tied to each other only: no clock to speak of
        found = _solve_group(group, None if absolute else first, number, absolute)
        clocks += found.clocks
        items += found.items
        contradictions += found.contradictions
    return ClockSolution(tuple(clocks), tuple(items), tuple(contradictions))


def _groups(evidence: Sequence[Evidence]) -> list[list[Evidence]]:
    """Deal the evidence to groups that share items or clocks, in order of first appearance."""
    head: dict[str, str] = {}

    def find(name: str) -> str:
        while head.setdefault(name, name) != name:
            name = head[name]
        return name

    def ends(each: Evidence) -> tuple[str, str]:
        if isinstance(each, Same):
            return "i:" + each.item, "i:" + each.other
        return "i:" + each.item, ("c:" + each.clock if isinstance(each, Shown) else "true")

    for each in evidence:
        one, other = (find(name) for name in ends(each))
        head[one] = other
    groups: dict[str, list[Evidence]] = {}
    for each in evidence:
        groups.setdefault(find(ends(each)[0]), []).append(each)
    return list(groups.values())


def _starts(group: Sequence[Evidence], reference: str | None) -> tuple[System, System, System]:
    """Return the equations, and those with coarse and with coarse and even errors."""
    coarse, even = (build(group, reference, coarse=True, even=even) for even in (False, True))
    return build(group, reference), coarse, even


def _fitting(starts: tuple[System, System, System], held: int | None = None) -> NDArray[np.bool_]:
    """Return the most evidence found that fits together; `held` is taken as right.

    Three starts, because each can be led astray: exact errors by a drift that swallows a gross error, coarse
    ones by a wrong piece that claims to be exact. What fits most evidence with drifts a recorder can have is
    taken.
    """
    system = starts[0]
    must = None if held is None else np.arange(system.count) == held
    best, most = np.zeros(system.count, dtype=np.bool_), -1
    for start in starts:
        likely = np.abs(residuals(start, least_absolute(start, must))) <= OUTLYING
        x = least_absolute(system, must, likely)
        fits = np.abs(residuals(system, x)) <= OUTLYING
        possible = bool((np.abs(drifts(system, x)) <= _MOST_DRIFT).all())
        count = int(fits.sum()) if possible else int(fits.sum()) // 2
        if count > most:
            best, most = np.asarray(fits, dtype=np.bool_), count
    return best


def _solve_group(
    group: Sequence[Evidence], reference: str | None, number: int, absolute: bool
) -> ClockSolution:
    starts = _starts(group, reference)
    system, kept = starts[0], _fitting(starts)
    while True:
        kept = _settle(system, kept)
        x = solve(system, kept.astype(float))
        off = residuals(system, x)
        asked = _ask(starts, kept, off)
        larger = [fits for fits in asked.values() if fits is not None and fits.sum() > kept.sum()]
        if not larger:
            break
        kept = max(
            larger, key=lambda fits: int(fits.sum())
        )  # more evidence agrees on this: begin again from it
    rivals = [solve(system, fits.astype(float)) for fits in asked.values() if fits is not None]
    spread = _spread(system, kept, off, x)
    contradictions = tuple(
        Contradiction(
            system.evidence[i], float(off[i] * system.evidence[i].error), float(off[i]), asked[i] is None
        )
        for i in np.nonzero(~kept)[0].tolist()
    )
    return ClockSolution(
        tuple(_estimate(system, clock, x, spread, kept, rivals, number, absolute) for clock in system.clocks),
        tuple(
            ItemStart(item, number, float(x[i]) + system.zero, _SIGMAS * float(spread[i]))
            for i, item in enumerate(system.items)
        ),
        contradictions,
    )


def _spread(system: System, kept: NDArray[np.bool_], off: Doubles, x: Doubles) -> Doubles:
    """Return one sigma of each unknown, larger where the kept evidence scatters more than its own
    errors say.
    """
    freedom = int(kept.sum()) - len(x) + len(system.clocks)
    scatter = float((off[kept] ** 2).sum()) / freedom if freedom > 0 else 1.0
    return np.sqrt(np.diag(covariance(system, kept)) * max(1.0, scatter))


def _possible(system: System, kept: NDArray[np.bool_]) -> bool:
    """Whether the fit of what is kept gives every recorder a drift that a recorder can have."""
    return bool((np.abs(drifts(system, solve(system, kept.astype(float)))) <= _MOST_DRIFT).all())


def _settle(system: System, kept: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return what fits the fit of what is kept, a few times over, so that good evidence is let back in."""
    for _ in range(5):
        now = np.abs(residuals(system, solve(system, kept.astype(float)))) <= OUTLYING
        if now.sum() <= kept.sum() or not _possible(system, np.asarray(now, dtype=np.bool_)):
            break
        kept = np.asarray(now, dtype=np.bool_)
    return kept


def _ask(
    starts: tuple[System, System, System], kept: NDArray[np.bool_], off: Doubles
) -> dict[int, NDArray[np.bool_] | None]:
    """Return, for each piece set aside, what fits were it right; None where that is less than what is kept.

    Only the _MOST_ASKED worst are asked; what is not asked counts as not settled.
    """
    outside = np.nonzero(~kept)[0]
    worst = [int(i) for i in outside[np.argsort(-np.abs(off[outside]))]]
    asked: dict[int, NDArray[np.bool_] | None] = dict.fromkeys(worst[_MOST_ASKED:], kept)
    for i in worst[:_MOST_ASKED]:
        fits = _fitting(starts, i)
        asked[i] = fits if fits[i] and fits.sum() >= kept.sum() and _possible(starts[0], fits) else None
    return asked


def _estimate(
    system: System,
    clock: str,
    x: Doubles,
    spread: Doubles,
    kept: NDArray[np.bool_],
    rivals: list[Doubles],
    number: int,
    absolute: bool,
) -> ClockEstimate:
    place = len(system.items) + system.clocks.index(clock)
    drift = place + len(system.clocks)
    own = [i for i, each in enumerate(system.evidence) if isinstance(each, Shown) and each.clock == clock]
    error = _SIGMAS * float(spread[place])
    others = sorted(
        {round(float(rival[place]), 3) for rival in rivals if abs(rival[place] - x[place]) > error}
    )
    return ClockEstimate(
        clock=clock,
        group=number,
        absolute=absolute,
        offset=float(x[place]),
        error=error,
        drift=float(x[drift]),
        drift_error=_SIGMAS * float(spread[drift]),
        middle=system.middles[clock],
        evidence=int(kept[own].sum()),
        others=tuple(others),
    )
