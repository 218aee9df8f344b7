"""The definitions of RFC 6962 and of docs/format.md, chapter 2, written down as they stand there.

Slow, recursive, and importing nothing of ours: what the tests compare the fast code with.
"""

from __future__ import annotations

import bisect
from collections.abc import Mapping, Sequence
from hashlib import sha256


def digest(*parts: bytes) -> bytes:
    return sha256(b"".join(parts)).digest()


def u64(number: int) -> bytes:
    return number.to_bytes(8, "big")


def derive(secret: bytes, label: str, *numbers: int) -> bytes:
    """docs/format.md, 1.2."""
    return digest(bytes.fromhex("00000001"), secret, label.encode("ascii"), *map(u64, numbers))


def leaf(kind: str, salt: bytes, payload: bytes) -> bytes:
    """docs/format.md, 2.1."""
    return digest(b"\x00", b"bearwitness/1/", kind.encode("ascii"), b"\x00", salt, payload)


# --- RFC 6962, 2.1 ------------------------------------------------------------------------------


def split(count: int) -> int:
    """Return k, the largest power of two smaller than `count`."""
    k = 1
    while 2 * k < count:
        k *= 2
    return k


def mth(leaves: Sequence[bytes]) -> bytes:
    """MTH(D[n]), over leaf hashes."""
    if not leaves:
        return sha256().digest()
    if len(leaves) == 1:
        return leaves[0]
    k = split(len(leaves))
    return digest(b"\x01", mth(leaves[:k]), mth(leaves[k:]))


def inclusion(m: int, leaves: Sequence[bytes]) -> list[bytes]:
    """PATH(m, D[n])."""
    if len(leaves) == 1:
        return []
    k = split(len(leaves))
    if m < k:
        return [*inclusion(m, leaves[:k]), mth(leaves[k:])]
    return [*inclusion(m - k, leaves[k:]), mth(leaves[:k])]


def consistency(m: int, leaves: Sequence[bytes], whole: bool = True) -> list[bytes]:
    """PROOF(m, D[n]) and SUBPROOF(m, D[n], b)."""
    if m == len(leaves):
        return [] if whole else [mth(leaves)]
    k = split(len(leaves))
    if m <= k:
        return [*consistency(m, leaves[:k], whole), mth(leaves[k:])]
    return [*consistency(m - k, leaves[k:], False), mth(leaves[:k])]


# --- docs/format.md, 2.2 ------------------------------------------------------------------------


class Hidden:
    """A tree of exactly 2**height leaves, most of which do not exist."""

    def __init__(self, leaves: Mapping[int, bytes], height: int, secret: bytes) -> None:
        assert all(0 <= index < 2**height for index in leaves)
        self.leaves, self.height, self.secret = dict(leaves), height, secret
        self._real = sorted(leaves)

    def node(self, level: int, index: int) -> bytes:
        if not self.is_real(level, index):
            return derive(self.secret, "filler", level, index)
        if level == 0:
            return self.leaves[index]
        return digest(b"\x01", self.node(level - 1, 2 * index), self.node(level - 1, 2 * index + 1))

    def is_real(self, level: int, index: int) -> bool:
        """Say whether a real leaf stands below this node."""
        at = bisect.bisect_left(self._real, index << level)
        return at < len(self._real) and self._real[at] < (index + 1) << level

    @property
    def root(self) -> bytes:
        return self.node(self.height, 0)

    def path(self, index: int) -> list[bytes]:
        return [self.node(level, index >> level ^ 1) for level in range(self.height)]

    def run(self, first: int, count: int) -> tuple[list[bytes], list[bytes]]:
        """Return the hashes at the edges of a run (2.3)."""
        left, right, low, high = [], [], first, first + count - 1
        for level in range(self.height):
            if low % 2 == 1:
                left.append(self.node(level, low - 1))
            if high % 2 == 0:
                right.append(self.node(level, high + 1))
            low, high = low // 2, high // 2
        return left, right


def hidden_height(count: int) -> int:
    return next(h for h in (16, 24, 32) if count <= 2 ** (h - 1))


def run_tree(leaves: Sequence[bytes], secret: bytes, *, content: bool = False) -> tuple[Hidden, int]:
    """Return the tree of a run and the index of its first leaf."""
    count = len(leaves)
    height = 0 if content and count == 1 else hidden_height(count)
    number = int.from_bytes(derive(secret, "offset", 0)[:8], "big")
    first = number % (2**height - count + 1) if height else 0
    return Hidden({first + i: leaf for i, leaf in enumerate(leaves)}, height, secret), first


def scattered_tree(leaves: Sequence[bytes], secret: bytes) -> tuple[Hidden, dict[bytes, int]]:
    """Return the tree of scattered leaves and where each stands."""
    height = hidden_height(len(leaves))
    places: list[int] = []
    counter = 0
    while len(places) < len(leaves):
        block = derive(secret, "place", counter)
        for at in range(0, 32, 4):
            place = int.from_bytes(block[at : at + 4], "big") >> (32 - height)
            if place not in places:
                places.append(place)
        counter += 1
    where = dict(zip(sorted(leaves), places, strict=False))
    return Hidden({place: leaf for leaf, place in where.items()}, height, secret), where
