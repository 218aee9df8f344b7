"""Which jobs there are: every item with bytes, once for all its copies, under every analyser asked for."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field

from sqlalchemy import select

from bearwitness.catalogue import schema
from bearwitness.catalogue.catalogue import Catalogue, ItemRow
from bearwitness.catalogue.search import done_jobs
from bearwitness.errors import RefusedError
from bearwitness.jobs.model import Job, job_id
from bearwitness.vault.derivatives import FAILED
from bearwitness.vault.ledger import Ledger
from bearwitness.vault.permissions import authorised
from bearwitness_verify.canonical import Json

from .analyser import LONG, THOROUGH, VIDEO, Analyser
from .work import STEP, Place


@dataclass
class Plan:
    """What is to be done. `analysers` are by job."""

    jobs: list[Job] = field(default_factory=list)
    places: dict[str, Place] = field(default_factory=dict)
    analysers: dict[str, Analyser] = field(default_factory=dict)
    already: int = 0
    bytes: int = 0
    frozen: int = 0


def plan(
    ledger: Ledger,
    catalogue: Catalogue,
    analysers: Sequence[Analyser],
    deliveries: Collection[str],
    *,
    again: bool,
) -> Plan:
    """Return the jobs on items of `deliveries` not in the log yet; with `again` also those that failed.

    What is short is looked at whole in any case, so a thorough look at it is no job (but for analysers that
    look closer then), and what was looked at thoroughly is not glanced at afterwards.
    """
    _refuse_unauthorised(ledger, analysers, deliveries)
    done, made, seen = done_jobs(catalogue), Plan(), set()
    known = _looked_at(catalogue, deliveries)
    lengths = _lengths(catalogue)
    for row in catalogue.items():
        if row.delivery not in deliveries or not _has_bytes(row):
            continue
        if row.item in ledger.frozen.items:
            made.frozen += 1
            continue
        if row.sha256 in seen or known.get(row.sha256 or b"", row.item) != row.item:
            continue  # its copy stands for it
        seen.add(row.sha256)
        wanted = [each for each in analysers if gives_more(each, lengths.get(row.item))]
        _plan_item(made, row, wanted, done, again=again)
    return made


def _looked_at(catalogue: Catalogue, deliveries: Collection[str]) -> dict[bytes, str]:
    """Return, by hash, the items that were looked at before: of equal bytes these go on to stand for all."""
    results, items = schema.results.c, schema.items
    query = (
        select(items.c.sha256, items.c.item, items.c.delivery)
        .where(items.c.sha256.is_not(None), items.c.item.in_(select(results.item)))
        .order_by(items.c.item)
    )
    with catalogue.connect() as connection:
        rows = connection.execute(query).all()
    return {bytes(row.sha256): str(row.item) for row in rows if row.delivery in deliveries}


def _lengths(catalogue: Catalogue) -> dict[str, float]:
    """Return how long items are as far as is known, in seconds; 0 for what is no video."""
    table = schema.facts.c
    with catalogue.connect() as connection:
        rows = connection.execute(
            select(table.item, table.name, table.value, table.exact).where(
                table.name.in_(("duration", "media"))
            )
        ).all()
    lengths = {str(row.item): float(row.value) for row in rows if row.name == "duration"}
    return lengths | {str(row.item): 0.0 for row in rows if row.name == "media" and row.exact != VIDEO}


def gives_more(analyser: Analyser, length: float | None) -> bool:
    """Say whether a thorough look at footage of this length tells more than the usual one."""
    if not analyser.thorough or length is None or length > LONG:
        return True
    return analyser.closer and length > 0


def _has_bytes(row: ItemRow) -> bool:
    return row.fate.get("type") == "file" and not row.same_as and bool(row.bytes) and row.sha256 is not None


def _plan_item(
    made: Plan, row: ItemRow, analysers: Sequence[Analyser], done: dict[str, str], *, again: bool
) -> None:
    for analyser in analysers:
        model: Json = None if analyser.model is None else {**analyser.model.to_json()}
        name = job_id(row.item, analyser.name, analyser.version, model, dict(analyser.parameters))
        outcome = done.get(name)
        if outcome is None and not analyser.thorough:
            deeper = dict(analyser.parameters) | dict(THOROUGH)
            outcome = done.get(job_id(row.item, analyser.name, analyser.version, model, deeper))
        if outcome is not None and not (again and outcome == FAILED):
            made.already += 1
            continue
        if row.item not in made.places:
            made.places[row.item] = Place(row.delivery, row.part, row.leaf, row.path)
            made.bytes += row.bytes or 0
        made.analysers[name] = analyser
        made.jobs.append(Job(name, row.item, STEP, len(made.places), row.bytes or 0))


def _refuse_unauthorised(ledger: Ledger, analysers: Sequence[Analyser], deliveries: Collection[str]) -> None:
    grouping = [analyser.name for analyser in analysers if analyser.needs_authorisation]
    missing = sorted(set(deliveries) - authorised(ledger)) if grouping else []
    if missing:
        raise RefusedError(
            f"{grouping[0]} is off: for delivery {missing[0]} no two people have authorised it",
            "it yields leads, never an identity; two keepers allow it for a case: bearwitness authorise",
        )
