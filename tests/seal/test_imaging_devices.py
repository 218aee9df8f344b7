"""A device is imaged: read twice, compared, its failing sectors told, what it is kept for source keepers."""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path

from imaged import FILES, bench, contents, entry_of, fat16, quarantined, restored

from disks.failing import SECTOR, failing_disk, loop_device
from disks.fat import Fat
from disks.tree import Node, noise
from workbench import Bench, run

__all__ = ["bench"]
BLOCKER = "Tableau T8u, serial 01D2"


def facts(kept: Path) -> dict[str, object]:
    found = json.loads((kept / "device.json").read_text())
    assert isinstance(found, dict)
    return found


def test_a_device_is_imaged_twice_with_its_write_blocker_and_its_files_are_evidence(
    bench: Bench, tmp_path: Path
) -> None:
    (image,) = fat16(tmp_path).paths
    with loop_device(image) as device:
        sealed = bench.seal(device, "--write-blocker", BLOCKER)
        assert sealed["how"] == "image of a device"
        assert not any("write blocker" in warning for warning in sealed["warnings"])
    digest = hashlib.sha256(image.read_bytes()).hexdigest()
    source = entry_of(bench, sealed["delivery"])["source"]
    assert source["readings"] == "2"
    assert source["write_blocker"] == BLOCKER
    assert source["sha256_image"] == digest
    assert source["read_only"] is True
    assert contents(restored(bench, tmp_path / "out", sealed["delivery"])) == FILES
    assert quarantined(bench, sealed)["image.raw"]["sha256"] == digest
    kept = facts(restored(bench, tmp_path / "kept", sealed["quarantine"], "--quarantine"))
    assert kept["write_blocker"] == BLOCKER
    assert kept["hashes"] == {"sha256": digest, "sha256_second_reading": digest}
    assert os.fsencode(device).decode() not in json.dumps(bench.do("log"))


def test_a_device_that_others_can_write_to_is_sealed_with_a_warning(bench: Bench, tmp_path: Path) -> None:
    (image,) = fat16(tmp_path).paths
    with loop_device(image, writable=True) as device:
        sealed = bench.seal(device)
    assert any(warning.startswith("no write blocker was named") for warning in sealed["warnings"])
    source = entry_of(bench, sealed["delivery"])["source"]
    assert (source["read_only"], source["write_blocker"]) == (False, None)


def test_sectors_that_fail_or_change_are_told_and_cost_the_files_they_are_in(
    bench: Bench, tmp_path: Path
) -> None:
    maker = Fat(8_000, bits=16)
    film, other = noise(200_000, 1), noise(100_000, 2)
    data = maker.write([Node("film.mp4", film), Node("other.bin", other), Node("fine", b"fine")])
    bad = maker.offset(maker.place["film.mp4"][10])
    unstable = maker.offset(maker.place["other.bin"][5])
    sectors = [bad // SECTOR, bad // SECTOR + 1]
    with failing_disk(tmp_path, data, bad=sectors, unstable=[unstable // SECTOR]) as device:
        sealed = bench.seal(device, "--write-blocker", BLOCKER, codes=(3,))
    source = entry_of(bench, sealed["delivery"])["source"]
    assert source["unreadable_bytes"] == str(2 * SECTOR)
    assert source["unstable_bytes"] == str(SECTOR)
    assert {one["path"] for one in sealed["unreadable"]} == {"image.raw", "film.mp4", "other.bin"}
    items = bench.items("--delivery", sealed["delivery"])
    ((loss,), changed) = items["film.mp4"]["fate"]["losses"], items["other.bin"]["fate"]["changed"]
    assert (loss["offset"], loss["length"]) == (str(10 * SECTOR), str(2 * SECTOR))
    assert changed is True
    out = restored(bench, tmp_path / "out", sealed["delivery"], codes=(0, 3))
    assert (out / "fine").read_bytes() == b"fine"
    begin = 10 * SECTOR
    assert (out / "film.mp4").read_bytes() == film[:begin] + bytes(2 * SECTOR) + film[begin + 2 * SECTOR :]
    kept = restored(bench, tmp_path / "kept", sealed["quarantine"], "--quarantine", codes=(0, 3))
    told = json.loads((kept / "unstable.json").read_text())
    assert told["unstable_sectors"] == [{"length": str(SECTOR), "offset": str(unstable)}]
    assert told["unreadable"] == [{"length": str(2 * SECTOR), "offset": str(bad)}]
    image = (kept / "image.raw").read_bytes()
    assert image[:bad] == data[:bad]
    assert image[bad : bad + 2 * SECTOR] == bytes(2 * SECTOR)


def test_a_device_whose_tables_can_not_be_read_is_kept_as_an_image_alone(
    bench: Bench, tmp_path: Path
) -> None:
    data = Fat(8_000, bits=16).write([Node("film.mp4", noise(10_000))])
    with failing_disk(tmp_path, data, bad=range(8)) as device:
        sealed = bench.seal(device, codes=(3,))
    assert quarantined(bench, sealed)["image.raw"]["bytes"] == len(data)
    assert "film.mp4" not in bench.items("--delivery", sealed["delivery"])
    assert entry_of(bench, sealed["delivery"])["source"]["volumes_read"] == "0"


def test_a_device_is_never_taken_for_a_file_nor_a_folder_for_an_image(bench: Bench, tmp_path: Path) -> None:
    (image,) = fat16(tmp_path).paths
    with loop_device(image) as device:
        done = run("seal", device, "--vault", bench.vault, "--as", "file").ok(1)
        assert "is a device and can not be taken as a file" in done.err
        assert bench.seal(device, "--as", "image")["how"] == "image of a device"
    for kind in ("file", "image"):
        done = run("seal", tmp_path, "--vault", bench.vault, "--as", kind).ok(1)
        assert "leave out --as" in done.err
