"""A brought model is read strictly: it is the file that was meant, and nothing about it is left open."""

from __future__ import annotations

from hashlib import sha256
from pathlib import Path

import pytest

from bearwitness.errors import MalformedError, StorageError, UsageError
from bearwitness.triage.models import BroughtModel, analysers, load, read

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
    (model,) = load(tmp_path)
    assert isinstance(model, BroughtModel)
    assert (model.name, model.task, model.decoder, model.threshold) == (
        "larger-faces",
        "faces",
        "centerface",
        0.25,
    )
    assert (model.width, model.height, model.licence) == (640, 480, "MIT")
    assert model.model.to_json() == {"name": "larger-faces", "sha256": sha256(WEIGHTS).hexdigest()}


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
        analysers(tmp_path)
