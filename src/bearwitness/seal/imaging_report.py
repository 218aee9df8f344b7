"""What we write about an image: for the source keepers all of it, for the log of the evidence only counts."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, field
from typing import Any, Final

from bearwitness.images.disk_image import DiskImage
from bearwitness.images.model import SECTOR_BYTES, Acquisition, Layout
from bearwitness.images.ranges import Ranges
from bearwitness_verify import canonical
from bearwitness_verify.canonical import Json, b64

from .imaging_compare import CHUNK_BYTES
from .imaging_target import Target
from .imaging_walk import owners

_RANGES_TOLD_MAX: Final = 1_000  # in the log; the file in the quarantine holds all
_TRACES_MAX: Final = 1_000
_PEOPLE_MAX: Final = 200


@dataclass
class Imaged:
    """What is known of an image once it was read; kept in the notes of the run."""

    sha256: str = ""
    size: int = 0
    unreadable: list[list[int]] = field(default_factory=list)  # offset, length
    sectors: list[list[int]] = field(default_factory=list)  # that gave other bytes when read again
    chunks: list[list[int]] = field(default_factory=list)  # of 1 MiB that did, and could not be narrowed down
    readings: int = 0
    hashes: dict[str, str] = field(default_factory=dict)  # of the decoded image, named as in `stored`
    stored: dict[str, str] = field(default_factory=dict)  # what an EWF image says they are
    volumes: int = 0
    volumes_read: int = 0

    @property
    def unstable(self) -> Ranges:
        """Where two readings differed."""
        return Ranges((offset, length) for offset, length in [*self.sectors, *self.chunks])

    @property
    def mismatched(self) -> list[str]:
        """Which hashes stored in an EWF image are not those of what it decodes to."""
        return sorted(name for name, value in self.stored.items() if self.hashes.get(name) != value)

    def to_notes(self) -> dict[str, Any]:
        """Return it for the notes."""
        return asdict(self)


def public_facts(target: Target, imaged: Imaged, write_blocker: str) -> dict[str, Json]:
    """Return what both entries of the log say of the source: nothing by which the drive can be told."""
    facts: dict[str, Json] = {
        "how": target.how,
        "readings": str(imaged.readings),
        "unreadable_bytes": str(Ranges((o, n) for o, n in imaged.unreadable).total),
        "unstable_bytes": str(imaged.unstable.total),
        "volumes": str(imaged.volumes),
        "volumes_read": str(imaged.volumes_read),
        "write_blocker": write_blocker or None,
    }
    if target.read_only is not None:
        facts["read_only"] = target.read_only
    if imaged.sha256:
        facts["sha256_image"] = imaged.sha256
    if imaged.stored:
        facts["stored_hashes_match"] = not imaged.mismatched
    return facts


def quarantine_facts(public: dict[str, Json], imaged: Imaged) -> dict[str, Json]:
    """Return what the entry of the quarantine says beside that: where the disk failed."""
    return {
        **public,
        "bytes_image": str(imaged.size),
        "unreadable": _ranges(imaged.unreadable[:_RANGES_TOLD_MAX]),
        "unstable": _ranges([list(pair) for pair in imaged.unstable][:_RANGES_TOLD_MAX]),
    }


def unstable_json(imaged: Imaged) -> bytes:
    """Return the file `unstable.json`: every range where two readings of the disk differed."""
    told: dict[str, Json] = {
        "changed_mebibytes": _ranges(imaged.chunks),
        "chunk_bytes": str(CHUNK_BYTES),
        "readings": str(imaged.readings),
        "sector_bytes": str(SECTOR_BYTES),
        "unreadable": _ranges(imaged.unreadable),
        "unstable_sectors": _ranges(imaged.sectors),
        "v": "1",
    }
    return canonical.dumps(told) + b"\n"


def device_json(target: Target, imaged: Imaged, image: DiskImage | None, write_blocker: str) -> bytes:
    """Return the file `device.json`: what tells this disk from all others, and whose it may have been."""
    layout, acquisition = _layout(image), _acquisition(target, image)
    facts: dict[str, Json] = {
        "acquisition": None if acquisition is None else dict(acquisition.facts),
        "device": dict(target.facts),
        "hashes": {**imaged.hashes, "sha256": imaged.sha256},
        "how": target.how,
        "in_use": target.in_use,
        "path": b64(bytes(target.path)),
        "read_only": target.read_only,
        "sector_bytes": str(target.sector_bytes),
        "size": str(imaged.size),
        "stored_hashes": dict(imaged.stored),
        "table": None if layout is None else layout.table,
        "table_ids": None if layout is None else dict(layout.ids),
        "traces": list(_traces(image, layout)) if image and layout else [],
        "v": "1",
        "volumes": [] if layout is None else _volumes(layout),
        "write_blocker": write_blocker or None,
    }
    return canonical.dumps(facts) + b"\n"


def _layout(image: DiskImage | None) -> Layout | None:
    return None if image is None else image.layout()


def _acquisition(target: Target, image: DiskImage | None) -> Acquisition | None:
    return image.acquisition() if image is not None and target.form == "ewf" else None


def _volumes(layout: Layout) -> list[Json]:
    return [
        {
            "file_system": volume.file_system,
            "ids": dict(volume.ids),
            "kind": volume.kind,
            "length": str(volume.length),
            "number": str(volume.number),
            "offset": str(volume.offset),
            "trouble": volume.trouble,
        }
        for volume in layout.volumes
    ]


def _traces(image: DiskImage, layout: Layout) -> Iterator[Json]:
    """Yield what an operating system left at the root of each volume, and after whom folders are named."""
    told = 0
    for volume in layout.volumes:
        for entry, people in owners(image, volume) if volume.file_system else ():
            told += 1
            if told > _TRACES_MAX:
                return
            yield {
                "mtime": None if entry.mtime is None else str(entry.mtime),
                "names_below": [b64(name) for name in people[:_PEOPLE_MAX]],
                "path": b64(entry.name),
                "type": entry.type,
                "uid": None if entry.uid is None else str(entry.uid),
                "volume": str(volume.number),
            }


def _ranges(ranges: Iterable[list[int]]) -> list[Json]:
    return [{"length": str(length), "offset": str(offset)} for offset, length in ranges]
