"""Every finding of a verification, then one verdict."""

from __future__ import annotations

import enum
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final

from .canonical import Json


class Verdict(enum.IntEnum):
    """The verdict; its value is the exit code."""

    VERIFIED = 0
    FAILED = 1
    CONSISTENT_ONLY = 4


VERDICT_TEXT: Final = {
    Verdict.VERIFIED: "VERIFIED: what is shown was sealed in this vault, checked against what you gave",
    Verdict.FAILED: "REFUSED: this release does not hold, see the lines marked with an x",
    Verdict.CONSISTENT_ONLY: (
        "CONSISTENT ONLY: the parts fit together, but anybody could have made a vault of their own. "
        "Get the vault's key or fingerprint, or a cosigner's key, from a place you trust, and give it."
    ),
}


ALTERED_TEXT: Final = (
    "PARTS WERE ALTERED, as the lines marked ALTERED say: those are not what was sealed and prove nothing"
)


@dataclass(frozen=True)
class Finding:
    """One thing that was checked (`ok`), that failed (`fail`) or that is only told (`note`)."""

    status: str
    step: int
    text: str

    def line(self) -> str:
        """Return the line that people read."""
        mark = {"ok": "ok  ", "fail": " x  ", "note": " -  "}[self.status]
        return f"{mark} {self.step:2}  {self.text}"


@dataclass
class Report:
    """What a verification found; steps are those numbered in verify.py."""

    findings: list[Finding] = field(default_factory=list)
    anchored: bool = False
    altered: bool = False

    def ok(self, step: int, text: str) -> None:
        """Note that a check held."""
        self.findings.append(Finding("ok", step, text))

    def fail(self, step: int, text: str) -> None:
        """Note that a check failed; the verdict can only be FAILED after this."""
        self.findings.append(Finding("fail", step, text))

    def note(self, step: int, text: str) -> None:
        """Tell something that is neither."""
        self.findings.append(Finding("note", step, text))

    @property
    def failed(self) -> bool:
        """Whether any check failed."""
        return any(finding.status == "fail" for finding in self.findings)

    @property
    def verdict_text(self) -> str:
        """The verdict for people, with a warning where something shown was altered."""
        text = VERDICT_TEXT[self.verdict]
        return f"{text}\n{ALTERED_TEXT}" if self.altered else text

    @property
    def verdict(self) -> Verdict:
        """The one verdict."""
        if self.failed or not self.findings:
            return Verdict.FAILED
        return Verdict.VERIFIED if self.anchored else Verdict.CONSISTENT_ONLY


def printable(text: str, limit: int = 300) -> str:
    """Return foreign `text` so that it can not move the cursor, hide or reverse what is printed."""
    shown = "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)
    return shown if len(shown) <= limit else shown[:limit] + "…"


def printable_path(path: bytes) -> str:
    """Return a file's path for people; bytes that are not UTF-8 are shown as backslash escapes."""
    return printable(path.decode("utf-8", "backslashreplace"))


def in_words(value: Json) -> str:
    """Return a JSON value for people, without braces and quotes."""
    if isinstance(value, dict):
        return ", ".join(f"{name} {in_words(member)}" for name, member in value.items())
    if isinstance(value, list):
        return "; ".join(in_words(member) for member in value)
    return "" if value is None else str(value)


def moment(nanoseconds: int) -> str:
    """Return a time since 1970 for people, in UTC, to the nanosecond if it has any."""
    seconds, rest = divmod(nanoseconds, 1_000_000_000)
    try:
        text = datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M:%S")
    except (ValueError, OverflowError, OSError):
        return f"{nanoseconds} ns since 1970"
    return f"{text}{f'.{rest:09}' if rest else ''} UTC"
