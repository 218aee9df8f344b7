"""What the locked worker runs (see sandbox/workshop.py): a table of networks and of what is asked of them."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from bearwitness.sandbox.tasks import Handler, Opening
from bearwitness.signals import whispering
from bearwitness.signals.speech import SpeechNetwork
from bearwitness.signals.text import TextFinder, TextReader
from bearwitness_verify import canonical
from bearwitness_verify.canonical import Json

from . import wire
from .inside import centerface, faceprinting, listening, movenet, opennsfw
from .inside.networks import Network, new_core
from .models import WHISPER, whisper_files
from .voices import MODEL as VOICES

Ask = Callable[["Inference", dict[str, Json], list[wire.Array]], list[NDArray[Any]]]


class Inference:
    """The networks of one worker, and the `tools` that run networks of their own, both by name."""

    def __init__(
        self, networks: dict[str, Network], tools: dict[str, Any], inbox: memoryview | None = None
    ) -> None:
        self.networks, self.tools, self._inbox = networks, tools, inbox

    def answer(self, question: bytes) -> bytearray:
        """Answer one question of the parent."""
        head, arrays = wire.decode(question, self._inbox)
        return wire.encode({}, ASKS[canonical.text(head["ask"])](self, head, arrays))


def _faces(inference: Inference, head: dict[str, Json], arrays: list[wire.Array]) -> list[NDArray[Any]]:
    scales = [float(canonical.text(scale)) for scale in canonical.array(head["scales"])]
    threshold = float(canonical.text(head["threshold"]))
    return list(centerface.detect(inference.networks["centerface"], arrays, scales, threshold))


def _faces_by_view(
    inference: Inference, head: dict[str, Json], arrays: list[wire.Array]
) -> list[NDArray[Any]]:
    """Answer with the faces of all pictures of the first view, then of the next."""
    threshold = float(canonical.text(head["threshold"]))
    found: list[NDArray[Any]] = []
    for each in canonical.array(head["views"]):
        told = canonical.members(each, "a view", "mirrored scale turned")
        scale, mirrored = float(canonical.text(told["scale"])), told["mirrored"] is True
        quarters = int(canonical.text(told["turned"]))
        shown = [centerface.mirrored(array) for array in arrays] if mirrored else arrays
        shown = [centerface.turned(array, quarters) for array in shown] if quarters else shown
        rows = centerface.detect(inference.networks["centerface"], shown, [scale], threshold)
        for row, array in zip(rows, arrays, strict=True):
            upright = centerface.turned_back(row, quarters, array.shape) if quarters else row
            found.append(centerface.mirrored_back(upright, array.shape[1]) if mirrored else upright)
    return found


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


def _precision(inference: Inference, head: dict[str, Json], _: list[wire.Array]) -> list[NDArray[Any]]:
    """Answer with the name of the numbers a network works with, as bytes."""
    told = inference.networks[canonical.text(head["model"])].precision
    return [np.frombuffer(told.encode(), np.uint8)]


def _find_text(inference: Inference, _: dict[str, Json], arrays: list[wire.Array]) -> list[NDArray[Any]]:
    return listening.find_text(inference.tools["ocr-find"], arrays)


def _read_text(inference: Inference, _: dict[str, Json], arrays: list[wire.Array]) -> list[NDArray[Any]]:
    return listening.read_text(inference.tools["ocr-read"], arrays)


def _hear_speech(inference: Inference, _: dict[str, Json], arrays: list[wire.Array]) -> list[NDArray[Any]]:
    return listening.hear_speech(inference.tools["silero-vad"], arrays)


def _write_down(inference: Inference, head: dict[str, Json], arrays: list[wire.Array]) -> list[NDArray[Any]]:
    (samples,) = arrays
    return listening.write_down(inference.tools[_TRANSCRIBER], samples, canonical.text(head["language"]))


def _print_faces(inference: Inference, _: dict[str, Json], arrays: list[wire.Array]) -> list[NDArray[Any]]:
    picture, boxes = arrays
    return [inference.tools[_FACE_PRINTER].prints(picture, boxes)]


def _whisper(_: Inference, __: dict[str, Json], arrays: list[wire.Array]) -> list[NDArray[Any]]:
    samples, secret = arrays
    return [whispering.whisper(samples, whispering.chance(secret.tobytes()))]


def _rest(inference: Inference, _: dict[str, Json], __: list[wire.Array]) -> list[NDArray[Any]]:
    for network in inference.networks.values():
        network.rest()
    for tool in inference.tools.values():
        if isinstance(tool, TextFinder | TextReader):
            tool.rest()
    return []


_FACE_PRINTER: Final = "faceprints"
_FACE_MODELS: Final = ("face-landmarks", "face-print")
_TRANSCRIBER: Final = "whisper-base"
_TOOLS: Final[Mapping[str, Callable[[bytes], Any]]] = {
    "ocr-find": TextFinder,
    "ocr-read": TextReader,
    "silero-vad": SpeechNetwork,
}
ASKS: Final[Mapping[str, Ask]] = {
    "faces": _faces,
    "faces by view": _faces_by_view,
    "persons": _persons,
    "sensitive": _sensitive,
    "find text": _find_text,
    "read text": _read_text,
    "hear speech": _hear_speech,
    "write down": _write_down,
    "print faces": _print_faces,
    "whisper": _whisper,
    "run": _run,
    "precision": _precision,
    "rest": _rest,
}
_WARM_SIZE: Final = (64, 64)
_OF_PICTURES: Final = ("centerface", "movenet-multipose", "opennsfw")


def open_inference(opening: Opening) -> Handler:
    """Load the networks named in the arguments, run what they need to be there before the lock, and serve.

    What can be done before the hint tells how many processors there are for it is done before.
    """
    got = canonical.members(canonical.loads(opening.arguments), "arguments", "exact kept_area models")
    kept_area = int(canonical.text(got["kept_area"]))
    core, parts = new_core(), _read(got["models"])
    tools: dict[str, Any] = {name: _TOOLS[name](parts.pop(name)) for name in _TOOLS if name in parts}
    if all(name in parts for name in _FACE_MODELS):
        landmarks, network = (parts.pop(name) for name in _FACE_MODELS)
        tools[_FACE_PRINTER] = faceprinting.FacePrinter(landmarks, network)
    whisper: dict[str, bytes] = {name: parts.pop(name) for name in WHISPER if name in parts}
    read = {name: core.read_model(parts[name]) for name in parts}  # finding a reader for it opens files
    told = canonical.members(canonical.loads(opening.hint()), "a hint", "expected threads")
    threads, exact = int(canonical.text(told["threads"])), bool(got["exact"])
    networks = {
        name: Network(core, model, threads, exact=exact, kept_area=kept_area) for name, model in read.items()
    }
    if whisper:
        tools[_TRANSCRIBER] = listening.warm_transcriber(whisper_files(whisper), threads)
    inference = Inference(networks, tools, opening.inbox)
    _warm_up(inference, told["expected"])
    return inference.answer


def _read(models: Json) -> dict[str, bytes]:
    """Return the weights listed, by name, if they are the pinned ones."""
    weights = {}
    for each in canonical.array(models):
        model = canonical.members(each, "a model", "name path sha256")
        name, data = canonical.text(model["name"]), Path(canonical.text(model["path"])).read_bytes()
        if hashlib.sha256(data).hexdigest() != model["sha256"]:
            raise ValueError(f"the weights of {name} are not the pinned ones")
        weights[name] = data
    return weights


def _warm_up(inference: Inference, expected: Json) -> None:
    """Make the libraries load and start what they would else when nothing can be opened any more.

    One network for pictures that was compiled and run has loaded what all need; the others are compiled when
    they are first asked, and cost nothing where they are not. The `hint` is of which size pictures will be,
    and how much larger the network for faces sees them.
    """
    pictures = [np.zeros((*_WARM_SIZE, 3), np.uint8)] * 3
    size, scale = _WARM_SIZE, 1.0
    if expected is not None:
        told = canonical.members(expected, "what is expected", "height scale width")
        size = int(canonical.text(told["height"])), int(canonical.text(told["width"]))
        scale = float(canonical.text(told["scale"]))
    if not any(name in inference.networks for name in _OF_PICTURES):
        for tool in inference.tools.values():
            listening.warm_up(tool)
    elif any(isinstance(tool, TextFinder | TextReader) for tool in inference.tools.values()):
        import cv2  # what finds and reads text imports it late  # noqa: F401
    warm = next((name for name in _OF_PICTURES if name in inference.networks), "")
    for name, network in inference.networks.items():
        if name in _OF_PICTURES and name != warm:
            continue
        if name == "centerface":
            # One for each thread is enough, for these may be large.
            centerface.detect(network, [np.zeros((*size, 3), np.uint8)] * 2, [scale], 0.5)
        elif name == "movenet-multipose":
            movenet.detect(network, pictures, _WARM_SIZE[0], 0.5, tiles=False)
        elif name == "opennsfw":
            opennsfw.score(network, pictures)
        else:
            network.as_it_is()
        if name == VOICES:
            whispering.whisper(np.zeros(whispering.RATE, np.float32), whispering.chance(bytes(32)))


SERVICES: Mapping[str, Callable[[Opening], Handler]] = {"inference": open_inference}
