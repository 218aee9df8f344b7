"""Pictures and documents: every page decoded to pixels, covered, and written anew from pixels alone.

What is not a pixel does not come over: metadata, thumbnails, layers, text under a black box. A document
becomes a document of pictures.
"""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from typing import ClassVar, Final

import numpy as np
from PIL import Image

from bearwitness.errors import RefusedError
from bearwitness.media import documents
from bearwitness.media.model import BGR24, Frame
from bearwitness.media.model import Picture as Pixels
from bearwitness.media.source import Source
from bearwitness.media.stills import Still, still
from bearwitness.sandbox.client import Sandbox

from . import tiff
from .filling import grid, grid_inside
from .geometry import Box, clipped
from .plan import Picture, Plan

PAGES_MAX: Final = 500
_JPEG_QUALITY: Final = 92
_POINTS: Final = 72


@dataclass(frozen=True)
class Stills:
    """An open picture file or PDF; its pages are frames with the times 0, 1, 2 …"""

    sandbox: Sandbox
    source: Source
    apart: ClassVar[bool] = True

    @property
    def name(self) -> str:
        """What messages call it."""
        return self.source.name

    @cached_property
    def pages(self) -> tuple[Pixels, ...]:
        """All pages, upright, BGR; raise MediaError for what is none, RefusedError for too many."""
        if documents.is_pdf(self.source):
            return documents.pages(self.source, PAGES_MAX)
        first = self._first
        if self._side_pictures:
            return (first.picture,)
        if first.frames > PAGES_MAX:
            raise RefusedError(f"{self.name} has {first.frames} pages, more than are redacted at once")
        rest = (self._page(number) for number in range(1, first.frames))
        return (first.picture, *(one.picture for one in rest))

    @cached_property
    def _first(self) -> Still:
        return self._page(0)

    def _page(self, number: int) -> Still:
        """Return a page as people see it: what was erased stays so, though its colours may still be there."""
        return still(self.sandbox, self.source, upright=True, frame=number, ground="white")

    @property
    def _side_pictures(self) -> int:
        """How many more pictures a JPEG carries beside the one it shows: previews, depth, brightness."""
        return self._first.frames - 1 if self._first.kind == "JPEG" else 0

    @property
    def left_out(self) -> list[str]:
        """What else the file holds, in words: none of it is carried over."""
        if documents.is_pdf(self.source) or not self._side_pictures:
            return []
        return [f"{self._side_pictures} further picture(s) beside the one that is shown"]

    @property
    def picture(self) -> Picture:
        """The size that holds every page."""
        return Picture(
            max(page.shape[1] for page in self.pages), max(page.shape[0] for page in self.pages), Fraction(1)
        )

    def frames(
        self,
        pixel: str = BGR24,
        *,
        upright: bool = False,
        start: Fraction | None = None,
        end: Fraction | None = None,
    ) -> Iterator[Frame]:
        """Yield the pages as frames; they are upright already."""
        if pixel != BGR24:
            raise ValueError("pages are BGR")
        for number, page in enumerate(self.pages):
            if (start is None or number >= start) and (end is None or number < end):
                height, width = page.shape[:2]
                yield Frame(number, number, Fraction(number), True, 0, width, height, page)  # noqa: FBT003


def covered_pages(stills: Stills, plan: Plan) -> list[Pixels]:
    """Return the pages with everything hidden that the plan hides, filled solidly; raise RefusedError."""
    if plan.fill != "solid":
        raise RefusedError(f"pictures are filled solidly, not with {plan.fill}", "leave --fill out")
    if plan.times != tuple(range(len(stills.pages))):
        raise RefusedError("the plan knows other pages than the file has")
    hidden, windows = plan.hidden(), plan.windows()
    out = []
    for number, page in enumerate(stills.pages):
        height, width = page.shape[:2]
        own = np.zeros_like(page) if plan.inverted else page.copy()
        for window in windows.get(number, []):
            if (inner := grid_inside(window, width, height)) is not None:
                own[_part(inner)] = page[_part(inner)]
        for box in hidden.get(number, []):
            if (outer := grid(box, width, height)) is not None:
                own[_part(outer)] = 0
        out.append(own)
    return out


def _part(box: Box) -> tuple[slice, slice]:
    return slice(box.y, box.bottom), slice(box.x, box.right)


def write(pages: Sequence[Pixels], kind: str) -> bytes:
    """Return a file of pages; raise RefusedError for several pages where the kind has one."""
    if kind == "tiff":
        return tiff.write(pages)
    images = [Image.fromarray(np.ascontiguousarray(page[:, :, ::-1])) for page in pages]
    if kind in ("jpeg", "png") and len(images) > 1:
        raise RefusedError(f"it has {len(images)} pages and a {kind.upper()} one", "choose .tiff or .pdf")
    if kind == "pdf":
        printed = [(_saved(image, "jpeg"), image.width, image.height) for image in images]
        return documents.write(printed, documents.DPI)
    return _saved(images[0], kind)


def _saved(image: Image.Image, kind: str) -> bytes:
    sink = io.BytesIO()
    if kind == "jpeg":
        # Colours at full size: else a covered block would share its colour with what lies beside it.
        image.save(sink, "JPEG", quality=_JPEG_QUALITY, subsampling=0)
    else:
        image.save(sink, "PNG")
    return sink.getvalue()


def on_page(box: Box, page: Pixels) -> Box | None:
    """Return the part of a box that is on a page."""
    return clipped(box, page.shape[1], page.shape[0])
