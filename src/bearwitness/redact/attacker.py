"""The attack on one finished file: what it looks with, and what of the original it is shown.

Each attack has workers of its own, which see the finished file alone; see :mod:`.eyes`.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from functools import partial

from bearwitness.inference.faceprints import LANDMARKS, NETWORK, Faceprints
from bearwitness.inference.models import ModelError
from bearwitness.inference.worker import InferenceWorker
from bearwitness.media.source import Source as Bytes
from bearwitness.sandbox.client import Sandbox

from .attack.attacking import attack
from .attack.attacking_stills import attack_stills
from .attack.bodies import hides_bodies
from .attack.hits import Report
from .attack.matching import MatchCheck
from .attack.overlays import OverlayCheck, of_original
from .attack.page_texts import PageCheck, of_pages
from .attack.speech import Hear
from .changing import Changer
from .eyes import AttackEyes, Eyes, Setting
from .footage import Footage
from .plan import Plan
from .stills import Stills
from .voices import NARROW, Listener

Progress = Callable[[str, int, int], None]
"""What is being done, how many frames of it are done, of how many."""

_FINISHED = "the finished file"


class Attacker:
    """Attacks finished files; `eyes` are those of the plan, which may see the original."""

    def __init__(self, sandbox: Sandbox, eyes: Eyes, setting: Setting, *, accept_weak: bool = False) -> None:
        self._sandbox, self._eyes, self._setting, self._accept_weak = sandbox, eyes, setting, accept_weak

    @contextlib.contextmanager
    def fresh_eyes(self, plan: Plan) -> Iterator[AttackEyes]:
        """Give what one attack looks with; it loads while the file is finished."""
        eyes = AttackEyes(self._setting, bodies=hides_bodies(plan), accept_weak=self._accept_weak)
        with contextlib.closing(eyes):
            eyes.prepare()
            yield eyes

    def stills(
        self, stills: Stills, plan: Plan, descriptor: int, kind: str, eyes: AttackEyes, progress: Progress
    ) -> Report:
        """Attack the finished picture or document at `descriptor`."""
        finished = Stills(self._sandbox, Bytes.of_file(descriptor, _FINISHED))
        count, check = counting(progress, "attacking", plan), None
        if self._setting.overlays:
            check = PageCheck(plan, eyes.texts, of_pages(stills, plan, self._eyes.texts))
        with self._matcher(plan) as matcher:
            looker = eyes.looker(stills.picture)
            return attack_stills(stills, finished, plan, kind, looker, count, check, matcher)

    def footage(
        self,
        footage: Footage,
        plan: Plan,
        descriptor: int,
        container: str,
        sounds: int,
        eyes: AttackEyes,
        progress: Progress,
    ) -> Report:
        """Attack the finished footage at `descriptor`, which should have so many `sounds`."""
        finished = Footage(self._sandbox, Bytes.of_file(descriptor, _FINISHED))
        looker = eyes.looker(footage.picture)
        count = counting(progress, "attacking", plan)
        overlays = self._overlay_check(footage, plan, eyes) if self._setting.overlays else None
        listener = contextlib.closing(Listener(accept_weak=self._accept_weak))
        changer = contextlib.closing(Changer(accept_weak=self._accept_weak))
        with listener as ears, self._matcher(plan) as matcher, changer as voices:
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
                voices.voice,
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


def counting(progress: Progress, what: str, plan: Plan) -> Callable[[int], None]:
    """Return what counts frames of `plan` that are done and tells `progress`."""
    done = 0

    def count(frames: int) -> None:
        nonlocal done
        done += frames
        progress(what, done, len(plan.times))

    return count
