"""A brought model is read strictly: it is the file that was meant, and nothing about it is left open."""

from __future__ import annotations

from hashlib import sha256
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from bearwitness.errors import MalformedError, SandboxError, StorageError, UsageError
from bearwitness.inference.faces import Faces
from bearwitness.inference.models import model
from bearwitness.inference.worker import InferenceWorker
from bearwitness.triage import registry
from bearwitness.triage.models import BroughtModel, load, read

WEIGHTS = b"not really weights"
GOOD = f"""
task = "faces"
file = "net.onnx"
sha256 = "{sha256(WEIGHTS).hexdigest()}"
licence = "MIT"
source = "https://models.example/net"
decoder = "centerface"
threshold = "0.25"

[input]
width = "640"
height = "480"
pixel = "bgr24"
"""


def put(folder: Path, text: str, weights: bytes | None = WEIGHTS) -> Path:
    place = folder / "larger-faces"
    place.mkdir(parents=True)
    (place / "model.toml").write_text(text)
    if weights is not None:
        (place / "net.onnx").write_bytes(weights)
    return place / "model.toml"


def test_a_model_is_read_with_all_that_the_log_will_say_of_it(tmp_path: Path) -> None:
    put(tmp_path, GOOD)
    (brought,) = load(tmp_path)
    assert isinstance(brought, BroughtModel)
    assert (brought.name, brought.task, brought.decoder, brought.threshold) == (
        "larger-faces",
        "faces",
        "centerface",
        0.25,
    )
    assert (brought.width, brought.height, brought.licence) == (640, 480, "MIT")
    assert brought.model.to_json() == {"name": "larger-faces", "sha256": sha256(WEIGHTS).hexdigest()}


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('licence = "MIT"', ""),
        ('licence = "MIT"', 'licence = " "'),
        ('licence = "MIT"', 'licence = "MIT"\ncolour = "red"'),
        ('threshold = "0.25"', "threshold = 0.25"),
        ('threshold = "0.25"', 'threshold = "2"'),
        ('file = "net.onnx"', 'file = "../net.onnx"'),
        ('file = "net.onnx"', 'file = "/etc/passwd"'),
        ('width = "640"', 'width = "0"'),
        ('pixel = "bgr24"', 'pixel = "cmyk"'),
        ("[input]", "[output]"),
        ("task", "= task"),
    ],
)
def test_what_is_missing_unknown_or_malformed_is_refused(tmp_path: Path, old: str, new: str) -> None:
    assert old in GOOD
    path = put(tmp_path, GOOD.replace(old, new, 1))
    with pytest.raises(MalformedError):
        read(path)


def test_weights_that_are_not_those_named_or_not_there_are_refused(tmp_path: Path) -> None:
    with pytest.raises(MalformedError, match="is not the model"):
        read(put(tmp_path / "a", GOOD, WEIGHTS + b"!"))
    with pytest.raises(StorageError):
        read(put(tmp_path / "b", GOOD, None))


def test_a_model_whose_output_nobody_can_read_is_refused_and_the_known_are_named(tmp_path: Path) -> None:
    put(tmp_path, GOOD.replace("centerface", "oracle"))
    with pytest.raises(UsageError, match="oracle"):
        registry.load(models=tmp_path)


def test_a_brought_model_takes_the_place_of_ours_and_the_log_names_it(tmp_path: Path) -> None:
    put(tmp_path, GOOD)
    (ours,), (brought,) = registry.load(["faces"]), registry.load(["faces"], tmp_path)
    assert brought.model is not None
    assert brought.model != ours.model
    assert brought.model.to_json() == {"name": "larger-faces", "sha256": sha256(WEIGHTS).hexdigest()}
    assert brought.brought == {"centerface": (tmp_path / "larger-faces" / "net.onnx", brought.model.sha256)}
    assert brought.parameters["threshold"] == "0.25"
    put(tmp_path / "second", GOOD)
    (tmp_path / "second" / "larger-faces").rename(tmp_path / "more-faces")
    with pytest.raises(UsageError, match="two models"):
        registry.load(models=tmp_path)


def test_the_weights_of_a_brought_model_are_those_that_run(tmp_path: Path, corpus: Path) -> None:
    """Our own network brought as if it were another is checked by its hash and runs in the locked worker."""
    ours = model("centerface")
    weights = ours.read(ours.locate())
    put(tmp_path, GOOD.replace(sha256(WEIGHTS).hexdigest(), ours.sha256), weights)
    (analyser,) = registry.load(["faces"], tmp_path)
    picture = np.asarray(Image.open(corpus / "neardup/bridge-orig.jpg").convert("RGB"))[:, :, ::-1]
    with InferenceWorker(analyser.networks, threads=1, brought=analyser.brought) as worker:
        assert isinstance(Faces(worker).detect([np.ascontiguousarray(picture[:480, :640])]), list)
    (tmp_path / "larger-faces" / "net.onnx").write_bytes(weights[:-1] + b"!")
    with (
        InferenceWorker(analyser.networks, threads=1, brought=analyser.brought) as worker,
        pytest.raises(SandboxError, match="not the pinned ones"),
    ):
        Faces(worker).detect([np.zeros((64, 64, 3), np.uint8)])
