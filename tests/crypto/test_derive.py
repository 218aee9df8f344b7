"""Salts and fillers: the formula of the document, and no two calls that hash the same bytes."""

from __future__ import annotations

import ast
import hashlib
import re
from itertools import permutations
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import naive
from bearwitness.crypto.derive import derive, keyed, new_secret
from scale import examples

ROOT = Path(__file__).parents[2]
SECRET = bytes(range(32))
LABELS = {
    "fields": 0,
    "content": 0,
    "tracks": 0,
    "salt": 1,
    "filler": 2,
    "offset": 1,
    "place": 1,
    "still": 2,
    "mark": 0,
}  # numbers each takes


@pytest.mark.parametrize(
    ("label", "numbers", "expected"),
    [
        ("fields", (), "a8c780308d20ee1f6e5fbd4e7d164da8e872e1bffff10fde0c4638bc00b8735b"),
        ("content", (), "d2fcb006ee325c2b6c6434192b9435ece87db5e054b31aee7ed5543fff2d9997"),
        ("tracks", (), "314443efb460baf650fb865b96325893fcdd3faccd7f047f3459d98cf671c50b"),
        ("salt", (0,), "643afa17586e74a3a1c8d2e4218af5696d21196e66e8c9e4db24a1829fdffaf1"),
        ("salt", (16,), "5a1a0221a84ff21fc6c6f635c9a1aaa65d68053b619378b30263f8c4df49f971"),
        ("filler", (3, 255), "255d6916c22e20da57d8360d71c8bc07431cf83ffd106954e2736a0c5411eb19"),
        ("offset", (0,), "fee6fe8c79b7372acae3501dd70ec9bfff30863974e47c0dd5e4ad1fa263691f"),
        ("place", (1,), "4d05447386da1afb05fdc3e8abd72b9bcfd7697fd55edb91a37cb0af079b57ad"),
    ],
)
def test_values_are_those_that_sha256sum_gave(label: str, numbers: tuple[int, ...], expected: str) -> None:
    assert derive(SECRET, label.encode(), *numbers).hex() == expected


@examples(200)
@given(st.binary(min_size=32, max_size=32), st.sampled_from(sorted(LABELS)), st.data())
def test_every_value_is_the_one_the_document_defines(secret: bytes, label: str, data: st.DataObject) -> None:
    count = LABELS[label]
    numbers = data.draw(st.lists(st.integers(0, 2**64 - 1), min_size=count, max_size=count))
    expected = naive.derive(secret, label, *numbers)
    assert derive(secret, label.encode(), *numbers) == expected
    tail = b"".join(n.to_bytes(8, "big") for n in numbers)
    assert hashlib.sha256(keyed(secret) + label.encode() + tail).digest() == expected


def test_no_label_is_the_beginning_of_another_so_no_two_calls_hash_the_same_bytes() -> None:
    for one, other in permutations(LABELS, 2):
        assert not one.startswith(other)


def test_the_labels_are_those_the_document_lists_with_the_numbers_it_says() -> None:
    sentence = (
        (ROOT / "docs/format.md").read_text().split("The labels of version 1", 1)[1].split("No label", 1)[0]
    )
    assert {name: int(count) for name, count in re.findall(r"`(\w+)` \((\d)\)", sentence)} == LABELS


def test_the_code_uses_no_other_label_and_no_label_with_another_count_of_numbers() -> None:
    found = set()
    for path in (ROOT / "src").rglob("*.py"):
        for call in ast.walk(ast.parse(path.read_text())):
            if isinstance(call, ast.Call) and isinstance(call.func, ast.Name) and call.func.id == "derive":
                label = call.args[1]
                assert isinstance(label, ast.Constant), f"{path}: a label that is not written out"
                found.add((label.value.decode(), len(call.args) - 2))
    assert found <= set(LABELS.items())
    assert {name for name, _ in found} == set(LABELS)


def test_a_number_beyond_64_bits_or_below_zero_is_refused_and_not_cut() -> None:
    for number in (2**64, -1):
        with pytest.raises(OverflowError):
            derive(SECRET, b"salt", number)


def test_secrets_are_32_bytes_and_never_the_same() -> None:
    made = {new_secret() for _ in range(50)}
    assert len(made) == 50
    assert {len(secret) for secret in made} == {32}
