"""What is imaged: a device, a raw image or the segments of an EWF image; opened, never to be written.

What the kernel knows of a device (model, serial number, where it is plugged in) tells one drive from all
others and goes to the quarantine.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from bearwitness.errors import SourceError
from bearwitness.images.disk_image import EWF, RAW, Medium
from bearwitness.images.segments import segment_files

DEVICE_HOW: Final = "image of a device"
RAW_HOW: Final = "disk image (raw)"
EWF_HOW: Final = "disk image (E01)"
IMAGE_NAME: Final = b"image.raw"

_EWF_MAGIC: Final = b"EVF\x09\x0d\x0a\xff\x00"
_EWF2_MAGIC: Final = b"EVF2\x0d\x0a\x81\x00"
_SYS_BLOCK: Final = Path("/sys/dev/block")
_FACTS: Final = (
    "ro",
    "removable",
    "queue/logical_block_size",
    "queue/physical_block_size",
    "queue/rotational",
)
_DEVICE_FACTS: Final = ("model", "vendor", "serial", "rev", "wwid", "cid", "name", "manfid", "oemid")
_USB_FACTS: Final = ("idVendor", "idProduct", "manufacturer", "product", "serial", "version")
_FACT_BYTES_MAX: Final = 512
_ANCESTORS_MAX: Final = 12


@dataclass
class Target:
    """An open source of an image: its files in order, and what is known of it from outside."""

    path: Path
    how: str
    files: list[int]
    names: list[bytes]  # under which the files are sealed into the quarantine
    paths: list[bytes]
    size: int  # of what is read; of an EWF image its segments together
    form: str = RAW
    sector_bytes: int = 512
    read_only: bool | None = None  # whether the kernel refuses to write to it
    in_use: bool = False
    facts: dict[str, str] = field(default_factory=dict)
    direct: list[int] = field(default_factory=list)  # the same as `files`, to be read past the page cache

    @property
    def medium(self) -> Medium:
        """What the sandbox is handed."""
        return Medium([*self.files, *self.direct], self.form, self.sector_bytes)

    @property
    def identity(self) -> bytes:
        """What tells this source from another: its path and what is there now."""
        told = [self.facts.get(name, "") for name in ("serial", "wwid", "usb_serial", "cid")]
        words = [os.fsencode(self.path), b"%d" % self.size, *map(str.encode, told)]
        return b"\x00".join([b"image", *words])

    def present(self) -> bool:
        """Say whether the source is still there."""
        try:
            return all(_same(file, path) for file, path in zip(self.files, self.paths, strict=True))
        except OSError:
            return False

    def close(self) -> None:
        """Close its files."""
        for file in [*self.files, *self.direct]:
            os.close(file)
        self.files, self.direct = [], []


def open_target(path: Path, kind: str) -> Target:
    """Open the device or image at `path`; raise SourceError."""
    try:
        path = path.resolve(strict=True)
        if kind == "device" or stat.S_ISBLK(path.stat().st_mode):
            return _open_device(path)
        return _open_image(path)
    except OSError as error:
        raise SourceError(f"the source {path} can not be read: {error.strerror}") from None


def _open_device(path: Path) -> Target:
    file, in_use = _open_exclusive(path)
    size = os.lseek(file, 0, os.SEEK_END)
    facts = device_facts(os.fstat(file).st_rdev)
    if not size:
        os.close(file)
        raise SourceError(f"the device {path} holds nothing", "is there a medium in the drive?")
    sector = facts.get("logical_block_size", "512")
    return Target(
        path, DEVICE_HOW, [file], [IMAGE_NAME], [os.fsencode(path)], size,
        sector_bytes=int(sector) if sector.isdecimal() else 512,
        read_only={"0": False, "1": True}.get(facts.get("ro", "")),
        in_use=in_use, facts=facts, direct=_opened_direct(file),
    )  # fmt: skip


def _opened_direct(file: int) -> list[int]:
    """Open a file or device once more to read past the page cache; nothing where that can not be done."""
    try:
        return [os.open(f"/proc/self/fd/{file}", os.O_RDONLY | os.O_CLOEXEC | os.O_DIRECT)]
    except OSError:
        return []


def _open_exclusive(path: Path) -> tuple[int, bool]:
    """Open a device so that nobody mounts it meanwhile; say whether it is in use already."""
    try:
        return os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_EXCL), False
    except OSError as error:
        if error.errno != errno.EBUSY:
            raise
        return os.open(path, os.O_RDONLY | os.O_CLOEXEC), True


def _open_image(path: Path) -> Target:
    with path.open("rb") as file:
        magic = file.read(8)
    if magic == _EWF2_MAGIC:
        raise SourceError(
            f"{path} is an image in EnCase's second format (.Ex01), which is not read yet",
            "write it as .E01 or raw (ewfexport can); or keep it as the file it is: --as file",
        )
    ewf = magic == _EWF_MAGIC
    paths = segment_files(path) if ewf else [path]
    files: list[int] = []
    try:
        files += (_open_untouched(segment) for segment in paths)
    except OSError:
        for opened in files:
            os.close(opened)
        raise
    size = sum(os.fstat(file).st_size for file in files)
    names = [os.fsencode(segment.name) for segment in paths] if ewf else [IMAGE_NAME]
    how, form = (EWF_HOW, EWF) if ewf else (RAW_HOW, RAW)
    if not size:
        for opened in files:
            os.close(opened)
        raise SourceError(f"the image {path} is empty")
    direct = [] if ewf else _opened_direct(files[0])
    there = [os.fsencode(segment) for segment in paths]
    return Target(path, how, files, names, there, size, form, direct=direct)


def _open_untouched(path: Path) -> int:
    flags = os.O_RDONLY | os.O_CLOEXEC
    try:
        return os.open(path, flags | os.O_NOATIME)
    except PermissionError:  # that is for the owner alone
        return os.open(path, flags)


def _same(file: int, path: bytes) -> bool:
    mine, there = os.fstat(file), os.stat(path)
    if stat.S_ISBLK(mine.st_mode):
        number = f"{os.major(mine.st_rdev)}:{os.minor(mine.st_rdev)}"
        return mine.st_rdev == there.st_rdev and (_SYS_BLOCK / number).exists()
    return (mine.st_dev, mine.st_ino) == (there.st_dev, there.st_ino)


def device_facts(number: int) -> dict[str, str]:
    """Return what the kernel knows of the block device with this number."""
    folder = (_SYS_BLOCK / f"{os.major(number)}:{os.minor(number)}").resolve()
    facts = _facts(folder, ("partition",))
    if facts:  # a partition: the rest is told of the disk it is on
        folder = folder.parent
    facts |= _facts(folder, _FACTS) | _facts(folder / "device", _DEVICE_FACTS)
    for above in _ancestors(folder):
        if (above / "idVendor").exists():
            return facts | {f"usb_{name}": value for name, value in _facts(above, _USB_FACTS).items()}
    return facts


def _ancestors(folder: Path) -> Iterator[Path]:
    yield from list(folder.parents)[:_ANCESTORS_MAX]


def _facts(folder: Path, names: tuple[str, ...]) -> dict[str, str]:
    found = {name.rpartition("/")[2]: _fact(folder / name) for name in names}
    return {name: value for name, value in found.items() if value}


def _fact(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return file.read(_FACT_BYTES_MAX).decode("utf-8", "replace").strip("\x00 \n")
    except OSError:
        return ""
