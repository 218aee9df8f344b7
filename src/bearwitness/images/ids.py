"""What tells this disk and these volumes from all others: serial numbers, uuids, labels.

For the source keepers' quarantine alone: by one of these, a machine that ever had the drive knows it again.
"""

from __future__ import annotations

import uuid
from typing import Any, Final

from .medium import Medium

_GPT_SECTORS: Final = (512, 4096)
_GPT_ENTRIES_MAX: Final = 256
_LABEL_CHARACTERS_MAX: Final = 256
_VOLUME_RECORD, _VOLUME_NAME = 3, 96  # NTFS: the file $Volume and the attribute with its label


def disk_ids(medium: Medium) -> tuple[dict[str, str], dict[int, dict[str, str]]]:
    """Return the ids in the partition table: of the disk, and of partitions by their offset."""
    boot = medium.read(0, 512)
    ids: dict[str, str] = {}
    if boot[510:512] == b"\x55\xaa" and any(boot[440:444]):
        ids["mbr_signature"] = boot[440:444][::-1].hex()
    for sector in _GPT_SECTORS:
        for place in (sector, max(0, medium.size - sector)):  # the table, and its copy at the end
            head = medium.read(place, 92)
            if head[:8] == b"EFI PART":
                ids["gpt_disk"] = str(uuid.UUID(bytes_le=head[56:72]))
                return ids, _gpt_partitions(medium, head, sector)
    return ids, {}


def _gpt_partitions(medium: Medium, head: bytes, sector: int) -> dict[int, dict[str, str]]:
    table, count, size = _u64(head, 72) * sector, _u32(head, 80), _u32(head, 84)
    found: dict[int, dict[str, str]] = {}
    if not 128 <= size <= 4096 or table >= medium.size:
        return found
    for number in range(min(count, _GPT_ENTRIES_MAX)):
        entry = medium.read(table + number * size, 128)
        if any(entry[:16]):
            found[_u64(entry, 32) * sector] = {
                "gpt_partition": str(uuid.UUID(bytes_le=entry[16:32])),
                "gpt_name": label(entry[56:128].decode("utf-16-le", "replace")),
            }
    return found


def volume_ids(medium: Medium, offset: int, file_system: str, fs: Any) -> dict[str, str]:
    """Return serial number or uuid, and label, of a volume."""
    boot = medium.read(offset, 2048)
    if file_system == "ntfs":
        return {"serial": boot[72:80][::-1].hex(), "label": _ntfs_label(fs)}
    if file_system == "exfat":
        return {"serial": boot[100:104][::-1].hex(), "label": _root_label(fs)}
    if file_system.startswith("fat"):
        at = 67 if file_system == "fat32" else 39
        said = label(boot[at + 4 : at + 15].decode("cp437"))
        return {"serial": boot[at : at + 4][::-1].hex(), "label": _root_label(fs) or said}
    if file_system.startswith("ext"):
        block = boot[1024:]
        said = label(block[120:136].decode("latin-1"))
        return {"uuid": str(uuid.UUID(bytes=block[104:120])), "label": said}
    return {}


def _ntfs_label(fs: Any) -> str:
    try:
        file = fs.open_meta(_VOLUME_RECORD)
        for attribute in file:
            if int(attribute.info.type) == _VOLUME_NAME:
                data = file.read_random(0, 512, _VOLUME_NAME, int(attribute.info.id))
                return label(data.decode("utf-16-le", "replace"))
    except OSError:
        pass
    return ""


def _root_label(fs: Any) -> str:
    """Return the label in the root folder, which The Sleuth Kit shows as a file."""
    suffix = " (Volume Label Entry)"
    try:
        for file in fs.open_dir(inode=int(fs.info.root_inum)):
            name = bytes(file.info.name.name).decode("utf-8", "replace")
            if name.endswith(suffix):
                return label(name.removesuffix(suffix))
    except OSError:
        pass
    return ""


def label(text: str) -> str:
    """Return a label without its padding."""
    return text.partition("\x00")[0].strip(" ")[:_LABEL_CHARACTERS_MAX]


def _u32(data: bytes, at: int) -> int:
    return int.from_bytes(data[at : at + 4], "little")


def _u64(data: bytes, at: int) -> int:
    return int.from_bytes(data[at : at + 8], "little")
