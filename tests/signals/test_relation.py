"""Copies are found whatever was done to them; other times at the same place, and empty pictures, are not."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from tests.signals import scenes

from bearwitness.signals.relation import compare, same_bytes
from bearwitness.signals.sketch import Sketch

EDITS = {
    "re-encoded": [],
    "cropped": [scenes.crop],
    "letterboxed": [scenes.letterbox],
    "mirrored": [scenes.mirror],
    "overlaid": [scenes.caption],
    "inset": [scenes.inset],
}


@pytest.fixture(scope="module")
def original() -> scenes.Video:
    return scenes.film(1, 1, shake=12)


@pytest.fixture(scope="module")
def original_sketch(original: scenes.Video) -> Sketch:
    return scenes.sketch(original)


@pytest.mark.parametrize("trait", EDITS)
def test_a_copy_is_found_and_what_was_done_to_it_is_named(
    original: scenes.Video, original_sketch: Sketch, trait: str
) -> None:
    found = compare(original_sketch, scenes.sketch(scenes.edited(original, *EDITS[trait])))
    assert found is not None
    assert found.kind == "copy"
    assert found.traits == {trait}
    assert found.changed == ("b" if trait in {"cropped", "letterboxed", "inset"} else None)
    (span,) = found.spans
    assert abs(span.a_start - span.b_start) < 0.01
    assert span.a_end > 3.5


@pytest.mark.parametrize("edit", [scenes.brighten, scenes.small], ids=["brighter", "small"])
def test_another_brightness_or_size_is_still_the_same_recording(
    original: scenes.Video, original_sketch: Sketch, edit: scenes.Edit
) -> None:
    found = compare(original_sketch, scenes.sketch(scenes.edited(original, edit)))
    assert found is not None
    assert (found.kind, found.traits) == ("copy", {"re-encoded"})


@pytest.mark.parametrize("shake", [0.0, 12.0], ids=["fixed camera", "hand-held"])
def test_a_contained_clip_is_found_with_its_times(shake: float) -> None:
    whole = scenes.film(2, 2, seconds=10, shake=shake)
    part = [(time - 3, picture) for time, picture in whole if 3 <= time < 7]
    other = scenes.film(3, 3, seconds=3)
    compilation = other + [(time + 3, picture) for time, picture in scenes.edited(part, scenes.mirror)]
    found = compare(scenes.sketch(whole), scenes.sketch(compilation))
    assert found is not None
    assert found.kind == "copy"
    assert {"mirrored", "partial"} <= found.traits
    (span,) = found.spans
    assert [span.a_start, span.a_end, span.b_start, span.b_end] == pytest.approx([3, 6.8, 3, 6.8], abs=0.25)
    alone = compare(scenes.sketch(whole), scenes.sketch(part))
    assert alone is not None
    assert "contained" in alone.traits
    assert alone.changed == "b"


def test_two_cuts_from_one_video_are_two_stretches() -> None:
    whole = scenes.film(4, 4, seconds=12)
    first = [(time - 1, picture) for time, picture in whole if 1 <= time < 4]
    second = [(time - 8 + 3, picture) for time, picture in whole if 8 <= time < 11]
    found = compare(scenes.sketch(whole), scenes.sketch(first + second))
    assert found is not None
    assert [round(span.a_start) for span in found.spans] == [1, 8]


def test_another_time_under_a_fixed_camera_is_a_lead_and_no_copy() -> None:
    found = compare(scenes.sketch(scenes.film(5, 5)), scenes.sketch(scenes.film(5, 6)))
    assert found is not None
    assert found.kind == "same-view"


@pytest.mark.parametrize("place", range(2))
def test_two_places_are_not_related(place: int) -> None:
    assert (
        compare(scenes.sketch(scenes.film(10 + place, 1, 3)), scenes.sketch(scenes.film(20 + place, 1, 3)))
        is None
    )


def test_videos_that_share_only_a_caption_are_not_related() -> None:
    one, other = (
        scenes.sketch(scenes.edited(scenes.film(place, place, 3), scenes.caption)) for place in (30, 31)
    )
    found = compare(one, other)
    assert found is None or found.kind != "copy"


@pytest.mark.parametrize("level", [0, 16, 128])
def test_empty_pictures_match_nothing_not_even_each_other(level: int, original_sketch: Sketch) -> None:
    empty = [(Fraction(i, 5), np.full((270, 480), level + i % 2, np.uint8)) for i in range(20)]
    assert compare(scenes.sketch(empty), scenes.sketch(empty)) is None
    assert compare(scenes.sketch(empty), original_sketch) is None


@pytest.mark.parametrize("turns", [1, 2, 3])
def test_a_turned_still_is_found_and_its_turn_told(turns: int) -> None:
    picture = scenes.film(6, 6, 1)[0][1]
    found = compare(scenes.still(picture), scenes.still(np.ascontiguousarray(np.rot90(picture, -turns))))
    assert found is not None
    assert found.kind == "copy"
    assert found.traits == {f"turned-{90 * turns}"}


def test_a_still_from_a_video_is_found_at_its_time() -> None:
    video = scenes.film(7, 7, shake=12)
    found = compare(scenes.sketch(video), scenes.still(scenes.crop(video[30][1])))
    assert found is not None
    assert found.kind == "copy"
    assert found.spans[0].a_start == pytest.approx(3.0, abs=0.2)


def test_same_bytes_needs_no_look_at_pictures() -> None:
    assert same_bytes().kind == "same-bytes"


def test_a_part_is_found_in_key_frames_of_a_long_recording_with_its_times() -> None:
    whole = scenes.film(1, 1, 12)
    keys = [(time, picture) for time, picture in whole if time % 2 == 0]
    part = [(time - Fraction(5, 2), picture) for time, picture in whole if Fraction(5, 2) <= time < 11]
    found = compare(scenes.sketch(keys), scenes.sketch(scenes.edited(part, scenes.mirror)))
    assert found is not None
    assert found.kind == "copy"
    assert "mirrored" in found.traits
    (span,) = found.spans
    assert abs(span.a_start - span.b_start - 2.5) < 0.2
    other = compare(scenes.sketch(keys), scenes.sketch(scenes.film(1, 2, 8)))
    assert other is None or other.kind == "same-view"
