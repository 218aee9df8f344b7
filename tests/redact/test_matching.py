"""Faces that a matcher still tells under a fill, or beside one, are counted, and refuse unless accepted."""

from __future__ import annotations

import importlib.util
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from bearwitness.inference.faceprints import LANDMARKS, NETWORK, Faceprints
from bearwitness.inference.models import ModelError
from bearwitness.inference.worker import InferenceWorker
from bearwitness.media.model import Frame
from bearwitness.redact.attack import pixels
from bearwitness.redact.attack.hits import Report
from bearwitness.redact.attack.matching import MatchCheck
from bearwitness.redact.covering import GROW
from bearwitness.redact.footage import Footage
from bearwitness.redact.geometry import Box, grown
from bearwitness.redact.plan import Picture, Plan, Source, Track
from bearwitness.redact.tracking import Detection

from .conftest import NOBODY

Colours = NDArray[np.uint8]
BOXES = {1: Box(20, 30, 60, 60), 2: Box(180, 40, 60, 60)}
COUNT = 20


class Patterns:
    """Takes a face for its light and dark in 8 by 8 fields: near if alike, as a matcher does it."""

    def describe(
        self, picture: Colours, boxes: Sequence[tuple[float, float, float, float]]
    ) -> NDArray[np.float32]:
        found = []
        for x, y, w, h in boxes:
            part = picture[round(y) : round(y + h), round(x) : round(x + w), 1].astype(np.float32)
            rows = [row.mean(axis=0) for row in np.array_split(part, 8, axis=0)]
            fields = np.stack([column.mean(axis=1) for column in np.array_split(np.stack(rows), 8, axis=1)])
            fields = fields - fields.mean()
            found.append((fields / max(1.0, float(np.linalg.norm(fields)))).ravel())
        return np.array(found, np.float32)


def picture(number: int) -> Colours:
    """Return two faces of blocks, each its own, with a little noise a frame."""
    page = np.full((150, 320, 3), 90, np.uint8)
    for track, box in BOXES.items():
        blocks = np.random.default_rng(track).integers(40, 220, (8, 8)).astype(np.uint8)
        face = np.kron(blocks, np.ones((8, 8), np.uint8))[: box.h, : box.w]
        page[box.y : box.bottom, box.x : box.right] = face[:, :, None]
    noise = np.random.default_rng(100 + number).normal(0, 3, page.shape)
    return (page + noise).clip(0, 255).astype(np.uint8)


class Original:
    apart = False

    def frames(self, **_: Any) -> Iterator[Frame]:
        for number in range(COUNT):
            yield Frame(number, number, Fraction(number, 10), True, 0, 320, 150, picture(number))


def plan(fill: str) -> Plan:
    tracks = tuple(
        Track(n, "face", hide=True, by="machine", boxes=dict.fromkeys(range(COUNT), box))
        for n, box in BOXES.items()
    )
    whole = Plan(Source("ab" * 32, 5), Picture(320, 150, Fraction(1, 10)), tuple(range(COUNT)), (NOBODY,))
    return replace(whole, tracks=tracks, fill=fill)


def compared(
    fill: str,
    finished: Callable[[Colours], Colours],
    sees: Sequence[Detection] = (),
    *,
    accepted: bool = False,
) -> Report:
    check = MatchCheck(plan(fill), Patterns(), accepted=accepted)
    for number in range(COUNT):
        page = finished(picture(number))
        check.take(number, page, pixels.brightest(page), sees)
    report = Report()
    check.judge(Original(), report)  # type: ignore[arg-type]
    return report


def covered(page: Colours, *, share: float = 1.0) -> Colours:
    own = page.copy()
    for box in BOXES.values():
        own[box.y : box.bottom, box.x : box.x + round(share * box.w)] = 0
    return own


def blurred(page: Colours) -> Colours:
    import cv2

    own = page.copy()
    for box in BOXES.values():
        part = own[box.y : box.bottom, box.x : box.right]
        own[box.y : box.bottom, box.x : box.right] = cv2.blur(part, (7, 7))
    return own


def test_a_weak_blur_is_counted_face_by_face_and_refused() -> None:
    report = compared("blur", blurred)
    assert "still tells 2 of the 2 faces" in report.warnings[0]
    assert [hit.check for hit in report.hits] == ["faces matched"] * 2
    assert "--accept-reversible blur" in report.hits[0].says
    assert report.looked_at["faces matched"] == 6


def test_what_was_accepted_is_counted_and_let_through() -> None:
    report = compared("blur", blurred, accepted=True)
    assert "still tells 2 of the 2 faces" in report.warnings[0]
    assert report.hits == []


def test_an_even_fill_leaves_nothing_to_match() -> None:
    report = compared("mosaic", covered)
    assert "still tells 0 of the 2 faces" in report.warnings[0]
    assert report.hits == []


def test_under_a_solid_fill_nothing_is_asked_unless_a_face_is_seen_beside_it() -> None:
    report = compared("solid", covered)
    assert (report.hits, report.warnings, report.looked_at["faces matched"]) == ([], [], 0)


def test_a_face_covered_in_part_is_matched_and_refused() -> None:
    box = grown(BOXES[1], 1 / GROW)  # what a detector sees of what a plan enlarged
    seen = Detection(box.x, box.y, box.w, box.h, 0.4, "faces")
    report = compared("solid", lambda page: covered(page, share=0.15), [seen])
    assert [hit.check for hit in report.hits] == ["faces matched"]
    assert f"track 1 at {box.x},{box.y},{box.w},{box.h}" in report.hits[0].says
    assert report.hits[0].time in report.hits[0].boxes


def test_faces_that_are_too_small_are_told_and_not_counted_as_safe() -> None:
    small = plan("blur")
    boxes = dict.fromkeys(range(COUNT), Box(20, 30, 20, 20))
    small = replace(small, tracks=(replace(small.tracks[0], boxes=boxes),))
    check, report = MatchCheck(small, Patterns()), Report()
    check.take(5, picture(5), pixels.brightest(picture(5)), ())
    check.judge(Original(), report)  # type: ignore[arg-type]
    assert "0 of the 0 faces that could be compared; 1 could not be" in report.warnings[0]


@pytest.fixture
def prints() -> Iterator[Faceprints]:
    if importlib.util.find_spec("dlib") is None:
        pytest.skip("no face matcher: pip install --no-deps --require-hashes -r requirements-faces.lock")
    try:
        worker = InferenceWorker((LANDMARKS, NETWORK), threads=1)
    except ModelError as error:
        pytest.skip(error.message)
    yield Faceprints(worker)
    worker.close()


def test_a_real_face_left_as_it_is_is_told_and_a_black_one_is_not(
    corpus: Path, opened: Callable[[Path], Footage], prints: Faceprints
) -> None:
    clip = corpus / "video" / "signer-woman.mkv"
    truth = json.loads((corpus / "video" / "signer-woman.faces.json").read_text())
    footage = opened(clip)
    frames = list(footage.frames(upright=True))
    boxes = {frame.pts: Box(*one["boxes"][0]) for frame, one in zip(frames, truth["frames"], strict=True)}
    track = Track(1, "face", hide=True, by="machine", boxes=boxes)
    whole = Plan(Source("ab" * 32, 5), footage.picture, tuple(boxes), (NOBODY,), tracks=(track,), fill="blur")
    for black, told in ((False, 1), (True, 0)):
        check, report = MatchCheck(whole, prints), Report()
        for frame in frames:
            page = np.array(frame.picture)
            if black:
                box = boxes[frame.pts]
                page[box.y : box.bottom, box.x : box.right] = 0
            check.take(frame.pts, page, pixels.brightest(page), ())
        check.judge(footage, report)
        assert f"still tells {told} of the 1 faces" in report.warnings[0]
        assert len(report.hits) == told
