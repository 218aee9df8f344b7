"""What a redaction does not do, in words, for the person who decides to publish."""

from __future__ import annotations

from typing import Final

from .attack.bodies import CHECK as BODIES
from .attack.bodies import hides_bodies
from .attack.hits import Report
from .attack.speech import LISTENS
from .changing import LABELS
from .plan import CHANGES, Plan

CHECKLIST: Final = (
    "Do tattoos, scars, clothes, gait or hands identify someone to people who know them?",
    "Do rooms, windows, furniture, signs or sounds tell the place, and so who could have filmed?",
    "Do people who were chosen to be shown identify those who are hidden?",
    "Does anyone say a name, or is a name written somewhere?",
    "Would someone who was there know who held the camera?",
)

_MUTED: Final = (
    "Sound is silent wherever speech was heard, and none was heard in the rest of it. Speech that is "
    "drowned, shouted, sung or whispered is missed at times: listen to what is left."
)
_UNSEEN: Final = "what moves, or stands for less than two seconds,"
_UNREAD: Final = "what is upright, written by hand, very small or a single character"
_CHOSEN: Final = "Sound was muted in the chosen ranges only; voices elsewhere identify people."


def checklist(plan: Plan, report: Report) -> str:
    """Return the page that a person who knows the place fills in before a copy is published."""
    lines = ["What was checked, and what was not:", "", summary(plan, report), ""]
    shown = [track for track in plan.tracks if not track.hide]
    if shown:
        lines += ["Shown by choice:", *(f"  track {t.number} {t.kind} {t.says}".rstrip() for t in shown), ""]
    if plan.doubts:
        lines += ["Frames that nobody was sure of:"]
        lines += [f"  {plan.seconds(doubt.time):.3f} s: {doubt.reason}" for doubt in plan.doubts] + [""]
    lines += ["To be answered by someone who knows the place, before it is published:", ""]
    for number, question in enumerate(CHECKLIST, 1):
        lines += [f"{number}. {question}", "   [ ] no   [ ] yes, namely:", ""]
    return "\n".join([*lines, "Name or pseudonym, date:", ""])


def summary(plan: Plan, report: Report) -> str:
    """Return what was checked, in figures, and what remains."""
    texts = [track for track in plan.tracks if track.kind == "overlay"]
    covered = sum(track.hide for track in texts)
    hidden = sum(track.hide for track in plan.tracks) - covered
    shown = len(plan.tracks) - len(texts) - hidden
    pages = any("every page" in detector.scales for detector in plan.detectors)
    listened = any(detector.name == LISTENS for detector in plan.detectors)
    voices = {
        "keep": "Voices were left as they are: they identify people as well as faces do.",
        "mute": "The sound was left out.",
        "ranges": _MUTED if listened else _CHOSEN,
    }[plan.voices]
    unit = "page" if pages else "frame"
    seen = f"{len(plan.times)} {unit}{'' if len(plan.times) == 1 else 's'}"
    lines = [
        f"faces checked: {seen}, {hidden} track(s) hidden, {shown} shown by choice, "
        f"{report.looked_at.get('faces', 0)} looks at the finished {unit}s, no hit",
        *_of_bodies(plan, report),
        f"burned-in texts: {covered} covered, {len(texts) - covered} shown by choice, "
        f"{report.looked_at.get('overlays', 0)} looks; {_UNREAD if pages else _UNSEEN} is not found",
        "Detectors miss faces, most of all dark, blurred, turned and very small ones: look at the doubtful "
        f"{unit}s of the contact sheet. docs/measurements-redact.md says how often.",
        *([] if pages else [voices]),
        *(f"{how}: {LABELS[how]}." for how in CHANGES if any(one.how == how for one in plan.changed)),
        *report.warnings,
    ]
    return "\n".join(lines)


def _of_bodies(plan: Plan, report: Report) -> list[str]:
    if not hides_bodies(plan):
        return []
    return [
        f"persons checked: {report.looked_at.get(BODIES, 0)} looks, no hit; a hand or a leg alone is no "
        "person to a detector"
    ]
