"""Which of the pictures that come along are taken where so many are not wanted."""

from __future__ import annotations

from fractions import Fraction


class Spacing:
    """Takes at most one in `every`, counted in steps from `begin` on, or from the first that comes.

    Not from one to the next: where there is about one picture a step, of which each comes a little late,
    every other would come a little too early.

    saved: how many more it may take at once, each for an earlier step in which there was none. So there are
    never more than steps, and a scene of three seconds is not left out because another began just before it.
    """

    def __init__(self, every: Fraction, saved: int = 0, begin: Fraction | None = None) -> None:
        self._every, self._most, self._due = every, saved, begin
        self._left = 0

    def is_due(self, time: Fraction) -> bool:
        """Say whether the picture of this time (in the unit of `every`, in order) may be taken."""
        return self._due is None or time >= self._due or self._left > 0

    def count(self, time: Fraction) -> None:
        """Count one that was due as taken."""
        due = time if self._due is None else self._due
        if time < due:
            self._left -= 1
            return
        steps = (time - due) // self._every
        self._left = min(self._most, self._left + steps)
        self._due = due + self._every * (steps + 1)

    def takes(self, time: Fraction) -> bool:
        """Say whether a picture is due, and count it if so."""
        due = self.is_due(time)
        if due:
            self.count(time)
        return due
