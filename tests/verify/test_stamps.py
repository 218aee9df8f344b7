"""Stamp files are read strictly, and a renewal made in time keeps an expired stamp good."""

from __future__ import annotations

import base64
import json
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import tsa
from bearwitness_verify import canonical, stamps
from bearwitness_verify.canonical import b64
from bearwitness_verify.errors import MalformedError, SignatureError, VerifyError
from bearwitness_verify.stamps import StampFile
from tsa import NOW, Node, Openssl, World, forge, issue, needs_openssl

SIGNATURE = "\N{EM DASH} vault/1 " + base64.b64encode(bytes(68)).decode() + "\n"
NOTE = "vault/1\n3\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n\n" + SIGNATURE
DAY = timedelta(days=1)


@pytest.fixture(scope="module")
def w() -> World:
    return tsa.world()


def short_lived(title: str, until: float, since: float = -400) -> Node:
    return issue(title, tsa.world().middle, days=(since, until))


def stamp(signer: Node, time: datetime, covers: bytes | None = None, **parts: Any) -> bytes:
    """Return a stamp file by `signer`, of the note or of the stamp file it `covers`."""
    message = NOTE.encode() if covers is None else covers
    reply = forge(signer, message, time=time, **parts)
    renewed = None if covers is None else sha256(covers).digest()
    note = NOTE if covers is None else None
    return StampFile(reply, (tsa.world().middle.der,), (), note, renewed).encode()


def chain(*files: bytes, now: datetime = NOW) -> list[datetime]:
    found = stamps.verify_chain(files, NOTE.encode(), tsa.world().roots, now=now)
    return [stamped.time for stamped in found]


# --- The file -----------------------------------------------------------------------------------


def test_a_stamp_file_is_read_back_as_it_was_written(w: World) -> None:
    first = StampFile(b"reply", (b"b", b"a"), (b"crl",), NOTE)
    assert StampFile.parse(first.encode()) == StampFile(b"reply", (b"a", b"b"), (b"crl",), NOTE)
    renewal = StampFile(b"reply", renewed=bytes(32))
    assert StampFile.parse(renewal.encode()) == renewal
    members = {"certificates": [b64(b"a"), b64(b"b")], "crls": [b64(b"crl")], "reply": b64(b"reply")}
    expected = json.dumps(
        members | {"stamps": {"note": NOTE}, "v": "1"},
        sort_keys=True,
        separators=(",", ":"),
        ensure_ascii=False,
    )
    assert first.encode() == expected.encode()


def changed(**members: Any) -> bytes:
    plain: dict[str, Any] = {
        "certificates": [],
        "crls": [],
        "reply": b64(b"r"),
        "stamps": {"note": NOTE},
        "v": "1",
    }
    return canonical.dumps({k: v for k, v in (plain | members).items() if v is not ...})


@pytest.mark.parametrize(
    ("members", "why"),
    [
        ({"v": "2"}, "version not known"),
        ({"extra": "x"}, "unknown member"),
        ({"crls": ...}, "lacks crls"),
        ({"reply": "a"}, "base64url"),
        ({"certificates": b64(b"a")}, "not an array"),
        ({"certificates": [b64(b"b"), b64(b"a")]}, "ascending"),
        ({"certificates": [b64(b"a"), b64(b"a")]}, "ascending"),
        ({"crls": [b64(b"b"), b64(b"a")]}, "ascending"),
        ({"crls": ["!"]}, "base64url"),
        ({"stamps": {}}, "either"),
        ({"stamps": {"note": NOTE, "stamp": b64(bytes(32))}}, "either"),
        ({"stamps": {"stamp": b64(bytes(31))}}, "31 bytes"),
        ({"stamps": {"stamp": bytes(32).hex()}}, "48 bytes"),
        ({"stamps": {"note": "no note"}}, "lacks its signatures"),
        ({"stamps": {"note": NOTE + SIGNATURE}}, "exactly one signature"),
        ({"stamps": {"checkpoint": NOTE}}, "unknown member"),
    ],
)
def test_a_stamp_file_of_another_shape_is_refused(members: dict[str, Any], why: str) -> None:
    with pytest.raises(MalformedError, match=why):
        StampFile.parse(changed(**members))


def test_a_stamp_file_that_is_not_canonical_is_refused() -> None:
    data = changed()
    assert StampFile.parse(data)
    for other in (data + b"\n", data.replace(b'"v":"1"', b'"v": "1"'), b"", b"[]", data[:-1]):
        with pytest.raises(MalformedError):
            StampFile.parse(other)
    with pytest.raises(MalformedError, match="too large"):
        StampFile.parse(bytes(stamps.FILE_BYTES_MAX + 1))


@given(st.binary(max_size=200))
def test_bytes_of_any_kind_are_refused_as_malformed(data: bytes) -> None:
    with pytest.raises(MalformedError):
        StampFile.parse(data)


# --- One stamp ----------------------------------------------------------------------------------


@needs_openssl
def test_a_real_stamp_with_the_lists_kept_beside_it_holds(w: World) -> None:
    lists = (tsa.revocation_list(w.root), w.crl)
    reply = Openssl(w.rsa).stamp(NOTE.encode(), "-sha256")  # no certificate in it
    file = StampFile(reply, (w.rsa.der, w.middle.der), lists, NOTE).encode()
    stamped = stamps.verify_stamp(file, NOTE.encode(), w.roots)
    assert stamped.revocation_checked
    assert stamped.path[0] == w.rsa.der


def test_a_stamp_file_is_refused_for_any_other_message(w: World) -> None:
    file = stamp(w.rsa, NOW)
    assert stamps.verify_stamp(file, NOTE.encode(), w.roots).time == NOW
    renewal = stamp(w.ecdsa, NOW, file)
    assert stamps.verify_stamp(renewal, file, w.roots).time == NOW
    for data, message in (
        (file, NOTE.encode() + b" "),
        (renewal, NOTE.encode()),
        (renewal, renewal),
        (file, file),
    ):
        with pytest.raises(SignatureError, match="of something else"):
            stamps.verify_stamp(data, message, w.roots)


def test_a_stamp_file_that_names_a_note_its_reply_is_not_of_is_refused(w: World) -> None:
    other = NOTE.replace("\n3\n", "\n4\n")
    reply = forge(w.rsa, other.encode())
    file = StampFile(reply, (w.middle.der,), (), NOTE).encode()
    with pytest.raises(SignatureError, match="of something else"):
        stamps.verify_stamp(file, NOTE.encode(), w.roots)
    with pytest.raises(SignatureError, match="of something else"):
        stamps.verify_stamp(file, other.encode(), w.roots)


def test_a_list_kept_in_the_file_that_revokes_the_authority_counts(w: World) -> None:
    reply = forge(w.revoked, NOTE.encode())
    file = StampFile(reply, (w.middle.der,), (w.crl,), NOTE).encode()
    with pytest.raises(SignatureError, match="was revoked"):
        stamps.verify_stamp(file, NOTE.encode(), w.roots)


# --- Renewals -----------------------------------------------------------------------------------


def test_an_expired_stamp_is_good_only_if_it_was_renewed_before_it_expired(w: World) -> None:
    brief = short_lived("Brief Stamps", until=-20)
    first = stamp(brief, NOW - 50 * DAY)
    assert chain(first, now=NOW - 21 * DAY) == [NOW - 50 * DAY]
    with pytest.raises(SignatureError, match=r"expired on .* no renewal"):
        chain(first)
    in_time = stamp(w.rsa, NOW - 30 * DAY, first)
    assert chain(first, in_time) == [NOW - 50 * DAY, NOW - 30 * DAY]
    too_late = stamp(w.rsa, NOW - 10 * DAY, first)
    with pytest.raises(SignatureError, match="no renewal"):
        chain(first, too_late)
    assert len(chain(first, too_late, in_time)) == 3


def test_a_renewal_whose_clock_may_have_been_late_does_not_count(w: World) -> None:
    brief = short_lived("Brief Stamps", until=-20)
    first = stamp(brief, NOW - 50 * DAY)
    close = stamp(w.rsa, NOW - 20 * DAY - timedelta(minutes=1), first)
    assert chain(first, close)
    rough = stamp(w.rsa, NOW - 20 * DAY - timedelta(minutes=1), first, accuracy=tsa.seq(tsa.integer(120)))
    with pytest.raises(SignatureError, match="no renewal"):
        chain(first, rough)


def test_an_expired_renewal_must_itself_have_been_renewed_in_time(w: World) -> None:
    one, two = short_lived("One", until=-300), short_lived("Two", until=-100, since=-350)
    first = stamp(one, NOW - 350 * DAY)
    second = stamp(two, NOW - 310 * DAY, first)
    with pytest.raises(SignatureError, match="no renewal"):
        chain(first, second)
    third = stamp(w.rsa, NOW - 150 * DAY, second)
    assert chain(third, first, second) == [NOW - 350 * DAY, NOW - 310 * DAY, NOW - 150 * DAY]
    late_third = stamp(w.rsa, NOW - 90 * DAY, second)
    with pytest.raises(SignatureError, match="no renewal"):
        chain(first, second, late_third)


def test_a_renewal_covers_the_very_bytes_of_the_older_file(w: World) -> None:
    brief = short_lived("Brief Stamps", until=-20)
    first = stamp(brief, NOW - 50 * DAY)
    renewal = stamp(w.rsa, NOW - 30 * DAY, first)
    parsed = StampFile.parse(first)
    same_reply = StampFile(parsed.reply, (*parsed.certificates, w.root.der), (), NOTE).encode()
    for files in ((same_reply, renewal), (renewal,)):
        with pytest.raises(SignatureError, match="renews one that is not here"):
            chain(*files)
    backdated = stamp(brief, NOW - 60 * DAY)
    lying = StampFile(
        StampFile.parse(renewal).reply, (w.middle.der,), renewed=sha256(backdated).digest()
    ).encode()
    with pytest.raises(SignatureError, match="of something else"):
        chain(backdated, lying)


def test_a_renewal_dated_before_what_it_renews_is_refused(w: World) -> None:
    first = stamp(w.rsa, NOW)
    with pytest.raises(SignatureError, match="older than the stamp"):
        chain(first, stamp(w.ecdsa, NOW - DAY, first))
    assert len(chain(first, stamp(w.ecdsa, NOW, first))) == 2


def test_one_bad_file_spoils_the_chain(w: World) -> None:
    first = stamp(w.rsa, NOW - DAY)
    for bad in (stamp(w.rival, NOW, first), stamp(w.expired, NOW, first), stamp(w.rival, NOW)):
        with pytest.raises(SignatureError):
            chain(first, bad)
    with pytest.raises(SignatureError, match="of something else"):
        stamps.verify_chain([first], NOTE.encode() + b" ", w.roots)
    with pytest.raises(SignatureError, match="no time stamp"):
        stamps.verify_chain([], NOTE.encode(), w.roots)
    with pytest.raises(VerifyError):
        chain(first, b"{}")


def test_independent_stamps_are_judged_together_or_apart(w: World) -> None:
    brief = short_lived("Brief Stamps", until=-20)
    lapsed, good = stamp(brief, NOW - 50 * DAY), stamp(w.rsa, NOW - 40 * DAY)
    renewal = stamp(w.ecdsa, NOW - DAY, good)
    again = stamp(w.ecdsa, NOW, renewal)
    with pytest.raises(SignatureError, match="no renewal"):
        chain(lapsed, good, renewal)
    families = stamps.apart([again, good, renewal, lapsed])
    assert sorted(map(sorted, families)) == sorted([sorted([good, renewal, again]), [lapsed]])
    assert {family[0] for family in families} == {good, lapsed}
    assert chain(*families[0]) == [NOW - 40 * DAY, NOW - DAY, NOW]


def test_by_default_the_clock_says_what_has_expired(w: World) -> None:
    held = stamps.verify_chain([stamp(w.rsa, NOW)], NOTE.encode(), w.roots)
    assert held[0].valid_until > NOW
    with pytest.raises(SignatureError, match="no renewal"):
        stamps.verify_chain([stamp(w.expired, NOW - 50 * DAY)], NOTE.encode(), w.roots)


def test_a_flood_of_stamp_files_is_refused(w: World) -> None:
    with pytest.raises(MalformedError, match="more than"):
        chain(*([b"x"] * (stamps.FILES_MAX + 1)))
