"""Text of documents for the search: PDF, Office, OpenDocument, HTML, RTF, plain. Parsed in the sandbox."""

from __future__ import annotations

from typing import Final

from bearwitness.errors import ChildFailedError
from bearwitness.sandbox.limits import Limits

from .analyser import DOCUMENT, Analyser, Analysis, Bytes, Fact, Material, Result, Text
from .answers import plain_text, read_answer

TASKS: Final = "bearwitness.triage.locked"
_LIMITS: Final = Limits(cpu_seconds=120, wall_seconds=180, memory_bytes=1 << 30, answer_bytes_max=32 << 20)
_SHAPE: Final = {"format": str, "text": str, "pages": int, "cut": bool, "encrypted": bool, "trouble": str}


class Documents(Analyser):
    """What stands in documents."""

    name = "document"
    version = "1"
    kinds = frozenset({DOCUMENT})
    wants = (Bytes(),)
    sandboxes = (TASKS,)

    def begin(self, material: Material) -> Analysis:
        """Begin with an item."""
        return _Document(material)


class _Document(Analysis):
    def __init__(self, material: Material) -> None:
        self._material = material

    def finish(self) -> Result:
        files, ranges = self._material.source.handed()
        answer = self._material.sandbox(TASKS).call("document", b"", files, _LIMITS, ranges)
        told = read_answer(answer, _SHAPE, "the reader of documents")
        text = plain_text(told["text"])
        if told["trouble"] and not text.strip():
            raise ChildFailedError(f"no text could be read: {plain_text(told['trouble'])}")
        details = {
            "format": plain_text(told["format"]),
            "pages": told["pages"],
            "cut": told["cut"],
            "encrypted": told["encrypted"],
            "trouble": plain_text(told["trouble"]),
        }
        facts = [Fact("format", details["format"]), Fact("characters", len(text))]
        return Result(facts=facts, texts=[Text("document", text)] if text.strip() else [], details=details)
