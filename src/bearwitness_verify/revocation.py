"""Revocation lists kept with a time stamp (RFC 5280, 5; RFC 3161, 4)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Final

from cryptography import x509
from cryptography.x509.oid import ExtensionOID

from . import der
from .certificates import BROKEN, SAFE_HASHES, Certificate, load_all, quietly, signed_body
from .errors import SignatureError

_HARMLESS: Final = {  # reasons of a revocation that leave older stamps good (RFC 3161, 4)
    x509.ReasonFlags.unspecified,
    x509.ReasonFlags.affiliation_changed,
    x509.ReasonFlags.superseded,
    x509.ReasonFlags.cessation_of_operation,
}


@quietly()
def check_revocation(
    path: Sequence[Certificate], others: Iterable[bytes], crls: Iterable[bytes], at: datetime
) -> bool:
    """Check that no list speaks against a certificate of `path`; say whether all were spoken of.

    Every list must be signed by one of the certificates at hand. A list of an authority that is not on
    this path, but on one to another root, is left alone. About the root nobody is asked.
    """
    covered = set()
    known = [*path, *load_all(others)]
    for data in dict.fromkeys(crls):
        crl, place = _load_crl(data, known)
        if 0 < place < len(path):
            _check_entry(crl, path[place - 1], at)
            if _covers(crl, path[place - 1], at, is_authority=place > 1):
                covered.add(place)
    return len(covered) == len(path) - 1


def _load_crl(data: bytes, known: Sequence[Certificate]) -> tuple[x509.CertificateRevocationList, int]:
    """Return a revocation list, and which of the `known` certificates it is signed by."""
    body = signed_body(data, "a revocation list")
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
    except BROKEN:
        body.fail("can not be read")
    raise SignatureError("a revocation list is not signed by any authority that is known here")


def _has_signed(authority: Certificate, crl: x509.CertificateRevocationList) -> bool:
    usage = authority.extension(x509.KeyUsage)
    if usage is not None and not usage.value.crl_sign:
        return False
    return isinstance(crl.signature_hash_algorithm, SAFE_HASHES) and crl.is_signature_valid(authority.key())


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
