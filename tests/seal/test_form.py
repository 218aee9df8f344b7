"""What a person says of a drive goes into the log, encrypted, and onto a card to print."""

from __future__ import annotations

import base64
import errno
import hashlib
import json
import os
import stat
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from bearwitness.errors import StorageError, UsageError
from bearwitness.seal import card as card_page
from bearwitness.seal.form import CustodyForm, parse_instalment
from bearwitness_verify import note
from bearwitness_verify.checkpoint import read_checkpoint
from bearwitness_verify.note import VerifierKey
from workbench import Bench, fill, run

FORM: list[object] = [
    "--by", "Anna", "--note", "handed over <in> Lyon", "--bag", "0417", "--photograph", "front",
    "--photograph", "back", "--handler", "a relative", "--transfer", "relative to Anna, 3 March",
    "--storage", "the safe", "--late", "copied twice before", "--instalment", "2/?", "--write-blocker", "T8u",
]  # fmt: skip


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Bench:
    return Bench(tmp_path_factory.mktemp("form"))


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return fill(tmp_path_factory.mktemp("drive") / "DRIVE-MARK", {"a.txt": b"one file", "b.bin": 90_000})


def test_everything_on_the_form_is_in_the_log_for_keepers_and_for_nobody_else(
    bench: Bench, source: Path
) -> None:
    sealed = bench.seal(source, *FORM)
    entry = bench.do("log")["entries"][-1]["fields"]
    assert entry["kind"] == "sealed"
    assert (entry["by"], entry["note"], entry["late"]) == (
        "Anna",
        "handed over <in> Lyon",
        "copied twice before",
    )
    assert entry["instalment"] == {"number": "2", "of": "?"}
    assert entry["custody"] == {
        "bag": "0417",
        "handlers": ["a relative"],
        "photographs": ["front", "back"],
        "storage": "the safe",
        "transfers": ["relative to Anna, 3 March"],
        "write_blocker": "T8u",
    }
    assert entry["source"] == {"how": "logical copy"}
    assert (entry["items"], entry["bytes"], entry["losses"]) == ("2", str(sealed["bytes"]), "0")
    assert entry["tool"].startswith("bearwitness ")
    public = run("log", "--vault", bench.vault, "--json").ok().out
    for secret in ("Anna", "0417", "Lyon", "safe", "relative"):
        assert secret not in public


def test_times_are_utc_and_local_and_the_same_moment(bench: Bench, source: Path) -> None:
    bench.seal(source)
    told = bench.do("log")["entries"][-1]["fields"]["time"]
    assert told["utc"].endswith("Z")
    assert datetime.fromisoformat(told["utc"]) == datetime.fromisoformat(told["local"])


def test_the_card_holds_what_proves_the_seal_and_nothing_of_what_is_on_the_drive(
    bench: Bench, source: Path, tmp_path: Path
) -> None:
    card = tmp_path / "card.html"
    sealed = bench.seal(source, "--card", card, *FORM)
    text = card.read_text("utf-8")
    for told in (sealed["delivery"], sealed["root"], bench.fingerprint, "0417", "Anna", "the safe", "2/?"):
        assert told in text
    for hidden in ("a.txt", "DRIVE-MARK", hashlib.sha256(b"one file").hexdigest(), "relative", "Lyon"):
        assert hidden not in text
    assert stat.S_IMODE(card.stat().st_mode) == 0o600
    assert "<script" not in text
    key = VerifierKey.parse(bench.made["vault_key"])
    assert sealed["checkpoint"].rstrip() in text
    read_checkpoint(sealed["checkpoint"].encode(), key)
    kept = tmp_path / "checkpoint-of-the-card"
    kept.write_text(sealed["checkpoint"])
    run("check", "--vault", bench.vault, "--since", kept).ok()


def test_where_no_card_can_be_written_nothing_is_sealed_and_no_card_is_overwritten(
    bench: Bench, source: Path, tmp_path: Path
) -> None:
    before = bench.do("check")["checked"]
    card = tmp_path / "card.html"
    card.write_text("of another drive")
    refused = run("seal", source, "--vault", bench.vault, "--card", card)
    assert (refused.code, card.read_text()) == (1, "of another drive")
    assert "never overwritten" in refused.err
    assert run("seal", source, "--vault", bench.vault, "--card", tmp_path / "no/card.html").code == 1
    assert bench.do("check")["checked"] == before


def test_a_card_that_does_not_fit_is_not_left_half_written(
    bench: Bench, source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    card, opened = tmp_path / "card.html", os.fdopen

    def full(_: bytes) -> int:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    def half(descriptor: int, *how: Any, **more: Any) -> Any:
        file = opened(descriptor, *how, **more)
        if os.readlink(f"/proc/self/fd/{descriptor}") == str(card):
            file.write(b"<!doctype html>")
            file.flush()
            monkeypatch.setattr(file, "write", full)
        return file

    monkeypatch.setattr(os, "fdopen", half)
    sealed = bench.seal(source, "--card", card, codes=(3,))
    assert any("no card was written" in told for told in sealed["warnings"])
    assert not card.exists()


def test_a_seal_is_told_of_even_if_its_card_can_not_be_written(
    bench: Bench, source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise StorageError("the stick is full")

    monkeypatch.setattr(card_page, "write", full)
    sealed = bench.seal(source, "--card", tmp_path / "card.html", codes=(3,))
    assert sealed["items"] > 0
    assert any("no card was written: the stick is full" in told for told in sealed["warnings"])


def test_a_form_with_markup_does_no_harm_to_the_card(bench: Bench, source: Path, tmp_path: Path) -> None:
    card = tmp_path / "card.html"
    bench.seal(source, "--card", card, "--bag", "<img src=x onerror=alert(1)>")
    assert "<img" not in card.read_text("utf-8")


def test_md5_is_computed_on_request_and_only_then(bench: Bench, source: Path, tmp_path: Path) -> None:
    bench.seal(source)
    plain = bench.do("log")["entries"][-1]["index"]
    bench.seal(source, "--md5")
    newest = bench.do("list")["deliveries"][-1]
    assert newest["entry"] == plain + 1
    items = [i for i in bench.do("list")["items"] if i["delivery"] == newest["delivery"]]
    release = tmp_path / "release"
    chosen = next(item["item"] for item in items if item["path"] == "a.txt")
    bench.do("release", release, "--item", chosen, "--reveal", "md5")
    shown = json.loads((release / "release.json").read_text())["deliveries"][0]["items"][0]["fields"]
    md5 = {leaf["payload"]["name"]: leaf["payload"]["value"] for leaf in shown}["md5"]
    assert base64.urlsafe_b64decode(md5 + "==") == hashlib.md5(b"one file", usedforsecurity=False).digest()
    bench.is_clean()


@pytest.mark.parametrize("text", ["1/1", "2/5", "3/?", "12/9999"])
def test_instalments_are_read(text: str) -> None:
    assert parse_instalment(text) == tuple(text.split("/"))


@pytest.mark.parametrize("text", ["", "2", "0/3", "2/0", "a/b", "1/2/3", "1/2\n", "٢/٣", "00001/2"])
def test_what_is_no_instalment_is_refused_before_anything_is_sealed(
    bench: Bench, source: Path, text: str
) -> None:
    with pytest.raises(UsageError):
        parse_instalment(text)
    if text:
        before = bench.do("log")["checkpoint"]
        assert run("seal", source, "--vault", bench.vault, "--instalment", text).code == 2
        assert bench.do("log")["checkpoint"] == before
        assert not list((bench.vault / "runs").iterdir())


def test_an_empty_form_says_nothing() -> None:
    assert CustodyForm().fields() == {}


def test_the_checkpoint_in_the_answer_covers_the_delivery(bench: Bench, source: Path) -> None:
    sealed = bench.seal(source)
    signed = note.parse(sealed["checkpoint"].encode())
    entry = bench.do("log")["entries"][-1]
    assert signed.text.split("\n")[1] == str(entry["index"] + 1)
