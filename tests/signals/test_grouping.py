"""Prints near to the middle of a group are put together; a chain of likenesses joins nobody."""

from __future__ import annotations

import numpy as np

from bearwitness.signals.grouping import NEAR, group_prints


def person(seed: int, count: int, spread: float) -> np.ndarray:
    random = np.random.default_rng(seed)
    middle = random.standard_normal(128)
    middle /= np.linalg.norm(middle)
    away = random.standard_normal((count, 128))
    return (middle + spread * away / np.linalg.norm(away, axis=1, keepdims=True)).astype(np.float32)


def test_faces_of_different_people_stay_apart_and_of_one_come_together() -> None:
    prints = np.concatenate([person(seed, 20, 0.3) for seed in range(5)])
    found = group_prints(prints, np.random.default_rng(1).permutation(100).tolist())
    assert sorted(sorted(group.members) for group in found) == [
        list(range(20 * number, 20 * number + 20)) for number in range(5)
    ]
    assert all(distance < NEAR for group in found for distance in group.distances)


def test_a_chain_of_likenesses_does_not_join_strangers() -> None:
    chain = np.zeros((12, 128), np.float32)
    chain[:, 0] = np.arange(12) * 0.4  # each like the next, the ends 4.4 apart
    for group in group_prints(chain, range(12)):
        assert np.ptp(chain[list(group.members), 0]) <= 2 * NEAR + 0.4


def test_the_same_prints_give_the_same_groups() -> None:
    prints = np.concatenate([person(seed, 7, 0.4) for seed in range(3)])
    assert group_prints(prints, range(21)) == group_prints(prints.copy(), range(21))
    assert group_prints(prints[:0], []) == []
