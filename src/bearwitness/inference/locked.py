"""What the locked worker runs (see sandbox/workshop.py): a table of networks and of what is asked of them."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from bearwitness.sandbox.tasks import Handler
from bearwitness_verify import canonical
from bearwitness_verify.canonical import Json

from . import wire
from .inside import centerface, movenet, opennsfw
from .inside.networks import Network, new_core

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


def _persons(inference: Inference, head: dict[str, Json], arrays: list[wire.Array]) -> list[NDArray[Any]]:
    side, threshold = int(canonical.text(head["side"])), float(canonical.text(head["threshold"]))
    network = inference.networks["movenet-multipose"]
    return list(movenet.detect(network, arrays, side, threshold, tiles=bool(head["tiles"])))


def _sensitive(inference: Inference, _: dict[str, Json], arrays: list[wire.Array]) -> list[NDArray[Any]]:
    return [opennsfw.score(inference.networks["opennsfw"], arrays)]


def _run(inference: Inference, head: dict[str, Json], arrays: list[wire.Array]) -> list[NDArray[Any]]:
    """Run a network as it is, on one or several sets of inputs; answer with the outputs of all in a row."""
    compiled = inference.networks[canonical.text(head["model"])].as_it_is()
    count = len(compiled.inputs)
    sets = [arrays[at : at + count] for at in range(0, len(arrays), count)]
    return [output for outputs in compiled.run(sets) for output in outputs]


ASKS: Final[Mapping[str, Ask]] = {
    "faces": _faces,
    "persons": _persons,
    "sensitive": _sensitive,
    "run": _run,
}
_WARM_SIZE: Final = (64, 64)


def open_inference(arguments: bytes) -> Handler:
    """Load the networks named in the arguments, run each once so that all they need is there, and serve."""
    got = canonical.members(canonical.loads(arguments), "arguments", "exact models threads")
    core = new_core()
    networks = {}
    for each in canonical.array(got["models"]):
        model = canonical.members(each, "a model", "name path sha256")
        weights = Path(canonical.text(model["path"])).read_bytes()
        if hashlib.sha256(weights).hexdigest() != model["sha256"]:
            raise ValueError(f"the weights of {model['name']} are not the pinned ones")
        networks[canonical.text(model["name"])] = Network(
            core, weights, int(canonical.text(got["threads"])), exact=bool(got["exact"])
        )
    inference = Inference(networks)
    _warm_up(inference)
    return inference.answer


def _warm_up(inference: Inference) -> None:
    """Make the libraries load and start what they would else when nothing can be opened any more."""
    pictures = [np.zeros((*_WARM_SIZE, 3), np.uint8)] * 3
    for name, network in inference.networks.items():
        if name == "centerface":
            centerface.detect(network, pictures, [1.0], 0.5)
        elif name == "movenet-multipose":
            movenet.detect(network, pictures, _WARM_SIZE[0], 0.5, tiles=False)
        elif name == "opennsfw":
            opennsfw.score(network, pictures)
        else:
            network.as_it_is()


SERVICES: Mapping[str, Callable[[bytes], Handler]] = {"inference": open_inference}
