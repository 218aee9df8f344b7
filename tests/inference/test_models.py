"""Only pinned weights are used; what is asked and answered is read strictly; nothing calls out."""

from __future__ import annotations

import re
import shutil
import struct
import subprocess
import sys
from importlib import metadata
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bearwitness.errors import MalformedError, SandboxError
from bearwitness.inference import wire
from bearwitness.inference.models import MODELS, Model, ModelError, model
from bearwitness.inference.worker import InferenceWorker
from scale import examples


@pytest.mark.parametrize("name", sorted(MODELS))
def test_the_weights_installed_are_the_pinned_ones(name: str) -> None:
    each = MODELS[name]
    assert each.read(each.locate())
    assert each.licence
    assert each.source


def test_all_weights_kept_here_lie_beside_their_licence_origin_and_how_they_were_made() -> None:
    kept = {each.file: each for each in MODELS.values() if each.package == "bearwitness"}
    folder = next(iter(kept.values())).locate().parent
    assert {path.name for path in folder.iterdir()} == {*kept, "LICENSE", "README.md"}
    licence = " ".join((folder / "LICENSE").read_text().split())
    assert "Apache License Version 2.0, January 2004" in licence
    assert "END OF TERMS AND CONDITIONS" in licence
    _, *sections = (folder / "README.md").read_text().split("\n## ")
    told = {section.splitlines()[0]: section for section in sections}
    assert set(told) == set(kept)
    for name, section in told.items():
        assert f"{kept[name].licence} (`LICENSE`)" in section
        assert kept[name].source.split(",")[0].removesuffix("/") in section
        origin = re.search(r"SHA-256\s+`[0-9a-f]{64}`", section)
        made = re.search(r"Made with `(tools/\w+\.py)`", section)
        assert origin
        assert made
        assert (Path(__file__).parents[2] / made[1]).is_file()
        assert "Changed: " in section


def test_weights_of_another_hash_are_refused_by_parent_and_worker(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = model("centerface")
    altered = tmp_path / "centerface.onnx"
    data = bytearray(real.locate().read_bytes())
    data[len(data) // 2] ^= 1
    altered.write_bytes(data)
    with pytest.raises(ModelError, match="another SHA-256"):
        real.read(altered)
    monkeypatch.setattr(Model, "locate", lambda _: altered)
    with InferenceWorker(["centerface"]) as worker, pytest.raises(SandboxError, match="not the pinned ones"):
        worker.start()


def test_a_package_that_is_missing_is_named_with_the_command_that_adds_it() -> None:
    missing = Model("x", "faces", "no-such-package", "x.onnx", "0" * 64, "MIT", "")
    with pytest.raises(ModelError, match="no-such-package is not installed") as caught:
        missing.locate()
    assert "requirements-weights.lock" in caught.value.hint


def test_an_unknown_model_is_refused_with_the_list_of_known_ones() -> None:
    with pytest.raises(ModelError, match="centerface"):
        InferenceWorker(["nudenet"])


def test_arrays_come_back_as_they_went() -> None:
    arrays: list[wire.Array] = [
        np.arange(6, dtype="<f4").reshape(2, 3),
        np.zeros((0, 5), "<i8"),
        np.eye(3, dtype="|u1"),
    ]
    head, found = wire.decode(bytes(wire.encode({"ask": "x"}, arrays)))
    assert head == {"ask": "x"}
    assert all(
        np.array_equal(one, two) and one.dtype == two.dtype for one, two in zip(arrays, found, strict=True)
    )


@given(at=st.integers(0, 400), value=st.integers(0, 255))
@examples(300)
def test_no_byte_of_an_answer_can_do_more_than_be_refused(at: int, value: int) -> None:
    data = bytearray(wire.encode({}, [np.ones((2, 3), "<f4")]))
    data[at % len(data)] = value
    try:
        _, arrays = wire.decode(bytes(data))
    except MalformedError:
        return
    assert sum(array.nbytes for array in arrays) == 24


def test_an_empty_array_whose_other_sides_are_endless_is_refused() -> None:
    data = bytes(wire.encode({}, [np.zeros((0, 2, 2, 2), "<f4")]))
    head = data[4:].replace(b'["0","2","2","2"]', b'["0","2147483648","2147483648","2147483648"]')
    with pytest.raises(MalformedError, match="larger than any"):
        wire.decode(struct.pack("<I", len(head)) + head)


def test_numbers_that_are_none_are_refused() -> None:
    for bad in (np.nan, np.inf):
        with pytest.raises(MalformedError, match="no number"):
            wire.decode(bytes(wire.encode({}, [np.array([1, bad], "<f4")])))


@given(st.binary(max_size=100))
@examples(100)
def test_random_bytes_are_refused(data: bytes) -> None:
    with pytest.raises(MalformedError):
        wire.decode(struct.pack("<I", len(data)) + data)


def test_pictures_lie_apart_where_there_is_room_and_come_back_the_same() -> None:
    memory = bytearray(64)
    turned = np.arange(24, dtype=np.uint8).reshape(2, 4, 3)[:, ::-1]
    question = wire.encode({"ask": "x"}, [turned, turned], memoryview(memory))
    assert bytes(turned.tobytes()) not in bytes(question)
    head, found = wire.decode(bytes(question), memoryview(memory))
    assert head == {"ask": "x"}
    assert all(np.array_equal(one, turned) for one in found)
    large = wire.encode({}, [np.zeros((5, 5, 3), np.uint8)], memoryview(memory))
    assert wire.decode(bytes(large))[1][0].shape == (5, 5, 3)


def test_an_answer_that_points_into_memory_is_refused() -> None:
    pointing = bytes(wire.encode({}, [np.zeros(4, np.uint8)], memoryview(bytearray(4))))
    with pytest.raises(MalformedError):
        wire.decode(pointing)
    with pytest.raises(MalformedError):
        wire.decode(pointing, memoryview(bytearray(3)))
    with pytest.raises(MalformedError):
        wire.decode(pointing + b"\0", memoryview(bytearray(4)))


def test_telemetry_of_openvino_is_not_installed() -> None:
    with pytest.raises(metadata.PackageNotFoundError):
        metadata.distribution("openvino-telemetry")


def test_detecting_makes_no_socket_and_writes_no_file(tmp_path: Path) -> None:
    strace = shutil.which("strace")
    if not strace:
        pytest.skip("strace is not installed; on Debian: apt install strace")
    log = tmp_path / "trace"
    code = (
        "import numpy as np\n"
        "from bearwitness.inference.worker import InferenceWorker\n"
        "from bearwitness.inference.faces import Faces\n"
        "with InferenceWorker(['centerface']) as worker:\n"
        "    print(Faces(worker).detect([np.zeros((96, 64, 3), np.uint8)]))\n"
    )
    words = [
        strace,
        "-f",
        "-qq",
        "-o",
        str(log),
        "-e",
        "trace=%network,openat,open,creat,unlink,mkdir,rename",
    ]
    done = subprocess.run(
        [*words, sys.executable, "-B", "-c", code], capture_output=True, text=True, check=False
    )
    if "Operation not permitted" in done.stderr and not log.exists():
        pytest.skip("strace may not trace here")
    assert done.stdout.strip() == "[[]]", done.stderr
    lines = [line.split(" ", 1)[-1].strip() for line in log.read_text().splitlines()]
    network = [line for line in lines if line.startswith(("socket(", "connect(", "bind("))]
    # The C library asks a cache of user names on this machine, before anything is loaded.
    assert not [line for line in network if "AF_UNIX" not in line]
    assert not [line for line in network if "sun_path" in line and "/nscd/" not in line]
    opened = [line for line in lines if line.startswith(("open", "creat")) and " = -1 " not in line]
    written = [line for line in opened if "O_WRONLY" in line or "O_RDWR" in line or "O_CREAT" in line]
    assert len(opened) > 100
    assert not [line for line in written if '"/dev/null"' not in line and '"/proc/' not in line]
