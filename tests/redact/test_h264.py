"""What may be copied of an H.264 stream is decided on known kinds alone."""

from __future__ import annotations

from pathlib import Path

import av
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bearwitness.redact import h264, parameter_sets
from bearwitness.redact.copying import Stretch, stretches
from bearwitness.redact.muxing.model import Packet

from . import clips
from .test_rendering import GROUPS


@pytest.fixture(scope="module")
def stream(tmp_path_factory: pytest.TempPathFactory) -> tuple[h264.Configuration, list[bytes]]:
    path = clips.make(Path(tmp_path_factory.mktemp("h264")) / "a.mp4", options=GROUPS)
    with av.open(str(path)) as container:
        extradata = bytes(container.streams.video[0].codec_context.extradata or b"")
    return h264.read_configuration(extradata), [data for _, _, data in clips.packets(path, "video")]


def unit(body: bytes) -> bytes:
    return len(body).to_bytes(4, "big") + body


def test_a_configuration_is_read_as_it_was_written(stream: tuple[h264.Configuration, list[bytes]]) -> None:
    configuration, _ = stream
    assert h264.read_configuration(h264.write_configuration(configuration)) == configuration
    assert configuration.ids() == {0}
    assert h264.free_id(configuration.ids()) == 1
    assert h264.free_id(frozenset(range(32))) is None


def test_the_message_x264_writes_about_itself_is_not_copied(
    stream: tuple[h264.Configuration, list[bytes]],
) -> None:
    configuration, packets = stream
    assert h264.copyable(packets[0], configuration) == (True, False)
    assert h264.copyable(packets[1], configuration) == (False, True)
    assert h264.copyable(packets[10], configuration) == (True, True)


@pytest.mark.parametrize(
    "extra",
    [
        bytes((h264.SEI, 5, 16)) + b"serial 123456789" + b"\x80",
        bytes((h264.SEI, 4, 3)) + b"abc" + b"\x80",
        bytes((h264.SEI, 1, 2)) + b"ab" + b"\x80",
        bytes((h264.SEI, 6, 1)) + b"\xc4" + bytes((5, 3)) + b"abc\x80",
        bytes((h264.SEI, 6)),
        bytes((h264.FILLER,)) + b"\xff\xff hidden \xff\x80",
        bytes((h264.SPS,)) + b"another set",
        bytes((31,)) + b"private",
        bytes((19,)) + b"auxiliary picture",
        bytes((h264.DELIMITER,)) + b"\xf0 and more",
    ],
)
def test_a_packet_with_anything_unknown_in_it_is_not_copied(
    extra: bytes, stream: tuple[h264.Configuration, list[bytes]]
) -> None:
    configuration, packets = stream
    assert not h264.copyable(unit(extra) + packets[1], configuration)[1]


@pytest.mark.parametrize(
    "extra",
    [bytes((h264.SEI, 6, 1)) + b"\xc4\x80", bytes((h264.FILLER,)) + b"\xff" * 9 + b"\x80", b"\x09\xf0"],
)
def test_harmless_messages_do_not_keep_a_packet_from_being_copied(
    extra: bytes, stream: tuple[h264.Configuration, list[bytes]]
) -> None:
    configuration, packets = stream
    assert h264.copyable(unit(extra) + packets[1], configuration)[1]


def test_a_packet_with_a_second_picture_that_decoders_may_pass_over_is_not_copied(
    stream: tuple[h264.Configuration, list[bytes]],
) -> None:
    configuration, packets = stream
    assert h264.copyable(packets[12] + packets[13], configuration) == (False, False)
    assert h264.copyable(packets[10] + packets[20], configuration) == (True, False)


def test_interlaced_pictures_are_copied_unless_their_parameters_can_not_be_followed(
    tmp_path: Path,
) -> None:
    options = {**GROUPS, "x264-params": GROUPS["x264-params"] + ":interlaced=1:cqm=jvt", "profile": "high"}
    path = clips.make(tmp_path / "a.mp4", options=options)
    with av.open(str(path)) as container:
        configuration = h264.read_configuration(
            bytes(container.streams.video[0].codec_context.extradata or b"")
        )
    (_, _, data) = clips.packets(path, "video")[10]
    # Without the message that tells when a field is shown, which is not copied.
    units = [one for one in h264.units_with_lengths(data, 4) if one[0] & 31 == h264.IDR]
    packet = b"".join(map(unit, units))
    assert all(map(parameter_sets.is_plain, configuration.sps))
    assert h264.copyable(packet, configuration) == (True, True)
    short = h264.Configuration(4, (configuration.sps[0][:8],), configuration.pps)
    assert not any(map(parameter_sets.is_plain, short.sps))
    assert h264.copyable(packet, short) == (True, False)


@given(st.binary(max_size=200))
def test_noise_is_refused_and_never_crashes(noise: bytes) -> None:
    configuration = h264.Configuration(4, (b"\x67\x42\x00\x1e\x80",), (b"\x68\x80",))
    for read in (h264.read_configuration, lambda data: h264.copyable(data, configuration)):
        try:
            read(noise)
        except parameter_sets.BitstreamError:
            continue
    h264.sei_kinds(b"\x06" + noise)


def group(kinds: str) -> tuple[list[Packet], bytes]:
    """Return packets of one tick: I is an IDR, K a key picture of an open group, P neither, X unknown."""
    packets = [Packet(n, n, 1, kind in "IK", b"") for n, kind in enumerate(kinds)]
    flags = bytes(
        (h264.DECODES_ALONE if kind == "I" else 0) | (0 if kind == "X" else h264.COPYABLE) for kind in kinds
    )
    return packets, flags


@pytest.mark.parametrize(
    ("kinds", "changed", "copied"),
    [
        ("IPPIPPIPP", {4}, [(0, 3), (6, 9)]),
        ("IPPKPPKPPIPP", {4}, [(0, 3), (9, 12)]),  # the open group after the changed one has lost its past
        ("IPPKPPKPPIPP", {1}, [(9, 12)]),
        ("IPPIXPIPP", set(), [(0, 3), (6, 9)]),
        ("KPPIPP", set(), [(3, 6)]),  # a stream that does not begin clean is not copied until it does
        ("IPP", set(), [(0, 3)]),
    ],
)
def test_groups_are_copied_only_where_their_decoder_starts_clean(
    kinds: str, changed: set[int], copied: list[tuple[int, int]]
) -> None:
    packets, flags = group(kinds)
    parts = stretches(packets, flags, changed)
    assert [(part.begin, part.end) for part in parts if part.copied] == copied
    assert [part.begin for part in parts] == [0, *(part.end for part in parts[:-1])]


@given(st.text("IKPX", min_size=1, max_size=40), st.sets(st.integers(0, 39)))
def test_no_changed_and_no_unknown_packet_is_ever_copied(kinds: str, changed: set[int]) -> None:
    packets, flags = group(kinds)
    parts: list[Stretch] = stretches(packets, flags, changed)
    for part in parts:
        if part.copied:
            assert kinds[part.begin] == "I"
            assert not changed & set(range(part.begin, part.end))
            assert "X" not in kinds[part.begin : part.end]
