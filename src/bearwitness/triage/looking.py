"""Looks at one item with several analysers: what they want of it is decoded once and handed round.

Frames come from at most two passes over the stream (all frames, key frames), at the largest size anybody
wants, and are made smaller here for who wants less. Of long footage there is the pass over key frames alone,
which decodes one frame in hundreds, unless somebody is thorough. Pictures and sound are decoded side by
side, and who asks networks works beside the decoding (lanes.py). Whatever an analyser raises is its own
failure; what the decoder's child does is the failure of all who wanted the stream.
"""

from __future__ import annotations

import traceback
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from functools import partial
from pathlib import Path
from typing import Final

import numpy as np
from PIL import Image

from bearwitness import media
from bearwitness.errors import BearwitnessError, ChildFailedError, SandboxError
from bearwitness.media.frames import frames
from bearwitness.media.model import BGR24, GRAY8, Frame, Picture, Sound
from bearwitness.media.sound import sound
from bearwitness.media.spacing import Spacing
from bearwitness.media.stills import still
from bearwitness.vault.derivatives import FAILED, NOTHING

from .allowance import Allowance
from .analyser import IMAGE, SOUND, VIDEO, Analyser, Analysis, Frames, Material, Samples, Still
from .lanes import Lane, Lanes

_SPARSE_STEP: Final = Fraction(1)  # seconds between key frames: some files have nothing else
_LUMA = (np.uint16(29), np.uint16(150), np.uint16(77))  # of blue, green, red, in 256ths (ITU-R BT.601)


@dataclass(frozen=True)
class Looked:
    """What came of one job: outcome, files, or the reason of a failure.

    `again`: a stricter try may help; `blameless`: not the file failed but the sandbox, so any try may.
    """

    job: str
    outcome: str
    reason: str = ""
    files: Mapping[str, bytes] = field(default_factory=dict, repr=False)
    again: bool = False
    blameless: bool = False


@dataclass
class _Taker:
    """One analysis, what it wants of a pass, how far apart, and the lane it works in if it has one."""

    job: str
    analyser: Analyser
    analysis: Analysis
    sparse: bool  # it is given key frames, whatever it wants: the footage is long
    lane: Lane | None
    failure: BearwitnessError | None = None
    spacing: dict[int, Spacing] = field(default_factory=dict)  # by position of the want
    allowed: dict[int, Allowance] = field(default_factory=dict)

    @property
    def listens(self) -> bool:
        """Whether it wants sound."""
        return bool(_samples(self))

    def work(self, step: Callable[[Analysis], None]) -> None:
        """Have the analysis take a step, after those before, unless one of them failed."""
        if self.lane is None:
            self._step(step)
        else:
            self.lane.put(partial(self._step, step))

    def _step(self, step: Callable[[Analysis], None]) -> None:
        if self.failure is not None:
            return
        try:
            step(self.analysis)
        except Exception as error:  # noqa: BLE001 - whatever an analyser raises is its own failure
            self.failure = _sentence(error)

    def wait(self) -> None:
        """Wait until all steps are taken."""
        if self.lane is not None:
            self.lane.wait()

    def fail(self, error: BearwitnessError) -> None:
        """Note a failure that is not its own, unless it failed before."""
        self.wait()
        self.failure = self.failure or error


def look(material: Material, wanted: Sequence[tuple[str, Analyser]]) -> list[Looked]:
    """Return what each (job, analyser) says of `material`."""
    with Lanes() as lanes:
        takers, done = _begun(material, wanted, lanes)
        see, hear = partial(_see, material, takers), partial(_hear, material, takers)
        if material.kind == VIDEO and not any(taker.listens and _looks(taker) for taker in takers):
            beside = lanes.new()
            beside.put(hear)
            see()
            beside.wait()
        else:
            see()
            hear()
        for taker in takers:
            taker.wait()
        return done + [_finish(taker) for taker in takers]


def _begun(
    material: Material, wanted: Sequence[tuple[str, Analyser]], lanes: Lanes
) -> tuple[list[_Taker], list[Looked]]:
    """Return who looks at the material, and what is said already of those who do not."""
    takers, done = [], []
    for job, analyser in wanted:
        if material.kind not in analyser.kinds:
            done.append(Looked(job, NOTHING))
            continue
        try:
            analysis = analyser.begin(material)
            frames_wanted = material.kind == VIDEO and any(isinstance(w, Frames) for w in analyser.wants)
            sparse = frames_wanted and analyser.key_frames_only(material)
            lane = lanes.new() if analyser.networks else None
            takers.append(_Taker(job, analyser, analysis, sparse, lane))
        except Exception as error:  # noqa: BLE001 - whatever an analyser raises is its own failure
            done.append(_failed(job, _sentence(error)))
    return takers, done


def _see(material: Material, takers: Sequence[_Taker]) -> None:
    """Hand round all pictures; then who wants no sound settles."""
    if material.kind == VIDEO:
        for key_only in (True, False):
            _pass(material, takers, key_only=key_only)
    if material.kind == IMAGE:
        _still_pass(material, takers)
    for taker in takers:
        if not taker.listens:
            taker.work(_settle)


def _hear(material: Material, takers: Sequence[_Taker]) -> None:
    """Hand round all sound; then who wants it settles."""
    if material.kind in (VIDEO, SOUND):
        for rate in sorted({want.rate for taker in takers for want in _samples(taker)}):
            _sound_pass(material, takers, rate)
    for taker in takers:
        if taker.listens:
            taker.work(_settle)


def _looks(taker: _Taker) -> bool:
    return any(isinstance(want, Frames) for want in taker.analyser.wants)


def _failed(job: str, error: BearwitnessError) -> Looked:
    again = isinstance(error, SandboxError)
    blameless = again and not isinstance(error, ChildFailedError)
    return Looked(job, FAILED, error.message, again=again, blameless=blameless)


def _finish(taker: _Taker) -> Looked:
    if taker.failure is not None:
        return _failed(taker.job, taker.failure)
    try:
        result = taker.analysis.finish()
        return Looked(taker.job, result.outcome, files=result.encode())
    except Exception as error:  # noqa: BLE001 - whatever an analyser raises is its own failure
        return _failed(taker.job, _sentence(error))


def _sentence(error: Exception) -> BearwitnessError:
    """Return what an analyser raised as an error of ours."""
    if isinstance(error, BearwitnessError):
        return error
    if isinstance(error, ModuleNotFoundError):
        return BearwitnessError(f"this needs the package {error.name}, which is not installed")
    last = traceback.extract_tb(error.__traceback__)[-1]
    where = f"{Path(last.filename).name}:{last.lineno}"
    return BearwitnessError(f"a defect of the analyser: {type(error).__name__}: {error} ({where})")


def _samples(taker: _Taker) -> list[Samples]:
    return [want for want in taker.analyser.wants if isinstance(want, Samples)]


def _sound_pass(material: Material, takers: Sequence[_Taker], rate: int) -> None:
    """Decode the first sound stream for all who want it at this rate; a video without sound gives nothing."""
    takers = [t for t in takers if t.failure is None and any(want.rate == rate for want in _samples(t))]
    if not takers:
        return
    try:
        stream = material.probe().first("audio")
        if stream is None:
            return
        blocks = sound(
            material.sandbox(media.TASKS), material.source,
            stream=stream.index, rate=rate, troubles=material.troubles, plan=material.plan,
        )  # fmt: skip
        for block in blocks:
            for taker in takers:
                if taker.failure is None:
                    taker.work(partial(_feed_sound, block=block))
    except BearwitnessError as error:
        for taker in takers:
            taker.fail(error)


def _still_pass(material: Material, takers: Sequence[_Taker]) -> None:
    """Decode the picture of an image file once, at the largest size that is wanted."""
    wishes = [(t, want) for t in takers for want in t.analyser.wants if isinstance(want, Still)]
    if not wishes:
        return
    sides = [want.max_side for _, want in wishes]
    try:
        made = still(
            material.sandbox(media.TASKS), material.source, max_side=0 if 0 in sides else max(sides),
            upright=True, plan=material.plan,
        )  # fmt: skip
    except BearwitnessError as error:
        for taker, _ in wishes:
            taker.fail(error)
        return
    picture = Frame(
        index=0, pts=0, time=Fraction(0), key=True, rotation=0,
        native_width=made.native_width, native_height=made.native_height, picture=made.picture,
    )  # fmt: skip
    for taker, want in wishes:
        if taker.failure is None:
            taker.work(partial(_feed, frame=_as_wanted(picture, want)))


def _wishes(taker: _Taker, *, key_only: bool) -> list[tuple[int, Frames]]:
    return [
        (number, want)
        for number, want in enumerate(taker.analyser.wants)
        if isinstance(want, Frames) and (want.key_only or taker.sparse) == key_only
    ]


def _step(taker: _Taker, want: Frames) -> Fraction | None:
    """Return how much time there is between two pictures at least."""
    return max(want.every or _SPARSE_STEP, _SPARSE_STEP) if taker.sparse else want.every


def _pass(material: Material, takers: Sequence[_Taker], *, key_only: bool) -> None:
    """Decode once for all who want such frames."""
    takers = [taker for taker in takers if taker.failure is None and _wishes(taker, key_only=key_only)]
    pairs = [(taker, want) for taker in takers for _, want in _wishes(taker, key_only=key_only)]
    if not pairs:
        return
    wishes = [want for _, want in pairs]
    sides = [want.max_side for want in wishes]
    steps = [_step(taker, want) for taker, want in pairs]
    try:
        stream = material.probe().first("video")
        if stream is None:
            return  # a video file with sound alone
        for frame in frames(
            material.sandbox(media.TASKS),
            material.source,
            stream=stream.index,
            troubles=material.troubles,
            max_side=0 if 0 in sides else max(sides),
            pixel=BGR24 if any(want.pixel == BGR24 for want in wishes) else GRAY8,
            key_only=key_only,
            every=None if None in steps else min(step for step in steps if step is not None),
            saved=max(_saved(*pair) for pair in pairs),
            upright=True,
            plan=material.plan,
        ):
            _hand_round(frame, takers, key_only=key_only)
            if all(taker.failure for taker in takers):
                return
    except BearwitnessError as error:
        for taker in takers:
            taker.fail(error)


def _hand_round(frame: Frame, takers: Iterable[_Taker], *, key_only: bool) -> None:
    made: dict[tuple[int, str], Frame] = {}
    for taker in takers:
        for number, want in _wishes(taker, key_only=key_only):
            spacing = _spacing(taker, number, want)
            if taker.failure is not None or (spacing is not None and not spacing.is_due(frame.time)):
                continue
            if not _is_allowed(taker, number, want, frame.time):
                continue
            if spacing is not None:
                spacing.count(frame.time)
            key = (want.max_side, want.pixel)
            if key not in made:
                made[key] = _as_wanted(frame, want)
            taker.work(partial(_feed, frame=made[key]))


def _saved(taker: _Taker, want: Frames) -> int:
    return want.saved if taker.sparse else 0


def _spacing(taker: _Taker, number: int, want: Frames) -> Spacing | None:
    """Return what says which pictures come late enough, as the decoder says it; None for all of them."""
    step = _step(taker, want)
    return None if step is None else taker.spacing.setdefault(number, Spacing(step, _saved(taker, want)))


def _is_allowed(taker: _Taker, number: int, want: Frames, time: Fraction) -> bool:
    """Say whether a picture of long footage is one of the few that are wanted."""
    if not taker.sparse or want.seldom is None:
        return True
    return taker.allowed.setdefault(number, Allowance(want.seldom)).takes(time)


def _feed(analysis: Analysis, frame: Frame) -> None:
    analysis.frame(frame)


def _feed_sound(analysis: Analysis, block: Sound) -> None:
    analysis.sound(block)


def _settle(analysis: Analysis) -> None:
    analysis.settle()


def _as_wanted(frame: Frame, want: Frames | Still) -> Frame:
    """Return the frame in the size and with the channels that were wanted."""
    picture = frame.picture
    if want.pixel == GRAY8 and picture.ndim == 3:
        picture = _luma(picture)
    picture = shrink(picture, want.max_side)
    if picture is frame.picture:
        return frame
    return Frame(
        frame.index, frame.pts, frame.time, frame.key, frame.rotation,
        frame.native_width, frame.native_height, picture,
    )  # fmt: skip


def _luma(picture: Picture) -> Picture:
    """Return a picture of blue, green and red as grey."""
    blue, green, red = (picture[:, :, number] * weight for number, weight in enumerate(_LUMA))
    blue += green
    blue += red
    return np.asarray(blue >> 8, dtype=np.uint8)


def shrink(picture: Picture, max_side: int) -> Picture:
    """Return the picture with no side longer than `max_side` (0: as it is); pixels are means of areas."""
    height, width = picture.shape[:2]
    longest = max(height, width)
    if not max_side or longest <= max_side:
        return picture
    size = (max(1, round(width * max_side / longest)), max(1, round(height * max_side / longest)))
    return np.asarray(Image.fromarray(np.ascontiguousarray(picture)).resize(size, Image.Resampling.BOX))
