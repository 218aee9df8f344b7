"""What a release shows is what people approve: no field beside the bytes goes out without a hash of it."""

from __future__ import annotations

from typing import Any

import pytest

from bearwitness.disclose.gating import refuse_others
from bearwitness.disclose.outgoing import Draft, Outgoing, draft_of
from bearwitness.disclose.request import Request, Shown
from bearwitness.disclose.sharing import Conditions
from bearwitness.errors import RefusedError
from bearwitness_verify import canonical
from bearwitness_verify.canonical import Json, b64

ITEM = "cd" * 16
COPY: dict[str, Json] = {"redacted": [{"copied": None, "file": "exhibits/01.mp4"}]}
PROVEN: dict[str, Json] = {
    "redacted": [{"copied": {"segments": {"file": "exhibits/01.segments"}}, "file": "exhibits/01.mp4"}]
}
CLIP: dict[str, Json] = {
    "clips": [{"playable": "exhibits/01.mp4", "segments": {"file": "exhibits/01.segments"}}]
}
WHOLE: dict[str, Json] = {"file": "exhibits/01.mp4"}


def treatments(shown: dict[str, Json], *fields: str) -> list[str]:
    """Return how the exhibits of a release count that shows this of an item, and these fields."""
    payloads: list[Json] = [{"payload": {"name": name, "value": "x"}} for name in fields]
    item: dict[str, Json] = {
        "clips": [], "fields": payloads, "file": None, "root": b64(bytes(32)), "salt": b64(bytes(32)),
        **shown,
    }  # fmt: skip
    files: list[Json] = [
        {"name": name, "sha256": f"{number:064x}"}
        for number, name in enumerate(("exhibits/01.mp4", "exhibits/01.segments"))
    ]
    delivery: Json = {"entry": {"shown": []}, "items": [item]}
    statement = canonical.dumps({"deliveries": [delivery], "files": files})
    return sorted(exhibit.treatment for exhibit in draft_of(statement).exhibits)


@pytest.mark.parametrize(
    ("shown", "fields", "wanted"),
    [
        (COPY, ["fate"], ["redacted"]),
        (COPY, ["fate", "sha256"], ["redacted", "text"]),
        (COPY, ["fate", "size"], ["redacted", "text"]),
        (COPY, ["fate", "content", "tracks"], ["redacted", "text"]),
        (PROVEN, ["fate", "content", "tracks"], ["clear", "redacted"]),
        (PROVEN, ["fate", "content", "tracks", "sha256"], ["clear", "redacted", "text"]),
        (CLIP, ["fate", "content", "tracks"], ["clear", "clear"]),
        (CLIP, ["fate", "content", "tracks", "size"], ["clear", "clear", "text"]),
        (WHOLE, ["fate", "content", "sha256", "size"], ["clear"]),
        (WHOLE, ["fate", "content", "sha256", "size", "path"], ["clear", "text"]),
    ],
)
def test_hash_and_size_of_the_sealed_file_are_approved_where_its_bytes_do_not_go_out(
    shown: dict[str, Json], fields: list[str], wanted: list[str]
) -> None:
    assert treatments(shown, *fields) == wanted


def request(treatment: str) -> Request:
    """Return a request for one exhibit."""
    whole: dict[str, Any] = {
        "profile": "court", "recipient": "The court", "purpose": "prosecution", "minimum": 1,
        "conditions": Conditions(), "exhibits": (Shown(ITEM, "0e" * 32, treatment, ()),),
    }  # fmt: skip
    return Request(**whole)


@pytest.mark.parametrize("ready", ["clear", "redacted"])
def test_a_file_that_a_request_calls_a_text_does_not_pass_by_those_who_would_look_at_it(ready: str) -> None:
    made = Draft((Outgoing(ITEM, "0e" * 32, ready),), None)
    with pytest.raises(RefusedError, match="is called a text in the request"):
        refuse_others(request("text"), made)
    refuse_others(request(ready), made)
    refuse_others(request("text"), Draft((Outgoing(ITEM, "0e" * 32, "text"),), None))
