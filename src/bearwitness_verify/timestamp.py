"""RFC 3161 time stamps, checked against root certificates the reader got elsewhere.

:func:`parse_reply` reads what an authority answered, :func:`verify` checks all of it in numbered steps
and returns the evidence, :class:`Stamped`. The file has four parts, each resting on those above it:
what a reply holds, certificates and their path, revocation, and what a stamp proves.

Nothing here touches the network or the clock: a stamp is judged at the time it names. What the years
since have done to it is judged in :mod:`.stamps`.
"""

from __future__ import annotations

import hashlib
import warnings
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import chain
from typing import Final, TypeVar

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID, ExtensionOID

from . import der
from .der import Element, Reader, context
from .errors import MalformedError, SignatureError, VerifyError

REPLY_BYTES_MAX: Final = 1024 * 1024  # some thousand bytes are usual, revocation lists can come along
CERTIFICATES_MAX: Final = 32  # in a reply and a stamp file together
PATH_MAX: Final = 8  # certificates above the authority's own
RSA_BITS_MIN: Final = 2048
CURVES: Final = ("secp256r1", "secp384r1", "secp521r1")

_PKCS1: Final = "1.2.840.113549.1.1."
_SIGNED_DATA: Final = "1.2.840.113549.1.7.2"
_CONTENT_TYPE: Final = "1.2.840.113549.1.9.3"
_MESSAGE_DIGEST: Final = "1.2.840.113549.1.9.4"
_TST_INFO: Final = "1.2.840.113549.1.9.16.1.4"
_SIGNING_CERTIFICATE: Final = "1.2.840.113549.1.9.16.2.12"
_SIGNING_CERTIFICATE_V2: Final = "1.2.840.113549.1.9.16.2.47"

_HASH_NAMES: Final = {
    "2.16.840.1.101.3.4.2.1": "sha256",
    "2.16.840.1.101.3.4.2.2": "sha384",
    "2.16.840.1.101.3.4.2.3": "sha512",
}
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
_FAILURES: Final = {  # bits of PKIFailureInfo (RFC 3161, 2.4.2)
    0: "it does not know the hash algorithm",
    2: "it does not allow the request",
    5: "it found the request malformed",
    14: "its clock is not available",
    15: "it does not know the policy asked for",
    16: "it does not know an extension asked for",
    17: "it can not give the additional information asked for",
    25: "it has a fault",
}


def printable(text: str) -> str:
    """Return the beginning of a stranger's `text` without what could disturb a terminal."""
    return "".join(c if c.isprintable() else "?" for c in text[:200])


@contextmanager
def _quietly() -> Iterator[None]:
    """Keep `cryptography` from talking of certificates that are odd: what counts is checked here."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


# --- 1. What a reply holds ---------------------------------------------------------------------


@dataclass(frozen=True)
class Info:
    """The TSTInfo: what the authority says (RFC 3161, 2.4.2)."""

    policy: str
    hash_algorithm: str
    imprint: bytes
    serial: int
    time: datetime
    accuracy: timedelta | None
    nonce: int | None
    name: Element | None


@dataclass(frozen=True)
class Signer:
    """The one SignerInfo (RFC 5652, 5.3); `signed` is the DER of its signed attributes."""

    issuer: bytes | None
    serial: int | None
    key_id: bytes | None
    hash_algorithm: str
    signed: bytes
    attributes: Mapping[str, list[Element]]
    algorithm: Element
    signature: bytes

    def means(self, certificate: Certificate) -> bool:
        """Say whether `certificate` is the one the SignerInfo speaks of."""
        if self.key_id is None:
            return (self.issuer, self.serial) == (certificate.issuer, certificate.serial)
        found = certificate.extension(x509.SubjectKeyIdentifier)
        return found is not None and found.value.digest == self.key_id

    def attribute(self, kind: str) -> Reader:
        """Return a reader of the one value of a signed attribute."""
        values = self.attributes.get(kind, [])
        if len(values) != 1:
            raise SignatureError("the time stamp lacks a signed attribute that it must have")
        return Reader(values[0].encoded, "the time-stamp reply")


@dataclass(frozen=True)
class Token:
    """A time-stamp token, parsed; nothing of it is checked yet but its form."""

    info: Info
    content: bytes
    certificates: tuple[bytes, ...]
    crls: tuple[bytes, ...]
    signer: Signer


def parse_reply(reply: bytes) -> Token:
    """Return the token in a TimeStampResp (RFC 3161, 2.4.2).

    Raises MalformedError, or SignatureError with the authority's reason if it gave no stamp.
    """
    if len(reply) > REPLY_BYTES_MAX:
        raise MalformedError("the time-stamp reply is too large")
    with Reader(reply, "the time-stamp reply") as whole, whole.sequence() as response:
        _check_granted(response.sequence())
        return _parse_token(response.take(der.SEQUENCE))


def _check_granted(info: Reader) -> None:
    """Check PKIStatusInfo; *granted with modifications* is refused: nobody says which."""
    texts, bits = [], b"\0"
    with info:
        status = info.integer()
        if info.next_is(der.SEQUENCE):
            with info.sequence() as strings:
                while strings.more():
                    texts.append(strings.take(der.UTF8_STRING).content.decode("utf-8", "replace"))
        if info.next_is(der.BIT_STRING):
            bits = info.any().content
    if status == 0 and bits == b"\0":
        return
    failures = int.from_bytes(bits[1:5].ljust(4, b"\0"), "big")
    reasons = [text for bit, text in _FAILURES.items() if failures >> 31 - bit & 1]
    told = "; ".join([*reasons, *map(printable, texts)]) or f"status {status}, without a reason"
    raise SignatureError(f"the time-stamp authority gave no stamp: {told}")


def _parse_token(token: Element) -> Token:
    """Read ContentInfo and SignedData (RFC 5652, 3 and 5.1).

    What no signature covers (versions, sets of one) has a single accepted form, so that nobody can
    change a byte of it unnoticed.
    """
    with token.reader() as info:
        if info.oid() != _SIGNED_DATA:
            info.fail("holds no signed data")
        with info.sequence(context(0)) as explicit, explicit.sequence() as data:
            if data.integer() != 3:
                data.fail("is of another version than a time stamp has")
            hash_algorithms = [_hash_name(element) for element in data.set_of()]
            with data.sequence() as encapsulated:
                if encapsulated.oid() != _TST_INFO:
                    encapsulated.fail("holds something else than a time stamp")
                with encapsulated.sequence(context(0)) as inner:
                    content = inner.octets()
            certificates = _set_of_sequences(data, context(0))
            crls = _set_of_sequences(data, context(1))
            signers = data.set_of()
            if len(signers) != 1:
                data.fail(f"has {len(signers)} signers instead of one")
    signer = _parse_signer(signers[0])
    if hash_algorithms != [signer.hash_algorithm]:
        raise MalformedError("the time-stamp reply names another hash algorithm than its signer")
    return Token(_parse_info(content), content, certificates, crls, signer)


def _set_of_sequences(data: Reader, tag: int) -> tuple[bytes, ...]:
    """Take an optional set of X.509 certificates or CRLs, not of the other choices CMS allows.

    Their order is free (it need not be DER, RFC 5652, 5.1): large authorities send a chain as it is.
    """
    elements = data.set_of(tag, in_order=False) if data.next_is(tag) else []
    if any(element.tag != der.SEQUENCE for element in elements):
        data.fail("holds certificates or revocation data of a kind not known here")
    return tuple(element.encoded for element in elements)


def _hash_name(algorithm: Element) -> str:
    """Return the hash an AlgorithmIdentifier names; parameters are NULL or absent (RFC 5754, 2)."""
    with algorithm.reader() as reader:
        name = _HASH_NAMES.get(reader.oid())
        if name is None:
            reader.fail("uses a hash algorithm other than SHA-256, SHA-384 and SHA-512")
        if reader.more():
            reader.null()
    return name


def _parse_signer(element: Element) -> Signer:
    issuer = serial = key_id = None
    with element.reader() as info:
        version = info.integer()
        if info.next_is(context(0, constructed=False)):
            key_id = info.any().content
        else:
            with info.sequence() as name:
                issuer, serial = name.take(der.SEQUENCE).encoded, name.integer()
        if version != (1 if key_id is None else 3):
            info.fail("names its signer in another way than its version says")
        hash_algorithm = _hash_name(info.take(der.SEQUENCE))
        if not info.next_is(context(0)):
            info.fail("lacks signed attributes")
        signed = bytes([der.SET]) + info.any().encoded[1:]  # signed as a SET OF (RFC 5652, 5.4)
        algorithm, signature = info.take(der.SEQUENCE), info.octets()
        if info.more():
            info.fail("has attributes that nobody signed")
    attributes = _parse_attributes(signed)
    return Signer(issuer, serial, key_id, hash_algorithm, signed, attributes, algorithm, signature)


def _parse_attributes(signed: bytes) -> Mapping[str, list[Element]]:
    found: dict[str, list[Element]] = {}
    with Reader(signed, "the time-stamp reply") as whole:
        for element in whole.set_of():
            with element.reader() as attribute:
                kind = attribute.oid()
                if kind in found:
                    attribute.fail("has a signed attribute twice")
                found[kind] = attribute.set_of()
    return found


def _parse_info(content: bytes) -> Info:
    accuracy = nonce = name = None
    with Reader(content, "the time stamp") as whole, whole.sequence() as info:
        if info.integer() != 1:
            info.fail("is of a version not known here")
        policy = info.oid()
        with info.sequence() as message:
            hash_algorithm, imprint = _hash_name(message.take(der.SEQUENCE)), message.octets()
        serial, time = info.integer(), info.time()
        if info.next_is(der.SEQUENCE):
            accuracy = _parse_accuracy(info.sequence())
        if info.next_is(der.BOOLEAN) and not info.boolean():
            info.fail("is not in DER: a value that goes without saying is said")
        if info.next_is(der.INTEGER):
            nonce = info.integer()
        if info.next_is(context(0)):
            with info.sequence(context(0)) as explicit:
                name = explicit.any()
        if info.next_is(context(1)):
            _check_extensions(info.sequence(context(1)))
    return Info(policy, hash_algorithm, imprint, serial, time, accuracy, nonce, name)


def _parse_accuracy(accuracy: Reader) -> timedelta:
    values = []
    tags = (der.INTEGER, context(0, constructed=False), context(1, constructed=False))
    with accuracy:
        for tag, low, high in zip(tags, (0, 1, 1), (2**31, 999, 999), strict=True):
            given = accuracy.next_is(tag)
            values.append(accuracy.integer(tag) if given else 0)
            if given and not low <= values[-1] <= high:
                accuracy.fail("names an accuracy out of range")
    return timedelta(seconds=values[0], milliseconds=values[1], microseconds=values[2])


def _check_extensions(extensions: Reader) -> None:
    with extensions:
        while extensions.more():
            with extensions.sequence() as extension:
                extension.oid()
                if extension.next_is(der.BOOLEAN):
                    extension.fail("has an extension that must be known, and is not known here")
                extension.octets()


# --- 2. Certificates and their path ------------------------------------------------------------

_E = TypeVar("_E", bound=x509.ExtensionType)
_BROKEN: Final = (  # what `cryptography` raises for certificates that are not as they must be
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
_SAFE_HASHES: Final = (hashes.SHA256, hashes.SHA384, hashes.SHA512, type(None))  # Ed25519 names none


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
    @_quietly()
    def load(cls, data: bytes) -> Certificate:
        """Read a stranger's certificate in DER."""
        body = _signed_body(data, "a certificate")
        body.optional(context(0))
        if body.integer() <= 0:  # RFC 5280, 4.1.2.2; some old roots know no better
            body.fail("has no proper serial number")
        try:
            return cls.of(x509.load_der_x509_certificate(data))
        except _BROKEN:
            body.fail("can not be read")

    @classmethod
    @_quietly()
    def of(cls, certificate: x509.Certificate) -> Certificate:
        """Take a certificate that was read already."""
        data = certificate.public_bytes(Encoding.DER)
        body = _signed_body(data, "a certificate")
        body.optional(context(0))
        serial = body.integer()
        body.take(der.SEQUENCE)
        issuer = body.take(der.SEQUENCE).encoded
        body.take(der.SEQUENCE)
        subject = body.take(der.SEQUENCE).encoded
        return cls(
            data, issuer, subject, serial, printable(certificate.subject.rfc4514_string()), certificate
        )

    @_quietly()
    def extensions(self) -> x509.Extensions:
        """Return all extensions."""
        try:
            return self.parsed.extensions
        except _BROKEN:
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
        except _BROKEN:
            raise MalformedError(f"the key of {self.title} can not be read") from None
        if isinstance(key, rsa.RSAPublicKey) and key.key_size >= RSA_BITS_MIN:
            return key
        if isinstance(key, ec.EllipticCurvePublicKey) and key.curve.name in CURVES:
            return key
        if isinstance(key, ed25519.Ed25519PublicKey):
            return key
        raise SignatureError(f"the key of {self.title} is of a kind or size that does not count as safe")


def _signed_body(data: bytes, what: str) -> Reader:
    """Return a reader of what is signed in a certificate or revocation list (RFC 5280, 4.1 and 5.1)."""
    with Reader(data, what) as whole, whole.sequence() as outside:
        body = outside.sequence()
        outside.take(der.SEQUENCE)
        if outside.take(der.BIT_STRING).content[:1] != b"\x00":
            outside.fail("has a signature that is not of whole bytes")
    return body


def _load_all(certificates: Iterable[bytes]) -> list[Certificate]:
    """Read the certificates that come with a time stamp, each once."""
    distinct = list(dict.fromkeys(certificates))
    if len(distinct) > CERTIFICATES_MAX:
        raise MalformedError(f"a time stamp comes with more than {CERTIFICATES_MAX} certificates")
    return [Certificate.load(data) for data in distinct]


def _check_authority(certificate: Certificate, at: datetime) -> None:
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
        if not isinstance(issued.parsed.signature_hash_algorithm, _SAFE_HASHES):
            raise SignatureError(f"the certificate of {issued.title} is signed with an outdated hash")
        issued.parsed.verify_directly_issued_by(issuer.parsed)
    except (InvalidSignature, *_BROKEN):
        raise SignatureError(f"the certificate of {issued.title} is not signed by {issuer.title}") from None


def _find_path(
    signer: Certificate, others: Iterable[bytes], roots: Iterable[x509.Certificate], at: datetime
) -> list[Certificate]:
    """Return the shortest path from `signer` to a root, both included (RFC 5280, 6.1).

    Breadth first, each certificate once: with cross certificates there are several ways, and loops.
    """
    anchors = {root.der: root for root in map(Certificate.of, roots)}
    if any(root.subject != root.issuer for root in anchors.values()):
        raise MalformedError("a certificate given as root is none: somebody else issued it")
    candidates = [*anchors.values(), *_load_all(c for c in others if c not in anchors)]
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


# --- 3. Revocation -----------------------------------------------------------------------------

_HARMLESS: Final = {  # reasons of a revocation that leave older stamps good (RFC 3161, 4)
    x509.ReasonFlags.unspecified,
    x509.ReasonFlags.affiliation_changed,
    x509.ReasonFlags.superseded,
    x509.ReasonFlags.cessation_of_operation,
}


@_quietly()
def _check_revocation(
    path: Sequence[Certificate], others: Iterable[bytes], crls: Iterable[bytes], at: datetime
) -> bool:
    """Check that no list speaks against a certificate of `path`; say whether all were spoken of.

    Every list must be signed by one of the certificates at hand. A list of an authority that is not on
    this path, but on one to another root, is left alone. About the root nobody is asked.
    """
    covered = set()
    known = [*path, *_load_all(others)]
    for data in dict.fromkeys(crls):
        crl, place = _load_crl(data, known)
        if 0 < place < len(path):
            _check_entry(crl, path[place - 1], at)
            if _covers(crl, path[place - 1], at, is_authority=place > 1):
                covered.add(place)
    return len(covered) == len(path) - 1


def _load_crl(data: bytes, known: Sequence[Certificate]) -> tuple[x509.CertificateRevocationList, int]:
    """Return a revocation list, and which of the `known` certificates it is signed by."""
    body = _signed_body(data, "a revocation list")
    body.optional(der.INTEGER)
    body.take(der.SEQUENCE)
    issuer = body.take(der.SEQUENCE).encoded
    try:
        crl = x509.load_der_x509_crl(data)
        for extension in crl.extensions:
            if extension.critical and extension.oid != ExtensionOID.ISSUING_DISTRIBUTION_POINT:
                body.fail("has limits not known here")
        for place, authority in enumerate(known):
            if authority.subject == issuer and _has_signed(authority, crl):
                return crl, place
    except _BROKEN:
        body.fail("can not be read")
    raise SignatureError("a revocation list is not signed by any authority that is known here")


def _has_signed(authority: Certificate, crl: x509.CertificateRevocationList) -> bool:
    usage = authority.extension(x509.KeyUsage)
    if usage is not None and not usage.value.crl_sign:
        return False
    return isinstance(crl.signature_hash_algorithm, _SAFE_HASHES) and crl.is_signature_valid(authority.key())


def _check_entry(crl: x509.CertificateRevocationList, certificate: Certificate, at: datetime) -> None:
    """Refuse a certificate revoked by then, or later for a reason that spoils its older stamps."""
    entry = crl.get_revoked_certificate_by_serial_number(certificate.serial)
    if entry is None:
        return
    since, reason = entry.revocation_date_utc, None
    for extension in entry.extensions:
        if isinstance(extension.value, x509.CRLReason):
            reason = extension.value.reason
        elif isinstance(extension.value, x509.InvalidityDate):
            since = min(since, extension.value.invalidity_date.replace(tzinfo=UTC))
        elif extension.critical:
            raise SignatureError(f"a revocation list says of {certificate.title} what is not known here")
    if since <= at or reason not in _HARMLESS:
        why = reason.value if reason else "no reason given"
        raise SignatureError(
            f"the certificate of {certificate.title} was revoked on {since:%Y-%m-%d} ({why})"
        )


def _covers(
    crl: x509.CertificateRevocationList, certificate: Certificate, at: datetime, *, is_authority: bool
) -> bool:
    """Say whether the list would have named `certificate`, had it been revoked by then (RFC 5280, 5.2.5)."""
    if (crl.next_update_utc or crl.last_update_utc) < at:
        return False  # it was out of date already
    if crl.last_update_utc > certificate.parsed.not_valid_after_utc:
        return False  # lists need not speak of what has expired
    try:
        scope = crl.extensions.get_extension_for_class(x509.IssuingDistributionPoint).value
    except x509.ExtensionNotFound:
        return True
    if scope.indirect_crl or scope.only_some_reasons or scope.relative_name:
        return False
    if scope.only_contains_attribute_certs or (
        scope.only_contains_user_certs if is_authority else scope.only_contains_ca_certs
    ):
        return False
    points = certificate.extension(x509.CRLDistributionPoints)
    names = {name for point in points.value for name in point.full_name or ()} if points else set()
    return scope.full_name is None or not names.isdisjoint(scope.full_name)


# --- 4. What a stamp proves --------------------------------------------------------------------


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
    _check_authority(signer, at)
    others = [*token.certificates, *extra_certificates]
    path = _find_path(signer, others, roots, at)
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
        revocation_checked=_check_revocation(path, others, [*token.crls, *crls], at),
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
        if value.oid() != _TST_INFO:
            raise SignatureError("the authority signed something else than a time stamp")
    with token.signer.attribute(_MESSAGE_DIGEST) as value:
        if value.octets() != hashlib.new(token.signer.hash_algorithm, token.content).digest():
            raise SignatureError("the authority signed another time stamp than this one")
    signer = _find_signer(token.signer, _load_all([*token.certificates, *extra_certificates]))
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
            hash_algorithm = _hash_name(reader.any())
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
            digest = _hash_name(explicit.take(der.SEQUENCE))
        with parameters.sequence(context(1)) as explicit, explicit.sequence() as mask:
            if mask.oid() != _PKCS1 + "8" or _hash_name(mask.take(der.SEQUENCE)) != digest:
                mask.fail("is signed with an algorithm not known here")
        if parameters.next_is(context(2)):
            with parameters.sequence(context(2)) as explicit:
                salt_length = explicit.integer()
    if digest != hash_algorithm or not 0 <= salt_length <= 64:
        parameters.fail("is signed with an algorithm not known here")
    return padding.PSS(padding.MGF1(_HASHES[digest]), salt_length)
