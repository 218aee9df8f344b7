"""The networks find what is there, in a locked process, the same every time, in the picture's own pixels."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from astronaut import bgr
from bearwitness.errors import ChildFailedError
from bearwitness.inference.faces import FaceBox, Faces, View, fitting_scales, views_of_large, views_of_lying
from bearwitness.inference.inside.overlap import keep_best
from bearwitness.inference.persons import KeyPoint, Person, Persons
from bearwitness.inference.sensitive import Sensitive
from bearwitness.inference.worker import InferenceWorker

from .footage import footage, overlap

CLIPS = {
    "stage-audience.mp4": (60, 0.9),
    "signer-bystander.mkv": (30, 0.95),
    "signer-woman.mkv": (44, 0.95),
    "corridor-two-walking.mp4": (17, 0.95),
}


def box(face: FaceBox) -> tuple[float, float, float, float]:
    return face.x, face.y, face.w, face.h


@pytest.mark.parametrize("name", CLIPS)
def test_faces_of_the_corpus_are_found(name: str, worker: InferenceWorker, corpus: Path) -> None:
    step, least = CLIPS[name]
    pictures, truth = footage(corpus, name, step)
    found = Faces(worker).detect(pictures)
    wanted = [(at, tuple(each)) for at, frame in enumerate(truth) for each in frame["boxes"]]
    hits = sum(any(overlap(box(face), each) > 0.4 for face in found[at]) for at, each in wanted)
    assert len(wanted) >= 3
    assert hits >= least * len(wanted)
    assert all(0 <= mark[0] <= 700 for faces in found for face in faces for mark in face.landmarks[:3])


def test_a_dark_face_that_is_larger_than_the_picture_is_seen_where_it_is_made_small(
    worker: InferenceWorker, astronaut: Image.Image
) -> None:
    dark = bgr(astronaut.crop((150, 87, 300, 172)).resize((640, 360), Image.Resampling.BICUBIC), 0.12)
    faces, usual = Faces(worker), fitting_scales(640, 360)
    rough = tuple(sought.view.scale for sought in views_of_large(640, 360))

    def surest(scales: tuple[float, ...]) -> float:
        return max((face.score for face in faces.detect([dark], scales)[0]), default=0.0)

    assert surest(rough) > 0.6
    assert surest(usual) < 0.35


@pytest.mark.parametrize(("quarters", "mirrored"), [(1, False), (2, False), (3, False), (1, True), (3, True)])
def test_a_face_in_a_turned_picture_is_told_where_it_lies_in_the_picture_itself(
    worker: InferenceWorker, astronaut: Image.Image, quarters: int, mirrored: bool
) -> None:
    upright = bgr(astronaut.crop((60, 20, 380, 260)))
    lying = np.ascontiguousarray(np.rot90(upright, -quarters))
    lying = np.ascontiguousarray(lying[:, ::-1]) if mirrored else lying
    faces = Faces(worker)
    wanted = faces.detect([upright], (1.0,))[0][0]
    found = faces.look([lying], [View(1.0, mirrored, quarters)])[0][0][0]
    assert found.score == pytest.approx(wanted.score, abs=1e-6)
    where = np.zeros(lying.shape[:2], bool)
    x, y, w, h = map(round, box(found))
    where[y : y + h, x : x + w] = True
    back = np.rot90(where[:, ::-1] if mirrored else where, quarters)
    left, top, wide, high = map(round, box(wanted))
    assert back[top + 2 : top + high - 2, left + 2 : left + wide - 2].all()
    assert back.sum() <= (wide + 2) * (high + 2)
    assert x < found.landmarks[2][0] < x + w
    assert y < found.landmarks[2][1] < y + h


@pytest.mark.parametrize(
    "size", [(160, 120), (426, 240), (640, 360), (1280, 720), (1080, 1920), (6000, 4000)]
)
def test_large_faces_are_looked_for_in_pictures_far_smaller_than_those_for_small_ones(
    size: tuple[int, int],
) -> None:
    longest = max(size)
    sides = [round(sought.view.scale * longest) for sought in views_of_large(*size)]
    assert sides == pytest.approx([640, 320, 224][3 - len(sides) :], abs=1)
    assert all(side <= 0.6 * longest * fitting_scales(*size)[0] for side in sides)
    assert bool(sides) == (longest > 373)


def test_where_there_is_no_face_hardly_any_is_seen(worker: InferenceWorker, corpus: Path) -> None:
    pictures, _ = footage(corpus, "road-cars.mp4", 100)
    assert [face for faces in Faces(worker).detect(pictures) for face in faces if face.score > 0.5] == []


def test_the_same_pictures_give_the_same_boxes_alone_and_among_others(
    worker: InferenceWorker, corpus: Path
) -> None:
    pictures, _ = footage(corpus, "signer-bystander.mkv", 30)
    faces = Faces(worker)
    together = faces.detect(pictures, scales=(1.0,))
    assert together == faces.detect(pictures, scales=(1.0,))
    assert together == [faces.detect([picture], scales=(1.0,))[0] for picture in pictures]


def test_a_mirrored_pass_finds_the_same_faces_where_they_are(worker: InferenceWorker, corpus: Path) -> None:
    pictures, _ = footage(corpus, "signer-bystander.mkv", 30)
    faces = Faces(worker)
    plain, mirrored = faces.look(pictures, [View(1.0), View(1.0, mirrored=True)])
    assert plain == faces.detect(pictures, scales=(1.0,))
    flipped = faces.detect([np.ascontiguousarray(p[:, ::-1]) for p in pictures], scales=(1.0,))
    width = pictures[0].shape[1]
    assert sum(map(len, mirrored)) >= 2
    for ours, theirs in zip(mirrored, flipped, strict=True):
        assert [one.score for one in ours] == [one.score for one in theirs]
        for one, other in zip(ours, theirs, strict=True):
            assert one.x == pytest.approx(width - other.x - other.w, abs=1e-3)
            assert one.landmarks[0][0] == pytest.approx(width - other.landmarks[1][0], abs=1e-3)
            assert one.landmarks[4][1] == other.landmarks[3][1]


def test_a_worker_that_was_told_the_size_finds_the_same(worker: InferenceWorker, corpus: Path) -> None:
    pictures, _ = footage(corpus, "signer-woman.mkv", 80)
    with InferenceWorker(["centerface"]) as other:
        other.prepare()
        other.expect(pictures[0].shape[0], pictures[0].shape[1], 1.0)
        assert Faces(other).detect(pictures, scales=(1.0,)) == Faces(worker).detect(pictures, scales=(1.0,))


def test_boxes_stay_with_a_picture_that_is_shifted_and_in_a_batch_of_many_sizes(
    worker: InferenceWorker, corpus: Path
) -> None:
    (picture, *_), _ = footage(corpus, "signer-woman.mkv", 80)
    moved = np.zeros((picture.shape[0] + 96, picture.shape[1] + 64, 3), np.uint8)
    moved[96:, 64:] = picture
    plain, shifted = Faces(worker).detect([picture, moved], scales=(1.0,))
    x, y, w, h = box(plain[0])
    assert overlap((x + 64, y + 96, w, h), box(shifted[0])) > 0.8


def test_no_pictures_give_no_answers_and_what_is_no_picture_is_refused(worker: InferenceWorker) -> None:
    assert Faces(worker).detect([]) == []
    with pytest.raises(ValueError, match="height × width × 3"):
        Faces(worker).detect([np.zeros((5, 5), np.uint8)])
    with pytest.raises(ValueError, match="scale the pictures down"):
        Faces(worker).detect([np.zeros((1_080, 1_920, 3), np.uint8)])


def test_a_worker_without_the_network_says_so_instead_of_finding_nothing(worker: InferenceWorker) -> None:
    with InferenceWorker(["opennsfw"]) as other, pytest.raises(ChildFailedError, match="centerface"):
        Faces(other).detect([np.zeros((64, 64, 3), np.uint8)])


def test_heads_are_where_faces_are(worker: InferenceWorker, corpus: Path) -> None:
    pictures, truth = footage(corpus, "corridor-two-walking.mp4", 12)
    found = Persons(worker).detect(pictures)
    for frame, persons in zip(truth, found, strict=True):
        heads = [head for head in (person.head() for person in persons) if head]
        for x, y, w, h in frame["boxes"]:
            assert any(
                head.x < x + w / 2 < head.x + head.w and head.y < y + h / 2 < head.y + head.h
                for head in heads
            )


def test_persons_seen_from_behind_are_found(worker: InferenceWorker, corpus: Path) -> None:
    pictures, _ = footage(corpus, "people-from-behind.mp4", 60)
    found = Persons(worker).detect(pictures, tiles=True)
    assert sum(bool(persons) for persons in found) >= 3


def test_a_crowd_of_more_than_a_pass_holds_is_found_in_tiles(worker: InferenceWorker, corpus: Path) -> None:
    pictures, _ = footage(corpus, "corridor-two-walking.mp4", 35)
    height, width = pictures[0].shape[:2]
    crowd = np.concatenate([np.concatenate([pictures[0]] * 2, 1)] * 2, 0)
    whole = Persons(worker).detect([crowd], tiles=False, threshold=0.2)[0]
    tiled = Persons(worker).detect([crowd], tiles=True, threshold=0.2)[0]
    assert len(tiled) >= max(8, len(whole))
    quarters = {(person.x > width - 20, person.y > height - 20) for person in tiled}
    assert len(quarters) == 4


def head_of(*points: tuple[float, float, float]) -> Any:
    placed = [KeyPoint(*point) for point in points]
    return Person(0, 0, 100, 300, 0.9, (*placed, *[KeyPoint(0, 0, 0)] * (17 - len(placed)))).head()


def test_a_head_is_told_from_ears_alone_and_not_invented_from_none() -> None:
    unseen = (0.0, 0.0, 0.0)
    head = head_of(unseen, unseen, unseen, (40, 30, 0.9), (60, 30, 0.9))
    assert head is not None
    assert head.x < 40
    assert head.x + head.w > 60
    assert head.y < 30 < head.y + head.h
    assert head_of(unseen, unseen, unseen, unseen, unseen, (30, 80, 0.9), (70, 80, 0.9)) is None


def test_scores_of_pictures_lie_between_nought_and_one(worker: InferenceWorker, corpus: Path) -> None:
    pictures: list[NDArray[np.uint8]] = [
        np.asarray(Image.open(corpus / "images" / name).convert("RGB"))[:, :, ::-1]
        for name in ("cat.png", "street.jpg")
    ]
    scores = Sensitive(worker).score([np.ascontiguousarray(picture) for picture in pictures])
    assert all(0 <= score < 0.3 for score in scores)


def test_of_overlapping_boxes_the_surest_is_kept_and_neighbours_stay() -> None:
    rows = np.array([[0, 0, 10, 10, 0.5], [1, 1, 10, 10, 0.9], [30, 0, 10, 10, 0.3]], np.float32)
    assert keep_best(rows, 0.3)[:, 4].tolist() == [np.float32(0.9), np.float32(0.3)]


def test_a_network_asked_for_two_shapes_in_turn_is_compiled_once_for_each_and_keeps_within_its_room(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    networks = pytest.importorskip("bearwitness.inference.inside.networks")
    made = []

    class Stub:
        """Stands for the library: notes what is compiled, and what gives its memory back."""

        inputs = ()

        def __init__(self) -> None:
            self.released = 0

        def clone(self) -> Stub:
            return self

        def compile_model(self, *_: object) -> Stub:
            made.append(Stub())
            return made[-1]

        def create_infer_request(self) -> Stub:
            return self

        def get_property(self, _: str) -> Stub:
            return self

        def get_type_name(self) -> str:
            return "f32"

        def release_memory(self) -> None:
            self.released += 1

    monkeypatch.setattr(networks, "_prepared", lambda *_, **__: None)
    how = networks.Preparation("NCHW", None, rgb=False)
    network = networks.Network(Stub(), Stub(), 1, exact=True, kept_area=2_600_000)
    for _ in range(3):
        for rows, columns in ((480, 640), (640, 480)):
            for scale in (1, 2):
                compiled = network.for_pictures((rows, columns), (rows * scale, columns * scale), how)
                assert not compiled.rests
                assert sum(each.cost for each in network._compiled.values()) <= 2_600_000
    assert len(made) == 4
    assert all(each.released for each in made)
    network.for_pictures((640, 640), (1280, 1280), how)
    assert len(network._compiled) < 5, "what was used longest ago is dropped in the end"
    assert sum(each.cost for each in network._compiled.values()) <= 2_600_000


def test_pictures_of_two_shapes_in_turn_show_the_same_faces_every_time(
    worker: InferenceWorker, corpus: Path
) -> None:
    (picture, *_), _ = footage(corpus, "signer-woman.mkv", 80)
    tall = np.ascontiguousarray(np.rot90(np.zeros_like(picture)))
    tall[: picture.shape[0], :] = picture[:, : tall.shape[1]]
    with InferenceWorker(
        ["centerface"], threads=1, kept_area=3 * picture.shape[0] * picture.shape[1]
    ) as small:
        faces, plain = Faces(small), Faces(worker)
        expected = [plain.detect([each], scales=(1.0,)) for each in (picture, tall)]
        assert any(expected[0])
        for _ in range(3):
            assert [faces.detect([each], scales=(1.0,)) for each in (picture, tall)] == expected


def test_pictures_of_many_sizes_one_after_the_other_do_not_wear_a_worker_out(astronaut: Image.Image) -> None:
    sizes = [(16, 16), (32, 4096), (4096, 32), (1080, 1920), (2, 2)]
    face = bgr(astronaut.resize((300, 300)))
    with InferenceWorker(["centerface", "movenet-multipose"]) as worker:
        for height, width in sizes:
            picture = np.zeros((height, width, 3), np.uint8)
            picture[:300, :300] = face[:height, :width]
            views = [View(scale) for scale in fitting_scales(width, height)]
            views += [
                sought.view for sought in (*views_of_large(width, height), *views_of_lying(width, height))
            ]
            seen = Faces(worker).look([picture], views)
            assert any(found[0] for found in seen) == (min(height, width) >= 300)
            assert len(Persons(worker).detect([picture])) == 1


def test_a_worker_that_rested_is_smaller_and_finds_the_same(worker: InferenceWorker, corpus: Path) -> None:
    pictures, _ = footage(corpus, "signer-woman.mkv", 80)
    faces = Faces(worker)
    before = faces.detect(pictures, scales=(1.0, 2.0))
    large = worker.memory_bytes()
    worker.rest()
    assert worker.memory_bytes() < large
    assert faces.detect(pictures, scales=(1.0, 2.0)) == before
    with InferenceWorker(["centerface"]) as never_asked:
        never_asked.rest()
        assert not never_asked.pid, "to rest starts no worker"
