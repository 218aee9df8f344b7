"""Items of a vault: the copy lies encrypted beside them, and is shown only if two approved its plan."""

from __future__ import annotations

import tempfile
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from bearwitness.catalogue.catalogue import Catalogue
from bearwitness.disclose import facts, gates_of_bytes
from bearwitness.disclose.request import Request, Shown
from bearwitness.redact import eyes, items, plan_text
from bearwitness.redact.attack.hits import Report
from bearwitness.redact.outcome import Finished
from bearwitness.redact.plan import Utterance
from bearwitness.redact.sound import Sounds
from bearwitness.redact.tracking import Detection
from bearwitness.vault import keyring, redactions
from bearwitness.vault.ledger import VAULT, Ledger
from bearwitness.vault.opening import open_vault_proper
from people import MET, PURPOSE, Group
from workbench import files_of, run

from . import clips
from .conftest import Blind, Deaf, Idle
from .test_attack import Seer
from .test_plan_text import plan
from .test_rendering import GROUPS

FACE = Detection(24, 20, 32, 32, 0.9, "faces 1×")


class Studio(Group):
    """A group whose vault holds a clip; detectors are exchanged for ones that see a face in it."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        drive = folder / "second"
        drive.mkdir()
        clips.make(drive / "clip.mp4", "libx264", "aac", options=GROUPS)
        self.seal(drive)
        self.clip = self.items()["clip.mp4"]["item"]

    def ledger(self) -> Ledger:
        vault = open_vault_proper(self.vault)
        return Ledger(vault, keyring.unlock(vault, keyring.load_given([str(self.anna)], lambda _: "")))

    def copies(self) -> list[redactions.Redaction]:
        return redactions.redactions_of(self.ledger(), [self.clip])

    def reasons(self, sha256: str) -> list[str]:
        """Return what the gate says of showing these bytes as redacted."""
        asked = Request("press", "The Paper", PURPOSE, (Shown(self.clip, sha256, "redacted", ()),), MET, 3)
        ledger, catalogue = self.ledger(), Catalogue.in_memory(VAULT)
        catalogue.refresh(ledger)
        known = facts.of_vault(ledger, catalogue, asked, datetime.now(UTC))
        catalogue.close()
        return gates_of_bytes.attack(asked, known)


@pytest.fixture(scope="module")
def studio(tmp_path_factory: pytest.TempPathFactory) -> Studio:
    return Studio(tmp_path_factory.mktemp("studio"))


@pytest.fixture
def seers(monkeypatch: pytest.MonkeyPatch, ears: Deaf) -> dict[str, Seer]:
    chosen = {"plan": Seer(dict.fromkeys(range(22, 38), FACE)), "attack": Seer()}

    def looker(worker: object, passes: object, threshold: float = 0.0, **_: object) -> Seer:
        return chosen["attack" if threshold else "plan"]

    monkeypatch.setattr(eyes, "InferenceWorker", Idle)
    monkeypatch.setattr(eyes, "FaceLooker", looker)
    monkeypatch.setattr(eyes, "Texts", lambda worker: Blind())
    return chosen


@pytest.fixture
def made(studio: Studio, seers: dict[str, Seer]) -> dict[str, Any]:
    """Return the answer for the one copy that this vault holds."""
    if studio.copies():
        return {"sha256": studio.copies()[0].sha256, "plan_sha256": studio.copies()[0].plan}
    answer: dict[str, Any] = studio.do("redact", studio.clip)
    return answer


def test_a_copy_lies_encrypted_in_the_vault_and_nowhere_else(studio: Studio, made: dict[str, Any]) -> None:
    (copy,) = studio.copies()
    assert (copy.sha256, copy.plan, copy.hits) == (made["sha256"], made["plan_sha256"], ())
    ledger = studio.ledger()
    row = next(p for p in ledger.vault.expected_files() if f"derived/{studio.clip}-" in p)
    opened = ledger.open_derived(ledger.open_delivery(row.split("/")[1]), row)
    (job,) = opened.jobs
    data = opened.read(job, redactions.COPY)
    file = studio.folder / "copy.mp4"
    file.write_bytes(data)
    for luma in clips.lumas(file)[22:38]:
        assert luma[22:50, 26:54].max() < 45
    assert not any(b"ftypisom" in path.read_bytes() for path in files_of(studio.vault))
    studio.is_clean()


def test_the_gate_opens_for_exactly_these_bytes_once_two_people_approved_the_plan(
    studio: Studio, made: dict[str, Any]
) -> None:
    words = ["--subject", made["plan_sha256"], "--purpose", redactions.APPROVAL]
    assert "the log has 0" in studio.reasons(made["sha256"])[0]
    studio.as_("Anna", "approve", *words)
    studio.as_("Anna", "approve", *words)
    assert "the log has 1" in studio.reasons(made["sha256"])[0]
    studio.as_("Ben", "approve", "--subject", made["plan_sha256"], "--purpose", "something else")
    assert "the log has 1" in studio.reasons(made["sha256"])[0]
    studio.as_("Ben", "approve", *words)
    assert studio.reasons(made["sha256"]) == []
    assert "no attack was made on exactly these bytes" in studio.reasons("ff" * 32)[0]


def test_what_the_attack_refuses_is_not_entered(studio: Studio, made: dict[str, Any], seers: Any) -> None:
    seers["plan"], seers["attack"] = Seer(), Seer(dict.fromkeys(range(5, 20), FACE))
    before = len(studio.ledger().vault.log.effects())
    done = run(*studio.words("redact", studio.clip))
    assert done.code == 1
    assert "the attack on the finished file found" in done.err
    assert len(studio.ledger().vault.log.effects()) == before


def test_a_copy_of_an_item_is_never_written_in_the_clear(studio: Studio, tmp_path: Path) -> None:
    done = run(*studio.words("redact", studio.clip, "-o", tmp_path / "out.mp4"))
    assert "stays in the vault" in done.err
    assert not (tmp_path / "out.mp4").exists()


def _acts(studio: Studio) -> list[dict[str, Any]]:
    acts = [act.body.fields for act in studio.ledger().acts() if act.body is not None]
    return [dict(fields) for fields in acts if fields["kind"] == "redaction-written"]


def test_a_copy_is_written_out_once_approved_and_the_act_is_in_the_log(
    tmp_path: Path, seers: dict[str, Seer]
) -> None:
    studio = Studio(tmp_path / "writing")
    made = studio.do("redact", studio.clip)
    words = ["restore", tmp_path / "out", "--redacted", studio.clip]
    done = run(*studio.words(*words))
    assert done.code == 1
    assert "needs the approval of 2 people" in done.err
    assert not (tmp_path / "out").exists()
    assert _acts(studio) == []
    (seen,) = studio.do("restore", tmp_path / "see", "--redacted", studio.clip, "--unapproved")["written"]
    assert sha256(Path(seen["path"]).read_bytes()).hexdigest() == made["sha256"]
    for name in ("Anna", "Ben"):
        studio.as_(name, "approve", "--subject", made["plan_sha256"], "--purpose", redactions.APPROVAL)
    (written,) = studio.do(*words)["written"]
    path = Path(written["path"])
    assert path.name == f"{studio.clip}-redacted-{made['sha256'][:16]}.mp4"
    assert sha256(path.read_bytes()).hexdigest() == made["sha256"]
    questions = path.with_suffix(".checklist.txt").read_text()
    assert "Do tattoos" in questions
    assert "faces checked: 60 frames" in questions
    told = [(act["item"], act["sha256"], act["approvals"]) for act in _acts(studio)]
    assert told == [(studio.clip, made["sha256"], "0"), (studio.clip, made["sha256"], "2")]
    again = run(*studio.words(*words))
    assert "not overwritten" in again.err
    assert "no redacted copy that begins with" in run(*studio.words(*words[:-1], f"{studio.clip}@ffff")).err
    done = run("freeze", "--vault", studio.vault, "--identity", studio.anna, "--item", studio.clip,
        "--ground", "a child is seen", "--json")  # fmt: skip
    assert done.code == 0, done.err
    frozen = run(*studio.words("restore", tmp_path / "held", "--redacted", studio.clip, "--unapproved"))
    assert frozen.code != 0
    assert "frozen" in frozen.err
    assert not (tmp_path / "held").exists()
    assert len(_acts(studio)) == 2


def test_a_plan_that_two_have_not_approved_is_not_carried_out_where_that_is_asked(
    tmp_path: Path, seers: dict[str, Seer]
) -> None:
    studio, saved = Studio(tmp_path / "approving"), tmp_path / "p.plan"
    studio.do("redact", studio.clip, "--plan-only", "--save-plan", saved)
    words = ["redact", studio.clip, "--plan", saved, "--approved"]
    refused = run(*studio.words(*words))
    assert refused.code == 1
    assert "by 0 people instead of 2" in refused.err
    assert studio.copies() == []
    digest = plan_text.digest(plan_text.read(saved.read_bytes()))
    for name in ("Anna", "Ben"):
        studio.as_(name, "approve", "--subject", digest, "--purpose", redactions.APPROVAL)
    edited = run(*studio.words(*words, "--add-box", "1,1,20,20"))
    assert "by 0 people instead of 2" in edited.err
    assert studio.copies() == []
    assert studio.do(*words)["plan_sha256"] == digest
    assert len(studio.copies()) == 1
    assert run(*studio.words("redact", studio.clip, "--approved")).code == 2


def test_a_voice_changed_anew_by_the_same_plan_is_a_copy_of_its_own() -> None:
    def job(bytes_of_copy: str, changed: tuple[Utterance, ...]) -> str:
        with tempfile.TemporaryFile() as file:
            one = plan(voices="ranges", changed=changed)
            made = Finished(file.fileno(), bytes_of_copy, one, None, Sounds((), ()), Report())
            return items.derivation("0" * 32, made, "mp4", "1").job

    whisper = (Utterance(0, 900, "whisper"),)
    assert job("a" * 64, whisper) != job("b" * 64, whisper)
    assert job("a" * 64, ()) == job("b" * 64, ())


def test_a_frozen_item_is_refused(tmp_path: Path, seers: dict[str, Seer]) -> None:
    studio = Studio(tmp_path / "held")
    done = run("freeze", "--vault", studio.vault, "--identity", studio.anna, "--item", studio.clip,
        "--ground", "a child is seen", "--json")  # fmt: skip
    assert done.code == 0, done.err
    for verb in ("redact", "redo"):
        done = run(*studio.words(verb, studio.clip))
        assert done.code != 0
        assert f"item {studio.clip} is frozen" in done.err
    assert studio.copies() == []


def test_a_copy_in_the_vault_is_redone_from_the_item_and_its_plan_written_out(
    studio: Studio, made: dict[str, Any], tmp_path: Path
) -> None:
    done = studio.do("redo", studio.clip, "--save-plan", tmp_path / "p.plan")
    assert (done["verdict"], done["copy_sha256"]) == ("same bytes", made["sha256"])
    assert plan_text.digest(plan_text.read((tmp_path / "p.plan").read_bytes())) == made["plan_sha256"]


def test_a_document_of_a_vault_is_redacted_page_by_page(tmp_path: Path, seers: dict[str, Seer]) -> None:
    studio = Studio(tmp_path / "papers")
    drive = tmp_path / "papers-drive"
    drive.mkdir()
    pages = [Image.new("RGB", (200, 150), colour) for colour in ("white", "grey")]
    pages[0].save(drive / "a.pdf", save_all=True, append_images=pages[1:], title="for Anna Petrova")
    studio.seal(drive)
    item = studio.items()["a.pdf"]["item"]
    made = studio.do("redact", item, "--add-box", "10,10,60,40")
    words = ["restore", tmp_path / "out", "--redacted", item, "--unapproved"]
    (written,) = studio.do(*words)["written"]
    data = Path(written["path"]).read_bytes()
    assert sha256(data).hexdigest() == made["sha256"]
    assert Path(written["path"]).suffix == ".pdf"
    assert b"Petrova" not in data
    assert data.count(b"/Type/Page/") == 2
    assert made["tracks"][0]["kind"] == "box"
    studio.is_clean()
