"""What footage holds beside pictures and sound that FFmpeg passes over: boxes of MP4, chunks of AVI and WAV.

Makers put serial numbers, places and pictures into boxes and chunks of their own. Of other containers nothing
is looked at here.
"""

from __future__ import annotations

from typing import Final

from .opening import Bytes

_NAMES_MAX: Final = 20
_BYTES_MAX: Final = 256 << 20
_BOXES_MAX: Final = 100_000  # a stream in fragments has some for each second
_EMPTY: Final = frozenset({"free", "skip", "wide"})
_TEXTS: Final = "nam ART alb cmt cpy day dir enc gen grp lyr mak mod prd swr too wrt xyz"
# What makes a file play, and the texts that FFmpeg was seen to hand on as metadata; of tracks no further.
_KNOWN: Final = {
    "": frozenset("ftyp styp moov mdat moof mfra sidx ssix prft pdin meta udta".split()),
    "moov": frozenset("mvhd iods trak mvex meta udta".split()),
    "trak": frozenset("tkhd edts tref mdia tapt load clip matt meta udta".split()),
    "meta": frozenset("hdlr keys ilst".split()),
    "udta": frozenset(
        "meta name cprt FIRM manu modl".split()
        + [
            f"\u00a9{name}"
            for name in f"{_TEXTS} aut com dis fmt inf ope PRD prf req src trk url wrn".split()
        ]
    ),
    "ilst": frozenset(
        "---- aART apID catg covr cpil cprt desc disk gnre hdvd keyw ldes pgap purd rtng soaa soal soar soco "
        "sonm sosn stik tmpo trkn tven tvnn tves tvsh".split()
        + [f"\u00a9{name}" for name in f"{_TEXTS} st3".split()]
    ),
}
_INDEX_HEAD_BYTES: Final = 24
_PADDING: Final = frozenset({"JUNK", "PAD ", "FLLR"})
# The same of chunks, lists by their kind.
_KNOWN_CHUNKS: Final = {
    "": frozenset({"RIFF AVI ", "RIFF AVIX", "RIFF WAVE"}),
    "RIFF AVI ": frozenset({"LIST hdrl", "LIST movi", "LIST INFO", "idx1"}),
    "RIFF AVIX": frozenset({"LIST movi", "idx1"}),
    "RIFF WAVE": frozenset({"fmt ", "fact", "data", "LIST INFO", "bext"}),
    "LIST hdrl": frozenset({"avih", "LIST strl", "LIST odml", "IDIT"}),
    "LIST strl": frozenset({"strh", "strf", "strn", "indx", "vprp"}),
    "LIST odml": frozenset({"dmlh"}),
}


def unread_of(source: Bytes, form: str) -> list[str]:
    """Return the names of what is left unread in footage; `form`: as FFmpeg calls the container."""
    found: list[str] = []
    try:
        if "mov" in form.split(","):
            _walk(source, 0, source.size, "", found)
        elif form in ("avi", "wav"):
            _walk_chunks(source, 0, source.size, "", found)
    except _OddError:
        found.append("structure")
    names = list(dict.fromkeys(found))
    return [*names[:_NAMES_MAX], *(["and more"] if len(names) > _NAMES_MAX else [])]


class _OddError(Exception):
    """Boxes that can not be followed."""


def _walk(source: Bytes, at: int, end: int, parent: str, found: list[str]) -> None:
    for _ in range(_BOXES_MAX):
        head = source.pread(at, min(16, end - at))
        if not head[:8].strip(b"\0"):  # the end, or what fills up to it
            if source.pread(at, min(end - at, _BYTES_MAX)).strip(b"\0"):
                raise _OddError
            return
        size, kind, begin = int.from_bytes(head[:4], "big"), head[4:8].decode("latin-1"), 8
        if size == 1:
            size, begin = int.from_bytes(head[8:16], "big"), 16
        size = end - at if size == 0 and not parent else size
        if len(head) < 8 or size < begin or at + size > end:
            raise _OddError
        if kind in _EMPTY:
            if source.pread(at + begin, min(size - begin, _BYTES_MAX)).strip(b"\0"):
                found.append(f"box {kind}")
        elif parent == "ilst" and head[4:6] == b"\0\0":
            pass  # by the number of its name among the keys
        elif kind not in _KNOWN[parent]:
            found.append(f"box {kind.encode('ascii', 'backslashreplace').decode()}")
        elif kind in _KNOWN:
            skipped = 4 if kind == "meta" and source.pread(at + begin + 4, 4) != b"hdlr" else 0
            _walk(source, at + begin + skipped, at + size, kind, found)
        at += size
    raise _OddError


def _walk_chunks(source: Bytes, at: int, end: int, parent: str, found: list[str]) -> None:
    for _ in range(_BOXES_MAX):
        head = source.pread(at, min(12, max(0, end - at)))
        if not head.strip(b"\0"):
            return
        kind, size = head[:4].decode("latin-1"), int.from_bytes(head[4:8], "little")
        if kind in ("RIFF", "LIST"):
            kind += " " + head[8:].decode("latin-1")
        if len(head) < 8 or at + 8 + size > end:
            raise _OddError
        if kind in _PADDING:
            if not _is_padding(source.pread(at + 8, min(size, _BYTES_MAX))):
                found.append(f"chunk {kind}".strip())
        elif kind not in _KNOWN_CHUNKS[parent]:
            found.append(f"chunk {kind.encode('ascii', 'backslashreplace').decode()}".strip())
        elif kind in _KNOWN_CHUNKS:
            _walk_chunks(source, at + 12, at + 8 + size, kind, found)
        at += 8 + size + size % 2
    raise _OddError


def _is_padding(body: bytes) -> bool:
    """Say whether there is nothing in it but the head of an index, for which FFmpeg keeps room in AVI."""
    head, rest = body[:_INDEX_HEAD_BYTES], body[_INDEX_HEAD_BYTES:]
    kept = head.startswith(b"odmldmlh") or (head.startswith(b"\x04\0") and head[8:10].isdigit())
    return not rest.strip(b"\0") and (kept or not head.strip(b"\0"))
