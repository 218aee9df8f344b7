"""What footage, pictures and documents have in common: frames that can be looked at, one after the other."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from typing import Protocol

from bearwitness.media.model import BGR24, Frame

from .plan import Picture


class Shown(Protocol):
    """Frames as people see them; `apart`: each stands for itself, as pages do."""

    @property
    def name(self) -> str:
        """What messages call it."""

    @property
    def apart(self) -> bool:
        """Whether no frame has to do with the one before."""

    @property
    def picture(self) -> Picture:
        """What a plan says of its pictures."""

    def frames(
        self,
        pixel: str = BGR24,
        *,
        upright: bool = False,
        start: Fraction | None = None,
        end: Fraction | None = None,
    ) -> Iterator[Frame]:
        """Yield all frames, or those of a range; raise RefusedError at the first that does not decode."""
