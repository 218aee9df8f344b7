"""What a playable file is made of besides its packets."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from .errors import ProofError


class NoPlanError(ProofError):
    """The rules have no playable file for these packets."""


@dataclass(frozen=True)
class Plan:
    """`head`, then for each packet in the order of its bytes what stands `before` it, at last `tail`."""

    head: bytes
    before: Iterable[bytes]
    tail: bytes
