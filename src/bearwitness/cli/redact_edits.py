"""How a plan is changed by options of `redact`: tracks, boxes, ranges of sound, and how things are hidden."""

from __future__ import annotations

import argparse
import re
from typing import Final

from bearwitness.errors import UsageError
from bearwitness.redact import operations
from bearwitness.redact.geometry import Box
from bearwitness.redact.plan import SPEAK, WHISPER, Plan

_MUTE: Final = "mute"
# Of a plan: speech is muted or changed once it is found.
_VOICES: Final = {"keep": "keep", _MUTE: "keep", "none": "mute", WHISPER: "keep", SPEAK: "keep"}
_NUMBER: Final = r"\d{1,9}(?:\.\d{1,6})?"
_BOX: Final = re.compile(rf"(\d+),(\d+),(\d+),(\d+)(?:@({_NUMBER})?-({_NUMBER})?)?\Z")
_RANGE: Final = re.compile(rf"({_NUMBER})-({_NUMBER})\Z")
_SPLIT: Final = re.compile(rf"(\d+)@({_NUMBER})\Z")
_BOX_SHOWN, _MUTE_SHOWN = ("--add-box", "10,20,200,40@0-12.5"), ("--mute", "12.5-14")
_SPLIT_SHOWN = ("--split", "3@12.5")


def require_edits(options: argparse.Namespace) -> None:
    """Raise UsageError for edits that can not be read, before hours of work and not after them."""
    for pattern, texts, option, example in (
        (_SPLIT, options.split, *_SPLIT_SHOWN),
        (_BOX, options.add_box, *_BOX_SHOWN),
        (_RANGE, options.mute, *_MUTE_SHOWN),
    ):
        for text in texts:
            _matched(pattern, text, option, example)


def edited(plan: Plan, options: argparse.Namespace) -> Plan:
    """Return the plan with all edits that were asked for; raise UsageError, RefusedError."""
    for text in options.split:
        number, seconds = _matched(_SPLIT, text, *_SPLIT_SHOWN)
        plan = operations.split(plan, int(number), float(seconds))
    if options.overlays is not None:
        plan = operations.set_overlays(plan, cover=options.overlays == "cover")
    if options.only:
        plan = operations.hide_only(plan, options.only)
    for number in options.keep:
        plan = operations.keep(plan, number)
    for number in options.hide:
        plan = operations.hide(plan, number)
    for text in options.add_box:
        x, y, w, h, begin, end = _matched(_BOX, text, *_BOX_SHOWN)
        plan = operations.add_box(
            plan, Box(int(x), int(y), max(1, int(w)), max(1, int(h))), _seconds(begin), _seconds(end)
        )
    ranges = [_matched(_RANGE, text, *_MUTE_SHOWN) for text in options.mute]
    plan = operations.set_policy(
        plan, fill=options.fill, voices=_VOICES.get(options.voices), inverted=options.all_but
    )
    return operations.mute(plan, [(_milli(a), _milli(b)) for a, b in ranges]) if ranges else plan


def _matched(pattern: re.Pattern[str], text: str, option: str, example: str) -> tuple[str, ...]:
    match = pattern.match(text)
    if match is None:
        raise UsageError(f"{text!r} is not what {option} takes", f"for example: {option} {example}")
    return match.groups()


def _seconds(text: str | None) -> float | None:
    return float(text) if text else None


def _milli(text: str) -> int:
    return round(float(text) * 1000)
