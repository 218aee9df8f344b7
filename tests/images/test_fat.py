"""FAT: every name, byte and time that was put on the volume comes back, nothing else does."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest
from looking import content, content_and_holes, everything, opened

from bearwitness.images.model import FILE, FOLDER, Hole
from bearwitness.sandbox.client import Sandbox
from disks.fat import Fat
from disks.tools import call
from disks.tree import MOMENT, Node, each_file, noise, ns, odd_names

ODD = datetime(1999, 12, 31, 23, 59, 59, tzinfo=UTC)


def tree(names: list[str]) -> list[Node]:
    return [
        Node("short name only", b"short", short=b"KINO0001MP4"),
        Node("a space in the short name", b"space", short=b"A B     TXT"),
        Node("cp866", b"Cyrillic of DOS", short=b"\x82\xa8\xa4\xa5\xae   MP4"),
        Node("kanji", b"first letter is the mark of deletion", short=b"\x05BC     TXT"),
        Node("lower case", b"as some cameras write it", short=b"dsc 0001mp4"),
        Node("ы" * 255, b"as long as a name can be"),
        Node("scattered.mp4", noise(20_000), scattered=True),
        Node("exactly a cluster", noise(512)),
        Node("empty", b""),
        Node("deleted-secret.mp4", noise(3_000, 2), deleted=True),
        Node("read only", b"r", attributes=0x01, modified=ODD),
        Node("DCIM", children=[
            Node("глубже", children=[Node("Ещё глубже.mp4", noise(9_000, 3))]),
            *[Node(f"one of many {n:03}", noise(n, n)) for n in range(150)],
        ], scattered=True),
        Node("odd", children=[Node(name, name.encode()) for name in names]),
    ]  # fmt: skip


SHORT = {
    "short name only": b"KINO0001.MP4",
    "a space in the short name": b"A B.TXT",
    "cp866": b"\x82\xa8\xa4\xa5\xae.MP4",
    "kanji": b"\xe5BC.TXT",
    "lower case": b"dsc 0001.mp4",
}


def expected_path(path: str, node: Node) -> bytes:
    if node.short is not None:
        return b"0/" + SHORT[node.name]
    return b"0/" + path.encode()


@pytest.fixture(scope="module", params=[32, 16])
def volume(request: pytest.FixtureRequest, corpus: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    names = odd_names(corpus, forbidden='\\/:*?"<>|')
    assert len(names) >= 8, "the corpus has lost its odd names"
    bits = request.param
    path = tmp_path_factory.mktemp("fat") / f"fat{bits}.img"
    path.write_bytes(Fat(70_000 if bits == 32 else 12_000, bits=bits).write(tree(names)))
    return path


def nodes(corpus: Path) -> dict[bytes, Node]:
    names = odd_names(corpus, forbidden='\\/:*?"<>|')
    return {expected_path(path, node): node for path, node in each_file(tree(names))}


def test_the_maker_of_the_test_writes_what_other_tools_call_sound(tmp_path: Path) -> None:
    plain = [node for node in tree([]) if node.short is None or node.name == "short name only"]
    (tmp_path / "image").write_bytes(Fat(70_000).write(plain))
    said = call("fsck.fat", "-n", tmp_path / "image")
    assert "files" in said
    assert "Bad" not in said
    assert "Reclaim" not in said


def test_files_come_back_with_every_byte_and_names_as_they_are_on_the_disk(
    volume: Path, corpus: Path, image_sandbox: Sandbox
) -> None:
    wanted = nodes(corpus)
    with opened(image_sandbox, volume) as image:
        found = everything(image)
        files = {path for path, entry in found.entries.items() if entry.type == FILE}
        assert files == set(wanted)
        assert found.troubles == []
        for path, node in wanted.items():
            assert content(image, found.entries[path]) == node.content, path


def test_folders_are_listed_and_the_label_is_not_a_file(volume: Path, image_sandbox: Sandbox) -> None:
    with opened(image_sandbox, volume) as image:
        entries = everything(image).entries
    folders = {path for path, entry in entries.items() if entry.type == FOLDER}
    assert folders == {b"0/DCIM", "0/DCIM/глубже".encode(), b"0/odd"}
    assert not any(b"SECRET" in path or b"$" in path for path in entries if b"odd" not in path)


def test_times_are_those_of_the_wall_clock_and_said_to_be(volume: Path, image_sandbox: Sandbox) -> None:
    with opened(image_sandbox, volume) as image:
        entries = everything(image).entries
    plain, odd = entries[b"0/scattered.mp4"], entries[b"0/read only"]
    assert (plain.mtime, plain.btime) == (ns(MOMENT), ns(MOMENT))
    assert (odd.mtime, odd.btime) == (ns(ODD) - 10**9, ns(ODD))  # two seconds, and hundredths for the birth
    assert plain.atime == ns(MOMENT.replace(hour=0, minute=0, second=0))
    assert plain.local
    assert plain.ctime is None
    assert (plain.uid, plain.gid, plain.nlink) == (None, None, None)


def test_attributes_become_a_mode_and_stay_readable(volume: Path, image_sandbox: Sandbox) -> None:
    with opened(image_sandbox, volume) as image:
        entries = everything(image).entries
    assert (entries[b"0/read only"].mode, entries[b"0/read only"].attributes) == (0o100444, 0x01)
    assert (entries[b"0/empty"].mode, entries[b"0/empty"].attributes) == (0o100644, 0x20)
    assert entries[b"0/DCIM"].mode == 0o040755


def test_deleted_files_are_listed_only_when_asked_for(volume: Path, image_sandbox: Sandbox) -> None:
    with opened(image_sandbox, volume) as image:
        assert not any(b"secret" in path for path in everything(image).entries)
        found = everything(image, deleted=True).entries[b"0/deleted-secret.mp4"]
        assert found.deleted
        assert content(image, found) == noise(3_000, 2)


def test_ids_are_told_with_the_volume(volume: Path, image_sandbox: Sandbox) -> None:
    with opened(image_sandbox, volume) as image:
        (found,) = image.layout().volumes
    assert dict(found.ids) == {"label": "SECRETLABEL", "serial": "cafebabe"}
    assert found.file_system == ("fat32" if "32" in volume.name else "fat16")


def test_a_date_of_zero_is_no_time_at_all(tmp_path: Path, image_sandbox: Sandbox) -> None:
    maker = Fat(70_000)
    data = bytearray(maker.write([Node("clockless.mp4", b"x")]))
    at = maker.entry_at["clockless.mp4"]
    data[at + 13 : at + 20] = bytes(7)
    data[at + 22 : at + 26] = bytes(4)
    (tmp_path / "image").write_bytes(data)
    with opened(image_sandbox, tmp_path / "image") as image:
        entry = everything(image).entries[b"0/clockless.mp4"]
    assert (entry.mtime, entry.atime, entry.btime) == (None, None, None)


def test_an_empty_file_without_any_time_is_not_taken_for_free_space(
    tmp_path: Path, image_sandbox: Sandbox
) -> None:
    maker = Fat(70_000)
    data = bytearray(maker.write([Node("nothing.mp4", b""), Node("after", b"x")]))
    at = maker.entry_at["nothing.mp4"]
    data[at + 11 : at + 32] = bytes(21)
    (tmp_path / "image").write_bytes(data)
    with opened(image_sandbox, tmp_path / "image") as image:
        assert set(everything(image).entries) == {b"0/nothing.mp4", b"0/after"}


def test_a_long_name_of_another_file_is_not_given_to_this_one(tmp_path: Path, image_sandbox: Sandbox) -> None:
    maker = Fat(70_000)
    data = bytearray(maker.write([Node("long name of a file.mp4", b"x")]))
    at = maker.entry_at["long name of a file.mp4"]
    data[at : at + 8] = b"ALIEN   "
    (tmp_path / "image").write_bytes(data)
    with opened(image_sandbox, tmp_path / "image") as image:
        assert set(everything(image).entries) == {b"0/ALIEN.BIN"}


def test_a_broken_chain_of_clusters_costs_what_comes_after_it_and_is_told(
    tmp_path: Path, image_sandbox: Sandbox
) -> None:
    maker = Fat(70_000)
    maker.write([Node("film.mp4", noise(10 * 512), scattered=True), Node("other.mp4", noise(900, 2))])
    fifth = maker.place["film.mp4"][4]
    maker.fat[fifth] = 69_999_999
    maker._write_fats()
    (tmp_path / "image").write_bytes(maker.image)
    with opened(image_sandbox, tmp_path / "image") as image:
        entries = everything(image).entries
        data, holes = content_and_holes(image, entries[b"0/film.mp4"])
        assert data == noise(10 * 512)[: 5 * 512] + bytes(5 * 512)
        assert holes == [Hole(5 * 512, 5 * 512, "structure")]
        assert content(image, entries[b"0/other.mp4"]) == noise(900, 2)


def test_a_folder_whose_chain_leads_nowhere_is_told_to_lack_names(
    tmp_path: Path, image_sandbox: Sandbox
) -> None:
    maker = Fat(70_000)
    maker.write(
        [Node("folder", children=[Node(f"file number {n}", b"x") for n in range(60)], scattered=True)]
    )
    maker.fat[maker.place["folder"][2]] = 0
    maker._write_fats()
    (tmp_path / "image").write_bytes(maker.image)
    with opened(image_sandbox, tmp_path / "image") as image:
        found = everything(image)
    assert [path for path, _ in found.troubles] == [b"0/folder/"]
    assert 10 < len(found.entries) < 60
