"""What the sandbox runs of this package (see sandbox/tasks.py). Imported by the zygote, never by a parent."""

from __future__ import annotations

import codecs
import importlib
import pkgutil
from collections.abc import Mapping
from typing import Final

import pypdf

import bearwitness.media.locked  # loads what PyAV would load later  # noqa: F401
from bearwitness.media.inside.tagging import read_metadata
from bearwitness.sandbox.tasks import Call, Session

from .inside.documents import read_document
from .inside.salvage import salvage

# Python loads these when they are met first, and in the child that can not be later.
_CODECS: Final = """
    ascii latin-1 utf-8 utf-8-sig utf-16 utf-16-le utf-16-be utf-32 utf-32-be utf-32-le cp1251 cp1252 koi8-r
    cp866 mac_roman mac_cyrillic charmap unicode_escape gbk big5 shift_jis euc_jp euc_kr raw_unicode_escape
    hex cp437
""".split()
for _module in pkgutil.walk_packages(pypdf.__path__, "pypdf."):
    if not _module.name.startswith(
        "pypdf._crypt_providers."
    ):  # one of them is chosen, the others are not there
        importlib.import_module(_module.name)
for _name in _CODECS:
    codecs.lookup(_name)

CALLS: Mapping[str, Call] = {"document": read_document, "metadata": read_metadata, "salvage": salvage}
SESSIONS: Mapping[str, Session] = {}
