"""A whole triage: every file is looked at once, what came of it stands in the log, going on costs nothing."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from bearwitness.sandbox import status
from triaged import Triaged
from workbench import Bench, recipient_of, run


def test_without_a_note_nothing_is_looked_at_and_with_one_it_stands_in_the_log(bench: Triaged) -> None:
    done = bench.try_triage("--note-purpose", "only that", note=False)
    assert done.code == 2
    assert "note" in done.err
    assert bench.derived() == []
    bench.triage()
    (noted,) = [e["fields"] for e in bench.do("log")["entries"] if e["fields"]["kind"] == "triage-noted"]
    assert noted["purpose"] == "who gave the orders"
    assert noted["who_may_see"] == "Anna, Ben"
    assert bench.try_triage(note=False).code in (0, 3), "once is enough"


def test_every_file_is_looked_at_once_and_every_failure_told_with_its_reason(bench: Triaged) -> None:
    report = bench.triage(codes=(3,))
    derived = bench.derived()
    assert len(derived) == len({result["job"] for result in derived})
    paths = {item["item"]: path for path, item in bench.items().items()}
    looked = {paths[result["item"]] for result in derived}
    assert looked | {"copy of photo.jpg", "photo.jpg", "empty"} == set(paths.values())
    failed = {(paths[f["item"]], f["kind"]): f["reason"] for f in report["failures"]}
    assert failed.keys() == {("broken.jpg", "metadata")}
    assert "no metadata could be read" in failed["broken.jpg", "metadata"]
    assert sum(report["entered"].values()) == len(derived)
    for result in derived:
        assert result["tool"].startswith("bearwitness triage")
        assert len(result["digest"]) == 64
        assert (result["outcome"] == "failed") == ("reason" in result)


def test_what_was_done_is_not_done_again_and_what_failed_only_when_asked(bench: Triaged) -> None:
    bench.triage()
    before = len(bench.derived())
    assert bench.triage(codes=(0,))["entered"] == {}
    assert len(bench.derived()) == before
    again = bench.triage("--again", codes=(3,))
    assert again["entered"] == {"failed": 1}
    assert again["already"] == before - 1


def test_only_what_was_asked_for_is_run_and_an_unknown_kind_refused(bench: Triaged) -> None:
    bench.triage("--only", "document")
    assert {result["kind"] for result in bench.derived()} == {"document"}
    assert bench.try_triage("--only", "astrology").code == 2


def test_the_vault_is_clean_with_its_derivatives_and_a_rebuilt_catalogue_is_the_same(
    bench: Triaged, tmp_path: Path
) -> None:
    bench.triage()
    bench.is_clean()
    before = bench.do("find", "beaten cell")["found"]
    bench.do("rebuild")
    assert bench.do("find", "beaten cell")["found"] == before
    bench.do("mirror", tmp_path / "mirror")
    bench.is_clean(tmp_path / "mirror")


def test_nothing_of_what_was_found_is_in_the_clear_on_the_disk(bench: Triaged) -> None:
    bench.triage()
    wanted = ["Заключённого".encode(), b"prisoners", "заключен".encode(), b"latitude", b"Model 7"]
    for path in bench.vault.rglob("*"):
        data = path.read_bytes() if path.is_file() else b""
        assert not any(word in data for word in wanted), path


def test_an_altered_or_missing_derivative_is_noticed_by_check(bench: Triaged, tmp_path: Path) -> None:
    bench.triage()
    for number, path in enumerate(sorted(bench.vault.glob("keys/*/derived/*.age"))[:2]):
        vault = Path(shutil.copytree(bench.vault, tmp_path / f"harmed{number}"))
        harmed = vault / path.relative_to(bench.vault)
        harmed.write_bytes(harmed.read_bytes()[:-1] + b"\x00") if number else harmed.unlink()
        for keys in ([], ["--identity", bench.anna]):
            done = run("check", "--vault", vault, *keys, "--json")
            assert done.code == 1, "an altered derivative was not noticed"
            assert any(path.name in problem for problem in done.json["problems"])


def test_destroying_an_item_takes_along_all_that_was_made_of_it(bench: Triaged) -> None:
    bench.triage()
    item = bench.id_of("report.txt")
    mine = list(bench.vault.glob(f"keys/*/derived/{item}-*"))
    packs = set(bench.vault.glob("packs/*/*"))
    assert len(mine) == 1
    assert bench.found("prisoners") == {"report.txt"}
    bench.destroy(item)
    assert not any(path.exists() for path in mine)
    assert packs - set(bench.vault.glob("packs/*/*")), "the packs of its derivatives are still there"
    assert bench.found("prisoners") == set()
    bench.is_clean()
    assert bench.triage()["entered"] == {}


def test_keys_can_be_rotated_and_derivatives_still_open(bench: Triaged) -> None:
    bench.triage()
    eva = bench.vault.parent / "eva.key"
    run("keys", "new", "-o", eva).ok()
    bench.do("keys", "rotate", "--recipient", recipient_of(eva))
    bench.anna = eva
    assert bench.found("prisoners") == {"report.txt"}
    bench.is_clean()


def test_where_the_kernel_lacks_a_layer_triage_refuses_and_with_leave_says_so_loudly(
    bench: Triaged, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(status, "layers", lambda: status.Layers(0, True))
    refused = bench.try_triage()
    assert refused.code == 1
    assert "--accept-weak-sandbox" in refused.err
    assert bench.derived() == []
    done = bench.try_triage("--accept-weak-sandbox", "--only", "document").ok(0, 3)
    assert "WARNING: WEAK SANDBOX" in done.err
    assert done.json["lacking"]


def test_deliveries_of_a_kit_are_looked_at_like_any_other(bench: Triaged, tmp_path: Path) -> None:
    kit = tmp_path / "kit"
    run("kit", kit, "--vault", bench.vault, "--label", "laptop").ok()
    (tmp_path / "field").mkdir()
    (tmp_path / "field" / "diary.txt").write_text("written in the field by a witness")
    bench.seal(tmp_path / "field", vault=kit)
    bench.do("import", kit)
    bench.triage()
    assert bench.found("witness") == {"diary.txt"}
    bench.is_clean()


def test_the_quarantine_is_never_looked_at(sealed: Bench, bench: Triaged) -> None:
    report = bench.triage()
    known = {item["item"] for item in bench.items().values()}
    assert {result["item"] for result in bench.derived()} <= known
    assert report["frozen"] == 0
    assert json.dumps(report)


def test_a_file_that_came_before_is_not_looked_at_again_in_another_delivery(
    bench: Triaged, tmp_path: Path
) -> None:
    bench.triage("--only", "document")
    before = len(bench.derived())
    for number in range(5):  # whose ids may come before the first one's
        (tmp_path / f"{number}").mkdir()
        shutil.copy(bench.folder / "drive" / "report.txt", tmp_path / f"{number}" / f"again {number}.txt")
        bench.seal(tmp_path / f"{number}")
    assert bench.triage("--only", "document", codes=(0,))["entered"] == {}
    assert len(bench.derived()) == before
    assert bench.found("prisoners") == {"report.txt"}


def test_a_folder_without_a_model_is_not_taken_for_one_with(bench: Triaged, tmp_path: Path) -> None:
    for folder in (tmp_path, tmp_path / "misspelt"):
        done = bench.try_triage("--models", folder)
        assert done.code == 2
        assert "there is no model in" in done.err
    assert bench.derived() == []
