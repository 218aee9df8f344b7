"""Who may not have it exact gets no packet of the original; exact proofs are kept for a court."""

from __future__ import annotations

import json
import shutil
import subprocess
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from forging import Forged, failed
from studio import Studio
from workbench import needs_age, recipient_of, run, verify


@pytest.fixture(scope="module")
def studio(tmp_path_factory: pytest.TempPathFactory) -> Studio:
    return Studio(tmp_path_factory.mktemp("escrow"))


@pytest.fixture(scope="module")
def policy(studio: Studio) -> Path:
    """Return a policy that shows nothing bit for bit and asks no gate."""
    text = run("release", "--print-profile", "press").ok().out
    text = text.replace('name = "press"', 'name = "shown to some"').replace("approvals = 2", "approvals = 0")
    (studio.folder / "policy.toml").write_text(text)
    return studio.folder / "policy.toml"


def test_a_copy_with_packets_of_the_original_is_refused_where_nothing_may_be_exact(
    studio: Studio, policy: Path, tmp_path: Path
) -> None:
    kept = ["--escrow", tmp_path / "court.age", "--escrow-to", recipient_of(studio.anna)]
    words = ["--profile", policy, "--redacted", studio.clip, *kept]
    done = run(*studio.words("release", tmp_path / "out", *words))
    assert done.code == 1
    assert "packets of the original" in done.err
    assert not (tmp_path / "out").exists()


@needs_age
def test_the_escrow_is_the_one_that_the_release_names_and_it_proves_exactly(
    studio: Studio, tmp_path: Path
) -> None:
    kept = ["--escrow", tmp_path / "court.age", "--escrow-to", recipient_of(studio.anna)]
    words = ["--fields-of", studio.clip, "--statement", f"{studio.clip}: a man is struck"]
    studio.do("release", tmp_path / "out", *words, *kept)
    named = json.loads((tmp_path / "out/release.json").read_text())["escrow"]["sha256"]
    opened = tmp_path / "court.zip"
    age = ["age", "-d", "-i", studio.anna, "-o", opened, tmp_path / "court.age"]
    subprocess.run([str(word) for word in age], check=True)
    assert sha256(opened.read_bytes()).hexdigest() == named
    verify(opened, "--vault-key", studio.fingerprint).ok()
    good = verify(tmp_path / "out", "--vault-key", studio.fingerprint, "--escrow", opened).ok()
    assert "the escrow is the one that the release names" in good.out
    assert studio.fields("released")[-1]["escrow"] == named
    assert not list(tmp_path.glob(".bearwitness*"))
    other = tmp_path / "other.zip"
    other.write_bytes(opened.read_bytes()[:-1] + b"x")
    bad = verify(tmp_path / "out", "--vault-key", studio.fingerprint, "--escrow", other)
    assert (bad.code, "the release names" in bad.out) == (1, True)


@needs_age
def test_a_court_redoes_a_copy_from_the_escrow_alone_and_a_forged_plan_is_noticed(
    studio: Studio, tmp_path: Path
) -> None:
    kept = ["--escrow", tmp_path / "court.age", "--escrow-to", recipient_of(studio.anna)]
    studio.do("release", tmp_path / "out", "--redacted", studio.clip, *kept)
    assert not list((tmp_path / "out").rglob("*.plan"))
    opened = tmp_path / "court"
    age = ["age", "-d", "-i", studio.anna, "-o", tmp_path / "court.zip", tmp_path / "court.age"]
    subprocess.run([str(word) for word in age], check=True)
    shutil.unpack_archive(tmp_path / "court.zip", opened)
    assert "is the plan by which exhibits/01.mp4 was made" in verify(opened).out
    original = studio.drive / "clip.mp4"
    done = run("redo", original, "--escrow", opened, "--save-plan", tmp_path / "p.plan", "--json").ok()
    assert (done.json["verdict"], done.json["copy_sha256"]) == ("same bytes", studio.copy["sha256"])
    assert done.json["plan_sha256"] == studio.copy["plan_sha256"]
    assert sha256((tmp_path / "p.plan").read_bytes()).hexdigest() == studio.copy["plan_sha256"]
    other = run("redo", studio.drive / "other.mp4", "--escrow", opened)
    assert (other.code, "holds 0 such copies" in other.err) == (1, True)
    forged = Forged(opened, studio.vault, tmp_path)
    (plan,) = (name for name in forged.files if name.endswith(".plan"))
    forged.put(plan, forged.files[plan].replace(b'"solid"', b'"blur"'))
    bad = verify(forged.write(), "--vault-key", studio.fingerprint)
    assert (bad.code, "not the one by which the copy was made" in bad.out) == (1, True)


def test_a_malformed_escrow_is_refused(studio: Studio, tmp_path: Path) -> None:
    kept: list[Any] = ["--escrow", tmp_path / "court.age", "--escrow-to", recipient_of(studio.anna)]
    studio.do("release", tmp_path / "out", "--fields-of", studio.clip, *kept)
    for value in ({}, {"sha256": "AB" * 32}, {"sha256": "ab" * 31}, "ab" * 32, None):
        made = Forged(tmp_path / "out", studio.vault, tmp_path)
        made.statement["escrow"] = value
        assert failed(made.verify()) == {1}
