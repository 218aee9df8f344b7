"""What a plan must be, and what must be at hand, before anything is made after it."""

from __future__ import annotations

from bearwitness.errors import RefusedError

from .footage import Footage
from .plan import Plan
from .shown import Shown


def require_whole(plan: Plan, footage: Shown) -> None:
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


def require_mark(plan: Plan, footage: Shown, mark: bytes | None) -> None:
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
