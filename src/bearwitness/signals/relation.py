"""How two files are related: the same recording re-encoded, cropped, mirrored, contained … or only the same
place.

What counts as a copy: verdict.py. What looks alike without passing is reported as `same-view`: a lead, not a
copy.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from bearwitness.signals.aligned import Aligned, lay
from bearwitness.signals.consensus import agreed
from bearwitness.signals.covering import uncovered
from bearwitness.signals.geometry import Placement
from bearwitness.signals.outlines import outline
from bearwitness.signals.placing import Tip, every_tip, proposals
from bearwitness.signals.refining import refine
from bearwitness.signals.settling import settle
from bearwitness.signals.sketch import Sketch
from bearwitness.signals.timeline import Stretch, judge
from bearwitness.signals.verdict import camera_moves, find_stretches, is_sure, shares_enough

_SAME = 0.01  # placements nearer than this need no second look


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

    tips: from CandidateIndex, which make it ten times faster and surer on long videos. A pair that is no copy
    by the best placements is looked at a second time, by those that many pairs of moments support a little.
    """
    lead: Relation | None = None
    tried: list[Placement] = []
    for proposal in proposals(a, b, tips):
        placement = refine(a, b, proposal.placement)
        tried.append(placement)
        found = _looked_at(a, b, placement)
        if found is not None and found.kind == "copy":
            return found
        lead = lead or found
    for placement in _again(a, b, tips, tried):
        found = _looked_at(a, b, placement, second=True)
        if found is not None and found.kind == "copy":
            return found
    return lead


def _looked_at(a: Sketch, b: Sketch, placement: Placement, *, second: bool = False) -> Relation | None:
    """Return what a placement says. At a second look what is not sure is no copy."""
    aligned = lay(a, b, placement)
    if aligned is None or not shares_enough(a, b, placement):
        return None
    copies, views = find_stretches(aligned, a, b)
    copies = [each for each in copies if not second or is_sure(each, aligned, a.times)]
    if copies:
        return _describe(a, b, placement, aligned, copies)
    bare = uncovered(aligned, a.times, b.times, max(a.step, b.step))
    if bare is not None:
        copies, more = find_stretches(bare, a, b)
        copies = [each for each in copies if each.moved is not None]
        copies = [each for each in copies if not second or is_sure(each, bare, a.times)]
        if copies:
            return _describe(a, b, placement, aligned, copies)
        views = views or more
    return Relation("same-view", frozenset(), None, _spans(a, b, views), placement) if views else None


def _again(
    a: Sketch, b: Sketch, tips: Sequence[Tip] | None, tried: Sequence[Placement]
) -> Iterator[Placement]:
    """Yield placements for a second look, settled where a camera moved, none twice."""
    seen = list(tried)
    moves = camera_moves(a) or camera_moves(b)
    for proposal in agreed(a, b, every_tip(a, b) if tips is None else tips):
        placement: Placement | None = proposal.placement
        if moves:
            placement = settle(a, b, proposal.placement)
        elif any(proposal.placement.near(each, _SAME) for each in seen):
            continue
        else:
            placement = refine(a, b, proposal.placement)
        if placement is not None and not any(placement.near(each, _SAME) for each in seen):
            seen.append(placement)
            yield placement


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
