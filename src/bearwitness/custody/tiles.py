"""Tiles of a decoded frame: payloads, salted leaves, their tree and proofs (docs/format.md, 11.4)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from bearwitness.crypto.derive import derive
from bearwitness_verify.leaves import TreeRef, hash_leaf
from bearwitness_verify.stills import Layout

from .trees import RunBuilder, SeveralProof, several_proof


@dataclass(frozen=True)
class Tiled:
    """A frame cut into tiles: payload and leaf of each, the secret behind their salts."""

    layout: Layout
    payloads: Sequence[bytes]
    leaves: Sequence[bytes]
    secret: bytes

    @property
    def tree(self) -> TreeRef:
        """The reference to the tree."""
        builder = RunBuilder(self.secret, len(self.leaves), first=0)
        builder.extend(list(self.leaves))
        return TreeRef("tile", builder.height, builder.root())

    def salt(self, tile: int) -> bytes:
        """Return the salt of a tile."""
        return derive(self.secret, b"salt", tile)

    def prove(self, shown: Sequence[int]) -> SeveralProof:
        """Return the proof of some tiles, in ascending order."""
        return several_proof(self.leaves, self.secret, shown, first=0)


def tile_secret(item_secret: bytes, track: int, packet: int) -> bytes:
    """Return the secret of the tree of a still: it is gone when the item's is destroyed."""
    return derive(item_secret, b"still", track, packet)


def cut_tiles(layout: Layout, planes: Sequence[bytes], secret: bytes) -> Tiled:
    """Cut decoded planes into tiles; raise ValueError for planes of another size than `layout` says."""
    wide = layout.sample_bytes
    sides = [layout.side(number) for number in range(len(layout.planes))]
    if [len(plane) for plane in planes] != [width * height * wide for width, height in sides]:
        raise ValueError("the planes of a frame are not of the size they should be")
    payloads = []
    for tile in range(layout.count):
        lines = []
        for plane, (width, _), (left, right, top, low) in zip(planes, sides, layout.parts(tile), strict=True):
            for begin in range((top * width + left) * wide, (low * width + left) * wide, width * wide):
                lines.append(plane[begin : begin + (right - left) * wide])
        payloads.append(b"".join(lines))
    leaves = [hash_leaf("tile", derive(secret, b"salt", n), payload) for n, payload in enumerate(payloads)]
    return Tiled(layout, payloads, leaves, secret)
