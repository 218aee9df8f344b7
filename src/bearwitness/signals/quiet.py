"""Libraries that would phone home, imported so that they can not.

`import openvino` reports its use where the package openvino-telemetry is installed (pip brings it along):
seen under strace, a thread looks up a host name and a file appears in ~/intel. With that package out of reach
OpenVINO falls back to an empty stand-in of its own.
"""

from __future__ import annotations

import os
import sys
from types import ModuleType
from typing import Any

from bearwitness.errors import RefusedError

_DOWNLOADER = "huggingface_hub"
_EMPTY = ModuleType(_DOWNLOADER)


def openvino() -> Any:
    """Return the module openvino, imported without its telemetry.

    Raises RefusedError if something else imported the telemetry before.
    """
    if sys.modules.get("openvino_telemetry") is not None:
        raise RefusedError(
            "OpenVINO's telemetry is loaded in this process, so nothing is run with it",
            "import bearwitness.signals.quiet before openvino, or: pip uninstall openvino-telemetry",
        )
    sys.modules["openvino_telemetry"] = None  # type: ignore[assignment]  # makes its import fail
    import openvino as silent

    return silent


def whisper() -> Any:
    """Return the module faster_whisper, imported with an empty module in the place of its downloader.

    It imports huggingface_hub to fetch models by name; models here come as bytes, and what is not there can
    not be called. Raises RefusedError if something else imported the downloader before.
    """
    hush()
    there = sys.modules.get(_DOWNLOADER)
    if there is not None and there is not _EMPTY:
        raise RefusedError(
            "a downloader of models is loaded in this process, so no transcript is made with it",
            "import bearwitness.signals.quiet before huggingface_hub, or: pip uninstall huggingface-hub",
        )
    sys.modules[_DOWNLOADER] = _EMPTY
    import faster_whisper as silent

    return silent


def hush() -> None:
    """Set what keeps ONNX Runtime and the Hugging Face client from calling out, should they be there."""
    os.environ["HF_HUB_OFFLINE"] = "1"
    os.environ["HF_HUB_DISABLE_TELEMETRY"] = "1"
    os.environ["ORT_DISABLE_TELEMETRY"] = "1"
