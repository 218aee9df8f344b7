"""What the sandbox runs for documents: their text, one page of a PDF into pixels (see sandbox/tasks.py)."""

from __future__ import annotations

import codecs
import importlib
import os
import pkgutil
from collections.abc import Mapping
from typing import Final

import numpy as np
import pypdf
import pypdfium2

from bearwitness.sandbox.tasks import Call, Session, Task
from bearwitness_verify import canonical

from .inside.documents import read_document

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

_DPI: Final = 150
_POINTS: Final = 72
_SIDE_MAX: Final = 6000  # a page of any size people print


def _page(task: Task) -> bytes:
    """Answer with the size and the count of pages as JSON, 0A, and the pixels of a page as BGR."""
    wanted = canonical.members(canonical.loads(task.arguments), "arguments", "page")
    number = canonical.integer(wanted["page"])
    fd = task.files[0]
    document = pypdfium2.PdfDocument(os.pread(fd, os.lseek(fd, 0, os.SEEK_END), 0))
    page = document[number]
    scale = min(_DPI / _POINTS, _SIDE_MAX / max(page.get_size()))
    # With everything that is printed: annotations and filled-in forms are seen by whoever opens it.
    picture = np.ascontiguousarray(page.render(scale=scale, may_draw_forms=True).to_numpy()[:, :, :3])
    height, width = picture.shape[:2]
    head = {"height": str(height), "pages": str(len(document)), "width": str(width)}
    return canonical.dumps(dict(head)) + b"\n" + picture.tobytes()


CALLS: Mapping[str, Call] = {"document": read_document, "page": _page}
SESSIONS: Mapping[str, Session] = {}
