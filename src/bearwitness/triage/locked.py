"""What the sandbox runs of this package (see sandbox/tasks.py). Imported by the zygote, never by a parent."""

from __future__ import annotations

from collections.abc import Mapping

import bearwitness.media.locked  # loads what PyAV would load later  # noqa: F401
from bearwitness.media.inside.tagging import read_metadata
from bearwitness.sandbox.tasks import Call, Session

from .inside.salvage import salvage

CALLS: Mapping[str, Call] = {"metadata": read_metadata, "salvage": salvage}
SESSIONS: Mapping[str, Session] = {}
