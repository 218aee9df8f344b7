"""Plans as text: what is written is read back, and nothing else is read."""

from __future__ import annotations

import json
from dataclasses import replace
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bearwitness.errors import MalformedError, RefusedError
from bearwitness.redact import plan_text
from bearwitness.redact.geometry import Box
from bearwitness.redact.plan import (
    FILLS,
    KINDS,
    Detector,
    Doubt,
    Picture,
    Plan,
    Source,
    Track,
    Utterance,
    require_for,
    source_of,
)

SOURCE = Source("ab" * 32, 1234)
DETECTOR = Detector("centerface", "cd" * 32, ("1×",), 100)


def plan(**changes: Any) -> Plan:
    times = tuple(range(100, 5220, 512))
    track = Track(
        1, "face", hide=True, by="machine", boxes={times[1]: Box(1, 2, 30, 40), times[2]: Box(2, 2, 30, 40)}
    )
    whole = Plan(
        SOURCE,
        Picture(320, 240, Fraction(1, 12800)),
        times,
        (DETECTOR,),
        (track,),
        (Doubt(times[3], "dim"), Doubt(times[4], "small", Box(4, 5, 6, 7))),
    )
    return replace(whole, **changes)


def altered(change: Any) -> bytes:
    value = json.loads(plan_text.write(plan()))
    change(value)
    return json.dumps(value).encode()


@st.composite
def plans(draw: st.DrawFn) -> Plan:
    steps = draw(st.lists(st.integers(1, 5000), min_size=1, max_size=30))
    times, at = [], draw(st.integers(-(10**6), 10**6))
    for step in steps:
        times.append(at)
        at += step
    boxes = st.builds(Box, st.integers(0, 300), st.integers(0, 220), st.integers(1, 20), st.integers(1, 20))
    tracks = tuple(
        Track(
            number,
            draw(st.sampled_from(KINDS)),
            draw(st.booleans()),
            draw(st.sampled_from(["machine", "people", "attack"])),
            draw(st.dictionaries(st.sampled_from(times), boxes, min_size=1, max_size=5)),
        )
        for number in range(1, 1 + draw(st.integers(0, 4)))
    )
    ranges = draw(st.lists(st.tuples(st.integers(0, 900), st.integers(901, 2000)), max_size=3))
    picture = Picture(320, 240, Fraction(1, draw(st.integers(1, 90000))), draw(st.integers(0, 3)))
    return Plan(
        SOURCE, picture, tuple(times), (DETECTOR,), tracks, (), draw(st.sampled_from(FILLS)),
        "ranges" if ranges else "keep", tuple(ranges), draw(st.booleans()),
    )  # fmt: skip


@given(plans())
def test_a_plan_that_is_written_is_read_back_as_it_was(one: Plan) -> None:
    assert plan_text.read(plan_text.write(one).encode()) == one


def test_layout_does_not_change_what_a_plan_is() -> None:
    squeezed = json.dumps(json.loads(plan_text.write(plan()))).encode()
    assert plan_text.digest(plan_text.read(squeezed)) == plan_text.digest(plan())


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda v: v.update(extra="1"), "unknown member"),
        (lambda v: v.pop("fill"), "lacks fill"),
        (lambda v: v.update(v="2"), "version"),
        (lambda v: v.update(fill="sepia"), "fill"),
        (lambda v: v.update(metadata="keep"), "metadata"),
        (lambda v: v["tracks"][0].update(hide="no"), "true or false"),
        (lambda v: v["tracks"][0]["boxes"].append("613 0 0 10 10"), "where no frame is"),
        (lambda v: v["tracks"][0]["boxes"].append("612 300 0 30 10"), "where no frame is"),
        (lambda v: v["tracks"][0].update(boxes=["612 300 0 30 10"]), "not on the picture"),
        (lambda v: v["tracks"][0].update(boxes=[]), "no box"),
        (lambda v: v["tracks"].append(v["tracks"][0]), "one number"),
        (lambda v: v.update(frames=["100 512 5", "100 512 5"]), "ascending"),
        (lambda v: v.update(muted=["5 3"]), "ends before"),
        (lambda v: v.update(muted=["3 5"]), "does not mute ranges"),
        (lambda v: v["source"].update(sha256="AB" * 32), "SHA-256"),
        (lambda v: v["picture"].update(time_base="0/1"), "fraction"),
        (lambda v: v["doubts"][0].update(time="101"), "where none is"),
    ],
)
def test_a_plan_with_anything_wrong_is_refused(change: Any, says: str) -> None:
    with pytest.raises(MalformedError, match=says):
        plan_text.read(altered(change))


def test_a_member_that_stands_twice_is_refused() -> None:
    twice = plan_text.write(plan()).replace('"fill": "solid"', '"fill": "blur", "fill": "solid"')
    with pytest.raises(MalformedError, match="not JSON"):
        plan_text.read(twice.encode())


@given(st.binary(max_size=200))
def test_noise_is_refused_in_a_sentence(noise: bytes) -> None:
    with pytest.raises(MalformedError):
        plan_text.read(noise)


def test_a_plan_for_another_file_is_refused() -> None:
    other = source_of(iter([b"another file"]))
    with pytest.raises(RefusedError, match="not made for clip"):
        require_for(plan(), other, "clip.mp4")
    require_for(plan(), SOURCE, "clip.mp4")


UTTERANCES = (Utterance(0, 900, "whisper"), Utterance(900, 2000, "speak", "ru", "Он не знал."))


def test_changed_voices_are_read_back_and_a_plan_without_them_is_written_as_before() -> None:
    changed = plan(voices="ranges", muted=((2000, 3000),), changed=UTTERANCES)
    assert plan_text.read(plan_text.write(changed).encode()) == changed
    assert "changed" not in json.loads(plan_text.write(plan()))
    assert plan_text.digest(changed) != plan_text.digest(replace(changed, changed=UTTERANCES[:1]))


@pytest.mark.parametrize(
    "spoiled",
    [
        {"voices": "keep", "changed": UTTERANCES},
        {"voices": "ranges", "changed": UTTERANCES[::-1]},
        {"voices": "ranges", "changed": (Utterance(0, 900, "pitch"),)},
        {"voices": "ranges", "changed": (Utterance(0, 900, "speak", "en"),)},
        {"voices": "ranges", "changed": (Utterance(0, 900, "whisper", "en", "words"),)},
        {"voices": "ranges", "changed": (Utterance(900, 900, "whisper"),)},
    ],
)
def test_changed_voices_that_make_no_sense_are_refused(spoiled: dict[str, Any]) -> None:
    with pytest.raises(MalformedError):
        plan_text.read(plan_text.write(plan(**spoiled)).encode())
    empty = json.loads(plan_text.write(plan(voices="ranges"))) | {"changed": []}
    with pytest.raises(MalformedError):
        plan_text.read(json.dumps(empty).encode())
