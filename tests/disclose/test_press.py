"""A redacted copy goes to the press by the whole way: sealed, redacted, approved, released, verified."""

from __future__ import annotations

import json
import subprocess
import zipfile
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from bearwitness.cli import release_cmd
from bearwitness.disclose.inspecting import Inspected
from bearwitness.redact import attacker, eyes, redaction
from bearwitness.vault import redactions
from bearwitness_verify.canonical import dumps, unb64
from people import PURPOSE, Group
from redact import clips
from redact.conftest import Blind, Deaf
from studio import FINE, exchange_detectors
from workbench import Done, needs_age, recipient_of, run, verify

FORBIDDEN = ("size", "sha256", "mtime", "stat", "path", "tracks", "content", "origin")


def without_models(patch: pytest.MonkeyPatch) -> None:
    """Exchange all detectors of a redaction: those of the release are the real ones."""
    exchange_detectors(patch)
    for module in (redaction, attacker):
        patch.setattr(module, "Listener", lambda **_: Deaf())
    patch.setattr(eyes, "Texts", lambda worker: Blind())


class Newsroom(Group):
    """A vault with `clip.mp4`, a copy of it for the press, an ordinary one, and approvals of both plans."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        drive = folder / "second"
        drive.mkdir()
        clips.make(drive / "clip.mp4", "libx264", None, options=FINE, times=range(30))
        self.original = (drive / "clip.mp4").read_bytes()
        self.seal(drive)
        self.clip = self.items()["clip.mp4"]["item"]
        self.access = folder / "access.json"
        self.access.write_text(json.dumps({self.clip: ["p1", "p2", "p3"]}))
        with pytest.MonkeyPatch.context() as patch:
            without_models(patch)
            self.copy: Any = self.do("redact", self.clip, "--press")
            self.usual: Any = self.do("redact", self.clip, "--as", "webm")
        for made in (self.copy, self.usual):
            for name in ("Anna", "Ben"):
                words = ["--subject", made["plan_sha256"], "--purpose", redactions.APPROVAL]
                self.as_(name, "approve", *words)

    def chosen(self, folder: Path, made: Any = None) -> list[object]:
        return [
            "--profile", "press", "--redacted", f"{self.clip}:{(made or self.copy)['sha256'][:12]}",
            "--escrow", folder / "court.age", "--escrow-to", recipient_of(self.anna),
        ]  # fmt: skip

    def ask(self, folder: Path, *approving: str) -> Path:
        """Draft a release, write a request for it, have it approved."""
        with pytest.MonkeyPatch.context() as patch:  # what a draft only tells; the release looks itself
            patch.setattr(release_cmd, "inspected", lambda ready, out: Inspected())
            self.do("release", folder / "never", *self.chosen(folder), "--draft", folder / "draft")
        fixed = ["--profile", "press", "--recipient", "The Paper", "--purpose", PURPOSE, "--minimum", 3]
        more = ["--sharing", "an article", "--condition", "consent=met: asked", "--nobody", self.clip]
        self.do("request", folder / "request", "--draft", folder / "draft", *fixed, *more)
        for name in approving:
            self.as_(name, "approve", folder / "request")
        return folder / "request"

    def let_out(self, folder: Path, request: Path, *more: object) -> Done:
        words = ["--request", request, "--access", self.access, "--json"]
        return run(*self.words("release", folder / "out", *(more or self.chosen(folder)), *words))


@pytest.fixture(scope="module")
def room(tmp_path_factory: pytest.TempPathFactory) -> Newsroom:
    return Newsroom(tmp_path_factory.mktemp("newsroom"))


@pytest.fixture(scope="module")
def told(room: Newsroom, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of a release that went out."""
    folder = tmp_path_factory.mktemp("told")
    room.let_out(folder, room.ask(folder, "Anna", "Ben")).ok()
    return folder


def test_it_goes_out_verifies_and_says_what_it_is(room: Newsroom, told: Path) -> None:
    done = verify(told / "out", "--vault-key", room.fingerprint).ok()
    assert "all of it counts as altered" in done.out
    assert "up to 5 s each and at most a tenth of the recording, was left out" in done.out
    assert "10 to 99 items" not in done.out
    assert "0 to 9 items" in done.out
    assert "0 to 3599 seconds of footage" in done.out
    assert "sealed in the year 20" in done.out
    assert "exact proofs are in escrow" in done.out
    gates = room.fields("gate-results")[-1]
    assert gates["outcome"] == "passed"


def test_nothing_in_it_can_be_looked_up_on_a_list_of_what_was_copied(room: Newsroom, told: Path) -> None:
    statement = json.loads((told / "out/release.json").read_text())
    (delivery,) = statement["deliveries"]
    (item,) = delivery["items"]
    assert not {leaf["payload"]["name"] for leaf in item["fields"]} & set(FORBIDDEN)
    assert {leaf["payload"]["name"] for leaf in delivery["entry"]["shown"]} == {"delivery", "kind"}
    assert delivery["log"]["proof"]
    assert not delivery["log"]["further"]
    assert item["redacted"][0]["copied"] is None
    (copy,) = (told / "out").glob("exhibits/*")
    ours, its = clips.frame_times(room.folder / "second/clip.mp4"), clips.frame_times(copy)
    assert len(its) <= len(ours) - 2
    assert its[0] == 0
    original = {data for _, _, data in clips.packets(room.folder / "second/clip.mp4", "video")}
    assert not original & {data for _, _, data in clips.packets(copy, "video")}
    whole = b"".join(p.read_bytes() for p in (told / "out").rglob("*") if p.is_file())
    assert sha256(room.original).hexdigest().encode() not in whole
    plan = redactions.read_file(
        room.ledger(),
        next(r for r in redactions.redactions_of(room.ledger(), [room.clip]) if r.loose),
        redactions.PLAN,
    )
    assert json.loads(plan)["ends"]["salt"].encode() not in whole


@needs_age
def test_the_court_opens_the_escrow_and_has_the_exact_proofs(room: Newsroom, told: Path) -> None:
    opened = told / "court.zip"
    age = ["age", "-d", "-i", room.anna, "-o", opened, told / "court.age"]
    subprocess.run([str(word) for word in age], check=True)
    done = verify(told / "out", "--vault-key", room.fingerprint, "--escrow", opened).ok()
    assert "the escrow is the one that the release names" in done.out
    exact = json.loads(zipfile.ZipFile(opened).read("release.json"))
    fields = exact["deliveries"][0]["items"][0]["fields"]
    (payload,) = (leaf["payload"] for leaf in fields if leaf["payload"]["name"] == "sha256")
    assert unb64(payload["value"], "a hash", 32) == sha256(room.original).digest()


def test_a_copy_as_long_as_the_original_is_refused_though_all_of_it_is_encoded_anew(
    room: Newsroom, tmp_path: Path
) -> None:
    done = run(*room.words("release", tmp_path / "out", *room.chosen(tmp_path, room.usual), "--draft",
        tmp_path / "draft"))  # fmt: skip
    assert done.code == 1
    assert "as long as the original, to the frame" in done.err
    assert not (tmp_path / "out").exists()


def test_without_escrow_or_with_one_approval_nothing_goes_out(
    room: Newsroom, told: Path, tmp_path: Path
) -> None:
    words = room.chosen(tmp_path)
    done = room.let_out(tmp_path, told / "request", *words[:4])
    assert done.code == 1
    assert "exact proofs of a redacted copy kept for a court" in done.err
    asked = json.loads((told / "request").read_text()) | {"recipient": "Another Paper"}
    (tmp_path / "request").write_bytes(dumps(asked))
    room.as_("Anna", "approve", tmp_path / "request")
    done = room.let_out(tmp_path, tmp_path / "request", *room.chosen(told)[:5], tmp_path / "court.age",
        *room.chosen(told)[6:])  # fmt: skip
    assert done.code == 1
    assert "the log has 1" in done.err
    assert not (tmp_path / "out").exists()
    assert not (tmp_path / "court.age").exists()


def test_a_plan_is_another_each_time_though_the_footage_is_the_same(room: Newsroom) -> None:
    with pytest.MonkeyPatch.context() as patch:
        without_models(patch)
        again = room.do("redact", room.clip, "--press", "--plan-only")
    assert again["frames"] == 30
    assert room.copy["plan_sha256"] != room.usual["plan_sha256"]
