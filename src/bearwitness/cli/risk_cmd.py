"""Report what a release request FILE says about who could have supplied it, before it is approved.

It assumes an adversary with the place's logs and all earlier releases, and never gives an all-clear. How
many people are possible is computed only if source keepers bring --access: a JSON object of item ids, each
with an array of labels of those who could have had it. Use labels that mean nothing to anybody else, keep
that file with the source keepers: nothing of it is stored or shown. Without it, one is assumed.
"""

from __future__ import annotations

import argparse
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from bearwitness.disclose import asking
from bearwitness.disclose.source_risk import assess
from bearwitness.errors import UsageError

from .options import add_identity, add_vault, path_text
from .output import EXIT_DONE, EXIT_FAILED, Output
from .signing import read_request
from .unlocking import opened

EXAMPLES = """
  bearwitness risk request.json --vault vault --identity anna.key
  bearwitness risk request.json --vault vault --identity anna.key --access /media/stick/access.json \\
      --copies similar.json --paths
"""
_JSON_BYTES_MAX = 64 << 20


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of this verb."""
    parser.add_argument("request", metavar="FILE", type=Path, help="the release request")
    add_vault(parser)
    add_identity(parser)
    add_sets(parser)
    parser.add_argument("--paths", action="store_true", help="the items' paths are to be shown as well")
    parser.add_argument(
        "--said",
        metavar="ID=TEXT",
        action="append",
        default=[],
        help="a text that is shown of an item: a tag",
    )


def add_sets(parser: argparse.ArgumentParser) -> None:
    """Add --access and --copies."""
    parser.add_argument("--access", metavar="FILE", type=Path, help="who could have had what, in labels")
    parser.add_argument(
        "--copies", metavar="FILE", type=Path, help="which items are copies: what `similar --json` printed"
    )


def sets_of(options: argparse.Namespace) -> tuple[list[list[str]] | None, dict[str, list[str]] | None]:
    """Return groups of copies, and who could have had what, as far as they were brought."""
    clusters = None if options.copies is None else _clusters(_json(options.copies))
    return clusters, None if options.access is None else _access(_json(options.access))


def run(options: argparse.Namespace, out: Output) -> int:
    """Run the verb; return its exit code: 1 where the request is blocked."""
    request = read_request(options.request)
    clusters, access = sets_of(options)
    with opened(options, out) as at:
        said: dict[str, list[str]] = {}
        for text in options.said:
            item, _, told = text.partition("=")
            said.setdefault(at.catalogue.find(item).item, []).append(told)
        for row in map(at.catalogue.get, request.items):
            if row is not None and options.paths:
                said.setdefault(row.item, []).append(path_text(row.path))
        now = datetime.now(UTC)
        asked = asking.question(
            at.ledger, at.catalogue, request, now, said=said, clusters=clusters, access=access
        )
    report = assess(asked)
    out.result(report.to_json(), report.text())
    return EXIT_FAILED if report.blocked else EXIT_DONE


def _json(path: Path) -> Any:
    try:
        with path.open("rb") as file:
            data = file.read(_JSON_BYTES_MAX + 1)
    except OSError as error:
        raise UsageError(f"{path} can not be read: {error.strerror}") from None
    try:
        if len(data) > _JSON_BYTES_MAX:
            raise ValueError(path)
        return json.loads(data)
    except (ValueError, RecursionError):
        raise UsageError(f"{path} is not JSON, or larger than any may be") from None


def _clusters(value: Any) -> list[list[str]]:
    groups = value.get("clusters") if isinstance(value, dict) else None
    if not isinstance(groups, list) or not all(_texts(group) for group in groups):
        raise UsageError("the file of copies is not what was expected", "see: bearwitness risk --help")
    return groups


def _access(value: Any) -> dict[str, list[str]]:
    if not isinstance(value, dict) or not all(_texts(labels) for labels in value.values()):
        raise UsageError(
            "the access file is not an object of item ids with arrays of labels",
            'like: {"5f3a… (whole)": ["p1", "p2"]}',
        )
    return value


def _texts(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(one, str) for one in value)
