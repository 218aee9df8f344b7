"""Turn Resemblyzer's encoder of voices into the ONNX file in inference/weights (see README.md there).

Needs an environment that is thrown away afterwards, with torch, onnx and numpy, and the wheel of Resemblyzer
unpacked (pip download --no-deps Resemblyzer==0.1.4).

    python tools/convert_resemblyzer.py resemblyzer/pretrained.pt resemblyzer.onnx
"""

import sys
from pathlib import Path

import numpy as np
import onnx
import torch
from onnx import TensorProto, helper, numpy_helper

HIDDEN, MELS, FRAMES, LAYERS = 256, 40, 160, 3
OPSET = 17


def reordered(gates: np.ndarray) -> np.ndarray:
    """Return the rows of four gates in the order of ONNX (input, output, forget, cell)."""
    i, f, g, o = np.split(gates, 4)
    return np.concatenate([i, o, f, g])


def convert(state: dict[str, np.ndarray]) -> onnx.ModelProto:
    """Return the network: (n, 160, 40) spectra in, (n, 256) embeddings of length 1 out."""
    nodes, constants = [], []

    def half(name: str, array: np.ndarray) -> str:
        """Store an array in half precision, with a cast back."""
        constants.append(numpy_helper.from_array(array.astype(np.float16), name + "_half"))
        nodes.append(helper.make_node("Cast", [name + "_half"], [name], to=TensorProto.FLOAT))
        return name

    nodes.append(helper.make_node("Transpose", ["mels"], ["at0"], perm=[1, 0, 2]))
    for layer in range(LAYERS):
        w, r = (reordered(state[f"lstm.weight_{kind}_l{layer}"]) for kind in ("ih", "hh"))
        bias = [reordered(state[f"lstm.bias_{kind}_l{layer}"]) for kind in ("ih", "hh")]
        inputs = [
            f"at{layer}",
            half(f"w{layer}", w[None]),
            half(f"r{layer}", r[None]),
            half(f"b{layer}", np.concatenate(bias)[None]),
        ]
        outputs = [f"all{layer}", f"last{layer}"]
        nodes.append(helper.make_node("LSTM", inputs, outputs, hidden_size=HIDDEN))
        constants.append(numpy_helper.from_array(np.array([1], np.int64), f"axis{layer}"))
        nodes.append(helper.make_node("Squeeze", [f"all{layer}", f"axis{layer}"], [f"at{layer + 1}"]))
    constants.append(numpy_helper.from_array(np.array([0], np.int64), "first"))
    nodes.append(helper.make_node("Squeeze", [f"last{LAYERS - 1}", "first"], ["hidden"]))
    linear = half("linear", state["linear.weight"].T.copy())
    nodes += [
        helper.make_node("Gemm", ["hidden", linear, half("offset", state["linear.bias"])], ["raw"]),
        helper.make_node("Relu", ["raw"], ["positive"]),
        helper.make_node("LpNormalization", ["positive"], ["voice"], axis=1, p=2),
    ]
    graph = helper.make_graph(
        nodes,
        "resemblyzer",
        [helper.make_tensor_value_info("mels", TensorProto.FLOAT, ["n", FRAMES, MELS])],
        [helper.make_tensor_value_info("voice", TensorProto.FLOAT, ["n", HIDDEN])],
        constants,
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], producer_name="")
    model.ir_version = 8
    onnx.checker.check_model(model)
    return model


def main() -> None:
    """Convert; the same input gives the same bytes."""
    source, target = map(Path, sys.argv[1:])
    state = torch.load(source, map_location="cpu", weights_only=True)["model_state"]
    model = convert({name: value.numpy() for name, value in state.items()})
    target.write_bytes(model.SerializeToString())


main()
