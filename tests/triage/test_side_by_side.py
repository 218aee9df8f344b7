"""Lanes keep the order of what is handed to them and change no result; threads that share a worker do not
mix up its answers.
"""

from __future__ import annotations

import io
import os
import signal
import threading
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
import pytest

from bearwitness.errors import ChildFailedError
from bearwitness.inference import texts
from bearwitness.inference.texts import Texts
from bearwitness.inference.worker import InferenceWorker
from bearwitness.triage import analyser as analysers
from bearwitness.triage import registry
from bearwitness.triage.analyser import Material
from bearwitness.triage.lanes import WAITING_MAX, Lane, Lanes
from bearwitness.triage.looking import look
from bearwitness.vault.derivatives import DONE

Make = Callable[[bytes], Material]
SECONDS, RATE = 16, 2


@pytest.fixture
def lane() -> Iterator[Lane]:
    with Lanes() as lanes:
        yield lanes.new()


def test_what_is_handed_to_a_lane_is_done_in_its_order_by_another_thread(lane: Lane) -> None:
    done: list[tuple[int, int]] = []
    for number in range(100):
        lane.put(lambda number=number: done.append((number, threading.get_ident())))  # type: ignore[misc]
    lane.wait()
    assert [number for number, _ in done] == list(range(100))
    assert {thread for _, thread in done}.isdisjoint({threading.get_ident()})


def test_who_hands_over_more_than_may_wait_is_held_up(lane: Lane) -> None:
    handed = done = 0
    most = 0

    def work() -> None:
        nonlocal done, most
        most = max(most, handed - done)
        done += 1

    for _ in range(200):
        lane.put(work)
        handed += 1
    lane.wait()
    assert done == 200
    assert most <= WAITING_MAX + 1


def test_what_work_raises_is_raised_where_it_is_waited_for_and_nothing_is_done_after_it(lane: Lane) -> None:
    done: list[int] = []

    def break_off() -> None:
        raise KeyboardInterrupt

    lane.put(break_off)
    with pytest.raises(KeyboardInterrupt):
        lane.wait()
    with pytest.raises(KeyboardInterrupt):
        lane.put(lambda: done.append(1))
    assert not done


def test_when_lanes_end_what_waits_is_dropped_and_no_thread_is_left() -> None:
    before, done = threading.active_count(), list[int]()
    begun, go_on = threading.Event(), threading.Event()
    with Lanes() as lanes:
        one = lanes.new()
        one.put(lambda: (begun.set(), go_on.wait(), done.append(0))[0])  # type: ignore[func-returns-value]
        for number in range(1, WAITING_MAX):
            one.put(partial(done.append, number))
        begun.wait()
        one._dropped = True
        go_on.set()
    one.put(partial(done.append, 99))
    assert done == [0]
    assert threading.active_count() == before


def footage(sound: Path) -> bytes:
    """Return long footage of two scenes with a burned-in clock, key frames each two seconds, with sound."""
    rough = [np.random.default_rng(seed).integers(0, 200, (9, 16), dtype=np.uint8) for seed in (1, 2)]
    scenes = [cv2.resize(each, (640, 360), interpolation=cv2.INTER_CUBIC) for each in rough]
    out = io.BytesIO()
    with av.open(out, "w", format="mp4") as container, av.open(str(sound)) as heard:
        options = {"sc_threshold": "0", "x264-params": "scenecut=0", "preset": "ultrafast"}
        stream: Any = container.add_stream("libx264", rate=RATE, options=options)
        stream.width, stream.height, stream.gop_size, stream.pix_fmt = 640, 360, 2 * RATE, "yuv420p"
        spoken: Any = container.add_stream("aac", rate=16_000, layout="mono")
        for number in range(SECONDS * RATE):
            picture, second = scenes[number > 8.5 * RATE].copy(), number // RATE
            text = f"2021-03-14 22:{10 + second // 60:02}:{second % 60:02}"
            cv2.putText(picture, text, (30, 60), cv2.FONT_HERSHEY_DUPLEX, 1.0, 255, 2, cv2.LINE_AA)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="gray")))
        container.mux(stream.encode())
        for frame in heard.decode(audio=0):
            container.mux(spoken.encode(frame))
        container.mux(spoken.encode())
    return out.getvalue()


def test_analysers_that_work_side_by_side_say_byte_for_byte_what_they_say_in_turn(
    heard: Make, corpus: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (sound,) = (corpus / "audio").glob("conversation-*")
    data = footage(sound)
    monkeypatch.setattr(analysers, "LONG", SECONDS // 2)
    names = ["shots", "sketch", "loudness", "soundprint", "speech", "clock"]

    def looked() -> dict[str, tuple[str, Mapping[str, bytes]]]:
        wanted = [(name, analyser) for name, analyser in zip(names, registry.load(names), strict=True)]
        return {each.job: (each.outcome, each.files) for each in look(heard(data), wanted)}

    beside = looked()
    monkeypatch.setattr(Lane, "put", lambda _, work: work())
    monkeypatch.setattr(Lane, "wait", lambda _: None)
    assert looked() == beside
    assert {outcome for outcome, _ in beside.values()} == {DONE}
    assert b'"overlays":[[' in beside["clock"][1]["result.json"]


def line(text: str) -> Any:
    picture = np.full((40, 220), 20, np.uint8)
    cv2.putText(picture, text, (8, 30), cv2.FONT_HERSHEY_DUPLEX, 1.0, 255, 2, cv2.LINE_AA)
    return picture


def test_of_threads_that_share_a_worker_each_gets_its_own_answers(listener: InferenceWorker) -> None:
    written = [f"{number:04}" for number in range(1203, 1211)]
    with ThreadPoolExecutor(4) as pool:
        read = list(pool.map(lambda text: Texts(listener).read(line(text)).text, written * 3))
    assert read == written * 3


def test_of_threads_that_share_a_worker_that_dies_one_is_told_and_the_next_start_another(
    listener: InferenceWorker,
) -> None:
    listener.start()
    os.kill(listener.pid, signal.SIGKILL)

    def ask(text: str) -> str:
        try:
            return Texts(listener).read(line(text)).text
        except ChildFailedError as error:
            return error.message

    with ThreadPoolExecutor(3) as pool:
        answers = list(pool.map(ask, ["2021", "2021", "2021"]))
    assert answers.count("2021") == 2, answers
    (told,) = (answer for answer in answers if answer != "2021")
    assert "inference" in told
    assert Texts(listener).read(line("1943")).text == "1943"
    assert texts.READER in listener.names
