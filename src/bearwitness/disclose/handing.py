"""Puts a release where it is wanted: a folder, a ZIP archive, or one file encrypted with age."""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from bearwitness.errors import RefusedError, UsageError, storage_error
from bearwitness.vault.keyring import parse_recipient
from bearwitness_verify import archive

_TEMPORARY: Final = ".bearwitness-release-"
_MEMORY: Final = Path("/dev/shm")  # noqa: S108 - memory on purpose: nothing in the clear on a disk


def check_destination(destination: Path, recipients: Sequence[str]) -> None:
    """Raise RefusedError or UsageError unless a release for `recipients` may be put there."""
    if destination.exists():
        raise RefusedError(f"{destination} is there already", "choose another place")
    for recipient in recipients:
        parse_recipient(recipient)
    if bool(recipients) != (destination.suffix == ".age"):
        raise UsageError(
            f"{destination} does not end as it must",
            "an encrypted release is one file that ends in .age; without --to it is a folder or a .zip",
        )


@contextmanager
def workplace(destination: Path, *, secret: bool = False) -> Iterator[Path]:
    """Give a folder, beside the destination or if `secret` in memory; it goes afterwards unless moved."""
    place = _memory() if secret else destination.parent
    try:
        destination.parent.mkdir(parents=True, exist_ok=True)
        _clear_leftovers(place)
        folder = Path(tempfile.mkdtemp(prefix=_TEMPORARY, dir=place))
        lock = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    except OSError as error:
        raise storage_error(error, str(place)) from error
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        (folder / "exhibits").mkdir()
        yield folder
    except OSError as error:
        raise storage_error(error, str(folder if secret else destination)) from error
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        os.close(lock)


def _clear_leftovers(place: Path) -> None:
    """Remove what a killed release left in the clear at `place`; nobody holds its lock."""
    for folder in place.glob(f"{_TEMPORARY}*"):
        with contextlib.suppress(OSError):
            lock = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(folder)
            finally:
                os.close(lock)


def _memory() -> Path:
    """Return a file system that lies in memory; raise RefusedError if this machine has none."""
    with contextlib.suppress(OSError):
        for line in Path("/proc/mounts").read_text().splitlines():
            _, place, kind, *_ = line.split(" ")
            if place == str(_MEMORY) and kind == "tmpfs" and os.access(place, os.W_OK):
                return _MEMORY
    raise RefusedError(
        f"this machine has no file system in memory ({_MEMORY}), and nothing in the clear may lie on a disk",
        "release to a folder on a medium you can wipe, and encrypt it there",
    )


def hand_over(folder: Path, destination: Path, recipients: Sequence[str] = ()) -> None:
    """Move what lies in `folder` to `destination`, as one file where that ends in .zip or .age."""
    if recipients:
        _encrypt(folder, destination, recipients)
    elif destination.suffix == ".zip":
        _zip(folder, folder / "release.zip").rename(destination)
    else:
        folder.chmod(0o755)
        folder.rename(destination)


def _zip(folder: Path, temporary: Path) -> Path:
    package = archive.FolderPackage(folder)
    with temporary.open("xb") as file:
        archive.write_zip(package, file)
        file.flush()
        os.fsync(file.fileno())
    return temporary


def _encrypt(folder: Path, destination: Path, recipients: Sequence[str]) -> None:
    """Write the archive, encrypted to all `recipients`, beside the destination, then name it so."""
    import pyrage  # slow to load, and most releases need none

    plain = _zip(folder, folder / "release.zip")
    handle, name = tempfile.mkstemp(prefix=_TEMPORARY, dir=destination.parent)
    try:
        with os.fdopen(handle, "wb") as out, plain.open("rb") as file:
            pyrage.encrypt_io(file, out, [parse_recipient(recipient) for recipient in recipients])
            out.flush()
            os.fsync(out.fileno())
        os.chmod(name, 0o644)
        os.rename(name, destination)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(name)
        raise
