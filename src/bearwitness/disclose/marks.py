"""A copy with a recipient's mark goes to that one alone: it would make another's leak theirs."""

from __future__ import annotations

from collections.abc import Sequence

from bearwitness.errors import RefusedError
from bearwitness.vault.ledger import Ledger
from bearwitness.vault.marks import is_for
from bearwitness.vault.redactions import Redaction

from .selection import Selection


def refuse_marks(
    ledger: Ledger, copies: Sequence[Redaction], recipients: Sequence[str], selection: Selection
) -> None:
    """Raise RefusedError if a copy with a mark would go to anybody but the one recipient it was made for.

    And if a mark is wanted where there is no recipient or several, where a copy has none, or where something
    is shown as it was recorded.
    """
    if not selection.watermark and not any(one.marked for one in copies):
        return
    if selection.items or selection.clips or selection.stills:
        raise RefusedError(
            "what is shown as it was recorded, bit for bit, can carry no mark of a recipient",
            "release whole items, clips and stills without --watermark, apart from copies with a mark",
        )
    if len(recipients) != 1:
        raise RefusedError(
            f"a mark says whose copy a leaked file is, and this release goes to {len(recipients)} recipients",
            "make a copy and a release for each: redact --mark-for age1…, release --watermark --to age1…",
        )
    if not copies:
        raise RefusedError("nothing in this release can carry a mark", "choose redacted copies of footage")
    for one in copies:
        if not one.marked:
            raise RefusedError(
                f"the redacted copy {one.sha256[:12]} of item {one.item} has no mark for a recipient",
                f"make one: bearwitness redact {one.item} --plan PLAN --vault … --mark-for {recipients[0]}",
            )
        if not is_for(ledger, one, recipients[0]):
            raise RefusedError(
                f"the redacted copy {one.sha256[:12]} of item {one.item} has the mark of another recipient: "
                "given to this one, it would accuse the wrong person",
                "name the copy that was made for this recipient: ITEM:SHA256",
            )
