"""What containers claim, sound with its times, packets for copying."""

from __future__ import annotations

import io
import itertools
import math
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from bearwitness.media.inside import sounding
from bearwitness.media.model import HIDDEN, DecodeTrouble, MediaError, Packet, Sound
from bearwitness.media.packets import packets
from bearwitness.media.probe import _facts, probe
from bearwitness.media.sound import sound
from bearwitness.media.source import Source
from bearwitness.sandbox.client import Sandbox
from bearwitness_verify import canonical
from bearwitness_verify.canonical import Json
from bearwitness_verify.errors import MalformedError

from .clips import clip, tone
from .conftest import OpenSource


def listen(sandbox: Sandbox, source: Source, stream: int, rate: int) -> list[Sound]:
    troubles: list[DecodeTrouble] = []
    blocks = list(sound(sandbox, source, stream=stream, rate=rate, troubles=troubles))
    assert not troubles
    return blocks


def test_a_probe_tells_streams_sizes_and_times(decoders: Sandbox, open_source: OpenSource) -> None:
    facts = probe(decoders, open_source("video/stage-audience.mp4"))
    video, audio = facts.streams
    assert (video.kind, video.codec, video.width, video.height, video.frames) == (
        "video",
        "h264",
        640,
        360,
        275,
    )
    assert (video.start, video.time_base, video.decodes) == (
        Fraction(10_214, 11_988),
        Fraction(1, 11_988),
        True,
    )
    assert (audio.kind, audio.codec, audio.sample_rate) == ("audio", "aac", 44_100)
    assert facts.first("audio") == audio


def test_a_codec_is_told_by_its_own_name_and_not_by_that_of_whoever_decodes_it(
    decoders: Sandbox,
) -> None:
    seen = clip([Fraction(0), Fraction(1, 25)], codec="libsvtav1", preset="12")
    pictures = probe(decoders, Source.of_bytes(seen, "made.mp4"))
    heard = probe(
        decoders, Source.of_bytes(tone(0.2, rate=44_100, form="mp3", codec="libmp3lame"), "made.mp3")
    )
    assert [stream.codec for stream in (*pictures.streams, *heard.streams)] == ["av1", "mp3"]


def test_a_phones_rotation_and_tags_are_told(decoders: Sandbox, open_source: OpenSource) -> None:
    facts = probe(decoders, open_source("metadata/phone-gps.mov"))
    video = facts.first("video")
    assert video is not None
    assert video.rotation == -90
    assert any("location" in name for name, _ in facts.metadata)


def test_a_video_stream_that_does_not_decode_is_told(decoders: Sandbox) -> None:
    data = clip([Fraction(0)], form="matroska", base=Fraction(1, 1000))
    with av.open(io.BytesIO(data)) as container:
        body = bytes(next(container.demux()))
    facts = probe(decoders, Source.of_bytes(data.replace(body, bytes(len(body))), "zeroed"))
    assert [stream.decodes for stream in facts.streams] == [False]


def test_what_is_no_media_is_refused(decoders: Sandbox, open_source: OpenSource) -> None:
    with pytest.raises(MediaError, match=r"bomb.zip can not be read as footage or sound"):
        probe(decoders, open_source("damaged/bomb.zip"))


def valid() -> dict[str, Json]:
    facts: Json = dict.fromkeys(("start", "duration")) | {
        "bit_rate": "0", "chapters": "0", "container": "x", "metadata": [["a", "b"]],
    }  # fmt: skip
    return {"facts": facts, "streams": [], "v": "1"}


@pytest.mark.parametrize(
    ("name", "value"),
    [("container", "a\nb"), ("bit_rate", "-1"), ("start", "1/0"), ("start", "x"), ("metadata", [["a"]])],
)
def test_a_childs_facts_are_read_strictly(name: str, value: Json) -> None:
    answer = valid()
    assert _facts(canonical.loads(canonical.dumps(answer)), "file").container == "x"
    facts = answer["facts"]
    assert isinstance(facts, dict)
    facts[name] = value
    with pytest.raises(MalformedError):
        _facts(answer, "file")


def test_sound_is_mixed_resampled_and_as_long_as_the_file(decoders: Sandbox) -> None:
    blocks = listen(decoders, Source.of_bytes(tone(2.5), "tone.wav"), 0, 16_000)
    samples = np.concatenate([block.samples for block in blocks])
    assert abs(len(samples) - 40_000) <= 1
    assert blocks[0].time == 0
    spectrum = np.abs(np.fft.rfft(samples[8_000:24_000]))
    assert np.argmax(spectrum) == 400
    assert 0.2 < np.abs(samples).max() < 0.45  # half of the left channel


def test_sound_that_starts_late_is_told_to_start_late(decoders: Sandbox, open_source: OpenSource) -> None:
    blocks = listen(decoders, open_source("video/stage-audience.mp4"), 1, 16_000)
    assert blocks[0].time == Fraction(353, 44_100)
    for one, two in itertools.pairwise(blocks):
        assert two.first == one.first + len(one.samples)
        assert two.time == one.time + Fraction(len(one.samples), 16_000)


def test_a_gap_in_the_sound_is_left_a_gap(decoders: Sandbox) -> None:
    out = io.BytesIO()
    with av.open(out, "w", format="matroska") as container:
        stream = container.add_stream("pcm_s16le", rate=8_000, layout="mono")
        for begin in (0, 8_000, 40_000):  # the third second is followed by two of nothing
            frame = av.AudioFrame.from_ndarray(
                np.full((1, 8_000), 9_000, np.int16), format="s16", layout="mono"
            )
            frame.sample_rate, frame.pts = 8_000, begin
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    blocks = listen(decoders, Source.of_bytes(out.getvalue(), "gap.mkv"), 0, 8_000)
    assert [block.time for block in blocks] == [0, 5]
    assert [len(block.samples) for block in blocks] == [16_000, 8_000]


def test_the_sound_of_every_speaker_lasts_as_the_corpus_says(
    decoders: Sandbox, open_source: OpenSource, corpus: Path
) -> None:
    with av.open(str(corpus / "audio/conversation-1688-2033.flac")) as container:
        seconds = (container.duration or 0) / 1_000_000
    blocks = listen(decoders, open_source("audio/conversation-1688-2033.flac"), 0, 16_000)
    assert sum(len(block.samples) for block in blocks) == pytest.approx(seconds * 16_000, abs=16)


def test_sound_of_a_video_stream_is_refused(decoders: Sandbox) -> None:
    with pytest.raises(MediaError, match="no audio stream number 0"):
        listen(decoders, Source.of_bytes(clip([Fraction(0)]), "clip.mp4"), 0, 8_000)


@pytest.mark.parametrize(
    "name", ["video/stage-audience.mp4", "video/signer-woman.mkv", "metadata/phone-gps.mov"]
)
def test_packets_are_byte_for_byte_those_of_the_container(
    name: str, decoders: Sandbox, open_source: OpenSource, corpus: Path
) -> None:
    with av.open(str(corpus / name)) as container:
        expected = [
            (p.stream_index, p.pts, p.dts, p.duration or 0, p.is_keyframe, bytes(p))
            for p in container.demux()
            if p.size
        ]
        count = len(container.streams)
    troubles: list[DecodeTrouble] = []
    found: list[Packet] = list(packets(decoders, open_source(name), streams=range(count), troubles=troubles))
    # The phone's edit list leaves out two packets of sound at the beginning, as is usual, and that is told.
    assert [each.kind for each in troubles] == ([HIDDEN] if "phone" in name else [])
    assert [(p.stream, p.pts, p.dts, p.duration, p.key, p.data) for p in found] == expected


def test_packets_of_a_stream_that_is_not_there_are_refused(decoders: Sandbox) -> None:
    with pytest.raises(MediaError, match="no stream of that number"):
        list(packets(decoders, Source.of_bytes(tone(0.1), "x.wav"), streams=[4], troubles=[]))


def test_a_gap_is_one_from_the_same_step_on_whether_counted_in_fractions_or_not() -> None:
    assert Fraction(math.nextafter(sounding._GAP, 0)) <= sounding._GAP_SECONDS < Fraction(sounding._GAP)


def cut_by_edits(shown: int) -> bytes:
    """Return an MP4 with two seconds of a tone, of which the edit list shows `shown` milliseconds."""
    data = bytearray(tone(2, rate=48_000, form="mp4", codec="aac"))
    at = data.index(b"elst") + 12  # behind version, flags and the count of entries
    data[at : at + 4] = shown.to_bytes(4, "big")
    return bytes(data)


def test_sound_that_an_edit_list_hides_is_heard_when_edits_are_not_followed(decoders: Sandbox) -> None:
    source, troubles = Source.of_bytes(cut_by_edits(500), "cut.mp4"), list[DecodeTrouble]()
    told, whole = (
        sum(
            len(block.samples)
            for block in sound(decoders, source, stream=0, rate=8_000, troubles=troubles, edits=edits)
        )
        for edits in (True, False)
    )
    assert told < 5_000
    assert whole > 15_000
    assert [trouble.kind for trouble in troubles] == [HIDDEN]


@pytest.mark.parametrize(
    ("form", "codec", "layout"),
    [("s16", "pcm_s16le", "stereo"), ("fltp", "aac", "stereo"), ("s32", "pcm_s32le", "stereo")],
)
def test_two_channels_of_which_one_is_the_others_negative_are_heard(
    decoders: Sandbox, form: str, codec: str, layout: str
) -> None:
    out, count = io.BytesIO(), 16_000
    wave = np.sin(2 * np.pi * 400 * np.arange(count) / 8_000) * 0.5
    both = np.stack([wave, -wave])
    if not form.startswith("flt"):
        kind = {"s16": np.int16, "s32": np.int32}[form]
        both = (both * np.iinfo(kind).max).astype(kind).T.reshape(1, -1)
    else:
        both = both.astype(np.float32)
    with av.open(out, "w", format="matroska") as container:
        stream = container.add_stream(codec, rate=8_000, layout=layout)
        frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(both), format=form, layout=layout)
        frame.sample_rate, frame.pts = 8_000, 0
        container.mux(stream.encode(frame))
        container.mux(stream.encode())
    blocks = listen(decoders, Source.of_bytes(out.getvalue(), "wires.mkv"), 0, 8_000)
    samples = np.concatenate([block.samples for block in blocks])
    assert np.abs(samples[4_000:12_000]).max() > 0.4
