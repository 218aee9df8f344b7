"""Ordering a stamp: what is asked, what is accepted, what is kept, and how far it goes to fetch it."""

from __future__ import annotations

import base64
import functools
import io
import socket
from collections.abc import Callable
from datetime import timedelta
from hashlib import sha256
from typing import Any, NoReturn, cast

import pytest
import rfc3161_client
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from hypothesis import given, settings
from hypothesis import strategies as st

import tsa
from bearwitness.custody import stamping
from bearwitness.errors import BearwitnessError, MalformedError, SignatureError, UsageError, VerifyError
from bearwitness_verify import stamps, timestamp
from bearwitness_verify.der import Reader
from bearwitness_verify.stamps import StampFile
from tsa import NOW, Asked, Openssl, World, forge, issue, needs_openssl, serving

NOTE = "vault/1\n3\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n\n" + (
    f"\N{EM DASH} vault/1 {base64.b64encode(bytes(68)).decode()}\n"
)
MESSAGE = NOTE.encode()
DAY = timedelta(days=1)
Answer = tuple[int, dict[str, str], bytes]


@pytest.fixture(scope="module")
def w() -> World:
    return tsa.world()


def accept(reply: bytes, nonce: int = 5, **given: Any) -> bytes:
    world = tsa.world()
    usual: dict[str, Any] = {"roots": world.roots, "certificates": world.between}
    return stamping.accept_reply(reply, MESSAGE, nonce, **(usual | given))


# --- The request --------------------------------------------------------------------------------


def test_the_request_asks_for_sha256_a_certificate_and_carries_a_fresh_nonce() -> None:
    der, nonce = stamping.request_bytes(MESSAGE)
    with Reader(der, "the request") as whole, whole.sequence() as request:
        assert request.integer() == 1
        with request.sequence() as imprint:
            with imprint.sequence() as algorithm:
                assert algorithm.oid() == tsa.HASH_OIDS["sha256"]
                algorithm.null()
            assert imprint.octets() == sha256(MESSAGE).digest()
        assert request.integer() == nonce
        assert request.boolean()
    assert nonce.bit_length() > 32
    assert stamping.request_bytes(MESSAGE)[1] != nonce
    assert MESSAGE not in der


def test_a_request_without_a_nonce_is_never_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    plain = rfc3161_client.TimestampRequestBuilder
    wishes: list[dict[str, Any]] = [{"nonce": False}, {"cert_req": False}]
    for without in wishes:
        monkeypatch.setattr(rfc3161_client, "TimestampRequestBuilder", functools.partial(plain, **without))
        with pytest.raises(MalformedError, match="lacks its nonce"):
            stamping.request_bytes(MESSAGE)


# --- The reply ----------------------------------------------------------------------------------


@needs_openssl
@pytest.mark.parametrize(
    "settings", [{}, {"tsa_name": "yes", "accuracy": "secs:1", "clock_precision_digits": "3"}]
)
def test_a_real_reply_becomes_a_stamp_file_that_holds(w: World, settings: dict[str, str]) -> None:
    der, nonce = stamping.request_bytes(MESSAGE)
    reply = Openssl(w.ecdsa, settings).reply(der)
    file = accept(reply, nonce)
    stamp = StampFile.parse(file)
    assert stamp.reply == reply
    assert (stamp.note, stamp.renewed) == (NOTE, None)
    assert stamps.verify_stamp(file, MESSAGE, w.roots).path[0] == w.ecdsa.der


@needs_openssl
def test_a_renewal_names_the_file_it_renews(w: World) -> None:
    der, nonce = stamping.request_bytes(MESSAGE)
    first = accept(Openssl(w.rsa).reply(der), nonce)
    der, nonce = stamping.request_bytes(first)
    reply = Openssl(w.ecdsa).reply(der)
    renewal = stamping.accept_reply(reply, first, nonce, renewal=True, roots=w.roots, certificates=w.between)
    assert StampFile.parse(renewal).renewed == sha256(first).digest()
    assert len(stamps.verify_chain([first, renewal], MESSAGE, w.roots)) == 2


@needs_openssl
def test_a_chain_that_is_not_in_der_order_is_shown_to_rfc3161_client_in_order(w: World) -> None:
    der, nonce = stamping.request_bytes(MESSAGE)
    signer = issue("Unordered", w.middle)
    reply = Openssl(signer, chain=(w.middle, w.root)).reply(der)
    certificates = timestamp.parse_reply(reply).certificates
    if list(certificates) == sorted(certificates):
        reply = reply.replace(b"".join(certificates), b"".join(reversed(certificates)))
    assert not tsa.client_accepts(reply, MESSAGE, w.root)
    file = accept(reply, nonce, certificates=())
    assert StampFile.parse(file).reply == reply
    assert StampFile.parse(file).certificates == ()


def test_a_stamp_is_kept_without_a_root_once_it_is_consistent(w: World) -> None:
    file = accept(forge(w.rival, MESSAGE, nonce=5), roots=())
    assert stamps.verify_stamp(file, MESSAGE, [w.rival_root.certificate]).time == NOW
    with pytest.raises(SignatureError, match="does not hold"):
        accept(forge(w.rival, MESSAGE, nonce=5, signature=bytes(70)), roots=())
    with pytest.raises(UsageError, match="without the root"):
        accept(forge(w.rsa, MESSAGE, nonce=5), roots=(), crls=[w.crl])


@pytest.mark.parametrize("roots", [True, False])
def test_a_reply_to_another_request_is_refused(w: World, roots: bool) -> None:
    given: dict[str, Any] = {} if roots else {"roots": ()}
    for parts in ({"nonce": 6}, {}, {"nonce": 5, "hash": "sha512"}):
        with pytest.raises(SignatureError, match="another request"):
            accept(forge(w.rsa, MESSAGE, **parts), **given)
    with pytest.raises(SignatureError, match="of something else"):
        accept(forge(w.rsa, MESSAGE + b"!", nonce=5), **given)
    with pytest.raises(SignatureError, match="gave no stamp"):
        accept(forge(w.rsa, MESSAGE, nonce=5, status=tsa.seq(tsa.integer(2))), **given)


def test_what_our_verifier_refuses_is_not_kept(w: World) -> None:
    for reply in (
        forge(w.rival, MESSAGE, nonce=5),
        forge(w.expired, MESSAGE, nonce=5),
        forge(w.rsa, MESSAGE, nonce=5, ess=""),
        forge(issue("Lax", w.middle, purposes_critical=False), MESSAGE, nonce=5),
    ):
        with pytest.raises(SignatureError):
            accept(reply)
    with pytest.raises(SignatureError, match="was revoked"):
        accept(forge(w.revoked, MESSAGE, nonce=5), crls=[w.crl])


def test_what_only_rfc3161_client_refuses_is_not_kept(w: World) -> None:
    pss = forge(w.rsa, MESSAGE, nonce=5, scheme="pss")
    assert timestamp.verify(timestamp.parse_reply(pss), MESSAGE, w.roots, w.between)
    with pytest.raises(SignatureError, match=r"second verifier.*does not accept"):
        accept(pss)


def test_two_verifiers_that_read_different_things_are_not_believed(
    w: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    reply = forge(w.rsa, MESSAGE, nonce=5)
    assert accept(reply)
    for other in ({"serial": 78}, {"policy": "1.2.3"}, {"time": NOW - DAY}):
        response = rfc3161_client.decode_timestamp_response(forge(w.rsa, MESSAGE, **({"nonce": 5} | other)))
        with monkeypatch.context() as patched:
            patched.setattr(rfc3161_client, "decode_timestamp_response", lambda _, answer=response: answer)
            with pytest.raises(SignatureError, match="read different things"):
                accept(reply)


def test_only_certificates_that_may_lie_on_the_path_are_kept(w: World) -> None:
    old = issue("Old Root", ca=True)
    crossed = issue("Root of Trust", old, own_key=w.root.key, ca=True)
    given = [w.rival.der, w.rival_root.der, w.ecdsa.der, w.middle.der, crossed.der, old.der]
    file = accept(forge(w.rsa, MESSAGE, nonce=5), certificates=given)
    assert set(StampFile.parse(file).certificates) == {w.middle.der, crossed.der, old.der, w.root.der}
    assert stamps.verify_stamp(file, MESSAGE, [old.certificate]).path[-1] == old.der
    file = accept(forge(w.rsa, MESSAGE, nonce=5, certificates=[w.rsa.der, w.middle.der]))
    assert StampFile.parse(file).certificates == (w.root.der,)
    file = accept(forge(w.rsa, MESSAGE, nonce=5, certificates=[]), certificates=[w.rsa.der, w.middle.der])
    assert w.rsa.der in StampFile.parse(file).certificates


def test_lists_given_are_kept_once_they_hold(w: World) -> None:
    lists = [w.crl, tsa.revocation_list(w.root), w.crl]
    file = accept(forge(w.rsa, MESSAGE, nonce=5), crls=lists)
    assert StampFile.parse(file).crls == tuple(sorted(set(lists)))
    assert stamps.verify_stamp(file, MESSAGE, w.roots).revocation_checked
    with pytest.raises(SignatureError, match="not signed by any"):
        accept(forge(w.rsa, MESSAGE, nonce=5), crls=[tsa.revocation_list(w.rival_root)])


@given(st.integers(0, 3000), st.binary(max_size=4), st.integers(0, 4))
@settings(max_examples=100)
def test_a_mangled_reply_gives_a_file_only_if_nothing_is_lost(place: int, data: bytes, dropped: int) -> None:
    reply = forge(tsa.world().ecdsa, MESSAGE, nonce=5)
    place %= len(reply)
    mangled = reply[:place] + data + reply[place + dropped :]
    try:
        file = accept(mangled)
    except VerifyError:
        return
    assert stamps.verify_stamp(file, MESSAGE, tsa.world().roots).time == NOW


# --- Files the user gives -----------------------------------------------------------------------


def test_certificates_and_lists_are_read_from_pem_and_from_der(w: World) -> None:
    pem_list = x509.load_der_x509_crl(w.crl).public_bytes(Encoding.PEM)
    mixed = b"Some words before\n" + w.root.pem + b"\r\n" + w.middle.pem.replace(b"\n", b"\r\n") + pem_list
    assert stamping.read_certificates(mixed) == [w.root.der, w.middle.der]
    assert stamping.read_crls(mixed) == [w.crl]
    assert stamping.read_certificates(w.root.der) == [w.root.der]
    assert stamping.read_crls(w.crl) == [w.crl]


@pytest.mark.parametrize(
    "data", [b"", b"nothing", b"0\x00", b"-----BEGIN CERTIFICATE-----\nAAA\n-----END CERTIFICATE-----"]
)
def test_a_file_that_holds_nothing_of_the_kind_is_refused(w: World, data: bytes) -> None:
    for read in (stamping.read_certificates, stamping.read_crls):
        with pytest.raises(MalformedError):
            read(data)
    with pytest.raises(MalformedError):
        stamping.read_crls(w.root.pem)
    with pytest.raises(MalformedError):
        stamping.read_crls(w.root.der)


# --- The way to the authority -------------------------------------------------------------------


def answering(*answers: Answer) -> tuple[Callable[[Asked], Answer], list[Asked]]:
    asked: list[Asked] = []

    def answer(request: Asked) -> Answer:
        asked.append(request)
        return answers[min(len(asked), len(answers)) - 1]

    return answer, asked


def test_the_request_goes_out_as_rfc_3161_says_and_tells_nothing_more() -> None:
    answer, asked = answering((200, {"Content-Type": "application/timestamp-reply"}, b"reply"))
    with serving(answer) as url:
        assert stamping.fetch(url + "/tsa", b"query") == b"reply"
    assert (asked[0].method, asked[0].path, asked[0].body) == ("POST", "/tsa", b"query")
    assert asked[0].headers["Content-Type"] == "application/timestamp-query"
    assert set(asked[0].headers) <= {
        "Accept",
        "Accept-Encoding",
        "Connection",
        "Content-Length",
        "Content-Type",
        "Host",
    }


def test_a_redirection_is_followed_with_the_same_request_but_to_no_other_scheme(w: World) -> None:
    for code in (301, 302, 307, 308):
        answer, asked = answering((code, {"Location": "/there"}, b""), (200, {}, b"reply"))
        with serving(answer) as url:
            assert stamping.fetch(url, b"query") == b"reply"
        assert [(a.method, a.path, a.body) for a in asked] == [
            ("POST", "/", b"query"),
            ("POST", "/there", b"query"),
        ]
        assert asked[1].headers["Content-Type"] == "application/timestamp-query"
    for target, why in (
        ("https://127.0.0.1:1/", "redirects to https"),
        ("ftp://127.0.0.1/", "redirects to ftp"),
        ("file:///etc/passwd", "302"),
    ):
        answer, asked = answering((302, {"Location": target}, b""))
        with serving(answer) as url, pytest.raises(BearwitnessError, match=why):
            stamping.fetch(url, b"query")
        assert len(asked) == 1
    answer, asked = answering((302, {"Location": "/again"}, b""))
    with serving(answer) as url, pytest.raises(BearwitnessError, match="302"):
        stamping.fetch(url, b"query")
    assert len(asked) <= 10


def test_what_goes_wrong_on_the_way_is_told_in_a_sentence() -> None:
    answer, _ = answering((503, {}, b"busy"))
    with serving(answer) as url, pytest.raises(BearwitnessError, match="answered with error 503"):
        stamping.fetch(url, b"query")
    answer, _ = answering((200, {}, bytes(timestamp.REPLY_BYTES_MAX + 1)))
    with serving(answer) as url, pytest.raises(BearwitnessError, match="more than 1048576 bytes"):
        stamping.fetch(url, b"query")
    with pytest.raises(BearwitnessError, match=r"can not be reached.*refused") as caught:
        stamping.fetch(url, b"query")  # the server is gone
    assert caught.value.hint
    with socket.create_server(("127.0.0.1", 0)) as silent, pytest.raises(BearwitnessError, match="timed out"):
        stamping.fetch(f"http://127.0.0.1:{silent.getsockname()[1]}/", b"query", timeout=0.05)


def test_an_authority_that_drips_is_given_up() -> None:
    class Dripping(io.BytesIO):
        def read1(self, size: int | None = -1, /) -> bytes:
            return b"x"

    with pytest.raises(BearwitnessError, match="too slowly"):
        stamping._read(cast(Any, Dripping()), "tsa.example", 10**6, deadline=0.0)


@pytest.mark.parametrize(
    "url",
    ["", "tsa.example", "ftp://tsa.example/", "file:///etc/passwd", "http://", "http://[", "data:,x", "/tsa"],
)
def test_an_address_that_is_not_of_the_web_is_refused_before_anything_is_sent(url: str) -> None:
    with pytest.raises(UsageError, match="http://"):
        stamping.fetch(url, b"query")


def test_an_address_that_can_not_be_is_told_in_a_sentence() -> None:
    for url in ("http://127.0.0.1:99999/", "http://127.0.0.1:x/", "http://127.0.0.1/a b\n"):
        with pytest.raises(BearwitnessError, match="can not be reached"):
            stamping.fetch(url, b"query")


# --- All in one go ------------------------------------------------------------------------------


@needs_openssl
def test_a_stamp_is_ordered_from_a_real_authority_with_the_lists_its_certificates_name(w: World) -> None:
    served: dict[str, bytes] = {}

    def answer(asked: Asked) -> Answer:
        if asked.method == "POST":
            return 200, {"Content-Type": "application/timestamp-reply"}, authority.reply(asked.body)
        return (200, {}, served[asked.path]) if asked.path in served else (404, {}, b"")

    with serving(answer) as url:

        def points(*paths: str) -> list[tuple[x509.ExtensionType, bool]]:
            names = [x509.UniformResourceIdentifier(p if "://" in p else url + p) for p in paths]
            return [(x509.CRLDistributionPoints([x509.DistributionPoint(names, None, None, None)]), False)]

        middle = issue("Listed Middle", w.root, ca=True, extensions=points("/root.crl"))
        signer = issue("Listed", middle, extensions=points("ldap://127.0.0.1/x", "/gone", "/middle.crl"))
        authority = Openssl(signer)
        served["/root.crl"] = tsa.revocation_list(w.root)
        served["/middle.crl"] = x509.load_der_x509_crl(tsa.revocation_list(middle)).public_bytes(Encoding.PEM)
        given: dict[str, Any] = {"roots": w.roots, "certificates": [middle.der]}
        file, problems = stamping.order(url, MESSAGE, **given)
        assert problems == []
        assert not StampFile.parse(file).crls
        file, problems = stamping.order(url, MESSAGE, **given, fetch_lists=True)
        assert problems == []
        assert stamps.verify_stamp(file, MESSAGE, w.roots).revocation_checked
        del served["/root.crl"]
        file, problems = stamping.order(url, MESSAGE, **given, fetch_lists=True)
        assert len(StampFile.parse(file).crls) == 1
        assert len(problems) == 1
        assert "Listed Middle" in problems[0]
        assert "404" in problems[0]
        served["/root.crl"] = b"<html>"
        assert (
            "no revocation list in PEM or DER"
            in stamping.order(url, MESSAGE, **given, fetch_lists=True)[1][0]
        )
        served["/middle.crl"] = tsa.revocation_list(middle, signer)
        with pytest.raises(SignatureError, match="was revoked"):
            stamping.order(url, MESSAGE, **given, fetch_lists=True)
        _, problems = stamping.order(url, MESSAGE, certificates=[middle.der], fetch_lists=True)
        assert "root of the authority is not given" in problems[0]


@needs_openssl
def test_certificates_that_name_no_list_are_told(w: World) -> None:
    authority = Openssl(w.rsa)
    with serving(lambda asked: (200, {}, authority.reply(asked.body))) as url:
        _, problems = stamping.order(url, MESSAGE, roots=w.roots, certificates=w.between, fetch_lists=True)
    assert len(problems) == 2
    assert all("names none that can be fetched" in problem for problem in problems)


def test_nothing_is_fetched_unless_it_was_ordered(w: World, monkeypatch: pytest.MonkeyPatch) -> None:
    def never(*_: object, **__: object) -> NoReturn:
        raise AssertionError("the network was used")

    monkeypatch.setattr(socket.socket, "connect", never)
    monkeypatch.setattr(socket, "getaddrinfo", never)
    point = x509.DistributionPoint([x509.UniformResourceIdentifier("http://127.0.0.1:1/")], None, None, None)
    signer = issue("Listed", w.middle, extensions=[(x509.CRLDistributionPoints([point]), False)])
    stamping.request_bytes(MESSAGE)
    file = accept(forge(signer, MESSAGE, nonce=5))
    assert stamps.verify_stamp(file, MESSAGE, w.roots)
