"""Faces are grouped only where two people authorised it; prints are refused otherwise, and destroyed alone.

No person's face is used: what is found as a face is set by the test, what is looked at is drawn.
"""

from __future__ import annotations

import importlib.util
import io
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageDraw

from bearwitness.errors import MalformedError
from bearwitness.inference import faces
from bearwitness.inference.models import ModelError, model
from bearwitness.sandbox.status import layers
from bearwitness.store.packs import pack_path
from bearwitness.triage.faceprints import decode, encode
from bearwitness.vault.derivatives import files_by_item
from bearwitness.vault.opening import open_vault
from triaged import Triaged
from workbench import Bench, fill, run

BOX = faces.FaceBox(60.0, 40.0, 110.0, 130.0, 0.9, ())


def drawn(*, face: bool, noise: int = 0) -> bytes:
    """Return a drawing of a face, or a fine pattern, with noise on it."""
    page = Image.new("RGB", (320, 240), (30, 30, 30))
    pen = ImageDraw.Draw(page)
    pen.ellipse((65, 41, 165, 169), fill=(230, 180, 150))
    for left in (88, 128):
        pen.ellipse((left, 83, left + 14, 97), fill=(20, 20, 20))
    pen.line((115, 95, 112, 120), fill=(90, 90, 90), width=3)
    pen.arc((95, 132, 135, 148), 0, 180, fill=(160, 40, 40), width=3)
    picture = np.asarray(page, np.float64)
    if not face:
        picture = np.kron(np.random.default_rng(3).integers(30, 220, (120, 160, 3)), np.ones((2, 2, 1)))
    picture = picture + np.random.default_rng(noise).normal(0, 2, picture.shape)
    out = io.BytesIO()
    Image.fromarray(np.clip(picture, 0, 255).astype(np.uint8)).save(out, "PNG")
    return out.getvalue()


@pytest.fixture(scope="module")
def faces_sealed(tmp_path_factory: pytest.TempPathFactory) -> Triaged:
    bench = Bench(tmp_path_factory.mktemp("faces"))
    files = {
        "a1.png": drawn(face=True, noise=1), "a2.png": drawn(face=True, noise=2),
        "b1.png": drawn(face=False), "note.txt": b"nobody",
    }  # fmt: skip
    bench.seal(fill(bench.folder / "drive", files))
    return Triaged(bench, bench.vault)


def allow(bench: Triaged, *more: object) -> Any:
    words = ["--case", "block 4", "--ground", "who beat whom", *more]
    return run("authorise", "--vault", bench.vault, "--identity", bench.anna, "--json", *words)


@pytest.fixture(scope="module")
def printed(faces_sealed: Triaged, tmp_path_factory: pytest.TempPathFactory) -> Triaged:
    """Return a vault whose faces were printed under an authorisation; nobody alters it."""
    if importlib.util.find_spec("dlib") is None or layers().lacking:
        pytest.skip("the packages of requirements-faces.lock, or layers of the sandbox, are missing")
    try:
        model("face-print").locate()
    except ModelError as error:
        pytest.skip(error.message)
    place = tmp_path_factory.mktemp("printed") / "vault"
    bench = Triaged(faces_sealed, Path(shutil.copytree(faces_sealed.vault, place)))
    (delivery,) = {item["delivery"] for item in bench.items().values()}
    allow(bench, "--identity", bench.ben, "--delivery", delivery).ok()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(faces.Faces, "detect", lambda self, pictures, **_: [[BOX] for _ in pictures])
        bench.triage("--only", "faceprints", "--only", "metadata", "--only", "probe", "--workers", "1")
    return bench


@pytest.fixture
def bench(printed: Triaged, tmp_path: Path) -> Triaged:
    return Triaged(printed, Path(shutil.copytree(printed.vault, tmp_path / "vault")))


def refused(bench: Triaged, *words: object) -> str:
    done = run(*words, "--vault", bench.vault, "--identity", bench.anna)
    assert done.code == 1, done.out
    return done.err


def test_without_two_people_every_route_refuses(faces_sealed: Triaged, tmp_path: Path) -> None:
    bench = Triaged(faces_sealed, Path(shutil.copytree(faces_sealed.vault, tmp_path / "vault")))
    (delivery,) = {item["delivery"] for item in bench.items().values()}
    assert allow(bench, "--delivery", delivery).code == 1  # one keeper alone
    done = bench.try_triage("--only", "faceprints")
    assert (done.code, "no two people have authorised" in done.err) == (1, True)
    assert "authorise" in refused(bench, "faces")
    assert "authorise" in refused(bench, "find", "--face", "abcdef")
    assert bench.derived() == []


def test_pictures_of_one_pattern_form_a_group_that_is_called_a_lead(bench: Triaged) -> None:
    (group,) = bench.do("faces")["groups"]
    assert {face["path"] for face in group["faces"]} == {"a1.png", "a2.png"}
    hits = bench.do("find", "--face", group["group"])["found"]
    assert {hit["path"] for hit in hits} == {"a1.png", "a2.png"}
    assert all(hit["may_be_the_same_person"][0]["distance"] < 0.5 for hit in hits)
    said = run("find", "--face", group["group"], "--vault", bench.vault, "--identity", bench.anna).ok().out
    assert "may be the same person" in said
    assert "distance" in said
    said = run("faces", "--vault", bench.vault, "--identity", bench.anna).ok().out
    assert "never an identity" in said
    bench.is_clean()


def test_nothing_of_the_prints_can_be_searched(bench: Triaged) -> None:
    kinds = {result["kind"] for result in bench.derived()}
    assert "faceprints" in kinds
    for hit in bench.do("find", "png")["found"]:
        assert not [name for name in hit["facts"] if "face" in name]


def test_when_the_permission_ends_what_is_stored_is_not_read(bench: Triaged) -> None:
    (group,) = bench.do("faces")["groups"]
    allow(bench, "--end").ok()
    assert "authorise" in refused(bench, "faces")
    assert "authorise" in refused(bench, "find", "--face", group["group"])


def test_a_frozen_face_is_in_no_group(bench: Triaged) -> None:
    bench.do("freeze", "--item", bench.id_of("a1.png"))
    assert bench.do("faces")["groups"] == []


def test_prints_are_destroyed_alone_with_keys_and_payload(bench: Triaged) -> None:
    words = ["faces", "--destroy", "--ground", "case closed"]
    assert "two people" in refused(bench, *words)
    vault = open_vault(bench.vault)
    entries = bench.do("log")["entries"]
    gone = {
        path
        for files in files_by_item(
            [effect for entry, effect in zip(entries, vault.log.effects(), strict=True)
             if any(result["kind"] == "faceprints" for result in entry["fields"].get("results", []))]
        ).values()
        for key, packs in files.items()
        for path in (key, *map(pack_path, packs))
    }  # fmt: skip
    assert gone
    assert all((bench.vault / path).is_file() for path in gone)
    others = {result["kind"] for result in bench.derived()} - {"faceprints"}
    told = bench.do(*words, "--identity", bench.ben)
    assert len(told["destroyed"]) == 4
    assert not [path for path in gone if (bench.vault / path).exists()]
    assert bench.do("faces")["groups"] == []
    bench.is_clean()
    assert bench.do("log")["entries"][-1]["fields"]["kind"] == "faceprints-destroyed"
    assert bench.found("--kind", "image") == {"a1.png", "a2.png", "b1.png"}  # all else is there
    assert {"probe", "metadata"} <= others
    bench.do("rebuild")
    assert bench.do("faces")["groups"] == []
    assert "no prints" in refused(bench, *words, "--identity", bench.ben)


@pytest.mark.parametrize("misspelt", ["", " ", "ffffzz"])
def test_where_a_delivery_named_is_none_no_prints_are_destroyed(faces_sealed: Triaged, misspelt: str) -> None:
    (delivery,) = faces_sealed.do("list")["deliveries"]
    words = [
        "faces",
        "--destroy",
        "--ground",
        "x",
        "--delivery",
        delivery["delivery"],
        "--delivery",
        misspelt,
    ]
    keys = ["--vault", faces_sealed.vault, "--identity", faces_sealed.anna, "--identity", faces_sealed.ben]
    done = run(*words, *keys)
    assert done.code == 2
    assert f"no delivery begins with {misspelt!r}" in done.err


def test_stored_prints_that_were_altered_are_refused() -> None:
    rows, prints = np.zeros((2, 6)), np.zeros((2, 128), np.float32)
    assert np.array_equal(decode(encode(rows, prints))[1], prints)
    for bad in (b"", b"PK\3\4", encode(rows, prints[:1]), encode(rows * np.nan, prints)):
        with pytest.raises(MalformedError):
            decode(bad)
