"""Partition tables: every volume is found with its number, place and ids; what is none is told to be none."""

from __future__ import annotations

from pathlib import Path

import pytest
from looking import content, everything, opened

from bearwitness.sandbox.client import Sandbox
from disks import partitions
from disks.exfat import Exfat
from disks.fat import Fat
from disks.tree import Node, noise

FAT = Fat(70_000).write([Node("on fat", noise(3_000))])
EXFAT = Exfat(300).write([Node("on exfat", noise(4_000, 2))])
FAT16 = Fat(8_000, bits=16).write([Node("on fat16", noise(5_000, 3))])


def test_an_extended_partition_and_its_logical_one_are_found(tmp_path: Path, image_sandbox: Sandbox) -> None:
    (tmp_path / "disk").write_bytes(partitions.mbr([FAT, EXFAT, FAT16], [0x0C, 0x07, 0x06], logical=True))
    with opened(image_sandbox, tmp_path / "disk") as image:
        layout = image.layout()
        assert layout.table == "mbr"
        assert layout.ids["mbr_signature"] == "deadc0de"
        assert [(v.number, v.file_system) for v in layout.volumes] == [
            (1, "fat32"),
            (2, "exfat"),
            (3, "fat16"),
        ]
        entries = everything(image).entries
        assert content(image, entries[b"1/on fat"]) == noise(3_000)
        assert content(image, entries[b"2/on exfat"]) == noise(4_000, 2)
        assert content(image, entries[b"3/on fat16"]) == noise(5_000, 3)
        assert len(entries) == 3


def test_a_guid_table_gives_its_ids_with_its_volumes(tmp_path: Path, image_sandbox: Sandbox) -> None:
    (tmp_path / "disk").write_bytes(partitions.gpt([FAT16, EXFAT]))
    with opened(image_sandbox, tmp_path / "disk") as image:
        layout = image.layout()
        assert layout.table == "gpt"
        assert layout.ids["gpt_disk"] == str(partitions.DISK_GUID)
        assert [v.ids["gpt_name"] for v in layout.volumes] == ["SECRETPARTITION"] * 2
        assert layout.volumes[1].ids["gpt_partition"] == "aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeee01"
        assert layout.volumes[1].offset % 512 == 0
        assert set(everything(image).entries) == {b"1/on fat16", b"2/on exfat"}


@pytest.mark.parametrize("begin", [512, 0], ids=["but for its guard", "with its guard"])
def test_a_guid_table_whose_first_copy_is_destroyed_is_found_at_the_end(
    tmp_path: Path, image_sandbox: Sandbox, begin: int
) -> None:
    disk = bytearray(partitions.gpt([FAT16]))
    disk[begin : 34 * 512] = bytes(34 * 512 - begin)
    (tmp_path / "disk").write_bytes(disk)
    with opened(image_sandbox, tmp_path / "disk") as image:
        assert set(everything(image).entries) == {b"1/on fat16"}
        assert image.layout().table == "gpt"
        assert image.layout().ids["gpt_disk"] == str(partitions.DISK_GUID)
        assert image.layout().volumes[0].ids["gpt_name"] == "SECRETPARTITION"


def test_a_volume_over_all_of_the_disk_goes_before_an_old_table_at_its_end(
    tmp_path: Path, image_sandbox: Sandbox
) -> None:
    disk = bytearray(partitions.gpt([EXFAT]))
    disk[: len(FAT16)] = FAT16
    (tmp_path / "disk").write_bytes(disk)
    with opened(image_sandbox, tmp_path / "disk") as image:
        assert b"0/on fat16" in everything(image).entries


def test_a_volume_without_a_file_system_is_listed_with_the_reason(
    tmp_path: Path, image_sandbox: Sandbox
) -> None:
    (tmp_path / "disk").write_bytes(partitions.mbr([noise(1 << 20), FAT16]))
    with opened(image_sandbox, tmp_path / "disk") as image:
        first, second = image.layout().volumes
        assert first.file_system == ""
        assert first.trouble
        assert second.file_system == "fat16"
        assert content(image, everything(image).entries[b"2/on fat16"]) == noise(5_000, 3)


def test_a_disk_without_a_table_is_one_volume(tmp_path: Path, image_sandbox: Sandbox) -> None:
    (tmp_path / "disk").write_bytes(FAT16)
    with opened(image_sandbox, tmp_path / "disk") as image:
        (volume,) = image.layout().volumes
        assert (volume.number, volume.offset, volume.length) == (0, 0, len(FAT16))
        assert image.layout().table == ""


@pytest.mark.parametrize("data", [bytes(1 << 20), noise(1 << 20), b"x" * 700], ids=["zeros", "noise", "tiny"])
def test_a_disk_with_nothing_known_on_it_is_a_volume_that_can_not_be_read(
    tmp_path: Path, image_sandbox: Sandbox, data: bytes
) -> None:
    (tmp_path / "disk").write_bytes(data)
    with opened(image_sandbox, tmp_path / "disk") as image:
        (volume,) = image.layout().volumes
    assert volume.file_system == ""
    assert volume.trouble


def test_a_partition_that_reaches_beyond_the_disk_does_not_end_the_rest(
    tmp_path: Path, image_sandbox: Sandbox
) -> None:
    disk = bytearray(partitions.mbr([FAT16, EXFAT]))
    disk[446 + 16 + 12 : 446 + 16 + 16] = b"\xff\xff\xff\x7f"
    (tmp_path / "disk").write_bytes(disk)
    with opened(image_sandbox, tmp_path / "disk") as image:
        assert content(image, everything(image).entries[b"1/on fat16"]) == noise(5_000, 3)
