"""Recipients who pool their packages, and own the whole drive besides, find nothing of what was not shown."""

from __future__ import annotations

import base64
import json
import re
from hashlib import sha256
from itertools import pairwise
from typing import Any

import pytest

from bearwitness_verify.clip_proof import cut
from bearwitness_verify.leaves import prefix

pytest.importorskip("av", reason="PyAV makes the footage")
from footage import Footage, shown_items, the_clip

NAME = "h264-aac.mp4"
HEAD = b"\x00" + prefix("segment")


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Footage:
    made = Footage(tmp_path_factory.mktemp("pooled"), [NAME])
    made.clip(made.folder / "pictures", NAME, "0.1-0.7", "--no-sound")
    made.clip(made.folder / "later", NAME, "1.7-2.3", "--no-sound")
    item = made.ids[NAME]
    made.do("release", made.folder / "sound", "--clip", f"{item}:0.1-0.7@2")
    return made


def unb64(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def hashes_in(value: Any) -> set[bytes]:
    """Return every run of 32 bytes that stands in a package as a hash or salt."""
    if isinstance(value, dict):
        return set().union(*map(hashes_in, value.values()))
    if isinstance(value, list):
        return set().union(*map(hashes_in, value)) if value else set()
    if isinstance(value, str) and re.fullmatch(r"[\w-]{43,}", value):
        data = unb64(value)
        return {data[at : at + 32] for at in range(0, len(data) - 31, 32)}
    return set()


def test_no_hash_in_any_package_is_that_of_a_segment_not_shown(bench: Footage) -> None:
    """The adversary tries every salt they were given on every segment of the original they could cut."""
    original = (bench.source / NAME).read_bytes()
    releases = [bench.folder / name for name in ("pictures", "later", "sound")]
    known: set[bytes] = set()
    salts: set[bytes] = set()
    shown: set[bytes] = set()
    for release in releases:
        known |= set().union(*(hashes_in(item) for item in shown_items(release)))
        clip = the_clip(release)
        salts |= {clip.segments.proof.salt(n) for n in range(len(clip.segments.lengths))}
        shown |= set(cut([(release / clip.segments.file).read_bytes()], clip.segments.lengths))
    from containers.media import by_track, ours

    packets = [p for track in by_track(ours(bench.source / NAME)).values() for p in track]
    cuts = sorted({p.pos for p in packets} | {p.end for p in packets})
    segments = [original[a:b] for a, b in pairwise(cuts) if b > a]
    assert len(segments) > 1.5 * len(shown)
    found = {
        segment for salt in salts for segment in segments if sha256(HEAD + salt + segment).digest() in known
    }
    # Neighbours' hashes are in a proof: of what another package shows, pooled with it, they are no secret.
    assert found <= shown
    assert len(set(segments) - shown) > 50
    digests = {sha256(segment).digest() for segment in segments} | {sha256(original).digest()}
    assert not digests & known


def test_two_clips_of_one_recording_do_not_tell_how_much_is_around_them(bench: Footage) -> None:
    """Places in the trees are counted from a secret; those of two clips tell only what lies between them."""
    first, later = (the_clip(bench.folder / name) for name in ("pictures", "later"))
    assert 0 < first.segments.proof.indices[0] < later.segments.proof.indices[0]
    for clip in (first, later):
        assert "extent" not in json.dumps(clip.table.fields)
    fields = {
        clip.table.proof.indices[: len(clip.table.fields)] == first.table.proof.indices[:3]
        for clip in (first, later)
    }
    assert fields == {True}
