"""Which layers of the sandbox this machine has, and refusing to go on without them."""

from __future__ import annotations

import os
from dataclasses import dataclass

from bearwitness.errors import SandboxUnavailableError

from . import landlock, seccomp
from .wire import LANDLOCK, LIMITS, SECCOMP


@dataclass(frozen=True)
class Layers:
    """What this kernel can do; `landlock_abi` is 0 where it has no Landlock."""

    landlock_abi: int
    seccomp: bool

    @property
    def names(self) -> frozenset[str]:
        """The layers that can be put on here."""
        have = {LIMITS: True, LANDLOCK: self.landlock_abi > 0, SECCOMP: self.seccomp}
        return frozenset(name for name, present in have.items() if present)

    @property
    def lacking(self) -> tuple[str, ...]:
        """A phrase for each layer that is missing and what then is open; empty if all are there."""
        phrases = []
        if not self.seccomp:
            machine = seccomp.machine()
            why = "" if machine else f" (there is no table of system calls for {os.uname().machine})"
            phrases.append(f"system calls are not filtered{why}, so a hostile file may reach the network")
        if not self.landlock_abi:
            phrases.append("Landlock is missing, so only the filter keeps a hostile file from your files")
        return tuple(phrases)


def layers() -> Layers:
    """Ask the kernel."""
    return Layers(landlock.abi(), seccomp.available())


def require(*, accept_weak: bool) -> Layers:
    """Return the layers this machine has; raise SandboxUnavailableError if one is missing.

    With `accept_weak` it returns all the same, and the caller says `lacking` loudly.
    """
    found = layers()
    if found.lacking and not accept_weak:
        raise SandboxUnavailableError(
            f"this machine can not lock up the parsers of hostile files: {'; '.join(found.lacking)}",
            "use a kernel from 5.13 with Landlock and seccomp switched on, or, knowing the risk, "
            "give --accept-weak-sandbox",
        )
    return found
