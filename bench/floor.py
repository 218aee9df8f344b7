"""What the format asks for and nothing else: three SHA-256 and ChaCha20-Poly1305 of all bytes, on all cores.

No names, no trees, no packs, no disk. `bench/run.py` sets it against `tar | age`: no seal can be faster.
"""

from __future__ import annotations

import multiprocessing
import os
import sys
from hashlib import sha256
from pathlib import Path
from typing import Final

from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305

CHUNK: Final = 65_536
AT_ONCE: Final = 3


def work(paths: list[Path]) -> None:
    """Read, hash and encrypt files; what comes of it is forgotten."""
    plain = memoryview(bytearray(AT_ONCE * CHUNK))
    sealed = memoryview(bytearray(AT_ONCE * (CHUNK + 16)))
    cipher, pack, number = ChaCha20Poly1305(bytes(32)), sha256(), 0
    for path in paths:
        whole = sha256()
        with path.open("rb", buffering=0) as file:
            while got := file.readinto(plain):
                whole.update(plain[:got])
                filled = 0
                for at in range(0, got, CHUNK):
                    piece = plain[at : min(at + CHUNK, got)]
                    sha256(piece).digest()
                    end = filled + len(piece) + 16
                    cipher.encrypt_into(number.to_bytes(12, "big"), piece, None, sealed[filled:end])
                    filled, number = end, number + 1
                pack.update(sealed[:filled])
        whole.digest()


def main(folder: str) -> None:
    """Share the files of `folder` out among as many processes as there are processors."""
    files = sorted((p for p in Path(folder).rglob("*") if p.is_file()), key=lambda p: -p.stat().st_size)
    count = len(os.sched_getaffinity(0))
    context = multiprocessing.get_context("fork")
    processes = [context.Process(target=work, args=(files[n::count],)) for n in range(count)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()


if __name__ == "__main__":
    main(sys.argv[1])
