"""One frame's samples exactly as decoded, with what decoded them: what proof stills are cut from.

The frame is named by the SHA-256 of its packet, so that no two clocks need agree on when it is shown.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from fractions import Fraction
from typing import Final

from bearwitness.errors import MalformedError
from bearwitness.sandbox.client import Sandbox
from bearwitness_verify import canonical
from bearwitness_verify.canonical import Json, b64, integer, members, text
from bearwitness_verify.errors import MalformedError as VerifyMalformedError
from bearwitness_verify.stills import EXACT, MATRICES, PIXELS, PIXELS_MAX, RANGES, SIDE_MAX, Layout

from .answers import HEAD_BYTES_MAX, nonsense, read_head
from .plans import USUAL, Plan
from .source import Source

_SAMPLE_BYTES_MAX: Final = 6  # a pixel, of three planes of two bytes


@dataclass(frozen=True)
class Planes:
    """A decoded frame: layout, planes of samples (luma, Cb, Cr), how they become colours.

    `exact`: the codec leaves its decoder no choice, and nothing the frame rests on was lost or made up.
    `turn`: quarters counterclockwise that show it upright.
    """

    layout: Layout
    codec: str
    decoder: str
    exact: bool
    matrix: str
    range: str
    turn: int
    planes: tuple[bytes, ...] = field(repr=False, compare=False)


def planes(
    sandbox: Sandbox, source: Source, *, packet: bytes, around: Fraction, track: int, plan: Plan = USUAL
) -> Planes:
    """Return the frame that comes of the packet whose bytes have the SHA-256 `packet`.

    `around` says about when it is shown, in seconds from the beginning, and `track` the number the
    container gives its track; both only make the search shorter. Raises MediaError where there is none,
    ChildFailedError where the child crashed, hung or answered nonsense.
    """
    wanted: dict[str, Json] = {
        "around": str(around),
        "digest": b64(packet),
        "threads": str(plan.threads),
        "track": str(track),
    }
    limits = plan.limits(HEAD_BYTES_MAX + PIXELS_MAX * _SAMPLE_BYTES_MAX)
    files, ranges = source.handed()
    untrusted = sandbox.call("planes", canonical.dumps(wanted), files, limits, ranges)
    try:
        return _planes(untrusted, source.name)
    except (MalformedError, VerifyMalformedError) as error:
        raise nonsense(source.name, str(error)) from None


def _planes(untrusted: bytes, name: str) -> Planes:
    head, at = read_head(untrusted, name, ": no still of it")
    got = members(head, "an answer", "codec damaged decoder height matrix pixels range turn v width")
    width, height = (integer(got[side], "a side", 1, SIDE_MAX) for side in ("width", "height"))
    words = {n: text(got[n]) for n in ("codec", "decoder", "matrix", "pixels", "range")}
    known = words["pixels"] in PIXELS and words["matrix"] in MATRICES and words["range"] in RANGES
    printable = words["codec"].isprintable() and words["decoder"].isprintable()
    if got["v"] != "1" or not known or not printable or width * height > PIXELS_MAX:
        raise MalformedError("a frame is not as asked for")
    layout = Layout(width, height, words["pixels"])
    cut: list[bytes] = []
    for number in range(len(layout.planes)):
        columns, rows = layout.side(number)
        cut.append(untrusted[at : at + columns * rows * layout.sample_bytes])
        at += columns * rows * layout.sample_bytes
    if at != len(untrusted):
        raise MalformedError("a frame has more or fewer samples than it tells")
    exact = got["damaged"] is False and words["codec"] in EXACT
    turn = integer(got["turn"], "a turn", 0, 3)
    return Planes(
        layout,
        words["codec"],
        words["decoder"][:200],
        exact,
        words["matrix"],
        words["range"],
        turn,
        tuple(cut),
    )
