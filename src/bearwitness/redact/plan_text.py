"""Plans as text that people can read and edit: JSON with one box a line; read back strictly.

An unknown member, a box outside the picture, a time that is no frame's: refused. The digest of a plan is
the SHA-256 of its canonical form (docs/format.md, 1.1), so that layout does not matter.
"""

from __future__ import annotations

import hashlib
import itertools
import json
import re
from fractions import Fraction
from typing import Final

from bearwitness.errors import MalformedError
from bearwitness_verify import canonical
from bearwitness_verify.canonical import Json, array, integer, members, text

from .geometry import Box
from .plan import (
    BY_ATTACK,
    BY_MACHINE,
    BY_PEOPLE,
    CHANGES,
    FILLS,
    KINDS,
    MARK,
    PRECISIONS,
    SPEAK,
    VOICES,
    Detector,
    Doubt,
    Ends,
    Picture,
    Plan,
    Source,
    Track,
    Utterance,
)

FORMAT: Final = "bearwitness redaction plan"
VERSION: Final = "1"
PLAN_BYTES_MAX: Final = 256 << 20  # ten hours with some faces
_SIDE_MAX: Final = 1 << 16
_TIME_MAX: Final = 1 << 62
_HEX = re.compile(r"[0-9a-f]{64}\Z")
_BASE = re.compile(r"([1-9][0-9]{0,9})/([1-9][0-9]{0,9})\Z")
_NAMES: Final = "detectors doubts fill format frames inverted metadata muted picture source tracks v voices"


def write(plan: Plan) -> str:
    """Return `plan` as text."""
    return json.dumps(_value(plan), indent=1, ensure_ascii=True) + "\n"


def digest(plan: Plan) -> str:
    """Return the SHA-256 that stands for `plan`, in hexadecimal."""
    return hashlib.sha256(canonical.dumps(_value(plan))).hexdigest()


def read(data: bytes) -> Plan:
    """Return the plan that `data` holds; raise MalformedError with the first thing that is wrong."""
    if len(data) > PLAN_BYTES_MAX:
        raise MalformedError("a plan is longer than any may be")
    try:
        value: Json = json.loads(data.decode("utf-8"), object_pairs_hook=_no_twice)
        canonical.dumps(value)
    except (ValueError, RecursionError):
        raise MalformedError("the plan is not JSON in UTF-8") from None
    more = isinstance(value, dict) and "changed" in value
    loose = isinstance(value, dict) and "ends" in value
    marked = isinstance(value, dict) and "mark" in value
    found = members(value, "the plan", _NAMES + " changed" * more + " ends" * loose + " mark" * marked)
    _one_of(found["format"], "the format of the plan", (FORMAT,))
    _one_of(found["v"], "the version of the plan", (VERSION,))
    _one_of(found["metadata"], "what is done with metadata", ("remove",))
    picture = _read_picture(found["picture"])
    times = _read_runs(found["frames"])
    known = frozenset(times)
    plan = Plan(
        source=_read_source(found["source"]),
        picture=picture,
        times=times,
        detectors=tuple(_read_detector(one) for one in array(found["detectors"], "the detectors")),
        tracks=tuple(_read_track(one, picture, known) for one in array(found["tracks"], "the tracks")),
        doubts=tuple(_read_doubt(one, known) for one in array(found["doubts"], "the doubts")),
        fill=_one_of(found["fill"], "the fill", FILLS),
        voices=_one_of(found["voices"], "what is done with voices", VOICES),
        muted=tuple(_read_range(one) for one in array(found["muted"], "the muted ranges")),
        inverted=_flag(found["inverted"], "whether all but the regions is hidden"),
        changed=tuple(_read_utterance(one) for one in array(found["changed"], "the changed ranges"))
        if more
        else (),
        ends=_read_ends(found["ends"], len(times)) if loose else None,
        mark=_one_of(found["mark"], "how the mark of the plan is put in", (MARK,)) if marked else "",
    )
    numbers = [track.number for track in plan.tracks]
    if len(set(numbers)) != len(numbers):
        raise MalformedError("two tracks of the plan have one number")
    if (plan.muted or plan.changed) and plan.voices != "ranges":
        raise MalformedError("the plan names ranges of sound, muted or changed, but does not mute ranges")
    if more and not plan.changed:
        raise MalformedError("the plan has a list of changed ranges with nothing in it")
    if any(after.begin < before.end for before, after in itertools.pairwise(plan.changed)):
        raise MalformedError("changed ranges of the plan overlap or are not in order")
    return plan


def runs(times: tuple[int, ...]) -> list[str]:
    """Return ascending times as runs ``first step count``."""
    found: list[tuple[int, int, int]] = []
    for time in times:
        if found:
            first, step, count = found[-1]
            if count == 1:
                found[-1] = (first, time - first, 2)
                continue
            if time == first + step * count:
                found[-1] = (first, step, count + 1)
                continue
        found.append((time, 1, 1))
    return [f"{first} {step} {count}" for first, step, count in found]


def _value(plan: Plan) -> dict[str, Json]:
    picture = plan.picture
    base = picture.time_base
    changed: list[Json] = [
        {
            "from": str(one.begin), "how": one.how, "language": one.language, "to": str(one.end),
            "words": one.words,
        }
        for one in plan.changed
    ]  # fmt: skip
    more: dict[str, Json] = {"changed": changed} if changed else {}
    if (ends := plan.ends) is not None:
        more["ends"] = {
            "begin": str(ends.begin), "end": str(ends.end), "most": str(ends.most), "salt": ends.salt,
        }  # fmt: skip
    if plan.mark:
        more["mark"] = plan.mark
    return more | {
        "format": FORMAT,
        "v": VERSION,
        "source": {"sha256": plan.source.sha256, "size": str(plan.source.size)},
        "picture": {
            "width": str(picture.width),
            "height": str(picture.height),
            "time_base": f"{base.numerator}/{base.denominator}",
            "quarter_turns": str(picture.quarter_turns),
        },
        "fill": plan.fill,
        "inverted": plan.inverted,
        "voices": plan.voices,
        "muted": [f"{begin} {end}" for begin, end in plan.muted],
        "metadata": "remove",
        "detectors": [
            {
                "name": d.name,
                "precision": d.precision,
                "sha256": d.sha256,
                "scales": list(d.scales),
                "threshold": str(d.threshold),
            }
            for d in plan.detectors
        ],
        "frames": list(runs(plan.times)),
        "doubts": [_doubt_value(doubt) for doubt in plan.doubts],
        "tracks": [_track_value(track) for track in plan.tracks],
    }


def _track_value(track: Track) -> dict[str, Json]:
    says: dict[str, Json] = {"says": track.says} if track.says else {}
    return says | {
        "number": str(track.number),
        "kind": track.kind,
        "hide": track.hide,
        "by": track.by,
        "boxes": [f"{time} {b.x} {b.y} {b.w} {b.h}" for time, b in sorted(track.boxes.items())],
    }


def _doubt_value(doubt: Doubt) -> dict[str, Json]:
    b = doubt.box
    where: dict[str, Json] = {} if b is None else {"box": f"{b.x} {b.y} {b.w} {b.h}"}
    return where | {"time": str(doubt.time), "reason": doubt.reason}


def _no_twice(pairs: list[tuple[str, Json]]) -> dict[str, Json]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a member stands there twice")
    return found


def _one_of(value: Json, what: str, choices: tuple[str, ...]) -> str:
    if value not in choices:
        raise MalformedError(f"{what} is not {' or '.join(choices)}")
    return str(value)


def _flag(value: Json, what: str) -> bool:
    if not isinstance(value, bool):
        raise MalformedError(f"{what} is not true or false")
    return value


def _numbers(value: Json, what: str, count: int, low: int = 0) -> list[int]:
    parts = text(value, what).split(" ")
    if len(parts) != count:
        raise MalformedError(f"{what} is not {count} numbers")
    return [integer(part, what, low, _TIME_MAX) for part in parts]


def _hash(value: Json, what: str) -> str:
    if not _HEX.match(text(value, what)):
        raise MalformedError(f"{what} is not a SHA-256 in hexadecimal")
    return text(value, what)


def _read_source(value: Json) -> Source:
    found = members(value, "the source of the plan", "sha256 size")
    return Source(_hash(found["sha256"], "the hash of the source"), integer(found["size"], "its size"))


def _read_picture(value: Json) -> Picture:
    found = members(value, "the picture of the plan", "height quarter_turns time_base width")
    base = _BASE.match(text(found["time_base"], "the time base"))
    if base is None:
        raise MalformedError("the time base of the plan is not a fraction")
    return Picture(
        integer(found["width"], "the width of the picture", 1, _SIDE_MAX),
        integer(found["height"], "the height of the picture", 1, _SIDE_MAX),
        Fraction(int(base[1]), int(base[2])),
        integer(found["quarter_turns"], "the quarter turns", 0, 3),
    )


def _read_runs(value: Json) -> tuple[int, ...]:
    times: list[int] = []
    for one in array(value, "the frames"):
        first, step, count = _numbers(one, "a run of frames", 3, -_TIME_MAX)
        if step < 1 or not 1 <= count <= 10_000_000 or (times and first <= times[-1]):
            raise MalformedError("the frames of the plan are not in ascending order")
        times += range(first, first + step * count, step)
    return tuple(times)


def _read_detector(value: Json) -> Detector:
    found = members(value, "a detector", "name precision scales sha256 threshold")
    return Detector(
        text(found["name"], "the name of a detector"),
        _hash(found["sha256"], "the hash of a detector"),
        tuple(text(one, "a scale") for one in array(found["scales"], "the scales")),
        integer(found["threshold"], "a threshold", 0, 1000),
        _one_of(found["precision"], "the precision of a detector", PRECISIONS),
    )


def _read_track(value: Json, picture: Picture, times: frozenset[int]) -> Track:
    told = " says" if isinstance(value, dict) and "says" in value else ""
    found = members(value, "a track", "boxes by hide kind number" + told)
    number = integer(found["number"], "the number of a track", 1, 1 << 31)
    boxes: dict[int, Box] = {}
    for one in array(found["boxes"], f"the boxes of track {number}"):
        time, x, y, w, h = _numbers(one, f"a box of track {number}", 5, -_TIME_MAX)
        if time not in times or time in boxes:
            raise MalformedError(
                f"track {number} has a box at {time}, where no frame is or one stands already"
            )
        if min(x, y) < 0 or min(w, h) < 1 or x + w > picture.width or y + h > picture.height:
            raise MalformedError(f"track {number} has a box at {time} that is not on the picture")
        boxes[time] = Box(x, y, w, h)
    if not boxes:
        raise MalformedError(f"track {number} has no box")
    return Track(
        number,
        _one_of(found["kind"], f"the kind of track {number}", KINDS),
        _flag(found["hide"], f"whether track {number} is hidden"),
        _one_of(found["by"], f"who made track {number}", (BY_MACHINE, BY_PEOPLE, BY_ATTACK)),
        boxes,
        text(found["says"], f"what track {number} says") if told else "",
    )


def _read_doubt(value: Json, times: frozenset[int]) -> Doubt:
    where = isinstance(value, dict) and "box" in value
    found = members(value, "a doubt", "reason time" + " box" * where)
    time = integer(found["time"], "the time of a doubt", -_TIME_MAX, _TIME_MAX)
    if time not in times:
        raise MalformedError(f"the plan doubts a frame at {time}, where none is")
    box = None
    if where:
        x, y, w, h = _numbers(found["box"], "the box of a doubt", 4, -_SIDE_MAX)
        box = Box(x, y, max(1, w), max(1, h))
    return Doubt(time, text(found["reason"], "the reason of a doubt"), box)


def _read_ends(value: Json, frames: int) -> Ends:
    found = members(value, "the ends of the plan", "begin end most salt")
    begin = integer(found["begin"], "how many frames are left out at the beginning", 1, max(1, frames))
    end = integer(found["end"], "how many frames are left out at the end", 1, max(1, frames))
    if begin + end >= frames:
        raise MalformedError("the plan leaves out all frames")
    most = integer(found["most"], "how much at most is left out", 1, _TIME_MAX)
    return Ends(begin, end, most, _hash(found["salt"], "the salt of the plan"))


def _read_utterance(value: Json) -> Utterance:
    found = members(value, "a changed range", "from how language to words")
    begin = integer(found["from"], "the beginning of a changed range", 0, _TIME_MAX)
    one = Utterance(
        begin,
        integer(found["to"], "the end of a changed range", begin + 1, _TIME_MAX),
        _one_of(found["how"], "how a voice is changed", CHANGES),
        text(found["language"], "the language of a changed range"),
        text(found["words"], "the words of a changed range"),
    )
    if (one.how == SPEAK) != bool(one.words and one.language):
        raise MalformedError("a changed range is spoken without words, or has words that are not spoken")
    return one


def _read_range(value: Json) -> tuple[int, int]:
    begin, end = _numbers(value, "a muted range", 2)
    if end <= begin:
        raise MalformedError("a muted range ends before it begins")
    return begin, end
