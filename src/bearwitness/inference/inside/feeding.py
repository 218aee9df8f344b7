"""What lies between the bytes of a picture and a network's first convolution, at little cost.

OpenVINO's own steps (swap the colours, change the layout, scale) took a tenth of CenterFace's time in single
precision. Colours are swapped once and for all in the weights of the first convolution, which sums over
them; and where only the height changes, as from 360 to 384 rows, each row is made of two, as they lie.
"""

from __future__ import annotations

import numpy as np
import openvino as ov
from openvino import opset13 as ops


def fold_colours(model: ov.Model) -> bool:
    """Make a network for RGB one for BGR; say whether that could be done, else it is as it was."""
    targets = list(model.inputs[0].get_target_inputs())
    weights = [_weights(target) for target in targets]
    if not targets or any(one is None for one in weights):
        return False
    for target, one in zip(targets, weights, strict=True):
        if one is not None:
            turned = ops.constant(np.ascontiguousarray(one.data[:, ::-1]))
            target.get_node().input(1).replace_source_output(turned.output(0))
    return True


def _weights(target: ov.Input) -> ov.Node | None:
    """Return the constant weights of a convolution whose pictures come by `target`, None for all else."""
    node = target.get_node()
    if node.get_type_name() != "Convolution" or target.get_index() != 0:
        return None
    weights = node.input_value(1).get_node()
    return weights if weights.get_type_name() == "Constant" and weights.shape[1] == 3 else None


def feed_rows(model: ov.Model, size: tuple[int, int], wanted: tuple[int, int]) -> ov.Model:
    """Let a network for planes, [1, 3, *wanted], take bytes of pictures, [1, *size, 3].

    `size` and `wanted` are height and width; widths are the same, heights are scaled linearly between the
    middles of pixels, as OpenVINO scales them. The model is changed and returned.
    """
    height = wanted[0]
    given = ops.parameter([1, *size, 3], np.uint8)
    at = np.clip((np.arange(height) + 0.5) * size[0] / height - 0.5, 0, size[0] - 1)
    upper = np.floor(at).astype(np.int32)
    lower = np.minimum(upper + 1, size[0] - 1).astype(np.int32)
    if size[0] == height:
        rows = ops.convert(given, "f32")
    else:
        share = ops.constant((at - upper).astype(np.float32).reshape(1, -1, 1, 1))
        above, below = (
            ops.convert(ops.gather(given, ops.constant(one), ops.constant(1)), "f32")
            for one in (upper, lower)
        )
        rows = ops.add(above, ops.multiply(ops.subtract(below, above), share))
    planes = ops.transpose(rows, ops.constant(np.array([0, 3, 1, 2])))
    old = model.inputs[0].get_node()
    for target in list(old.output(0).get_target_inputs()):
        target.replace_source_output(planes.output(0))
    model.add_parameters([given])
    model.remove_parameter(old)
    model.validate_nodes_and_infer_types()
    return model
