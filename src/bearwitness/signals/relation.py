"""How two files are related: the same recording re-encoded, cropped, mirrored, contained … or only the same
place.

What counts as a copy. Pictures from one fixed camera look alike at any two times: the room is the same. So
likeness alone never makes a copy of moving pictures; what *moves* must move alike (`Stretch.moved`). Where
nothing moves in either, the pictures must agree block for block. What looks alike without passing is reported
as `same-view`: a lead, not a copy.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from bearwitness.signals.aligned import Aligned, lay
from bearwitness.signals.covering import uncovered
from bearwitness.signals.geometry import Placement
from bearwitness.signals.outlines import outline
from bearwitness.signals.placing import Tip, proposals
from bearwitness.signals.refining import refine
from bearwitness.signals.sketch import Sketch
from bearwitness.signals.timeline import Stretch, best_shift, judge, stretches

MOVED_ALIKE = 0.5
"""Correlation of movement from which it is one recording. Seen: copies 0.97 and more, other times at one
place 0.06.
"""

STILL_ALIKE = 0.8
"""Share of textured blocks that must look alike where nothing moves."""

_MOST_STRETCHES = 8
_FEWEST_BLOCKS = 8
_LEAST_SHARED = 0.25  # of one of the two pictures
_MUCH_LONGER = 4.0  # times one step may be as long as the other before frames are paired by the shorter
_NOISE = 4.0  # grey levels by which still parts of a thumb waver


@dataclass(frozen=True)
class Span:
    """A stretch of A, from a_start to a_end seconds, that is in B from b_start to b_end."""

    a_start: float
    a_end: float
    b_start: float
    b_end: float
    likeness: float
    moved: float | None


@dataclass(frozen=True)
class Relation:
    """What relates A and B.

    kind: `same-bytes`, `copy` (the same recording) or `same-view` (the same place; no proof it is the same
    time). traits: what was done, any of re-encoded, cropped, letterboxed, inset (picture in picture),
    mirrored, turned-90, turned-180, turned-270, overlaid, contained, from the one to the other; `changed`
    says which of the two was changed where that can be told. spans: which times of A are in B. placement:
    where A's picture lies in B's.
    """

    kind: str
    traits: frozenset[str]
    changed: str | None
    spans: tuple[Span, ...]
    placement: Placement | None


def same_bytes() -> Relation:
    """Return the relation of two files with one SHA-256; the caller has compared the hashes."""
    return Relation("same-bytes", frozenset(), None, (), None)


def compare(a: Sketch, b: Sketch, tips: Sequence[Tip] | None = None) -> Relation | None:
    """Return how A and B are related, or None where nothing says they are.

    tips: from CandidateIndex, which make it ten times faster and surer on long videos.
    """
    lead: Relation | None = None
    for proposal in proposals(a, b, tips):
        placement = refine(a, b, proposal.placement)
        aligned = lay(a, b, placement)
        if aligned is None or not _shares_enough(a, b, placement):
            continue
        copies, views = _find_stretches(aligned, a, b)
        if copies:
            return _describe(a, b, placement, aligned, copies)
        bare = uncovered(aligned, a.times, b.times, max(a.step, b.step))
        if bare is not None:
            copies, more = _find_stretches(bare, a, b)
            copies = [each for each in copies if each.moved is not None]
            if copies:
                return _describe(a, b, placement, aligned, copies)
            views = views or more
        if views and lead is None:
            lead = Relation("same-view", frozenset(), None, _spans(a, b, views), placement)
    return lead


def _shares_enough(a: Sketch, b: Sketch, placement: Placement) -> bool:
    """Whether the shared part is more than a corner, and holds most of what moves in one of the two.

    Two videos with the same caption or logo share that, and nothing that moves.
    """
    if max(placement.covers()) < _LEAST_SHARED:
        return False
    return max(_movement_share(b, placement.inverse()), _movement_share(a, placement)) >= 0.5


def _movement_share(sketch: Sketch, placement: Placement) -> float:
    """Return how much of what moves in a sketch lies where the other picture shows it; 1 if nothing moves."""
    moves = np.stack([frame.thumb for frame in sketch.frames]).astype(np.float32).std(axis=0)
    moves = np.maximum(moves - _NOISE, 0) ** 2
    rows, columns = moves.shape
    y, x = np.indices(moves.shape)
    points = placement.apply(np.stack([(x + 0.5) / columns, (y + 0.5) / rows], axis=-1).reshape(-1, 2))
    seen = ((points >= 0) & (points <= 1)).all(axis=1).reshape(moves.shape)
    return float(moves[seen].sum() / moves.sum()) if moves.any() else 1.0


def _find_stretches(aligned: Aligned, a: Sketch, b: Sketch) -> tuple[list[Stretch], list[Stretch]]:
    """Return (stretches that are the same recording, stretches that only look alike)."""
    free = np.ones(aligned.likeness.shape, dtype=bool)
    apart = max(a.step, b.step)
    step = shared_step(a.step, b.step)
    copies: list[Stretch] = []
    views: list[Stretch] = []
    for _ in range(_MOST_STRETCHES):
        shift = best_shift(aligned, a.times, b.times, step, free)
        if shift is None:
            break
        for found in stretches(aligned, a.times, b.times, step, shift, free, apart):
            (copies if _is_copy(found, a, b) else views).append(found)
            free[found.a[0] : found.a[-1] + 1, :] = False
            free[:, found.b[0] : found.b[-1] + 1] = False
    return copies, views


def shared_step(one: float, other: float) -> float:
    """Return the time within which frames of two sketches can be one moment.

    It is the longer step, but for key frames against frames taken often: then the shorter, for there is one
    near each key frame, and the nearest of others may be seconds away.
    """
    longer, shorter = max(one, other), min(one, other)
    return shorter if 0 < shorter * _MUCH_LONGER < longer else longer


def _is_copy(found: Stretch, a: Sketch, b: Sketch) -> bool:
    still = min(len(a.frames), len(b.frames)) == 1
    if len(found.a) < 3 and not still:
        return False
    if found.moved is not None and len(found.a) > 1:
        return found.moved >= MOVED_ALIKE and found.likeness >= 0.7
    return found.agreement >= STILL_ALIKE and found.likeness >= 0.8 and found.blocks >= _FEWEST_BLOCKS


def _spans(a: Sketch, b: Sketch, found: list[Stretch]) -> tuple[Span, ...]:
    spans = [
        Span(
            float(a.frames[each.a[0]].time),
            float(a.frames[each.a[-1]].time),
            float(b.frames[each.b[0]].time),
            float(b.frames[each.b[-1]].time),
            each.likeness,
            each.moved,
        )
        for each in found
    ]
    return tuple(sorted(spans, key=lambda span: span.a_start))


def _describe(
    a: Sketch, b: Sketch, placement: Placement, aligned: Aligned, copies: list[Stretch]
) -> Relation:
    spans = _spans(a, b, copies)
    traits, changed = outline(a, b, placement)
    turn = round(placement.turn((a.width, a.height), (b.width, b.height)) / 90) % 4 * 90
    if placement.mirrored:
        traits.add("mirrored")
    if turn:
        traits.add(f"turned-{turn}")
    i = np.concatenate([each.a for each in copies])
    j = np.concatenate([each.b for each in copies])
    if judge(aligned, i, j).agreement < 0.9:
        traits.add("overlaid")
    part, whole = _contained(a, b, spans)
    if part:
        traits.add("contained")
        changed = changed or part
    if not whole:
        traits.add("partial")
    return Relation("copy", frozenset(traits or {"re-encoded"}), changed, spans, placement)


def _contained(a: Sketch, b: Sketch, spans: tuple[Span, ...]) -> tuple[str | None, bool]:
    """Return (which of the two is a part of the other, whether at least one of them is covered whole)."""
    slack = 1.6 * max(a.step, b.step) + 0.1
    a_length, b_length = float(a.times[-1] - a.times[0]), float(b.times[-1] - b.times[0])
    a_shown = sum(span.a_end - span.a_start for span in spans)
    b_shown = sum(span.b_end - span.b_start for span in spans)
    a_whole = a_shown >= a_length - slack * len(spans)
    b_whole = b_shown >= b_length - slack * len(spans)
    if a_whole and b_whole:
        return None, True
    return ("b" if b_whole else "a" if a_whole else None), a_whole or b_whole
