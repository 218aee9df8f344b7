"""What a time-stamp reply holds (RFC 3161, 2.4.2; RFC 5652, 5); parsed strictly, not checked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final

from cryptography import x509

from . import der
from .der import Element, Reader, context
from .errors import MalformedError, SignatureError
from .report import printable

if TYPE_CHECKING:
    from .certificates import Certificate

REPLY_BYTES_MAX: Final = 1024 * 1024  # some thousand bytes are usual, revocation lists can come along
_SIGNED_DATA: Final = "1.2.840.113549.1.7.2"
TST_INFO: Final = "1.2.840.113549.1.9.16.1.4"
_HASH_NAMES: Final = {
    "2.16.840.1.101.3.4.2.1": "sha256",
    "2.16.840.1.101.3.4.2.2": "sha384",
    "2.16.840.1.101.3.4.2.3": "sha512",
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
            hash_algorithms = [hash_name(element) for element in data.set_of()]
            with data.sequence() as encapsulated:
                if encapsulated.oid() != TST_INFO:
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


def hash_name(algorithm: Element) -> str:
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
        hash_algorithm = hash_name(info.take(der.SEQUENCE))
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
            hash_algorithm, imprint = hash_name(message.take(der.SEQUENCE)), message.octets()
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
