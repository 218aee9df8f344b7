"""Text of documents for the search: PDF, Office, OpenDocument, HTML, RTF, plain. Parsed in the sandbox."""

from __future__ import annotations

from typing import Any

from bearwitness.errors import ChildFailedError
from bearwitness.media import documents

from .analyser import DOCUMENT, Analyser, Analysis, Bytes, Fact, Material, Result, Text


class Documents(Analyser):
    """What stands in documents."""

    name = "document"
    version = "1"
    kinds = frozenset({DOCUMENT})
    wants = (Bytes(),)
    sandboxes = (documents.TASKS,)

    def begin(self, material: Material) -> Analysis:
        """Begin with an item."""
        return _Document(material)


class _Document(Analysis):
    def __init__(self, material: Material) -> None:
        self._material = material

    def finish(self) -> Result:
        told = documents.read(self._material.sandbox(documents.TASKS), self._material.source)
        text = told.text
        if told.trouble and not text.strip():
            raise ChildFailedError(f"no text could be read: {told.trouble}")
        details: dict[str, Any] = {
            "format": told.format,
            "pages": told.pages,
            "cut": told.cut,
            "encrypted": told.encrypted,
            "trouble": told.trouble,
        }
        facts = [Fact("format", details["format"]), Fact("characters", len(text))]
        return Result(facts=facts, texts=[Text("document", text)] if text.strip() else [], details=details)
