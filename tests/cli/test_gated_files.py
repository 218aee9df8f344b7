"""Files and clips pass a profile once their exact bytes were looked at; the press sees no face."""

from __future__ import annotations

import itertools
import re
from pathlib import Path
from typing import Any

import pytest

from bearwitness.disclose import inspecting
from bearwitness.disclose.facts import Look
from bearwitness.disclose.inspecting import Inspector
from bearwitness.disclose.policies import text_of
from people import Group
from scale import ALL
from workbench import recipient_of, run

pytest.importorskip("containers.media", reason="PyAV makes the footage")
from containers.media import Recipe, make

RECIPE = Recipe("street.mp4", "libx264", "aac", 24, {"g": "4", "preset": "ultrafast"}, bitrate=500_000)
CLIP = "0.2-0.6"
MET = [
    w for n in ("consent", "onward", "fair_trial", "death_penalty") for w in ("--condition", f"{n}=met: x")
]


class Desk(Group):
    """A group with footage and a picture; Carla and Dan, lawyers, approve."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        drive = folder / "second"
        drive.mkdir()
        make(drive, RECIPE)
        (drive / "odd.bin").write_bytes(bytes(range(256)) * 8)
        self.seal(drive)
        self.ids = {path: item["item"] for path, item in self.items().items()}
        self.street = self.ids["street.mp4"]
        for name in ("Carla", "Dan"):
            self.people[name] = self.person(name, "--role", "lawyer")

    def court(self, *shown: object) -> list[object]:
        to = ["--to", recipient_of(self.anna), "--other-ground", "not asked for"]
        return ["--profile", "court", *shown, *to]

    def ask(self, folder: Path, name: str, words: list[object], *more: object, profile: str = "court") -> Any:
        """Make a draft of `words` and a request of it; return what the draft told."""
        told = self.do("release", folder / f"never-{name}.age", *words, "--draft", folder / f"{name}.draft")
        fixed = ["--profile", profile, "--recipient", "The court", "--purpose", "prosecution", *MET]
        who = ["--minimum", 1, "--sharing", "case 12"]
        accept = [w for text in told["metadata"] for w in ("--accept-metadata", text)]
        self.do("request", folder / name, "--draft", folder / f"{name}.draft", *fixed, *who, *accept, *more)
        return told

    def release(self, folder: Path, name: str, words: list[object]) -> Any:
        return run(
            *self.words("release", folder / f"{name}.age", *words, "--request", folder / name, "--json")
        )


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Desk:
    return Desk(tmp_path_factory.mktemp("files"))


def test_a_whole_file_and_a_clip_pass_for_a_court_with_facts_of_their_own_bytes(
    desk: Desk, tmp_path: Path
) -> None:
    words = desk.court("--item", desk.street, "--clip", f"{desk.street}:{CLIP}")
    told = desk.ask(tmp_path, "whole", words, "--nobody", desk.street)
    assert {look["sha256"] for look in told["looks"]} == {
        e["sha256"] for e in told["exhibits"] if e["treatment"] == "clear"
    }
    assert all((look["faces"], look["persons"], look["speech"]) == (0, 0, 0) for look in told["looks"])
    assert "trace the settings of an encoder" in told["metadata"]
    assert desk.release(tmp_path, "whole", words).code == 1  # nobody approved
    for name in ("Carla", "Dan"):
        desk.as_(name, "approve", tmp_path / "whole")
    desk.release(tmp_path, "whole", words).ok()
    assert (tmp_path / "whole.age").exists()


def test_metadata_that_nobody_accepted_and_faces_that_nobody_listed_refuse(
    desk: Desk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    silent = tmp_path / "silent.toml"  # the profile, but the accused's rights are not told
    silent.write_text("\n".join(x for x in text_of("court").splitlines() if not x.startswith("fair_trial")))
    words = ["--profile", silent, *desk.court("--item", desk.street)[2:]]
    see_faces(monkeypatch, 1)
    told = desk.ask(tmp_path, "clear", words, "--nobody", desk.street)
    assert told["lacking"] == ["a fair trial is not told in the release (--condition fair_trial=TEXT)"]
    assert told["looks"][0]["faces"] == 1
    desk.as_("Carla", "approve", tmp_path / "clear")
    desk.as_("Dan", "approve", tmp_path / "clear")
    assert "a detector sees 1 faces at once, 0 are listed" in desk.release(tmp_path, "clear", words).err
    monkeypatch.setattr(inspecting, "findings_of", lambda carried, streams: ["tag gps: 1 2", "tag x: y"])
    refused = desk.release(tmp_path, "clear", words).err
    assert 'it carries 2 pieces of metadata that nobody accepted: "tag gps: 1 2", "tag x: y"' in refused


def test_what_can_not_be_looked_at_does_not_pass(desk: Desk, tmp_path: Path) -> None:
    odd = desk.ids["odd.bin"]
    words = desk.court("--item", odd)
    told = desk.ask(tmp_path, "odd", words, "--nobody", odd)
    assert told["looks"] == []
    for name in ("Carla", "Dan"):
        desk.as_(name, "approve", tmp_path / "odd")
    done = desk.release(tmp_path, "odd", words)
    assert "no detector looked for faces in exactly these bytes" in done.err
    assert "can not be looked at yet" in done.err


def see_faces(monkeypatch: pytest.MonkeyPatch, count: int) -> None:
    """Have detectors see `count` faces and nothing else, whatever there is."""
    monkeypatch.setattr(
        Inspector, "_look", lambda self, source, sha256: Look(sha256, count, "d", count, 0, 0)
    )


def edited(folder: Path, **changed: str) -> Path:
    """Write the press profile with values changed and nothing forbidden, as a group could."""
    text = re.sub(
        r"never = \[.*?\]", "never = []", run("release", "--print-profile", "press").ok().out, flags=re.S
    )
    for name, value in changed.items():
        text, count = re.subn(rf"^{name} = [^#\n]*", f"{name} = {value}  ", text, flags=re.M)
        assert count == 1
    path = folder / f"{'-'.join(changed.values()).replace('[]', 'none')}.toml"
    path.write_text(text)
    return path


SHOWN = (("--item",), ("--clip",), ("--clip", "--no-sound"), ("--item", "--clip", "--hide-length"))
POLICIES = list(itertools.product(("false", "true"), ("0", "2"), ("full", "empty")))


@pytest.mark.parametrize("faces", (0, 1) if ALL else (0,))
def test_no_flags_let_a_clear_face_out_to_the_press_with_one_approval(
    desk: Desk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, faces: int
) -> None:
    """With detectors that see the face, or nothing at all, whatever the profile was edited to."""
    see_faces(monkeypatch, faces)
    monkeypatch.setattr(inspecting, "findings_of", lambda carried, streams: [])
    tried, reached = 0, 0
    for exact, approvals, redact in POLICIES:
        changed = {"bit_exact": exact, "approvals": approvals}
        if redact == "empty":
            changed["redact"] = "[]"
        profile = edited(tmp_path, **changed)
        for number, shown in enumerate(SHOWN):
            words: list[object] = ["--profile", profile]
            for word in shown:
                about = {"--item": desk.street, "--clip": f"{desk.street}:{CLIP}"}.get(word)
                words += [word] if about is None else [word, about]
            tried += 1
            reached += not_out(desk, tmp_path, f"{tried}-{number}", words)
    assert tried == len(POLICIES) * len(SHOWN)
    assert reached  # some came as far as the gates


def not_out(desk: Desk, folder: Path, name: str, words: list[object]) -> bool:
    """Try to release `words` with one approval; nothing may go out; return whether gates were asked."""
    out = folder / name
    assert run(*desk.words("release", out, *words)).code == 1
    draft = run(*desk.words("release", out, *words, "--draft", folder / f"{name}.draft", "--json"))
    assert not out.exists()
    said = ""
    for who in (
        () if draft.code else (["--who", f"{desk.street}: man: face,voice"], ["--nobody", desk.street])
    ):
        request = folder / f"{name}{who[0]}.request"
        fixed = ["--profile", "press", "--recipient", "The Paper", "--purpose", "publication", *MET]
        more = ["--minimum", 2, "--sharing", "an article", *who]
        desk.do("request", request, "--draft", folder / f"{name}.draft", *fixed, *more)
        desk.as_("Anna", "approve", request)
        done = run(*desk.words("release", out, *words, "--request", request))
        assert done.code == 1
        assert not out.exists()
        said += done.err
    return "approvals: 1 people approved exactly this request; 2 must" in said
