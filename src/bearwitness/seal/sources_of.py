"""What a source is: a mounted folder, one file, a block device or a disk image; and how each is taken in."""

from __future__ import annotations

import contextlib
import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from bearwitness.errors import SourceError
from bearwitness.vault.vault import Vault

from .intake import Indexer
from .run import Intake
from .sources import FolderSource
from .walk import FILE, Found, open_folder, tag_of, walk

_EWF_MAGIC: Final = b"EVF\x09\x0d\x0a\xff\x00"
_VOLUMES: Final = "/dev/disk/by-uuid"
_EWF2_MAGIC: Final = b"EVF2\x0d\x0a\x81\x00"


def kind_of(path: Path, wanted: str | None = None) -> str:
    """Return ``folder``, ``file``, ``device`` or ``image``; raise SourceError.

    A file can be `wanted` as ``file`` or ``image``; a device is imaged whatever is wanted, or refused.
    """
    kind = _kind_of(path)
    if wanted is None or kind == wanted or (kind, wanted) == ("device", "image"):
        return kind
    if kind in ("folder", "device"):
        raise SourceError(f"{path} is a {kind} and can not be taken as a {wanted}", "leave out --as")
    return wanted


def _kind_of(path: Path) -> str:
    try:
        mode = path.stat().st_mode
    except OSError as error:
        raise SourceError(f"the source {path} can not be read: {error.strerror}") from None
    if stat.S_ISDIR(mode):
        return "folder"
    if stat.S_ISBLK(mode):
        return "device"
    if stat.S_ISREG(mode):
        return "image" if looks_like_image(path) else "file"
    raise SourceError(
        f"the source {path} is neither a folder, a file, a drive nor a disk image",
        "name the folder where the drive is mounted, the device, or an image of it",
    )


def looks_like_image(path: Path) -> bool:
    """Say whether a file is a disk image by its first bytes: EWF, or a boot sector with partitions or a FAT,
    exFAT or NTFS volume, or an ext superblock."""
    try:
        with path.open("rb") as file:
            head = file.read(4096)
    except OSError as error:
        raise SourceError(f"the source {path} can not be read: {error.strerror}") from None
    if head.startswith((_EWF_MAGIC, _EWF2_MAGIC)):
        return True
    if len(head) < 4096:
        return False
    if head[510:512] == b"\x55\xaa":
        volume = head[3:11] in (b"NTFS    ", b"EXFAT   ") or head[54:57] == b"FAT" or head[82:87] == b"FAT32"
        return volume or _has_partitions(head) or head[512:520] == b"EFI PART"
    return head[1080:1082] == b"\x53\xef"


def _has_partitions(head: bytes) -> bool:
    """Say whether a master boot record has a partition table that makes sense."""
    entries = [head[at : at + 16] for at in range(446, 510, 16)]
    used = [entry for entry in entries if any(entry)]
    return bool(used) and all(entry[0] in (0, 0x80) and entry[4] for entry in used)


def folder_intake(path: Path, vault: Vault, indexer: Indexer) -> Intake:
    """Return the intake of a mounted folder; a vault that lies in it is left out."""
    root = os.fsencode(path)
    try:
        os.close(open_folder(root, follow=True))
    except OSError as error:
        raise SourceError(
            f"the source {path} can not be read: {error.strerror}",
            "check who owns it and whether it is there",
        ) from None
    inside = vault.root.resolve()
    if inside == path.resolve() or inside in path.resolve().parents:
        raise SourceError(f"{path} is inside the vault; a vault is not sealed into itself")
    status = vault.root.stat()
    exclude = frozenset({(status.st_dev, status.st_ino)})
    source = FolderSource(root)
    return Intake(identity_of(path), source, lambda key: walk(root, key, exclude), indexer)


def file_intake(path: Path, indexer: Indexer) -> Intake:
    """Return the intake of a single file."""
    root, name = os.fsencode(path.resolve().parent), os.fsencode(path.resolve().name)

    def names(key: bytes) -> Iterator[Found]:
        status = os.lstat(os.path.join(root, name))
        yield Found(FILE, name, status.st_size, tag_of(name, status, key), None)

    return Intake(identity_of(path), FolderSource(root), names, indexer)


def identity_of(path: Path) -> bytes:
    """Return what tells one source from another: its absolute path, and the file system that is there."""
    place, volume = os.fsencode(path.resolve()), volume_of(path)
    return place + b"\x00" + volume if volume else place


def volume_of(path: Path) -> bytes:
    """Return the id of the file system that holds `path`, empty where the system knows none.

    Another drive at the same place must not go on with the seal of this one. Numbers of devices do not tell:
    a drive that is plugged in again has another.
    """
    device = os.stat(path).st_dev
    with contextlib.suppress(OSError):
        for name in sorted(os.listdir(_VOLUMES)):
            with contextlib.suppress(OSError):
                if os.stat(os.path.join(_VOLUMES, name)).st_rdev == device:
                    return os.fsencode(name)
    return b""
