"""What people have to allow before triage: a note for each delivery, two people for the grouping of faces."""

from __future__ import annotations

from bearwitness_verify import canonical

from .ledger import Ledger


def noted(ledger: Ledger) -> set[str]:
    """Return the deliveries for which a note was signed before their first triage."""
    found: set[str] = set()
    for act in ledger.acts(derived=False):
        if act.body is not None and act.body.kind == "triage-noted":
            found |= {canonical.text(d) for d in canonical.array(act.body.fields["deliveries"])}
    return found


def authorised(ledger: Ledger) -> set[str]:
    """Return the deliveries whose faces two people have allowed to be grouped, and nobody ended it."""
    cases: dict[str, set[str]] = {}
    for act in ledger.acts(derived=False):
        if act.body is None:
            continue
        fields = act.body.fields
        if act.body.kind == "grouping-authorised" and len(canonical.array(fields["keepers"])) >= 2:
            named = {canonical.text(d) for d in canonical.array(fields["deliveries"])}
            cases.setdefault(canonical.text(fields["case"]), set()).update(named)
        elif act.body.kind == "grouping-ended":
            cases.pop(canonical.text(fields["case"]), None)
    return set().union(*cases.values())
