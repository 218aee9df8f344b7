"""What `redact` says when it is done: of a plan, and of a copy."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from bearwitness.redact import plan_text
from bearwitness.redact.outcome import Done
from bearwitness.redact.plan import Plan
from bearwitness.redact.residual import CHECKLIST, summary

from .output import plural
from .redacting import how_to_approve


def copy_data(done: Done) -> dict[str, Any]:
    """Return what machines are told of a copy."""
    return {
        "out": None if done.out is None else str(done.out),
        "sha256": done.sha256,
        "plan_sha256": plan_text.digest(done.plan),
        **plan_data(done.plan),
        "copied_packets": [list(pair) for pair in done.rendered.copied] if done.rendered else [],
        "packets": len(done.rendered.track.packets) if done.rendered else 0,
        "encoded_whole_because": done.rendered.why_not_copied if done.rendered else "",
        "sound": list(done.sounds.notes),
        "checked": done.report.looked_at,
        "warnings": done.report.warnings,
        "checklist": list(CHECKLIST),
    }


def copy_words(done: Done) -> str:
    """Return what people are told of a copy."""
    rendered = done.rendered
    reason = f": {rendered.why_not_copied}" if rendered and rendered.why_not_copied else ""
    copied = (
        f"{rendered.share_copied:.0%} of the pictures are the original's, bit for bit"
        if rendered and rendered.copied
        else f"all pictures were encoded anew{reason}"
    )
    return "\n".join(
        [
            f"wrote {done.out}" if done.out else how_to_approve(plan_text.digest(done.plan)),
            copied,
            *done.sounds.notes,
            summary(done.plan, done.report),
            "Before it is published, someone who knows the place should answer:",
            *(f"  - {question}" for question in CHECKLIST),
        ]
    )


def plan_data(plan: Plan) -> dict[str, Any]:
    """Return what machines are told of a plan; times in seconds."""
    return {
        "frames": len(plan.times),
        "tracks": [
            {
                "number": t.number, "kind": t.kind, "hide": t.hide, "by": t.by,
                "from": plan.seconds(t.first), "to": plan.seconds(t.last), "says": t.says,
            }
            for t in plan.tracks
        ],
        "doubts": [{"at": plan.seconds(d.time), "reason": d.reason} for d in plan.doubts],
        "muted": [[begin / 1000, end / 1000] for begin, end in plan.muted],
        "changed_voices": [[one.begin / 1000, one.end / 1000, one.how] for one in plan.changed],
    }  # fmt: skip


def plan_words(plan: Plan, saved: Path | None) -> str:
    """Return what people are told of a plan, `saved` there."""
    lines = [f"{plural(len(plan.times), 'frame')}, {plural(len(plan.tracks), 'track')}"]
    for t in plan.tracks:
        state = "hidden" if t.hide else "SHOWN"
        span = f"{plan.seconds(t.first):9.3f} – {plan.seconds(t.last):.3f} s"
        lines.append(
            f"  track {t.number:>3}  {t.kind:<7} {state:<6} {span}{f'  {t.says!r}' if t.says else ''}"
        )
    lines += [f"  look at {plan.seconds(d.time):9.3f} s: {d.reason}" for d in plan.doubts]
    return "\n".join([*lines, f"saved as {saved}" if saved else "not saved: give --save-plan"])
