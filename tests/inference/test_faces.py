"""Faces that several views saw are told once, and views tell only what is theirs."""

from __future__ import annotations

from bearwitness.inference.faces import FaceBox, joined, views_of_large, views_of_lying


def face(x: float, y: float, score: float, side: float = 12) -> FaceBox:
    return FaceBox(x, y, side, side, score, ())


def test_of_two_boxes_of_one_face_the_surer_one_is_kept() -> None:
    unsure, sure, other = face(100, 100, 0.3), face(101, 100, 0.8), face(200, 100, 0.5)
    assert joined([unsure, other], [sure]) == [sure, other]


def test_a_view_for_large_or_lying_faces_tells_of_no_small_and_of_no_unsure_one() -> None:
    for sought in (*views_of_large(1280, 720), *views_of_lying(1280, 720)):
        least = sought.least / sought.view.scale
        assert sought.tells(face(0, 0, 0.4, least + 1))
        assert not sought.tells(face(0, 0, 0.4, least - 1))
        assert not sought.tells(face(0, 0, 0.3, least + 1))
