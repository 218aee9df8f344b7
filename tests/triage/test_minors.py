"""A brought model suggests, no more: no picture is shown, nothing is frozen until a person does it."""

from __future__ import annotations

import io
from hashlib import sha256
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from bearwitness.errors import UsageError
from bearwitness.sandbox.status import layers
from bearwitness.triage import registry
from triaged import Triaged
from workbench import Bench, fill, run

SIDE = 32


def field(number: int, content: bytes | int) -> bytes:
    """Return one field of a protocol buffer; numbers below 128."""
    key = number << 3 | (0 if isinstance(content, int) else 2)
    body = bytes([content]) if isinstance(content, int) else varint(len(content)) + content
    return varint(key) + body


def varint(number: int) -> bytes:
    return bytes([number]) if number < 128 else bytes([number & 127 | 128, number >> 7])


def value(name: bytes, sides: tuple[int, ...]) -> bytes:
    shape = b"".join(field(1, field(1, side)) for side in sides)
    return field(1, name) + field(2, field(1, field(1, 1) + field(2, shape)))


def brightness_network() -> bytes:
    """Return an ONNX file whose one output is the mean of its input: it takes the bright for a minor."""
    keep = field(1, b"keepdims") + field(3, 0) + field(20, 2)
    node = field(1, b"x") + field(2, b"y") + field(4, b"ReduceMean") + field(5, keep)
    ends = field(11, value(b"x", (1, 3, SIDE, SIDE))) + field(12, value(b"y", ()))
    graph = field(1, node) + field(2, b"g") + ends
    return field(1, 8) + field(7, graph) + field(8, field(2, 13))


def brought(folder: Path) -> Path:
    """Return a folder with a model for minors."""
    weights, place = brightness_network(), folder / "bright"
    place.mkdir(parents=True)
    (place / "net.onnx").write_bytes(weights)
    texts = {
        "task": "minor", "file": "net.onnx", "sha256": sha256(weights).hexdigest(), "licence": "none",
        "source": "this test", "decoder": "score", "threshold": "0.7",
    }  # fmt: skip
    lines = [f'{name} = "{text}"' for name, text in texts.items()]
    lines += ["[input]", f'width = "{SIDE}"', f'height = "{SIDE}"', 'pixel = "bgr24"']
    (place / "model.toml").write_text("\n".join(lines))
    return folder


def picture(grey: int) -> bytes:
    out = io.BytesIO()
    Image.fromarray(np.full((60, 80, 3), grey, np.uint8)).save(out, "PNG")
    return out.getvalue()


def test_there_is_no_model_of_ours_so_nothing_is_suggested_without_one(tmp_path: Path) -> None:
    assert "minor" not in {analyser.name for analyser in registry.load()}
    with pytest.raises(UsageError, match="minor"):
        registry.load(["minor"])
    assert "minor" in {analyser.name for analyser in registry.load(models=brought(tmp_path))}


def test_a_suggestion_is_a_score_and_freezes_nothing(tmp_path: Path) -> None:
    if layers().lacking:
        pytest.skip("this kernel can not lock up inference")
    bench = Bench(tmp_path)
    bench.seal(fill(tmp_path / "drive", {"bright.png": picture(230), "dark.png": picture(40)}))
    made = Triaged(bench, bench.vault)
    report = made.triage("--only", "minor", "--models", brought(tmp_path / "models"), "--workers", "1")
    assert report["suggested"] == 1
    (found,) = made.do("freeze", "--suggested")["suggested"]
    assert found["path"] == "bright.png"
    assert found["score"] == pytest.approx(230 / 255, abs=0.01)
    assert not any(item["frozen"] for item in made.items().values())
    (result,) = [each for each in made.derived() if each["item"] == found["item"]]
    assert result["model"]["sha256"] == sha256(brightness_network()).hexdigest()
    words = ["--vault", made.vault, "--identity", made.anna]
    assert "none is frozen by that" in run("freeze", "--suggested", *words).ok().out
    assert made.do("freeze", "--item", found["item"])["frozen"] == [found["item"]]
    assert made.do("freeze", "--suggested")["suggested"] == []
    assert run("freeze", "--suggested", "--tasks", *words).code == 2
