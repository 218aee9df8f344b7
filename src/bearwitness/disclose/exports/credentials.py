"""Redacted copies of a release with a content credential (C2PA), signed with a key of the group's own.

A credential is written into a file, which then is another file: the release itself stays as it was
approved. It says that the copy was edited on purpose, and names release, exhibit and the SHA-256 before
signing; nothing else. There is never a thumbnail: by default the library would make one, of the parent even.
It is told to fetch nothing. What it parses is what this group's own vault entered: a release that was checked
against no key of the vault's is refused.
"""

from __future__ import annotations

import io
import json
from pathlib import Path, PurePosixPath
from typing import Any, Final

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key

from bearwitness import __version__
from bearwitness.errors import RefusedError, UsageError
from bearwitness_verify import archive
from bearwitness_verify.report import Verdict

from .shown import ALTERED, Exhibit, Shown
from .writing import write

_KINDS: Final = {".mp4": "video/mp4", ".mov": "video/quicktime", ".jpg": "image/jpeg", ".png": "image/png"}
_EDITED: Final = "http://cv.iptc.org/newscodes/digitalsourcetype/humanEdits"
LABEL: Final = "org.bearwitness.release"
_SETTINGS: Final = {
    "builder": {"thumbnail": {"enabled": False}},
    "verify": {"ocsp_fetch": False, "remote_manifest_fetch": False},
}
_BYTES_MAX: Final = 1 << 32


def sign_copies(package: Path, shown: Shown, folder: Path, key: Path, chain: Path) -> None:
    """Write every redacted copy of a release into the new `folder`, each with a credential.

    `key` is a private key as PEM, `chain` its certificate and those above it. Raises RefusedError where there
    is no copy, where one is of a kind that carries no credential here, and where what was signed does not
    validate; UsageError for a key that does not fit the certificate.
    """
    if shown.verdict is not Verdict.VERIFIED:
        raise RefusedError(
            "credentials are signed only on what this group's own vault released", "give --vault-key"
        )
    copies = [one for one in shown.exhibits if one.kind == ALTERED and one.file is not None]
    if not copies:
        raise RefusedError("the release shows no redacted copy, so there is nothing to sign")
    for one in copies:
        if one.file is not None and PurePosixPath(one.file.name).suffix not in _KINDS:
            raise RefusedError(
                f"{one.file.name} is of a kind into which no credential is written",
                "make the copy as mp4, mov, jpg or png",
            )
    signer = _signer(key, chain)
    folder.mkdir()
    with archive.open_package(package) as files:
        for one in copies:
            if one.file is not None:
                data = archive.read_file(files, one.file.name, _BYTES_MAX)
                name = PurePosixPath(one.file.name).name
                write(folder / name, signed(data, one, shown, signer))


def signed(data: bytes, one: Exhibit, shown: Shown, signer: Any) -> bytes:
    """Return the file `data` with a credential, found valid by the library's own reader."""
    c2pa = _library()
    if one.file is None:
        raise ValueError("nothing but a file can be signed")
    kind = _KINDS[PurePosixPath(one.file.name).suffix]
    context = c2pa.Context(settings=c2pa.Settings.from_json(json.dumps(_SETTINGS)))
    made, target = c2pa.Builder(_manifest(one, shown), context), io.BytesIO()
    made.sign(signer, kind, io.BytesIO(data), target)
    target.seek(0)
    reader = c2pa.Reader(kind, target, context=context)
    state, told = reader.get_validation_state(), reader.json()
    if state not in ("Valid", "Trusted") or "thumbnail" in told:
        raise RefusedError(
            f"the credential of {one.file.name} does not validate ({state}); nothing is written"
        )
    return target.getvalue()


def _manifest(one: Exhibit, shown: Shown) -> dict[str, Any]:
    actions = [
        {"action": "c2pa.created", "digitalSourceType": _EDITED},
        {
            "action": "c2pa.edited",
            "parameters": {
                "description": "Altered on purpose, to protect people: see the release that is named."
            },
        },
    ]
    about = {"exhibit": one.number, "release": shown.digest, "sha256": one.file.sha256 if one.file else ""}
    return {
        "claim_generator_info": [{"name": "bearwitness", "version": __version__}],
        "assertions": [
            {"label": "c2pa.actions.v2", "data": {"actions": actions}},
            {"label": LABEL, "data": about},
        ],
    }


def _signer(key: Path, chain: Path) -> Any:
    c2pa = _library()
    try:
        secret, certificates = key.read_bytes(), chain.read_bytes()
        private = load_pem_private_key(secret, None)
        leaf = x509.load_pem_x509_certificates(certificates)[0]
    except OSError as error:
        raise UsageError(f"{error.filename} can not be read: {error.strerror}") from None
    except (ValueError, TypeError, IndexError):
        raise UsageError(
            "the key is no PEM file without a passphrase, or the chain holds no certificate"
        ) from None
    public = private.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    if leaf.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo) != public:
        raise UsageError("the key is not that of the first certificate of the chain")
    info = c2pa.C2paSignerInfo(
        _algorithm(private), certificates, secret, None
    )  # None: no time stamp is fetched
    try:
        return c2pa.Signer.from_info(info)
    except c2pa.C2paError as error:
        raise UsageError(f"with this certificate no credential can be signed: {error}") from None


def _algorithm(private: object) -> bytes:
    if isinstance(private, ed25519.Ed25519PrivateKey):
        return b"ed25519"
    if isinstance(private, ec.EllipticCurvePrivateKey) and private.curve.name in ("secp256r1", "secp384r1"):
        return b"es256" if private.curve.name == "secp256r1" else b"es384"
    if isinstance(private, rsa.RSAPrivateKey):
        return b"ps256"
    raise UsageError("a key of this kind signs no credential", "Ed25519, P-256, P-384 or RSA")


def _library() -> Any:
    try:
        import c2pa
    except ModuleNotFoundError:
        raise UsageError(
            "a credential needs the package c2pa-python, which is not installed",
            "install it with: pip install 'bearwitness[credentials]'",
        ) from None
    return c2pa
