"""What a release says of a redacted copy, read strictly (docs/format.md, 11.6). Nothing is proven here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from . import canonical
from .canonical import Json, integer, members, unb64
from .clips import Segments, Table, parse_segments, parse_table, runs_of
from .errors import MalformedError, ProofError

_HEX = frozenset("0123456789abcdef")
APPROVALS_MAX = 1000


@dataclass(frozen=True)
class Copied:
    """Which samples of a copy are packets of the original, and what proves those packets."""

    samples: tuple[tuple[int, int], ...]
    table: Table
    segments: Segments


@dataclass(frozen=True)
class Derivation:
    """What the log says of a redacted copy: digest of copy and plan, tool, container.

    `ends`: it is said to be encoded anew, without up to so many milliseconds at either end; `mark`: with a
    mark in every picture, by which those who made it can tell for whom.
    """

    copy: str
    plan: str
    tool: str
    version: str
    build: str
    container: str
    ends: int | None = None
    mark: bool = False


def parse_copied(value: Json) -> Copied:
    """Read which parts of a copy are copied; raise MalformedError."""
    got = members(value, "what is copied", "samples segments table")
    runs = runs_of(unb64(got["samples"], "the samples that are copied"))
    return Copied(runs, parse_table(got["table"]), parse_segments(got["segments"]))


def parse_approvals(value: Json) -> int:
    """Read how many people approved a plan; raise MalformedError."""
    return integer(value, "how many people approved a plan", 0, APPROVALS_MAX)


def derivation(fields: Mapping[str, Json], item: str) -> Derivation:
    """Return what a proven entry `derived` says of the redacted copy it brought; raise ProofError."""
    if fields.get("item") != item:
        raise ProofError("the copy was made of another item than the one it is shown for")
    if "redaction" not in fields:
        raise ProofError("the entry shown does not say which redacted copy it brought")
    names = "build container copy detectors plan tool version"
    got = members(fields["redaction"], "a redaction", names, "ends mark")
    for value in canonical.array(got["detectors"], "the detectors of a redaction"):
        members(value, "a detector", "name precision scales sha256")
    told = {
        name: canonical.text(got[name], f"the {name} of a redaction")
        for name in names.split()
        if name != "detectors"
    }
    for name in ("copy", "plan"):
        if len(told[name]) != 64 or not _HEX.issuperset(told[name]):
            raise MalformedError(f"the {name} of a redaction is no SHA-256")
    ends = integer(got["ends"], "the ends of a redaction", 1) if "ends" in got else None
    if "mark" in got:
        integer(got["mark"], "the mark of a redaction", 1)
    return Derivation(**told, ends=ends, mark="mark" in got)
