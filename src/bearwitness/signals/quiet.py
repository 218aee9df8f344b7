"""Libraries that would phone home, imported so that they can not.

`import openvino` reports its use where the package openvino-telemetry is installed (pip brings it along):
seen under strace, a thread looks up a host name and a file appears in ~/intel. With that package out of reach
OpenVINO falls back to an empty stand-in of its own.
"""

from __future__ import annotations

import os
import sys
from typing import Any

from bearwitness.errors import RefusedError


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


def hush() -> None:
    """Set what keeps ONNX Runtime and the Hugging Face client, which faster-whisper imports, from calling
    out.
    """
    os.environ["HF_HUB_OFFLINE"] = "1"
    os.environ["HF_HUB_DISABLE_TELEMETRY"] = "1"
    os.environ["ORT_DISABLE_TELEMETRY"] = "1"
