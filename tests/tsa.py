"""Time-stamp authorities of our own: real ones, answering with `openssl ts`, and forgers in Python.

:func:`world` makes a small public-key world once a process. :class:`Openssl` answers requests as a real
authority does and says what `openssl ts -verify` thinks of an answer. :func:`forge` writes tokens byte by
byte, correct ones unless told otherwise, so that a test can be wrong in exactly one way.
"""

from __future__ import annotations

import atexit
import functools
import hashlib
import itertools
import shutil
import subprocess
import tempfile
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import rfc3161_client
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

NOW = datetime.now(UTC).replace(microsecond=0)
STAMPING = ExtendedKeyUsageOID.TIME_STAMPING
POLICY = "1.3.6.1.4.1.55555.1"
Key = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey

needs_openssl = pytest.mark.skipif(
    shutil.which("openssl") is None, reason="the openssl command is not installed"
)

# --- DER, written -------------------------------------------------------------------------------


def tlv(tag: int, *parts: bytes) -> bytes:
    content = b"".join(parts)
    if len(content) < 0x80:
        return bytes([tag, len(content)]) + content
    size = len(content).to_bytes((len(content).bit_length() + 7) // 8, "big")
    return bytes([tag, 0x80 | len(size)]) + size + content


def seq(*parts: bytes) -> bytes:
    return tlv(0x30, *parts)


def set_of(*parts: bytes, tag: int = 0x31) -> bytes:
    return tlv(tag, *sorted(parts))


def integer(value: int, tag: int = 0x02) -> bytes:
    size = (value if value >= 0 else ~value).bit_length() // 8 + 1
    return tlv(tag, value.to_bytes(size, "big", signed=True))


def octets(data: bytes) -> bytes:
    return tlv(0x04, data)


def oid(dotted: str) -> bytes:
    first, second, *rest = map(int, dotted.split("."))
    out = b""
    for arc in (40 * first + second, *rest):
        groups = [arc & 0x7F]
        while arc := arc >> 7:
            groups.append(0x80 | arc & 0x7F)
        out += bytes(reversed(groups))
    return tlv(0x06, out)


def gentime(time: datetime) -> bytes:
    fraction = f".{time.microsecond:06}".rstrip("0") if time.microsecond else ""
    return tlv(0x18, f"{time.year:04}{time:%m%d%H%M%S}{fraction}Z".encode())


HASH_OIDS = {
    "sha1": "1.3.14.3.2.26",
    "sha256": "2.16.840.1.101.3.4.2.1",
    "sha384": "2.16.840.1.101.3.4.2.2",
    "sha512": "2.16.840.1.101.3.4.2.3",
}
HASHES: dict[str, Callable[[], hashes.HashAlgorithm]] = {
    "sha1": hashes.SHA1,
    "sha256": hashes.SHA256,
    "sha384": hashes.SHA384,
    "sha512": hashes.SHA512,
}
NULL = b"\x05\x00"
TST_INFO, SIGNED_DATA = "1.2.840.113549.1.9.16.1.4", "1.2.840.113549.1.7.2"
CONTENT_TYPE, MESSAGE_DIGEST = "1.2.840.113549.1.9.3", "1.2.840.113549.1.9.4"
ESS, ESS_V2 = "1.2.840.113549.1.9.16.2.12", "1.2.840.113549.1.9.16.2.47"


def algorithm(name: str) -> bytes:
    return seq(oid(HASH_OIDS[name]), NULL)


# --- Certificates -------------------------------------------------------------------------------


@dataclass(frozen=True)
class Node:
    """A certificate with its key and who issued it."""

    key: Key
    certificate: x509.Certificate
    issuer: Node | None

    @property
    def der(self) -> bytes:
        return self.certificate.public_bytes(Encoding.DER)

    @property
    def pem(self) -> bytes:
        return self.certificate.public_bytes(Encoding.PEM)

    @property
    def key_pem(self) -> bytes:
        return self.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def name(text: str) -> x509.Name:
    return x509.Name(
        [x509.NameAttribute(NameOID.COUNTRY_NAME, "DE"), x509.NameAttribute(NameOID.COMMON_NAME, text)]
    )


@functools.cache
def key(kind: str, number: int = 0) -> Key:
    """Return a key; the same for the same arguments, for making them takes time."""
    curves = {"p256": ec.SECP256R1(), "p384": ec.SECP384R1(), "p521": ec.SECP521R1()}
    if kind in curves:
        return ec.generate_private_key(curves[kind])
    if kind == "ed25519":
        return ed25519.Ed25519PrivateKey.generate()
    return rsa.generate_private_key(65537, int(kind.removeprefix("rsa")))


_numbers = itertools.count(1)


def issue(
    title: str,
    issuer: Node | None = None,
    kind: str = "p256",
    *,
    own_key: Key | None = None,
    days: tuple[float, float] = (-400, 4000),
    ca: bool = False,
    path_length: int | None = None,
    purposes: Sequence[x509.ObjectIdentifier] = (STAMPING,),
    purposes_critical: bool = True,
    usage: str | None = "default",
    extensions: Sequence[tuple[x509.ExtensionType, bool]] = (),
    digest: hashes.SHA224 | hashes.SHA256 | None = None,
    basic: bool = True,
) -> Node:
    """Issue a certificate: of an authority for time stamps, or with `ca` of one that issues."""
    private = own_key or key(kind, next(_numbers) if kind.startswith("p") else 0)
    builder = (
        x509.CertificateBuilder()
        .subject_name(name(title))
        .issuer_name(issuer.certificate.subject if issuer else name(title))
        .public_key(private.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(NOW + timedelta(days=days[0]))
        .not_valid_after(NOW + timedelta(days=days[1]))
    )
    added: list[tuple[x509.ExtensionType, bool]] = list(extensions)
    if ca and basic:
        added.append((x509.BasicConstraints(True, path_length), True))
    if purposes and not ca:
        added.append((x509.ExtendedKeyUsage(purposes), purposes_critical))
    if usage is not None:
        bits = {"default": "key_cert_sign crl_sign" if ca else "digital_signature"}.get(usage, usage).split()
        added.append((key_usage(*bits), True))
    added.append((x509.SubjectKeyIdentifier.from_public_key(private.public_key()), False))
    for extension, critical in added:
        builder = builder.add_extension(extension, critical)
    signing = issuer.key if issuer else private
    chosen = digest or (None if isinstance(signing, ed25519.Ed25519PrivateKey) else hashes.SHA256())
    return Node(private, builder.sign(signing, chosen), issuer)


def key_usage(*set_bits: str) -> x509.KeyUsage:
    bits = (
        "digital_signature content_commitment key_encipherment data_encipherment key_agreement "
        "key_cert_sign crl_sign encipher_only decipher_only"
    ).split()
    return x509.KeyUsage(**{bit: bit in set_bits for bit in bits})


def revocation_list(
    issuer: Node,
    *revoked: Node,
    since: datetime = NOW - timedelta(days=10),
    reason: x509.ReasonFlags | None = x509.ReasonFlags.key_compromise,
    updated: datetime = NOW - timedelta(days=1),
    until: datetime = NOW + timedelta(days=30),
    invalid_since: datetime | None = None,
    extensions: Sequence[tuple[x509.ExtensionType, bool]] = (),
    entry_extensions: Sequence[tuple[x509.ExtensionType, bool]] = (),
    signed_by: Key | None = None,
) -> bytes:
    builder = x509.CertificateRevocationListBuilder().issuer_name(issuer.certificate.subject)
    builder = builder.last_update(updated).next_update(until)
    for extension, critical in extensions:
        builder = builder.add_extension(extension, critical)
    for node in revoked:
        entry = x509.RevokedCertificateBuilder().serial_number(node.certificate.serial_number)
        entry = entry.revocation_date(since)
        if reason:
            entry = entry.add_extension(x509.CRLReason(reason), False)
        for extension, critical in entry_extensions:
            entry = entry.add_extension(extension, critical)
        if invalid_since:
            entry = entry.add_extension(x509.InvalidityDate(invalid_since.replace(tzinfo=None)), False)
        builder = builder.add_revoked_certificate(entry.build())
    return builder.sign(signed_by or issuer.key, hashes.SHA256()).public_bytes(Encoding.DER)


@dataclass(frozen=True)
class World:
    """A root, an authority below it for certificates, stamping authorities, and a rival root."""

    root: Node
    middle: Node
    rsa: Node
    ecdsa: Node
    revoked: Node
    expired: Node
    rival_root: Node
    rival: Node
    crl: bytes

    @property
    def roots(self) -> list[x509.Certificate]:
        return [self.root.certificate]

    @property
    def between(self) -> list[bytes]:
        return [self.middle.der]


@functools.cache
def world() -> World:
    root = issue("Root of Trust", ca=True)
    middle = issue("Issuing Authority", root, ca=True, path_length=0)
    rival_root = issue("Rival Root", ca=True)
    revoked = issue("Revoked Stamps", middle, "p256")
    return World(
        root=root,
        middle=middle,
        rsa=issue("Stamps (RSA)", middle, "rsa2048"),
        ecdsa=issue("Stamps (P-384)", middle, "p384"),
        revoked=revoked,
        expired=issue("Expired Stamps", middle, "p256", days=(-100, -1)),
        rival_root=rival_root,
        rival=issue("Rival Stamps", rival_root, "p256"),
        crl=revocation_list(middle, revoked),
    )


# --- The real authority: openssl ----------------------------------------------------------------


@dataclass
class Openssl:
    """`openssl ts` as an authority; settings of its configuration by keyword."""

    signer: Node
    settings: dict[str, str] = field(default_factory=dict)
    chain: Sequence[Node] = ()

    def __post_init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="bearwitness-tsa-"))
        atexit.register(shutil.rmtree, self.folder, ignore_errors=True)
        (self.folder / "cert.pem").write_bytes(self.signer.pem)
        (self.folder / "key.pem").write_bytes(self.signer.key_pem)
        (self.folder / "serial").write_text("4D2A8B6C5F0011\n")
        settings = {
            "serial": self.folder / "serial",
            "crypto_device": "builtin",
            "signer_cert": self.folder / "cert.pem",
            "signer_key": self.folder / "key.pem",
            "signer_digest": "sha256",
            "ess_cert_id_alg": "sha256",
            "default_policy": POLICY,
            "digests": "sha256, sha384, sha512",
        }
        if self.chain:
            (self.folder / "chain.pem").write_bytes(b"".join(node.pem for node in self.chain))
            settings["certs"] = self.folder / "chain.pem"
        lines = [f"{k} = {v}" for k, v in (settings | self.settings).items()]
        (self.folder / "ts.cnf").write_text("[tsa]\ndefault_tsa = t\n[t]\n" + "\n".join(lines) + "\n")

    def reply(self, query: bytes) -> bytes:
        return self._run(query, "-reply", "-config", self.folder / "ts.cnf", "-queryfile")

    def stamp(self, message: bytes, *options: str) -> bytes:
        """Stamp `message` as `openssl ts -query` with `options` asks for it."""
        data = self.folder / "message"
        data.write_bytes(message)
        options = options or ("-sha256", "-cert")
        run = subprocess.run(
            ["openssl", "ts", "-query", "-data", data, *options], capture_output=True, check=True
        )
        return self.reply(run.stdout)

    def _run(self, data: bytes, *arguments: str | Path) -> bytes:
        path = self.folder / "input"
        path.write_bytes(data)
        return subprocess.run(["openssl", "ts", *arguments, path], capture_output=True, check=True).stdout


def openssl_accepts(
    reply: bytes, message: bytes, root: Node, *others: Node, at: datetime | None = None
) -> bool:
    """Say whether `openssl ts -verify` takes `reply` for a stamp of `message`."""
    with tempfile.TemporaryDirectory() as text:
        folder = Path(text)
        (folder / "reply").write_bytes(reply)
        (folder / "message").write_bytes(message)
        (folder / "root.pem").write_bytes(root.pem)
        arguments: list[str | Path] = ["-in", folder / "reply", "-data", folder / "message"]
        arguments += ["-CAfile", folder / "root.pem"]
        if others:
            (folder / "others.pem").write_bytes(b"".join(node.pem for node in others))
            arguments += ["-untrusted", folder / "others.pem"]
        if at:
            arguments += ["-attime", str(int(at.timestamp()))]
        run = subprocess.run(["openssl", "ts", "-verify", *arguments], capture_output=True, check=False)
    return run.returncode == 0 and b"Verification: OK" in run.stdout


def openssl_cms_accepts(reply: bytes, root: Node, *others: Node, at: datetime) -> bool:
    """Say whether `openssl cms -verify` takes the token for signed: it knows what `openssl ts` does not."""
    with tempfile.TemporaryDirectory() as text:
        folder = Path(text)
        (folder / "token").write_bytes(token_of(reply))
        (folder / "known.pem").write_bytes(root.pem + b"".join(node.pem for node in others))
        command: list[str | Path] = ["openssl", "cms", "-verify", "-binary"]
        command += ["-inform", "DER", "-in", folder / "token"]
        command += [
            "-CAfile",
            folder / "known.pem",
            "-purpose",
            "timestampsign",
            "-attime",
            str(int(at.timestamp())),
        ]
        run = subprocess.run([*command, "-out", folder / "content"], capture_output=True, check=False)
    return run.returncode == 0


def client_accepts(
    reply: bytes, message: bytes, root: Node, *others: Node, signer: Node | None = None
) -> bool:
    """Say whether rfc3161-client takes `reply` for a stamp of `message`."""
    verifier = rfc3161_client.VerifierBuilder(
        roots=[root.certificate],
        intermediates=[node.certificate for node in others],
        tsa_certificate=signer.certificate if signer else None,
    ).build()
    try:
        return verifier.verify_message(rfc3161_client.decode_timestamp_response(reply), message)
    except (ValueError, rfc3161_client.VerificationError):
        return False


def token_of(reply: bytes) -> bytes:
    """Return the token in a reply whose status is the plainest."""
    start = reply.index(bytes.fromhex("3003020100")) + 5
    return reply[start:]


class Asked(NamedTuple):
    """What a client asked of the server."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes


@contextmanager
def serving(answer: Callable[[Asked], tuple[int, dict[str, str], bytes]]) -> Iterator[str]:
    """Serve on loopback what `answer` returns, status, headers and body; yield the address."""

    class Handler(BaseHTTPRequestHandler):
        def _serve(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            status, headers, data = answer(Asked(self.command, self.path, dict(self.headers), body))
            self.send_response(status)
            for header, value in headers.items():
                self.send_header(header, value)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        do_GET = do_POST = _serve  # noqa: N815

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}"
        finally:
            server.shutdown()
            thread.join()


# --- The forger ---------------------------------------------------------------------------------


def forge(signer: Node, message: bytes, **parts: Any) -> bytes:
    """Return a reply stamping `message`; `parts` replace what a correct one has, mostly as DER.

    status, tst, attributes, certificates, crls, sid, sid_version, version, hash_algorithms, signer_algorithm,
    signature, unsigned, signers, content_type; and for the usual content: time, nonce, serial, policy,
    imprint, hash (of the imprint), digest (of the signer), accuracy, ordering, tsa, extensions,
    tst_version, ess ("v1", "v2", "both", "" or DER), named (the node that ESS names), scheme.
    """
    tst = parts.get("tst") or tst_info(message, **parts)
    digest = parts.get("digest", "sha512" if isinstance(signer.key, ed25519.Ed25519PrivateKey) else "sha256")
    attributes = parts.get("attributes") or [
        attribute(CONTENT_TYPE, oid(parts.get("signed_content_type", TST_INFO))),
        attribute(MESSAGE_DIGEST, octets(parts.get("signed_digest") or hashlib.new(digest, tst).digest())),
        *ess_attributes(parts.get("named", signer), parts.get("ess", "v2")),
        *parts.get("more_attributes", ()),
    ]
    signed = parts.get("signed") or set_of(*attributes)
    scheme, signature = sign(signer.key, signed, digest, parts.get("scheme", ""))
    body = signer.certificate
    sid = seq(body.issuer.public_bytes(), integer(body.serial_number))
    if parts.get("by_key_id"):
        identifier = body.extensions.get_extension_for_class(x509.SubjectKeyIdentifier)
        sid = tlv(0x80, identifier.value.digest)
    info = seq(
        integer(parts.get("sid_version", 3 if parts.get("by_key_id") else 1)),
        parts.get("sid", sid),
        parts.get("signer_digest") or algorithm(digest),
        b"" if parts.get("no_attributes") else b"\xa0" + signed[1:],
        parts.get("signer_algorithm") or scheme,
        octets(parts.get("signature") or signature),
        parts.get("unsigned", b""),
    )
    certificates = parts.get("certificates", [signer.der])
    data = seq(
        integer(parts.get("version", 3)),
        parts.get("hash_algorithms") or set_of(algorithm(digest)),
        seq(oid(parts.get("content_type", TST_INFO)), tlv(0xA0, octets(tst))),
        certificate_set(certificates, in_order=parts.get("in_order", True)) if certificates else b"",
        set_of(*parts["crls"], tag=0xA1) if parts.get("crls") else b"",
        set_of(*([info] * parts.get("signers", 1))),
    )
    token = seq(oid(parts.get("outer_type", SIGNED_DATA)), tlv(0xA0, data))
    return seq(parts.get("status", seq(integer(0))), b"" if parts.get("no_token") else token)


def certificate_set(certificates: Sequence[bytes], *, in_order: bool) -> bytes:
    return set_of(*certificates, tag=0xA0) if in_order else tlv(0xA0, *certificates)


def tst_info(message: bytes, **parts: Any) -> bytes:
    used = parts.get("hash", "sha256")
    nonce = parts.get("nonce")
    return seq(
        integer(parts.get("tst_version", 1)),
        oid(parts.get("policy", POLICY)),
        parts.get("imprint") or seq(algorithm(used), octets(hashlib.new(used, message).digest())),
        integer(parts.get("serial", 77)),
        parts.get("time_der") or gentime(parts.get("time", NOW)),
        parts.get("accuracy", b""),
        parts.get("ordering", b""),
        b"" if nonce is None else integer(nonce),
        parts.get("tsa", b""),
        parts.get("extensions", b""),
    )


def attribute(kind: str, *values: bytes) -> bytes:
    return seq(oid(kind), set_of(*values))


def ess_attributes(node: Node, wanted: str | bytes, *others: Node) -> list[bytes]:
    if isinstance(wanted, bytes):
        return [wanted] if wanted else []
    made = {
        "v1": [attribute(ESS, seq(seq(*(ess_id(n, "sha1") for n in (node, *others)))))],
        "v2": [attribute(ESS_V2, seq(seq(*(ess_id(n, "sha256") for n in (node, *others)))))],
    }
    return {"both": made["v1"] + made["v2"], "": []}.get(wanted) or made.get(wanted, [])


def ess_id(node: Node, used: str, *, algorithm_der: bytes = b"", place: bool = True) -> bytes:
    body = node.certificate
    where = seq(seq(tlv(0xA4, body.issuer.public_bytes())), integer(body.serial_number))
    digest = hashlib.new(used, node.der).digest()
    return seq(algorithm_der, octets(digest), where if place else b"")


def sign(private: Key, data: bytes, digest: str, scheme: str) -> tuple[bytes, bytes]:
    """Return the AlgorithmIdentifier and the signature."""
    made: hashes.HashAlgorithm = HASHES[digest]()
    arc = {"sha1": "5", "sha256": "11", "sha384": "12", "sha512": "13"}[digest]
    if isinstance(private, ed25519.Ed25519PrivateKey):
        return seq(oid("1.3.101.112")), private.sign(data)
    if isinstance(private, ec.EllipticCurvePrivateKey):
        arc = {"sha256": "2", "sha384": "3", "sha512": "4"}[digest]
        return seq(oid("1.2.840.10045.4.3." + arc)), private.sign(data, ec.ECDSA(made))
    if scheme.startswith("pss"):
        salt = 20 if scheme == "pss-usual-salt" else made.digest_size
        mask = seq(oid("1.2.840.113549.1.1.8"), algorithm(digest))
        said = b"" if salt == 20 else tlv(0xA2, integer(salt))  # DER leaves the default out
        parameters = seq(tlv(0xA0, algorithm(digest)), tlv(0xA1, mask), said)
        filling = padding.PSS(padding.MGF1(made), salt)
        return seq(oid("1.2.840.113549.1.1.10"), parameters), private.sign(data, filling, made)
    named = "1.2.840.113549.1.1." + (arc if scheme == "with-hash" else "1")
    return seq(oid(named), NULL), private.sign(data, padding.PKCS1v15(), made)
