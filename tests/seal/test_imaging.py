"""A disk image is sealed into the quarantine, its live files into the evidence, and neither leaks."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest
from imaged import (
    DRIVES,
    FILES,
    GONE,
    SECRETS,
    Drive,
    bench,
    contents,
    e01,
    entry_of,
    fat16,
    quarantined,
    restored,
)

from disks.ewf import CHUNK, Ewf
from disks.fat import Fat
from disks.tree import MOMENT, Node, noise, ns
from workbench import Bench, fill, run, verify

__all__ = ["bench"]


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


@pytest.mark.parametrize("kind", DRIVES)
def test_live_files_become_evidence_and_the_image_and_all_traces_go_to_the_quarantine(
    bench: Bench, tmp_path: Path, kind: str
) -> None:
    drive = DRIVES[kind](tmp_path)
    before = [(path.read_bytes(), path.stat()) for path in drive.paths]
    sealed = bench.seal(drive.paths[0], "--by", "Anna")
    assert sealed["how"] == ("disk image (E01)" if kind == "E01" else "disk image (raw)")
    items = bench.items("--delivery", sealed["delivery"])
    assert {path: item["sha256"] for path, item in items.items()} == {
        path: sha256(data) for path, data in drive.files.items()
    }
    assert contents(restored(bench, tmp_path / "out", sealed["delivery"])) == drive.files
    kept = contents(restored(bench, tmp_path / "kept", sealed["quarantine"], "--quarantine"))
    told = {kept.pop(name) for name in ("device.json", "unstable.json")}
    names = ["image.raw"] if len(drive.paths) == 1 else [path.name for path in drive.paths]
    wholes = {name: data for name, (data, _) in zip(names, before, strict=True)}
    assert kept == {**wholes, **{f"traces/{name}": data for name, data in drive.traces.items()}}
    assert any(b"SECRETLABEL" in text for text in told)
    for path, (data, status) in zip(drive.paths, before, strict=True):
        assert path.read_bytes() == data
        assert path.stat().st_mtime_ns == status.st_mtime_ns
    check_nothing_leaks(bench, drive, json.dumps(sealed), tmp_path / "out")


def check_nothing_leaks(bench: Bench, drive: Drive, said: str, out: Path) -> None:
    """Fail if what `seal` said, or what keepers of the vault see, holds a secret of the drive."""
    views = [run(verb, "--vault", bench.vault, "--identity", bench.anna).ok() for verb in ("list", "log")]
    seen = [said, *(view.out for view in views), *map(str, out.rglob("*"))]
    for secret in (*SECRETS, *drive.ids):
        assert not any(secret in text for text in seen), secret


def test_the_log_says_how_the_evidence_was_had_and_nothing_of_the_drive(bench: Bench, tmp_path: Path) -> None:
    drive = fat16(tmp_path)
    sealed = bench.seal(drive.paths[0])
    source = entry_of(bench, sealed["delivery"])["source"]
    assert source == {
        "how": "disk image (raw)",
        "quarantine": sealed["quarantine"],
        "readings": "2",
        "sha256_image": sha256(drive.paths[0].read_bytes()),
        "unreadable_bytes": "0",
        "unstable_bytes": "0",
        "volumes": "1",
        "volumes_read": "1",
        "write_blocker": None,
    }


def test_times_of_a_clock_on_a_wall_come_back_as_it_showed_them(bench: Bench, tmp_path: Path) -> None:
    sealed = bench.seal(fat16(tmp_path).paths[0])
    out = restored(bench, tmp_path / "out", sealed["delivery"])
    assert (out / "DCIM/film.mp4").stat().st_mtime_ns == ns(MOMENT)


def test_a_keeper_of_the_vault_who_is_no_source_keeper_opens_nothing_of_the_quarantine(
    bench: Bench, tmp_path: Path
) -> None:
    sealed = bench.seal(fat16(tmp_path).paths[0])
    words = ["--vault", bench.vault, "--identity", bench.anna, "--quarantine"]
    for command in (["list"], ["restore", tmp_path / "out"]):
        done = run(*command, *words).ok(1)
        assert "it is for source keepers" in done.err
    assert not (tmp_path / "out").exists()
    entries = bench.do("log")["entries"]
    assert (
        sum(sealed["quarantine"] in str(entry.get("fields")) for entry in entries) == 1
    )  # named by the other


def test_deleted_files_are_left_alone_unless_a_source_keeper_asks(bench: Bench, tmp_path: Path) -> None:
    drive = fat16(tmp_path)
    sealed = bench.seal(drive.paths[0])
    assert not any(path.startswith("deleted/") for path in quarantined(bench, sealed))
    assert entry_of(bench, sealed["quarantine"], bench.keeper)["source"]["deleted_recovered"] is False
    asked = bench.seal(drive.paths[0], "--recover-deleted", codes=(0, 3))
    found = quarantined(bench, asked)
    deleted = {path: item["sha256"] for path, item in found.items() if path.startswith("deleted/")}
    assert sha256(GONE) in deleted.values()
    assert bench.items("--delivery", asked["delivery"]).keys() == FILES.keys()
    assert entry_of(bench, asked["quarantine"], bench.keeper)["source"]["deleted_recovered"] is True


def test_a_mounted_folder_is_a_logical_copy_and_has_no_quarantine(bench: Bench, tmp_path: Path) -> None:
    sealed = bench.seal(fill(tmp_path / "drive", {"a": b"a"}), "--card", tmp_path / "card.html")
    assert sealed["how"] == "logical copy"
    assert sealed["quarantine"] is None
    assert entry_of(bench, sealed["delivery"])["source"]["how"] == "logical copy"
    assert "logical copy" in (tmp_path / "card.html").read_text()


def test_traces_of_an_operating_system_in_a_mounted_folder_are_warned_of(
    bench: Bench, tmp_path: Path
) -> None:
    clean = bench.seal(
        fill(tmp_path / "clean", {"DCIM/film.mp4": b"a film", "DCIM/Recovery": b"no trace here"})
    )
    assert clean["warnings"] == []
    drive = fill(tmp_path / "drive", {"a": b"a", "$RECYCLE.BIN/S-1-5-21/x": b"x", "Thumbs.db": b"thumb"})
    (warning,) = bench.seal(drive)["warnings"]
    assert "2 names" in warning
    assert "Seal the device" in warning


def test_a_damaged_chunk_of_an_e01_image_is_told_with_the_file_it_costs(bench: Bench, tmp_path: Path) -> None:
    film = noise(600_000)
    maker = Fat(8_000, bits=16)
    data = maker.write([Node("film.mp4", film), Node("small", b"small")])
    begin = maker.offset(maker.place["film.mp4"][0])
    hit = begin // CHUNK + 2
    (path,) = Ewf(data, damaged=frozenset({hit})).write(tmp_path)
    sealed = bench.seal(path, codes=(3,))
    lost = {(one["path"], one["reason"]) for one in sealed["unreadable"]}
    assert (path.name, f"{CHUNK:,} bytes of it can not be decoded") in lost
    assert (path.name, "what it decodes to does not have the MD5 and SHA1 stored in it") in lost
    out = restored(bench, tmp_path / "out", sealed["delivery"], codes=(0, 3))
    at = hit * CHUNK - begin
    assert contents(out) == {
        "film.mp4": film[:at] + bytes(CHUNK) + film[at + CHUNK :],
        "small": b"small",
    }
    fate = bench.items("--delivery", sealed["delivery"])["film.mp4"]["fate"]
    assert [(loss["offset"], loss["length"]) for loss in fate["losses"]] == [(str(at), str(CHUNK))]


def test_an_e01_image_that_lacks_a_segment_is_kept_but_no_file_is_taken_for_evidence(
    bench: Bench, tmp_path: Path
) -> None:
    paths = e01(tmp_path).paths
    paths[-1].unlink()
    sealed = bench.seal(paths[0], codes=(3,))
    assert sealed["items"] == 0
    assert {path.name for path in paths[:-1]} <= quarantined(bench, sealed).keys()
    (warning,) = sealed["warnings"]
    assert "for it can not be opened: segment files of the image are missing" in warning


def test_an_image_in_a_format_that_is_not_read_is_refused_and_says_what_to_do(
    bench: Bench, tmp_path: Path
) -> None:
    path = tmp_path / "drive.Ex01"
    path.write_bytes(b"EVF2\x0d\x0a\x81\x00" + bytes(5_000))
    done = run("seal", path, "--vault", bench.vault).ok(1)
    assert "Ex01" in done.err
    assert "--as file" in done.err
    assert bench.seal(path, "--as", "file")["items"] == 1


def test_an_image_without_a_known_file_system_is_kept_whole_in_the_quarantine(
    bench: Bench, tmp_path: Path
) -> None:
    path = tmp_path / "disk"
    path.write_bytes(noise(1 << 20))
    sealed = bench.seal(path, "--as", "image", codes=(3,))
    assert [one["reason"] for one in sealed["unreadable"]] == ["it holds no file system that can be read"]
    assert quarantined(bench, sealed)["image.raw"]["sha256"] == sha256(path.read_bytes())


def test_a_kit_that_opens_nothing_seals_an_image_and_the_vault_takes_both_deliveries_in(
    tmp_path: Path,
) -> None:
    bench, kit, drive = Bench(tmp_path / "bench"), tmp_path / "kit", fat16(tmp_path)
    run("kit", kit, "--vault", bench.vault).ok()
    sealed = bench.seal(drive.paths[0], vault=kit)
    bench.do("import", kit)
    assert contents(restored(bench, tmp_path / "out", sealed["delivery"])) == FILES
    found = quarantined(bench, sealed, bench.anna)
    assert found["image.raw"]["sha256"] == sha256(drive.paths[0].read_bytes())
    words = ["--identity", bench.keeper, "--quarantine", "--delivery", sealed["quarantine"]]
    assert "a keeper's --identity beside" in run("list", "--vault", bench.vault, *words).ok().err
    bench.is_clean()


def test_a_file_of_an_image_is_released_and_verified_without_a_word_of_its_drive(
    bench: Bench, tmp_path: Path
) -> None:
    drive = fat16(tmp_path)
    sealed = bench.seal(drive.paths[0])
    item = bench.items("--delivery", sealed["delivery"])["DCIM/sound.wav"]["item"]
    bench.do("release", tmp_path / "package", "--item", item)
    assert verify(tmp_path / "package", "--vault-key", bench.fingerprint).code == 0
    package = b"".join(path.read_bytes() for path in (tmp_path / "package").rglob("*") if path.is_file())
    for secret in (*SECRETS, *drive.ids, sealed["quarantine"], "disk.img"):
        assert secret.encode() not in package


@pytest.mark.parametrize("stamps", [(18,), (18, 24), (14, 16, 18, 22, 24)], ids=["read", "changed", "none"])
def test_files_of_a_card_whose_camera_wrote_not_all_times_come_back(
    bench: Bench, tmp_path: Path, stamps: tuple[int, ...]
) -> None:
    """Many write no day of the last reading; those whose clock was never set write none at all."""
    maker = Fat(8_000, bits=16)
    data = bytearray(maker.write([Node("film.mp4", noise(9_000)), Node("small", b"small")]))
    for at in stamps:
        place = maker.entry_at["film.mp4"] + at
        data[place : place + 2] = bytes(2)
    path = tmp_path / "disk.img"
    path.write_bytes(data)
    sealed = bench.seal(path)
    out = restored(bench, tmp_path / "out", sealed["delivery"])
    assert contents(out) == {"film.mp4": noise(9_000), "small": b"small"}
    if 24 not in stamps:
        assert (out / "film.mp4").stat().st_mtime_ns == (out / "small").stat().st_mtime_ns
