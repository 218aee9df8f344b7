"""Where a file is cut and what is committed of its container, read in the sandbox (docs/format.md, 3).

A container that can not be read, or not within bounds, costs its packets, never its bytes: the file is
then cut every 65,536 bytes, and packets of it can not be shown one by one later.
"""

from __future__ import annotations

from typing import Final

from bearwitness.containers.answer import ANSWER_BYTES_MAX, decode_index
from bearwitness.containers.cutting import Cutting, cut, packet_payloads
from bearwitness.containers.model import ContainerError, Index
from bearwitness.custody import items
from bearwitness.custody.tracks import track_tree
from bearwitness.errors import MalformedError, SandboxError
from bearwitness.sandbox.client import Sandbox
from bearwitness.sandbox.limits import Limits
from bearwitness.vault.indexblob import IndexBlob
from bearwitness_verify.canonical import Json

from .intake import Indexed, UnreadIndexError
from .reading import Reading

FIELD_NAMES: Final = ("decoder", "display", "edits", "extent")
_SECONDS_LEAST: Final = 20
_BYTES_A_SECOND: Final = 100_000_000  # slower than the slowest scan we measured on a slow disk
_MEMORY_BYTES: Final = 1 << 30
_SMALLEST_BYTES: Final = 256
_FIRST_WORDS: Final = frozenset({b"\x1aE\xdf\xa3", b"RIFF", b"RF64", b"BW64"})
_SECOND_WORDS: Final = frozenset(
    {b"ftyp", b"moov", b"mdat", b"wide", b"free", b"skip", b"pnot", b"moof", b"styp", b"sidx"}
)


def looks_indexed(head: memoryview) -> bool:
    """Say whether a file that begins so may be a container read here; only then is a child asked."""
    first = bytes(head[:8])
    if first[4:] in _SECOND_WORDS or first[:4] in _FIRST_WORDS:
        return True
    if first[:1] == b"G" and bytes(head[0:565:188]) == b"GGGG":
        return True
    return first[4:5] == b"G" and bytes(head[4:581:192]) == b"GGGG"


class ContainerIndexer:
    """Asks a locked child for the index of a file that has a descriptor."""

    def __init__(self, sandbox: Sandbox) -> None:
        self._sandbox = sandbox

    def __call__(self, reading: Reading, size: int, head: memoryview) -> Indexed | None:
        """Return segments and track table of the file, None where it is cut in plain blocks."""
        if not looks_indexed(head):
            return None
        file = reading.descriptor()
        if file is None:
            return indexed(reading.untrusted_index(), size)
        if size < _SMALLEST_BYTES:
            return None
        seconds = _SECONDS_LEAST + size // _BYTES_A_SECOND
        limits = Limits(seconds, float(2 * seconds), _MEMORY_BYTES, ANSWER_BYTES_MAX)
        try:
            untrusted = self._sandbox.call("index", b"", [file], limits)
        except SandboxError as error:
            raise UnreadIndexError(str(error)) from None
        return indexed(untrusted, size)


def indexed(untrusted: bytes | None, size: int) -> Indexed | None:
    """Return what a child's answer gives for a file of `size` bytes, None for a container not read here.

    Raises UnreadIndexError with the reason where the index is damaged.
    """
    if untrusted is None:
        return None
    try:
        index = decode_index(untrusted, size)
    except (ContainerError, MalformedError) as error:
        raise UnreadIndexError(str(error)) from None
    cutting = cut(index, size) if index else None
    if index is None or cutting is None:
        return None
    return Indexed(cutting.lengths, _Table(index, cutting).commit)


class _Table:
    """The track table of one file."""

    def __init__(self, index: Index, cutting: Cutting) -> None:
        self._index, self._cutting = index, cutting

    def commit(self, first: int, item_secret: bytes) -> tuple[str, bytes]:
        """Return the text of the `tracks` field and the index blob; `first` is the place of segment 0."""
        packets = packet_payloads(self._index, self._cutting, first)
        fields: list[Json] = [
            {"name": name, "track": str(track.number), "value": track.fields[name]}
            for track in self._index.tracks
            for name in FIELD_NAMES
        ]
        tree = track_tree(item_secret, fields, packets)
        blob = IndexBlob(self._index.container, self._cutting.lengths, fields, packets)
        return items.tree_text("packet", tree.height, tree.root()), blob.encode()
