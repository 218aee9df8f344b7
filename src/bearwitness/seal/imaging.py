"""Seals a block device or a disk image: image to the quarantine, live files as evidence."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from bearwitness.errors import SourceError
from bearwitness.vault.vault import Vault

from .run import Progress

if TYPE_CHECKING:
    from .sealing import Options, Sealing


def seal_image(vault: Vault, source: Path, kind: str, options: Options, progress: Progress) -> Sealing:
    """Seal a device or image."""
    raise SourceError(f"{source}: imaging is not built yet")
