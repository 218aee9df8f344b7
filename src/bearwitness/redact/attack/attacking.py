"""The whole attack on one finished file of footage."""

from __future__ import annotations

import itertools
import mmap
from collections.abc import Callable, Iterator, Sequence
from fractions import Fraction
from typing import Final

from bearwitness.media.model import Frame

from ..covering import GROW
from ..cuts import Cuts
from ..footage import Footage
from ..geometry import Box, grown
from ..looking import Looker
from ..plan import Plan
from . import changed, pixels, silence, speech, structure_matroska, structure_mp4, traces
from .hits import Hit, Report
from .matching import MISSING, MatchCheck
from .overlays import OverlayCheck
from .people import People

Progress = Callable[[int], None]
_MILLISECOND: Final = Fraction(1, 1000)
_LATE_MAX: Final = 50
_STREAMS: Final = "streams"
_TIMES: Final = "frame times"
# What a demuxer makes up of the container's own fields.
_OWN_TAGS: Final = frozenset(
    {"major_brand", "minor_version", "compatible_brands", "encoder", "language", "vendor_id"}
)


def attack(
    original: Footage,
    finished: Footage,
    plan: Plan,
    container: str,
    sounds: int,
    looker: Looker,
    progress: Progress = lambda done: None,
    hear: speech.Hear | None = None,
    overlays: OverlayCheck | None = None,
    matcher: MatchCheck | None = None,
    voice: changed.Voice | None = None,
) -> Report:
    """Return what is found in `finished`, which was made of `original` by `plan`.

    `sounds` is how many sound tracks were asked for; `hear` is needed where a plan mutes ranges, `voice`
    where it changes voices. Without `overlays` no burned-in text is looked for, without `matcher` no face is
    compared, and the report says so. Raises RefusedError where the finished file does not decode whole; a
    check that can not run raises, it is never left out.
    """
    report = Report()
    descriptor = finished.source.descriptor
    if descriptor is None:
        raise ValueError("the finished file is attacked as a file")
    with mmap.mmap(descriptor, 0, prot=mmap.PROT_READ) as mapped, memoryview(mapped) as data:
        structure = structure_mp4 if container in ("mp4", "mov") else structure_matroska
        report.add(structure.CHECK, *structure.check(data, sounds))
        report.add(traces.CHECK, *traces.check(data, original.tags()))
    report.add(_STREAMS, len(finished.facts.streams), list(_streams(finished, sounds)))
    _frames(original, finished, plan, looker, report, progress, overlays, matcher)
    if overlays is not None:
        overlays.judge(report)
    if plan.voices == "ranges":
        for stream in finished.sounds:
            heard = finished.sound(stream.index)
            report.add(silence.CHECK, *silence.check(heard, plan.muted, f"sound track {stream.index}"))
        if hear is None:
            raise ValueError("nobody listens for speech outside of what was muted")
        listened, hits, warnings = speech.check(finished, plan, hear)
        report.add(speech.CHECK, listened, hits)
        report.warnings += warnings
    if plan.changed:
        if voice is None:
            raise ValueError("nobody listens whether the changed voices are still the original's")
        report.add(changed.CHECK, *changed.check(original, finished, plan, voice))
    if matcher is not None:
        matcher.judge(original, report)
    elif plan.fill != "solid":
        report.warnings.append(MISSING)
    if overlays is None:
        report.warnings.append("burned-in texts were not looked for in the finished file")
    return report


def _streams(finished: Footage, sounds: int) -> Iterator[Hit]:
    kinds = [stream.kind for stream in finished.facts.streams]
    if kinds != ["video"] + ["audio"] * sounds:
        yield Hit(_STREAMS, f"a demuxer sees the streams {', '.join(kinds)} in it")
    tags = [*finished.facts.metadata, *(tag for s in finished.facts.streams for tag in s.metadata)]
    for name, value in tags:
        if name not in _OWN_TAGS or (name == "encoder" and value != "-"):
            yield Hit(_STREAMS, f"a tag {name!r} stands in it")
    if finished.facts.chapters:
        yield Hit(_STREAMS, "it has chapters")


def _frames(
    original: Footage,
    finished: Footage,
    plan: Plan,
    looker: Looker,
    report: Report,
    progress: Progress,
    overlays: OverlayCheck | None,
    matcher: MatchCheck | None,
) -> None:
    """Look at every frame: its time, its covered regions, the faces in it, some for texts."""
    cuts = Cuts()
    people = People(plan, cuts.found)
    hidden, windows = plan.hidden(), plan.windows()
    beside = _originals(original, plan)
    found: list[Hit] = []
    late: list[Hit] = []
    covered = count = alike = 0
    expected = iter(plan.times)
    for frame, detected in looker.look(finished.frames(upright=True)):
        time = next(expected, None)
        if time is None or abs(frame.time - time * plan.picture.time_base) > _MILLISECOND:
            late.append(
                Hit(_TIMES, f"a frame is shown at {float(frame.time):.3f} s where the original has none")
            )
            if time is None or len(late) > _LATE_MAX:
                break
        before = next(beside)
        regions = hidden.get(time, [])
        bright = pixels.brightest(frame.picture)
        found += _regions(frame, bright, before, plan, time, regions, windows.get(time, []))
        covered += len(regions)
        if before is not None:
            pair = before.picture[:, :, 1], frame.picture[:, :, 1]
            alike += sum(pixels.leaks_coarse(pixels.coarse_likeness(*pair, box)) for box in regions)
        shots = len(cuts.found)
        cuts.take(frame.picture)
        if overlays is not None:
            overlays.take(time, frame.picture, bright, cut=len(cuts.found) > shots)
        detections = people.take(time, bright, detected)
        if matcher is not None:
            matcher.take(time, frame.picture, bright, detections)
        count += 1
        progress(1)
    if (rest := len(plan.times) - count) and not late:
        late.append(Hit(_TIMES, f"{rest} frames of the original are missing"))
    report.add(_TIMES, count, late)
    report.add(pixels.CHECK, covered, found)
    if plan.fill != "solid":
        _warn_of_likeness(report, plan.fill, alike, covered)
    people.judge(report, looker)


def _originals(original: Footage, plan: Plan) -> Iterator[Frame | None]:
    """Yield the original's frames beside the finished ones; None under a solid fill, which needs none."""
    if plan.fill == "solid":
        return itertools.repeat(None)
    return itertools.chain(original.frames(upright=True), itertools.repeat(None))


def _regions(
    frame: Frame,
    bright: pixels.Luma,
    before: Frame | None,
    plan: Plan,
    time: int,
    regions: Sequence[Box],
    windows: Sequence[Box],
) -> Iterator[Hit]:
    seconds = plan.seconds(time)
    if plan.inverted and pixels.not_flat_outside(bright, windows):
        yield Hit(pixels.CHECK, f"at {seconds:.3f} s something outside the regions is not filled", time)
    if before is None:
        for box in regions:
            if pixels.not_flat(bright, box, 0):
                yield pixels.hit(time, seconds, box, "is not filled")
        return
    for box in regions:
        face = grown(box, 1 / GROW)
        fine = pixels.fine_likeness(before.picture[:, :, 1], frame.picture[:, :, 1], face)
        if pixels.leaks_fine(fine):
            yield pixels.hit(time, seconds, box, f"still has the original's edges in {fine:.0%} of it")


def _warn_of_likeness(report: Report, fill: str, alike: int, regions: int) -> None:
    """Say what a mosaic or blur keeps: it is let through by choice, and never as if it were safe."""
    report.warnings.append(
        f"{fill} is not safe, faces under it have been recognised by machines: in {alike} of {regions} "
        "regions light and dark still lie as on the original"
    )
