"""Text comes out of documents of every kind, and out of damaged ones a reason."""

from __future__ import annotations

import contextlib
import io
import random
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from bearwitness.errors import BearwitnessError, ChildFailedError
from bearwitness.media.inside.documents import decode
from bearwitness.triage.analyser import DOCUMENT, Material, Result
from bearwitness.triage.documents import Documents
from triaged import ENGLISH, RUSSIAN, docx
from workbench import SEED, scaled

RTF = b"{\\rtf1\\ansi\\ansicpg1251 %s}" % b"".join(b"\\'%02x" % byte for byte in RUSSIAN.encode("cp1251"))
Make = Callable[[bytes], Material]


def look(made: Material) -> Result:
    assert made.kind == DOCUMENT
    return Documents().begin(made).finish()


def text_of(made: Material) -> str:
    return "".join(text.text for text in look(made).texts)


@pytest.mark.parametrize(
    "data",
    [
        RUSSIAN.encode(),
        RUSSIAN.encode("cp1251"),
        RUSSIAN.encode("koi8-r"),
        b"\xff\xfe" + RUSSIAN.encode("utf-16-le"),
        docx(RUSSIAN),
        f"<html><script>var hidden</script><p>{RUSSIAN}</p></html>".encode(),
        RTF,
    ],
    ids=["utf-8", "cp1251", "koi8-r", "utf-16", "docx", "html", "rtf"],
)
def test_russian_text_is_read_in_every_encoding_and_format(material: Make, data: bytes) -> None:
    text = text_of(material(data))
    assert RUSSIAN.split(". ")[1] in text
    assert "hidden" not in text


def test_english_text_stays_what_it_is() -> None:
    assert decode(ENGLISH.encode("cp1252")) == ENGLISH
    assert decode("naïve café déjà vu".encode("cp1252")) == "naïve café déjà vu"


def test_pdf_and_office_files_of_the_corpus_are_read(material: Make, corpus: Path) -> None:
    pdf = look(material((corpus / "metadata/mat2-dirty.pdf").read_bytes()))
    assert pdf.details["pages"] == 20
    assert "Code-Reuse Attacks" in pdf.texts[0].text
    assert "text document" in text_of(material((corpus / "metadata/mat2-dirty.docx").read_bytes()))


def test_a_document_that_declares_entities_is_refused(material: Make) -> None:
    data = io.BytesIO()
    bomb = '<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;">]><x>&b;</x>'
    with zipfile.ZipFile(data, "w") as archive:
        archive.writestr("word/document.xml", bomb)
    with pytest.raises(ChildFailedError, match="entities"):
        look(material(data.getvalue()))


def test_a_part_that_swells_beyond_all_bounds_is_cut_and_told(material: Make) -> None:
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("word/document.xml", b"<x>" + bytes(80 << 20))
        archive.writestr("word/header1.xml", "<x>a header</x>")
    result = look(material(data.getvalue()))
    assert result.details["cut"]
    assert "a header" in result.texts[0].text


def test_an_archive_that_is_no_document_is_a_failure_with_its_reason(material: Make, corpus: Path) -> None:
    with pytest.raises(ChildFailedError, match="not looked into"):
        look(material((corpus / "damaged/bomb.zip").read_bytes()))


@pytest.mark.parametrize("form", ["tar", "gz", "bz2", "xz"])
def test_an_archive_of_any_kind_is_not_passed_over_in_silence(material: Make, form: str) -> None:
    data = io.BytesIO()
    with tarfile.open(fileobj=data, mode=f"w:{form}" if form != "tar" else "w:") as archive:
        archive.addfile(tarfile.TarInfo("film.mp4"))
    with pytest.raises(ChildFailedError, match="not looked into"):
        look(material(data.getvalue()))


def test_signs_that_turn_text_round_or_steer_a_terminal_are_left_out(material: Make) -> None:
    assert text_of(material("a\u202eb\x1b[31mc".encode())) == "ab[31mc"


def test_mutated_documents_cost_their_child_at_most(material: Make, corpus: Path) -> None:
    generator = random.Random(SEED)
    seeds = [docx(RUSSIAN), (corpus / "metadata/mat2-dirty.docx").read_bytes()]
    seeds.append((corpus / "metadata/mat2-dirty.pdf").read_bytes()[:40_000])
    for number in range(scaled(24, 600)):
        data = bytearray(seeds[number % len(seeds)])
        for _ in range(generator.randrange(1, 30)):
            data[generator.randrange(8, len(data))] = generator.randrange(256)
        del data[generator.randrange(len(data) // 2, len(data)) :]
        with contextlib.suppress(BearwitnessError):  # a sentence, and the parent lives
            Documents().begin(material(bytes(data))).finish()
    assert "beaten" in text_of(material(ENGLISH.encode())), "the sandbox serves on"
