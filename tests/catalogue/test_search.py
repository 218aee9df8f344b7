"""Words are found in every form, in the texts and names they stand in; conditions narrow."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlcipher3 import dbapi2

from bearwitness.catalogue import schema, search
from bearwitness.catalogue.search import snippet
from bearwitness.catalogue.stems import query, stems
from triaged import FILES, Triaged
from workbench import Bench, fill, run


@pytest.fixture(scope="module")
def looked(tmp_path_factory: pytest.TempPathFactory) -> Triaged:
    bench = Bench(tmp_path_factory.mktemp("search"))
    bench.seal(fill(bench.folder / "drive", dict(FILES)))
    made = Triaged(bench, bench.vault)
    made.triage()
    return made


@pytest.mark.parametrize(
    ("words", "paths"),
    [
        ("заключённые", {"протокол.docx", "cp1251.txt"}),
        ("ЗАКЛЮЧЕННЫМИ", {"протокол.docx", "cp1251.txt"}),
        ("допросы протоколов", {"протокол.docx", "cp1251.txt"}),
        ("prisoner", {"report.txt"}),
        ("beating prisoners", set()),
        ("beaten PRISONERS", {"report.txt"}),
        ("officer cells", {"report.txt"}),
        ('"beaten in cell"', {"report.txt"}),
        ('"cell in beaten"', set()),
        ("prison*", {"report.txt"}),
        ("prisoner*", {"report.txt"}),
        ("заключённ*", {"протокол.docx", "cp1251.txt"}),
        ("beaten-in-ce*", {"report.txt"}),
        ("ce* prisoner*", {"report.txt"}),
        ("prisonerz*", set()),
        ("phot*", {"photo.jpg", "copy of photo.jpg"}),
        ("copy phot*", {"copy of photo.jpg"}),
        ("Фирма", {"photo.jpg"}),
        ("протокол", {"протокол.docx", "cp1251.txt"}),
        ("photo", {"photo.jpg", "copy of photo.jpg"}),
        ("nowhere", set()),
        ("'; DROP TABLE items; --", set()),
        ('"unfinished', set()),
        ("NEAR(a b) OR *", set()),
    ],
)
def test_words_are_found_in_any_form_in_text_and_names(looked: Triaged, words: str, paths: set[str]) -> None:
    found = looked.found(words)
    if words == "Фирма":  # one of two copies stands for both
        assert found in ({"photo.jpg"}, {"copy of photo.jpg"})
    else:
        assert found == paths


def test_a_hit_shows_the_passage_and_names_its_copies(looked: Triaged) -> None:
    (hit,) = looked.do("find", "prisoners")["found"]
    assert "beaten in cell four" in hit["passages"][0]["text"]
    (hit,) = looked.do("find", "--fact", "maker=фирма")["found"]
    assert len(hit["copies"]) == 1
    assert hit["facts"]["latitude"] == "55.5"


def test_conditions_narrow(looked: Triaged) -> None:
    assert looked.found("--kind", "document") == {"протокол.docx", "cp1251.txt", "report.txt"}
    assert looked.found("--kind", "sound") == {"talk.wav"}
    assert looked.found("--kind", "document", "prisoners") == {"report.txt"}
    assert looked.found("--kind", "image", "prisoners") == set()
    assert looked.found("--faces", "1") == set()


@pytest.mark.parametrize(
    "words",
    [
        [],
        ["--faces", "9" * 30],
        ["--faces", "-1"],
        ["--clock", "yesterday"],
        ["--clock", "x..y"],
        ["--fact", "maker"],
        ["--fact", "\udcff=1"],
        ["--kind", "smell"],
    ],
)
def test_a_question_that_is_none_is_refused_with_a_sentence(looked: Triaged, words: list[str]) -> None:
    done = run("find", *words, "--vault", looked.vault, "--identity", looked.anna)
    assert done.code == 2
    assert done.err


def test_the_catalogue_built_anew_has_the_same_rows_as_the_one_that_grew(
    looked: Triaged, tmp_path: Path
) -> None:
    bench = Triaged(looked, Path(shutil.copytree(looked.vault, tmp_path / "vault")))
    (tmp_path / "more").mkdir()
    (tmp_path / "more" / "later.txt").write_text("something said later")
    bench.seal(tmp_path / "more")
    bench.triage()
    bench.destroy(bench.id_of("report.txt"))
    item = bench.id_of("cp1251.txt")
    bench.do("freeze", "--item", item)
    keys = ["--identity", bench.anna, "--identity", bench.ben]
    run("thaw", "--vault", bench.vault, *keys, "--item", item, "--ground", "x").ok()
    grown = rows(bench)
    bench.do("rebuild")
    assert rows(bench) == grown
    assert any("later" in row for row in grown)
    assert not any("prisoners" in row for row in grown)


def rows(bench: Triaged) -> list[str]:
    """Return all rows of the catalogue, and what its full-text index holds."""
    from bearwitness.catalogue.catalogue import Catalogue
    from bearwitness.vault import keyring
    from bearwitness.vault.opening import open_vault

    vault = open_vault(bench.vault)
    unlocked = keyring.unlock(vault, keyring.load_given([str(bench.anna)], str))
    catalogue = Catalogue.open(vault.local / "catalogue.db", keyring.require_vault(unlocked))
    with catalogue.connect() as connection:
        words = connection.exec_driver_sql("SELECT stems, job, number, item FROM words").all()
    dump = catalogue.dump()
    catalogue.close()
    return dump + sorted(map(str, words))


def test_words_lie_in_the_catalogue_only_and_it_is_encrypted(looked: Triaged) -> None:
    looked.found("prisoners")
    data = (looked.vault / "local" / "catalogue.db").read_bytes()
    assert b"prison" not in data
    assert "заключ".encode() not in data


@given(st.text(max_size=60))
def test_whatever_is_typed_is_a_question_that_the_index_understands(text: str) -> None:
    database = dbapi2.connect(":memory:")
    database.execute(schema.CREATE_WORDS)
    database.execute(
        "INSERT INTO words (stems, job, number, item) VALUES (?, 'j', 0, 'i')", (" ".join(stems(text)),)
    )
    wanted = query(text.replace("*", " "))
    if wanted:
        (count,) = database.execute("SELECT count(*) FROM words WHERE words MATCH ?", (wanted,)).fetchone()
        assert count == 1, "a text is not found by its own words"
    database.close()


def test_a_snippet_shows_the_word_with_what_stands_around_it() -> None:
    text = " ".join(f"word{n}" for n in range(200)) + " the prisoner said " + " ".join(["more"] * 200)
    shown = snippet(text, set(stems("prisoners")))
    assert "the prisoner said more" in shown
    assert shown.startswith("… ")
    assert shown.endswith(" …")
    assert len(shown) < 200


def test_of_more_matches_than_are_shown_every_item_is_found(
    looked: Triaged, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(search, "_MATCHES_MAX", 1)
    hits = looked.do("find", "заключённые")["found"]
    assert {hit["path"] for hit in hits} == {"протокол.docx", "cp1251.txt"}
    assert sorted(len(hit["passages"]) for hit in hits) == [0, 1]


def test_equal_files_that_were_looked_at_twice_do_not_hide_one_that_was_not(
    looked: Triaged, tmp_path: Path
) -> None:
    bench = Triaged(looked, Path(shutil.copytree(looked.vault, tmp_path / "vault")))
    before = footage(bench)
    assert before > 0
    told = bench.seal(fill(tmp_path / "more", {"talk.wav": FILES["talk.wav"]}))
    bench.triage("--delivery", told["delivery"])
    bench.seal(fill(tmp_path / "last", {"never looked at.txt": b"something said later"}))
    assert bench.do("find", "prisoners")["not_triaged"] == 1
    assert footage(bench) == before


def footage(bench: Triaged) -> float:
    return float(bench.triage("--only", "probe", "--delivery", deliveries(bench)[0])["footage_seconds"])


def deliveries(bench: Triaged) -> list[str]:
    return [delivery["delivery"] for delivery in bench.do("list")["deliveries"]]
