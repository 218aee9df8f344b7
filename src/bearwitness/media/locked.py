"""What the sandbox runs of this package (see sandbox/tasks.py). Imported by the zygote, never by a parent."""

from __future__ import annotations

import codecs
import importlib
import pkgutil
from collections.abc import Mapping
from typing import Final

import av
import av.logging

from bearwitness.sandbox.tasks import Call, Session

from .inside.frames import open_frames
from .inside.packing import open_packets
from .inside.picturing import still
from .inside.planes import planes
from .inside.probing import probe
from .inside.sounding import open_sound
from .inside.tagging import read_metadata
from .inside.tracing import read_traces

for _codec in ("unicode_escape", "latin-1", "ascii", "utf-16", "utf-16-le", "utf-16-be", "cp437", "cp1252"):
    codecs.lookup(_codec)
_NOT_NEEDED: Final = ("av.__main__", "av.datasets")
# PyAV loads its parts when it meets a stream that needs them, and here that can not be later.
for _module in pkgutil.walk_packages(av.__path__, "av."):
    if _module.name not in _NOT_NEEDED:
        importlib.import_module(_module.name)

codecs.lookup("unicode_escape")  # loaded here, for in the sandbox it can not be
av.logging.set_level(None)  # nobody reads it, and formatting what a hostile file says is a risk for nothing
CALLS: Mapping[str, Call] = {
    "metadata": read_metadata,
    "planes": planes,
    "probe": probe,
    "still": still,
    "traces": read_traces,
}
SESSIONS: Mapping[str, Session] = {"frames": open_frames, "packets": open_packets, "sound": open_sound}
