"""Disks to be sealed whole, and what must come back of each."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from disks import partitions, tools
from disks.ewf import Ewf
from disks.exfat import Exfat
from disks.fat import Fat
from disks.tree import Node, noise
from workbench import Bench, run, wav

FILM, SOUND = noise(200_000, 1), wav(1.0)
GUID, THUMB, GONE = b"{GUID-OF-THE-MACHINE}", b"THUMB-OF-A-FACE", noise(5_000, 9)
NAME = "Привет мир.txt"
FILES = {"DCIM/film.mp4": FILM, "DCIM/sound.wav": SOUND, f"DCIM/{NAME}": b"words", "DCIM/empty": b""}
SECRETS = ("SECRET", GUID.decode(), THUMB.decode(), "gone.mp4", "Thumbs.db", "System Volume", "deadc0de")


@dataclass(frozen=True)
class Drive:
    """A disk image: its files, the file to name, what its volumes hold, what it would betray."""

    paths: list[Path]
    files: dict[str, bytes]
    ids: tuple[str, ...] = ()
    traces: dict[str, bytes] = field(default_factory=dict)


def nodes() -> list[Node]:
    """Return what FAT and exFAT volumes hold: footage, traces of Windows, a deleted film."""
    footage = [
        Node("film.mp4", FILM, scattered=True),
        Node("sound.wav", SOUND),
        Node(NAME, b"words"),
        Node("empty", b""),
    ]
    return [
        Node("DCIM", children=footage),
        Node("System Volume Information", children=[Node("IndexerVolumeGuid", GUID)]),
        Node("gone.mp4", GONE, deleted=True),
        Node("Thumbs.db", THUMB),
    ]


_TRACES = {"System Volume Information/IndexerVolumeGuid": GUID, "Thumbs.db": THUMB}


def _written(path: Path, data: bytes) -> list[Path]:
    path.write_bytes(data)
    return [path]


def fat32(folder: Path) -> Drive:
    return Drive(_written(folder / "disk.img", Fat(70_000).write(nodes())), FILES, ("cafebabe",), _TRACES)


def fat16(folder: Path) -> Drive:
    return Drive(_written(folder / "disk.img", _small_fat()), FILES, ("cafebabe",), _TRACES)


def _small_fat() -> bytes:
    return Fat(8_000, bits=16).write(nodes())


def exfat(folder: Path) -> Drive:
    return Drive(_written(folder / "disk.img", Exfat(300).write(nodes())), FILES, ("0badf00d",), _TRACES)


def ntfs(folder: Path) -> Drive:
    files = {"film.mp4": FILM, NAME: b"words", "empty": b""}
    streams = {("film.mp4", "further"): b"of a stream", ("film.mp4", "Zone.Identifier"): b"[ZoneTransfer]"}
    image = tools.ntfs(folder / "disk.img", {**files, "Thumbs.db": THUMB}, streams)
    traces = {"Thumbs.db": THUMB, "film.mp4:Zone.Identifier": b"[ZoneTransfer]"}
    return Drive([image], {**files, "film.mp4:further": b"of a stream"}, ("Zone",), traces)


def ext4(folder: Path) -> Drive:
    root = folder / "root"
    for name, data in {**FILES, "Thumbs.db": THUMB, ".Trash-1000/info": GUID}.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
        os.utime(path, (1_600_000_000, 1_600_000_001))
    image = tools.ext4(folder / "disk.img", root)
    traces = {"Thumbs.db": THUMB, ".Trash-1000/info": GUID}
    return Drive([image], FILES, (tools.EXT4_UUID, "Trash-1000"), traces)


def _two_volumes() -> bytes:
    return partitions.mbr([_small_fat(), Exfat(300).write(nodes())], [0x06, 0x07])


def two_volumes(folder: Path) -> Drive:
    return _two(_written(folder / "disk.img", _two_volumes()))


def e01(folder: Path) -> Drive:
    return _two(Ewf(_two_volumes(), chunks_a_segment=60).write(folder))


def _two(paths: list[Path]) -> Drive:
    files = {f"{n}/{name}": data for n in (1, 2) for name, data in FILES.items()}
    traces = {f"{n}/{name}": data for n in (1, 2) for name, data in _TRACES.items()}
    return Drive(paths, files, ("cafebabe", "0badf00d"), traces)


DRIVES: dict[str, Callable[[Path], Drive]] = {
    "FAT16": fat16,
    "FAT32": fat32,
    "exFAT": exfat,
    "NTFS": ntfs,
    "ext4": ext4,
    "two volumes": two_volumes,
    "E01": e01,
}


def quarantined(bench: Bench, sealed: dict[str, Any], *keys: Path) -> dict[str, dict[str, Any]]:
    """Return what a source keeper, with further keys at hand, finds in the quarantine of a seal, by path."""
    words = [word for key in (bench.keeper, *keys) for word in ("--identity", key)]
    words += ["--quarantine", "--delivery", sealed["quarantine"], "--json"]
    items = run("list", "--vault", bench.vault, *words).ok().json["items"]
    return {item["path"]: item for item in items}


def restored(bench: Bench, out: Path, delivery: str, *words: object, codes: tuple[int, ...] = (0,)) -> Path:
    """Write a delivery out; return where."""
    keys = ["--identity", bench.anna, "--identity", bench.keeper]
    run("restore", out, "--vault", bench.vault, *keys, "--delivery", delivery, *words).ok(*codes)
    return out


def contents(folder: Path) -> dict[str, bytes]:
    """Return the files below a folder by path."""
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def entry_of(bench: Bench, delivery: str, *keys: Path) -> dict[str, Any]:
    """Return the fields that the log has of a seal."""
    words = [word for key in (bench.anna, *keys) for word in ("--identity", key)]
    entries = run("log", "--vault", bench.vault, *words, "--json").ok().json["entries"]
    (found,) = [e["fields"] for e in entries if _delivery(e) == delivery]
    assert isinstance(found, dict)
    return found


def _delivery(entry: dict[str, Any]) -> str | None:
    return entry.get("fields", {}).get("descriptor", {}).get("delivery")


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Bench:
    """A vault for all tests of a file: each looks at its own delivery alone."""
    return Bench(tmp_path_factory.mktemp("imaging"))
