"""A release in the forms others read: each judged by its own tool, none of a release that fails."""

from __future__ import annotations

import csv
import json
import re
import shutil
import subprocess
import sys
from hashlib import sha256
from pathlib import Path
from typing import Any

import bagit
import pypdfium2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bearwitness.disclose.exports import index, papers, shown
from bearwitness.disclose.exports.export import FORMS
from bearwitness.errors import RefusedError
from bearwitness_verify import anchors
from workbench import Bench, Done, fill, run, snapshot, verify

GOLDEN = Path(__file__).resolve().parents[2] / "golden" / "v2"
RELEASE = GOLDEN / "release"
VAULT_KEY = json.loads((GOLDEN / "expected.json").read_text("utf-8"))["vault_key"]
NOBODY = anchors.load([], [], [], [])
DAY = {"ro-crate": ("--date", "2026-05-31")}
HOSTILE = "=cmd|' /C calc'!A0 þ®#typst[\u202e].txt"


def export(destination: Path, form: str, release: Path = RELEASE, *words: object) -> Done:
    return run("export", release, destination, "--as", form, *DAY.get(form, ()), *words)


def judged(judge: str, *words: object) -> Any:
    """Return what a judge says of each argument, in one process for all."""
    command = [sys.executable, str(Path(__file__).with_name(judge)), *map(str, words)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return json.loads(done.stdout.splitlines()[-1])


def words_of(pdf: Path) -> str:
    document = pypdfium2.PdfDocument(pdf)
    text = "".join(page.get_textpage().get_text_range() for page in document)
    document.close()
    return re.sub(r"[\s\u200b\ufffe]+", " ", text)


def told_in(folder: Path) -> list[dict[str, str]]:
    with (folder / "exhibits.csv").open(encoding="utf-8-sig", newline="") as file:
        return list(csv.DictReader(file))


@pytest.fixture(scope="module")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A release of a whole file whose name is shown, and is an attack; of another nothing is told."""
    made = Bench(tmp_path_factory.mktemp("exports"))
    made.seal(fill(made.folder / "drive", {HOSTILE: b"one", "кит.txt": b"two", "secret name.txt": b"three"}))
    items = made.items()
    chosen = [value["item"] for name, value in items.items() if "secret" not in name]
    words = [word for item in chosen for word in ("--item", item)]
    made.do("release", made.folder / "out", *words, "--reveal", "path")
    return made.folder / "out"


@pytest.fixture(scope="module")
def stills(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A release of two stills with hidden regions: one of a codec that every decoder reads alike, one not."""
    pytest.importorskip("containers.media", reason="PyAV makes the footage")
    from footage import Footage

    made = Footage(tmp_path_factory.mktemp("stills"), ("h264-aac.mp4", "jpeg-pcm.mov"))
    words: list[object] = []
    for name in ("h264-aac.mp4", "jpeg-pcm.mov"):
        words += ["--still", made.do("still", made.ids[name], "--at", "1")["still"] + "#40,40,20,20"]
    made.do("release", made.folder / "out", *words)
    return made.folder / "out"


def test_stills_are_in_the_index_with_what_is_hidden_and_their_proofs(tmp_path: Path, stills: Path) -> None:
    export(tmp_path / "index", "index", stills).ok()
    rows = [row for row in told_in(tmp_path / "index") if row["STATUS"] != "not told"]
    kinds = {Path(row["FILE"]).suffix: set[str]() for row in rows}
    for row in rows:
        kinds[Path(row["FILE"]).suffix].add(row["KIND"])
        file = stills / row["FILE"]
        assert (row["BYTES"], row["SHA256"]) == (
            str(file.stat().st_size),
            sha256(file.read_bytes()).hexdigest(),
        )
    bound = "proof still, 56 of 60 tiles shown, the others hidden"
    derived = f"{bound}, DERIVED: another decoder may differ in the last bits"
    assert kinds == {".png": {bound, derived}, ".tiles": {"tiles that prove a still"}}
    assert {row["STATUS"] for row in rows} == {"shown"}
    assert sorted(row["EXHIBIT"].partition("-")[2] for row in rows) == ["01", "01P", "02", "02P"]
    dat = (tmp_path / "index" / "exhibits.dat").read_text("utf-8-sig")
    assert dat.count("proof still, ") == dat.count("tiles that prove a still") == 2


def test_stills_are_in_the_other_forms_and_the_crate_is_valid(tmp_path: Path, stills: Path) -> None:
    export(tmp_path / "crate", "ro-crate", stills).ok()
    assert judged("judge_crate.py", tmp_path / "crate") == [[]]
    export(tmp_path / "case.jsonld", "case", stills).ok()
    export(tmp_path / "paper.pdf", "report", stills).ok()
    metadata = (tmp_path / "crate" / "ro-crate-metadata.json").read_text("utf-8")
    for text in (metadata, (tmp_path / "case.jsonld").read_text("utf-8"), words_of(tmp_path / "paper.pdf")):
        assert text.count("proof still, 56 of 60 tiles shown") == 2
        assert text.count("DERIVED: another decoder") >= 1


def test_a_bag_is_valid_to_the_library_of_congress_and_holds_the_release_as_it_was(tmp_path: Path) -> None:
    export(tmp_path / "bag", "bagit").ok()
    bagit.Bag(str(tmp_path / "bag")).validate()
    verify(tmp_path / "bag" / "data", "--vault-key", VAULT_KEY).ok()
    assert snapshot(tmp_path / "bag" / "data", times=False).keys() == snapshot(RELEASE, times=False).keys()


def test_a_bag_whose_payload_is_altered_is_no_longer_valid(tmp_path: Path) -> None:
    export(tmp_path / "bag", "bagit").ok()
    (tmp_path / "bag" / "data" / "exhibits" / "01.txt").write_bytes(b"something!")
    with pytest.raises(bagit.BagValidationError):
        bagit.Bag(str(tmp_path / "bag")).validate()


def test_a_crate_is_valid_to_roc_validator_and_holds_the_release(tmp_path: Path) -> None:
    export(tmp_path / "crate", "ro-crate").ok()
    verify(tmp_path / "crate" / "release", "--vault-key", VAULT_KEY).ok()
    shutil.copytree(tmp_path / "crate", tmp_path / "bad")
    metadata = tmp_path / "bad" / "ro-crate-metadata.json"
    metadata.write_text(metadata.read_text("utf-8").replace('"datePublished"', '"dateOfNothing"'), "utf-8")
    good, bad = judged("judge_crate.py", tmp_path / "crate", tmp_path / "bad")
    assert good == []
    assert bad, "the judge can not say no"


@pytest.mark.parametrize("day", [None, "soon", "2026-02-30"])
def test_a_crate_is_refused_without_a_day_for_the_release_shows_none(tmp_path: Path, day: str | None) -> None:
    words = ["--date", day] if day else []
    run("export", RELEASE, tmp_path / "crate", "--as", "ro-crate", *words).ok(2)
    assert not list(tmp_path.iterdir())


def test_the_chain_of_custody_is_valid_to_case_validate(tmp_path: Path, hostile: Path, stills: Path) -> None:
    files = [tmp_path / f"{name}.jsonld" for name in ("golden", "hostile", "stills")]
    for file, release in zip(files, (RELEASE, hostile, stills), strict=True):
        export(file, "case", release).ok()
    text, bad = files[0].read_text("utf-8"), tmp_path / "bad.jsonld"
    bad.write_text(text.replace('"SHA256"', "256"), "utf-8")
    assert judged("judge_case.py", ",".join(map(str, files)), bad) == [0, 1], "or the judge can not say no"


@pytest.mark.parametrize("form", ["certificate", "report"])
def test_a_paper_names_every_exhibit_with_its_hash_and_the_verdict(tmp_path: Path, form: str) -> None:
    export(tmp_path / "paper.pdf", form, RELEASE, "--vault-key", VAULT_KEY).ok()
    text = words_of(tmp_path / "paper.pdf")
    dense = text.replace(" ", "")
    what = shown.read(RELEASE, NOBODY)
    assert len(what.exhibits) > 10
    for one in what.exhibits:
        assert one.number in text
        assert one.file is None or one.file.sha256 in dense
    assert what.digest in dense
    assert "VERIFIED" in text
    assert "CONSISTENT ONLY" not in text


def test_a_paper_without_the_vaults_key_says_that_anybody_could_have_made_it(tmp_path: Path) -> None:
    export(tmp_path / "paper.pdf", "certificate").ok()
    text = words_of(tmp_path / "paper.pdf")
    assert "CONSISTENT ONLY" in text
    assert "certifies nothing until a qualified person" in text
    for blank in ("Name", "Signature", "penalty of perjury"):
        assert blank in text


def test_the_report_tells_what_is_withheld_with_its_ground(tmp_path: Path) -> None:
    export(tmp_path / "paper.pdf", "report").ok()
    text = words_of(tmp_path / "paper.pdf")
    assert "8576954e-W1" in text
    assert "not relevant" in text
    assert "a man in uniform" in text


def test_a_hostile_name_is_neither_markup_nor_a_formula_nor_a_column(tmp_path: Path, hostile: Path) -> None:
    export(tmp_path / "paper.pdf", "report", hostile).ok()
    text = words_of(tmp_path / "paper.pdf")
    assert "#typst[\\u202e].txt" in text
    assert "кит.txt" in text
    export(tmp_path / "index", "index", hostile).ok()
    paths = {row["PATH"] for row in told_in(tmp_path / "index")}
    assert any(path.startswith("'=cmd") for path in paths)
    lines = (tmp_path / "index" / "exhibits.dat").read_text("utf-8-sig").split("\n")[:-1]
    assert {len(line.split("\x14")) for line in lines} == {len(index.COLUMNS)}
    assert {line.count("þ") for line in lines} == {2 * len(index.COLUMNS)}


def test_the_index_holds_what_is_shown_and_what_is_withheld(tmp_path: Path) -> None:
    export(tmp_path / "index", "index").ok()
    rows = told_in(tmp_path / "index")
    assert {row["STATUS"] for row in rows} == {"shown", "fields only", "withheld"}
    assert [row["GROUND"] for row in rows if row["STATUS"] == "withheld"] == ["not relevant"]
    numbers = [row["EXHIBIT"] for row in rows]
    assert len(set(numbers)) == len(numbers)
    assert len({row["ITEM"] for row in rows}) == 8
    dat = (tmp_path / "index" / "exhibits.dat").read_text("utf-8-sig").split("\n")[:-1]
    assert [line[1:-1].split("þ\x14þ") for line in dat[1:]] == [list(row.values()) for row in rows]


def test_a_delivery_that_does_not_tell_the_rest_has_a_row_that_says_so(tmp_path: Path, hostile: Path) -> None:
    export(tmp_path / "index", "index", hostile).ok()
    assert [row["STATUS"] for row in told_in(tmp_path / "index")] == ["shown", "shown", "not told"]


@given(st.lists(st.text(), min_size=1, max_size=4))
def test_whatever_a_value_is_the_load_file_keeps_its_columns(values: list[str]) -> None:
    line = index.load_line(values)
    assert line.endswith("\r\n")
    assert len(line[:-2].split("\x14")) == len(values)
    assert line.count("þ") == 2 * len(values)
    assert not re.search("[\x00-\x13\x15-\x1f]", line[:-2])


@pytest.mark.parametrize("form", sorted(FORMS))
def test_no_export_tells_what_the_release_does_not_show(tmp_path: Path, hostile: Path, form: str) -> None:
    export(tmp_path / "out", form, hostile).ok()
    files = [tmp_path / "out"] if (tmp_path / "out").is_file() else sorted((tmp_path / "out").rglob("*.*"))
    for file in files:
        data = file.read_bytes()
        if form in ("certificate", "report"):
            data = words_of(file).encode() + data
        for secret in (b"secret name", str(hostile.parent).encode(), b"CreationDate", b"ModDate"):
            assert secret not in data


@pytest.mark.parametrize("form", sorted(FORMS))
def test_two_exports_of_one_release_are_the_same(tmp_path: Path, form: str) -> None:
    folders = [tmp_path / "1", tmp_path / "2"]
    for folder in folders:
        folder.mkdir()
        export(folder / "out", form).ok()
    assert snapshot(folders[0], times=False) == snapshot(folders[1], times=False)


@pytest.mark.parametrize("form", sorted(FORMS))
def test_nothing_is_made_of_a_release_that_does_not_hold(tmp_path: Path, form: str) -> None:
    shutil.copytree(RELEASE, tmp_path / "release")
    file = tmp_path / "release" / "exhibits" / "02.mp4"
    file.write_bytes(file.read_bytes()[:-1] + b"!")
    done = export(tmp_path / "out", form, tmp_path / "release")
    done.ok(1)
    assert "does not hold" in done.err
    assert sorted(path.name for path in tmp_path.iterdir()) == ["release"]


def test_another_vaults_key_is_refused(tmp_path: Path) -> None:
    other = "bearwitness/" + "0" * 12
    export(tmp_path / "out", "case", RELEASE, "--vault-key", VAULT_KEY.replace(VAULT_KEY[:24], other)).ok(
        1, 2
    )
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("form", sorted(FORMS))
def test_what_is_there_is_never_written_over(tmp_path: Path, form: str) -> None:
    (tmp_path / "out").write_bytes(b"mine")
    export(tmp_path / "out", form).ok(2)
    assert (tmp_path / "out").read_bytes() == b"mine"


def test_nothing_is_written_into_the_release_itself(tmp_path: Path) -> None:
    shutil.copytree(RELEASE, tmp_path / "release")
    export(tmp_path / "release" / "index", "index", tmp_path / "release").ok(2)
    assert snapshot(tmp_path / "release", times=False) == snapshot(RELEASE, times=False)


def test_a_date_is_refused_where_none_is_told(tmp_path: Path) -> None:
    export(tmp_path / "out", "case", RELEASE, "--date", "2026-05-31").ok(2)


def test_an_archive_is_exported_as_its_folder_would_be(tmp_path: Path) -> None:
    export(tmp_path / "bag", "bagit", GOLDEN / "sound.zip").ok()
    bagit.Bag(str(tmp_path / "bag")).validate()


def test_numbers_are_told_by_the_release_alone() -> None:
    what = shown.read(RELEASE, NOBODY)
    for one in what.exhibits:
        if one.file is not None:
            number = one.number.removeprefix(f"{what.digest[:8]}-")
            assert one.file.name.startswith(f"exhibits/{number.removesuffix('P')}.")


def test_two_exhibits_of_one_number_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shown, "_number", lambda kind, name: "01")
    with pytest.raises(RefusedError, match="bear the number"):
        shown.read(RELEASE, NOBODY)


def test_without_typst_a_paper_is_refused_with_a_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "typst", None)
    done = export(tmp_path / "out.pdf", "report")
    done.ok(2)
    assert "bearwitness[exports]" in done.err
    assert not list(tmp_path.iterdir())


@given(st.recursive(st.text(), lambda inner: st.lists(inner) | st.dictionaries(st.just("a"), inner)))
def test_a_paper_is_given_only_letters_that_its_fonts_have(value: Any) -> None:
    assert papers.NO_LETTER.search(json.dumps(papers.letters(value), ensure_ascii=False)) is None
