"""What is said beside the proofs goes out too, and does not say where the source is to be looked for."""

from __future__ import annotations

from typing import Any

import pytest

from bearwitness.disclose import policies
from bearwitness.disclose.selection import Said, Selection
from bearwitness.errors import RefusedError
from bearwitness_verify.account import Answer


@pytest.mark.parametrize(
    ("what", "more"),
    [
        ("the ground", {"grounds": {"5f3a9c": "the source can be seen in it"}}),
        ("the ground", {"other_ground": "слышен источник"}),
        ("a condition", {"conditions": {"consent": "our source agreed by letter"}}),
        ("the reason", {"answers": (Answer("recalls", "00" * 32, "the informant's voice was left in"),)}),
        ("the name", {"statements": (Said("a guard", "5f3a9c", by="the source"),)}),
    ],
)
def test_no_text_that_goes_out_speaks_of_the_source(what: str, more: dict[str, Any]) -> None:
    with pytest.raises(RefusedError, match=f"{what}.* speaks of the source") as refused:
        Selection(**more).refuse_source()
    assert "goes out with the release" in str(refused.value.hint)


@pytest.mark.parametrize("name", policies.NAMES)
def test_what_the_profiles_say_themselves_is_not_refused(name: str) -> None:
    Selection(statements=(Said("the light source is above", "5f3a9c"),)).under(
        policies.load(name)
    ).refuse_source()
