"""One network of OpenVINO, compiled for the sizes it meets, the last few kept."""

from __future__ import annotations

from collections import OrderedDict
from typing import Any, Final

import numpy as np
import openvino as ov
from numpy.typing import NDArray
from openvino.preprocess import ColorFormat, PrePostProcessor, ResizeAlgorithm

_KEPT: Final = 6  # compiled sizes; each may take 200 MB
_REQUESTS_MAX: Final = 4


class Network:
    """Weights and what was compiled of them.

    Single precision everywhere: processors that would use bfloat16 give other results than those that can
    not, and the same footage must give the same boxes on every machine.
    """

    def __init__(self, core: ov.Core, weights: bytes, threads: int) -> None:
        self._core, self._model = core, core.read_model(weights)  # finding a reader for it opens files
        self._settings = {
            "PERFORMANCE_HINT": "THROUGHPUT",
            "INFERENCE_PRECISION_HINT": "f32",
            "INFERENCE_NUM_THREADS": threads,
            "NUM_STREAMS": threads,
            "ENABLE_CPU_PINNING": False,
        }
        self._compiled: OrderedDict[tuple[int, ...], Compiled] = OrderedDict()

    def for_pictures(self, size: tuple[int, int], wanted: tuple[int, int], *, rgb: bool) -> Compiled:
        """Return the network for BGR pictures of `size` (height, width), scaled to `wanted` in the network."""
        key = (*size, *wanted)
        if key not in self._compiled:
            model = self._model.clone()
            model.reshape([1, 3, *wanted])
            steps = PrePostProcessor(model)
            tensor = steps.input().tensor()
            tensor.set_element_type(ov.Type.u8).set_layout(ov.Layout("NHWC"))
            tensor.set_shape([1, *size, 3]).set_color_format(ColorFormat.BGR)
            steps.input().model().set_layout(ov.Layout("NCHW"))
            steps.input().preprocess().convert_element_type(ov.Type.f32)
            if rgb:
                steps.input().preprocess().convert_color(ColorFormat.RGB)
            if size != wanted:
                steps.input().preprocess().resize(ResizeAlgorithm.RESIZE_LINEAR)
            self._keep(key, steps.build())
        self._compiled.move_to_end(key)
        return self._compiled[key]

    def as_it_is(self) -> Compiled:
        """Return the network for the inputs its file names, all of fixed size or dynamic."""
        if () not in self._compiled:
            self._keep((), self._model)
        return self._compiled[()]

    def _keep(self, key: tuple[int, ...], model: ov.Model) -> None:
        while len(self._compiled) >= _KEPT:
            self._compiled.popitem(last=False)
        self._compiled[key] = Compiled(self._core.compile_model(model, "CPU", self._settings))


class Compiled:
    """A network ready to run, on as many inputs at once as there are threads."""

    def __init__(self, compiled: ov.CompiledModel) -> None:
        count = min(_REQUESTS_MAX, int(compiled.get_property("OPTIMAL_NUMBER_OF_INFER_REQUESTS")))
        self._requests = [compiled.create_infer_request() for _ in range(max(1, count))]
        self.inputs = [sorted(port.get_names()) for port in compiled.inputs]

    def run(self, batches: list[list[NDArray[Any]]]) -> list[list[NDArray[Any]]]:
        """Return the outputs for each list of inputs, in order."""
        results: list[list[NDArray[Any]]] = []
        busy: list[ov.InferRequest] = []
        for inputs in batches:
            if len(busy) == len(self._requests):
                results.append(_outputs(busy.pop(0)))
            request = next(r for r in self._requests if all(r is not b for b in busy))
            request.start_async({number: ov.Tensor(array, shared_memory=False) for number, array in enumerate(inputs)})
            busy.append(request)
        return results + [_outputs(request) for request in busy]


def _outputs(request: ov.InferRequest) -> list[NDArray[Any]]:
    request.wait()
    return [np.array(tensor.data) for tensor in request.output_tensors]
