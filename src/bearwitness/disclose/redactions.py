"""What a policy says must be gone is gone: judged by what detectors found in exactly these bytes."""

from __future__ import annotations

from collections.abc import Iterator

from bearwitness.errors import RefusedError

from .facts import Facts, Look
from .policies import Policy
from .request import TEXT, Request, Shown


def require_redacted(policy: Policy, request: Request, facts: Facts) -> None:
    """Raise RefusedError unless all that `policy` wants redacted is found in no exhibit that is no text."""
    reasons = [
        reason
        for shown in request.exhibits
        if shown.treatment != TEXT or shown.sha256 in (facts.sealed or {}).values()
        for reason in _left(policy, shown, facts)
    ]
    if reasons:
        raise RefusedError(
            f"the profile {policy.name!r} asks that {', '.join(sorted(policy.redact))} be gone: "
            + "; ".join(reasons),
            "redact more, or write a profile of your own that says what may stay",
        )


def _left(policy: Policy, shown: Shown, facts: Facts) -> Iterator[str]:
    """Yield what of the words of `policy` is still there, or was not looked for."""
    looks = [look for look in facts.looks if look.sha256 == shown.sha256]
    scans = [scan for scan in facts.scans if scan.sha256 == shown.sha256]
    name = f"exhibit {shown.sha256[:12]} of {shown.item}"
    for word in sorted(policy.redact):
        if word == "metadata":
            found = max((len(scan.findings) for scan in scans), default=None)
        else:
            counts = [count for look in looks if (count := _count(word, look)) is not None]
            found = max(counts, default=None)
        if found is None:
            yield f"{name}: nobody looked for {word}"
        elif found:
            yield f"{name}: {word} are still there"


def _count(word: str, look: Look) -> int | None:
    counts = {"faces": look.faces, "bodies": look.persons, "voices": look.speech, "overlays": look.texts}
    return counts[word]
