"""Record what people on an item agreed to, and take it back when they do.

record    one person (by a label, not a name), one purpose, one recipient, what may be shown
withdraw  end a consent; releases that went out are out
override  one of two people's words that, for one reason, a release may show somebody without consent
list      show what is known; without an entry no consent is known

FILE is the release request, for override. Consents stay valid when who recorded them leaves.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from bearwitness.errors import RefusedError, UsageError
from bearwitness.vault import consents, signed, signing_acts
from bearwitness.vault.consents import NO_CONSENT, PROFILES, PURPOSES, WAYS, Consent
from bearwitness.vault.signed_acts import Signed

from .options import add_identity, add_vault
from .output import EXIT_DONE, Output
from .signing import add_person_key, enter, needed, person_key, read_request
from .unlocking import Opened, opened

EXAMPLES = """
  bearwitness consent record --vault vault --identity anna.key --person-key anna.person --item 5f3a9c… \\
      --label "woman in blue, left" --purpose publication --recipient press --scope face,voice \\
      --withdrawal "by phone, until it is printed" --language ug --explained-by Anna \\
      --support "a lawyer and a doctor were offered" --expiry 2028-01-31
  bearwitness consent withdraw --vault vault --identity anna.key --person-key anna.person \\
      --consent 77aa01ff… --ground "asked by phone on 3 March"
  bearwitness consent override request.json --vault vault --identity anna.key --person-key anna.person \\
      --item 5f3a9c… --label "officer 2" --reason "an officer on duty, acts of office"
  bearwitness consent list --vault vault --identity anna.key --item 5f3a9c…
"""
_RECORDED = (
    "item label purpose recipient scope withdrawal language explained_by support"  # what is never guessed
).split()


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of this verb."""
    parser.add_argument("action", choices=["record", "withdraw", "override", "list"])
    parser.add_argument("request", metavar="FILE", type=Path, nargs="?", help="override: the release request")
    add_vault(parser)
    add_identity(parser)
    add_person_key(parser)
    texts = {
        "item": "the item, by its id or the beginning of it",
        "label": "how the person on it is told, not by name",
        "purpose": f"record: one of {', '.join(PURPOSES)}",
        "recipient": f"record: one of {', '.join(PROFILES)}, or a recipient's name",
        "scope": f"record: what may be shown, with commas between: {', '.join(WAYS)}",
        "expiry": "record: the last day it holds, like 2028-01-31 (default: it does not end)",
        "withdrawal": "record: how, and until when, it can be taken back, as it was explained",
        "language": "record: the language it was explained in",
        "explained-by": "record: who explained it",
        "support": "record: what support was offered",
        "consent": "withdraw: the consent, by its id or the beginning of it",
        "ground": "withdraw: why, as far as it was told",
        "reason": "override: why, word for word the same for both",
    }
    for name, text in texts.items():
        parser.add_argument(f"--{name}", metavar="ID" if name == "item" else "TEXT", default="", help=text)


def run(options: argparse.Namespace, out: Output) -> int:
    """Run the verb; return its exit code."""
    if options.action == "list":
        with opened(options, out) as at:
            item = at.catalogue.find(options.item).item if options.item else ""
            return _list(signed.read(at.ledger), item, out)
    if (options.request is not None) != (options.action == "override"):
        raise UsageError("override, and nothing else here, needs the release request FILE")
    key = person_key(options)
    with opened(options, out, writing=True) as at:
        actions = {"record": _record, "withdraw": _withdraw, "override": _override}
        fields = actions[options.action](at, options, key)
        known = enter(at, fields)
        at.catalogue.refresh(at.ledger)
    return _told(known, fields, out)


def _record(at: Opened, options: argparse.Namespace, key: Any) -> signing_acts.Fields:
    needed(options, *_RECORDED)
    scope = sorted({way.strip() for way in options.scope.split(",") if way.strip()})
    given = Consent(
        "", at.catalogue.find(options.item).item, options.label, options.purpose, options.recipient,
        tuple(scope), consents.read_day(options.expiry or None), options.withdrawal,
        options.language, options.explained_by, options.support,
    )  # fmt: skip
    return signing_acts.consent(key, at.vault.config.vault_key, consents.checked(given))


def _withdraw(at: Opened, options: argparse.Namespace, key: Any) -> signing_acts.Fields:
    needed(options, "consent", "ground")
    found = [c for c in signed.read(at.ledger).consents.values() if c.consent.startswith(options.consent)]
    if len(found) != 1:
        raise UsageError(
            f"{len(found)} consents begin with {options.consent}", "see: bearwitness consent list"
        )
    if found[0].withdrawn is not None:
        raise RefusedError("this consent was withdrawn already")
    return signing_acts.withdrawal(key, at.vault.config.vault_key, found[0].consent, options.ground)


def _override(at: Opened, options: argparse.Namespace, key: Any) -> signing_acts.Fields:
    needed(options, "item", "label", "reason")
    request, item = read_request(options.request), at.catalogue.find(options.item).item
    shown = {v.label for exhibit in request.exhibits if exhibit.item == item for v in exhibit.visible}
    if options.label not in shown:
        raise UsageError(f"the request shows nobody called {options.label!r} on item {item}")
    vault_key = at.vault.config.vault_key
    return signing_acts.override(key, vault_key, request.subject(), item, options.label, options.reason)


def _told(known: Signed, fields: signing_acts.Fields, out: Output) -> int:
    data: dict[str, Any] = {name: value for name, value in fields.items() if name != "statement"}
    if fields["kind"] == "overridden":
        humans = known.overriders(str(fields["subject"]), str(fields["item"]), str(fields["label"]))
        data["people"] = len(humans[str(fields["reason"])])
        out.result(data, f"{data['people']} of two people have signed this, for this reason")
    else:
        word = "recorded" if fields["kind"] == "consent" else "withdrawn"
        out.result(data, f"consent {fields['consent']} is {word}")
    return EXIT_DONE


def _list(known: Signed, item: str, out: Output) -> int:
    found = [c for c in known.consents.values() if item in ("", c.item)]
    data = [{**c.terms(), "withdrawn": c.withdrawn is not None} for c in found]
    lines = [f"{c.consent}  {c.item}  {c.label}\n    {known.in_words(c.item, c.label)}" for c in found]
    out.result({"consents": data}, "\n".join(lines) or NO_CONSENT)
    return EXIT_DONE
