"""Looking in batches while others are decoded: no frame is lost, and plans tell the precision."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np
import pytest

from bearwitness.errors import ChildFailedError
from bearwitness.inference.faces import FaceBox
from bearwitness.media.model import Frame
from bearwitness.redact import plan_text
from bearwitness.redact.looking import FaceLooker, Pass, attack_passes, batched, plan_passes
from bearwitness.redact.plan import Picture, Plan, Source


class Worker:
    """In the place of the worker: finds one face in each frame, at the brightness of its first pixel."""

    def __init__(self, precision: bytes = b"bf16", fails_at: int = -1) -> None:
        self._precision, self._fails_at = precision, fails_at
        self.looked: list[int] = []

    def compute(self, ask: str, head: object, arrays: list[Any]) -> list[Any]:
        if ask == "precision":
            return [np.frombuffer(self._precision, np.uint8)]
        if any(int(picture[0, 0, 0]) == self._fails_at for picture in arrays):
            raise ChildFailedError("it died")
        self.looked += [int(picture[0, 0, 0]) for picture in arrays]
        return [np.array([[p[0, 0, 0], 0, 9, 9, 0.9] + [0] * 10], np.float32) for p in arrays]


def frames(count: int, side: int = 64) -> list[Frame]:
    return [
        Frame(n, n, Fraction(n), True, 0, side, side, np.full((side, side, 3), n, np.uint8))
        for n in range(count)
    ]


def looker(worker: Any) -> FaceLooker:
    return FaceLooker(worker, (Pass(1.0),))


@pytest.mark.parametrize("count", [0, 1, 3, 4, 5, 23])
def test_every_frame_comes_back_in_order_with_its_own_detections(count: int) -> None:
    seen = list(looker(Worker()).look(iter(frames(count))))
    assert [frame.pts for frame, _ in seen] == list(range(count))
    assert [round(found[0].x) for _, found in seen] == list(range(count))


def test_frames_with_the_very_same_pixels_are_looked_at_once_and_told_of_each() -> None:
    def one(number: int, level: int, changed: int = 0) -> Frame:
        picture = np.full((64, 64, 3), level, np.uint8)
        picture[63, 63, 2] += changed
        return Frame(number, number, Fraction(number), True, 0, 64, 64, picture)

    levels = [3, 3, 3, 3, 3, 7, 3, 3, 9]  # in the middle, at the end and at the beginning of a batch
    worker = Worker()
    seen = list(looker(worker).look([*map(one, range(9), levels), one(9, 9, changed=1)]))
    assert [frame.pts for frame, _ in seen] == list(range(10))
    assert [round(found[0].x) for _, found in seen] == [*levels, 9]
    assert worker.looked == [3, 7, 3, 9, 9]  # a picture that differs in one byte is another
    seen[0][1].clear()
    assert seen[1][1]


def test_a_worker_that_dies_in_a_later_batch_ends_the_looking() -> None:
    taken = []
    with pytest.raises(ChildFailedError):
        taken += [frame.pts for frame, _ in looker(Worker(fails_at=9)).look(iter(frames(23)))]
    assert taken == []


def test_a_pass_for_what_is_large_tells_of_what_it_is_sure_of_and_of_nothing_else() -> None:
    def face(width: float, score: float) -> FaceBox:
        return FaceBox(0, 0, width, 90, score, ())

    rough, fine = Pass(0.5, least=28), Pass(0.5)
    assert rough.tells(face(56, 0.35))
    assert not rough.tells(face(55, 0.9))
    assert not rough.tells(face(56, 0.34))
    assert fine.tells(face(9, 0.1))


def test_plan_and_attack_look_for_faces_that_fill_the_picture_and_for_people_who_lie() -> None:
    picture = Picture(1280, 720, Fraction(1))
    more = ["0.5×", "0.25×", "0.175×", "0.5× turned 90°", "0.5× turned 270°"]
    assert [one.name for one in plan_passes(picture)] == ["1×", "2×", *more]
    assert all(one.least for one in plan_passes(picture)[2:])
    assert [one.name for one in attack_passes(picture)] == [
        "1× mirrored", "2× mirrored", "0.75×", *(f"{name} mirrored" for name in more[:3])
    ]  # fmt: skip


def test_batches_of_large_pictures_are_small() -> None:
    assert [len(batch) for batch in batched(frames(5, side=3000))] == [1, 1, 1, 1, 1]


def test_a_batch_has_pictures_of_one_shape() -> None:
    mixed = [*frames(2), *frames(1, side=32), *frames(6)]
    batches = list(batched(mixed))
    assert [len(batch) for batch in batches] == [2, 1, 4, 2]
    assert [frame for batch in batches for frame in batch] == mixed


def test_the_plan_says_which_numbers_were_used_and_is_read_back_so() -> None:
    detectors = looker(Worker()).detectors
    assert [one.precision for one in detectors] == ["bf16"]
    plan = Plan(Source("00" * 32, 1), Picture(2, 2, Fraction(1)), (0,), detectors)
    assert plan_text.read(plan_text.write(plan).encode()) == plan


def test_a_worker_that_does_not_tell_its_numbers_is_refused() -> None:
    with pytest.raises(ChildFailedError, match="what numbers"):
        _ = looker(Worker(precision=b"int4")).detectors
