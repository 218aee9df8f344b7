"""Tells people, in words, what of a redacted copy is the original's, and what was altered."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from .clip_words import clock
from .copies import Derivation
from .copy_proof import ProvenCopy, Span
from .report import printable


def described(name: str, item: str, told: Derivation, size: int, found: ProvenCopy | None) -> Iterator[str]:
    """Yield what is proven of a copy: whose it is, by which plan, which pictures are the original's."""
    yield (
        f"{name} is an ALTERED copy of item {item}, entered in the vault's log (checkpoint of size {size}), "
        f"made by {printable(told.tool)} {printable(told.version)} ({printable(told.build)}) "
        f"by the plan {told.plan}"
    )
    if told.ends is not None:
        yield (
            f"{name}: by its entry it was encoded anew as a whole, and a random part of its beginning and "
            f"end, up to {told.ends / 1000:g} s each and at most a tenth of the recording, was left out: its "
            "length is not the recording's, and times in it are its own"
        )
    if told.mark:
        yield (
            f"{name}: by its entry there is a faint MARK in every picture of it, by which those who made it "
            "can tell to whom they gave this copy: its pictures are not those of other copies"
        )
    if found is None:
        return
    yield (
        f"{name}: {found.copied} of its {found.pictures} pictures are the sealed file's, bit for bit, "
        f"at their times: {in_words(found.spans)} of the recording's clock"
    )


def unproven(name: str, approvals: int, found: ProvenCopy | None) -> Iterator[str]:
    """Yield what a reader must not take for proven."""
    if found is None:
        yield f"{name}: all of it counts as altered; no picture and no sound of it is proven"
    else:
        altered = in_words(others(found))
        yield f"{name}: ALTERED: {altered or 'no picture'}{'; and all sound' if found.sounds else ''}"
    people = "1 person" if approvals == 1 else f"{approvals} people"
    yield f"{name}: the vault says, without proof, that {people} approved the plan by which it was altered"


def others(found: ProvenCopy) -> list[Span]:
    """Return the spans of a copy that are not proven."""
    out, at = [], found.begin
    for begin, end in found.spans:
        if begin > at:
            out.append((at, begin))
        at = max(at, end)
    if found.end > at:
        out.append((at, found.end))
    return out


def in_words(spans: Sequence[Span]) -> str:
    """Return spans for people, in seconds of the clock."""
    return ", ".join(f"{clock(begin)} to {clock(end)}" for begin, end in spans)
