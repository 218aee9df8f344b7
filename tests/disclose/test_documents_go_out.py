"""A text and a PDF go out by the whole way: sealed, redacted, accepted, approved, released, verified."""

from __future__ import annotations

import io
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pyrage
import pytest
from PIL import Image

from bearwitness.disclose.watching import Watcher
from bearwitness.vault import redactions
from people import Group
from studio import exchange_detectors
from workbench import Done, recipient_of, run, verify

NOTE = "The gate was open at night.\nGuard on duty: Ivan Petrov, tel. +998 90 123-45-67\n"
LINES = ("Report of shift 3", "Guard on duty: Ivan Petrov", "Telephone +998 90 123 45 67")
CONDITIONS = ("consent", "death_penalty", "fair_trial", "onward")


def printed() -> bytes:
    """Return a PDF with lines of text, a picture, and the name of who made it."""
    file = io.BytesIO()
    Image.new("RGB", (64, 64), "grey").save(file, "jpeg")
    words = "".join(f"BT /F 14 Tf 60 {200 - 20 * n} Td ({line}) Tj ET\n" for n, line in enumerate(LINES))
    image = "/Type/XObject/Subtype/Image/Width 64/Height 64/ColorSpace/DeviceRGB"
    image += "/BitsPerComponent 8/Filter/DCTDecode"
    resources = "/Resources<</Font<</F 5 0 R>>/XObject<</I 6 0 R>>>>"
    bodies = [
        b"<</Type/Catalog/Pages 2 0 R>>", b"<</Type/Pages/Kids[3 0 R]/Count 1>>",
        f"<</Type/Page/Parent 2 0 R/MediaBox[0 0 300 240]/Contents 4 0 R{resources}>>".encode(),
        _stream("", words.encode() + b"q 90 0 0 90 60 30 cm /I Do Q"),
        b"<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>", _stream(image, file.getvalue()),
        b"<</Author(Clerk of camp 7)>>",
    ]  # fmt: skip
    made, places = b"%PDF-1.4\n", []
    for number, body in enumerate(bodies, 1):
        places.append(b"%010d 00000 n \n" % len(made))
        made += b"%d 0 obj\n%b\nendobj\n" % (number, body)
    table = b"xref\n0 8\n0000000000 65535 f \n" + b"".join(places)
    return made + table + b"trailer\n<</Size 8/Root 1 0 R/Info 7 0 R>>\nstartxref\n%d\n%%%%EOF\n" % len(made)


def _stream(head: str, data: bytes) -> bytes:
    return b"<<%b/Length %d>>stream\n%b\nendstream" % (head.encode(), len(data), data)


class Desk(Group):
    """A vault with `note.txt` and `shift.pdf`, a redacted copy of the latter, a custodian and a lawyer."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        for name, role in (("Carl", "custodian"), ("Dora", "lawyer")):
            self.people[name] = self.person(name, "--role", role)
        drive = folder / "second"
        drive.mkdir()
        (drive / "note.txt").write_text(NOTE)
        (drive / "shift.pdf").write_bytes(printed())
        self.seal(drive)
        self.note, self.shift = (self.items()[name]["item"] for name in ("note.txt", "shift.pdf"))
        self.access = folder / "access.json"
        self.access.write_text(json.dumps({item: ["p1", "p2", "p3"] for item in (self.note, self.shift)}))
        with pytest.MonkeyPatch.context() as patch:
            exchange_detectors(patch, range(1))
            self.copy: Any = self.do("redact", self.shift)
        for name in ("Anna", "Ben"):
            self.as_(name, "approve", "--subject", self.copy["plan_sha256"], "--purpose", redactions.APPROVAL)

    def draft(self, out: Path, *chosen: object) -> Any:
        return self.do("release", out, *chosen, "--draft", out.parent / "draft.json")

    def ask(self, out: Path, name: str, profile: str, item: str, by: Sequence[str], *more: object) -> Path:
        """Write a request for the draft beside `out` and have it approved."""
        met = [word for one in CONDITIONS for word in ("--condition", f"{one}=met: asked by letter")]
        path = out.parent / name
        self.do(
            "request", path, "--draft", out.parent / "draft.json", "--profile", profile, "--nobody", item,
            "--recipient", "A reader", "--purpose", "publication" if profile == "press" else "prosecution",
            "--minimum", 2, "--sharing", "case 12", *met, *more,
        )  # fmt: skip
        for one in by:
            self.as_(one, "approve", path)
        return path

    def let_out(self, out: Path, request: Path, *chosen: object) -> Done:
        asked = ["--request", request, "--access", self.access, "--json"]
        return run(*self.words("release", out, *chosen, *asked))


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Desk:
    return Desk(tmp_path_factory.mktemp("desk"))


@pytest.fixture
def seen(monkeypatch: pytest.MonkeyPatch) -> dict[str, int]:
    """Have the release's detectors see so many persons on each page; no network is loaded."""
    told = {"persons": 0}
    monkeypatch.setattr(Watcher, "pages", lambda self, pictures: vars(self).update(told))
    return told


def opened(desk: Desk, path: Path) -> Path:
    """Decrypt a release for the court."""
    key = pyrage.x25519.Identity.from_str(desk.anna.read_text().splitlines()[-1])
    clear = path.with_suffix(".zip")
    clear.write_bytes(pyrage.decrypt(path.read_bytes(), [key]))
    return clear


def test_a_text_goes_to_a_court_once_all_that_was_found_in_it_is_accepted(desk: Desk, tmp_path: Path) -> None:
    out = tmp_path / "court.age"
    chosen = ["--profile", "court", "--item", desk.note, "--to", recipient_of(desk.anna)]
    told = desk.draft(out, *chosen)
    assert NOTE in told["texts"].values()
    for wanted in ("name: Ivan Petrov", "telephone: +998 90 123-45-67"):
        assert any(wanted in found for found in told["metadata"])
    accepting = [word for found in told["metadata"] for word in ("--accept-metadata", found)]
    silent = desk.ask(out, "silent", "court", desk.note, ("Carl", "Dora"))
    refused = desk.let_out(out, silent, *chosen)
    assert refused.code == 1
    assert "pieces of metadata" in refused.err
    assert not out.exists()
    asked = desk.ask(out, "asked", "court", desk.note, ("Carl", "Dora"), *accepting)
    desk.let_out(out, asked, *chosen).ok()
    checked = verify(opened(desk, out), "--vault-key", desk.fingerprint).ok()
    assert "01.txt is byte for byte the sealed file" in checked.out


def test_a_text_can_not_go_to_the_press_and_who_tries_is_told_what_can(desk: Desk, tmp_path: Path) -> None:
    chosen = ["--profile", "press", "--item", desk.note, "--draft", tmp_path / "draft"]
    done = run(*desk.words("release", tmp_path / "out", *chosen))
    assert done.code == 1
    assert "no file goes out as it was sealed" in done.err
    done = run(*desk.words("redact", desk.note))
    assert done.code == 1
    assert "print a text to PDF" in done.err


def test_a_pdf_needs_no_press_and_says_so_before_the_work(desk: Desk) -> None:
    done = run(*desk.words("redact", desk.shift, "--press"))
    assert done.code == 2
    assert "do without --press" in done.err


def test_a_redacted_pdf_goes_to_the_press_and_the_draft_tells_what_would_keep_it(
    desk: Desk, tmp_path: Path, seen: dict[str, int]
) -> None:
    out = tmp_path / "out"
    escrow = ["--escrow", tmp_path / "court.age", "--escrow-to", recipient_of(desk.anna)]
    chosen = ["--profile", "press", "--redacted", desk.shift, *escrow]
    seen["persons"] = 1
    told = desk.draft(out, *chosen)
    (lacking,) = told["lacking"]
    assert "bodies are still there (bearwitness redact --bodies" in lacking
    asked = desk.ask(out, "request", "press", desk.shift, ("Anna", "Ben"))
    refused = desk.let_out(out, asked, *chosen)
    assert refused.code == 1
    assert lacking in refused.err
    assert not out.exists()
    seen["persons"] = 0
    desk.let_out(out, asked, *chosen).ok()
    checked = verify(out, "--vault-key", desk.fingerprint).ok()
    assert "all of it counts as altered" in checked.out
    whole = b"".join(path.read_bytes() for path in out.rglob("*") if path.is_file())
    for secret in (*LINES, "Clerk of camp 7"):
        assert secret.encode() in printed()
        assert secret.encode() not in whole
