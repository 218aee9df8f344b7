"""The workers that look at pictures: faces and persons in one, texts in another.

A picture that took a worker over could make it blind to all that follow. So a plan has a pair, and each
attack one of its own, which is shown the finished file alone and ends with the attack. What an attack must
look at in the original (texts that the plan covers, faces for the matcher) is shown to other workers.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from bearwitness.inference.texts import FINDER, READER, Texts
from bearwitness.inference.worker import InferenceWorker

from .attack.faces import SEEN
from .looking import MODELS, FaceLooker, Looker, Pass, attack_passes, plan_passes
from .overlays import TextLooker
from .plan import Picture


@dataclass(frozen=True, slots=True)
class Setting:
    """Which detectors look, how; no passes: those :mod:`.looking` chooses by the size of the pictures.

    `exact`: single precision even where the processor has bfloat16. The plan says which was used.
    `accept_reversible`: the fill, mosaic or blur, with which it is handed over even if a face matcher still
    tells who is under it. `overlays`: look for burned-in texts, in the plan and in the attack.
    """

    passes: tuple[Pass, ...] = ()
    attack: tuple[Pass, ...] = ()
    persons: bool = True
    heads: bool = False
    bodies: bool = False
    exact: bool = False
    overlays: bool = True
    accept_reversible: str = ""


class Eyes:
    """What a plan is made with: a pair of workers, each starts when it is needed. Raises ModelError."""

    def __init__(self, setting: Setting, *, accept_weak: bool = False) -> None:
        self._setting, self._accept_weak = setting, accept_weak
        self._faces = InferenceWorker(self._names(), exact=setting.exact, accept_weak=accept_weak)
        self._texts: InferenceWorker | None = None

    def _names(self) -> tuple[str, ...]:
        s = self._setting
        return MODELS if s.persons or s.heads or s.bodies else MODELS[:1]

    def prepare(self) -> None:
        """Have what looks for faces load while other things are done; raise SandboxError."""
        self._faces.prepare()

    def close(self) -> None:
        """End the workers."""
        self._faces.close()
        if self._texts is not None:
            self._texts.close()

    def looker(self, picture: Picture) -> Looker:
        """Return the detectors, for pictures of this size."""
        s, passes = self._setting, self._setting.passes or plan_passes(picture)
        self._faces.expect(picture.height, picture.width, passes[0].scale)
        return FaceLooker(self._faces, passes, persons=s.persons, heads=s.heads, bodies=s.bodies)

    @cached_property
    def texts(self) -> TextLooker:
        """What finds and reads texts; raise ModelError."""
        return Texts(self._reader)

    @cached_property
    def _reader(self) -> InferenceWorker:
        self._texts = InferenceWorker((FINDER, READER), threads=1, accept_weak=self._accept_weak)
        return self._texts


class AttackEyes(Eyes):
    """What an attack looks with: faces by its own passes and threshold. It may see a finished file only."""

    def __init__(self, setting: Setting, *, bodies: bool = False, accept_weak: bool = False) -> None:
        """`bodies`: the plan hides whole bodies, so persons are looked for as well."""
        self._bodies = bodies
        super().__init__(setting, accept_weak=accept_weak)

    def _names(self) -> tuple[str, ...]:
        return MODELS if self._bodies else MODELS[:1]

    def prepare(self) -> None:
        """Have both load while the file is being finished; raise SandboxError, ModelError."""
        super().prepare()
        if self._setting.overlays:
            self._reader.prepare()

    def looker(self, picture: Picture) -> Looker:
        """Return the detectors, for pictures of this size."""
        passes = self._setting.attack or attack_passes(picture)
        self._faces.expect(picture.height, picture.width, passes[0].scale)
        return FaceLooker(self._faces, passes, threshold=SEEN, bodies=self._bodies)
