"""Make, wrap, split, combine and rotate keys.

new       make an age identity for a keeper
wrap      let further keepers open the vault (with --source: the quarantine)
split     print shares of the vault's identity for paper, any K of N open it
combine   put shares together and wrap the vault's identity for a keeper again
rotate    give the vault a new identity; who is not named can not open what comes later
"""

from __future__ import annotations

import argparse
from pathlib import Path

from bearwitness.crypto import age
from bearwitness.errors import RefusedError, UsageError, storage_error
from bearwitness.store.local import write_new

from .options import IDENTITY_HELP
from .output import EXIT_DONE, Output, plural

EXAMPLES = """
  bearwitness keys new -o anna.key
  bearwitness keys wrap --vault vault --identity anna.key --recipient age1…
  bearwitness keys split --vault vault --identity anna.key --threshold 2 --shares 3
  bearwitness keys combine --vault vault --identity share1.txt --identity share2.txt --recipient age1…
  bearwitness keys rotate --vault vault --identity anna.key --recipient age1… --recipient age1…
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of this verb."""
    parser.add_argument("action", choices=["new", "wrap", "split", "combine", "rotate"])
    parser.add_argument("-o", "--output", metavar="FILE", type=Path, help="new: where to keep the identity")
    parser.add_argument("--vault", metavar="VAULT", type=Path, help="the vault")
    parser.add_argument("--identity", metavar="KEY", action="append", default=[], help=IDENTITY_HELP)
    parser.add_argument(
        "--recipient", metavar="age1…", action="append", default=[], help="a keeper's public key"
    )
    parser.add_argument(
        "--threshold", metavar="K", type=int, default=0, help="split, rotate: how many are needed"
    )
    parser.add_argument("--shares", metavar="N", type=int, default=0, help="split: how many are made")
    parser.add_argument(
        "--source", action="store_true", help="wrap: the quarantine's identity, for source keepers"
    )


def run(options: argparse.Namespace, out: Output) -> int:
    """Run the verb; return its exit code."""
    if options.action == "new":
        return _new(options, out)
    if options.vault is None:
        raise UsageError("this needs --vault")
    return _change(options, out)


def _new(options: argparse.Namespace, out: Output) -> int:
    identity = age.Identity.generate()
    recipient = str(identity.recipient)
    if options.output is None:
        raise UsageError(
            "say where to keep the identity: -o FILE", "a USB stick kept elsewhere is a good place"
        )
    try:
        write_new(options.output, f"# public key: {recipient}\n{identity.text()}\n".encode())
    except FileExistsError:
        raise RefusedError(f"{options.output} is there already; a key is never overwritten") from None
    except OSError as error:
        raise storage_error(error, str(options.output)) from error
    out.result(
        {"identity_file": str(options.output), "recipient": recipient},
        f"recipient  {recipient}\nidentity   {options.output} (whoever has it can open what is sealed to it)",
    )
    return EXIT_DONE


def _change(options: argparse.Namespace, out: Output) -> int:
    from bearwitness.keep import rekeying
    from bearwitness.vault.opening import open_vault_proper

    from .unlocking import unlock

    vault = open_vault_proper(options.vault)
    unlocked = unlock(vault, options.identity)
    with vault.writing():
        if options.action == "split":
            if not options.threshold or not options.shares:
                raise UsageError(
                    "say how many shares are made, and how many are needed",
                    "for example: --threshold 2 --shares 3",
                )
            mnemonics = rekeying.paper_shares(vault, unlocked, options.threshold, options.shares)
            text = "\n\n".join(f"share {n}\n{words}" for n, words in enumerate(mnemonics, start=1))
            out.say(
                "write each share on paper of its own, then clear this screen; they are not kept anywhere"
            )
            out.result({"shares": mnemonics, "threshold": options.threshold}, text)
            return EXIT_DONE
        if not options.recipient:
            raise UsageError("this needs --recipient")
        if options.action == "rotate":
            recipient = rekeying.rotate(vault, unlocked, options.recipient, options.threshold or 1)
            out.result(
                {"recipient": str(recipient), "keepers": options.recipient},
                f"the vault has a new identity, {recipient}\nfor {plural(len(options.recipient), 'keeper')}; "
                "make new field kits, and run mirror; copies that others have stay open to the old keys",
            )
            return EXIT_DONE
        rekeying.add_keepers(vault, unlocked, options.recipient, source=options.source)
    out.result({"keepers": options.recipient}, f"added {plural(len(options.recipient), 'keeper')}")
    return EXIT_DONE
