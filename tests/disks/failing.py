"""A block device that fails: sectors that can not be read, sectors that read differently each time.

A file system in user space (its protocol is spoken here, without a library) shows one file whose reads fail
as told; a loop device makes a disk of it. Needs root, /dev/fuse and a loop device. Run as a program
this is the server:

    python failing.py MOUNTPOINT DATA BAD,SECTORS UNSTABLE,SECTORS
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import os
import stat
import struct
import subprocess
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest

SECTOR = 512
_LOOKUP, _FORGET, _GETATTR, _OPEN, _READ, _STATFS, _RELEASE = 1, 2, 3, 14, 15, 17, 18
_FLUSH, _INIT, _OPENDIR, _RELEASEDIR, _INTERRUPT, _DESTROY, _BATCH_FORGET = 25, 26, 27, 29, 36, 38, 42
_PLAIN = {_STATFS: bytes(80), _FLUSH: b"", _RELEASE: b"", _RELEASEDIR: b"", _DESTROY: b""}
_DIRECT_IO = 1
_ROOT, _FILE = 1, 2
_NAME = b"disk"


class Server:
    """Answers the kernel's questions about one file."""

    def __init__(self, device: int, data: bytes, bad: set[int], unstable: set[int]) -> None:
        self._device, self._data, self._bad, self._unstable = device, data, bad, unstable
        self._count = 0

    def run(self) -> None:
        while True:
            try:
                request = os.read(self._device, 1 << 20)
            except OSError as error:
                if error.errno == errno.ENODEV:  # unmounted
                    return
                if error.errno in (errno.EINTR, errno.ENOENT):
                    continue
                raise
            self._serve(request)

    def _serve(self, request: bytes) -> None:
        _, opcode, unique, node = struct.unpack_from("<IIQQ", request)
        if opcode in (_FORGET, _BATCH_FORGET, _INTERRUPT):
            return
        code, answer = self._answer(opcode, node, request[40:])
        head = struct.pack("<IiQ", 16 + len(answer), -code, unique)
        with contextlib.suppress(FileNotFoundError):  # the one who asked is gone
            os.write(self._device, head + answer)

    def _answer(self, opcode: int, node: int, body: bytes) -> tuple[int, bytes]:
        if opcode == _INIT:
            return 0, struct.pack("<IIIIHHIIHHIIIIIIII", 7, 31, 0, 0, 1, 1, 4096, 1, 32, *[0] * 9)
        if opcode == _LOOKUP:
            if body.rstrip(b"\x00") != _NAME:
                return errno.ENOENT, b""
            return 0, struct.pack("<QQQQII", _FILE, 0, 9, 9, 0, 0) + self._attributes(_FILE)
        if opcode == _GETATTR:
            return 0, struct.pack("<QII", 9, 0, 0) + self._attributes(node)
        if opcode in (_OPEN, _OPENDIR):
            return 0, struct.pack("<QII", 0, _DIRECT_IO, 0)
        if opcode == _READ:
            _, offset, size = struct.unpack_from("<QQI", body)
            return self._read(offset, size)
        if opcode in _PLAIN:
            return 0, _PLAIN[opcode]
        return errno.ENOSYS, b""

    def _attributes(self, node: int) -> bytes:
        mode, size = (stat.S_IFREG | 0o444, len(self._data)) if node == _FILE else (stat.S_IFDIR | 0o555, 0)
        return struct.pack(
            "<QQQQQQIIIIIIIIII", node, size, size // SECTOR, 0, 0, 0, 0, 0, 0, mode, 1, 0, 0, 0, SECTOR, 0
        )

    def _read(self, offset: int, size: int) -> tuple[int, bytes]:
        data = bytearray(self._data[offset : offset + size])
        for sector in range(offset // SECTOR, -(-(offset + len(data)) // SECTOR)):
            if sector in self._bad:
                return errno.EIO, b""
            if sector in self._unstable:
                self._count += 1
                at = max(sector * SECTOR, offset) - offset
                data[at : at + 8] = self._count.to_bytes(8, "big")
        return 0, bytes(data)


def serve(place: str, data: bytes, bad: set[int], unstable: set[int]) -> None:
    """Mount the file at `place` and answer until it is unmounted."""
    device = os.open("/dev/fuse", os.O_RDWR)
    options = f"fd={device},rootmode=40000,user_id=0,group_id=0".encode()
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.mount(b"failing", place.encode(), b"fuse", 0, options):
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    sys.stdout.write("mounted\n")
    sys.stdout.flush()
    Server(device, data, bad, unstable).run()


@contextlib.contextmanager
def failing_disk(
    folder: Path, data: bytes, bad: Iterable[int] = (), unstable: Iterable[int] = ()
) -> Iterator[Path]:
    """Give a block device with `data` whose sectors fail as told; skip the test where there can be none."""
    if os.geteuid() != 0 or not os.path.exists("/dev/fuse"):
        pytest.skip("a failing disk needs root and /dev/fuse (and losetup, Debian package mount)")
    place, source = folder / "failing", folder / "failing.data"
    place.mkdir()
    source.write_bytes(data)
    words = [str(place), str(source), *(",".join(map(str, sectors)) for sectors in (bad, unstable))]
    server = subprocess.Popen(
        [sys.executable, __file__, *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    try:
        if server.stdout is None or server.stdout.readline() != b"mounted\n":
            pytest.skip(f"no file system in user space: {server.communicate()[1].decode().strip()[-200:]}")
        with loop_device(place / _NAME.decode()) as device:
            yield device
    finally:
        subprocess.run(["umount", "-l", str(place)], check=False, capture_output=True)
        server.kill()
        server.communicate()


@contextlib.contextmanager
def loop_device(image: Path, *, writable: bool = False) -> Iterator[Path]:
    """Give a block device of a file; skip the test where there can be none."""
    if os.geteuid() != 0:
        pytest.skip("a loop device needs root")
    made = subprocess.run(
        ["losetup", "-f", "--show", *([] if writable else ["-r"]), str(image)],
        check=False,
        capture_output=True,
        text=True,
    )
    if made.returncode:
        pytest.skip(f"no loop device here: {made.stderr.strip()}")
    try:
        yield Path(made.stdout.strip())
    finally:
        subprocess.run(["losetup", "-d", made.stdout.strip()], check=False, capture_output=True)


def _sectors(text: str) -> set[int]:
    return set(map(int, text.split(","))) if text else set()


if __name__ == "__main__":
    serve(sys.argv[1], Path(sys.argv[2]).read_bytes(), _sectors(sys.argv[3]), _sectors(sys.argv[4]))
