"""One hostile file does not take the others along: a child dies or lies, the rest of the image goes on."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from looking import content, content_and_holes, everything, opened

from bearwitness.images.disk_image import DiedError, DiskImage, ImageError, Medium, Trouble
from bearwitness.images.model import Hole
from bearwitness.sandbox.client import Sandbox
from bearwitness.sandbox.limits import Limits
from bearwitness.sandbox.status import layers
from disks.fat import Fat
from disks.tree import Node, noise

HERE = str(Path(__file__).parent)


@pytest.fixture(scope="module")
def dying_sandbox() -> Iterator[Sandbox]:
    if layers().lacking:
        pytest.skip("this kernel can not lock up parsers")
    with Sandbox("dying_tasks", _folders=[HERE]) as sandbox:
        yield sandbox


def image_of(tmp_path: Path, nodes: list[Node]) -> Path:
    path = tmp_path / "image"
    path.write_bytes(Fat(70_000).write(nodes))
    return path


def test_a_file_that_crashes_the_parser_is_unreadable_and_the_next_is_not(
    tmp_path: Path, dying_sandbox: Sandbox
) -> None:
    nodes = [Node("bad", b"ends who reads it"), Node("good", noise(5_000))]
    with opened(dying_sandbox, image_of(tmp_path, nodes)) as image:
        entries = everything(image).entries
        with pytest.raises(DiedError, match="crashed"):
            content(image, entries[b"0/bad"])
        assert content(image, entries[b"0/good"]) == noise(5_000)


def test_a_file_that_keeps_the_parser_busy_is_given_up(tmp_path: Path, dying_sandbox: Sandbox) -> None:
    nodes = [Node("endless", b"keeps who reads it"), Node("good", noise(5_000))]
    limits = Limits(cpu_seconds=1, wall_seconds=30.0, memory_bytes=256 << 20, answer_bytes_max=64 << 20)
    file = os.open(image_of(tmp_path, nodes), os.O_RDONLY)
    with DiskImage(dying_sandbox, Medium([file]), limits) as image:
        entries = everything(image).entries
        with pytest.raises(DiedError, match="1 s of processor time"):
            content(image, entries[b"0/endless"])
        assert content(image, entries[b"0/good"]) == noise(5_000)
    os.close(file)


@pytest.mark.parametrize("what", ["lies about its length", "lies about its holes", "answers nonsense"])
def test_an_answer_that_makes_no_sense_is_not_taken(
    tmp_path: Path, dying_sandbox: Sandbox, what: str
) -> None:
    with opened(
        dying_sandbox, image_of(tmp_path, [Node("bad", what.encode()), Node("good", b"ok")])
    ) as image:
        entries = everything(image).entries
        with pytest.raises(ImageError):
            content(image, entries[b"0/bad"])
        assert content(image, entries[b"0/good"]) == b"ok"


def test_a_name_that_crashes_the_parser_costs_itself_and_is_counted(
    tmp_path: Path, dying_sandbox: Sandbox
) -> None:
    crowd = [Node(f"name {n}", b"") for n in range(100)]
    nodes = [*crowd[:70], Node("ends who lists it", b""), *crowd[70:]]
    with opened(dying_sandbox, image_of(tmp_path, nodes)) as image:
        found = list(image.entries(0, image.layout().volumes[0].root))
    names = [entry.name for entry in found if not isinstance(entry, Trouble)]
    (trouble,) = [entry for entry in found if isinstance(entry, Trouble)]
    assert names == [node.name.encode() for node in crowd]
    assert "name number 71" in trouble.reason


def test_what_is_known_to_be_unreadable_or_unstable_is_told_of_the_files_it_touches(
    tmp_path: Path, image_sandbox: Sandbox
) -> None:
    maker = Fat(70_000)
    data = maker.write([Node("a.mp4", noise(4 * 512), scattered=True), Node("b.mp4", noise(2_000, 2))])
    (tmp_path / "image").write_bytes(data)
    clusters = maker.place["a.mp4"]
    with opened(image_sandbox, tmp_path / "image") as image:
        image.know([(maker.offset(clusters[1]), 512)], [(maker.offset(clusters[2]) + 100, 8)])
        entries = everything(image).entries
        got, holes = content_and_holes(image, entries[b"0/a.mp4"])
        assert holes == [Hole(512, 512, "sector"), Hole(1124, 8, "unstable")]
        assert got == noise(4 * 512)[:512] + bytes(512) + noise(4 * 512)[1024:]
        assert content(image, entries[b"0/b.mp4"]) == noise(2_000, 2)


def test_a_folder_on_unreadable_sectors_is_said_to_lack_names(tmp_path: Path, image_sandbox: Sandbox) -> None:
    maker = Fat(70_000)
    nodes = [Node("folder", children=[Node(f"number {n}", b"x") for n in range(40)])]
    (tmp_path / "image").write_bytes(maker.write(nodes))
    with opened(image_sandbox, tmp_path / "image") as image:
        image.know([(maker.offset(maker.place["folder"][1]), 512)], [])
        found = everything(image)
    assert [path for path, _ in found.troubles] == [b"0/folder/"]


def test_processes_forked_later_each_open_the_image_for_themselves(
    tmp_path: Path, image_sandbox: Sandbox
) -> None:
    with opened(image_sandbox, image_of(tmp_path, [Node("film", noise(9_000))])) as image:
        entry = everything(image).entries[b"0/film"]
        reader, writer = os.pipe()
        pid = os.fork()
        if pid == 0:
            try:
                os.write(writer, b"same" if content(image, entry) == noise(9_000) else b"other")
            finally:
                os._exit(0)
        os.close(writer)
        assert content(image, entry) == noise(9_000)
        with os.fdopen(reader, "rb") as pipe:
            assert pipe.read() == b"same"
        os.waitpid(pid, 0)
        assert content(image, entry) == noise(9_000)


def test_the_image_is_opened_for_reading_alone(tmp_path: Path, image_sandbox: Sandbox) -> None:
    path = image_of(tmp_path, [Node("film", noise(9_000))])
    os.chmod(path, 0o400)
    before = path.stat()
    with opened(image_sandbox, path) as image:
        assert content(image, everything(image).entries[b"0/film"]) == noise(9_000)
    after = path.stat()
    assert (before.st_mtime_ns, before.st_ctime_ns) == (after.st_mtime_ns, after.st_ctime_ns)
