"""Writes a redacted copy of an item out of the vault, in the clear: in the log before a byte is written.

The copy is what the attack let through, byte for byte. Without two people's approval of its plan it is
written only for those who ask for it unapproved, to look at before they approve.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

from bearwitness.errors import RefusedError, UsageError, storage_error
from bearwitness.store.local import write_new
from bearwitness.vault.ledger import Ledger
from bearwitness.vault.redactions import APPROVAL, CHECKLIST, Redaction, read_copy, read_file, redactions_of
from bearwitness.vault.signed import read as read_signed
from bearwitness.vault.vault import Vault

_NAMED_BY: Final = 16  # digits of the copy's SHA-256


def choose(ledger: Ledger, item: str, digest: str = "") -> Redaction:
    """Return the redacted copy of `item` that was entered last, or the one whose SHA-256 begins as `digest`.

    Raises FrozenError, and UsageError where there is none, or where `digest` fits several.
    """
    ledger.frozen.refuse([item])
    copies = redactions_of(ledger, [item])
    fitting = [copy for copy in copies if copy.sha256.startswith(digest)]
    if not fitting:
        raise UsageError(
            f"item {item} has no redacted copy{f' that begins with {digest}' if digest else ''}",
            f"make one: bearwitness redact {item} --vault …",
        )
    if digest and len({copy.sha256 for copy in fitting}) > 1:
        raise UsageError(f"{digest} is the beginning of several copies", "give more of it")
    return fitting[-1]


def write_out(
    vault: Vault, ledger: Ledger, copy: Redaction, destination: Path, *, unapproved: bool = False
) -> Path:
    """Write a copy into the folder `destination` and return where; the act is in the log by then.

    Beside it goes the list of what a person who knows the place has to answer, where one is stored. Its name
    is made of the item's id and of its own SHA-256. Raises RefusedError if two people have not approved its
    plan and it was not asked for `unapproved`, or if something stands at its place.
    """
    people = read_signed(ledger)
    lacking = copy.lacking(people)
    if lacking and not unapproved:
        raise RefusedError(
            f"the redacted copy of item {copy.item} is not written out: {lacking}",
            "let two people see and approve it; --unapproved writes it for them to see",
        )
    if copy.hits:
        raise RefusedError(f"the attack found something in the redacted copy of item {copy.item}")
    data, questions = read_copy(ledger, copy), read_file(ledger, copy, CHECKLIST)
    out = destination / f"{copy.item}-redacted-{copy.sha256[:_NAMED_BY]}.{copy.container}"
    if out.exists():
        raise RefusedError(f"{out} exists already and is not overwritten", "choose another folder")
    count = len(people.approvers(copy.plan, APPROVAL))
    vault.append(
        {
            "kind": "redaction-written", "item": copy.item, "sha256": copy.sha256, "plan": copy.plan,
            "approvals": str(count),
        }
    )  # fmt: skip
    try:
        destination.mkdir(parents=True, exist_ok=True)
        write_new(out, data)
        if questions:
            write_new(out.with_suffix(".checklist.txt"), questions)
    except OSError as error:
        raise storage_error(error, str(out)) from error
    return out
