"""Writes EWF images (E01), in one or several segments; hashes can be wrong and chunks damaged on purpose."""

from __future__ import annotations

import hashlib
import zlib
from dataclasses import dataclass, field
from pathlib import Path

CHUNK_SECTORS = 64
CHUNK = CHUNK_SECTORS * 512
SIGNATURE = b"EVF\x09\x0d\x0a\xff\x00"
EXAMINER = "SECRETEXAMINER"


@dataclass
class Ewf:
    """An image to be written."""

    data: bytes
    chunks_a_segment: int = 1_000_000
    md5: bytes | None = None
    sha1: bytes | None = None
    damaged: frozenset[int] = field(default_factory=frozenset)  # numbers of chunks whose bytes are flipped

    def write(self, folder: Path, stem: str = "drive") -> list[Path]:
        """Write the segment files; return their paths."""
        chunks = [self.data[at : at + CHUNK] for at in range(0, len(self.data), CHUNK)]
        step = self.chunks_a_segment
        groups = [chunks[at : at + step] for at in range(0, len(chunks), step)]
        paths, first = [], 0
        for number, group in enumerate(groups, 1):
            path = folder / f"{stem}.E{number:02}"
            path.write_bytes(self._segment(number, group, first, last=number == len(groups)))
            paths.append(path)
            first += len(group)
        return paths

    def _segment(self, number: int, chunks: list[bytes], first: int, *, last: bool) -> bytes:
        out = bytearray(SIGNATURE + b"\x01" + number.to_bytes(2, "little") + b"\x00\x00")
        if number == 1:
            for name in ("header2", "header2"):
                _section(out, name, zlib.compress(_header().encode("utf-16")))
            _section(out, "header", zlib.compress(_header().encode()))
            _section(out, "volume", self._volume())
        else:
            _section(out, "data", self._volume())
        stored = [self._store(first + i, chunk) for i, chunk in enumerate(chunks)]
        begin = len(out) + 76
        offsets, at = [], begin
        for data, packed in stored:
            offsets.append(at | (0x80000000 if packed else 0))
            at += len(data)
        _section(out, "sectors", b"".join(data for data, _ in stored))
        table = _table(offsets)
        _section(out, "table", table)
        _section(out, "table2", table)
        if last:
            md5 = self.md5 or hashlib.md5(self.data, usedforsecurity=False).digest()
            sha1 = self.sha1 or hashlib.sha1(self.data, usedforsecurity=False).digest()
            _section(out, "digest", _summed(md5 + sha1 + bytes(40)))
            _section(out, "hash", _summed(md5 + bytes(16)))
        _section(out, "done" if last else "next", b"", to_itself=True)
        return bytes(out)

    def _store(self, number: int, chunk: bytes) -> tuple[bytes, bool]:
        packed = zlib.compress(chunk)
        data, is_packed = (packed, True) if len(packed) < len(chunk) else (_summed(chunk), False)
        if number in self.damaged:
            data = data[:40] + bytes(byte ^ 0xFF for byte in data[40:60]) + data[60:]
        return data, is_packed

    def _volume(self) -> bytes:
        count = -(-len(self.data) // CHUNK)
        head = b"\x01\x00\x00\x00" + count.to_bytes(4, "little") + CHUNK_SECTORS.to_bytes(4, "little")
        head += (512).to_bytes(4, "little") + (len(self.data) // 512).to_bytes(8, "little")
        head += bytes(12) + b"\x01" + bytes(3) + bytes(4) + bytes(4) + bytes(4) + b"\x01" + bytes(3)
        head += (CHUNK_SECTORS).to_bytes(4, "little") + bytes(4) + bytes(16)
        return _summed(head.ljust(1048, b"\x00"))


def _header() -> str:
    names = "c\tn\ta\te\tt\tm\tu\tp"
    values = f"CASE\tEVIDENCE\tdescription\t{EXAMINER}\tnotes\t1710715318\t1710715318\t0"
    return f"1\nmain\n{names}\n{values}\n\n"


def _summed(data: bytes) -> bytes:
    return data + zlib.adler32(data).to_bytes(4, "little")


def _table(offsets: list[int]) -> bytes:
    head = _summed(len(offsets).to_bytes(4, "little") + bytes(16))
    return head + _summed(b"".join(offset.to_bytes(4, "little") for offset in offsets))


def _section(out: bytearray, name: str, data: bytes, *, to_itself: bool = False) -> None:
    here = len(out)
    following = here if to_itself else here + 76 + len(data)
    size = 76 if to_itself else 76 + len(data)
    head = name.encode().ljust(16, b"\x00") + following.to_bytes(8, "little") + size.to_bytes(8, "little")
    out += _summed(head + bytes(40)) + data
