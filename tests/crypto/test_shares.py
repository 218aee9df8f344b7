"""Keys on paper: any k of n shares give the key back, fewer or foreign ones never do."""

from __future__ import annotations

import os
from itertools import combinations

import pytest
import shamir_mnemonic

from bearwitness.crypto import shares
from bearwitness.errors import KeyUnlockError, UsageError

SECRET = bytes(range(32))
# SLIP-39, vectors.json: number 2 (checksum wrong) and number 3 (padding wrong)
WORDS = (
    "duckling enlarge academic academic {} result length solution fridge kidney coal piece deal husband erode"
)
PUBLISHED_WRONG = [
    WORDS.format("agency") + " duke ajar critical decision kidney",
    WORDS.format("email") + " duke ajar music cargo fitness",
]


@pytest.mark.parametrize(("needed", "made"), [(2, 2), (2, 3), (3, 5), (4, 4), (2, 16)])
def test_any_threshold_of_shares_gives_the_key_and_one_less_does_not(needed: int, made: int) -> None:
    mnemonics = shares.split(SECRET, needed, made)
    assert len(set(mnemonics)) == made
    chosen = list(combinations(mnemonics, needed))
    for some in chosen[:3] + chosen[-3:]:
        assert shares.combine(some) == shares.combine(some[::-1]) == SECRET
    for few in (mnemonics[: needed - 1], [mnemonics[0]] * needed):
        with pytest.raises(KeyUnlockError, match="do not fit together"):
            shares.combine(few)


def test_more_shares_than_needed_are_no_harm() -> None:
    mnemonics = shares.split(SECRET, 2, 4)
    assert shares.combine(mnemonics) == SECRET
    assert shares.combine([mnemonics[1]] * 3 + [mnemonics[2]]) == SECRET


def test_shares_of_two_splits_do_not_mix_even_of_the_same_key() -> None:
    one, other = shares.split(SECRET, 2, 3), shares.split(SECRET, 2, 3)
    with pytest.raises(KeyUnlockError):
        shares.combine([one[0], other[1]])
    with pytest.raises(KeyUnlockError):
        shares.combine([one[0], other[0]])


def test_a_typing_error_in_a_share_is_found() -> None:
    mnemonics = shares.split(SECRET, 2, 2)
    words = mnemonics[0].split()
    for at in range(len(words)):
        wrong = "academic" if words[at] != "academic" else "zero"
        typed = " ".join([*words[:at], wrong, *words[at + 1 :]])
        with pytest.raises(KeyUnlockError):
            shares.combine([typed, mnemonics[1]])
    for typed in (
        " ".join(words[:-1]),
        " ".join([*words, "zero"]),
        " ".join([*words[1:], words[0]]),
        "not words at all",
    ):
        with pytest.raises(KeyUnlockError):
            shares.combine([typed, mnemonics[1]])


@pytest.mark.parametrize("mnemonic", PUBLISHED_WRONG)
def test_what_slip_39_publishes_as_wrong_is_refused(mnemonic: str) -> None:
    with pytest.raises(KeyUnlockError):
        shares.combine([mnemonic])


def test_a_share_alone_says_nothing_that_depends_on_the_key() -> None:
    """A 2-of-n share is one point of a random line: over many splits of two keys no word stands out."""
    first = {shares.split(SECRET, 2, 2)[0].split()[5] for _ in range(20)}
    assert len(first) > 10


def test_others_put_our_shares_together_and_we_theirs() -> None:
    assert bytes(shamir_mnemonic.combine_mnemonics(shares.split(SECRET, 2, 3)[1:])) == SECRET
    theirs = shamir_mnemonic.generate_mnemonics(1, [(3, 5)], SECRET)[0]
    assert shares.combine(theirs[2:]) == SECRET


@pytest.mark.parametrize(("needed", "made"), [(0, 3), (1, 3), (4, 3), (2, 17), (-1, 2), (2, 0)])
def test_a_split_that_makes_no_sense_is_refused(needed: int, made: int) -> None:
    with pytest.raises(UsageError, match="not possible"):
        shares.split(SECRET, needed, made)


def test_a_share_is_told_from_a_key_and_from_other_text() -> None:
    assert all(shares.looks_like_share(text) for text in shares.split(os.urandom(32), 2, 5))
    for text in (
        "",
        "AGE-SECRET-KEY-1ABC",
        "one two three",
        " ".join(["word"] * 19),
        " ".join(["Word"] * 33),
    ):
        assert not shares.looks_like_share(text)
