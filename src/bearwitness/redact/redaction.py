"""The door to redaction: look, plan, carry out, attack, hand over. One file of footage after another.

with Workshop() as workshop:
    footage, source = workshop.open(path)
    plan = workshop.plan(footage, source)
    done = workshop.redact(footage, plan, out)          # refuses, with hits, or writes `out`
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from bearwitness.errors import RefusedError
from bearwitness.inference.faceprints import LANDMARKS, NETWORK, Faceprints
from bearwitness.inference.models import WHISPER, ModelError
from bearwitness.inference.speech import Transcripts
from bearwitness.inference.worker import InferenceWorker
from bearwitness.media.source import Source as Bytes
from bearwitness.media.source import regular_file
from bearwitness.sandbox.client import Sandbox
from bearwitness.signals.speech import Said

from . import ends, operations
from .attack.attacking import attack
from .attack.attacking_stills import attack_stills
from .attack.bodies import hides_bodies
from .attack.hits import Hit, Report
from .attack.matching import MatchCheck
from .attack.overlays import OverlayCheck, of_original
from .attack.page_texts import PageCheck, of_pages
from .attack.speech import Hear
from .changing import Changer, utterances
from .copying import TASKS
from .eyes import AttackEyes, Eyes, Setting
from .footage import Footage
from .overlays import Finder, OverlayFinder, with_doubts, with_overlays
from .page_texts import PageFinder
from .plan import BY_ATTACK, Plan, Source, Track, Utterance, require_for, source_of
from .planning import look_at_all, make_plan
from .rendering import Rendered, render
from .shown import Shown
from .sound import Sounds, make_sounds
from .stills import Stills, covered_pages
from .stills import write as write_pages
from .voices import CUTTING, NARROW, Listener, change_speech, mute_speech
from .words import written
from .writing import STILLS, VIDEO, codec_for, container_of, hand_over, in_memory, without_name, write_footage

Progress = Callable[[str, int, int], None]
"""What is being done, how many frames of it are done, of how many."""

_PIECE: Final = 1 << 20


class AttackedError(RefusedError):
    """The attack found something; `report` says what, `plan` is what was carried out."""

    def __init__(self, report: Report, plan: Plan, name: str) -> None:
        count = len(report.hits)
        super().__init__(
            f"{name} was not handed over: the attack on the finished file found {count} thing(s) that must "
            f"not be in it, the first: {report.hits[0].check}: {report.hits[0].says}",
            "see them with --sheet, then run again with --add-hits, which adds them to the plan, or edit it",
        )
        self.report, self.plan = report, plan


@dataclass(frozen=True, slots=True)
class Done:
    """A derivative that was handed over, or entered in a vault (`out` is None), and what was checked."""

    out: Path | None
    sha256: str
    plan: Plan
    rendered: Rendered | None
    sounds: Sounds
    report: Report


@dataclass(frozen=True, slots=True)
class Finished:
    """A derivative that was attacked and let through; `descriptor` is its file, which has no name yet."""

    descriptor: int
    sha256: str
    plan: Plan
    rendered: Rendered | None
    sounds: Sounds
    report: Report


class Workshop:
    """Holds the sandbox and the detectors while files are redacted. For one thread."""

    def __init__(self, *, accept_weak: bool = False, setting: Setting | None = None) -> None:
        self._accept_weak = accept_weak
        self._sandbox = Sandbox(TASKS, accept_weak=accept_weak)
        self._setting = setting or Setting()
        self._eyes = Eyes(self._setting, accept_weak=accept_weak)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._eyes.close()
        self._sandbox.close()

    @contextlib.contextmanager
    def open(self, path: Path) -> Iterator[tuple[Footage, Source]]:
        """Give the footage of a file and which file it is; raise SourceError."""
        with _opened(path) as (descriptor, source):
            yield self.footage(descriptor, path.name), source

    @contextlib.contextmanager
    def open_stills(self, path: Path) -> Iterator[tuple[Stills, Source]]:
        """Give the pages of a picture or document and which file it is; raise SourceError."""
        with _opened(path) as (descriptor, source):
            yield self.stills(descriptor, path.name), source

    def footage(self, descriptor: int, name: str) -> Footage:
        """Return the footage of an open file."""
        return Footage(self._sandbox, Bytes.of_file(descriptor, name))

    def of_item(self, item: Bytes, *, stills: bool) -> Footage | Stills:
        """Return the footage, or the pages, of something that gives its bytes by ranges."""
        return Stills(self._sandbox, item) if stills else Footage(self._sandbox, item)

    def stills(self, descriptor: int, name: str) -> Stills:
        """Return the pages of an open picture or document."""
        return Stills(self._sandbox, Bytes.of_file(descriptor, name))

    def plan(self, footage: Footage | Stills, source: Source, progress: Progress) -> Plan:
        """Look at every frame and return the plan that hides every face; raise RefusedError."""
        self._sandbox.prepare()
        self._eyes.prepare()
        looker = self._eyes.looker(footage.picture)
        total, done = footage.video.frames if isinstance(footage, Footage) else len(footage.pages), 0

        def count(frames: int) -> None:
            nonlocal done
            done += frames
            progress("looking", done, total)

        if not self._setting.overlays:
            return make_plan(source, footage, looker, look_at_all(footage, looker, count))
        texts, picture, looked = self._eyes.texts, footage.picture, "sampled frames"
        finder: Finder = OverlayFinder(texts, picture.width, picture.height)
        if isinstance(footage, Stills):
            finder, looked = PageFinder(texts), "every page"
        seen = look_at_all(footage, looker, count, finder)
        plan = with_doubts(make_plan(source, footage, looker, seen), seen.unread)
        return with_overlays(plan, seen.overlays, cover=True, looked=looked)

    def mute_speech(self, footage: Footage, plan: Plan) -> Plan:
        """Return the plan that mutes wherever somebody speaks; raises as :class:`.voices.Listener` does."""
        with self._listener() as listener:
            return mute_speech(plan, listener.speech(footage))

    def whisper_speech(self, footage: Footage, plan: Plan, *, mute_rest: bool = False) -> Plan:
        """Return the plan that makes all speech a whisper; raises as :class:`.voices.Listener` does."""
        with self._listener() as listener:
            speech, turns = listener.speech(footage), listener.speech(footage, CUTTING)
        return change_speech(plan, speech, utterances(speech, turns), mute_rest=mute_rest)

    def speak_words(
        self, footage: Footage, plan: Plan, words: Sequence[Utterance], *, mute_rest: bool = False
    ) -> Plan:
        """Return the plan that mutes all speech and has these words spoken; raises as `mute_speech`."""
        with self._listener() as listener:
            return change_speech(plan, listener.speech(footage), words, mute_rest=mute_rest)

    def write_down(self, footage: Footage) -> list[tuple[str, Said]]:
        """Return what is said in the footage's first track, with its language; times are its clock's."""
        with self._listener() as listener:
            turns = listener.speech(footage, CUTTING)
        worker = InferenceWorker(WHISPER, accept_weak=self._accept_weak)
        try:
            return written(footage, turns, Transcripts(worker))
        finally:
            worker.close()

    def redact(
        self, footage: Footage | Stills, source: Source, plan: Plan, out: Path, progress: Progress
    ) -> Done:
        """Carry out `plan`, attack the result and write it to `out`.

        Raises AttackedError with what was found, and RefusedError; then nothing is at `out`.
        """
        if out.exists():
            raise RefusedError(f"{out} exists already and is not overwritten", "choose another name")
        made_at = self.make(footage, source, plan, container_of(out), out.name, progress, out.parent)
        with made_at as made:
            hand_over(made.descriptor, out)
        return Done(out, made.sha256, plan, made.rendered, made.sounds, made.report)

    @contextlib.contextmanager
    def make(
        self,
        footage: Footage | Stills,
        source: Source,
        plan: Plan,
        container: str,
        name: str,
        progress: Progress,
        beside: Path | None = None,
        mark: bytes | None = None,
    ) -> Iterator[Finished]:
        """Give the finished file, attacked without a hit; raises as :meth:`redact`.

        `mark` is the key of the mark that a plan with one asks for.
        It is in memory, unless it is large and may lie `beside` its destination: see :mod:`.writing`.
        """
        require_for(plan, source, footage.name)
        _require_whole(plan, footage)
        _require_mark(plan, footage, mark)
        if plan.ends is not None and not isinstance(footage, Footage):
            raise RefusedError("frames can be left out at the ends of footage, not of pictures and documents")
        rendered, sounds = None, Sounds((), ())
        with contextlib.ExitStack() as stack:
            eyes = stack.enter_context(self._fresh_eyes(plan))
            if isinstance(footage, Stills):
                sounds = Sounds((), tuple(f"{what} left out" for what in footage.left_out))
                descriptor = stack.enter_context(in_memory("derivative"))
                report = self._make_stills(footage, plan, descriptor, container, eyes, progress)
            elif container not in VIDEO.values():
                raise RefusedError(f"{footage.name} is footage; {name} would be a picture")
            else:
                part, shown = ends.part_of(footage, plan)
                counted = _counting(progress, "covering", shown)
                rendered = render(part, shown, codec_for(container), counted, mark)
                with self._changer() as changer:
                    sounds = make_sounds(part, shown, container, changer.change)
                descriptor = stack.enter_context(without_name(rendered.size, beside))
                write_footage(descriptor, container, rendered.track, sounds.tracks)
                rendered = rendered.without_bytes()
                part.forget_packets()
                count = len(sounds.tracks)
                report = self._attack(part, shown, descriptor, container, count, eyes, progress)
                report = ends.whole_again(report, plan)
            if report.hits:
                raise AttackedError(report, plan, name)
            digest = source_of(_pieces(descriptor)).sha256
            yield Finished(descriptor, digest, plan, rendered, sounds, report)

    @contextlib.contextmanager
    def _fresh_eyes(self, plan: Plan) -> Iterator[AttackEyes]:
        """Give what one attack looks with; it loads while the file is finished. See :mod:`.eyes`."""
        eyes = AttackEyes(self._setting, bodies=hides_bodies(plan), accept_weak=self._accept_weak)
        with contextlib.closing(eyes):
            eyes.prepare()
            yield eyes

    def _make_stills(
        self, stills: Stills, plan: Plan, descriptor: int, kind: str, eyes: AttackEyes, progress: Progress
    ) -> Report:
        if kind not in STILLS.values():
            raise RefusedError(f"{stills.name} is a picture or document; footage can not be made of it")
        data = write_pages(covered_pages(stills, plan), kind)
        with os.fdopen(os.dup(descriptor), "wb") as sink:
            sink.write(data)
        finished = self.stills(descriptor, "the finished file")
        count, check = _counting(progress, "attacking", plan), None
        if self._setting.overlays:
            check = PageCheck(plan, eyes.texts, of_pages(stills, plan, self._eyes.texts))
        with self._matcher(plan) as matcher:
            looker = eyes.looker(stills.picture)
            return attack_stills(stills, finished, plan, kind, looker, count, check, matcher)

    def _attack(
        self,
        footage: Footage,
        plan: Plan,
        descriptor: int,
        container: str,
        sounds: int,
        eyes: AttackEyes,
        progress: Progress,
    ) -> Report:
        """Attack the finished file at `descriptor`; see :mod:`.attack`."""
        finished = self.footage(descriptor, "the finished file")
        looker = eyes.looker(footage.picture)
        count = _counting(progress, "attacking", plan)
        overlays = self._overlay_check(footage, plan, eyes) if self._setting.overlays else None
        with self._listener() as ears, self._matcher(plan) as matcher, self._changer() as changer:
            hear: Hear = partial(ears.of_track, how=NARROW)
            return attack(
                footage,
                finished,
                plan,
                container,
                sounds,
                looker,
                count,
                hear,
                overlays,
                matcher,
                changer.voice,
            )

    def _overlay_check(self, footage: Footage, plan: Plan, eyes: AttackEyes) -> OverlayCheck:
        """Return what looks for texts in the finished file; the original's are shown to the plan's worker."""
        return OverlayCheck(plan, eyes.texts, of_original(footage, plan, self._eyes.texts))

    @contextlib.contextmanager
    def _matcher(self, plan: Plan) -> Iterator[MatchCheck | None]:
        """Give what compares faces with the original's, None where it is not installed."""
        try:
            worker = InferenceWorker((LANDMARKS, NETWORK), threads=1, accept_weak=self._accept_weak)
        except ModelError:
            yield None
            return
        try:
            yield MatchCheck(plan, Faceprints(worker), accepted=plan.fill == self._setting.accept_reversible)
        finally:
            worker.close()

    def _changer(self) -> contextlib.closing[Changer]:
        """Give what changes and compares voices; its worker starts once one is to be."""
        return contextlib.closing(Changer(accept_weak=self._accept_weak))

    def _listener(self) -> contextlib.closing[Listener]:
        """Give what hears speech; its worker starts once something is to be heard."""
        return contextlib.closing(Listener(accept_weak=self._accept_weak))


def with_hits(plan: Plan, hits: list[Hit]) -> Plan:
    """Return the plan that also hides what the attack found in frames, and mutes what it heard."""
    for hit in hits:
        boxes = {time: box for time, box in hit.boxes.items() if time in set(plan.times)}
        if boxes:
            plan = plan.with_track(Track(plan.next_number(), "box", hide=True, by=BY_ATTACK, boxes=boxes))
    return operations.mute(plan, heard) if (heard := [hit.mute for hit in hits if hit.mute]) else plan


def _require_whole(plan: Plan, footage: Shown) -> None:
    """Raise RefusedError unless detectors saw the pictures this plan speaks of, in this shape."""
    if not plan.detectors or not plan.times:
        raise RefusedError(
            "the plan names no detector that looked at the frames, so nobody knows what they show",
            "make the plan with: bearwitness redact FILE --plan-only",
        )
    if plan.inverted and not plan.windows():
        raise RefusedError(
            "the plan hides everything but the boxes of people, and has none", "add one with --add-box"
        )
    if plan.picture != footage.picture:
        raise RefusedError(
            f"the plan is for pictures of another size or time base than those of {footage.name}"
        )


def _require_mark(plan: Plan, footage: Shown, mark: bytes | None) -> None:
    """Raise RefusedError unless a mark is at hand exactly where the plan asks for one, and can be put in."""
    if bool(plan.mark) != (mark is not None):
        raise RefusedError(
            "the plan puts a mark for one recipient into every picture"
            if mark is None
            else "there is a mark for one recipient, and the plan puts none into the pictures",
            "say for whom: bearwitness redact ITEM --vault … --mark-for age1…",
        )
    if mark is not None and not isinstance(footage, Footage):
        raise RefusedError("a mark can be put into footage, not into pictures and documents")


@contextlib.contextmanager
def _opened(path: Path) -> Iterator[tuple[int, Source]]:
    """Give a descriptor for reading, and which file it is by its bytes; wait for no pipe."""
    with regular_file(path, "give one file of footage, a picture or a PDF") as descriptor:
        yield descriptor, source_of(_pieces(descriptor))


def _counting(progress: Progress, what: str, plan: Plan) -> Callable[[int], None]:
    done = 0

    def count(frames: int) -> None:
        nonlocal done
        done += frames
        progress(what, done, len(plan.times))

    return count


def _pieces(descriptor: int) -> Iterator[bytes]:
    at = 0
    while piece := os.pread(descriptor, _PIECE, at):
        yield piece
        at += len(piece)
