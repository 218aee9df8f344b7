"""The plug-in folder: a group brings a larger or another model without code, one folder with a ``model.toml``
each.

    task = "faces"                  # which analyser it is for
    file = "retinaface.onnx"        # beside model.toml
    sha256 = "…64 hexadecimal digits…"
    licence = "MIT"
    source = "https://…"
    decoder = "centerface"          # how what it puts out is read: one that Bearwitness knows
    threshold = "0.3"               # a decimal string

    [input]
    width = "640"
    height = "640"
    pixel = "bgr24"

Everything is required, nothing else may stand there, and a file with another hash is refused: a result names
the model by its hash, so it must be the one that was meant. The file is read in the inference worker, never
here.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import file_digest
from pathlib import Path
from typing import Final

from bearwitness.errors import MalformedError, storage_error
from bearwitness.media.model import BGR24, GRAY8

from .analyser import Model

FILE: Final = "model.toml"
_MEMBERS: Final = ("task", "file", "sha256", "licence", "source", "input", "decoder", "threshold")
_INPUT: Final = ("width", "height", "pixel")
_HEX: Final = re.compile(r"[0-9a-f]{64}\Z")
_NAME: Final = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,99}\Z")
_NUMBER: Final = re.compile(r"[1-9][0-9]{0,4}\Z")
_THRESHOLD: Final = re.compile(r"(0|1|0\.[0-9]{1,6})\Z")


@dataclass(frozen=True)
class BroughtModel:
    """A model from the plug-in folder, its file checked; `threshold` is from 0 to 1."""

    name: str
    task: str
    path: Path
    sha256: str
    licence: str
    source: str
    width: int
    height: int
    pixel: str
    decoder: str
    threshold: float

    @property
    def model(self) -> Model:
        """How the log names it."""
        return Model(self.name, self.sha256)


def load(folder: Path) -> list[BroughtModel]:
    """Return the models below `folder`, by name; raise MalformedError for one that is not as it must be."""
    return [read(path) for path in sorted(folder.glob(f"*/{FILE}"))]


def read(path: Path) -> BroughtModel:
    """Read one ``model.toml`` strictly and check the file it names."""
    try:
        data = tomllib.loads(path.read_text("utf-8"))
    except OSError as error:
        raise storage_error(error, str(path)) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise MalformedError(f"{path} is no TOML file: {error}") from None
    if set(data) != set(_MEMBERS):
        odd = sorted(set(data) ^ set(_MEMBERS))
        raise MalformedError(f"{path} must have exactly {', '.join(_MEMBERS)}; see {odd[0]}")
    size = data["input"]
    if not isinstance(size, dict) or set(size) != set(_INPUT):
        raise MalformedError(f"[input] in {path} must have exactly {', '.join(_INPUT)}")
    texts = {name: value for name, value in {**data, **size}.items() if name != "input"}
    if not all(isinstance(value, str) and value.strip() for value in texts.values()):
        raise MalformedError(f"every value in {path} is a text in quotation marks, and not empty")
    _check(path, texts)
    file = path.parent / texts["file"]
    _check_file(file, texts["sha256"])
    return BroughtModel(
        path.parent.name, texts["task"], file, texts["sha256"], texts["licence"], texts["source"],
        int(texts["width"]), int(texts["height"]), texts["pixel"],
        texts["decoder"], float(texts["threshold"]),
    )  # fmt: skip


def _check(path: Path, texts: Mapping[str, str]) -> None:
    rules = {"file": _NAME, "sha256": _HEX, "width": _NUMBER, "height": _NUMBER, "threshold": _THRESHOLD}
    for name, rule in rules.items():
        if not rule.match(texts[name]):
            raise MalformedError(f"{name} in {path} is malformed: {texts[name][:80]!r}")
    if texts["pixel"] not in (BGR24, GRAY8):
        raise MalformedError(f"pixel in {path} must be {BGR24} or {GRAY8}")


def _check_file(file: Path, sha256: str) -> None:
    try:
        with file.open("rb") as opened:
            found = file_digest(opened, "sha256").hexdigest()
    except OSError as error:
        raise storage_error(error, str(file)) from error
    if found != sha256:
        raise MalformedError(
            f"{file} is not the model that its model.toml names: its SHA-256 is {found}",
            "get the file again from its source, or, if this is the one you mean, write this hash there",
        )
