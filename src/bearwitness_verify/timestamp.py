"""RFC 3161 time stamps, checked against root certificates the reader got elsewhere.

:func:`parse_reply` reads what an authority answered, :func:`verify` checks all of it in numbered steps
and returns the evidence, :class:`Stamped`. It rests on
:mod:`.reply` (what a reply holds), :mod:`.certificates` (their path) and :mod:`.revocation`.

Nothing here touches the network or the clock: a stamp is judged at the time it names. What the years
since have done to it is judged in :mod:`.stamps`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import chain
from typing import Final

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa

from . import der
from .certificates import (
    CERTIFICATES_MAX,
    PATH_MAX,
    Certificate,
    check_authority,
    find_path,
    load_all,
)
from .der import Element, Reader, context
from .errors import SignatureError
from .reply import REPLY_BYTES_MAX, TST_INFO, Signer, Token, hash_name, parse_reply
from .report import printable
from .revocation import check_revocation

__all__ = [
    "CERTIFICATES_MAX",
    "PATH_MAX",
    "REPLY_BYTES_MAX",
    "Certificate",
    "Stamped",
    "Token",
    "check_consistent",
    "parse_reply",
    "printable",
    "verify",
]

_PKCS1: Final = "1.2.840.113549.1.1."
_CONTENT_TYPE: Final = "1.2.840.113549.1.9.3"
_MESSAGE_DIGEST: Final = "1.2.840.113549.1.9.4"
_SIGNING_CERTIFICATE: Final = "1.2.840.113549.1.9.16.2.12"
_SIGNING_CERTIFICATE_V2: Final = "1.2.840.113549.1.9.16.2.47"
_HASHES: Final = {"sha256": hashes.SHA256(), "sha384": hashes.SHA384(), "sha512": hashes.SHA512()}
_SIGNATURES: Final = {  # algorithm -> scheme, hash it demands (RFC 5754, 4056, 8419)
    _PKCS1 + "1": ("rsa", None),
    _PKCS1 + "10": ("pss", None),
    _PKCS1 + "11": ("rsa", "sha256"),
    _PKCS1 + "12": ("rsa", "sha384"),
    _PKCS1 + "13": ("rsa", "sha512"),
    "1.2.840.10045.4.3.2": ("ecdsa", "sha256"),
    "1.2.840.10045.4.3.3": ("ecdsa", "sha384"),
    "1.2.840.10045.4.3.4": ("ecdsa", "sha512"),
    "1.3.101.112": ("ed25519", "sha512"),
}


@dataclass(frozen=True)
class Stamped:
    """The evidence of a stamp that holds: the bytes existed not later than `time` (or `latest`).

    `path` are the certificates from the authority to the root relied on, in DER; `revocation_checked`
    says whether revocation lists covered all of it. `valid_until` is the end of the authority's
    certificate: beyond it only a renewal made before keeps the stamp good (:mod:`.stamps`).
    """

    time: datetime
    accuracy: timedelta | None
    authority: str
    policy: str
    serial: int
    hash_algorithm: str
    revocation_checked: bool
    valid_until: datetime
    path: tuple[bytes, ...] = field(repr=False)

    @property
    def root(self) -> str:
        """The fingerprint of the root certificate: its SHA-256 in hexadecimal."""
        return hashlib.sha256(self.path[-1]).hexdigest()

    @property
    def latest(self) -> datetime:
        """The latest moment that the authority's clock may have meant."""
        return self.time + (self.accuracy or timedelta())


def verify(
    token: Token,
    message: bytes,
    roots: Sequence[x509.Certificate],
    extra_certificates: Sequence[bytes] = (),
    crls: Sequence[bytes] = (),
) -> Stamped:
    """Check that `token` stamps `message`, by an authority below one of `roots`.

    1. to 4. are those of :func:`check_consistent`;
    5. the certificate was valid at the time stamped and is for time stamps alone (RFC 3161, 2.3);
    6. a path of certificates leads from it to a root (RFC 5280, 6.1), through those of the token and the
       extra ones, and on it is every certificate that the signing-certificate attribute names;
    7. nothing on the path was revoked, as far as the lists in the token and `crls` tell (RFC 3161, 4).

    Raises SignatureError, or MalformedError for bytes that can not be read.
    """
    signer = check_consistent(token, message, extra_certificates)
    at = token.info.time
    check_authority(signer, at)
    others = [*token.certificates, *extra_certificates]
    path = find_path(signer, others, roots, at)
    for named in chain.from_iterable(_named_certificates(token.signer)):
        if not any(named.is_of(certificate) for certificate in path):
            raise SignatureError("the time stamp names a certificate that is not on the path to the root")
    return Stamped(
        time=at,
        accuracy=token.info.accuracy,
        authority=signer.title,
        policy=token.info.policy,
        serial=token.info.serial,
        hash_algorithm=token.info.hash_algorithm,
        revocation_checked=check_revocation(path, others, [*token.crls, *crls], at),
        valid_until=signer.parsed.not_valid_after_utc,
        path=tuple(certificate.der for certificate in path),
    )


def check_consistent(token: Token, message: bytes, extra_certificates: Sequence[bytes] = ()) -> Certificate:
    """Check what can be checked without trusting anyone; return the certificate of the signer.

    1. the imprint is the hash of `message` (RFC 3161, 2.4.2);
    2. the signed attributes are about this content (RFC 5652, 11.1 and 11.2);
    3. they name the certificate of the signer (RFC 2634, 5.4; RFC 5035, 3; RFC 5816), and it is of the
       authority that the stamp names, if it names one;
    4. the signature over them holds (RFC 5652, 5.4).

    Anybody can make a stamp that passes this: it says what the stamp claims, not that it is so.
    """
    if hashlib.new(token.info.hash_algorithm, message).digest() != token.info.imprint:
        raise SignatureError("the time stamp is of something else")
    with token.signer.attribute(_CONTENT_TYPE) as value:
        if value.oid() != TST_INFO:
            raise SignatureError("the authority signed something else than a time stamp")
    with token.signer.attribute(_MESSAGE_DIGEST) as value:
        if value.octets() != hashlib.new(token.signer.hash_algorithm, token.content).digest():
            raise SignatureError("the authority signed another time stamp than this one")
    signer = _find_signer(token.signer, load_all([*token.certificates, *extra_certificates]))
    _check_name(token.info.name, signer)
    _check_signature(token.signer, signer)
    return signer


@dataclass(frozen=True)
class _Named:
    """An ESSCertID: the hash of a certificate, perhaps its issuer and serial number."""

    hash_algorithm: str
    digest: bytes
    issuer: bytes | None
    serial: int | None

    def is_of(self, certificate: Certificate) -> bool:
        if self.issuer is not None and (self.issuer, self.serial) != (certificate.issuer, certificate.serial):
            return False
        return (
            self.digest == hashlib.new(self.hash_algorithm, certificate.der, usedforsecurity=False).digest()
        )


def _named_certificates(signer: Signer) -> list[list[_Named]]:
    """Read SigningCertificate (RFC 2634, 5.4) and SigningCertificateV2 (RFC 5035, 3), those there are."""
    lists = []
    for kind, default_hash in ((_SIGNING_CERTIFICATE, "sha1"), (_SIGNING_CERTIFICATE_V2, "sha256")):
        if kind not in signer.attributes:
            continue
        named = []
        with signer.attribute(kind) as value, value.sequence() as attribute:
            with attribute.sequence() as names:
                while names.more():
                    named.append(_parse_named(names.sequence(), default_hash))
            attribute.optional(der.SEQUENCE)  # policies, the authority's own affair
            if not named:
                attribute.fail("names no certificate of its signer")
        lists.append(named)
    return lists


def _parse_named(reader: Reader, default_hash: str) -> _Named:
    hash_algorithm, issuer, serial = default_hash, None, None
    with reader:
        if default_hash != "sha1" and reader.next_is(der.SEQUENCE):
            hash_algorithm = hash_name(reader.any())
        digest = reader.octets()
        if reader.more():
            with reader.sequence() as place:
                with place.sequence() as names, names.sequence(context(4)) as directory:
                    issuer = directory.take(der.SEQUENCE).encoded
                serial = place.integer()
    return _Named(hash_algorithm, digest, issuer, serial)


def _find_signer(signer: Signer, certificates: Iterable[Certificate]) -> Certificate:
    """Return the certificate that the SignerInfo means and the signed attributes confirm."""
    meant = [certificate for certificate in certificates if signer.means(certificate)]
    if not meant:
        raise SignatureError(
            "the certificate of the time-stamp authority is missing",
            "the reply does not hold it: get it from the authority and give it along",
        )
    lists = _named_certificates(signer)
    if not lists:
        raise SignatureError("the time stamp does not say by which certificate it was signed")
    for certificate in meant:
        if all(named[0].is_of(certificate) for named in lists):
            return certificate
    raise SignatureError("the time stamp names another certificate than the one that signed it")


def _check_name(name: Element | None, certificate: Certificate) -> None:
    """Check that the `tsa` field is one of the certificate's names, string types aside (RFC 3161, 2.4.2)."""
    if name is None:
        return
    if name.tag == context(4):
        with name.reader(context(4)) as inside:
            if _name_parts(inside.take(der.SEQUENCE).encoded) == _name_parts(certificate.subject):
                return
    alternatives = certificate.extension(x509.SubjectAlternativeName)
    if alternatives is not None:
        with Reader(alternatives.value.public_bytes(), "a certificate") as whole, whole.sequence() as names:
            others = []
            while names.more():
                others.append(names.any().encoded)
        if name.encoded in others:
            return
    raise SignatureError("the time stamp names another authority than its certificate does")


def _name_parts(encoded: bytes) -> list[list[tuple[str, bytes]]]:
    parts: list[list[tuple[str, bytes]]] = []
    with Reader(encoded, "a name in the time stamp") as whole, whole.sequence() as name:
        while name.more():
            parts.append([])
            for element in name.set_of():
                with element.reader() as attribute:
                    parts[-1].append((attribute.oid(), attribute.any().content))
    return parts


def _check_signature(signer: Signer, certificate: Certificate) -> None:
    """Check the signature over the DER of the signed attributes (RFC 5652, 5.4)."""
    key, digest = certificate.key(), _HASHES[signer.hash_algorithm]
    scheme, filling = _signature_scheme(signer)
    try:
        if isinstance(key, rsa.RSAPublicKey) and filling is not None:
            key.verify(signer.signature, signer.signed, filling, digest)
        elif isinstance(key, ec.EllipticCurvePublicKey) and scheme == "ecdsa":
            key.verify(signer.signature, signer.signed, ec.ECDSA(digest))
        elif isinstance(key, ed25519.Ed25519PublicKey) and scheme == "ed25519":
            key.verify(signer.signature, signer.signed)
        else:
            raise SignatureError(
                "the signature of the time stamp is of another kind than the authority's key"
            )
    except (InvalidSignature, UnsupportedAlgorithm, ValueError):
        raise SignatureError("the signature of the time stamp does not hold") from None


def _signature_scheme(signer: Signer) -> tuple[str, padding.AsymmetricPadding | None]:
    """Read the signatureAlgorithm; its hash must be the one that the SignerInfo names."""
    with signer.algorithm.reader() as algorithm:
        scheme, demanded = _SIGNATURES.get(algorithm.oid(), ("", None))
        if not scheme or demanded not in (None, signer.hash_algorithm):
            algorithm.fail("is signed with an algorithm not known here")
        if scheme == "pss":
            return scheme, _pss(algorithm.sequence(), signer.hash_algorithm)
        if scheme == "rsa" and algorithm.more():
            algorithm.null()
    return scheme, padding.PKCS1v15() if scheme == "rsa" else None


def _pss(parameters: Reader, hash_algorithm: str) -> padding.PSS:
    """Read RSASSA-PSS-params, in which one hash serves throughout (RFC 4055, 3.1; RFC 4056, 3)."""
    salt_length = 20
    with parameters:
        with parameters.sequence(context(0)) as explicit:
            digest = hash_name(explicit.take(der.SEQUENCE))
        with parameters.sequence(context(1)) as explicit, explicit.sequence() as mask:
            if mask.oid() != _PKCS1 + "8" or hash_name(mask.take(der.SEQUENCE)) != digest:
                mask.fail("is signed with an algorithm not known here")
        if parameters.next_is(context(2)):
            with parameters.sequence(context(2)) as explicit:
                salt_length = explicit.integer()
    if digest != hash_algorithm or not 0 <= salt_length <= 64:
        parameters.fail("is signed with an algorithm not known here")
    return padding.PSS(padding.MGF1(_HASHES[digest]), salt_length)
