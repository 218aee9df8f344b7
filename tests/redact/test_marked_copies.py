"""Copies with a recipient's mark: made, released to that one alone, labelled, found again when leaked."""

from __future__ import annotations

import shutil
import subprocess
from fractions import Fraction
from hashlib import sha256
from pathlib import Path
from typing import Any

import av
import pytest

from bearwitness.vault import redactions
from bearwitness.vault.marks import Mark, mark_of
from people import Group
from studio import exchange_detectors
from workbench import Done, needs_age, recipient_of, run, verify

from . import clips
from .test_rendering import GROUPS


class Room(Group):
    """A vault with two copies of a clip by one plan, for Anna and for Ben, and one without a mark."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        drive = folder / "second"
        drive.mkdir()
        clips.make(drive / "clip.mp4", "libx264", options=GROUPS)
        self.seal(drive)
        self.clip = self.items()["clip.mp4"]["item"]
        self.plan = folder / "p.plan"
        self.who = {"Anna": recipient_of(self.anna), "Ben": recipient_of(self.ben)}
        with pytest.MonkeyPatch.context() as patch:
            exchange_detectors(patch)
            more = ["--voices", "keep", "--mark-for", self.who["Anna"], "--save-plan", self.plan]
            self.of: dict[str, Any] = {"Anna": self.do("redact", self.clip, *more)}
            self.of["Ben"] = self.do("redact", self.clip, "--plan", self.plan, "--mark-for", self.who["Ben"])
            self.of["nobody"] = self.do("redact", self.clip, "--voices", "keep")
            self.unsaid = run(*self.words("redact", self.clip, "--plan", self.plan))
            both = ["--mark-for", self.who["Anna"], "--mark-for", self.who["Ben"]]
            self.both = run(*self.words("redact", self.clip, *both))

    def copy(self, name: str) -> redactions.Redaction:
        found = redactions.redactions_of(self.ledger(), [self.clip])
        return next(one for one in found if one.sha256 == self.of[name]["sha256"])

    def file(self, name: str, path: Path) -> Path:
        path.write_bytes(redactions.read_copy(self.ledger(), self.copy(name)))
        return path

    def release(self, out: Path, *words: object) -> Done:
        return run(*self.words("release", out, *words))


@pytest.fixture(scope="module")
def room(tmp_path_factory: pytest.TempPathFactory) -> Room:
    return Room(tmp_path_factory.mktemp("room"))


def again(source: Path, out: Path, crf: int = 24) -> Path:
    """Encode a copy's pictures anew, worse, as one who passes it on might."""
    with av.open(str(source)) as old, av.open(str(out), "w") as new:
        video: Any = new.add_stream("libx264", rate=clips.RATE, options={"crf": str(crf)})
        video.width, video.height, video.pix_fmt = clips.WIDTH, clips.HEIGHT, "yuv420p"
        for number, frame in enumerate(old.decode(video=0)):
            small = frame.reformat(video.width, video.height)
            small.pts, small.time_base = number, Fraction(1, clips.RATE)
            new.mux(video.encode(small))
        new.mux(video.encode(None))
    return out


def test_one_plan_serves_all_and_names_nobody(room: Room) -> None:
    assert room.of["Anna"]["plan_sha256"] == room.of["Ben"]["plan_sha256"]
    assert room.of["Anna"]["plan_sha256"] != room.of["nobody"]["plan_sha256"]
    assert room.of["Anna"]["sha256"] != room.of["Ben"]["sha256"]
    assert room.of["Anna"]["copied_packets"] == []
    assert "age1" not in room.plan.read_text()
    for entry in room.fields("derived"):
        assert "age1" not in str(entry)
    marks = {name: mark_of(room.ledger(), room.copy(name)) for name in room.of}
    assert marks.pop("nobody") is None
    assert {name: mark and mark.recipient for name, mark in marks.items()} == room.who


def test_a_plan_with_a_mark_is_not_carried_out_for_nobody_or_for_two(room: Room) -> None:
    assert room.unsaid.code == 1
    assert "a mark for one recipient" in room.unsaid.err
    assert room.both.code == 2
    assert "several are named" in room.both.err


def test_a_leaked_copy_is_found_though_encoded_anew(room: Room, tmp_path: Path) -> None:
    leaked = again(room.file("Ben", tmp_path / "copy.mp4"), tmp_path / "leaked.mp4")
    said = run(*room.words("trace", leaked)).ok().out
    assert f"THE MARK OF ONE COPY was found in {leaked}: the one made for {room.who['Ben']}" in said
    assert "no evidence that this person leaked it" in said
    assert "it came from within the group" in said


def test_a_copy_without_a_mark_accuses_nobody(room: Room, tmp_path: Path) -> None:
    said = run(*room.words("trace", room.file("nobody", tmp_path / "copy.mp4"))).ok().out
    assert said.startswith("NO MARK of a copy in this vault was found")
    assert all(name in said for name in room.who.values())


def test_a_court_redoes_it_without_the_mark(room: Room, tmp_path: Path) -> None:
    copy = room.file("Anna", tmp_path / "copy.mp4")
    done = run("redo", room.folder / "second/clip.mp4", "--plan", room.plan, "--copy", copy, "--json").ok()
    assert done.json["verdict"] == "alike"
    assert "the mark in every picture" in done.json["not_compared"][0]


def test_it_goes_to_its_recipient_alone(room: Room, tmp_path: Path) -> None:
    anna, ben = (["--to", room.who[name]] for name in ("Anna", "Ben"))
    named = ["--redacted", f"{room.clip}:{room.of['Anna']['sha256'][:12]}"]
    refusals: list[tuple[list[object], str]] = [
        ([*named, *ben], "has the mark of another recipient"),
        ([*named], "goes to 0 recipients"),
        ([*named, *anna, *ben], "goes to 2 recipients"),
        ([*named, *anna, "--item", room.clip], "bit for bit"),
        (["--watermark", "--redacted", f"{room.clip}:{room.of['nobody']['sha256'][:12]}", *anna], "no mark"),
        (["--watermark", "--fields-of", room.clip, *anna], "nothing in this release can carry a mark"),
    ]
    for number, (words, why) in enumerate(refusals):
        done = room.release(tmp_path / f"{number}.age", *words)
        assert done.code != 0, words
        assert why in done.err
        assert not (tmp_path / f"{number}.age").exists()


@needs_age
def test_the_release_says_everywhere_that_there_is_a_mark_and_nowhere_whose(
    room: Room, tmp_path: Path
) -> None:
    room.release(tmp_path / "out.age", "--watermark", "--redacted", room.clip, "--to", room.who["Ben"]).ok()
    opened = tmp_path / "out.zip"
    age = ["age", "-d", "-i", room.ben, "-o", opened, tmp_path / "out.age"]
    subprocess.run([str(word) for word in age], check=True)
    shutil.unpack_archive(opened, tmp_path / "out")
    done = verify(tmp_path / "out", "--vault-key", room.fingerprint).ok()
    assert "there is a faint MARK in every picture" in done.out
    assert "all of it counts as altered" in done.out
    assert "In every picture of these there is a faint mark" in (tmp_path / "out/VERIFY.txt").read_text()
    assert not any(b"age1" in path.read_bytes() for path in (tmp_path / "out").rglob("*.json"))
    entry = room.fields("released")[-1]
    assert entry["marks"] == [room.of["Ben"]["sha256"]]
    told = room.do("trace", room.file("Ben", tmp_path / "copy.mp4"))
    assert [one["recipient"] for one in told["copies"] if one["found"]] == [room.who["Ben"]]
    assert told["copies"][0]["releases"] == [entry["release"]]
    assert abs(told["copies"][1]["score"]) < told["threshold"]


@needs_age
def test_the_escrow_holds_the_very_copy_that_goes_out_and_not_another_of_the_item(
    room: Room, tmp_path: Path
) -> None:
    kept = ["--escrow", tmp_path / "court.age", "--escrow-to", room.who["Anna"]]
    words = ["--watermark", "--redacted", room.clip, "--to", room.who["Ben"], *kept]
    room.release(tmp_path / "out.age", *words).ok()
    age = ["age", "-d", "-i", room.anna, "-o", tmp_path / "court.zip", tmp_path / "court.age"]
    subprocess.run([str(word) for word in age], check=True)
    shutil.unpack_archive(tmp_path / "court.zip", tmp_path / "court")
    held = (tmp_path / "court/exhibits/01.mp4").read_bytes()
    assert sha256(held).hexdigest() == room.of["Ben"]["sha256"]


def test_a_mark_is_read_back_strictly_and_drawn_for_one_original(room: Room) -> None:
    mark = mark_of(room.ledger(), room.copy("Anna"))
    assert mark is not None
    assert Mark.decode(mark.encode()) == mark
    assert mark.seed("00" * 32) != mark.seed("11" * 32)
    assert mark.key.hex() not in repr(mark)


def test_a_frozen_item_is_not_asked_for_its_marks(room: Room, tmp_path: Path) -> None:
    leaked = room.file("Anna", tmp_path / "copy.mp4")
    vault = shutil.copytree(room.vault, tmp_path / "vault")
    words = ["--vault", vault, "--identity", room.anna]
    run("freeze", *words, "--item", room.clip, "--ground", "x").ok()
    for more in ([], ["--item", room.clip]):
        done = run("trace", leaked, *words, *more)
        assert done.code != 0
        assert "frozen" in done.err or "holds no redacted copy with a mark" in done.err
