"""Ordering a time stamp: the request, the way to the authority, the reply into a stamp file.

    der, nonce = request_bytes(message)
    file = accept_reply(fetch(url, der), message, nonce, roots=roots)

:func:`order` does it in one go. Bytes in, bytes out: nothing here knows of vaults or logs. :func:`fetch`
is all the traffic of this project; it is called only when somebody ordered a stamp. What an authority
and everybody on the way to it learn is the hash of the message, the time, and from which address it came.
"""

from __future__ import annotations

import binascii
import http.client
import re
import time
import urllib.error
import urllib.request
from collections.abc import Sequence
from datetime import timedelta
from hashlib import sha256
from typing import IO, Final
from urllib.parse import urlsplit

import rfc3161_client
from cryptography import x509

from bearwitness.errors import BearwitnessError, MalformedError, SignatureError, UsageError
from bearwitness_verify import stamps, timestamp
from bearwitness_verify.stamps import StampFile
from bearwitness_verify.timestamp import Certificate, Stamped, Token

CRL_BYTES_MAX: Final = 2 * 1024 * 1024
LISTS_MAX: Final = 8  # revocation lists that are fetched for one stamp
REDIRECTIONS_MAX: Final = 3
TIMEOUT_S: Final = 30.0
_CHUNK: Final = 64 * 1024
_PEM: Final = re.compile(rb"-----BEGIN (?:X509 )?(CERTIFICATE|CRL)-----([A-Za-z0-9+/=\s]+)-----END ")


def request_bytes(message: bytes) -> tuple[bytes, int]:
    """Return a TimeStampReq (RFC 3161, 2.4.1) for the SHA-256 of `message` in DER, and its nonce."""
    builder = rfc3161_client.TimestampRequestBuilder()
    request = builder.data(message).hash_algorithm(rfc3161_client.HashAlgorithm.SHA256).build()
    if request.nonce is None or not request.cert_req:
        raise MalformedError("the time-stamp request lacks its nonce or the wish for a certificate")
    return request.as_bytes(), request.nonce


def accept_reply(
    reply: bytes,
    message: bytes,
    nonce: int,
    *,
    renewal: bool = False,
    roots: Sequence[x509.Certificate] = (),
    certificates: Sequence[bytes] = (),
    crls: Sequence[bytes] = (),
) -> bytes:
    """Return the stamp file for the authority's `reply`, once it is checked (docs/format.md, 7).

    `message` is the plain note that was stamped or, with `renewal`, the stamp file that was renewed. Of
    `certificates` (DER) those are kept that may lie on the authority's path, and the roots above it.

    1. The reply grants a stamp of `message` by SHA-256 with our nonce (RFC 3161, 2.4.2), and its
       signature holds, by whomever it may be.
    2. With `roots`: the stamp file holds below one of them (:func:`.stamps.verify_stamp`), and
    3. rfc3161-client says the same.

    Raises SignatureError or MalformedError. `crls` need `roots`, for nobody else could check them.
    """
    token = timestamp.parse_reply(reply)
    if token.info.nonce != nonce or token.info.hash_algorithm != "sha256":
        raise SignatureError("the time stamp answers another request than ours")
    signer = timestamp.check_consistent(token, message, certificates)
    stamp = StampFile(
        reply=reply,
        certificates=_worth_keeping(token, signer, certificates, roots),
        crls=tuple(dict.fromkeys(crls)),
        note=None if renewal else message.decode(),
        renewed=sha256(message).digest() if renewal else None,
    )
    file = stamp.encode()
    if roots:
        evidence = stamps.verify_stamp(file, message, roots)
        _check_second_opinion(token, reply, message, evidence)
    elif crls:
        raise UsageError("revocation lists can not be checked without the root of the authority")
    return file


def _worth_keeping(
    token: Token, signer: Certificate, certificates: Sequence[bytes], roots: Sequence[x509.Certificate]
) -> tuple[bytes, ...]:
    """Return the certificates that may lie on the signer's path and do not come in the reply."""
    pool = [Certificate.load(data) for data in dict.fromkeys([*token.certificates, *certificates])]
    pool += [root for root in map(Certificate.of, roots) if root.serial > 0]
    found = {signer.der: signer}
    for _ in range(timestamp.PATH_MAX):
        issuers = {certificate.issuer for certificate in found.values()}
        found |= {c.der: c for c in pool if c.subject in issuers}
    return tuple(data for data in found if data not in token.certificates)


def _check_second_opinion(token: Token, reply: bytes, message: bytes, evidence: Stamped) -> None:
    """Check that rfc3161-client takes the stamp for good too, and reads the same in it.

    It wants the certificates in the order of DER, which large authorities do not keep; no signature
    covers their order.
    """
    in_order = reply.replace(b"".join(token.certificates), b"".join(sorted(token.certificates)), 1)
    signer, *between, root = (x509.load_der_x509_certificate(data) for data in evidence.path)
    verifier = rfc3161_client.VerifierBuilder(
        roots=[root],
        intermediates=between,
        tsa_certificate=None if token.certificates else signer,
        nonce=token.info.nonce,
    ).build()
    try:
        response = rfc3161_client.decode_timestamp_response(in_order)
        verifier.verify_message(response, message)
    except (ValueError, rfc3161_client.VerificationError) as error:
        raise SignatureError(
            "the second verifier (rfc3161-client) does not accept the time stamp: "
            f"{timestamp.printable(str(error))}",
            "try another authority",
        ) from None
    said = response.tst_info
    same = (said.serial_number, said.policy.dotted_string) == (evidence.serial, evidence.policy)
    if not same or abs(said.gen_time - evidence.time) > timedelta(seconds=1):
        raise SignatureError("the two verifiers read different things in the time stamp")


def order(
    url: str,
    message: bytes,
    *,
    renewal: bool = False,
    roots: Sequence[x509.Certificate] = (),
    certificates: Sequence[bytes] = (),
    crls: Sequence[bytes] = (),
    fetch_lists: bool = False,
    timeout: float = TIMEOUT_S,
) -> tuple[bytes, list[str]]:
    """Order a stamp of `message` at `url`; return the stamp file, and what could not be had, in sentences.

    With `fetch_lists` the revocation lists that the certificates on the checked path name are fetched
    over HTTP too. See :func:`accept_reply` for the rest.
    """
    query, nonce = request_bytes(message)
    reply = fetch(url, query, timeout)
    file = accept_reply(
        reply, message, nonce, renewal=renewal, roots=roots, certificates=certificates, crls=crls
    )
    if not fetch_lists:
        return file, []
    if not roots:
        return file, ["no revocation list was fetched: the root of the authority is not given"]
    found, problems = fetch_crls(stamps.verify_stamp(file, message, roots).path, timeout)
    file = accept_reply(
        reply, message, nonce, renewal=renewal, roots=roots, certificates=certificates, crls=[*crls, *found]
    )
    return file, problems


def fetch(url: str, query: bytes, timeout: float = TIMEOUT_S) -> bytes:
    """Send a time-stamp request over HTTP or HTTPS and return the reply (RFC 3161, 3.4)."""
    headers = {"Content-Type": "application/timestamp-query", "Accept": "application/timestamp-reply"}
    return _load(url, query, headers, timestamp.REPLY_BYTES_MAX, timeout)


def fetch_crls(path: Sequence[bytes], timeout: float = TIMEOUT_S) -> tuple[list[bytes], list[str]]:
    """Fetch the revocation lists that the certificates of `path` (DER) name, but for the root's.

    Returns the lists in DER, not checked, and in sentences what could not be had.
    """
    found, problems = [], []
    for certificate in map(Certificate.load, path[:-1]):
        urls = _crl_urls(certificate)[:LISTS_MAX]
        failed = ["it names none that can be fetched"]
        for url in urls:
            try:
                data = _load(url, None, {}, CRL_BYTES_MAX, timeout)
                found.append(read_crls(data)[0])
                break
            except BearwitnessError as error:
                failed = [error.message]
        else:
            problems.append(f"no revocation list for the certificate of {certificate.title}: {failed[0]}")
    return found, problems


def _crl_urls(certificate: Certificate) -> list[str]:
    extension = certificate.extension(x509.CRLDistributionPoints)
    names = [name for point in extension.value for name in point.full_name or ()] if extension else []
    return [n.value for n in names if isinstance(n, x509.UniformResourceIdentifier) and n.value[:4] == "http"]


def read_certificates(data: bytes) -> list[bytes]:
    """Return the DER of the certificates in a file, in PEM or DER."""
    return [Certificate.load(found).der for found in _in_file(data, b"CERTIFICATE", "certificate")]


def read_crls(data: bytes) -> list[bytes]:
    """Return the DER of the revocation lists in a file, in PEM or DER."""
    found = _in_file(data, b"CRL", "revocation list")
    try:
        for crl in found:
            x509.load_der_x509_crl(crl)
    except ValueError:
        raise MalformedError("the file holds something else than a revocation list") from None
    return found


def _in_file(data: bytes, label: bytes, what: str) -> list[bytes]:
    if data[:1] == b"\x30":
        return [data]
    try:
        found = [binascii.a2b_base64(body) for name, body in _PEM.findall(data) if name == label]
    except binascii.Error:
        found = []
    if not found:
        raise MalformedError(f"the file holds no {what} in PEM or DER")
    return found


class _SameScheme(urllib.request.HTTPRedirectHandler):
    """Follows redirections, asking the same again, but never from one scheme to another."""

    max_redirections = REDIRECTIONS_MAX

    def redirect_request(
        self,
        req: urllib.request.Request,
        fp: IO[bytes],
        code: int,
        msg: str,
        headers: http.client.HTTPMessage,
        newurl: str,
    ) -> urllib.request.Request:
        if urlsplit(newurl).scheme != req.type:
            fp.close()
            raise BearwitnessError(
                f"{req.host} redirects to {timestamp.printable(newurl)}, which is not followed",
                "give that address if you want to go there",
            )
        return urllib.request.Request(newurl, req.data, req.headers, method=req.get_method())  # noqa: S310


def _place(url: str) -> str:
    """Return the host in `url`; refuse what is not HTTP or HTTPS."""
    try:
        parts = urlsplit(url)
    except ValueError:
        parts = urlsplit("")
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise UsageError(f"{timestamp.printable(url)} is not an address of the form http://… or https://…")
    return timestamp.printable(parts.netloc)


def _load(url: str, body: bytes | None, headers: dict[str, str], bytes_max: int, timeout: float) -> bytes:
    place = _place(url)
    opener = urllib.request.OpenerDirector()
    opener.addheaders = []  # no User-Agent: it would tell who runs this software
    for handler in (
        urllib.request.ProxyHandler,
        urllib.request.HTTPHandler,
        urllib.request.HTTPSHandler,
        urllib.request.HTTPDefaultErrorHandler,
        urllib.request.HTTPErrorProcessor,
        _SameScheme,
    ):
        opener.add_handler(handler())
    try:
        request = urllib.request.Request(url, body, headers)  # noqa: S310
        with opener.open(request, timeout=timeout) as response:
            return _read(response, place, bytes_max, time.monotonic() + timeout)
    except urllib.error.HTTPError as error:
        error.close()
        raise BearwitnessError(
            f"{place} answered with error {error.code}: {timestamp.printable(error.reason)}"
        ) from None
    except (OSError, http.client.HTTPException, ValueError) as error:
        reason = getattr(error, "reason", error)
        raise BearwitnessError(
            f"{place} can not be reached: {timestamp.printable(str(reason))}",
            "check the address and the connection",
        ) from None


def _read(response: http.client.HTTPResponse, place: str, bytes_max: int, deadline: float) -> bytes:
    data = bytearray()
    while chunk := response.read1(_CHUNK):
        data += chunk
        if len(data) > bytes_max:
            raise BearwitnessError(f"{place} answered with more than {bytes_max} bytes")
        if time.monotonic() > deadline:
            raise BearwitnessError(f"{place} answers too slowly", "try again later or another authority")
    return bytes(data)
