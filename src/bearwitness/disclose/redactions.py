"""What a policy says must be gone is gone: judged by what detectors found in exactly these bytes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from bearwitness.errors import RefusedError

from .facts import Facts, Look, Scan
from .outgoing import Outgoing
from .policies import Policy
from .request import TEXT, Request, Shown


def require_redacted(policy: Policy, request: Request, facts: Facts) -> None:
    """Raise RefusedError unless all that `policy` wants redacted is found in no exhibit that is no text."""
    reasons = left(
        policy,
        [
            shown
            for shown in request.exhibits
            if shown.treatment != TEXT or shown.sha256 in (facts.sealed or {}).values()
        ],
        facts.looks,
        facts.scans,
        unseen=True,
    )
    if reasons:
        raise RefusedError(
            f"the profile {policy.name!r} asks that {', '.join(sorted(policy.redact))} be gone: "
            + "; ".join(reasons),
            "redact more, or write a profile of your own that says what may stay",
        )


def left(
    policy: Policy,
    exhibits: Sequence[Shown | Outgoing],
    looks: Sequence[Look],
    scans: Sequence[Scan],
    *,
    unseen: bool = False,
) -> list[str]:
    """Return what of the words of `policy` is still there; with `unseen`, what was not looked for too."""
    return [reason for one in exhibits for reason in _left(policy, one, looks, scans, unseen=unseen)]


def _left(
    policy: Policy, shown: Shown | Outgoing, looks: Sequence[Look], scans: Sequence[Scan], *, unseen: bool
) -> Iterator[str]:
    made = [look for look in looks if look.sha256 == shown.sha256]
    scanned = [scan for scan in scans if scan.sha256 == shown.sha256]
    name = f"exhibit {shown.sha256[:12]} of {shown.item}"
    for word in sorted(policy.redact):
        if word == "metadata":
            found = max((len(scan.findings) for scan in scanned), default=None)
        else:
            counts = [count for look in made if (count := _count(word, look)) is not None]
            found = max(counts, default=None)
        if found is None and unseen:
            yield f"{name}: nobody looked for {word}"
        elif found:
            how = " (bearwitness redact --bodies hides whole persons)" if word == "bodies" else ""
            yield f"{name}: {word} are still there{how}"


def _count(word: str, look: Look) -> int | None:
    counts = {"faces": look.faces, "bodies": look.persons, "voices": look.speech, "overlays": look.texts}
    return counts[word]
