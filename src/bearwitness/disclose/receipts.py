"""Recipients' receipts: who got a release signs that they have it and what their own verifier said of it."""

from __future__ import annotations

from hashlib import sha256
from pathlib import Path

from bearwitness.custody.signing import SigningKey
from bearwitness.errors import RefusedError
from bearwitness.vault import signing_acts
from bearwitness_verify import archive, release
from bearwitness_verify.anchors import Anchors
from bearwitness_verify.report import Verdict
from bearwitness_verify.verify import verify

_WORDS = {Verdict.VERIFIED: "verified", Verdict.CONSISTENT_ONLY: "consistent only"}


def sign(package: Path, key: SigningKey, anchors: Anchors) -> str:
    """Verify the release at `package` and return the recipient's signed receipt; raise RefusedError."""
    report = verify(package, anchors)
    if report.verdict not in _WORDS:
        reasons = "; ".join(finding.text for finding in report.findings if finding.status == "fail")
        raise RefusedError(f"this release does not hold, and no receipt is signed for it: {reasons}")
    with archive.open_package(package) as opened:
        statement = archive.read_file(opened, release.STATEMENT_NAME, release.STATEMENT_BYTES_MAX)
    vault = release.parse(statement).vault
    digest = sha256(statement).hexdigest()
    return signing_acts.statement(key, "receipt", vault, digest, _WORDS[report.verdict])
