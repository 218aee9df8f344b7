"""Takes in what children of triage answer: JSON that a hostile file may have shaped, read strictly."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from bearwitness.errors import ChildFailedError


def read_answer(untrusted: bytes, shape: Mapping[str, type], what: str) -> dict[str, Any]:
    """Return the object `untrusted` holds, exactly of this shape; raise ChildFailedError."""
    try:
        value = json.loads(untrusted)
    except (ValueError, RecursionError):
        raise ChildFailedError(f"{what} answered nonsense") from None
    if not isinstance(value, dict) or value.keys() != shape.keys():
        raise ChildFailedError(f"{what} answered nonsense")
    for name, kind in shape.items():
        if type(value[name]) is not kind:
            raise ChildFailedError(f"{what} answered nonsense: {name}")
    return value


def plain_text(untrusted: str) -> str:
    """Return text without signs that steer a terminal or turn a line round; line ends and tabs stay."""
    return "".join(c for c in untrusted if c.isprintable() or c in "\n\t")
