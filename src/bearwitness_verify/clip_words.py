"""Tells people, in words, what was proven of a clip, and what is only stated."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction

from .account import WHOLE, Statement
from .clip_proof import ProvenClip
from .report import printable
from .rows import KEY, Track


def described(name: str, item: str, found: ProvenClip) -> Iterator[str]:
    """Yield what is proven of a clip, a line for each of its tracks and one for all."""
    yield (
        f"{name} is part of item {item}: 100 % of its packets, {found.bytes} bytes, are proven bit for bit, "
        "with their order, timing and decoder"
    )
    for track in found.tracks:
        begin, end = track.span
        leading = len(track.rows) - len(track.played)
        hidden = (
            f"; {leading} pictures before it, kept behind its key frame, are not shown" if leading else ""
        )
        if _goes_back(track):
            hidden = (
                f"; {leading} pictures timed before its first are NOT SHOWN, some of them BETWEEN shown "
                "ones: the recording's clock goes back"
            )
        if track.media == "video" and not track.rows[0].flags & KEY:
            hidden += "; it does not begin with a key frame"
        if track.edits is None:
            hidden += "; its edit list is not shown"
        yield (
            f"{name}: track {track.number}, {track.media} {printable(track.codec, 60)}, "
            f"{len(track.played)} packets, {clock(begin)} to {clock(end)} of the recording's clock{hidden}"
        )


def _goes_back(track: Track) -> bool:
    """Say whether pictures timed before the first follow shown ones: no key frame keeps them there."""
    leading = [track.is_leading(row) for row in track.rows[1:]]
    return leading != sorted(leading, reverse=True)


def stated(statement: Statement) -> str:
    """Return a statement for people; it is the vault's word and proves nothing by itself."""
    where = ""
    if statement.time is not None:
        begin, end = (clock(Fraction(time, 10**9)) for time in statement.time)
        where += f", {begin} to {end}"
    if statement.region is not None:
        region = statement.region
        across, down = (
            f"{100 * at / WHOLE:g}–{100 * (at + size) / WHOLE:g} %"
            for at, size in ((region.x, region.width), (region.y, region.height))
        )
        where += f", {across} from the left, {down} from the top"
    by = f" by {printable(statement.by)}" if statement.by else ""
    return f"statement{by} on item {statement.item}{where}: {printable(statement.text, 2000)}"


def clock(seconds: Fraction) -> str:
    """Return a time as hours, minutes, seconds and milliseconds."""
    milliseconds = round(abs(seconds) * 1000)
    minutes, rest = divmod(milliseconds, 60_000)
    sign = "-" if seconds < 0 else ""
    return f"{sign}{minutes // 60}:{minutes % 60:02}:{rest // 1000:02}.{rest % 1000:03}"
