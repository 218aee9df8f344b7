"""A reader before the page: picks packages, pastes keys, and looks at what the page says."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bearwitness_verify import anchors
from bearwitness_verify.report import Report, Verdict
from bearwitness_verify.verify import verify
from browser import Tab

VERDICTS = {
    Verdict.VERIFIED: "verified",
    Verdict.CONSISTENT_ONLY: "consistent",
    Verdict.FAILED: "failed",
}
_OUTCOME = """(report && (() => {
  const steps = (status) => {
    const found = report.findings.filter((finding) => finding.status === status);
    return [...new Set(found.map((finding) => finding.step))].sort();
  };
  const lines = report.findings.map((found) => `${found.status} ${found.step} ${say(found.key, found.args)}`);
  return { failed: steps("fail"), held: steps("ok"), lines };
})())"""

# Asking again and again would take processor time from what is asked about.
_DONE = """new Promise((go) => {
  const look = () => { if (!['fresh', 'working'].includes(document.body.dataset.state)) go(); };
  new MutationObserver(look).observe(document.body, { attributes: true });
  look();
})"""


@dataclass(frozen=True)
class Outcome:
    """What the page came to: its state, the steps that failed and held, all lines."""

    state: str
    failed: tuple[int, ...] = ()
    held: tuple[int, ...] = ()
    lines: tuple[str, ...] = ()


class Reader:
    """Drives one tab that shows the page; of another browser, whatever has `front`, `do` and `give`."""

    def __init__(self, tab: Tab) -> None:
        self.tab = tab

    def check(self, package: Path, keys: str = "", checkpoints: Sequence[Path] = ()) -> Outcome:
        """Paste keys, pick a package (folder or archive), and return what the page says."""
        self.tab.front()
        self.tab.do(f"document.body.dataset.state = 'fresh'; find('anchors').value = {json.dumps(keys)}; 0")
        self.tab.do("find('checkpoints').value = ''")
        if checkpoints:
            self.tab.give("#checkpoints", checkpoints)
        self.tab.give("#folder" if package.is_dir() else "#zip", [package])
        self.tab.do(_DONE)
        found: Any = self.tab.do(_OUTCOME) or {}
        state = self.tab.do("document.body.dataset.state")
        return Outcome(state, *(tuple(found.get(name, ())) for name in ("failed", "held", "lines")))


def python_says(
    package: Path, keys: Sequence[str] = (), cosigners: Sequence[str] = (), checkpoints: Sequence[Path] = ()
) -> Report:
    """Return what the Python verifier finds."""
    return verify(package, anchors.load(keys, cosigners, [str(path) for path in checkpoints], []))
