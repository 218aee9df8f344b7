"""Gathers from the vault what the report on sources looks at (:mod:`.source_risk`)."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import UTC, datetime

from bearwitness.catalogue.catalogue import Catalogue
from bearwitness.errors import MalformedError
from bearwitness.vault.ledger import Ledger
from bearwitness_verify import canonical
from bearwitness_verify.canonical import Json

from .request import CLEAR, Request
from .risk_model import Chosen, Earlier, Known, Question


def question(
    ledger: Ledger,
    catalogue: Catalogue,
    request: Request,
    now: datetime,
    *,
    said: Mapping[str, Sequence[str]],
    clusters: Sequence[Collection[str]] | None,
    access: Mapping[str, Collection[str]] | None,
) -> Question:
    """Return all that the report looks at; `said` are texts that are shown of items: paths, tags."""
    rows = {row.item: row for row in catalogue.items()}
    unknown = [item for item in request.items if item not in rows]
    if unknown:
        raise MalformedError(f"the request shows item {unknown[0]}, which this vault does not hold")
    everything = [Known(r.item, r.delivery, r.sha256.hex()) for r in rows.values() if r.sha256]
    exact = {shown.item for shown in request.exhibits if shown.treatment == CLEAR}
    chosen = [
        Chosen(
            item,
            rows[item].delivery,
            (rows[item].sha256 or b"").hex(),
            exact=item in exact,
            said=tuple(said.get(item, ())),
        )
        for item in request.items
    ]
    return Question(
        subject=request.subject(),
        minimum=request.minimum,
        chosen=chosen,
        everything=everything,
        earlier=list(_earlier(ledger)),
        now=now,
        sealed_on=_sealed_on(catalogue),
        clusters=clusters,
        access=access,
    )


def _earlier(ledger: Ledger) -> list[Earlier]:
    found = []
    for act in ledger.acts(derived=False):
        if act.body is not None and act.body.kind == "released":
            items = canonical.array(act.body.fields["items"], "the items of a release")
            found.append(Earlier(_utc(act.body.fields.get("time")), frozenset(map(canonical.text, items))))
    return found


def _sealed_on(catalogue: Catalogue) -> dict[str, datetime]:
    """Return when each delivery was sealed, by the clock of who sealed it, where it told."""
    told = {d["delivery"]: _utc(d["fields"].get("time")) for d in catalogue.deliveries()}
    return {delivery: _moment(text) for delivery, text in told.items() if text}


def _utc(time: Json) -> str:
    return str(time.get("utc", "")) if isinstance(time, dict) else ""


def _moment(text: str) -> datetime:
    try:
        return datetime.strptime(text, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)
    except ValueError:
        raise MalformedError(f"the log tells of a time that is none: {text!r}") from None
