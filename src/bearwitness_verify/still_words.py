"""Tells people, in words, what was proven of a still, and what rests on the vault's word."""

from __future__ import annotations

from collections.abc import Iterator

from .clip_words import clock
from .report import printable
from .still_proof import ProvenStill


def described(name: str, item: str, found: ProvenStill) -> Iterator[str]:
    """Yield what is proven of a still."""
    frame, layout = found.frame, found.frame.layout
    hidden = layout.count - found.shown
    yield (
        f"{name} is a frame of item {item}, track {frame.track}, at {clock(found.track.clock(frame.time))} "
        f"of the recording's clock, {layout.width} × {layout.height}; the vault committed to it in its log, "
        f"checkpoint of size {found.checkpoint}"
    )
    yield (
        f"{name}: {found.shown} of its {layout.count} tiles are shown, each exactly as committed to; "
        + (f"{hidden} are hidden, and are transparent in the picture" if hidden else "none is hidden")
    )


def trust(name: str, found: ProvenStill) -> str:
    """Return what a still's tiles rest on besides their proof."""
    frame = found.frame
    decoder = printable(f"{frame.codec} by {frame.decoder}")
    if frame.exact:
        return (
            f"{name}: decoded from {decoder}; every sound decoder gives these very samples, so whoever is "
            "given the item can check them"
        )
    return f"{name} is DERIVED: decoded from {decoder}; another decoder may differ in the last bits"
