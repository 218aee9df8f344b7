"""Pictures and pages of documents: what can be read on them is covered, and looked for again afterwards."""

from __future__ import annotations

import io
import json
import os
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from bearwitness.cli.main import main
from bearwitness.media import documents
from bearwitness.media.model import Picture
from bearwitness.media.source import Source as Bytes
from bearwitness.redact import operations, stills
from bearwitness.redact.attack.attacking_stills import attack_stills
from bearwitness.redact.attack.hits import Report
from bearwitness.redact.attack.matching import MatchCheck
from bearwitness.redact.attack.page_texts import PageCheck, of_pages
from bearwitness.redact.geometry import Box
from bearwitness.redact.overlays import with_doubts, with_overlays
from bearwitness.redact.page_texts import WHOLE_PAGE_LINES, PageFinder, find_on
from bearwitness.redact.plan import Plan, Track, source_of
from bearwitness.redact.planning import look_at_all, make_plan
from bearwitness.redact.residual import summary
from bearwitness.redact.stills import Stills
from bearwitness.redact.tracking import Detection
from bearwitness.sandbox.client import Sandbox
from bearwitness.signals.arrays import Grey
from bearwitness.signals.borders import Box as Edges
from bearwitness.signals.text import Line

from .conftest import NOBODY
from .test_attack import Seer

LETTERS = 120  # how bright letters are, and the page is not


class Reader:
    """Reads rows of bright stripes: each is a line; stripes that are far apart are a clock's."""

    def __init__(self, words: str = "he left at 12:41 with two other men", sure: float = 0.9) -> None:
        self._words, self._sure = words, sure

    def find(self, grey: Grey) -> list[Edges]:
        rows = np.flatnonzero((grey >= LETTERS).any(axis=1))
        runs = np.split(rows, np.flatnonzero(np.diff(rows) > 3) + 1) if len(rows) else []
        found = []
        for run in runs:
            columns = np.flatnonzero((grey[run[0] : run[-1] + 1] >= LETTERS).any(axis=0))
            found.append(Edges(int(columns[0]), int(run[0]), int(columns[-1]) + 1, int(run[-1]) + 1))
        return found

    def read(self, grey: Grey) -> Line:
        bright = (grey[grey.shape[0] // 2] >= LETTERS).mean()
        return Line("12:41:07" if bright < 0.16 else self._words, self._sure)


def page(lines: int, clock: int | None = None) -> Picture:
    """Return a page with rows of stripes in the place of letters, one of them a clock."""
    grey = np.full((600, 400), 40, np.uint8)
    for number in range(lines):
        grey[20 + 24 * number : 32 + 24 * number, 30 : 180 : 10 if number == clock else 4] = 220
    return np.repeat(grey[:, :, None], 3, axis=2)


def written(*pages: Picture) -> bytes:
    sink = io.BytesIO()
    first, *rest = [Image.fromarray(one) for one in pages]
    first.save(sink, "TIFF", save_all=True, append_images=rest)
    return sink.getvalue()


@pytest.fixture
def opener(sandbox: Sandbox, tmp_path: Path) -> Iterator[Callable[[bytes], Stills]]:
    descriptors: list[int] = []

    def open_it(data: bytes) -> Stills:
        path = tmp_path / f"{len(descriptors)}.tiff"
        path.write_bytes(data)
        descriptors.append(os.open(path, os.O_RDONLY))
        return Stills(sandbox, Bytes.of_file(descriptors[-1], "pages"))

    yield open_it
    for descriptor in descriptors:
        os.close(descriptor)


class Case:
    """Pages, the plan made of them with a reader, and ways to finish and attack it."""

    def __init__(self, opener: Callable[[bytes], Stills], reader: Reader, *pages: Picture) -> None:
        self.opener, self.reader, data = opener, reader, written(*pages)
        self.original = opener(data)
        finder = PageFinder(reader)
        seen = look_at_all(self.original, Seer(), finder=finder)
        bare = make_plan(source_of(iter([data])), self.original, Seer(), seen)
        self.plan = with_overlays(
            with_doubts(bare, seen.unread), seen.overlays, cover=True, looked="every page"
        )

    def attack(self, carried_out: Plan, plan: Plan | None = None, reader: Reader | None = None) -> Report:
        """Attack what `carried_out` gives, as if `plan` had been meant."""
        plan = plan or carried_out
        finished = self.opener(stills.write(stills.covered_pages(self.original, carried_out), "tiff"))
        check = PageCheck(plan, reader or self.reader, of_pages(self.original, plan, self.reader))
        return attack_stills(self.original, finished, plan, "tiff", Seer(), texts=check)


def test_each_text_of_a_picture_is_covered_on_its_page_and_the_attack_looked(
    opener: Callable[[bytes], Stills],
) -> None:
    case = Case(opener, Reader(), page(1), page(0), page(2))
    assert [(list(track.boxes), track.hide) for track in case.plan.tracks] == [
        ([0], True), ([2], True), ([2], True)
    ]  # fmt: skip
    report = case.attack(case.plan)
    assert report.hits == []
    assert report.looked_at["overlays"] == 6  # three pages, three texts of the original
    told = summary(case.plan, report)
    assert "faces checked: 3 pages" in told
    assert "oices" not in told, "pages have none"


def test_a_text_that_was_not_covered_is_found_by_reading_and_by_its_strokes(
    opener: Callable[[bytes], Stills],
) -> None:
    case = Case(opener, Reader(), page(2))
    bare = replace(case.plan, tracks=())
    says = [hit.says for hit in case.attack(bare, case.plan).hits if hit.check == "overlays"]
    assert sum("the text 'he left at" in one for one in says) == 2
    assert sum("strokes are left" in one for one in says) == 2
    blind = Reader(sure=0.0)
    says = [hit.says for hit in case.attack(bare, case.plan, blind).hits if hit.check == "overlays"]
    assert len(says) == 2
    assert all("strokes are left" in one for one in says)
    found = case.attack(bare, bare).hits
    assert [hit.check for hit in found] == ["overlays"] * 2
    healed = bare
    for hit in found:
        assert list(hit.boxes) == [0]
        healed = healed.with_track(Track(healed.next_number(), "box", True, "attack", hit.boxes))
    assert case.attack(healed).hits == []


def test_the_lines_of_a_page_of_text_are_shown_but_for_clocks(opener: Callable[[bytes], Stills]) -> None:
    case = Case(opener, Reader(), page(WHOLE_PAGE_LINES, clock=3))
    hidden = [track.says for track in case.plan.tracks if track.hide]
    assert hidden == ["12:41:07"]
    assert len(case.plan.tracks) == WHOLE_PAGE_LINES
    assert any("a page of text" in doubt.reason for doubt in case.plan.doubts)
    assert case.attack(case.plan).hits == []
    shown = operations.set_overlays(case.plan, cover=False)
    open_clock = [hit.says for hit in case.attack(shown, case.plan).hits]
    assert any("'12:41:07' stands" in one for one in open_clock)
    assert case.attack(shown).hits == []  # people chose it
    all_covered = operations.set_overlays(case.plan, cover=True)
    assert all(track.hide for track in all_covered.tracks)
    assert case.attack(all_covered).hits == []


def test_a_page_is_looked_at_in_tiles_and_a_line_in_two_of_them_is_one() -> None:
    class Near(Reader):
        """Finds letters only in parts that are not made too small for it."""

        def find(self, grey: Grey) -> list[Edges]:
            return super().find(grey) if max(grey.shape) <= 300 else []

    grey = np.full((700, 900), 40, np.uint8)
    grey[340:352, 240:330:4] = 220
    assert find_on(Near(), grey, 300) == [Box(240, 340, 89, 12)]


def test_what_is_hardly_read_is_named_for_a_person(opener: Callable[[bytes], Stills]) -> None:
    case = Case(opener, Reader(sure=0.3), page(1))
    assert case.plan.tracks == ()
    assert [doubt.time for doubt in case.plan.doubts] == [0]
    report = case.attack(case.plan, reader=Reader(sure=0.5))
    assert report.hits == []
    assert any("look: on page 1" in one for one in report.warnings)


class Prints:
    """In the place of the face matcher: all faces that are not black are one."""

    def describe(self, picture: Picture, boxes: object) -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
        return np.full((1, 128), float(picture.any()), np.float32)


def test_a_face_that_is_covered_in_part_is_matched_with_its_own_page(
    opener: Callable[[bytes], Stills],
) -> None:
    data = written(page(12))
    original = opener(data)
    bare = Plan(source_of(iter([data])), original.picture, (0,), (NOBODY,))
    box = Box(30, 20, 150, 150)
    plan = bare.with_track(Track(1, "face", True, "machine", {0: box}))
    half = bare.with_track(Track(1, "face", True, "machine", {0: Box(30, 20, 60, 150)}))
    finished = opener(stills.write(stills.covered_pages(original, half), "tiff"))
    seer = Seer({0: Detection(40, 40, 130, 110, 0.4, "faces 1×")})
    report = attack_stills(original, finished, plan, "tiff", seer, matcher=MatchCheck(plan, Prints()))
    assert report.looked_at["faces matched"] == 1
    assert any("can still be told by a face matcher" in hit.says for hit in report.hits)


def test_faces_and_a_clock_on_a_page_of_a_document_are_hidden_by_the_networks(
    corpus: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    name = "images/group-2008_002506.jpg"
    listed = json.loads((corpus / "corpus.json").read_text())["files"]
    faces = next(each["truth"]["faces"] for each in listed if each["file"] == name)
    photo = np.array(Image.open(corpus / name).convert("RGB"))
    place = photo[4:30, 4:250]
    place[:] = 0
    cv2.putText(
        place, "CAM 04 2026-05-17 12:41:07", (4, 18), cv2.FONT_HERSHEY_SIMPLEX, 0.5, (255, 255, 255), 1
    )
    sink = io.BytesIO()
    Image.fromarray(photo).save(sink, "JPEG", quality=95)
    source, out = tmp_path / "page.pdf", tmp_path / "out.pdf"
    source.write_bytes(documents.write([(sink.getvalue(), photo.shape[1], photo.shape[0])], 150))
    assert main(["redact", str(source), "-o", str(out), "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert any("04" in track["says"] or "12:41" in track["says"] for track in told["tracks"] if track["hide"])
    assert told["checked"]["overlays"] >= 2
    with open(out, "rb") as file:
        (made,) = documents.pages(Bytes.of_file(file.fileno(), "out"), 1)
    for x, y, w, h in faces:
        assert (made[y : y + h, x : x + w] > 45).mean() < 0.1
    assert (made[6:28, 8:240] > 90).mean() < 0.01
