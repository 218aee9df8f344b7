"""The clock solver's linear algebra: evidence as rows, robust and weighted least squares."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from bearwitness.signals.arrays import Doubles
from bearwitness.signals.clock_evidence import Evidence, Known, Same, Shown

DRIFT_PRIOR = 2e-4
"""One sigma of a recorder's drift before anything is measured: quartz keeps within 1e-4, cheap recorders
within twice that.
"""

_ROUNDS = 60
_RIDGE = 1e-13


@dataclass(frozen=True)
class System:
    """Equations, each divided by its error. The first `len(evidence)` are evidence, the rest are assumptions.

    Equation n says that ``sum(shares[n] * x[places[n]])`` is ``right[n]``; none is about more than three
    unknowns. x: for each item its start, for each clock its offset, for each clock its drift; `items` and
    `clocks` name them. zero: what was taken off all times. middles: of each clock, taken off what it shows.
    """

    places: NDArray[np.intp]
    shares: Doubles
    right: Doubles
    items: tuple[str, ...]
    clocks: tuple[str, ...]
    zero: float
    middles: dict[str, float]
    evidence: tuple[Evidence, ...]

    @property
    def count(self) -> int:
        """How many equations are evidence."""
        return len(self.evidence)

    @property
    def size(self) -> int:
        """How many unknowns there are."""
        return len(self.items) + 2 * len(self.clocks)

    @cached_property
    def order(self) -> _Order:
        """In which order it is solved."""
        return _order(self)

    def apply(self, x: Doubles) -> Doubles:
        """Return the left sides for x."""
        return np.asarray((self.shares * x[self.places]).sum(axis=1), dtype=np.float64)


@dataclass(frozen=True)
class _Products:
    """Which shares are multiplied, by their numbers in a flat list, and where in a table they add up."""

    one: NDArray[np.intp]
    other: NDArray[np.intp]
    at: NDArray[np.intp]

    def table(self, shares: Doubles, shape: tuple[int, int]) -> Doubles:
        flat = shares.ravel()
        summed = np.bincount(self.at, flat[self.one] * flat[self.other], shape[0] * shape[1])
        return summed.reshape(shape).astype(np.float64, copy=False)


@dataclass(frozen=True)
class _Order:
    """Which unknowns are starts of items that share no equation with another; products of the others with
    each other (`core`) and with those (`ties`).
    """

    alone: NDArray[np.bool_]
    core: _Products
    ties: _Products


def _order(system: System) -> _Order:
    alone = np.arange(system.size) < len(system.items)
    tied = [n for n, each in enumerate(system.evidence) if isinstance(each, Same)]
    alone[system.places[tied, :2]] = False
    rank = np.where(alone, np.cumsum(alone), np.cumsum(~alone)) - 1
    pairs = list(itertools.permutations(range(3), 2))
    rows = np.arange(len(system.places))[:, None]
    one, other = (np.array([pair[n] for pair in pairs])[None] for n in (0, 1))
    first, second = system.places[rows, one], system.places[rows, other]
    real = (system.shares[rows, one] != 0) & (system.shares[rows, other] != 0) & ~alone[first]

    def products(chosen: NDArray[np.bool_], width: int) -> _Products:
        return _Products(
            (3 * rows + one)[chosen], (3 * rows + other)[chosen], (rank[first] * width + rank[second])[chosen]
        )

    few = int((~alone).sum())
    return _Order(
        alone, products(real & ~alone[second], few), products(real & alone[second], system.size - few)
    )


def build(
    evidence: Sequence[Evidence], reference: str | None, *, coarse: bool = False, even: bool = False
) -> System:
    """Return the equations of one group of tied evidence; `reference` is the clock taken as right, if any is.

    coarse: no drift, and errors as large as drift might make them; a gross error can not hide in a drift
    then. even: all evidence with the largest error among it, so that one exact but wrong piece does not
    outweigh many rough ones.
    """
    shown = [each for each in evidence if isinstance(each, Shown)]
    items = {name: n for n, name in enumerate(dict.fromkeys(n for each in evidence for n in _items(each)))}
    of_clocks: dict[str, list[float]] = {}
    for one in shown:
        of_clocks.setdefault(one.clock, []).append(one.shown)
    clocks = {name: n for n, name in enumerate(of_clocks, len(items))}
    times = [each.shown for each in shown] + [each.true for each in evidence if isinstance(each, Known)]
    zero = min(times) if times else 0.0
    middles = {clock: float(np.mean(values)) for clock, values in of_clocks.items()}
    rows, right, errors = [], [], []
    for each in evidence:
        row, value = _equation(each, items, clocks, middles, zero)
        error = each.error
        if coarse and isinstance(each, Shown):
            error = float(np.hypot(error, DRIFT_PRIOR * (each.shown - middles[each.clock])))
        errors.append(error)
        rows.append([(place, share / error) for place, share in row])
        right.append(value / error)
    for clock, place in clocks.items():
        rows.append([(place + len(clocks), 1e8 if coarse else 1 / DRIFT_PRIOR)])
        right.append(0.0)
        if clock == reference:  # its offset by definition, its drift because nothing else is known
            rows.append([(place, 1e6)])
            right.append(0.0)
    padded = [[*row, (0, 0.0), (0, 0.0)][:3] for row in rows]
    places = np.array([[place for place, _ in row] for row in padded], dtype=np.intp).reshape(-1, 3)
    shares = np.array([[share for _, share in row] for row in padded]).reshape(-1, 3)
    values = np.array(right)
    if even:
        own = np.array(errors)
        shares[: len(own)] *= (own / own.max())[:, None]
        values[: len(own)] *= own / own.max()
    return System(places, shares, values, tuple(items), tuple(clocks), zero, middles, tuple(evidence))


def _equation(
    each: Evidence, items: dict[str, int], clocks: dict[str, int], middles: dict[str, float], zero: float
) -> tuple[list[tuple[int, float]], float]:
    """Return places with shares, and the right side, of one piece of evidence; not divided by its error."""
    own = (items[each.item], 1.0)
    if isinstance(each, Same):
        return [own, (items[each.other], -1.0)], each.other_media - each.media
    if isinstance(each, Known):
        return [own], each.true - zero - each.media
    place = clocks[each.clock]
    row = [own, (place, -1.0), (place + len(clocks), -(each.shown - middles[each.clock]))]
    return row, each.shown - zero - each.media


def _items(each: Evidence) -> tuple[str, ...]:
    return (each.item, each.other) if isinstance(each, Same) else (each.item,)


def solve(system: System, weights: Doubles | None = None) -> Doubles:
    """Return x that fits best in the least-squares sense, evidence weighted.

    By normal equations, out of which the starts of items that no other item is tied to are eliminated first
    (a Schur complement): a delivery has thousands of them, and few clocks.
    """
    scale = np.ones(len(system.right))
    if weights is not None:
        scale[: system.count] = np.sqrt(weights)
    places, size = system.places, system.size
    # Columns differ by the seconds a recording lasts: scaled to one length they are solved without loss.
    shares = system.shares * scale[:, None]
    length = np.sqrt(_summed(places, shares**2, size))
    length[length == 0] = 1
    shares /= length[places]
    right = _summed(places, shares * (system.right * scale)[:, None], size)
    # Unknowns nothing speaks of stay where they are.
    diagonal = _summed(places, shares**2, size) + _RIDGE
    order = system.order
    alone, few = order.alone, int((~order.alone).sum())
    core = np.diag(diagonal[~alone]) + order.core.table(shares, (few, few))
    ties = order.ties.table(shares, (few, system.size - few))
    own = diagonal[alone]
    answer = np.empty(size)
    answer[~alone] = np.linalg.solve(
        core - (ties / own) @ ties.T, right[~alone] - ties @ (right[alone] / own)
    )
    answer[alone] = (right[alone] - ties.T @ answer[~alone]) / own
    return np.asarray(answer / length, dtype=np.float64)


def _summed(places: NDArray[np.intp], values: Doubles, size: int) -> Doubles:
    return np.bincount(places.ravel(), values.ravel(), size).astype(np.float64, copy=False)


def residuals(system: System, x: Doubles) -> Doubles:
    """Return by how many of its own errors each piece of evidence is off."""
    return np.asarray((system.apply(x) - system.right)[: system.count], dtype=np.float64)


def least_absolute(
    system: System, held: NDArray[np.bool_] | None = None, among: NDArray[np.bool_] | None = None
) -> Doubles:
    """Return x with the least sum of absolute residuals (by reweighting), which some gross errors do not
    move.

    held: evidence that must fit, to ask what follows if it is right. among: evidence that counts; all by
    default.
    """
    weights = np.ones(system.count) if among is None else among.astype(float)
    x = solve(system, weights)
    for _ in range(_ROUNDS):
        weights = 1 / np.maximum(np.abs(residuals(system, x)), 0.05)
        if among is not None:
            weights[~among] = 0
        if held is not None:
            weights[held] = 1e4
        after = solve(system, weights)
        if np.abs(system.apply(after - x)).max() < 1e-3:
            return after
        x = after
    return x


def drifts(system: System, x: Doubles) -> Doubles:
    """Return the drifts in x, in units of DRIFT_PRIOR."""
    return x[len(system.items) + len(system.clocks) :] / DRIFT_PRIOR


def covariance(system: System, kept: NDArray[np.bool_]) -> Doubles:
    """Return the covariance of x from the kept evidence; unknowns nothing speaks of get a very large
    variance.
    """
    rows = np.zeros((len(system.right), system.size))
    for number in range(3):
        rows[np.arange(len(rows)), system.places[:, number]] += system.shares[:, number]
    rows[: system.count] *= kept[:, None]
    length = np.linalg.norm(rows, axis=0)
    length[length == 0] = 1
    _, values, turned = np.linalg.svd(rows / length, full_matrices=False)
    inverse = np.where(values > values[0] * 1e-12, 1 / np.maximum(values, 1e-300), 1e12)
    half = turned.T * inverse / length[:, None]
    return np.asarray(half @ half.T, dtype=np.float64)
