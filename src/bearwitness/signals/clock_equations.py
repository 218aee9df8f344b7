"""The clock solver's linear algebra: evidence as rows, robust and weighted least squares."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bearwitness.signals.arrays import Doubles
from bearwitness.signals.clock_evidence import Evidence, Known, Same, Shown

DRIFT_PRIOR = 2e-4
"""One sigma of a recorder's drift before anything is measured: quartz keeps within 1e-4, cheap recorders
within twice that.
"""

_ROUNDS = 60


@dataclass(frozen=True)
class System:
    """rows @ x = right, each row divided by its error. The first `len(evidence)` rows are evidence, the rest
    are assumptions.

    x: for each item its start, for each clock its offset, for each clock its drift; `items` and `clocks` name
    them. zero: what was taken off all times. middles: of each clock, taken off what it shows.
    """

    rows: Doubles
    right: Doubles
    items: tuple[str, ...]
    clocks: tuple[str, ...]
    zero: float
    middles: dict[str, float]
    evidence: tuple[Evidence, ...]

    @property
    def count(self) -> int:
        """How many rows are evidence."""
        return len(self.evidence)


def build(
    evidence: Sequence[Evidence], reference: str | None, *, coarse: bool = False, even: bool = False
) -> System:
    """Return the equations of one group of tied evidence; `reference` is the clock taken as right, if any is.

    coarse: no drift, and errors as large as drift might make them; a gross error can not hide in a drift
    then. even: all evidence with the largest error among it, so that one exact but wrong piece does not
    outweigh many rough ones.
    """
    shown = [each for each in evidence if isinstance(each, Shown)]
    items = tuple(dict.fromkeys(name for each in evidence for name in _items(each)))
    clocks = tuple(dict.fromkeys(each.clock for each in shown))
    times = [each.shown for each in shown] + [each.true for each in evidence if isinstance(each, Known)]
    zero = min(times) if times else 0.0
    middles = {
        clock: float(np.mean([each.shown for each in shown if each.clock == clock])) for clock in clocks
    }
    size = len(items) + 2 * len(clocks)
    rows, right, errors = [], [], []
    for each in evidence:
        row, value = _equation(each, items, clocks, middles, zero)
        error = each.error
        if coarse and isinstance(each, Shown):
            error = float(np.hypot(error, DRIFT_PRIOR * (each.shown - middles[each.clock])))
        errors.append(error)
        rows.append(row / error)
        right.append(value / error)
    for place, clock in enumerate(clocks):
        row = np.zeros(size)
        row[len(items) + len(clocks) + place] = 1e8 if coarse else 1 / DRIFT_PRIOR
        rows.append(row)
        right.append(0.0)
        if (
            clock == reference
        ):  # taken as right: its offset by definition, its drift because nothing else is known
            row = np.zeros(size)
            row[len(items) + place] = 1e6
            rows.append(row)
            right.append(0.0)
    table, values = np.array(rows), np.array(right)
    if even:
        own = np.array(errors)
        table[: len(own)] *= (own / own.max())[:, None]
        values[: len(own)] *= own / own.max()
    return System(table, values, items, clocks, zero, middles, tuple(evidence))


def _equation(
    each: Evidence, items: tuple[str, ...], clocks: tuple[str, ...], middles: dict[str, float], zero: float
) -> tuple[Doubles, float]:
    """Return the row and the right side of one piece of evidence, not yet divided by its error."""
    row = np.zeros(len(items) + 2 * len(clocks))
    row[items.index(each.item)] = 1
    if isinstance(each, Same):
        row[items.index(each.other)] -= 1
        return row, each.other_media - each.media
    if isinstance(each, Known):
        return row, each.true - zero - each.media
    place = len(items) + clocks.index(each.clock)
    row[place] = -1
    row[place + len(clocks)] = -(each.shown - middles[each.clock])
    return row, each.shown - zero - each.media


def _items(each: Evidence) -> tuple[str, ...]:
    return (each.item, each.other) if isinstance(each, Same) else (each.item,)


def solve(system: System, weights: Doubles | None = None) -> Doubles:
    """Return x that fits best in the least-squares sense, evidence rows weighted."""
    scale = np.ones(len(system.rows))
    if weights is not None:
        scale[: system.count] = np.sqrt(weights)
    # Columns differ by the seconds a recording lasts: scaled to one length they are solved without loss.
    rows = system.rows * scale[:, None]
    length = np.linalg.norm(rows, axis=0)
    length[length == 0] = 1
    rows /= length
    normal = rows.T @ rows
    normal[np.diag_indices_from(normal)] += 1e-13  # unknowns nothing speaks of stay where they are
    answer: Doubles = np.linalg.solve(normal, rows.T @ (system.right * scale)) / length
    return answer


def residuals(system: System, x: Doubles) -> Doubles:
    """Return by how many of its own errors each piece of evidence is off."""
    return np.asarray((system.rows @ x - system.right)[: system.count], dtype=np.float64)


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
        if np.abs(system.rows @ (after - x)).max() < 1e-3:
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
    scale = np.ones(len(system.rows))
    scale[: system.count] = kept
    rows = system.rows * scale[:, None]
    length = np.linalg.norm(rows, axis=0)
    length[length == 0] = 1
    _, values, turned = np.linalg.svd(rows / length, full_matrices=False)
    inverse = np.where(values > values[0] * 1e-12, 1 / np.maximum(values, 1e-300), 1e12)
    half = turned.T * inverse / length[:, None]
    return np.asarray(half @ half.T, dtype=np.float64)
