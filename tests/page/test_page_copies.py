"""The page proves redacted copies as the Python verifier does, forged ones too, and shows what is altered."""

from __future__ import annotations

import json
import random
import shutil
from pathlib import Path
from typing import Any

import pyrage
import pytest

from bearwitness.vault import redactions
from browser import needs_chromium
from forging import Forged
from reader import Reader
from workbench import SEED, recipient_of, scaled

pytestmark = needs_chromium
pytest.importorskip("containers.media", reason="PyAV makes the footage")
from test_agreement import SIGNED, Alter, agree  # noqa: E402

from studio import Studio, exchange_detectors, forged_copies, redacted  # noqa: E402
from verify.test_copy_units import BAD, GOOD, SEALED  # noqa: E402


def opened_by(identity: Path, file: Path) -> bytes:
    """Return what a file encrypted to an identity holds."""
    secret = next(line for line in identity.read_text().splitlines() if line.startswith("AGE-SECRET-KEY-"))
    return bytes(pyrage.decrypt(file.read_bytes(), [pyrage.x25519.Identity.from_str(secret)]))


@pytest.fixture(scope="module")
def studio(tmp_path_factory: pytest.TempPathFactory) -> Studio:
    """Return a vault with a release of a redacted copy, `out`."""
    made = Studio(tmp_path_factory.mktemp("page-copies"))
    made.do("release", made.folder / "out", "--redacted", made.clip)
    return made


def test_the_page_shows_green_and_amber_and_says_altered(reader: Reader, studio: Studio) -> None:
    outcome = reader.check(studio.folder / "out", studio.made["vault_key"])
    assert outcome.state == "verified", outcome
    kinds = reader.tab.do("[...document.querySelectorAll('.bar span')].map((s) => s.className)")
    assert [kind for kind in kinds if kind != "playhead"] == ["altered", "proven"]
    badges = reader.tab.do("[...document.querySelectorAll('.card header .badge')].map((b) => b.textContent)")
    assert badges == ["Altered"]
    text: Any = reader.tab.do("document.body.innerText")
    assert studio.copy["plan_sha256"] in text
    assert any("10 of its 60 pictures are the sealed file’s" in line for line in outcome.lines)


@pytest.mark.parametrize("alter", SIGNED, ids=lambda alter: alter.__name__)
def test_both_say_the_same_of_altered_statements(
    reader: Reader, studio: Studio, tmp_path: Path, alter: Alter
) -> None:
    chance = random.Random(f"{SEED} copies {alter.__name__}")
    for _ in range(scaled(2, 60)):
        made = Forged(studio.folder / "out", studio.vault, tmp_path)
        what = alter(made, chance)
        agree(reader, made.write(), made.key, f"{alter.__name__} {what}")


def test_both_refuse_copies_that_the_vault_forged(reader: Reader, studio: Studio, tmp_path: Path) -> None:
    for name, made in forged_copies(studio, studio.folder / "out", tmp_path):
        assert agree(reader, made.write(), made.key, name) == "failed"


def test_both_refuse_a_byte_changed_in_the_copy_or_its_packets(
    reader: Reader, studio: Studio, tmp_path: Path
) -> None:
    made = Forged(studio.folder / "out", studio.vault, tmp_path)
    for name in (redacted(made)["file"], redacted(made)["copied"]["segments"]["file"]):
        good = made.files[name]
        for at in (50, len(good) // 2, len(good) - 1):
            made.put(name, good[:at] + bytes([good[at] ^ 1]) + good[at + 1 :])
            assert agree(reader, made.write(), made.key, f"{name} at {at}") == "failed"
        made.put(name, good)


def test_both_read_an_escrow_strictly(reader: Reader, studio: Studio, tmp_path: Path) -> None:
    kept = ["--escrow", tmp_path / "court.age", "--escrow-to", recipient_of(studio.anna)]
    studio.do("release", tmp_path / "out", "--fields-of", studio.clip, *kept)
    assert agree(reader, tmp_path / "out", studio.made["vault_key"], "escrow") == "verified"
    for value in ({}, {"sha256": "AB" * 32}, "ab" * 32, None):
        made = Forged(tmp_path / "out", studio.vault, tmp_path)
        made.statement["escrow"] = value
        assert agree(reader, made.write(), made.key, f"escrow {value}") == "failed"


def test_both_prove_the_plan_of_a_copy_and_refuse_another(
    reader: Reader, studio: Studio, tmp_path: Path
) -> None:
    ledger = studio.ledger()
    one = next(c for c in redactions.redactions_of(ledger, [studio.clip]) if not c.marked)
    plan = redactions.plan_of(ledger, one)
    for data, verdict in ((plan, "verified"), (plan.replace(b'"solid"', b'"blur"'), "failed")):
        made = Forged(studio.folder / "out", studio.vault, tmp_path)
        redacted(made)["plan"] = "exhibits/01.plan"
        made.put("exhibits/01.plan", data)
        assert agree(reader, made.write(), made.key, f"a plan, {verdict}") == verdict


def test_both_say_that_a_copy_has_a_mark_and_refuse_proven_pictures_in_it(
    reader: Reader, studio: Studio, tmp_path: Path
) -> None:
    recipient = recipient_of(studio.anna)
    with pytest.MonkeyPatch.context() as patch:
        exchange_detectors(patch)
        studio.do("redact", studio.clip, "--mark-for", recipient)
    words = ["--watermark", "--redacted", studio.clip, "--to", recipient]
    studio.do("release", tmp_path / "out.age", *words)
    (tmp_path / "out.zip").write_bytes(opened_by(studio.anna, tmp_path / "out.age"))
    shutil.unpack_archive(tmp_path / "out.zip", tmp_path / "out")
    outcome = reader.check(tmp_path / "out", studio.made["vault_key"])
    assert outcome.state == "verified", outcome
    assert any("there is a faint mark in every picture" in line for line in outcome.lines)
    text: Any = reader.tab.do("document.body.innerText")
    assert "tells those who made this copy to whom they gave it" in text
    assert recipient not in text
    honest = Forged(studio.folder / "out", studio.vault, tmp_path)
    made = Forged(tmp_path / "out", studio.vault, tmp_path)
    copied = redacted(honest)["copied"]
    redacted(made)["copied"] = copied
    made.put(copied["segments"]["file"], honest.files[copied["segments"]["file"]])
    made.own["items"][0]["fields"] = honest.own["items"][0]["fields"]
    assert agree(reader, made.write(), made.key, "proven pictures under a mark") == "failed"


def test_both_take_copied_pictures_only_with_the_parameters_that_were_sealed(reader: Reader) -> None:
    told = """(([sps, pps, units]) => {
      const bytes = (text) => Uint8Array.from(text.match(/../g), (two) => parseInt(two, 16));
      const sealed = { lengthSize: 4, sps: sps.map(bytes), pps: pps.map(bytes) };
      try {
        checkCopiedUnits(units.map(bytes), sealed, namedBy(sealed));
        return "good";
      } catch (error) {
        return error.key;
      }
    })(%s)"""
    for cases, wanted in ((GOOD, "good"), (BAD, "e.copyDecoder")):
        for units in cases:
            hexes = [[one.hex() for one in some] for some in (SEALED.sps, SEALED.pps, units)]
            assert reader.tab.do(told % json.dumps(hexes)) == wanted
