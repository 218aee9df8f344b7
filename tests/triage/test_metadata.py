"""What files say of themselves: maker, moment, place, content credentials; claims, told as found."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bearwitness.catalogue.moments import read_moment
from bearwitness.errors import BearwitnessError, ChildFailedError
from bearwitness.triage.analyser import Material
from bearwitness.triage.metadata import Metadata
from triaged import jpeg

Make = Callable[[bytes], Material]


def facts(made: Material) -> dict[str, object]:
    return {fact.name: fact.value for fact in Metadata().begin(made).finish().facts}


def test_maker_moment_and_place_of_a_photograph_are_found(material: Make) -> None:
    found = facts(material(jpeg(maker="Kamera", place=True)))
    assert found["maker"] == "Kamera"
    assert found["device"] == "Model 7"
    assert found["moment"] == read_moment("2021-03-04T08:09:10")
    assert (found["latitude"], found["longitude"]) == (55.5, 37.26)
    assert found["c2pa"] == "absent"


@pytest.mark.parametrize(
    ("name", "wanted"),
    [
        ("phone-gps.mov", {"maker": "Apple", "latitude": 32.0929, "longitude": 34.862, "c2pa": "absent"}),
        ("iphone-receipt.jpg", {"maker": "Apple", "device": "iPhone 4", "latitude": 41.853}),
        ("exiftool-gps.jpg", {"maker": "FUJIFILM", "latitude": 54.989667, "longitude": -1.914167}),
        ("c2pa-signed.jpg", {"c2pa": "present"}),
        ("c2pa-bad-signature.jpg", {"c2pa": "present"}),
        ("c2pa-signed.mp4", {"c2pa": "present"}),
        ("c2pa-none.jpg", {"c2pa": "absent"}),
    ],
)
def test_files_of_the_corpus_say_what_is_known_of_them(
    material: Make, corpus: Path, name: str, wanted: dict[str, object]
) -> None:
    found = facts(material((corpus / "metadata" / name).read_bytes()))
    assert {key: found.get(key) for key in wanted} == wanted


def test_every_damaged_file_ends_in_a_result_or_a_reason(material: Make, corpus: Path) -> None:
    looked = 0
    for path in sorted((corpus / "damaged").iterdir()):
        made = material(path.read_bytes())
        if made.kind not in Metadata.kinds:
            continue
        with contextlib.suppress(BearwitnessError):
            assert "c2pa" in facts(made)
            looked += 1
    assert looked >= 5
    assert facts(material(jpeg(maker="K")))["maker"] == "K", "the sandbox serves on"


def test_a_file_of_which_nothing_can_be_read_is_a_failure_and_not_an_empty_result(material: Make) -> None:
    with pytest.raises(ChildFailedError, match="no metadata could be read"):
        facts(material(jpeg()[:20] + bytes(200)))


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("2021:03:04 08:09:10", 1614845350),
        ("2019-07-24T11:25:40+0300", 1563956740),
        ("2010-03-20T21:29:11.000000Z", 1269120551),
        ("0000:00:00 00:00:00", None),
        ("yesterday", None),
    ],
)
def test_moments_are_read_as_files_write_them(text: str, seconds: int | None) -> None:
    assert read_moment(text) == (None if seconds is None else seconds * 10**9)


@given(st.text())
def test_no_text_is_a_moment_that_breaks_the_reader(text: str) -> None:
    read_moment(text)
