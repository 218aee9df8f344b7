"""A video without its index plays again with what a sibling says; a sibling that does not fit is refused."""

from __future__ import annotations

import base64
import io
import json
import shutil
import struct
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import av
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bearwitness.catalogue.catalogue import Catalogue
from bearwitness.triage.inside.salvage import salvage
from bearwitness.triage.repairing import COPY
from bearwitness.vault import keyring
from bearwitness.vault.ledger import Ledger
from bearwitness.vault.opening import open_vault
from scale import examples
from triaged import Triaged
from workbench import Bench, fill, run


class InMemory:
    """Bytes as a task in the sandbox reads them."""

    def __init__(self, data: bytes) -> None:
        self._data, self.size = data, len(data)

    def pread(self, offset: int, length: int) -> bytes:
        return self._data[offset : offset + length]


def footage(codec: str = "libx264", *, sound: bool = True, seconds: int = 4) -> bytes:
    """Return an MP4 whose index stands at its end, with pictures shown in another order than decoded."""
    out, random = io.BytesIO(), np.random.default_rng(7)
    noise = random.integers(0, 255, (120, 400, 3), np.uint8)
    with av.open(out, "w", format="mp4") as container:
        options = {"preset": "ultrafast", "x265-params": "log-level=error:bframes=2:keyint=12"}
        stream: Any = container.add_stream(codec, rate=25, options={**options, "bf": "2", "g": "12"})
        stream.width, stream.height, stream.pix_fmt = 160, 120, "yuv420p"
        audio: Any = container.add_stream("aac", rate=44_100, layout="stereo") if sound else None
        for number in range(seconds * 25):
            picture = np.ascontiguousarray(noise[:, number * 2 : number * 2 + 160])
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
            if audio is not None:
                loud = (random.standard_normal((2, 1764)) * (0.02 + 0.2 * (number % 9 == 0))).astype(
                    np.float32
                )
                frame = av.AudioFrame.from_ndarray(loud, format="fltp", layout="stereo")
                frame.sample_rate, frame.pts = 44_100, number * 1764
                container.mux(audio.encode(frame))
        for each in (stream, audio):
            if each is not None:
                container.mux(each.encode())
    return out.getvalue()


def parameters(data: bytes) -> dict[str, Any]:
    """Return what is told of a sibling."""
    with av.open(io.BytesIO(data)) as container:
        video, sounds = container.streams.video[0], container.streams.audio
        told: dict[str, Any] = {"audio": None}
        told["video"] = {
            "codec": video.codec_context.name, "width": video.width, "height": video.height,
            "extradata": base64.b64encode(video.codec_context.extradata or b"").decode(),
            "rate": str(video.average_rate),
        }  # fmt: skip
        if sounds:
            context = sounds[0].codec_context
            plain = base64.b64encode(context.extradata or b"").decode()
            told["audio"] = {"extradata": plain, "channels": context.channels}
        return told


def salvaged(data: bytes, sibling: dict[str, Any]) -> tuple[dict[str, Any], bytes]:
    """Return what the task says, and the copy."""
    task: Any = SimpleNamespace(files=(), source=InMemory(data), arguments=json.dumps(sibling).encode())
    answer = salvage(task)
    (length,) = struct.unpack_from(">I", answer)
    told = json.loads(answer[4 : 4 + length])
    return told, answer[4 + length :] + data[told["start"] : told["end"]]


def packets(data: bytes, kind: str) -> list[tuple[bytes, Any]]:
    """Return bytes and time (seconds from the first) of each packet, in order of the file."""
    with av.open(io.BytesIO(data)) as container:
        stream = next(stream for stream in container.streams if stream.type == kind)
        found = [(bytes(p), p.pts * p.time_base) for p in container.demux(stream) if p.size]
    return [(content, float(time - found[0][1])) for content, time in found]


def cut(data: bytes, share: float = 0.7) -> bytes:
    """Return the first part of a file, of its media data this share."""
    index = data.rindex(b"moov")
    return data[: int(index * share)]


@pytest.mark.parametrize(("codec", "sound"), [("libx264", True), ("libx264", False), ("libx265", True)])
def test_every_packet_before_the_cut_is_found_with_its_time(codec: str, *, sound: bool) -> None:
    whole = footage(codec, sound=sound)
    told, copy = salvaged(cut(whole), parameters(footage(codec, sound=sound, seconds=1)))
    assert (told["refused"], told["holes"]) == ("", 0)
    assert told["lost"] < 30_000  # the packet that was cut
    for kind in ("video", "audio") if sound else ("video",):
        found, truth = packets(copy, kind), packets(whole, kind)
        assert len(found) >= 0.6 * len(truth)
        # what is shown last waits for pictures that were cut away, so its place is a guess
        sure = len(found) - 4
        assert [content for content, _ in found] == [content for content, _ in truth[: len(found)]]
        times = zip(found[:sure], truth[:sure], strict=True)
        assert max(abs(one - other) for (_, one), (_, other) in times) < 0.002


def test_pictures_go_on_after_a_hole() -> None:
    whole = cut(footage(sound=False), 0.9)
    middle = len(whole) // 2
    told, copy = salvaged(
        whole[:middle] + bytes(5000) + whole[middle + 5000 :], parameters(footage()) | {"audio": None}
    )
    assert told["holes"] >= 1
    assert len(packets(copy, "video")) >= 70


def test_a_file_with_an_index_or_without_media_data_is_refused() -> None:
    whole, sibling = footage(seconds=1), parameters(footage(seconds=1))
    moov = whole.rindex(b"moov") - 4
    assert "index of its own" in salvaged(whole[moov:], sibling)[0]["refused"]
    assert "no media data" in salvaged(b"\0\0\0\x10free" + bytes(8), sibling)[0]["refused"]


@given(data=st.binary(max_size=600), place=st.integers(0, 5000))
@examples(40)
def test_no_bytes_make_it_do_anything_but_answer(data: bytes, place: int) -> None:
    whole = cut(_SMALL, 1.0)
    at = 48 + place % (len(whole) - 48)
    told, _ = salvaged(whole[:at] + data + whole[at + len(data) :], _SIBLING)
    assert told["refused"] or 0 <= told["start"] < told["end"] <= max(len(whole), at + len(data))


_SMALL = footage(seconds=1)
_SIBLING = parameters(_SMALL)


@pytest.fixture(scope="module")
def sealed_damaged(tmp_path_factory: pytest.TempPathFactory, corpus: Path) -> Bench:
    """Return a vault with a cut video, a whole one of the same recorder, and strangers; nobody alters it."""
    bench = Bench(tmp_path_factory.mktemp("repair"))
    files = {
        "cam/0002.mp4": (corpus / "damaged/truncated-no-moov.mp4").read_bytes(),
        "cam/0001.mp4": (corpus / "damaged/bit-errors.mp4").read_bytes(),
        "phone/stage.mp4": (corpus / "video/stage-audience.mp4").read_bytes(),
        "note.txt": b"no video",
    }
    bench.seal(fill(bench.folder / "drive", files))
    return bench


@pytest.fixture
def damaged(sealed_damaged: Bench, tmp_path: Path) -> Triaged:
    return Triaged(sealed_damaged, Path(shutil.copytree(sealed_damaged.vault, tmp_path / "vault")))


def stored_copy(bench: Triaged, job: str) -> bytes:
    vault = open_vault(bench.vault)
    ledger = Ledger(vault, keyring.unlock(vault, keyring.load_given([str(bench.anna)], str)))
    catalogue = Catalogue.in_memory("vault")
    catalogue.refresh(ledger)
    (row,) = [row for row in _results(catalogue) if row.job == job]
    return ledger.open_derived(ledger.open_delivery(row.delivery), row.keys).read(job, COPY)


def _results(catalogue: Catalogue) -> list[Any]:
    from bearwitness.catalogue import schema

    with catalogue.connect() as connection:
        return list(connection.execute(schema.results.select()))


def test_the_cut_video_of_the_corpus_plays_again_and_names_its_sibling(damaged: Triaged) -> None:
    item, sibling = damaged.id_of("cam/0002.mp4"), damaged.id_of("cam/0001.mp4")
    told = damaged.do("repair", "--item", item)
    assert (told["sibling"], told["label"], told["pictures"]) == (sibling, "reconstructed", 50)
    (result,) = damaged.derived()
    assert (result["kind"], result["item"]) == ("repair", item)
    assert result["parameters"]["sibling"] == sibling
    with av.open(io.BytesIO(stored_copy(damaged, told["job"]))) as container:
        assert len(list(container.decode(video=0))) == 50
    assert damaged.found("--fact", "reconstructed=yes") == {"cam/0002.mp4"}
    damaged.is_clean()


def test_a_sibling_of_another_recorder_is_refused_and_nothing_entered(damaged: Triaged) -> None:
    words = ["--vault", damaged.vault, "--identity", damaged.anna, "--item", damaged.id_of("cam/0002.mp4")]
    for path, reason in (("phone/stage.mp4", "does not fit"), ("note.txt", "can not be repaired")):
        done = run("repair", *words, "--like", damaged.id_of(path))
        assert done.code == 1
        assert reason in done.err
    assert damaged.derived() == []


@pytest.mark.parametrize("frozen", ["cam/0002.mp4", "cam/0001.mp4"])
def test_neither_a_frozen_item_nor_a_frozen_sibling_is_read(damaged: Triaged, frozen: str) -> None:
    item, sibling = damaged.id_of("cam/0002.mp4"), damaged.id_of("cam/0001.mp4")
    damaged.do("freeze", "--item", damaged.id_of(frozen))
    words = ["--vault", damaged.vault, "--identity", damaged.anna, "--item", item, "--like", sibling]
    done = run("repair", *words)
    assert done.code == 1
    assert "frozen" in done.err
    assert damaged.derived() == []
