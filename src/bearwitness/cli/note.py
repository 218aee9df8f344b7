"""The note before the first triage of a delivery: its fields, what is asked for each, and the options."""

from __future__ import annotations

from typing import Final

NOTE: Final = {
    "purpose": "For what purpose is this delivery looked at?",
    "danger": "Whom may it endanger, and how?",
    "legal_basis": "On what legal basis?",
    "who_may_see": "Who may see what comes of it?",
}
NOTE_OPTIONS: Final = {
    "purpose": "purpose",
    "danger": "danger",
    "legal_basis": "legal-basis",
    "who_may_see": "who",
}
