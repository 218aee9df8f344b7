"""The door to redaction: look, plan, carry out, attack, hand over. One file of footage after another.

with Workshop() as workshop:
    footage, source = workshop.open(path)
    plan = workshop.plan(footage, source)
    done = workshop.redact(footage, plan, out)          # refuses, with hits, or writes `out`
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from bearwitness.errors import RefusedError
from bearwitness.inference.models import WHISPER
from bearwitness.inference.speech import Transcripts
from bearwitness.inference.worker import InferenceWorker
from bearwitness.media.source import Source as Bytes
from bearwitness.media.source import regular_file
from bearwitness.sandbox.client import Sandbox
from bearwitness.signals.speech import Said

from . import ends
from .attacker import Attacker, Progress, counting
from .changing import Changer, utterances
from .copying import TASKS
from .demands import require_mark, require_whole
from .eyes import Eyes, Setting
from .footage import Footage
from .outcome import AttackedError, Done, Finished
from .overlays import Finder, OverlayFinder, with_doubts, with_overlays
from .page_texts import PageFinder
from .plan import Plan, Source, Utterance, require_for, source_of
from .planning import look_at_all, make_plan
from .rendering import render
from .sound import Sounds, make_sounds
from .stills import Stills, covered_pages
from .stills import write as write_pages
from .voices import CUTTING, Listener, change_speech, mute_speech
from .words import written
from .writing import STILLS, VIDEO, codec_for, container_of, hand_over, in_memory, without_name, write_footage

_PIECE: Final = 1 << 20


class Workshop:
    """Holds the sandbox and the detectors while files are redacted. For one thread."""

    def __init__(self, *, accept_weak: bool = False, setting: Setting | None = None) -> None:
        self._accept_weak = accept_weak
        self._sandbox = Sandbox(TASKS, accept_weak=accept_weak)
        self._setting = setting or Setting()
        self._eyes = Eyes(self._setting, accept_weak=accept_weak)
        self._attacker = Attacker(self._sandbox, self._eyes, self._setting, accept_weak=accept_weak)

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
        require_whole(plan, footage)
        require_mark(plan, footage, mark)
        if plan.ends is not None and not isinstance(footage, Footage):
            raise RefusedError("frames can be left out at the ends of footage, not of pictures and documents")
        rendered, sounds = None, Sounds((), ())
        with contextlib.ExitStack() as stack:
            eyes = stack.enter_context(self._attacker.fresh_eyes(plan))
            if isinstance(footage, Stills):
                sounds = Sounds((), tuple(f"{what} left out" for what in footage.left_out))
                descriptor = stack.enter_context(in_memory("derivative"))
                self._write_stills(footage, plan, descriptor, container)
                report = self._attacker.stills(footage, plan, descriptor, container, eyes, progress)
            elif container not in VIDEO.values():
                raise RefusedError(f"{footage.name} is footage; {name} would be a picture")
            else:
                part, shown = ends.part_of(footage, plan)
                counted = counting(progress, "covering", shown)
                rendered = render(part, shown, codec_for(container), counted, mark)
                with self._changer() as changer:
                    sounds = make_sounds(part, shown, container, changer.change)
                descriptor = stack.enter_context(without_name(rendered.size, beside))
                write_footage(descriptor, container, rendered.track, sounds.tracks)
                rendered = rendered.without_bytes()
                part.forget_packets()
                count = len(sounds.tracks)
                report = self._attacker.footage(part, shown, descriptor, container, count, eyes, progress)
                report = ends.whole_again(report, plan)
            if report.hits:
                raise AttackedError(report, plan, name)
            digest = source_of(_pieces(descriptor)).sha256
            yield Finished(descriptor, digest, plan, rendered, sounds, report)

    def _write_stills(self, stills: Stills, plan: Plan, descriptor: int, kind: str) -> None:
        if kind not in STILLS.values():
            raise RefusedError(f"{stills.name} is a picture or document; footage can not be made of it")
        data = write_pages(covered_pages(stills, plan), kind)
        with os.fdopen(os.dup(descriptor), "wb") as sink:
            sink.write(data)

    def _changer(self) -> contextlib.closing[Changer]:
        """Give what changes and compares voices; its worker starts once one is to be."""
        return contextlib.closing(Changer(accept_weak=self._accept_weak))

    def _listener(self) -> contextlib.closing[Listener]:
        """Give what hears speech; its worker starts once something is to be heard."""
        return contextlib.closing(Listener(accept_weak=self._accept_weak))


@contextlib.contextmanager
def _opened(path: Path) -> Iterator[tuple[int, Source]]:
    """Give a descriptor for reading, and which file it is by its bytes; wait for no pipe."""
    with regular_file(path, "give one file of footage, a picture or a PDF") as descriptor:
        yield descriptor, source_of(_pieces(descriptor))


def _pieces(descriptor: int) -> Iterator[bytes]:
    at = 0
    while piece := os.pread(descriptor, _PIECE, at):
        yield piece
        at += len(piece)
