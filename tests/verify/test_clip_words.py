"""What is told of a clip is true of odd recordings, too, and no name in one pushes a warning off the line."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from bearwitness_verify.clip_proof import ProvenClip
from bearwitness_verify.clip_words import described
from bearwitness_verify.report import printable
from bearwitness_verify.rows import Row, by_tracks


def told(times: Sequence[int], codec: str = "avc1") -> str:
    """Return the line of a video track whose packets are shown at these times, as the verifier prints it."""
    decoder: Any = {"codec": codec, "container": "mpegts", "media": "video", "time_base": "1/90000"}
    fields: list[Any] = [
        {"name": "decoder", "track": "1", "value": decoder},
        {"name": "display", "track": "1", "value": {}},
    ]
    rows = [Row(1, 0, n, 0, 1, 1, time, time, 0) for n, time in enumerate(times)]
    tracks = by_tracks(list(enumerate(fields)), list(enumerate(rows, start=2)))
    *_, line = described("exhibits/01.ts", "ab" * 16, ProvenClip(tracks, len(rows)))
    return printable(line, 1000)


def test_pictures_of_a_clock_that_goes_back_are_not_called_pictures_from_before_the_clip() -> None:
    """A recorder that begins again at 0 lets whoever cuts the clip leave out what comes after that."""
    regular = told([300, 100, 200, 600, 400, 500])
    assert "2 pictures before it, kept behind its key frame, are not shown" in regular
    back = told([300, 100, 400, 500, 0, 100, 200, 600])
    assert "kept behind its key frame" not in back
    assert "4 pictures timed before its first are NOT SHOWN, some of them BETWEEN shown ones" in back
    assert "are not shown" not in told([300, 400, 500])


def test_a_codec_with_a_long_name_does_not_push_off_what_is_not_shown() -> None:
    line = told([300, 100, 400], "V_" + "X" * 5000)
    assert line.endswith("are not shown; it does not begin with a key frame; its edit list is not shown")
