"""What tests read in a release without any footage."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any


def statement(release: Path) -> Any:
    """Return release.json as it stands."""
    return json.loads((release / "release.json").read_bytes())


def released_fields(release: Path) -> set[str]:
    """Return the names of all fields shown, of items and entries."""
    found = set()
    for delivery in statement(release)["deliveries"]:
        for shown in [delivery["entry"]["shown"], *(item["fields"] for item in delivery["items"])]:
            found |= {leaf["payload"]["name"] for leaf in shown}
    return found
