"""How much may be done for a long file: on average so much, a little more at once where much happens."""

from __future__ import annotations

from fractions import Fraction
from typing import Final

AT_ONCE: Final = 8


class Allowance:
    """Deals out one in `seldom` seconds of footage on average; `at_once` of them are saved up at most."""

    def __init__(self, seldom: Fraction, at_once: int = AT_ONCE) -> None:
        self._seldom, self._most = seldom, Fraction(at_once)
        self._left, self._time = self._most, Fraction(0)

    def takes(self, time: Fraction) -> bool:
        """Say whether there is one for this `time` (in seconds, in order), and count it."""
        fresh = max(Fraction(0), time - self._time) / self._seldom
        self._left, self._time = min(self._most, self._left + fresh), time
        if self._left < 1:
            return False
        self._left -= 1
        return True
