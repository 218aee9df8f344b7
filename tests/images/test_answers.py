"""What a child in hostile hands may answer: nothing but sense gets through."""

from __future__ import annotations

from typing import Any

import pytest

from bearwitness.images import answers
from bearwitness.images.model import Acquisition, Entry, Hole, Layout, Page, Place, Stream, Volume
from bearwitness_verify import canonical
from bearwitness_verify.errors import MalformedError

ENTRY = Entry(Place(1, 77, Stream(128, 4)), b"name:stream", "file", 9, mtime=-5, mode=0o100644, attributes=32)
LINK = Entry(Place(1, 78), b"\xff\n", "symlink", 0, target=b"\xfe", several=True, local=True)
VOLUME = Volume(1, 512, 1024, "kind", "ntfs", 5, 99, "", {"serial": "00"})


def test_what_is_encoded_is_decoded() -> None:
    page = Page([ENTRY, LINK], more=True, damaged=False)
    assert answers.decode_page(answers.encode_page(page), 1) == page
    layout = Layout(4096, "mbr", (VOLUME,), {"mbr_signature": "deadc0de"})
    assert answers.decode_layout(answers.encode_layout(layout)) == layout
    acquisition = Acquisition({"md5": "ab" * 16}, {"notes": "я"})
    assert answers.decode_acquisition(answers.encode_acquisition(acquisition)) == acquisition
    data, holes = answers.decode_bytes(answers.encode_bytes(b"abc", [Hole(11, 2, "sector")]), 10, 3)
    assert (bytes(data), holes) == (b"abc", [Hole(11, 2, "sector")])


def changed(entry: Entry, **members: Any) -> bytes:
    """Return a page with one entry, members of it replaced (None: taken out)."""
    page = canonical.loads(answers.encode_page(Page([entry], more=False, damaged=False)))
    assert isinstance(page, dict)
    (listed,) = page["entries"]  # type: ignore[misc]
    assert isinstance(listed, dict)
    for name, value in members.items():
        if value is None:
            del listed[name]
        else:
            listed[name] = value
    return canonical.dumps(page)


@pytest.mark.parametrize(
    "members",
    [
        {"type": "device"},
        {"type": "folder"},  # with a size
        {"type": "symlink"},  # without a target
        {"target": "AA"},
        {"name": ""},
        {"name": "AGEA"},  # with a zero byte
        {"name": "A" * 20_000},
        {"name": None},
        {"size": "-1"},
        {"size": "9223372036854775808"},
        {"size": "007"},
        {"address": "18446744073709551616"},
        {"volume": "2"},
        {"stream": ["128"]},
        {"stream": ["128", "65536"]},
        {"mtime": "99999999999999999999999"},
        {"mode": "-1"},
        {"uid": "4294967296"},
        {"reason": "because"},
        {"deleted": "yes"},
        {"owner": "ivan"},
    ],
    ids=str,
)
def test_an_impossible_entry_is_refused(members: dict[str, Any]) -> None:
    with pytest.raises(MalformedError):
        answers.decode_page(changed(ENTRY, **members), 1)


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"{}\nabc",
        b'{"holes":[],"v":"1"}\nab',
        b'{"holes":[],"v":"1"}\nabcd',
        b'{"holes":[],"v":"1"}abc',
        b'{"holes":[["9","1","sector"]],"v":"1"}\nabc',
        b'{"holes":[["10","4","sector"]],"v":"1"}\nabc',
        b'{"holes":[["10","0","sector"]],"v":"1"}\nabc',
        b'{"holes":[["10","1","gremlins"]],"v":"1"}\nabc',
        b'{"holes":[["10","1"]],"v":"1"}\nabc',
        b'{"holes": [],"v":"1"}\nabc',
    ],
)
def test_bytes_that_are_not_those_asked_for_are_refused(answer: bytes) -> None:
    with pytest.raises((MalformedError, ValueError)):
        answers.decode_bytes(answer, 10, 3)


def test_a_layout_with_two_volumes_of_one_number_is_refused() -> None:
    with pytest.raises(MalformedError):
        answers.decode_layout(answers.encode_layout(Layout(4096, "mbr", (VOLUME, VOLUME), {})))


@pytest.mark.parametrize("table", ["mbr; rm -rf", "M", "x" * 17])
def test_a_table_of_an_impossible_name_is_refused(table: str) -> None:
    with pytest.raises(MalformedError):
        answers.decode_layout(answers.encode_layout(Layout(4096, table, (), {})))


def test_a_stored_hash_that_is_none_is_refused() -> None:
    with pytest.raises(MalformedError):
        answers.decode_acquisition(answers.encode_acquisition(Acquisition({"md5": "<script>"}, {})))
