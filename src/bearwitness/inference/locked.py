"""What the locked worker runs (see sandbox/workshop.py): a table of networks and of what is asked of them."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np
import openvino as ov
from numpy.typing import NDArray

from bearwitness.sandbox.tasks import Handler
from bearwitness_verify import canonical
from bearwitness_verify.canonical import Json

from . import wire
from .inside import centerface
from .inside.networks import Network

Ask = Callable[["Inference", dict[str, Json], list[wire.Array]], list[NDArray[Any]]]


class Inference:
    """The networks of one worker."""

    def __init__(self, networks: dict[str, Network]) -> None:
        self.networks = networks

    def answer(self, question: bytes) -> bytearray:
        """Answer one question of the parent."""
        head, arrays = wire.decode(question)
        return wire.encode({}, ASKS[canonical.text(head["ask"])](self, head, arrays))


def _faces(inference: Inference, head: dict[str, Json], arrays: list[wire.Array]) -> list[NDArray[Any]]:
    scales = [float(canonical.text(scale)) for scale in canonical.array(head["scales"])]
    threshold = float(canonical.text(head["threshold"]))
    return list(centerface.detect(inference.networks["centerface"], arrays, scales, threshold))


ASKS: Final[Mapping[str, Ask]] = {"faces": _faces}
_WARM_SIZE: Final = (64, 64)


def open_inference(arguments: bytes) -> Handler:
    """Load the networks named in the arguments, run each once so that all they need is there, and serve."""
    got = canonical.members(canonical.loads(arguments), "arguments", "models threads")
    core = ov.Core()
    networks = {}
    for each in canonical.array(got["models"]):
        model = canonical.members(each, "a model", "name path sha256")
        weights = Path(canonical.text(model["path"])).read_bytes()
        if hashlib.sha256(weights).hexdigest() != model["sha256"]:
            raise ValueError(f"the weights of {model['name']} are not the pinned ones")
        networks[canonical.text(model["name"])] = Network(core, weights, int(canonical.text(got["threads"])))
    inference = Inference(networks)
    _warm_up(inference)
    return inference.answer


def _warm_up(inference: Inference) -> None:
    """Make the libraries load and start what they would else when nothing can be opened any more."""
    picture = np.zeros((*_WARM_SIZE, 3), np.uint8)
    if "centerface" in inference.networks:
        centerface.detect(inference.networks["centerface"], [picture, picture, picture], [1.0], 0.5)


SERVICES: Mapping[str, Callable[[bytes], Handler]] = {"inference": open_inference}
