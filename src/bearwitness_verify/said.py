"""Step 5 for what a release says besides: statements, conditions, the account, what is withheld."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence

from . import account, clip_words, ranges
from .account import Withheld
from .errors import VerifyError
from .leaves import TreeRef
from .release import Release
from .report import Report, printable


def check_rest(
    withheld: Sequence[Withheld],
    tree: TreeRef,
    proven: Sequence[bytes],
    held: int | None,
    name: str,
    report: Report,
) -> None:
    """Report whether what is withheld is all of a delivery that is not among the leaves `proven`."""
    try:
        account.check_withheld(withheld, tree, proven, held)
    except VerifyError as error:
        report.fail(5, f"{name}: {printable(str(error))}")
        return
    grounds = Counter(item.ground for item in withheld)
    told = "; ".join(f"{count} for {printable(ground)}" for ground, count in sorted(grounds.items()))
    report.ok(5, f"{name}: the other {len(withheld)} items are withheld{told and ': ' + told}")


def check_said(
    shown: Release, items: Collection[str], counts: Sequence[tuple[int, int | None]], report: Report
) -> None:
    """Report what is said, whether it is about one of the proven `items`, and whether `counts` bear it out.

    `counts` are, of each delivery, how many items are shown and how many it holds.
    """
    for statement in shown.statements:
        if statement.item in items:
            report.note(5, clip_words.stated(statement))
        else:
            report.fail(5, f"a statement is about item {statement.item}, which is not proven")
    for name, text in sorted(shown.conditions.items()):
        report.note(5, f"shared under the condition {name}: {printable(text)}")
    for answer in shown.answers:
        report.note(5, f"this release {answer.act} the release {answer.release}: {printable(answer.reason)}")
    if shown.escrow:
        report.note(5, f"the vault says that exact proofs are in escrow: an archive, SHA-256 {shown.escrow}")
    for words in ranges.in_words(shown.ranges):
        report.note(5, f"the vault says, without proof, of the deliveries shown from: {words}")
    if shown.account is None:
        return
    amount, seconds = shown.account.items, shown.account.seconds
    if amount is not None:
        try:
            account.check_items(amount, counts)
            report.ok(5, f"{amount.shown} of {amount.held} items are shown")
        except VerifyError as error:
            report.fail(5, printable(str(error)))
    if seconds is not None:
        said = f"{seconds.shown} of {seconds.held} seconds of footage"
        report.note(5, f"the vault says, without proof, that {said} are shown")
