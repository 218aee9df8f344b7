"""Show groups of faces that may be of the same person, or destroy all prints of faces. Off until two people
authorise it for a case (bearwitness authorise) and triage made prints (bearwitness triage --only faceprints).

A group is a lead: it says who may be the same person, with the distance of each face from the middle of its
group, and never who it is. --destroy removes prints, their keys and nothing else; two people must agree.
"""

from __future__ import annotations

import argparse
from typing import Any, Final

from bearwitness.errors import UsageError
from bearwitness.keep.forgetting import forget_faceprints
from bearwitness_verify.canonical import Json
from bearwitness_verify.report import printable_path

from .options import add_identity, add_vault, path_text
from .output import EXIT_DONE, EXIT_LOSSES, Output, plural
from .unlocking import Opened, deliveries_named, opened, two_keepers

EXAMPLES = """
  bearwitness faces --vault vault --identity anna.key
  bearwitness faces --smallest 3 --vault vault --identity anna.key --json
  bearwitness faces --destroy --ground "case closed" --vault vault --identity anna.key --identity ben.key
"""
_FACES_SHOWN: Final = 5


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of this verb."""
    add_vault(parser)
    add_identity(parser)
    parser.add_argument(
        "--smallest", metavar="N", type=int, default=2, help="groups of at least N (usual: 2)"
    )
    parser.add_argument("--destroy", action="store_true", help="destroy the prints of faces for good")
    parser.add_argument("--ground", metavar="TEXT", default="", help="why they are destroyed")
    parser.add_argument(
        "--delivery", metavar="ID", action="append", default=[], help="with --destroy: of this delivery alone"
    )


def run(options: argparse.Namespace, out: Output) -> int:
    """Run the verb; return its exit code."""
    if options.destroy != bool(options.ground):
        raise UsageError("give --destroy together with --ground, or neither")
    if options.destroy:
        return _destroy(options, out)
    from bearwitness.triage.facegroups import groups

    with opened(options, out) as at:
        made = [group for group in groups(at.ledger, at.catalogue) if len(group.faces) >= options.smallest]
        data: list[dict[str, Any]] = [
            {"group": group.name, "faces": [_face(at, face) for face in group.faces]} for group in made
        ]
    lines = []
    for each in data:
        count = plural(len(each["faces"]), "face")
        lines.append(f"{each['group']}  {count} that may be of the same person")
        for face in each["faces"][:_FACES_SHOWN]:
            path = printable_path(face["path"].encode("utf-8", "surrogateescape"))
            lines.append(f"    {path} at {face['time']:.1f} s, distance {face['distance']:.2f}")
    lines.append(f"{plural(len(data), 'group')}: leads, never an identity")
    out.result({"groups": data}, "\n".join(lines))
    return EXIT_DONE


def _face(at: Opened, face: Any) -> dict[str, Any]:
    row = at.catalogue.get(face.item)
    return {
        "item": face.item, "path": path_text(row.path) if row else "", "time": face.time,
        "box": [round(side, 4) for side in face.box], "distance": face.distance,
    }  # fmt: skip


def _destroy(options: argparse.Namespace, out: Output) -> int:
    with opened(options, out, writing=True) as at:
        keepers: list[Json] = [*two_keepers(at.unlocked)]
        only = [each for wanted in options.delivery for each in _begun(at, wanted)]
        done = forget_faceprints(at.ledger, {"ground": options.ground, "keepers": keepers}, only)
        at.catalogue.refresh(at.fresh_ledger())
    lines = [f"destroyed the prints of faces of {plural(len(done.items), 'item')}, {done.files} files"]
    if done.held:
        lines.append(f" x  frozen, and so kept: {', '.join(done.held)}")
    lines.append("mirrors hold them until they are brought up to date: bearwitness mirror")
    out.result({"destroyed": done.items, "files": done.files, "frozen": done.held}, "\n".join(lines))
    return EXIT_LOSSES if done.held else EXIT_DONE


def _begun(at: Opened, beginning: str) -> list[str]:
    """Return the deliveries whose ids begin so; raise UsageError where none does, or nothing is given."""
    found = deliveries_named(at, beginning) if beginning.strip() else []
    if not found:
        raise UsageError(f"no delivery begins with {beginning!r}", "see: bearwitness list")
    return found
