"""Register who signs: approvals, consents, receipts. Everybody has a key of their own, kept away from the
vault; two keepers register it in the log.

new       make a signing key for a person, with a passphrase (--plain: without one)
register  enter somebody's public key, a name or pseudonym, and roles; two keepers are needed
revoke    end a key; what it approved counts no more
list      show who is registered

The source is never registered here, under no name; nor is anybody registered as the one who knows.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from bearwitness.errors import RefusedError
from bearwitness.vault import people, personkeys, signed
from bearwitness.vault.people import ROLES, Person

from .options import IDENTITY_HELP, ask
from .output import EXIT_DONE, Output
from .signing import needed
from .unlocking import Opened, opened, two_keepers

EXAMPLES = """
  bearwitness people new -o anna.person
  bearwitness people register --vault vault --identity anna.key --identity ben.key \\
      --key person/3f0a1b2c+…+… --name Anna --role editor --role lawyer
  bearwitness people register --vault vault --identity anna.key --identity ben.key \\
      --key person/77aa01ff+…+… --name Anna --role editor --replaces 5f3a9c0d11e2f3a4
  bearwitness people revoke --vault vault --identity anna.key --identity ben.key \\
      --person Anna --ground "the stick was stolen"
  bearwitness people list --vault vault --identity anna.key
"""
_PLAIN_WARNING = (
    "warning: this key lies in the clear. Whoever gets the file signs in this name; keep it on a stick under "
    "lock, or make one with a passphrase"
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of this verb."""
    parser.add_argument("action", choices=["new", "register", "revoke", "list"])
    parser.add_argument("-o", "--output", metavar="FILE", type=Path, help="new: where to keep the key")
    parser.add_argument("--plain", action="store_true", help="new: without a passphrase")
    parser.add_argument("--vault", metavar="VAULT", type=Path, help="the vault")
    parser.add_argument("--identity", metavar="KEY", action="append", default=[], help=IDENTITY_HELP)
    parser.add_argument("--key", metavar="K", default="", help="register: the public key that `new` printed")
    parser.add_argument("--name", metavar="NAME", default="", help="register: a name or a pseudonym")
    parser.add_argument(
        "--role", metavar="ROLE", action="append", default=[], help=f"register: of {', '.join(ROLES)}"
    )
    parser.add_argument(
        "--replaces", metavar="ID", default="", help="register: the key the same person had before"
    )
    parser.add_argument("--person", metavar="WHO", default="", help="revoke: an id, its beginning, or a name")
    parser.add_argument("--ground", metavar="TEXT", default="", help="revoke: why")


def run(options: argparse.Namespace, out: Output) -> int:
    """Run the verb; return its exit code."""
    if options.action == "new":
        return _new(options, out)
    needed(options, "vault")
    if options.action == "list":
        with opened(options, out) as at:
            known = signed.read(at.ledger)
            for told in known.odd:
                out.say(f"warning: {told}. It counts for nothing; ask who wrote it")
            return _show(list(known.people), out, known.odd)
    with opened(options, out, writing=True) as at:
        return _register(at, options, out) if options.action == "register" else _revoke(at, options, out)


def _new(options: argparse.Namespace, out: Output) -> int:
    needed(options, "output")
    passphrase = None
    if not options.plain:
        passphrase = ask("Passphrase for the new key (five or six random words): ")
        if ask("The same again: ") != passphrase:
            raise RefusedError("the two passphrases are not the same")
    key = personkeys.new_key()
    personkeys.write(options.output, key, passphrase)
    if options.plain:
        out.say(_PLAIN_WARNING)
    text = key.verifier.encode()
    person = people.person_id(key.verifier)
    out.result(
        {"key": text, "person": person, "key_file": str(options.output), "encrypted": not options.plain},
        f"key   {text}\nid    {person}\nfile  {options.output}\nhave it registered by two keepers",
    )
    return EXIT_DONE


def _register(at: Opened, options: argparse.Namespace, out: Output) -> int:
    needed(options, "key", "name", "role")
    key, keepers = people.person_key(options.key.strip()), two_keepers(at.unlocked)
    known = signed.read(at.ledger).people
    fields = people.registration(known, key, options.name, options.role, keepers, options.replaces)
    at.vault.append(fields)
    person = signed.read(at.fresh_ledger()).people.active(people.person_id(key))
    at.catalogue.refresh(at.ledger)
    return _show([person], out)


def _revoke(at: Opened, options: argparse.Namespace, out: Output) -> int:
    needed(options, "person", "ground")
    known = signed.read(at.ledger).people
    person = known.find(options.person)
    at.vault.append(people.revocation(known, person, options.ground, two_keepers(at.unlocked)))
    at.catalogue.refresh(at.fresh_ledger())
    return _show([signed.read(at.ledger).people.by_id[person.id]], out)


def _show(found: list[Person], out: Output, odd: Sequence[str] = ()) -> int:
    data: list[dict[str, Any]] = [
        {**asdict(p), "key": p.key.encode(), "roles": list(p.roles), "active": p.active} for p in found
    ]
    lines = [
        f"{p.id}  {p.name}  ({', '.join(p.roles)})" + ("" if p.active else f"  REVOKED: {p.ground}")
        for p in found
    ]
    out.result({"people": data, "odd": list(odd)}, "\n".join(lines) or "nobody is registered")
    return EXIT_DONE
