"""A content credential says that a copy was edited, and nothing else; its own library finds it valid."""

from __future__ import annotations

import datetime
import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from studio import Studio
from workbench import run

c2pa = pytest.importorskip("c2pa", reason="the extra credentials is not installed")
NOW = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)


def _certificate(name: str, key: Any, issuer: str, by: Any, *, ca: bool) -> x509.Certificate:
    def called(text: str) -> x509.Name:
        organisation = x509.NameAttribute(NameOID.ORGANIZATION_NAME, "Group")
        return x509.Name([organisation, x509.NameAttribute(NameOID.COMMON_NAME, text)])

    usage = x509.KeyUsage(not ca, False, False, False, False, ca, ca, False, False)
    made = (
        x509.CertificateBuilder().subject_name(called(name)).issuer_name(called(issuer))
        .public_key(key.public_key()).serial_number(x509.random_serial_number())
        .not_valid_before(NOW).not_valid_after(NOW + datetime.timedelta(days=9000))
        .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
        .add_extension(usage, critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(by.public_key()), critical=False)
    )  # fmt: skip
    if not ca:
        made = made.add_extension(
            x509.ExtendedKeyUsage([ExtendedKeyUsageOID.EMAIL_PROTECTION]), critical=False
        )
    return made.sign(by, hashes.SHA256())


@pytest.fixture(scope="module")
def signing(tmp_path_factory: pytest.TempPathFactory) -> list[object]:
    """Return the options that name a key and its chain."""
    folder = tmp_path_factory.mktemp("c2pa")
    above, own = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
    chain = [
        _certificate("desk", own, "root", above, ca=False),
        _certificate("root", above, "root", above, ca=True),
    ]
    pem = b"".join(one.public_bytes(serialization.Encoding.PEM) for one in chain)
    (folder / "chain.pem").write_bytes(pem)
    for name, key in (("key.pem", own), ("other.pem", above)):
        kind, plain = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        (folder / name).write_bytes(key.private_bytes(serialization.Encoding.PEM, kind, plain))
    return ["--c2pa-key", folder / "key.pem", "--c2pa-chain", folder / "chain.pem"]


@pytest.fixture(scope="module")
def studio(tmp_path_factory: pytest.TempPathFactory) -> Studio:
    made = Studio(tmp_path_factory.mktemp("credentials"))
    made.do("release", made.folder / "out", "--redacted", made.clip)
    return made


def test_a_copy_carries_a_credential_that_validates_and_no_thumbnail(
    studio: Studio, signing: list[object], tmp_path: Path
) -> None:
    known = ["--vault-key", studio.fingerprint]
    run("export", studio.folder / "out", tmp_path / "c", "--as", "c2pa", *signing, *known).ok()
    (made,) = (tmp_path / "c").iterdir()
    reader = c2pa.Reader(str(made))
    told = json.loads(reader.json())
    assert reader.get_validation_state() == "Valid"
    (manifest,) = told["manifests"].values()
    labels = {one["label"] for one in manifest["assertions"]}
    assert labels == {"c2pa.actions.v2", "c2pa.hash.bmff.v3", "org.bearwitness.release"}
    (about,) = (one["data"] for one in manifest["assertions"] if one["label"].startswith("org."))
    assert about["sha256"] == studio.copy["sha256"]
    assert not manifest.get("ingredients")
    assert "thumbnail" not in reader.json()
    assert b"thumbnail" not in made.read_bytes()
    assert b"clip.mp4" not in made.read_bytes()
    if shutil.which("exiftool"):
        groups = [json.loads(_exiftool(path))[0] for path in (studio.folder / "out/exhibits/01.mp4", made)]
        more = groups[1].keys() - groups[0].keys()
        assert all(name.partition(":")[0] == "JUMBF" for name in more), more


def _exiftool(path: Path) -> bytes:
    return subprocess.run(["exiftool", "-j", "-G", path], capture_output=True, check=True).stdout


def test_one_byte_altered_is_noticed(studio: Studio, signing: list[object], tmp_path: Path) -> None:
    known = ["--vault-key", studio.fingerprint]
    run("export", studio.folder / "out", tmp_path / "c", "--as", "c2pa", *signing, *known).ok()
    (made,) = (tmp_path / "c").iterdir()
    data = bytearray(made.read_bytes())
    data[-1] ^= 1
    made.write_bytes(data)
    assert c2pa.Reader(str(made)).get_validation_state() == "Invalid"


def test_what_can_not_be_signed_for_is_refused(studio: Studio, signing: list[object], tmp_path: Path) -> None:
    known = ["--vault-key", studio.fingerprint]
    words = ["export", studio.folder / "out", tmp_path / "c", "--as", "c2pa"]
    assert "--vault-key" in run(*words, *signing).err
    assert "are signed" in run(*words, *known).err
    other = [signing[0], Path(str(signing[1])).with_name("other.pem"), *signing[2:]]
    assert "not that of the first certificate" in run(*words, *other, *known).err
    studio.do("release", tmp_path / "plain", "--item", studio.other)
    words[1] = tmp_path / "plain"
    assert "shows no redacted copy" in run(*words, *signing, *known).err
    assert not (tmp_path / "c").exists()
