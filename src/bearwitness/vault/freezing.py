"""Which items are frozen, and the packs that hold them (docs/format.md, 10.2).

A frozen item has a file ``frozen/<item>.json`` which the log binds. It is in the clear, because a mirror is
made without keys and must leave these packs out. All bytes of items and derivatives are read through
:meth:`~bearwitness.vault.delivery.OpenDelivery.reader`, which refuses these packs. Where the file is gone or
altered, nothing of the vault is read at all, so that removing it thaws nothing.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Final

from bearwitness.errors import MalformedError, frozen_error
from bearwitness_verify import canonical
from bearwitness_verify.canonical import Json

from .delivery import HEX32, HEX64
from .vault import Vault

FOLDER: Final = "frozen"


@dataclass(frozen=True)
class FrozenItem:
    """What ``frozen/<item>.json`` says."""

    item: str
    delivery: str
    packs: tuple[str, ...]

    @property
    def path(self) -> str:
        """Where the file lies in a vault."""
        return f"{FOLDER}/{self.item}.json"

    def encode(self) -> bytes:
        """Return the canonical JSON."""
        packs: list[Json] = list(self.packs)
        return canonical.dumps({"delivery": self.delivery, "item": self.item, "packs": packs, "v": "1"})

    @classmethod
    def decode(cls, data: bytes, path: str) -> FrozenItem:
        """Read canonical JSON strictly; it must be of the item its place is named after."""
        got = canonical.members(canonical.loads(data, path), path, "delivery item packs v")
        names = (got["delivery"], got["item"])
        packs = tuple(canonical.text(name, path) for name in canonical.array(got["packs"], path))
        found = cls(canonical.text(names[1], path), canonical.text(names[0], path), packs)
        well_formed = all(HEX32.match(name) for name in (found.item, found.delivery))
        if got["v"] != "1" or not well_formed or not all(map(HEX64.match, packs)) or found.path != path:
            raise MalformedError(f"{path} is malformed")
        return found


@dataclass(frozen=True)
class Frozen:
    """All that is frozen in a vault; `deliveries` maps item to delivery."""

    deliveries: Mapping[str, str] = field(default_factory=dict)
    packs: frozenset[str] = frozenset()

    @property
    def items(self) -> frozenset[str]:
        """The ids of what is frozen."""
        return frozenset(self.deliveries)

    def refuse(self, items: Collection[str]) -> None:
        """Raise FrozenError if any of `items` is frozen."""
        held = sorted(self.items & set(items))
        if held:
            raise frozen_error(
                f"item {held[0]} is frozen" if len(held) == 1 else f"{len(held)} items are frozen"
            )


def frozen_items(vault: Vault) -> list[FrozenItem]:
    """Return what is frozen; raise TamperedError where a file the log binds is gone or altered."""
    return [
        FrozenItem.decode(vault.read_expected(path, digest), path)
        for path, digest in sorted(vault.expected_files().items())
        if path.startswith(f"{FOLDER}/")
    ]


def frozen(vault: Vault) -> Frozen:
    """Return ids and packs of what is frozen; raises as :func:`frozen_items` does."""
    found = frozen_items(vault)
    packs = frozenset(name for item in found for name in item.packs)
    return Frozen({item.item: item.delivery for item in found}, packs)
