"""The whole attack on one finished picture or document."""

from __future__ import annotations

import mmap
from collections.abc import Callable

from bearwitness.media.model import Picture

from ..looking import Looker
from ..plan import Plan
from ..stills import Stills, on_page
from . import pixels, structure_stills, traces
from .hits import Hit, Report
from .matching import MatchCheck
from .page_texts import PageCheck
from .people import People

_SIZES = "page sizes"
_ROUNDING = 1


def attack_stills(
    original: Stills,
    finished: Stills,
    plan: Plan,
    kind: str,
    looker: Looker,
    progress: Callable[[int], None] = lambda done: None,
    texts: PageCheck | None = None,
    matcher: MatchCheck | None = None,
) -> Report:
    """Return what is found in `finished`, which was made of `original` by `plan`; raise as decoding does.

    Without `texts` none are looked for, and the report says so; without `matcher` no face is compared.
    """
    report = Report()
    descriptor = finished.source.descriptor
    if descriptor is None:
        raise ValueError("the finished file is attacked as a file")
    with mmap.mmap(descriptor, 0, prot=mmap.PROT_READ) as mapped, memoryview(mapped) as data:
        report.add(structure_stills.CHECK, *structure_stills.check(data, kind, len(plan.times)))
        report.add(traces.CHECK, *traces.check(data, ()))
    people = People(plan, list(range(1, len(plan.times))), single=True)
    seen = 0
    hidden, windows = plan.hidden(), plan.windows()
    for frame, detected in looker.look(finished.frames(upright=True)):
        number = frame.pts
        before = original.pages[number] if number < len(original.pages) else None
        if before is None or not _same_size(before, frame.picture):
            report.hits.append(Hit(_SIZES, f"page {number + 1} has another size than the original's", number))
            continue
        brightest = pixels.brightest(frame.picture)
        regions = [box for one in hidden.get(number, []) if (box := on_page(one, frame.picture)) is not None]
        if plan.inverted:
            bad = [Hit(pixels.CHECK, f"page {number + 1} shows something outside the regions", number)]
            outside = pixels.not_flat_outside(brightest, windows.get(number, []))
            report.add(pixels.CHECK, 1, bad if outside else [])
        bad = [
            pixels.hit(number, number, b, "is not filled")
            for b in regions
            if pixels.not_flat(brightest, b, 0)
        ]
        report.add(pixels.CHECK, len(regions), bad)
        detections = people.take(number, brightest, detected)
        seen += 1
        if texts is not None:
            texts.take(number, frame.picture, brightest)
        if matcher is not None:
            matcher.take(number, frame.picture, brightest, detections)
        progress(1)
    people.judge(report, looker)
    report.add(_SIZES, seen, [])
    if texts is not None:
        texts.judge(report)
    else:
        report.warnings.append("texts were not looked for on the finished pages")
    if matcher is not None:
        matcher.judge(original, report)
    return report


def _same_size(before: Picture, now: Picture) -> bool:
    """Say whether a page kept its size; a document's sizes are in points, which rounds."""
    return all(abs(a - b) <= _ROUNDING for a, b in zip(before.shape, now.shape, strict=True))
