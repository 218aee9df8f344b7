"""Texts and PDF pass once somebody accepted by name what is in them; what is not seen whole does not."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path

import pypdf
import pytest
from PIL import Image

from bearwitness.disclose import inspecting
from bearwitness.disclose.inspecting import Inspected, Inspector
from bearwitness.disclose.kinds import HEAD_BYTES, extension_of
from bearwitness.disclose.outgoing import ExhibitFile
from bearwitness.disclose.watching import Watcher
from bearwitness.media import documents

ROSTER = "Смена 3\nИван Петров, post 12\ntel. +998 90 123-45-67\nC:\\Users\\kolya\\list.txt\n"


@pytest.fixture(scope="module")
def inspector() -> Iterator[Inspector]:
    with Inspector() as one:
        yield one


@pytest.fixture(autouse=True)
def no_models(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Have pages counted instead of looked at by networks; return how many there were."""
    seen: list[int] = []
    monkeypatch.setattr(Watcher, "pages", lambda self, pictures: seen.append(len(pictures)))
    return seen


def inspect(inspector: Inspector, folder: Path, data: bytes) -> Inspected:
    name = f"01.{extension_of(data[:HEAD_BYTES])}"
    (folder / name).write_bytes(data)
    return inspector.inspect(folder, [ExhibitFile(name, sha256(data).hexdigest(), name)], lambda _: None)


def pictures(**more: str) -> bytes:
    file = io.BytesIO()
    Image.new("RGB", (90, 60), "grey").save(file, "jpeg", **more)
    return documents.write([(file.getvalue(), 90, 60)] * 2, documents.DPI)


def printed() -> bytes:
    """Return a PDF made by somebody else, with a page and an author."""
    writer, file = pypdf.PdfWriter(), io.BytesIO()
    writer.add_blank_page(200, 200)
    writer.add_metadata({"/Author": "Ivan"})
    writer.write(file)
    return file.getvalue()


def test_what_stands_in_a_text_is_told_and_has_to_be_accepted(inspector: Inspector, tmp_path: Path) -> None:
    seen = inspect(inspector, tmp_path, ROSTER.encode())
    (scan,) = seen.scans
    for wanted in (
        "a text: 4 lines", "text, name: Иван Петров", "text, telephone: +998 90 123-45-67",
        "text, path: C:\\Users\\kolya\\list.txt", "text, user folder: Users\\kolya",
    ):  # fmt: skip
        assert any(found.startswith(wanted) for found in scan.findings), (wanted, scan.findings)
    assert seen.texts == {scan.sha256: ROSTER}
    (look,) = seen.looks
    assert (look.faces, look.persons, look.speech, look.texts) == (0, 0, 0, 4)


def test_a_text_without_anything_found_has_still_to_be_accepted(inspector: Inspector, tmp_path: Path) -> None:
    (scan,) = inspect(inspector, tmp_path, b"the gate was open\n").scans
    assert [f.partition(":")[0] for f in scan.findings] == ["a text"]


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"<html><body>Hello<script>hidden</script></body></html>" * 3, "may hold more than it shows"),
        (b"open\n" * 50 + b"\x1b[8mhidden\x1b[0m\n", "signs that can not be seen"),
        ("a\u202eb\n".encode() * 20, "signs that can not be seen"),
        (b"Anna Petrova is her name\n" + b"\n".join(b"+99890%07d" % n for n in range(600)), "one by one"),
    ],
    ids=["html", "escape", "turned", "too many"],
)
def test_what_hides_something_does_not_pass(
    inspector: Inspector, tmp_path: Path, data: bytes, why: str
) -> None:
    seen = inspect(inspector, tmp_path, data)
    assert (seen.scans, seen.looks) == ([], [])
    assert why in next(iter(seen.failures.values()))


def test_an_archive_is_refused_with_what_to_do(inspector: Inspector, tmp_path: Path) -> None:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("a.txt", "hello")
    seen = inspect(inspector, tmp_path, file.getvalue())
    assert (seen.scans, seen.looks) == ([], [])
    assert "unpack it" in next(iter(seen.failures.values()))


def test_a_redacted_pdf_is_pictures_alone_and_carries_nothing(
    inspector: Inspector, tmp_path: Path, no_models: list[int]
) -> None:
    seen = inspect(inspector, tmp_path, pictures())
    assert [scan.findings for scan in seen.scans] == [()]
    assert no_models == [2]
    (scan,) = inspect(inspector, tmp_path, pictures(comment="camera 7")).scans
    assert any("camera 7" in found for found in scan.findings)


def test_any_other_pdf_has_to_be_accepted_and_its_pages_are_looked_at(
    inspector: Inspector, tmp_path: Path, no_models: list[int]
) -> None:
    for data in (
        printed(),
        pictures().replace(b"/Type/Catalog", b"/Type/Catalog/A 1", 1),
        pictures() + b"%x",
    ):
        (scan,) = inspect(inspector, tmp_path, data).scans
        assert any(found.startswith("a PDF of ") for found in scan.findings), data[:80]
    assert no_models == [1, 2, 2]
    assert inspecting.PAGES_MAX >= 2
