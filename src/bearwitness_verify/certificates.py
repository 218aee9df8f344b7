"""X.509 certificates and the path from one to a root (RFC 5280, 6.1)."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Final, TypeVar

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID, ExtensionOID

from . import der
from .der import Reader, context
from .errors import MalformedError, SignatureError, VerifyError
from .report import printable

CERTIFICATES_MAX: Final = 32  # in a reply and a stamp file together
PATH_MAX: Final = 8  # certificates above the authority's own
RSA_BITS_MIN: Final = 2048
CURVES: Final = ("secp256r1", "secp384r1", "secp521r1")


@contextmanager
def quietly() -> Iterator[None]:
    """Keep `cryptography` from talking of certificates that are odd: what counts is checked here."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


_E = TypeVar("_E", bound=x509.ExtensionType)
BROKEN: Final = (  # what `cryptography` raises for certificates that are not as they must be
    ValueError,
    KeyError,
    TypeError,
    UnsupportedAlgorithm,
    x509.InvalidVersion,
    x509.DuplicateExtension,
    x509.UnsupportedGeneralNameType,
)
_UNDERSTOOD: Final = {  # critical extensions that are checked here, or limit nothing that is relied on
    ExtensionOID.BASIC_CONSTRAINTS,
    ExtensionOID.KEY_USAGE,
    ExtensionOID.EXTENDED_KEY_USAGE,
    ExtensionOID.SUBJECT_ALTERNATIVE_NAME,
    ExtensionOID.CERTIFICATE_POLICIES,
}
_STAMPING: Final = {ExtendedKeyUsageOID.TIME_STAMPING, ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE}
SAFE_HASHES: Final = (hashes.SHA256, hashes.SHA384, hashes.SHA512, type(None))  # Ed25519 names none


@dataclass(frozen=True)
class Certificate:
    """An X.509 certificate: its bytes, and the parts that are compared byte for byte."""

    der: bytes
    issuer: bytes
    subject: bytes
    serial: int
    title: str
    parsed: x509.Certificate

    @classmethod
    @quietly()
    def load(cls, data: bytes) -> Certificate:
        """Read a stranger's certificate in DER."""
        body = signed_body(data, "a certificate")
        body.optional(context(0))
        if body.integer() <= 0:  # RFC 5280, 4.1.2.2; some old roots know no better
            body.fail("has no proper serial number")
        try:
            return cls.of(x509.load_der_x509_certificate(data))
        except BROKEN:
            body.fail("can not be read")

    @classmethod
    @quietly()
    def of(cls, certificate: x509.Certificate) -> Certificate:
        """Take a certificate that was read already."""
        data = certificate.public_bytes(Encoding.DER)
        body = signed_body(data, "a certificate")
        body.optional(context(0))
        serial = body.integer()
        body.take(der.SEQUENCE)
        issuer = body.take(der.SEQUENCE).encoded
        body.take(der.SEQUENCE)
        subject = body.take(der.SEQUENCE).encoded
        return cls(
            data, issuer, subject, serial, printable(certificate.subject.rfc4514_string()), certificate
        )

    @quietly()
    def extensions(self) -> x509.Extensions:
        """Return all extensions."""
        try:
            return self.parsed.extensions
        except BROKEN:
            raise MalformedError(f"the certificate of {self.title} has a broken extension") from None

    def extension(self, kind: type[_E]) -> x509.Extension[_E] | None:
        """Return the extension of this kind, None if there is none."""
        try:
            return self.extensions().get_extension_for_class(kind)
        except x509.ExtensionNotFound:
            return None

    def key(self) -> rsa.RSAPublicKey | ec.EllipticCurvePublicKey | ed25519.Ed25519PublicKey:
        """Return the public key, if it is of a kind and size that counts as safe."""
        try:
            key = self.parsed.public_key()
        except BROKEN:
            raise MalformedError(f"the key of {self.title} can not be read") from None
        if isinstance(key, rsa.RSAPublicKey) and key.key_size >= RSA_BITS_MIN:
            return key
        if isinstance(key, ec.EllipticCurvePublicKey) and key.curve.name in CURVES:
            return key
        if isinstance(key, ed25519.Ed25519PublicKey):
            return key
        raise SignatureError(f"the key of {self.title} is of a kind or size that does not count as safe")


def signed_body(data: bytes, what: str) -> Reader:
    """Return a reader of what is signed in a certificate or revocation list (RFC 5280, 4.1 and 5.1)."""
    with Reader(data, what) as whole, whole.sequence() as outside:
        body = outside.sequence()
        outside.take(der.SEQUENCE)
        if outside.take(der.BIT_STRING).content[:1] != b"\x00":
            outside.fail("has a signature that is not of whole bytes")
    return body


def load_all(certificates: Iterable[bytes]) -> list[Certificate]:
    """Read the certificates that come with a time stamp, each once."""
    distinct = list(dict.fromkeys(certificates))
    if len(distinct) > CERTIFICATES_MAX:
        raise MalformedError(f"a time stamp comes with more than {CERTIFICATES_MAX} certificates")
    return [Certificate.load(data) for data in distinct]


def check_authority(certificate: Certificate, at: datetime) -> None:
    """Check that the certificate is for signing time stamps, and for nothing else (RFC 3161, 2.3)."""
    usage, key_usage = certificate.extension(x509.ExtendedKeyUsage), certificate.extension(x509.KeyUsage)
    if usage is None or list(usage.value) != [ExtendedKeyUsageOID.TIME_STAMPING]:
        raise SignatureError(f"the certificate of {certificate.title} is not for time stamps alone")
    if not usage.critical:
        raise SignatureError(f"the certificate of {certificate.title} does not insist on its purpose")
    if key_usage is not None:
        u = key_usage.value
        other = u.key_encipherment or u.data_encipherment or u.key_agreement or u.key_cert_sign or u.crl_sign
        if other or not (u.digital_signature or u.content_commitment):
            raise SignatureError(f"the key of {certificate.title} is not for signatures alone")
    _check_usable(certificate, at)


def _check_usable(certificate: Certificate, at: datetime) -> None:
    """Check what holds for any certificate of a path: its time, and that its demands are understood."""
    first, last = certificate.parsed.not_valid_before_utc, certificate.parsed.not_valid_after_utc
    if not first <= at <= last:
        raise SignatureError(
            f"the certificate of {certificate.title} was not valid at {at:%Y-%m-%d %H:%M:%S} UTC, "
            f"only from {first:%Y-%m-%d %H:%M:%S} to {last:%Y-%m-%d %H:%M:%S}"
        )
    for extension in certificate.extensions():
        unknown = extension.critical and extension.oid not in _UNDERSTOOD
        if unknown or extension.oid == ExtensionOID.NAME_CONSTRAINTS:
            demand = extension.oid.dotted_string
            raise SignatureError(
                f"the certificate of {certificate.title} has limits not known here ({demand})"
            )


def _check_issuer(issuer: Certificate, path: Sequence[Certificate], at: datetime, *, is_root: bool) -> None:
    """Check that `issuer` issued the last of `path` and was allowed to (RFC 5280, 6.1.3 and 6.1.4)."""
    _check_usable(issuer, at)
    basic, key_usage = issuer.extension(x509.BasicConstraints), issuer.extension(x509.KeyUsage)
    purposes = issuer.extension(x509.ExtendedKeyUsage)
    if basic is None or not basic.value.ca or (key_usage is not None and not key_usage.value.key_cert_sign):
        raise SignatureError(f"{issuer.title} may not issue certificates")
    below = sum(certificate.subject != certificate.issuer for certificate in path[1:])
    if basic.value.path_length is not None and below > basic.value.path_length:
        raise SignatureError(f"{issuer.title} may not have so many authorities below it")
    if purposes is not None and not is_root and not _STAMPING & set(purposes.value):
        raise SignatureError(f"{issuer.title} may not issue certificates for time stamps")
    issuer.key()
    issued = path[-1]
    try:
        if not isinstance(issued.parsed.signature_hash_algorithm, SAFE_HASHES):
            raise SignatureError(f"the certificate of {issued.title} is signed with an outdated hash")
        issued.parsed.verify_directly_issued_by(issuer.parsed)
    except (InvalidSignature, *BROKEN):
        raise SignatureError(f"the certificate of {issued.title} is not signed by {issuer.title}") from None


def find_path(
    signer: Certificate, others: Iterable[bytes], roots: Iterable[x509.Certificate], at: datetime
) -> list[Certificate]:
    """Return the shortest path from `signer` to a root, both included (RFC 5280, 6.1).

    Breadth first, each certificate once: with cross certificates there are several ways, and loops.
    """
    anchors = {root.der: root for root in map(Certificate.of, roots)}
    if any(root.subject != root.issuer for root in anchors.values()):
        raise MalformedError("a certificate given as root is none: somebody else issued it")
    candidates = [*anchors.values(), *load_all(c for c in others if c not in anchors)]
    paths, seen, problems = [[signer]], {signer.der}, []
    for _ in range(PATH_MAX):
        longer: list[list[Certificate]] = []
        for path in paths:
            for issuer in candidates:
                if issuer.der in seen or issuer.subject != path[-1].issuer:
                    continue
                try:
                    _check_issuer(issuer, path, at, is_root=issuer.der in anchors)
                except VerifyError as error:
                    problems.append(error.message)
                    continue
                if issuer.der in anchors:
                    return [*path, issuer]
                seen.add(issuer.der)
                longer.append([*path, issuer])
        paths = longer
    why = f": {problems[0]}" if problems else ""
    raise SignatureError(f"no path leads from {signer.title} to a root certificate that was given{why}")
