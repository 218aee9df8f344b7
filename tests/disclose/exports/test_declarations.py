"""Whoever handled what a release shows finds their acts, and no other's, on a page of their own to sign."""

from __future__ import annotations

import re
from pathlib import Path

import pypdfium2
import pytest

from people import Group
from workbench import fill, run

pytest.importorskip("typst", reason="it makes the PDF")


@pytest.fixture(scope="module")
def group(tmp_path_factory: pytest.TempPathFactory) -> Group:
    made = Group(tmp_path_factory.mktemp("handled"))
    made.seal(fill(made.folder / "third", {"other.mp4": b"more"}), "--by", "Dora")
    made.do("release", made.folder / "elsewhere", "--item", made.items()["b.txt"]["item"])
    made.do("release", made.folder / "out", "--item", made.item)
    made.do("restore", made.folder / "restored", "--item", made.item)
    made.consent()
    made.do("restore", made.folder / "other", "--item", made.items()["b.txt"]["item"])
    return made


def pages(path: Path) -> list[str]:
    document = pypdfium2.PdfDocument(path.read_bytes())
    found = [re.sub(r"[\s\u200b\ufffe]+", " ", page.get_textpage().get_text_range()) for page in document]
    document.close()
    return found


def test_each_handler_has_a_page_with_their_acts_and_a_block_to_sign(group: Group, tmp_path: Path) -> None:
    words = ["export", group.folder / "out", tmp_path / "d.pdf", "--as", "declarations"]
    run(*words, "--vault", group.vault, "--identity", group.anna).ok()
    first, *rest = pages(tmp_path / "d.pdf")
    assert "They declare nothing until each person has read" in first
    assert len(rest) == 2
    device, anna = rest
    dense = device.replace(" ", "")
    assert "Whoeverusedthedevice" in dense
    assert f"sealedthedeliverythatholdsitem{group.item}" in dense
    assert "releasedwhatthisreleaseshows" in dense
    assert f"wrotethesealedfileout:item{group.item}" in dense
    assert dense.count("releasedwhat") == 1, "an act for somebody else is told"
    assert dense.count("wrotethesealed") == 1, "an act on another item is told"
    assert "Dora" not in "".join(rest)
    assert "Anna" in anna
    assert "recorded a consent" in anna
    for page in rest:
        for wanted in ("Signature", "28 U.S.C. § 1746", "Function, organisation", "Exhibits of release"):
            assert wanted in page


def test_who_sealed_by_name_has_a_page_of_their_own(group: Group, tmp_path: Path) -> None:
    group.do("release", tmp_path / "out", "--item", group.items()["other.mp4"]["item"])
    words = ["export", tmp_path / "out", tmp_path / "d.pdf", "--as", "declarations"]
    run(*words, "--vault", group.vault, "--identity", group.anna).ok()
    told = pages(tmp_path / "d.pdf")
    assert any("Dora" in page and "sealed the delivery" in page for page in told[1:])


def test_without_the_vault_or_with_another_nothing_is_made(group: Group, tmp_path: Path) -> None:
    words = ["export", group.folder / "out", tmp_path / "d.pdf"]
    assert "custody log" in run(*words, "--as", "declarations").err
    known = ["--vault", group.vault, "--identity", group.anna]
    assert "custody log" in run(*words, "--as", "report", *known).err
    other = Group(tmp_path / "other")
    done = run(*words, "--as", "declarations", "--vault", other.vault, "--identity", other.anna)
    assert "knows no release" in done.err
    assert not (tmp_path / "d.pdf").exists()
