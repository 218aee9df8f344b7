"""Where stamp files lie in a vault, and which checkpoint each belongs to (docs/format.md, 7 and 8)."""

from __future__ import annotations

import re

from bearwitness.custody.log import Log
from bearwitness.errors import TamperedError

from .vault import Vault, digest_of

_NAME = re.compile(r"log/[0-9a-z]+/stamps/([0-9]+)-([0-9a-f]{8})\.json\Z")


def stamp_path(log: Log, size: int, data: bytes) -> str:
    """Return where a stamp file of the checkpoint of `size` lies."""
    return f"log/{log.name}/stamps/{size}-{digest_of(data)[:8]}.json"


def by_size(vault: Vault, log: Log) -> dict[int, list[bytes]]:
    """Return the stamp files of `log` that the vault's log speaks of, by size of checkpoint, ascending."""
    found: dict[int, list[bytes]] = {}
    expected = vault.expected_files()
    for path in sorted(expected):
        if path.startswith(f"log/{log.name}/stamps/"):
            match = _NAME.match(path)
            if match is None:
                raise TamperedError(f"the log names a stamp in a strange place, {path}")
            found.setdefault(int(match[1]), []).append(vault.read_expected(path, expected[path]))
    return dict(sorted(found.items()))
