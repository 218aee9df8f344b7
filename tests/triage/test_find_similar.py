"""What is like an item, or like a file outside of the vault, is found; what is frozen never is."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from triaged import Triaged, jpeg
from workbench import Bench, run

pytest.importorskip("cv2", reason="sketches need OpenCV")
NAMES = ("stage-bright.mp4", "stage-trim.mp4", "woman-crop.mp4", "bridge-orig.jpg")


@pytest.fixture(scope="module")
def sealed_copies(corpus: Path, tmp_path_factory: pytest.TempPathFactory) -> Triaged:
    """Return a vault with copies, not looked at yet."""
    bench = Bench(tmp_path_factory.mktemp("like"))
    drive = bench.folder / "drive"
    drive.mkdir()
    for name in NAMES:
        shutil.copy(corpus / "neardup" / name, drive)
    shutil.copy(drive / "bridge-orig.jpg", drive / "twin.jpg")
    (drive / "noise.jpg").write_bytes(jpeg(5))
    (drive / "note.txt").write_text("no picture")
    bench.seal(drive)
    return Triaged(bench, bench.vault)


@pytest.fixture(scope="module")
def looked(sealed_copies: Triaged, tmp_path_factory: pytest.TempPathFactory) -> Triaged:
    folder = tmp_path_factory.mktemp("looked") / "vault"
    made = Triaged(sealed_copies, Path(shutil.copytree(sealed_copies.vault, folder)))
    made.triage("--only", "probe", "--only", "sketch")
    return made


def words(bench: Triaged, *more: object) -> list[object]:
    return ["find", *more, "--vault", bench.vault, "--identity", bench.anna]


def test_before_any_triage_it_is_said_and_with_which_command_to_go_on(sealed_copies: Triaged) -> None:
    said = run(*words(sealed_copies, "--kind", "video")).ok().out
    assert "nothing was triaged yet" in said
    assert "bearwitness triage" in said
    assert "0 items found" not in said
    told = sealed_copies.do("find", "noise")
    assert [hit["path"] for hit in told["found"]] == ["noise.jpg"]
    assert told["not_triaged"] == 6  # files with different bytes


def test_what_triage_did_not_look_at_for_this_question_is_counted(looked: Triaged) -> None:
    said = run(*words(looked, "--faces", 1)).ok().out
    assert "nothing was triaged yet for this" in said
    assert "--only faces" in said
    assert "not_triaged" not in looked.do("find", "--kind", "video")


def test_a_cut_is_found_from_the_item_it_was_cut_out_of(looked: Triaged) -> None:
    (hit,) = looked.do("find", "--similar", looked.id_of("stage-bright.mp4"))["found"]
    assert (hit["path"], hit["relation"]) == ("stage-trim.mp4", "copy")
    (span,) = hit["spans"]
    assert abs(span["from"][0] - span["in"][0] - 3) < 0.5
    assert looked.found("--similar", looked.id_of("bridge-orig.jpg")) == {"twin.jpg"}
    assert looked.found("--similar", looked.id_of("bridge-orig.jpg"), "--kind", "video") == set()


def test_a_file_outside_of_the_vault_finds_its_copies_and_leaves_nothing(
    looked: Triaged, corpus: Path, tmp_path: Path
) -> None:
    before = looked.do("log")["entries"]
    hits = looked.do("find", "--similar", corpus / "video/stage-audience.mp4")["found"]
    assert {(hit["path"], hit["relation"]) for hit in hits} == {
        ("stage-bright.mp4", "copy"), ("stage-trim.mp4", "copy"),
    }  # fmt: skip
    (tmp_path / "twin.jpg").write_bytes((corpus / "neardup/bridge-orig.jpg").read_bytes())
    assert looked.found("--similar", tmp_path / "twin.jpg") == {"bridge-orig.jpg", "twin.jpg"}
    assert looked.do("log")["entries"] == before


def test_what_is_no_picture_or_was_not_looked_at_is_refused_with_a_reason(
    looked: Triaged, sealed_copies: Triaged, tmp_path: Path
) -> None:
    (tmp_path / "text.txt").write_text("hello")
    (tmp_path / "bad.jpg").write_bytes(jpeg(2)[:300])
    os.mkfifo(tmp_path / "pipe")
    for bench, asked, reason in (
        (looked, tmp_path / "text.txt", "neither a picture nor a video"),
        (looked, tmp_path / "bad.jpg", "can not be compared"),
        (looked, tmp_path / "pipe", "is not a file"),
        (looked, Path("/dev/zero"), "is not a file"),
        (sealed_copies, sealed_copies.id_of("noise.jpg"), "triage --only sketch"),
    ):
        done = run(*words(bench, "--similar", asked))
        assert done.code == 1
        assert reason in done.err


def test_no_question_finds_what_is_frozen(looked: Triaged, corpus: Path, tmp_path: Path) -> None:
    bench = Triaged(looked, Path(shutil.copytree(looked.vault, tmp_path / "vault")))
    frozen, other = bench.id_of("stage-trim.mp4"), bench.id_of("stage-bright.mp4")
    bench.do("freeze", "--item", frozen)
    bench.do("freeze", "--item", bench.id_of("twin.jpg"))
    gone = {"stage-trim.mp4", "twin.jpg", "bridge-orig.jpg"}
    questions: list[tuple[object, ...]] = [
        ("--similar", other), ("--similar", corpus / "video/stage-audience.mp4"), ("--kind", "video"),
        ("--similar", corpus / "neardup/bridge-orig.jpg"), ("stage",), ("twin",), ("--fact", "codec=h264"),
    ]  # fmt: skip
    for question in questions:
        hits = bench.do("find", *question)["found"]
        assert not {hit["path"] for hit in hits} & gone, question
        assert not {copy for hit in hits for copy in hit["copies"]} & {frozen}
    assert not set(bench.do("similar")["paths"].values()) & gone
    told = bench.do("clocks")
    named = {each["path"] for each in (*told["items"], *told["without_clock"], *told["contradictions"])}
    assert "stage-bright.mp4" in named
    assert not named & gone
    keys = ["--vault", bench.vault, "--identity", bench.anna]
    for question in (
        words(bench, "--similar", frozen),
        ["clocks", *keys, "--known", f"{frozen}@1=2021-03-14T23:00:05"],
        ["clocks", *keys, "--same", f"{other}@1={frozen}@2"],
    ):
        refused = run(*question)
        assert refused.code == 1
        assert "frozen" in refused.err
