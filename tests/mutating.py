"""Files made wrong on purpose: bytes flipped, overwritten, cut and spliced, the same for a seed."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence

_INTERESTING = (
    b"\xff\xff\xff\xff",
    b"\x00\x00\x00\x00",
    b"\x7f\xff\xff\xff",
    b"\x80\x00\x00\x00",
    b"\x00\x00\x00\x01",
)


def flipped(data: bytes, others: Sequence[bytes], generator: random.Random) -> bytes:
    """Return `data` with 1 to 64 bits turned over."""
    made = bytearray(data)
    for _ in range(generator.choice((1, 2, 8, 64))):
        made[generator.randrange(len(made))] ^= 1 << generator.randrange(8)
    return bytes(made)


def overwritten(data: bytes, others: Sequence[bytes], generator: random.Random) -> bytes:
    """Return `data` with a few lengths, counts or offsets at the edge of what fits, most near the front."""
    made = bytearray(data)
    for _ in range(generator.randint(1, 4)):
        value = generator.choice(_INTERESTING)
        at = int(len(made) * generator.random() ** 3)
        made[at : at + len(value)] = value
    return bytes(made[: len(data)])


def cut(data: bytes, others: Sequence[bytes], generator: random.Random) -> bytes:
    """Return the front, the back, or all but the middle of `data`."""
    first, second = sorted((generator.randrange(len(data) + 1), generator.randrange(len(data) + 1)))
    return generator.choice((data[:first], data[second:], data[:first] + data[second:]))


def spliced(data: bytes, others: Sequence[bytes], generator: random.Random) -> bytes:
    """Return `data` with a piece of another file, or of itself, put in or in place of its own bytes."""
    other = generator.choice(others)
    begin = generator.randrange(len(other) + 1)
    piece = other[begin : begin + generator.randint(1, 20_000)]
    at = generator.randrange(len(data) + 1)
    return data[:at] + piece + data[at + generator.choice((0, len(piece))) :]


WAYS: tuple[Callable[[bytes, Sequence[bytes], random.Random], bytes], ...] = (
    flipped,
    overwritten,
    cut,
    spliced,
)


def mutated(originals: dict[str, bytes], count: int, seed: int) -> Iterator[tuple[str, bytes]]:
    """Yield `count` names and bytes, every way and every original in turn."""
    generator, names = random.Random(seed), sorted(name for name, data in originals.items() if data)
    others = [originals[name] for name in names]
    for number in range(count):
        way, name = WAYS[number % len(WAYS)], names[(number // len(WAYS)) % len(names)]
        yield f"{number:04}-{way.__name__}-{name}", way(originals[name], others, generator)
