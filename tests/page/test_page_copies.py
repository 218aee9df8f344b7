"""The page proves redacted copies as the Python verifier does, forged ones too, and shows what is altered."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import pytest

from browser import needs_chromium
from forging import Forged
from reader import Reader
from workbench import SEED, recipient_of, scaled

pytestmark = needs_chromium
pytest.importorskip("containers.media", reason="PyAV makes the footage")
from test_agreement import SIGNED, Alter, agree  # noqa: E402

from studio import Studio, forged_copies, redacted  # noqa: E402


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
