"""One network of OpenVINO, compiled for the sizes it meets, the last few kept.

To compile takes as long as to look at several pictures, and photographs come upright and across in turn. So
what was compiled for another size than the last ones is kept, too, but rests: the memory it works in, most of
what it takes, is given back, and taken anew when it is asked again.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import openvino as ov
from numpy.typing import NDArray
from openvino.preprocess import ColorFormat, PrePostProcessor, ResizeAlgorithm

from .feeding import feed_rows, fold_colours

_STREAMS_AREA: Final = 1_000_000  # larger pictures are worked on one by one, by all threads
_REQUESTS_MAX: Final = 4
_RESTING: Final = 0.4  # of what a compiled network takes at work is left while it rests
_INPUT_SHARE: Final = 32  # pixels that are only read cost as much as one the network works on


@dataclass(frozen=True)
class Preparation:
    """How a network wants its pictures: layout, type of numbers, order of colours, crop, mean."""

    layout: str
    kind: ov.Type
    rgb: bool
    margin: int = 0  # cropped off all around after scaling
    mean: tuple[float, ...] = ()


class Network:
    """Weights, as `core` read them, and what was compiled of them.

    `kept_area` are pixels of all compiled sizes, times streams, that are kept; each takes some 150 bytes, and
    those of what rests count for less.
    With `exact` single precision everywhere: processors that would use bfloat16 give other results than those
    that can not, and the same footage must give the same boxes on every machine.
    """

    def __init__(self, core: ov.Core, model: ov.Model, threads: int, *, exact: bool, kept_area: int) -> None:
        self._core, self._model = core, model
        self._threads, self._exact, self._kept_area = threads, exact, kept_area
        self._compiled: OrderedDict[tuple[int, ...], Compiled] = OrderedDict()
        self._folded: bool | None = None  # whether the weights are for BGR; not known before its first use

    @property
    def precision(self) -> str:
        """What numbers this processor works with: f32, bf16 or f16, by what was compiled last."""
        return next(reversed(self._compiled.values())).precision

    def for_pictures(self, size: tuple[int, int], wanted: tuple[int, int], how: Preparation) -> Compiled:
        """Return the network for BGR pictures of `size` (height, width), scaled to `wanted` inside it."""
        key = (*size, *wanted)
        if key not in self._compiled:
            area = wanted[0] * wanted[1] + size[0] * size[1] // _INPUT_SHARE
            if self._folded is None:
                self._folded = how.rgb and fold_colours(self._model)
            prepared = _prepared(self._model.clone(), size, wanted, how, folded=self._folded)
            self._keep(key, prepared, area)
        self._compiled.move_to_end(key)
        compiled = self._compiled[key]
        if compiled.rests:
            self._make_room(compiled.area, but=key)
            compiled.rests = False
        return compiled

    def rest(self) -> None:
        """Put to rest all that was compiled."""
        for compiled in self._compiled.values():
            if not compiled.rests:
                compiled.rest()

    def as_it_is(self) -> Compiled:
        """Return the network for the inputs its file names, all of fixed size or dynamic."""
        if () not in self._compiled:
            self._keep((), self._model, 0)
        self._compiled[()].rests = False
        return self._compiled[()]

    def _keep(self, key: tuple[int, ...], model: ov.Model, area: int) -> None:
        streams = self._threads if area <= _STREAMS_AREA else 1
        self._make_room(area * streams)
        settings: dict[str, Any] = {
            "PERFORMANCE_HINT": "THROUGHPUT" if streams > 1 else "LATENCY",
            "INFERENCE_NUM_THREADS": self._threads,
            "NUM_STREAMS": streams,
            "ENABLE_CPU_PINNING": False,
        }
        if self._exact:
            settings["INFERENCE_PRECISION_HINT"] = "f32"
        self._compiled[key] = Compiled(
            self._core.compile_model(model, "CPU", settings), streams, area * streams
        )

    def _make_room(self, area: int, but: tuple[int, ...] | None = None) -> None:
        """Put to rest, then drop, what was used longest ago, until there is room; never `but` that."""
        others = {key: compiled for key, compiled in self._compiled.items() if key != but}
        working = [compiled for compiled in others.values() if not compiled.rests]
        while others and area + sum(c.cost for c in others.values()) > self._kept_area:
            if working:
                working.pop(0).rest()
            else:
                oldest = next(iter(others))
                del others[oldest], self._compiled[oldest]


def new_core() -> ov.Core:
    """Return what compiles networks; it looks for its parts on the disk."""
    return ov.Core()


class Compiled:
    """A network ready to run, on as many inputs at once as there are threads; `area`: pixels by streams."""

    def __init__(self, compiled: ov.CompiledModel, requests: int, area: int) -> None:
        self._compiled = compiled
        self._requests = [compiled.create_infer_request() for _ in range(min(_REQUESTS_MAX, requests))]
        self.area, self.rests = area, False
        self.precision = str(compiled.get_property("INFERENCE_PRECISION_HINT").get_type_name())
        self.inputs = [sorted(port.get_names()) for port in compiled.inputs]

    @property
    def cost(self) -> float:
        """Return for how many pixels it counts."""
        return self.area * (_RESTING if self.rests else 1)

    def rest(self) -> None:
        """Give back the memory it works in; the next inputs take it anew."""
        self._compiled.release_memory()
        self.rests = True

    def run(self, batches: Iterable[list[NDArray[Any]]]) -> list[list[NDArray[Any]]]:
        """Return the outputs for each list of inputs, in order."""
        return list(self.each(batches))

    def each(self, batches: Iterable[list[NDArray[Any]]]) -> Iterator[list[NDArray[Any]]]:
        """Yield the outputs for each list of inputs, in order.

        While the caller looks at them, or makes the next inputs, those under way are worked on.
        """
        busy: list[ov.InferRequest] = []
        try:
            for inputs in batches:
                outputs = _outputs(busy.pop(0)) if len(busy) == len(self._requests) else None
                request = next(r for r in self._requests if all(r is not b for b in busy))
                request.start_async(
                    {number: ov.Tensor(array, shared_memory=False) for number, array in enumerate(inputs)}
                )
                busy.append(request)
                if outputs is not None:
                    yield outputs
            while busy:
                yield _outputs(busy.pop(0))
        finally:
            for request in busy:  # whoever looks at outputs gave up
                request.wait()


def _prepared(
    model: ov.Model, size: tuple[int, int], wanted: tuple[int, int], how: Preparation, *, folded: bool
) -> ov.Model:
    """Return the model with everything from bytes to its input put before it; `folded`: it takes BGR."""
    sides = [side - 2 * how.margin for side in wanted]
    model.reshape([1, 3, *sides] if how.layout == "NCHW" else [1, *sides, 3])
    plain = how.layout == "NCHW" and not how.margin and not how.mean and how.kind == ov.Type.f32
    if plain and size[1] == wanted[1] and (folded or not how.rgb):
        return feed_rows(model, size, wanted)
    steps = PrePostProcessor(model)
    tensor = steps.input().tensor()
    tensor.set_element_type(ov.Type.u8).set_layout(ov.Layout("NHWC"))
    tensor.set_shape([1, *size, 3]).set_color_format(ColorFormat.BGR)
    steps.input().model().set_layout(ov.Layout(how.layout))
    work = steps.input().preprocess()
    work.convert_element_type(ov.Type.f32)
    if how.rgb and not folded:
        work.convert_color(ColorFormat.RGB)
    if size != wanted:
        work.resize(ResizeAlgorithm.RESIZE_LINEAR, *wanted)
    if how.margin:
        ends = [side - how.margin for side in wanted]
        work.crop([0, how.margin, how.margin, 0], [1, *ends, 3])
    if how.mean:
        work.mean(list(how.mean))
    work.convert_element_type(how.kind)
    return steps.build()


def _outputs(request: ov.InferRequest) -> list[NDArray[Any]]:
    request.wait()
    return [np.array(tensor.data) for tensor in request.output_tensors]
