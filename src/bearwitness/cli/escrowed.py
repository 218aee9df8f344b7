"""Finds plan and copy of a redaction in the decrypted escrow of a release, for a court that does it again."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from bearwitness.errors import RefusedError
from bearwitness.media.source import Source as Bytes
from bearwitness.redact import plan_text
from bearwitness.redact.plan import Plan, Source
from bearwitness_verify import archive, release
from bearwitness_verify.anchors import Anchors
from bearwitness_verify.copies import Derivation, derivation
from bearwitness_verify.errors import VerifyError
from bearwitness_verify.evidence import entry_fields
from bearwitness_verify.report import Verdict
from bearwitness_verify.verify import verify

from .options import require_package


@dataclass(frozen=True)
class Escrowed:
    """A copy in an escrow, read range by range where it lies; its plan, and which build made it."""

    copy: Bytes
    plan: Plan
    plan_bytes: bytes
    build: str


@contextmanager
def escrowed(package: Path, source: Source, wanted: str | None) -> Iterator[Escrowed]:
    """Give the copy that was made of the file `source`, of several the one with the SHA-256 `wanted`.

    Raises RefusedError where the escrow does not hold, or holds no such copy with its plan, or several.
    """
    require_package(package)
    report = verify(package, Anchors())
    if report.verdict is Verdict.FAILED:
        why = "; ".join(one.text for one in report.findings if one.status == "fail")
        raise RefusedError(f"the escrow {package} does not hold: {why}", "decrypt it first: age -d -i KEY")
    try:
        with archive.open_package(package) as files:
            found = list(_copies(files, source, wanted))
            if len(found) != 1:
                raise RefusedError(
                    f"the escrow {package} holds {len(found)} such copies of this file with their plans",
                    "name one of several with --copy; escrows made before plans were put in hold none",
                )
            copy, plan, data, told = found[0]
            name = copy.file
            content = Bytes.of_ranges(partial(files.range_of, name), files.size(name), Path(name).name)
            yield Escrowed(content, plan, data, f"{told.tool} {told.version} ({told.build})")
    except VerifyError as error:
        raise RefusedError(f"the escrow {package} can not be read: {error}") from None


def _copies(
    files: archive.Package, source: Source, wanted: str | None
) -> Iterator[tuple[release.Copy, Plan, bytes, Derivation]]:
    """Yield the copies that were made of `source`, each with its plan and what the log says of it."""
    shown = release.parse(archive.read_file(files, release.STATEMENT_NAME, release.STATEMENT_BYTES_MAX))
    for delivery in shown.deliveries:
        for item in delivery.items:
            for copy in item.copies:
                if copy.plan is None:
                    continue
                data = archive.read_file(files, copy.plan, plan_text.PLAN_BYTES_MAX)
                plan, fields = plan_text.read(data), entry_fields(copy.entry, "derived")
                told = derivation(fields, str(fields["item"]))
                if plan.source == source and wanted in (None, told.copy):
                    yield copy, plan, data, told
