"""Damaged and mutated files: each ends in pictures, a refusal or a failed child, and is told; none more."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from bearwitness.errors import ChildFailedError
from bearwitness.media.frames import frames
from bearwitness.media.model import DecodeTrouble, MediaError
from bearwitness.media.packets import packets
from bearwitness.media.plans import Plan
from bearwitness.media.probe import probe
from bearwitness.media.sound import sound
from bearwitness.media.source import Source
from bearwitness.media.stills import still
from bearwitness.sandbox.client import Sandbox
from scale import ALL

PLAN = Plan(threads=1, cpu_seconds=20, wall_seconds=20, memory_bytes=512 << 20)
SEED = 20_261_128
EACH = 160 if ALL else 4
BASES = (
    "neardup/woman-lowres.mp4",
    "damaged/mp4-named.txt",
    "video/signer-bystander.mkv",
    "neardup/woman-mirror.webm",
    "metadata/phone-gps.mov",
    "metadata/mat2-dirty.mp3",
    "audio/2414-128291-0003.flac",
    "audio/speech-ru.wav",
    "images/cat.png",
    "metadata/exiftool-gps.jpg",
    "metadata/mat2-dirty.jpg",
    "neardup/bridge-square-128.jpg",
)


def mutated(data: bytes, chance: random.Random) -> bytes:
    """Return the file with bytes flipped, cut out, doubled, spliced or its end lost."""
    out = bytearray(data)
    for _ in range(chance.randrange(1, 5)):
        at, length = chance.randrange(len(out)), chance.randrange(1, 2_000)
        match chance.randrange(5):
            case 0:
                for _ in range(chance.randrange(1, 200)):
                    out[chance.randrange(len(out))] ^= 1 << chance.randrange(8)
            case 1:
                del out[at : at + length]
            case 2:
                out[at:at] = out[at : at + length]
            case 3:
                out[at : at + length] = chance.randbytes(min(length, len(out) - at))
            case _:
                del out[chance.randrange(len(out) // 2, len(out)) :]
        if len(out) < 100:
            return data[:50]
    return bytes(out)


def everything(sandbox: Sandbox, source: Source) -> str:
    """Do all that can be done with a file; return how it ended."""
    ends: list[str] = []
    troubles: list[DecodeTrouble] = []
    for work in (_watch, _show):
        try:
            ends.append(work(sandbox, source, troubles))
        except MediaError as error:
            ends.append("refused" if source.name in error.message else "failed to name the file")
        except ChildFailedError as error:
            ends.append(f"failed: {error.message}")
    assert all(trouble.reason.isprintable() for trouble in troubles)
    return ", ".join(ends)


def _watch(sandbox: Sandbox, source: Source, troubles: list[DecodeTrouble]) -> str:
    facts = probe(sandbox, source, plan=PLAN)
    for stream in facts.streams:
        for _ in packets(sandbox, source, streams=[stream.index], troubles=troubles, plan=PLAN):
            pass
        if stream.kind == "video":
            for frame in frames(
                sandbox, source, stream=stream.index, max_side=64, troubles=troubles, plan=PLAN
            ):
                assert max(frame.picture.shape) <= 64
        if stream.kind == "audio":
            for block in sound(
                sandbox, source, stream=stream.index, rate=8_000, troubles=troubles, plan=PLAN
            ):
                assert block.rate == 8_000
    return "watched"


def _show(sandbox: Sandbox, source: Source, _: list[DecodeTrouble]) -> str:
    still(sandbox, source, max_side=64, plan=PLAN)
    return "shown"


@pytest.mark.parametrize("base", BASES)
def test_mutated_files_cost_no_more_than_their_child(base: str, decoders: Sandbox, corpus: Path) -> None:
    data = (corpus / base).read_bytes()
    chance = random.Random(f"{SEED} {base}")
    for number in range(EACH):
        everything(decoders, Source.of_bytes(mutated(data, chance), f"{number} of {base}"))
    whole = everything(decoders, Source.of_bytes(data, base))  # and the sandbox is as good as new
    assert "watched" in whole or "shown" in whole


def test_all_damaged_files_are_dealt_with(decoders: Sandbox, corpus: Path) -> None:
    ends = {
        path.name: everything(decoders, Source.of_bytes(path.read_bytes(), path.name))
        for path in sorted((corpus / "damaged").iterdir())
        if path.suffix != ".json"
    }
    assert not [end for end in ends.values() if "failed" in end]
    assert {name for name, end in ends.items() if "watched" in end or "shown" in end} == {
        "bit-errors.mp4",
        "mp4-named.txt",
        "png-named.jpg",
        "zeroed-ranges.mp4",
    }


def test_a_playlist_can_not_make_a_decoder_open_another_file(decoders: Sandbox, tmp_path: Path) -> None:
    secret = tmp_path / "secret.ts"
    secret.write_bytes(b"G" * 188 * 10)
    for text in (
        f"#EXTM3U\n#EXT-X-TARGETDURATION:10\n#EXTINF:10,\nfile://{secret}\n#EXT-X-ENDLIST\n",
        f"ffconcat version 1.0\nfile {secret}\n",
    ):
        with pytest.raises(MediaError):
            probe(decoders, Source.of_bytes(text.encode(), "list"))
