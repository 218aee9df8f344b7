"""Makes ext4 and NTFS volumes with the system's tools; without them a test skips, naming the package."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

EXT4_UUID = "5eed5eed-1234-5678-9abc-def012345678"
LABEL = "SECRETLABEL"
_PLACES = "/usr/local/sbin:/usr/sbin:/sbin:/usr/local/bin:/usr/bin:/bin"
_PACKAGES = {  # what Debian calls the package of a tool
    "debugfs": "e2fsprogs",
    "ewfacquire": "ewf-tools",
    "ewfverify": "ewf-tools",
    "fsck.exfat": "exfatprogs",
    "fsck.fat": "dosfstools",
    "mke2fs": "e2fsprogs",
    "mkntfs": "ntfs-3g",
    "ntfs-3g": "ntfs-3g",
    "ntfscp": "ntfs-3g",
}


def tool(name: str) -> str:
    """Return where a tool is; skip the test where it is not installed."""
    found = shutil.which(name, path=os.environ.get("PATH", "") + ":" + _PLACES)
    if found is None:
        pytest.skip(f"{name} is not installed (Debian package {_PACKAGES[name]})")
    return found


def call(name: str, *words: object, ok: bool = True) -> str:
    """Run a tool; return what it said."""
    done = subprocess.run([tool(name), *map(str, words)], capture_output=True, text=True, check=False)
    assert done.returncode == 0 or not ok, f"{name}: {done.stderr}"
    return done.stdout + done.stderr


def ext4(image: Path, folder: Path, size: int = 16 << 20, *options: str, stale: int = 0xAA) -> Path:
    """Write an ext4 volume with what is in `folder`; blocks that hold nothing are full of `stale`."""
    image.write_bytes(bytes([stale]) * size)
    call("mke2fs", "-q", "-F", "-t", "ext4", "-L", LABEL, "-U", EXT4_UUID, "-d", folder, *options, image)
    return image


def debugfs(image: Path, *commands: str) -> None:
    """Change an ext4 volume by hand."""
    for command in commands:
        call("debugfs", "-w", "-R", command, image)


def ntfs(image: Path, files: Mapping[str, bytes], streams: Mapping[tuple[str, str], bytes] = {}) -> Path:
    """Write an NTFS volume with `files` at its root and further `streams` of them by (file, stream)."""
    image.write_bytes(bytes(16 << 20))
    call("mkntfs", "-q", "-F", "-L", LABEL, image)
    source = image.with_suffix(".file")
    for name, data in files.items():
        source.write_bytes(data)
        os.utime(source, (1_700_000_000, 1_700_000_001))
        call("ntfscp", "-q", "-t", image, source, name)
    for (name, stream), data in streams.items():
        source.write_bytes(data)
        call("ntfscp", "-q", "-N", stream, image, source, name)
    source.unlink(missing_ok=True)
    return image


@contextlib.contextmanager
def ntfs_mounted(image: Path, place: Path) -> Iterator[Path]:
    """Mount an NTFS volume to write to it; skip the test where that is not possible."""
    if os.geteuid() != 0 or not os.path.exists("/dev/fuse"):
        pytest.skip("folders and links in NTFS need root and /dev/fuse to make them")
    place.mkdir()
    call("ntfs-3g", "-o", "streams_interface=windows", image, place)
    try:
        yield place
    finally:
        subprocess.run(["umount", str(place)], check=True, capture_output=True)
