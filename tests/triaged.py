"""Files to be looked at by triage, drawn and written here, and a vault on which triage is run."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from workbench import Bench, Done, run, wav

NOTE = (
    "--note-purpose", "who gave the orders", "--note-danger", "guards may recognise who filmed",
    "--note-legal-basis", "mandate of 3 March", "--note-who", "Anna, Ben",
)  # fmt: skip
QUICK = ("--only", "probe", "--only", "metadata", "--only", "document")
RUSSIAN = "Протокол допроса. Заключённого били в камере номер четыре. Ещё одна запись."
ENGLISH = "The prisoners were beaten in cell four by two officers."


def jpeg(seed: int = 1, *, maker: str = "", place: bool = False) -> bytes:
    """Return a photograph, with EXIF where asked for."""
    pixels = np.random.default_rng(seed).integers(0, 255, (60, 80, 3), dtype=np.uint8)
    image, data = Image.fromarray(pixels), io.BytesIO()
    exif = Image.Exif()
    if maker:
        exif[0x010F] = maker.encode()  # as phones write it, though EXIF has room for ASCII only
        exif[0x0110], exif[0x0132] = "Model 7", "2021:03:04 08:09:10"
    if place:
        exif.get_ifd(0x8825).update({1: "N", 2: (55.0, 30.0, 0.0), 3: "E", 4: (37.0, 15.0, 36.0)})
    image.save(data, "JPEG", exif=exif)
    return data.getvalue()


def docx(text: str) -> bytes:
    """Return a document as office programs write it."""
    data = io.BytesIO()
    space = "http://schemas.openxmlformats.org/wordprocessingml/2006/main"
    body = "".join(f"<w:p><w:r><w:t>{line}</w:t></w:r></w:p>" for line in text.splitlines())
    document = f'<w:document xmlns:w="{space}"><w:body>{body}</w:body></w:document>'
    with zipfile.ZipFile(data, "w") as archive:
        archive.writestr("[Content_Types].xml", "<Types/>")
        archive.writestr("word/document.xml", document)
    return data.getvalue()


FILES: dict[str, bytes | int] = {
    "photo.jpg": jpeg(1, maker="Фирма", place=True),
    "copy of photo.jpg": jpeg(1, maker="Фирма", place=True),
    "DCIM/other.jpg": jpeg(2),
    "протокол.docx": docx(RUSSIAN),
    "report.txt": ENGLISH.encode(),
    "cp1251.txt": RUSSIAN.encode("cp1251"),
    "talk.wav": wav(),
    "broken.jpg": jpeg(3)[:20] + bytes(200),
    "noise.bin": 3000,
    "empty": b"",
}


class Triaged(Bench):
    """A copy of a bench on whose vault triage is run."""

    def __init__(self, bench: Bench, vault: Path) -> None:
        self.folder, self.vault, self.made = bench.folder, vault, bench.made
        self.anna, self.ben, self.keeper = bench.anna, bench.ben, bench.keeper
        self.frozen: Any = None  # what freezing said, where it was done

    def triage(self, *words: object, codes: tuple[int, ...] = (0, 3)) -> Any:
        """Run triage and return its JSON."""
        return self.try_triage(*words).ok(*codes).json

    def try_triage(self, *words: object, note: bool = True) -> Done:
        """Run triage; unless told otherwise with the analysers that need no network and no model."""
        given = [*(NOTE if note else ()), *(() if "--only" in words else QUICK)]
        return run("triage", "--vault", self.vault, "--identity", self.anna, *given, *words, "--json")

    def id_of(self, path: str) -> str:
        """Return the id of an item."""
        return str(self.items()[path]["item"])

    def found(self, *words: object) -> set[str]:
        """Return the paths that are found."""
        return {hit["path"] for hit in self.do("find", *words)["found"]}

    def derived(self) -> list[dict[str, Any]]:
        """Return every result that stands in the log, in order."""
        entries = self.do("log")["entries"]
        derived = [entry["fields"] for entry in entries if entry["fields"]["kind"] == "derived"]
        return [{"item": fields["item"], **result} for fields in derived for result in fields["results"]]
