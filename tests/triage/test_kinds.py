"""The kind of a file is guessed from its first bytes, whatever it is called, and no bytes break the guess."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bearwitness.triage.analyser import DOCUMENT, IMAGE, KINDS, OTHER, SOUND, VIDEO
from bearwitness.triage.kinds import guess
from triaged import ENGLISH, RUSSIAN, docx, jpeg
from workbench import wav


@pytest.mark.parametrize(
    ("head", "kind"),
    [
        (jpeg(), IMAGE),
        (b"\x89PNG\r\n\x1a\n" + bytes(20), IMAGE),
        (b"\x00\x00\x00\x18ftypheic" + bytes(20), IMAGE),
        (b"\x00\x00\x00\x18ftypisom" + bytes(20), VIDEO),
        (b"\x00\x00\x00\x18ftypM4A " + bytes(20), SOUND),
        (b"\x1aE\xdf\xa3" + bytes(20), VIDEO),
        (b"RIFF" + bytes(4) + b"AVI LIST", VIDEO),
        ((b"G" + bytes(187)) * 4, VIDEO),
        (bytes(4) + (b"G" + bytes(191)) * 4, VIDEO),
        (wav(), SOUND),
        (b"ID3\x03" + bytes(20), SOUND),
        (b"FORM" + bytes(4) + b"AIFFCOMM", SOUND),
        (b"caff\x00\x01" + bytes(20), SOUND),
        (bytes(3) + b"\x01\x67\x42\x00\x1e" + bytes(20), VIDEO),
        (bytes(2) + b"\x01\x27\x42\x00\x1e" + bytes(20), VIDEO),
        (bytes(3) + b"\x01\x40\x01\x0c\x01" + bytes(20), VIDEO),
        (bytes(3) + b"\x01\x00\x02" + bytes(20), OTHER),
        (bytes.fromhex("fff15080017ffc") + b"\x21" * 4 + bytes.fromhex("fff15080017ffc"), SOUND),
        (b"Rar!\x1a\x07\x01\x00" + bytes(20), DOCUMENT),
        (b"7z\xbc\xaf\x27\x1c\x00\x04" + bytes(20), DOCUMENT),
        (b"film.mp4".ljust(257, b"\x00") + b"ustar\x0000" + bytes(250), DOCUMENT),
        (docx("x"), DOCUMENT),
        (b"%PDF-1.4\n", DOCUMENT),
        (ENGLISH.encode(), DOCUMENT),
        (RUSSIAN.encode("cp1251"), DOCUMENT),
        (RUSSIAN.encode("utf-16"), DOCUMENT),
        (struct.pack("<64I", *range(64)), OTHER),
        (b"", OTHER),
    ],
)
def test_files_are_known_by_their_beginning(head: bytes, kind: str) -> None:
    assert guess(head[:4096]) == kind


@given(st.binary(max_size=600))
def test_any_bytes_have_a_kind(head: bytes) -> None:
    assert guess(head) in KINDS
