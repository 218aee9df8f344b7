"""The packs of one part of a delivery, as `check` reads them: each once, to its end, in little memory."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from bearwitness.crypto import age
from bearwitness.custody.items import Extent
from bearwitness.errors import BearwitnessError, TamperedError
from bearwitness.store.packreader import PackReader
from bearwitness.vault.delivery import ZERO, OpenDelivery

PIECE_BYTES: Final = 4 * age.CHUNK_BYTES
_ZERO_PIECE: Final = bytes(PIECE_BYTES)


class PartPacks:
    """The packs of one part, each read once if its items stand in its order, as they do when sealed."""

    def __init__(
        self, opened: OpenDelivery, part: int, reader: PackReader, withheld: frozenset[str] = frozenset()
    ) -> None:
        """Read packs of `part`, but for those `withheld` from a mirror."""
        self._opened, self._part, self._reader = opened, part, reader
        self._left = {*opened.descriptor.parts[part].packs, opened.descriptor.parts[part].manifest} - withheld
        self._present = ""
        self.bad: dict[str, str] = {}
        self.ciphertext_bytes = 0

    def manifest(self) -> bytes:
        """Return the plaintext of the part's manifest pack."""
        name = self._opened.descriptor.parts[self._part].manifest
        self._go_to(name)
        plain = bytes(self._reader.plain(0, self._reader.finish()))
        self._leave()
        return plain

    def finish(self) -> None:
        """Read what no item asked for, to its end."""
        self._leave()
        for name in sorted(self._left):
            try:
                self._go_to(name)
            except BearwitnessError:
                continue  # it is among the bad ones
            self._leave()

    def read(self, extents: tuple[Extent, ...]) -> Iterator[memoryview]:
        """Yield the bytes of `extents`, in pieces that fit the processor's cache."""
        for name, offset, length in extents:
            if name == ZERO:
                for at in range(0, length, len(_ZERO_PIECE)):
                    yield memoryview(_ZERO_PIECE)[: length - at]
                continue
            self._go_to(name)
            end = offset + length
            for at in range(offset, end, PIECE_BYTES):
                yield self._reader.plain(at, min(at + PIECE_BYTES, end))

    def blob(self, extents: tuple[Extent, ...]) -> bytes:
        """Return the bytes of an index blob, which stands behind the content it is needed for."""
        return b"".join(self._opened.read_extents(self._part, extents))

    def _go_to(self, name: str) -> None:
        if name == self._present:
            return
        self._leave()
        if name in self.bad:
            raise TamperedError(self.bad[name])
        identity = self._opened.keys(self._part).get(name)
        if identity is None:
            raise TamperedError(f"there is no key for pack {name}")
        try:
            self._reader.open(name, identity)
        except BearwitnessError as error:
            self._note(name, error)
            raise
        self._present = name

    def _leave(self) -> None:
        """Read the present pack to its end: only then is its hash known."""
        name, self._present = self._present, ""
        if name not in self._left:
            return
        try:
            self._reader.finish()
            self.ciphertext_bytes += self._reader.stored_bytes
            self._left.discard(name)
        except BearwitnessError as error:
            self._note(name, error)

    def _note(self, name: str, error: BearwitnessError) -> None:
        self.bad[name] = str(error)
        self._left.discard(name)
