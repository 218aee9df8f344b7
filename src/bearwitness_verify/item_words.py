"""Tells people, in words, what is shown of deliveries and items."""

from __future__ import annotations

from collections.abc import Mapping

from .canonical import Json, integer, nanoseconds, text, unb64
from .errors import ProofError
from .report import in_words, moment, printable, printable_path


def count(shown: int, fields: dict[str, Json]) -> str:
    """Return in words how much is shown, and of how much if the vault's entry says so."""
    total = fields.get("items")
    if total is None:
        return f"{shown} items; how many it holds is not shown"
    if integer(total, "the count of items") < shown:
        raise ProofError(f"{shown} items are shown of a delivery that holds {text(total)}")
    return f"{shown} of the {text(total)} items it holds"


def told(fields: dict[str, Json]) -> list[str]:
    """Return in words what else is shown of a sealed entry."""
    hidden = ("kind", "delivery", "items")
    return [
        f"{name}: {printable(in_words(value))}"
        for name, value in sorted(fields.items())
        if name not in hidden
    ]


def described(fields: Mapping[str, Json]) -> str:
    """Return in words what is shown of an item besides its content."""
    out = ""
    if "path" in fields:
        out += f", path {printable_path(unb64(fields['path'], 'a path'))}"
    fate = fields["fate"]
    if fate != {"type": "file"}:
        out += f", fate {printable(in_words(fate))}"
    if "mtime" in fields:
        out += f", modified {moment(nanoseconds(fields['mtime']))}"
    for name in sorted(set(fields) - {"path", "fate", "size", "sha256", "content", "mtime"}):
        out += f", {name} {printable(in_words(fields[name]))}"
    return out


def identity(fields: Mapping[str, Json]) -> str:
    """Return in words size and SHA-256, if shown: for an item whose bytes do not tell them."""
    out = ""
    if "size" in fields:
        out += f", size {integer(fields['size'], 'the size of an item')} bytes"
    if "sha256" in fields:
        out += f", SHA-256 {unb64(fields['sha256'], 'a SHA-256', 32).hex()}"
    return out
