"""What a check found: problems, and things worth telling that are none."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass
class Findings:
    """Collected findings; `checked` counts what was looked at, by kind."""

    problems: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    checked: dict[str, int] = field(default_factory=dict)

    def problem(self, text: str) -> None:
        """Add something that must not be."""
        self.problems.append(text)

    def note(self, text: str) -> None:
        """Add something that people should know."""
        self.notes.append(text)

    def count(self, kind: str, number: int = 1) -> None:
        """Count what was checked."""
        self.checked[kind] = self.checked.get(kind, 0) + number

    def merge(self, other: Findings) -> None:
        """Take over the findings of another check."""
        self.problems += other.problems
        self.notes += other.notes
        for kind, number in other.checked.items():
            self.count(kind, number)
