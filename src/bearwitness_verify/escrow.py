"""The exact proofs of a release that shows less, kept by somebody else (docs/format.md, 11.7)."""

from __future__ import annotations

import hashlib
from pathlib import Path

from . import archive, release
from .anchors import Anchors
from .errors import VerifyError
from .report import Report, Verdict, printable
from .verify import verify


def check_escrow(package: Path, opened: Path, anchors: Anchors, report: Report) -> None:
    """Report whether `opened`, a decrypted escrow, is the one that the release `package` names, and holds.

    What was given anchors both, or the verdict is that of neither.
    """
    try:
        with archive.open_package(package) as files:
            data = archive.read_file(files, release.STATEMENT_NAME, release.STATEMENT_BYTES_MAX)
        wanted, found = release.parse(data).escrow, _sha256(opened)
    except (VerifyError, OSError) as error:
        report.fail(1, f"the escrow can not be compared: {printable(str(error))}")
        return
    if not wanted:
        report.fail(1, "the release names no escrow")
    elif found != wanted:
        report.fail(1, f"the escrow given has the SHA-256 {found}, the release names {wanted}")
    else:
        report.ok(1, f"the escrow is the one that the release names, SHA-256 {found}")
    inner = verify(opened, anchors)
    report.anchored = report.anchored and inner.anchored
    for finding in inner.findings:
        if finding.status == "fail":
            report.fail(finding.step, f"in the escrow: {finding.text}")
    if inner.verdict is not Verdict.FAILED:
        report.ok(1, f"the escrow is a release that holds: {inner.verdict.name.lower().replace('_', ' ')}")


def _sha256(path: Path) -> str:
    whole = hashlib.sha256()
    with path.open("rb") as file:
        while piece := file.read(1 << 20):
            whole.update(piece)
    return whole.hexdigest()
