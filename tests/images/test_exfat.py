"""exFAT: names, bytes and times come back, also where The Sleuth Kit alone would be wrong."""

from __future__ import annotations

from pathlib import Path

import pytest
from looking import content, everything, opened

from bearwitness.images.model import FILE
from bearwitness.sandbox.client import Sandbox
from disks.exfat import Exfat
from disks.tools import call
from disks.tree import MOMENT, Node, each_file, noise, ns, odd_names


def tree(names: list[str]) -> list[Node]:
    return [
        Node("contiguous.mp4", noise(20_000)),
        Node("fragmented.mp4", noise(30_000, 2), scattered=True),
        Node("preallocated.mp4", noise(5_000, 3) + bytes(40_000), valid=5_000),
        Node("empty", b""),
        Node("east", b"e", zone_minutes=345),
        Node("west", b"w", zone_minutes=-210),
        Node("deleted-secret.mp4", noise(3_000, 4), deleted=True),
        # Entries of these fill several clusters, so that some file's entries stand in two of them.
        Node("DCIM", scattered=True, children=[
            Node("глубже", children=[Node("Ещё глубже.mp4", noise(9_000, 3))]),
            *[Node(f"one of many {n:03} {'я' * (n % 40)}", noise(n, n)) for n in range(150)],
        ]),
        Node("odd", children=[Node(name, name.encode()) for name in names]),
    ]  # fmt: skip


@pytest.fixture(scope="module")
def names(corpus: Path) -> list[str]:
    return odd_names(corpus, forbidden='\\/:*?"<>|')


@pytest.fixture(scope="module")
def volume(names: list[str], tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("exfat") / "exfat.img"
    path.write_bytes(Exfat(1_500).write(tree(names)))
    return path


def test_the_maker_of_the_test_writes_what_other_tools_call_sound(volume: Path) -> None:
    assert ": clean." in call("fsck.exfat", "-n", volume)


def test_files_come_back_with_every_byte_and_their_names(
    volume: Path, names: list[str], image_sandbox: Sandbox
) -> None:
    wanted = {b"0/" + path.encode(): node for path, node in each_file(tree(names))}
    with opened(image_sandbox, volume) as image:
        found = everything(image)
        assert {path for path, entry in found.entries.items() if entry.type == FILE} == set(wanted)
        assert found.troubles == []
        for path, node in wanted.items():
            assert content(image, found.entries[path]) == node.content, path


def test_bytes_that_were_never_written_read_as_zeros_not_as_what_lay_there_before(
    volume: Path, image_sandbox: Sandbox
) -> None:
    with opened(image_sandbox, volume) as image:
        data = content(image, everything(image).entries[b"0/preallocated.mp4"])
    assert data[:5_000] == noise(5_000, 3)
    assert not any(data[5_000:]), "old bytes of the disk would get into the evidence"


def test_the_end_of_valid_data_is_found_across_clusters_of_a_folder(
    tmp_path: Path, image_sandbox: Sandbox
) -> None:
    # 41 files of 3 entries and one of 4: for some of them the second entry begins a cluster.
    crowd = [Node(f"f{n:02}", noise(100, n) + bytes(100), valid=100) for n in range(130)]
    maker = Exfat(600)
    (tmp_path / "image").write_bytes(maker.write([Node("folder", children=crowd, scattered=True)]))
    assert any(at % 4096 == 4096 - 32 for path, at in maker.entry_at.items() if "/" in path), "none is split"
    with opened(image_sandbox, tmp_path / "image") as image:
        entries = everything(image).entries
        for n in range(130):
            assert content(image, entries[b"0/folder/f%02d" % n]) == noise(100, n) + bytes(100)


def test_times_are_moved_to_greenwich_by_the_zone_written_beside_them(
    volume: Path, image_sandbox: Sandbox
) -> None:
    with opened(image_sandbox, volume) as image:
        entries = everything(image).entries
    minute = 60 * 10**9
    east, west, local = entries[b"0/east"], entries[b"0/west"], entries[b"0/empty"]
    assert (east.mtime, east.local) == (ns(MOMENT) - 345 * minute, False)
    assert (west.mtime, west.atime, west.btime) == (ns(MOMENT) + 210 * minute,) * 3
    assert (local.mtime, local.local) == (ns(MOMENT), True)


def test_deleted_files_and_structures_of_the_volume_are_no_files(
    volume: Path, image_sandbox: Sandbox
) -> None:
    with opened(image_sandbox, volume) as image:
        listed = b" ".join(everything(image).entries)
        assert b"secret" not in listed
        assert b"SECRET" not in listed
        assert b"$ALLOC" not in listed
        recovered = everything(image, deleted=True).entries[b"0/deleted-secret.mp4"]
        assert recovered.deleted
        assert content(image, recovered) == noise(3_000, 4)


def test_ids_are_told_with_the_volume(volume: Path, image_sandbox: Sandbox) -> None:
    with opened(image_sandbox, volume) as image:
        (found,) = image.layout().volumes
    assert dict(found.ids) == {"label": "SECRETLABEL", "serial": "0badf00d"}
