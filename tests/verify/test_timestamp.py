"""What the verifier accepts as a time stamp, what it refuses, and that others agree."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Iterable
from datetime import UTC, timedelta
from functools import lru_cache
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.x509.oid import ExtendedKeyUsageOID
from hypothesis import given, settings
from hypothesis import strategies as st

import tsa
from bearwitness_verify import timestamp
from bearwitness_verify.certificates import Certificate
from bearwitness_verify.errors import MalformedError, SignatureError, VerifyError
from bearwitness_verify.timestamp import Stamped
from scale import ALL
from tsa import NOW, Node, Openssl, World, forge, integer, issue, needs_openssl, octets, oid, seq, set_of, tlv
from workbench import SEED

MESSAGE = "bearwitness/7\n12\nroot\n\n\N{EM DASH} vault signature\n".encode()
DAY = timedelta(days=1)
_CERTIFICATES_KEPT = 64


@pytest.fixture(scope="module")
def w() -> World:
    return tsa.world()


def check(reply: bytes, *extra: Node, message: bytes = MESSAGE, crls: Any = (), roots: Any = None) -> Stamped:
    world = tsa.world()
    certificates = [world.middle.der, *(node.der for node in extra)]
    token = timestamp.parse_reply(reply)
    return timestamp.verify(token, message, world.roots if roots is None else roots, certificates, crls)


def refused(reply: bytes, why: str, *extra: Node, **given: Any) -> None:
    with pytest.raises(VerifyError, match=why):
        check(reply, *extra, **given)


# --- What is accepted, and by others too --------------------------------------------------------

REAL: dict[str, tuple[str, dict[str, str], tuple[str, ...]]] = {
    "plain": ("rsa", {}, ("-sha256", "-cert")),
    "no-nonce": ("rsa", {}, ("-sha256", "-cert", "-no_nonce")),
    "imprint-sha384": ("rsa", {}, ("-sha384", "-cert")),
    "imprint-sha512": ("ecdsa", {}, ("-sha512", "-cert")),
    "ecdsa": ("ecdsa", {"signer_digest": "sha384"}, ("-sha256", "-cert")),
    "signed-sha512": ("rsa", {"signer_digest": "sha512"}, ("-sha256", "-cert")),
    "ess-v1": ("rsa", {"ess_cert_id_alg": "sha1"}, ("-sha256", "-cert")),
    "ess-sha512": ("rsa", {"ess_cert_id_alg": "sha512"}, ("-sha256", "-cert")),
    "milliseconds": ("rsa", {"clock_precision_digits": "3"}, ("-sha256", "-cert")),
    "microseconds": ("rsa", {"clock_precision_digits": "6"}, ("-sha256", "-cert")),
    "accuracy": ("rsa", {"accuracy": "secs:1, millisecs:500, microsecs:100"}, ("-sha256", "-cert")),
    "accuracy-of-a-part": ("rsa", {"accuracy": "millisecs:200"}, ("-sha256", "-cert")),
    "ordering": ("rsa", {"ordering": "yes"}, ("-sha256", "-cert")),
    "tsa-name": ("ecdsa", {"tsa_name": "yes"}, ("-sha256", "-cert")),
    "all": ("ecdsa", {"tsa_name": "yes", "ordering": "yes", "accuracy": "secs:2"}, ("-sha256", "-cert")),
}


@needs_openssl
@pytest.mark.parametrize("kind", REAL)
def test_what_a_real_authority_answers_is_accepted_by_us_by_openssl_and_by_rfc3161_client(
    w: World, kind: str
) -> None:
    signer, configured, query = REAL[kind]
    node: Node = getattr(w, signer)
    reply = Openssl(node, configured).stamp(MESSAGE, *query)
    stamped = check(reply)
    assert abs(stamped.time - NOW) < timedelta(hours=1)
    assert stamped.policy == tsa.POLICY
    assert stamped.authority == node.certificate.subject.rfc4514_string()
    assert stamped.valid_until == node.certificate.not_valid_after_utc
    assert stamped.path == (node.der, w.middle.der, w.root.der)
    assert stamped.root == hashlib.sha256(w.root.der).hexdigest()
    assert not stamped.revocation_checked
    assert tsa.openssl_accepts(reply, MESSAGE, w.root, w.middle)
    assert tsa.client_accepts(reply, MESSAGE, w.root, w.middle)


@needs_openssl
def test_accuracy_widens_the_latest_time(w: World) -> None:
    whole = check(Openssl(w.rsa, {"accuracy": "secs:1, millisecs:500, microsecs:100"}).stamp(MESSAGE))
    part = check(Openssl(w.rsa, {"accuracy": "millisecs:200"}).stamp(MESSAGE))
    none = check(Openssl(w.rsa).stamp(MESSAGE))
    assert whole.latest - whole.time == timedelta(seconds=1, microseconds=500_100)
    assert part.accuracy == timedelta(milliseconds=200)
    assert (none.accuracy, none.latest) == (None, none.time)


@needs_openssl
def test_a_token_without_certificates_holds_with_those_kept_elsewhere(w: World) -> None:
    reply = Openssl(w.rsa).stamp(MESSAGE, "-sha256")
    refused(reply, "is missing")
    assert check(reply, w.rsa).authority.endswith("C=DE")
    assert tsa.openssl_accepts(reply, MESSAGE, w.root, w.middle, w.rsa)
    assert tsa.client_accepts(reply, MESSAGE, w.root, w.middle, signer=w.rsa)


@needs_openssl
def test_a_chain_sent_as_it_is_instead_of_in_der_order_is_accepted(w: World) -> None:
    """DigiCert does so; rfc3161-client accepts it once the set is put in order, which nobody signed."""
    reply = Openssl(w.ecdsa, {"signer_digest": "sha256"}, chain=(w.middle, w.root)).stamp(MESSAGE)
    token = timestamp.parse_reply(reply)
    assert timestamp.verify(token, MESSAGE, w.roots).path[-1] == w.root.der
    assert tsa.openssl_accepts(reply, MESSAGE, w.root)
    in_order = reply.replace(b"".join(token.certificates), b"".join(sorted(token.certificates)))
    assert tsa.client_accepts(in_order, MESSAGE, w.root)


@needs_openssl
def test_a_token_that_names_its_whole_chain_is_bound_to_that_chain(w: World) -> None:
    authority = Openssl(w.rsa, {"ess_cert_id_chain": "yes"}, chain=(w.middle,))
    reply = authority.stamp(MESSAGE)
    assert check(reply).path[1] == w.middle.der
    assert tsa.openssl_accepts(reply, MESSAGE, w.root)
    twin = issue("Issuing Authority", w.root, own_key=w.middle.key, ca=True)  # same name, same key
    stranger = forge(w.rsa, MESSAGE, ess=tsa.ess_attributes(w.rsa, "v2", twin)[0])
    refused(stranger, "not on the path")


FORGED: dict[str, tuple[str, dict[str, Any]]] = {
    "rsa": ("rsa", {}),
    "rsa-with-hash": ("rsa", {"scheme": "with-hash", "digest": "sha512"}),
    "p384": ("ecdsa", {"digest": "sha384"}),
    "ess-both": ("rsa", {"ess": "both"}),
    "serial-of-160-bits": ("rsa", {"serial": 2**160 - 1}),
    "negative-serial": ("rsa", {"serial": -531}),
    "extension-not-critical": ("rsa", {"extensions": tlv(0xA1, seq(oid("1.2.3"), octets(b"\x05\x00")))}),
    "status-text": ("rsa", {"status": seq(integer(0), seq(tlv(0x0C, b"Operation Okay")))}),
    "no-failure": ("rsa", {"status": seq(integer(0), tlv(0x03, b"\x00"))}),
    "signing-time": (
        "rsa",
        {"more_attributes": [tsa.attribute("1.2.840.113549.1.9.5", tlv(0x17, b"260101000000Z"))]},
    ),
    "ess-with-policies": (
        "rsa",
        {
            "ess": tsa.attribute(
                tsa.ESS_V2, seq(seq(tsa.ess_id(tsa.world().rsa, "sha256")), seq(seq(oid("1.2.3"))))
            )
        },
    ),
    "ess-without-issuer": (
        "rsa",
        {"ess": tsa.attribute(tsa.ESS_V2, seq(seq(tsa.ess_id(tsa.world().rsa, "sha256", place=False))))},
    ),
}


@needs_openssl
@pytest.mark.parametrize("kind", FORGED)
def test_what_the_rfcs_allow_is_accepted_as_openssl_and_rfc3161_client_do(w: World, kind: str) -> None:
    signer, parts = FORGED[kind]
    reply = forge(getattr(w, signer), MESSAGE, **parts)
    assert check(reply).time == NOW
    assert tsa.openssl_accepts(reply, MESSAGE, w.root, w.middle)
    assert tsa.client_accepts(reply, MESSAGE, w.root, w.middle)


@needs_openssl
@pytest.mark.parametrize(
    ("kind", "parts"),
    [
        ("rsa2048", {"scheme": "pss"}),
        ("rsa2048", {"scheme": "pss", "digest": "sha512"}),
        ("rsa2048", {"scheme": "pss-usual-salt"}),
        ("p521", {"by_key_id": True}),
    ],
)
def test_what_only_newer_cms_knows_is_accepted_as_openssl_cms_does(
    w: World, kind: str, parts: dict[str, Any]
) -> None:
    signer = issue("Newer", w.middle, kind)
    reply = forge(signer, MESSAGE, **parts)
    assert check(reply).time == NOW
    assert tsa.openssl_cms_accepts(reply, w.root, w.middle, at=NOW)


def test_an_ed25519_authority_is_accepted_with_sha512_only(w: World) -> None:
    signer = issue("Edwards", w.middle, "ed25519")
    assert check(forge(signer, MESSAGE)).time == NOW
    refused(forge(signer, MESSAGE, digest="sha256"), "algorithm not known")


def test_a_name_in_another_string_type_is_the_same_name(w: World) -> None:
    subject = w.rsa.certificate.subject
    other_type = subject.public_bytes().replace(b"\x13\x02DE", b"\x0c\x02DE")
    assert other_type != subject.public_bytes()
    for der in (subject.public_bytes(), other_type):
        assert check(forge(w.rsa, MESSAGE, tsa=tlv(0xA0, tlv(0xA4, der))))


def test_a_name_among_the_alternatives_of_the_certificate_is_accepted(w: World) -> None:
    names = x509.SubjectAlternativeName([x509.UniformResourceIdentifier("https://tsa.example")])
    signer = issue("Named", w.middle, extensions=[(names, False)])
    uri = tlv(0xA0, tlv(0x86, b"https://tsa.example"))
    assert check(forge(signer, MESSAGE, tsa=uri))
    refused(forge(w.rsa, MESSAGE, tsa=uri), "another authority")
    refused(forge(signer, MESSAGE, tsa=tlv(0xA0, tlv(0x86, b"https://other.example"))), "another authority")


# --- Tampering ----------------------------------------------------------------------------------


def flips(
    reply: bytes,
    masks: Iterable[int],
    roots: list[x509.Certificate],
    extra: list[bytes],
    surely: Iterable[tuple[int, int]] = (),
) -> list[tuple[int, int]]:
    """Return the offsets and masks with which a changed reply is still accepted, all of them checked to say
    exactly what the reply said. Every byte is tried: with one of the masks, in the long run with all.

    A certificate that was read is not read again from the same bytes; one that was refused is."""
    with pytest.MonkeyPatch.context() as patch:
        for name in ("load", "of"):
            read = lru_cache(_CERTIFICATES_KEPT)(getattr(Certificate, name))
            patch.setattr(Certificate, name, staticmethod(read))
        return _flips(reply, masks, roots, extra, surely)


def _flips(
    reply: bytes,
    masks: Iterable[int],
    roots: list[x509.Certificate],
    extra: list[bytes],
    surely: Iterable[tuple[int, int]],
) -> list[tuple[int, int]]:
    original = timestamp.verify(timestamp.parse_reply(reply), MESSAGE, roots, extra)
    survivors, generator, every = [], random.Random(SEED), list(masks)
    for offset in range(len(reply)):
        for mask in every if ALL else {generator.choice(every), *(m for at, m in surely if at == offset)}:
            changed = reply[:offset] + bytes([reply[offset] ^ mask]) + reply[offset + 1 :]
            try:
                stamped = timestamp.verify(timestamp.parse_reply(changed), MESSAGE, roots, extra)
            except VerifyError:
                continue
            assert stamped == original, f"byte {offset} ^ {mask:#x} changed what was said"
            survivors.append((offset, mask))
    return survivors


def samples(w: World) -> dict[str, bytes]:
    every = tlv(0xA4, w.ecdsa.certificate.subject.public_bytes())
    return {
        "rsa": forge(w.rsa, MESSAGE, nonce=99, accuracy=seq(integer(1))),
        "ecdsa-with-chain": forge(
            w.ecdsa, MESSAGE, certificates=[w.ecdsa.der, w.middle.der], tsa=tlv(0xA0, every)
        ),
        "pss": forge(w.rsa, MESSAGE, scheme="pss", ess="v1"),
        "with-crl": forge(w.ecdsa, MESSAGE, crls=[w.crl], ess="both"),
    }


@pytest.mark.parametrize("kind", ["rsa", "ecdsa-with-chain", "pss", "with-crl"])
def test_flipping_any_byte_of_a_forged_reply_is_noticed(w: World, kind: str) -> None:
    reply = samples(w)[kind]
    assert flips(reply, (0x01, 0x80, 0xFF), w.roots, [] if "chain" in kind else w.between) == []


@needs_openssl
@pytest.mark.parametrize("kind", ["plain", "ecdsa", "ess-v1", "milliseconds", "all"])
def test_flipping_any_byte_of_a_real_reply_is_noticed(w: World, kind: str) -> None:
    signer, configured, query = REAL[kind]
    reply = Openssl(getattr(w, signer), configured).stamp(MESSAGE, *query)
    assert flips(reply, (0x01, 0x20, 0x80, 0xFF), w.roots, w.between) == []


def test_only_what_nobody_signed_and_nobody_uses_can_be_flipped_without_effect(w: World) -> None:
    """The text of the status and a certificate that is not on the path stand outside every signature."""
    text = b"Operation Okay"
    unused = w.rival.der
    reply = forge(
        w.ecdsa,
        MESSAGE,
        status=seq(integer(0), seq(tlv(0x0C, text))),
        certificates=[w.ecdsa.der, w.middle.der, unused],
    )
    status, junk = reply.index(text), reply.index(unused)
    outside = {*range(status, status + len(text)), *range(junk, junk + len(unused))}
    survivors = {offset for offset, _ in flips(reply, (0x01, 0xFF), w.roots, [])}
    assert survivors <= outside
    assert survivors >= set(range(status, status + len(text)))


def test_putting_any_byte_in_any_place_is_noticed_but_for_the_other_name_of_the_same_algorithm(
    w: World,
) -> None:
    """rsaEncryption and sha256WithRSAEncryption differ in one byte and mean the same here (RFC 5754, 3.2)."""
    reply = forge(w.rsa, MESSAGE, nonce=99)
    name = reply.rindex(oid("1.2.840.113549.1.1.1")) + 10
    same = (name, 0x01 ^ 0x0B)
    assert flips(reply, range(1, 256), w.roots, w.between, [same]) == [same]


def test_a_reply_cut_anywhere_is_refused(w: World) -> None:
    reply = forge(w.ecdsa, MESSAGE)
    for size in range(len(reply)):
        with pytest.raises(MalformedError):
            timestamp.parse_reply(reply[:size])


def test_bytes_after_or_inside_the_reply_are_refused(w: World) -> None:
    reply = forge(w.ecdsa, MESSAGE)
    refused(reply + b"\0", "more than it should")
    refused(seq(seq(integer(0)), tsa.token_of(reply), integer(1)), "more than it should")
    refused(seq(seq(integer(0), integer(0)), tsa.token_of(reply)), "more than it should")
    refused(bytes(timestamp.REPLY_BYTES_MAX + 1), "too large")


@given(st.integers(0, 5000), st.binary(max_size=8), st.integers(0, 8))
@settings(max_examples=300)
def test_no_other_error_than_ours_ever_comes_out(place: int, data: bytes, dropped: int) -> None:
    reply = forge(tsa.world().ecdsa, MESSAGE, crls=[tsa.world().crl], accuracy=seq(integer(1)))
    place %= len(reply)
    try:
        check(reply[:place] + data + reply[place + dropped :])
    except VerifyError:
        return


# --- What the reply says is not what we want ----------------------------------------------------


def test_a_stamp_of_something_else_is_refused(w: World) -> None:
    reply = forge(w.rsa, MESSAGE)
    refused(reply, "of something else", message=MESSAGE + b" ")
    refused(reply, "of something else", message=b"")
    short = seq(tsa.algorithm("sha256"), octets(hashlib.sha256(MESSAGE).digest()[:31]))
    refused(forge(w.rsa, MESSAGE, imprint=short), "of something else")


@pytest.mark.parametrize(
    ("status", "why"),
    [
        (
            seq(integer(2), seq(tlv(0x0C, b"no \x1b[31mcredit")), tlv(0x03, b"\x05\x20")),
            "does not allow.*no \\\\x1b\\[31m",
        ),
        (seq(integer(2)), "status 2"),
        (seq(integer(1)), "status 1"),
        (seq(integer(3)), "status 3"),
        (seq(integer(0), tlv(0x03, b"\x06\x00\x00\x00\x40")), "has a fault"),
        (seq(integer(0), tlv(0x03, b"\x07\x80")), "hash algorithm"),
        (seq(integer(0), tlv(0x03, b"")), "status 0"),
        (seq(integer(0), tlv(0x03, b"\x00\x00")), "status 0"),
    ],
)
def test_a_refusal_is_told_in_the_authority_s_words(w: World, status: bytes, why: str) -> None:
    for parts in ({"no_token": True}, {}):
        with pytest.raises(SignatureError, match=f"gave no stamp: .*{why}"):
            timestamp.parse_reply(forge(w.rsa, MESSAGE, status=status, **parts))


def test_a_grant_without_a_token_is_refused(w: World) -> None:
    refused(forge(w.rsa, MESSAGE, no_token=True), "ends too soon")


OTHER_SHAPES: dict[str, tuple[dict[str, Any], str]] = {
    "no-signed-data": ({"outer_type": "1.2.840.113549.1.7.1"}, "no signed data"),
    "content-no-tst-info": ({"content_type": "1.2.840.113549.1.7.1"}, "something else than a time stamp"),
    "signed-for-something-else": ({"signed_content_type": "1.2.840.113549.1.7.1"}, "something else"),
    "signed-another-content": ({"signed_digest": bytes(32)}, "another time stamp"),
    "version-1": ({"version": 1}, "another version"),
    "version-5": ({"version": 5}, "another version"),
    "two-signers": ({"signers": 2}, "2 signers"),
    "no-signer": ({"signers": 0}, "0 signers"),
    "two-hash-algorithms": (
        {"hash_algorithms": set_of(tsa.algorithm("sha256"), tsa.algorithm("sha512"))},
        "another hash",
    ),
    "hash-algorithm-of-another": ({"hash_algorithms": set_of(tsa.algorithm("sha512"))}, "another hash"),
    "sid-version": ({"sid_version": 3}, "another way"),
    "no-signed-attributes": ({"no_attributes": True}, "lacks signed attributes"),
    "unsigned-attributes": (
        {"unsigned": set_of(tsa.attribute("1.2.3", integer(1)), tag=0xA1)},
        "nobody signed",
    ),
    "sha1-imprint": ({"imprint": seq(tsa.algorithm("sha1"), octets(bytes(20)))}, "other than SHA-256"),
    "sha1-signature": ({"digest": "sha1"}, "other than SHA-256"),
    "tst-version-2": ({"tst_version": 2}, "version not known"),
    "ordering-false-said": ({"ordering": b"\x01\x01\x00"}, "goes without saying"),
    "accuracy-1000-millis": ({"accuracy": seq(integer(1000, 0x80))}, "out of range"),
    "accuracy-0-micros": ({"accuracy": seq(integer(0, 0x81))}, "out of range"),
    "accuracy-negative": ({"accuracy": seq(integer(-1))}, "out of range"),
    "accuracy-without-end": ({"accuracy": seq(integer(2**40))}, "out of range"),
    "accuracy-out-of-order": ({"accuracy": seq(integer(1, 0x81), integer(1, 0x80))}, "more than it should"),
    "critical-extension": (
        {"extensions": tlv(0xA1, seq(oid("1.2.3"), b"\x01\x01\xff", octets(b"")))},
        "must be known",
    ),
    "local-time": ({"time_der": tlv(0x18, b"20260101000000")}, "not in DER"),
    "utc-time": ({"time_der": tlv(0x17, b"260101000000Z")}, "0x17"),
    "other-tsa-name": (
        {"tsa": tlv(0xA0, tlv(0xA4, tsa.name("Somebody").public_bytes()))},
        "another authority",
    ),
    "ess-missing": ({"ess": ""}, "does not say by which"),
    "ess-empty": ({"ess": tsa.attribute(tsa.ESS_V2, seq(seq()))}, "names no certificate"),
    "ess-twice": ({"ess": tsa.attribute(tsa.ESS_V2, seq(seq()), seq(seq()))}, "lacks a signed attribute"),
    "ess-v2-sha1": (
        {"ess": tsa.attribute(tsa.ESS_V2, seq(seq(seq(tsa.algorithm("sha1"), octets(bytes(20))))))},
        "other than SHA-256",
    ),
    "attribute-in-disorder": (
        {"signed": tlv(0x31, *[tsa.attribute(k, integer(1)) for k in ("1.3.9", "1.2.3")])},
        "order",
    ),
    "attribute-twice": ({"more_attributes": [tsa.attribute(tsa.CONTENT_TYPE, oid(tsa.TST_INFO))]}, "twice"),
    "no-message-digest": (
        {"attributes": [tsa.attribute(tsa.CONTENT_TYPE, oid(tsa.TST_INFO))]},
        "lacks a signed",
    ),
    "no-content-type": (
        {"attributes": [tsa.attribute(tsa.MESSAGE_DIGEST, octets(bytes(32)))]},
        "lacks a signed",
    ),
    "unknown-signature": (
        {"signer_algorithm": seq(oid("1.2.840.113549.1.1.5"), tsa.NULL)},
        "algorithm not known",
    ),
    "other-hash-signed": (
        {"signer_algorithm": seq(oid("1.2.840.113549.1.1.13"), tsa.NULL)},
        "algorithm not known",
    ),
    "ecdsa-by-rsa-key": ({"signer_algorithm": seq(oid("1.2.840.10045.4.3.2"))}, "another kind"),
    "signature-of-nothing": ({"signature": bytes(256)}, "does not hold"),
    "attribute-certificate": ({"certificates": [tlv(0xA1, integer(1))]}, "of a kind not known"),
    "revocation-of-another-kind": ({"crls": [tlv(0xA1, integer(1))]}, "of a kind not known"),
    "pss-with-sha1": (
        {"signer_algorithm": seq(oid("1.2.840.113549.1.1.10"), seq())},
        "reply",
    ),
}


@pytest.mark.parametrize("kind", OTHER_SHAPES)
def test_a_token_of_another_shape_is_refused(w: World, kind: str) -> None:
    parts, why = OTHER_SHAPES[kind]
    refused(forge(w.rsa, MESSAGE, **parts), why, w.rsa)


@pytest.mark.parametrize(
    ("outer", "inner", "salt"), [("sha512", "sha512", 32), ("sha256", "sha512", 32), ("sha256", "sha256", 65)]
)
def test_pss_with_mixed_hashes_or_a_strange_salt_is_refused(
    w: World, outer: str, inner: str, salt: int
) -> None:
    mask = seq(oid("1.2.840.113549.1.1.8"), tsa.algorithm(inner))
    parameters = seq(tlv(0xA0, tsa.algorithm(outer)), tlv(0xA1, mask), tlv(0xA2, integer(salt)))
    algorithm = seq(oid("1.2.840.113549.1.1.10"), parameters)
    refused(forge(w.rsa, MESSAGE, scheme="pss", signer_algorithm=algorithm), "algorithm not known")


# --- Who signed ---------------------------------------------------------------------------------


def test_an_authority_below_another_root_is_refused(w: World) -> None:
    refused(forge(w.rival, MESSAGE), "no path leads", w.rival_root)
    refused(forge(w.rsa, MESSAGE), "no path leads", roots=[w.rival_root.certificate])
    refused(forge(w.rsa, MESSAGE), "no path leads", roots=[])
    assert not tsa.client_accepts(forge(w.rival, MESSAGE), MESSAGE, w.root, w.middle)


def test_the_certificate_of_another_authority_is_refused(w: World) -> None:
    """Signed by one, named another: by SignerInfo, by the attribute, or by what comes along."""
    refused(forge(w.rsa, MESSAGE, certificates=[w.ecdsa.der]), "is missing")
    refused(forge(w.rsa, MESSAGE, named=w.ecdsa), "another certificate")
    twin = issue("Stamps (RSA)", w.middle, own_key=w.rsa.key)
    refused(forge(w.rsa, MESSAGE, named=twin), "another certificate")
    for version in ("v1", "v2"):
        both = [
            *tsa.ess_attributes(twin, version),
            *tsa.ess_attributes(w.rsa, {"v1": "v2", "v2": "v1"}[version]),
        ]
        attributes = [
            tsa.attribute(tsa.CONTENT_TYPE, oid(tsa.TST_INFO)),
            tsa.attribute(tsa.MESSAGE_DIGEST, octets(hashlib.sha256(tsa.tst_info(MESSAGE)).digest())),
            *both,
        ]
        refused(forge(w.rsa, MESSAGE, attributes=attributes), "another certificate")


def test_a_named_certificate_with_another_serial_or_issuer_is_refused(w: World) -> None:
    digest = octets(hashlib.sha256(w.rsa.der).digest())
    issuer, serial = w.rsa.certificate.issuer.public_bytes(), w.rsa.certificate.serial_number
    for place in (
        seq(seq(tlv(0xA4, issuer)), integer(serial + 1)),
        seq(seq(tlv(0xA4, tsa.name("Somebody").public_bytes())), integer(serial)),
    ):
        attribute = tsa.attribute(tsa.ESS_V2, seq(seq(seq(digest, place))))
        refused(forge(w.rsa, MESSAGE, ess=attribute), "another certificate")


BAD_SIGNERS: dict[str, tuple[dict[str, Any], str]] = {
    "no-purpose": ({"purposes": ()}, "not for time stamps alone"),
    "other-purpose": ({"purposes": (ExtendedKeyUsageOID.CODE_SIGNING,)}, "not for time stamps alone"),
    "any-purpose": ({"purposes": (ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE,)}, "not for time stamps alone"),
    "two-purposes": (
        {"purposes": (tsa.STAMPING, ExtendedKeyUsageOID.CODE_SIGNING)},
        "not for time stamps alone",
    ),
    "purpose-not-critical": ({"purposes_critical": False}, "does not insist"),
    "also-encrypts": ({"usage": "digital_signature key_encipherment"}, "not for signatures alone"),
    "also-issues": ({"usage": "digital_signature key_cert_sign"}, "not for signatures alone"),
    "does-not-sign": ({"usage": "key_agreement"}, "not for signatures alone"),
    "expired": ({"days": (-10, -1)}, "was not valid at"),
    "not-yet-valid": ({"days": (1, 10)}, "was not valid at"),
    "small-rsa": ({"kind": "rsa1024"}, "safe"),
    "unknown-demand": (
        {"extensions": [(x509.UnrecognizedExtension(x509.ObjectIdentifier("1.2.3.4"), b"\x05\x00"), True)]},
        "limits not known here \\(1.2.3.4\\)",
    ),
}


@pytest.mark.parametrize("kind", BAD_SIGNERS)
def test_a_certificate_that_is_not_for_time_stamps_at_that_time_is_refused(w: World, kind: str) -> None:
    made, why = BAD_SIGNERS[kind]
    refused(forge(issue("Bad Stamps", w.middle, **made), MESSAGE), why)


def test_a_certificate_without_key_usage_is_accepted(w: World) -> None:
    assert check(forge(issue("Unbounded", w.middle, usage=None), MESSAGE))
    assert check(forge(issue("Committing", w.middle, usage="content_commitment"), MESSAGE))


@needs_openssl
def test_a_real_reply_by_an_expired_certificate_is_refused(w: World) -> None:
    reply = Openssl(w.expired).stamp(MESSAGE)
    refused(reply, "was not valid at")
    assert not tsa.openssl_accepts(reply, MESSAGE, w.root, w.middle)


def test_the_ends_of_validity_are_taken_to_the_second(w: World) -> None:
    last = w.rsa.certificate.not_valid_after_utc
    middle = issue("Issuing Authority", w.root, own_key=w.middle.key, ca=True, days=(-400, 5000))
    roots = [issue("Root of Trust", own_key=w.root.key, ca=True, days=(-400, 5000)).certificate]
    token = timestamp.parse_reply(forge(w.rsa, MESSAGE, time=last))
    assert timestamp.verify(token, MESSAGE, roots, [middle.der]).time == last
    token = timestamp.parse_reply(forge(w.rsa, MESSAGE, time=last + timedelta(seconds=1)))
    with pytest.raises(SignatureError, match="was not valid"):
        timestamp.verify(token, MESSAGE, roots, [middle.der])


# --- The path -----------------------------------------------------------------------------------


def test_a_certificate_signed_with_an_outdated_hash_is_refused(w: World) -> None:
    refused(forge(issue("Weak", w.middle, digest=hashes.SHA224()), MESSAGE), "outdated hash")
    middle = issue("Weak Middle", w.root, ca=True, digest=hashes.SHA224())
    refused(forge(issue("Stamps", middle), MESSAGE), "outdated hash", middle)


def test_a_certificate_with_a_negative_serial_number_is_refused(w: World) -> None:
    serial = integer(w.middle.certificate.serial_number)
    negative = w.middle.der.replace(serial, serial[:2] + b"\x80" + serial[3:], 1)
    refused(forge(w.rsa, MESSAGE, certificates=[w.rsa.der, negative]), "no proper serial number")


BAD_MIDDLES: dict[str, tuple[dict[str, Any], str]] = {
    "no-authority": ({"ca": False, "purposes": (), "usage": None}, "may not issue certificates"),
    "no-basic-constraints": ({"basic": False}, "may not issue certificates"),
    "key-usage": ({"usage": "digital_signature"}, "may not issue certificates"),
    "expired": ({"days": (-10, -1)}, "was not valid at"),
    "other-purpose": (
        {"extensions": [(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), False)]},
        "may not issue certificates for time stamps",
    ),
    "limits-names": (
        {"extensions": [(x509.NameConstraints([x509.DNSName("example.org")], None), True)]},
        "limits not known here",
    ),
    "small-rsa": ({"kind": "rsa1024"}, "safe"),
    "unknown-demand": (
        {"extensions": [(x509.UnrecognizedExtension(x509.ObjectIdentifier("1.2.3.4"), b"\x05\x00"), True)]},
        "limits not known here",
    ),
}


@pytest.mark.parametrize("kind", BAD_MIDDLES)
def test_a_path_through_a_certificate_that_may_not_issue_is_refused(w: World, kind: str) -> None:
    made, why = BAD_MIDDLES[kind]
    middle = issue("Bad Middle", w.root, **({"ca": True} | made))
    refused(forge(issue("Stamps", middle), MESSAGE), f"no path leads .*{why}", middle)


def test_a_purpose_that_includes_time_stamps_does_not_stop_an_authority(w: World) -> None:
    for purpose in (tsa.STAMPING, ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE):
        usage = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH, purpose])
        middle = issue("Broad", w.root, ca=True, extensions=[(usage, False)])
        assert check(forge(issue("Stamps", middle), MESSAGE), middle)


def test_a_path_longer_than_an_authority_allows_is_refused(w: World) -> None:
    below = issue("Below", w.middle, ca=True)  # its issuer allows none below
    refused(forge(issue("Stamps", below), MESSAGE), "so many authorities", below)
    narrow = issue("Narrow Root", ca=True, path_length=0)
    middle = issue("Middle", narrow, ca=True)
    reply = forge(issue("Stamps", middle), MESSAGE)
    refused(reply, "so many authorities", middle, roots=[narrow.certificate])


def test_a_new_certificate_of_the_same_authority_does_not_count_as_one_more(w: World) -> None:
    narrow = issue("Narrow Root", ca=True, path_length=0)
    renewed = issue("Narrow Root", narrow, ca=True, path_length=0)  # self-issued, new key
    reply = forge(issue("Stamps", renewed), MESSAGE)
    assert len(check(reply, renewed, roots=[narrow.certificate]).path) == 3


def test_a_path_without_end_is_refused_and_loops_do_not_hang(w: World) -> None:
    nodes = [w.root]
    for depth in range(timestamp.PATH_MAX + 1):
        nodes.append(issue(f"Depth {depth}", nodes[-1], ca=True))
    assert check(forge(issue("Stamps", nodes[timestamp.PATH_MAX - 1]), MESSAGE), *nodes[1:])
    refused(forge(issue("Stamps", nodes[-1]), MESSAGE), "no path leads", *nodes[1:])
    a = issue("Loop A", ca=True)
    b = issue("Loop B", a, ca=True)
    loop = [a, b, issue("Loop A", b, own_key=a.key, ca=True), issue("Loop B", b, own_key=b.key, ca=True)]
    refused(forge(issue("Stamps", b), MESSAGE), "no path leads", *loop)


def test_cross_certificates_lead_to_either_root(w: World) -> None:
    old = issue("Old Root", ca=True)
    crossed = issue("Root of Trust", old, own_key=w.root.key, ca=True)
    reply = forge(w.rsa, MESSAGE, certificates=[w.rsa.der, w.middle.der, crossed.der])
    assert check(reply).path == (w.rsa.der, w.middle.der, w.root.der)
    assert check(reply, roots=[old.certificate]).path == (w.rsa.der, w.middle.der, crossed.der, old.der)


def test_names_alone_do_not_make_a_path(w: World) -> None:
    impostor = issue("Issuing Authority", w.root, ca=True)  # the name, another key
    refused(forge(issue("Stamps", w.rival), MESSAGE), "no path leads", w.rival)
    root = issue("Root of Trust", ca=True)
    refused(forge(w.rsa, MESSAGE), "not signed by", roots=[root.certificate])
    assert check(forge(w.rsa, MESSAGE), impostor).path[1] == w.middle.der


def test_a_root_that_somebody_else_issued_is_not_taken_for_one(w: World) -> None:
    refused(forge(w.rsa, MESSAGE), "somebody else issued", roots=[w.middle.certificate])


def test_a_flood_of_certificates_is_refused(w: World) -> None:
    many = [issue(f"Number {n}", own_key=w.root.key, ca=True) for n in range(timestamp.CERTIFICATES_MAX)]
    refused(forge(w.rsa, MESSAGE), "more than 32 certificates", *many)


def test_junk_in_the_place_of_a_certificate_or_list_is_refused(w: World) -> None:
    for junk in (seq(), seq(seq(), seq(), tlv(0x03, b"\0")), w.rsa.der[:-1] + b"!"):
        refused(forge(w.rsa, MESSAGE, certificates=[junk]), "certificate|does not hold|another")
    for junk in (seq(), w.crl[:-1], seq(seq(seq(), seq()), seq(), tlv(0x03, b"\0"))):
        refused(forge(w.rsa, MESSAGE), "revocation list", crls=[junk])


# --- Revocation ---------------------------------------------------------------------------------


def both_lists(w: World, **given: Any) -> list[bytes]:
    return [tsa.revocation_list(w.root), tsa.revocation_list(w.middle, **given)]


def test_revocation_counts_as_checked_only_if_the_whole_path_is_covered(w: World) -> None:
    reply = forge(w.rsa, MESSAGE)
    assert not check(reply).revocation_checked
    assert not check(reply, crls=[w.crl]).revocation_checked
    assert check(reply, crls=both_lists(w)).revocation_checked
    inside = forge(w.rsa, MESSAGE, crls=both_lists(w))
    assert check(inside).revocation_checked
    direct = issue("Direct", w.root)
    assert check(forge(direct, MESSAGE), crls=[tsa.revocation_list(w.root)]).revocation_checked


def test_a_revoked_authority_is_refused(w: World) -> None:
    reply = forge(w.revoked, MESSAGE)
    refused(reply, "was revoked on .*key_compromise|keyCompromise", crls=[w.crl])
    refused(forge(w.revoked, MESSAGE, crls=[w.crl]), "was revoked")
    refused(forge(w.rsa, MESSAGE), "was revoked", crls=[tsa.revocation_list(w.root, w.middle)])
    assert check(reply)


@needs_openssl
def test_a_real_reply_by_a_revoked_authority_is_refused(w: World) -> None:
    refused(Openssl(w.revoked).stamp(MESSAGE), "was revoked", crls=[w.crl])


@pytest.mark.parametrize(
    ("reason", "good"),
    [
        (x509.ReasonFlags.superseded, True),
        (x509.ReasonFlags.cessation_of_operation, True),
        (x509.ReasonFlags.affiliation_changed, True),
        (x509.ReasonFlags.key_compromise, False),
        (x509.ReasonFlags.ca_compromise, False),
        (x509.ReasonFlags.certificate_hold, False),
        (None, False),
    ],
)
def test_a_later_revocation_spoils_older_stamps_unless_its_reason_is_harmless(
    w: World, reason: x509.ReasonFlags | None, good: bool
) -> None:
    """RFC 3161, 4: without a reason, or with the key stolen, no stamp of that key can be trusted."""
    reply = forge(w.revoked, MESSAGE, time=NOW - 20 * DAY)
    later = tsa.revocation_list(w.middle, w.revoked, since=NOW - 10 * DAY, reason=reason)
    if good:
        assert check(reply, crls=[later])
    else:
        refused(reply, "was revoked", crls=[later])
    refused(forge(w.revoked, MESSAGE, time=NOW - 5 * DAY), "was revoked", crls=[later])


def test_a_key_known_to_be_bad_since_before_its_revocation_is_refused(w: World) -> None:
    later = tsa.revocation_list(
        w.middle, w.revoked, reason=x509.ReasonFlags.superseded, invalid_since=NOW - 30 * DAY
    )
    refused(forge(w.revoked, MESSAGE, time=NOW - 20 * DAY), "was revoked", crls=[later])


def test_what_else_a_list_says_of_a_certificate_is_refused_if_it_must_be_known(w: World) -> None:
    reply = forge(w.revoked, MESSAGE, time=NOW - 20 * DAY)
    strange = x509.UnrecognizedExtension(x509.ObjectIdentifier("1.2.3.4"), b"\x05\x00")
    for critical in (True, False):
        told = tsa.revocation_list(
            w.middle, w.revoked, reason=x509.ReasonFlags.superseded, entry_extensions=[(strange, critical)]
        )
        if critical:
            refused(reply, "what is not known here", crls=[told])
        else:
            assert check(reply, crls=[told])


def test_a_list_that_does_not_verify_is_refused_rather_than_passed_over(w: World) -> None:
    reply = forge(w.rsa, MESSAGE)
    refused(reply, "not signed by any", crls=[tsa.revocation_list(w.middle, signed_by=w.rival_root.key)])
    refused(reply, "not signed by any", crls=[tsa.revocation_list(w.rival_root)])
    mute = issue("Mute", w.root, ca=True, usage="key_cert_sign")
    refused(
        forge(issue("Stamps", mute), MESSAGE), "not signed by any", mute, crls=[tsa.revocation_list(mute)]
    )
    delta = tsa.revocation_list(w.middle, extensions=[(x509.DeltaCRLIndicator(1), True)])
    refused(reply, "limits not known", crls=[delta])


def test_a_list_of_an_authority_on_another_path_is_left_alone(w: World) -> None:
    reply = forge(w.rsa, MESSAGE)
    lists = [*both_lists(w), tsa.revocation_list(w.rival_root, w.rsa)]
    assert check(reply, w.rival_root, crls=lists).revocation_checked


def test_a_list_out_of_date_at_the_time_or_made_after_expiry_covers_nothing(w: World) -> None:
    reply = forge(w.rsa, MESSAGE)
    for updated, until in ((NOW - 9 * DAY, NOW - DAY), (NOW + 4100 * DAY, NOW + 4200 * DAY)):
        assert not check(reply, crls=both_lists(w, updated=updated, until=until)).revocation_checked
    later = both_lists(w, updated=NOW + 100 * DAY, until=NOW + 200 * DAY)
    assert check(reply, crls=later).revocation_checked


def point(**given: Any) -> tuple[x509.ExtensionType, bool]:
    plain: dict[str, Any] = {
        "full_name": None,
        "relative_name": None,
        "only_contains_user_certs": False,
        "only_contains_ca_certs": False,
        "only_some_reasons": None,
        "indirect_crl": False,
        "only_contains_attribute_certs": False,
    }
    return x509.IssuingDistributionPoint(**(plain | given)), True


@pytest.mark.parametrize(
    ("given", "covers"),
    [
        ({"only_contains_user_certs": True}, True),
        ({"only_contains_ca_certs": True}, False),
        ({"only_contains_attribute_certs": True}, False),
        ({"indirect_crl": True}, False),
        ({"only_some_reasons": frozenset([x509.ReasonFlags.key_compromise])}, False),
        ({"full_name": [x509.UniformResourceIdentifier("http://crl.example/1")]}, True),
        ({"full_name": [x509.UniformResourceIdentifier("http://crl.example/2")]}, False),
    ],
)
def test_a_list_covers_only_what_its_scope_says(w: World, given: dict[str, Any], covers: bool) -> None:
    url = x509.UniformResourceIdentifier("http://crl.example/1")
    points = x509.CRLDistributionPoints([x509.DistributionPoint([url], None, None, None)])
    signer = issue("Pointed", w.middle, extensions=[(points, False)])
    lists = both_lists(w, extensions=[point(**given)])
    assert check(forge(signer, MESSAGE), crls=lists).revocation_checked is covers
    everything = tsa.revocation_list(w.root, extensions=[point(only_contains_user_certs=True)])
    assert not check(forge(signer, MESSAGE), crls=[everything, lists[1]]).revocation_checked


def test_times_come_with_their_zone(w: World) -> None:
    stamped = check(forge(w.rsa, MESSAGE))
    assert stamped.time.tzinfo == UTC
    assert stamped.valid_until.tzinfo == UTC
