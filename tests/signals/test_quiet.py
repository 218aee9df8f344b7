"""Loading and running the models looks up no name, opens no connection, writes no file."""

from __future__ import annotations

import subprocess
import sys

import pytest

from bearwitness.inference.models import ModelError, model

_LOAD = """
import sys, threading, numpy as np
seen = []
def hook(event, args):
    if event in {"socket.connect", "socket.getaddrinfo", "socket.sendto", "socket.bind"}:
        seen.append((event, args[:2]))
    writes = isinstance(args[1], str) and set(args[1]) & set("wax+") if event == "open" else False
    if writes and "dev/null" not in str(args[0]):
        seen.append((event, args[0]))
sys.dont_write_bytecode = True
sys.addaudithook(hook)
from bearwitness.inference.models import model
from bearwitness.signals.quiet import hush
from bearwitness.signals.text import TextReader
hush()
TextReader(model("ocr-read").load()).read(np.zeros((20, 100), np.uint8))
for thread in threading.enumerate():
    if thread is not threading.main_thread():
        thread.join(10)
print(seen, "openvino_telemetry" in sys.modules and sys.modules["openvino_telemetry"] is None)
"""


def test_running_a_model_calls_nobody_and_writes_nothing() -> None:
    try:
        model("ocr-read").load()
    except ModelError as error:
        pytest.skip(str(error))
    done = subprocess.run(
        [sys.executable, "-c", _LOAD], capture_output=True, text=True, check=False, timeout=120
    )
    assert done.stdout.strip() == "[] True", done.stderr


def test_a_process_in_which_the_telemetry_is_loaded_already_is_refused() -> None:
    script = (
        "import sys, types; sys.modules['openvino_telemetry'] = types.ModuleType('openvino_telemetry')\n"
        "from bearwitness.signals.quiet import openvino\nopenvino()"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=False, timeout=60
    )
    assert "OpenVINO's telemetry is loaded" in done.stderr


def test_whisper_is_imported_without_its_downloader_and_refused_with_it() -> None:
    script = (
        "import sys, types\nfrom bearwitness.signals.quiet import whisper\n"
        "if len(sys.argv) > 1:\n    sys.modules['huggingface_hub'] = types.ModuleType('huggingface_hub')\n"
        "print(vars(whisper().utils.huggingface_hub).get('snapshot_download'))"
    )
    pytest.importorskip("ctranslate2", reason="ctranslate2 is not installed")
    quiet, loud = (
        subprocess.run(
            [sys.executable, "-c", script, *more], capture_output=True, text=True, check=False, timeout=120
        )
        for more in ([], ["loaded"])
    )
    assert quiet.stdout.strip() == "None", quiet.stderr
    assert "a downloader of models is loaded" in loud.stderr
