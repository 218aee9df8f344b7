"""What a container says of itself: streams, codecs, sizes, times. Claims, read strictly; none is proven."""

from __future__ import annotations

import re
from fractions import Fraction
from typing import Final

from bearwitness.errors import ChildFailedError, MalformedError
from bearwitness.sandbox.client import Sandbox
from bearwitness_verify import canonical
from bearwitness_verify.canonical import Json, array, integer, members, text, unb64

from .model import STREAMS_MAX, Facts, MediaError, Stream
from .plans import QUICK, Plan
from .source import Source

_ANSWER_BYTES_MAX: Final = 32 << 20
_RATIO: Final = re.compile(r"(0|-?[1-9][0-9]{0,30})/([1-9][0-9]{0,18})\Z")
_KINDS: Final = ("video", "audio", "subtitle", "data", "attachment")
_TEXT_CHARACTERS_MAX: Final = 10_500  # a thousand, each written as an escape
_FACTS: Final = "bit_rate chapters container duration metadata start"
_STREAM: Final = """
    bit_rate channels codec colour decodes dispositions duration extradata frames height index kind language
    layout metadata pixel_aspect pixel_format profile rate rotation sample_rate start tag time_base width
"""


def probe(sandbox: Sandbox, source: Source, *, plan: Plan = QUICK) -> Facts:
    """Return what the container of `source` says; the first frame of each video stream is decoded.

    Raises MediaError with the reason for what is no footage or sound or can not be opened, ChildFailedError
    where the child crashed, hung or answered nonsense.
    """
    files, ranges = source.handed()
    untrusted = sandbox.call("probe", b"", files, plan.limits(_ANSWER_BYTES_MAX), ranges)
    try:
        return _facts(canonical.loads(untrusted, "an answer"), source.name)
    except MalformedError as error:
        raise ChildFailedError(
            f"the child that probes {source.name} answered nonsense: {error.message}"
        ) from None


def _facts(untrusted: Json, name: str) -> Facts:
    if isinstance(untrusted, dict) and untrusted.keys() == {"refused", "v"}:
        raise MediaError(f"{name} can not be read as footage or sound: {_text(untrusted['refused'])}")
    got = members(untrusted, "an answer", "facts streams v")
    facts = members(got["facts"], "facts", _FACTS)
    listed = array(got["streams"], "streams")
    if len(listed) > STREAMS_MAX or got["v"] != "1":
        raise MalformedError("an answer is of a version not known here")
    streams = tuple(_stream(each, number) for number, each in enumerate(listed))
    return Facts(
        _text(facts["container"]),
        _ratio(facts["start"]),
        _ratio(facts["duration"]),
        integer(facts["bit_rate"]),
        integer(facts["chapters"]),
        _pairs(facts["metadata"]),
        streams,
    )


def _stream(untrusted: Json, number: int) -> Stream:
    got = members(untrusted, "a stream", _STREAM)
    kind = text(got["kind"])
    decodes = got["decodes"]
    if integer(got["index"]) != number or kind not in _KINDS or not isinstance(decodes, bool):
        raise MalformedError("a stream is not as streams are")
    return Stream(
        index=number,
        kind=kind,
        codec=_text(got["codec"]),
        profile=_text(got["profile"]),
        tag=_text(got["tag"]),
        time_base=_ratio(got["time_base"]),
        start=_ratio(got["start"]),
        duration=_ratio(got["duration"]),
        frames=integer(got["frames"]),
        width=integer(got["width"]),
        height=integer(got["height"]),
        pixel_format=_text(got["pixel_format"]),
        pixel_aspect=_ratio(got["pixel_aspect"]),
        rotation=integer(got["rotation"], "a rotation", -360, 360),
        rate=_ratio(got["rate"]),
        sample_rate=integer(got["sample_rate"]),
        channels=integer(got["channels"]),
        layout=_text(got["layout"]),
        bit_rate=integer(got["bit_rate"]),
        language=_text(got["language"]),
        dispositions=tuple(_text(name) for name in array(got["dispositions"])),
        decodes=decodes,
        metadata=_pairs(got["metadata"]),
        colour=_colour(got["colour"]),
        extradata=unb64(got["extradata"]),
    )


def _colour(value: Json) -> tuple[int, int, int, int]:
    numbers = [integer(number, "a number for colour", 0, 255) for number in array(value, "a colour")]
    if len(numbers) != 4:
        raise MalformedError("a colour is not four numbers")
    return numbers[0], numbers[1], numbers[2], numbers[3]


def _pairs(value: Json) -> tuple[tuple[str, str], ...]:
    pairs = [array(pair, "a tag") for pair in array(value, "tags")]
    if any(len(pair) != 2 for pair in pairs):
        raise MalformedError("a tag is no pair")
    return tuple((_text(name), _text(content)) for name, content in pairs)


def _text(value: Json) -> str:
    found = text(value)
    if len(found) > _TEXT_CHARACTERS_MAX or not found.isprintable():
        raise MalformedError("a text is too long or not printable")
    return found


def _ratio(value: Json) -> Fraction | None:
    if value is None:
        return None
    found = _RATIO.match(text(value, "a ratio"))
    if not found:
        raise MalformedError("a ratio is none")
    return Fraction(int(found[1]), int(found[2]))
