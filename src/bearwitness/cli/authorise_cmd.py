"""Allow faces to be grouped for a case. It is off until two people allow it, and yields leads, never an
identity.

With --end the permission ends; prints made by then are destroyed with: bearwitness faces --destroy, or stay.
"""

from __future__ import annotations

import argparse

from bearwitness.errors import RefusedError, UsageError
from bearwitness.vault.permissions import authorised
from bearwitness_verify.canonical import Json

from .options import add_identity, add_vault
from .output import EXIT_DONE, Output
from .unlocking import opened, two_keepers

EXAMPLES = """
  bearwitness authorise --vault vault --identity anna.key --identity ben.key \\
      --case "block 4" --delivery 5f3a… --ground "who beat whom can not be told otherwise"
  bearwitness authorise --vault vault --identity anna.key --case "block 4" --end --ground "case closed"
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of this verb."""
    add_vault(parser)
    add_identity(parser)
    parser.add_argument("--case", metavar="NAME", required=True, help="the case it is for")
    parser.add_argument(
        "--delivery",
        metavar="ID",
        action="append",
        default=[],
        help="a delivery, or its beginning (repeatable)",
    )
    parser.add_argument("--ground", metavar="TEXT", required=True, help="why it is needed, or why it ends")
    parser.add_argument("--end", action="store_true", help="end the permission")


def run(options: argparse.Namespace, out: Output) -> int:
    """Run the verb; return its exit code."""
    if options.end == bool(options.delivery):
        raise UsageError("give either --delivery, to allow it, or --end")
    with opened(options, out, writing=True) as at:
        fields: dict[str, Json] = {"case": options.case, "ground": options.ground}
        if options.end:
            fields["kind"] = "grouping-ended"
        else:
            keepers: list[Json] = [*two_keepers(at.unlocked)]
            known = [str(delivery["delivery"]) for delivery in at.catalogue.deliveries()]
            chosen: list[Json] = []
            for wanted in options.delivery:
                found = [delivery for delivery in known if delivery.startswith(wanted)]
                if len(found) != 1:
                    raise RefusedError(
                        f"{len(found)} deliveries begin with {wanted}", "see: bearwitness list"
                    )
                chosen += found
            fields |= {"kind": "grouping-authorised", "deliveries": chosen, "keepers": keepers}
        at.vault.append(fields)
        allowed = sorted(authorised(at.fresh_ledger()))
    out.result({"authorised": allowed}, "faces may be grouped in: " + (", ".join(allowed) or "no delivery"))
    return EXIT_DONE
