"""What a file carries besides pictures and sound: tags, content credentials, traces of programs and places.

Read in the sandbox. What a file says of itself is a claim; that nothing was found says that nothing known
here is there.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any, Final

from bearwitness.errors import ChildFailedError
from bearwitness.sandbox.client import Sandbox

from .model import MediaError
from .plans import QUICK, Plan
from .source import Source
from .traces import PATTERNS

IMAGE: Final = "image"
FOOTAGE: Final = "video"
_ANSWER_BYTES_MAX: Final = 4 << 20
_TEXT_MAX: Final = 500
_SHAPE: Final = {"format": str, "tags": dict, "c2pa": list, "unread": list, "trouble": str}
_TRACES: Final = frozenset(name for _, name in PATTERNS)


@dataclass(frozen=True)
class Carried:
    """`format` as the reader calls it; `tags` by name, printable; `credentials`: where C2PA was found.

    `unread`: what of a picture, or of MP4, QuickTime, AVI and WAV, the reader left unread, by name.
    """

    format: str
    tags: dict[str, str]
    credentials: tuple[str, ...]
    traces: tuple[str, ...]
    unread: tuple[str, ...] = ()


def metadata(sandbox: Sandbox, source: Source, kind: str, *, plan: Plan = QUICK) -> Carried:
    """Return what `source`, an IMAGE or FOOTAGE (sound too), carries besides what it shows.

    Raises MediaError where it can not be read whole, ChildFailedError where the child failed or answered
    nonsense: then nothing is known.
    """
    files, ranges = source.handed()
    limits = plan.limits(_ANSWER_BYTES_MAX)
    told = _object(sandbox.call("metadata", kind.encode(), files, limits, ranges), source.name)
    if told["trouble"]:
        raise MediaError(f"what {source.name} carries can not be read whole: {_plain(told['trouble'])}")
    tags = {_plain(name): _plain(value) for name, value in told["tags"].items()}
    credentials = tuple(_plain(place) for place in told["c2pa"])
    unread = tuple(_plain(what) for what in told["unread"])
    return Carried(_plain(told["format"]), tags, credentials, traces(sandbox, source, plan=plan), unread)


def traces(sandbox: Sandbox, source: Source, *, plan: Plan = QUICK) -> tuple[str, ...]:
    """Return the names of the traces in the bytes of `source`, ascending; raise ChildFailedError."""
    files, ranges = source.handed()
    limits = plan.limits(_ANSWER_BYTES_MAX)
    found = _json(sandbox.call("traces", b"", files, limits, ranges), source.name)
    if not isinstance(found, list) or not all(isinstance(name, str) and name in _TRACES for name in found):
        raise _nonsense(source.name)
    return tuple(sorted(set(found)))


def _object(untrusted: bytes, name: str) -> dict[str, Any]:
    value = _json(untrusted, name)
    if not isinstance(value, dict) or value.keys() != _SHAPE.keys():
        raise _nonsense(name)
    if any(type(value[key]) is not kind for key, kind in _SHAPE.items()):
        raise _nonsense(name)
    if not all(isinstance(v, str) for v in (*value["tags"].values(), *value["c2pa"], *value["unread"])):
        raise _nonsense(name)
    return value


def _json(untrusted: bytes, name: str) -> object:
    try:
        return json.loads(untrusted)
    except (ValueError, RecursionError):
        raise _nonsense(name) from None


def _nonsense(name: str) -> ChildFailedError:
    return ChildFailedError(f"the child that reads what {name} carries answered nonsense")


def _plain(untrusted: str) -> str:
    return "".join(c for c in untrusted if c.isprintable())[:_TEXT_MAX].strip()
