"""Every error Bearwitness raises on purpose, with the exit code a command ends with.

    BearwitnessError                 1  failed or refused
    ├── UsageError                   2  the command was called wrongly
    ├── VaultError                   1  the vault or kit is not as it must be
    │   ├── NotAVaultError           1  no vault or kit at this place
    │   ├── VaultBusyError           1  another command is writing to it
    │   └── TamperedError            1  bytes in it are not those its log speaks of
    ├── KeyUnlockError               1  the identities given do not open what they must
    ├── SourceError                  1  the source can not be read as asked
    ├── StorageError                 1  a disk is full, gone or read-only
    ├── SandboxError                 1  the locked child can not be had or failed
    │   ├── SandboxUnavailableError  1  the kernel lacks a layer of the sandbox
    │   └── ChildFailedError         1  the child died, hung or answered nonsense
    ├── RefusedError                 1  done on purpose not: a rule of the vault forbids it
    │   ├── FrozenError              1  the item is frozen: a stop key was pressed
    │   ├── AttackedError            1  a derivative did not withstand the attack (redact.redaction)
    │   └── SpeakerMissingError      1  the program that speaks is not installed (redact.speaking)
    ├── ContainerError               1  a container's index is damaged (containers.model)
    │   └── TooLargeError            1  or asks for more than any file is given
    ├── ImageError               1  a question about a disk image has no answer (images.disk_image)
    │   └── DiedError            1  the children that were asked died of it
    ├── MediaError                   1  a file is no footage, sound or picture, or not as asked (media.model)
    ├── ModelError                   1  weights are missing or not the pinned ones (inference.models)
    ├── ReaderMissingError           1  the reader of Cyrillic is not installed (signals.cyrillic)
    ├── CosignRefusedError           1  a cosigner does not sign (custody.cosigner)
    ├── AnchorError                  2  what to check against can not be used (bearwitness_verify.anchors)
    └── VerifyError                  1  from the verifier; with Malformed-, Proof-, SignatureError
        └── NoPlanError              1  packets have no playable file (bearwitness_verify.plan)

Exit code 3 (done with losses, all listed) and 4 (consistent only) are no errors; see docs/exit-codes.md.
"""

from __future__ import annotations

import errno

from bearwitness_verify.errors import (
    BearwitnessError,
    MalformedError,
    ProofError,
    SignatureError,
    VerifyError,
)

__all__ = [
    "BearwitnessError",
    "ChildFailedError",
    "FrozenError",
    "KeyUnlockError",
    "MalformedError",
    "NotAVaultError",
    "ProofError",
    "RefusedError",
    "SandboxError",
    "SandboxUnavailableError",
    "SignatureError",
    "SourceError",
    "StorageError",
    "TamperedError",
    "UsageError",
    "VaultBusyError",
    "VaultError",
    "VerifyError",
    "frozen_error",
    "storage_error",
    "unreadable_error",
]


class UsageError(BearwitnessError):
    """The command was called wrongly."""

    exit_code = 2


class VaultError(BearwitnessError):
    """The vault or kit is not as it must be."""


class NotAVaultError(VaultError):
    """There is no vault or kit at this place."""


class VaultBusyError(VaultError):
    """Another command is writing to the vault."""


class TamperedError(VaultError):
    """Bytes in the vault are not those its log speaks of."""


class KeyUnlockError(BearwitnessError):
    """The identities given do not open what they must."""


class SourceError(BearwitnessError):
    """The source can not be read as asked."""


class StorageError(BearwitnessError):
    """A disk is full, gone or read-only."""


class SandboxError(BearwitnessError):
    """The locked child can not be had, or failed."""


class SandboxUnavailableError(SandboxError):
    """The kernel lacks a layer of the sandbox."""


class ChildFailedError(SandboxError):
    """The child died, hung or answered nonsense."""


class RefusedError(BearwitnessError):
    """A rule of the vault forbids it."""


class FrozenError(RefusedError):
    """The item is frozen: nobody sees, copies or hands it out until it is thawed."""


def frozen_error(what: str) -> FrozenError:
    """Return the refusal of anything that would show, copy or hand out what is frozen."""
    return FrozenError(
        f"{what}: nothing of it is shown, copied or handed out",
        "a task is open for the lawyer (bearwitness freeze --tasks); two keepers can thaw it",
    )


_STORAGE_HINTS = {
    errno.ENOSPC: ("is full", "make room there and run the same command again; it goes on where it stopped"),
    errno.EDQUOT: ("has used up its quota", "make room there and run the same command again"),
    errno.EROFS: ("is read-only", "mount it for writing or choose another place"),
    errno.EACCES: ("can not be written with your rights", "check who owns it"),
    errno.EIO: (
        "reports an input/output error",
        "the disk may be failing: copy the vault to another one now",
    ),
    errno.ENOENT: ("does not exist", "check the name, or make the folder first"),
    errno.EISDIR: ("is a folder", "give the name of a file"),
    errno.ENOTDIR: ("is no folder", "choose another place"),
    errno.ENODEV: ("is gone", "connect it again and run the same command again"),
}


def unreadable_error(error: OSError, what: str) -> VaultError:
    """Return the sentence for an OSError met while reading `what` of a vault."""
    return VaultError(
        f"{what} can not be read: {error.strerror}", "if the disk is failing, restore it from a mirror"
    )


def storage_error(error: OSError, place: str) -> StorageError:
    """Return the sentence for an OSError met while writing at `place`."""
    what, hint = _STORAGE_HINTS.get(
        error.errno or 0, (f"can not be used ({error.strerror})", "check the disk and run the command again")
    )
    return StorageError(f"{place} {what}", hint)
