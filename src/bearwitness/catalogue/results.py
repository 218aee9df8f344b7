"""Projects what triage entered in the log: results, facts, texts. Of what is frozen or destroyed nothing is
kept.

A job that was entered twice counts once: the first time, or the first time that did not fail.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any, Final

from sqlalchemy import Connection, delete, insert, select
from sqlalchemy import text as sql

from bearwitness.errors import TamperedError
from bearwitness.vault.delivery import OpenDelivery
from bearwitness.vault.derivatives import FAILED, OpenDerived, read_key_path
from bearwitness.vault.ledger import Act, Ledger
from bearwitness_verify import canonical
from bearwitness_verify.canonical import Json

from . import schema
from .stems import stems

RESULT_FILE: Final = "result.json"
_MEMBERS: Final = "digest job kind model outcome parameters time tool version"
_OPTIONAL: Final = "reason"
_INSERT: Final = "INSERT INTO words (stems, job, number, item) VALUES (:stems, :job, :number, :item)"
_TABLES: Final = (schema.results, schema.facts, schema.texts)


def sync_frozen(connection: Connection, ledger: Ledger) -> bool:
    """Note what is frozen now; say whether that is something else than before."""
    table = schema.frozen
    before = set(connection.execute(select(table.c.item)).scalars())
    if before == set(ledger.frozen.items):
        return False
    connection.execute(delete(table))
    rows = [{"item": item, "delivery": place} for item, place in sorted(ledger.frozen.deliveries.items())]
    if rows:
        connection.execute(insert(table), rows)
    return True


def forget_all(connection: Connection) -> None:
    """Drop everything that was projected of triage."""
    for table in _TABLES:
        connection.execute(delete(table))
    connection.execute(sql("DELETE FROM words"))


def forget_items(connection: Connection, items: Iterable[str]) -> None:
    """Drop what was projected of `items`."""
    for item in items:
        for table in _TABLES:
            connection.execute(delete(table).where(table.c.item == item))
        connection.execute(sql("DELETE FROM words WHERE item = :item"), {"item": item})


def project(connection: Connection, ledger: Ledger, start: int) -> None:
    """Project the entries `derived` of the vault's log from number `start`."""
    expected = ledger.vault.expected_files()
    effects = ledger.vault.log.effects()
    opened: dict[str, OpenDelivery] = {}
    for index in range(start, len(effects)):
        for path in effects[index]:
            place = read_key_path(path)
            if place is not None and effects[index][path] is None:
                _forget_keys(connection, path)
            if place is None or path not in expected or place[1] in ledger.frozen.items:
                continue
            if place[0] not in opened:
                opened[place[0]] = ledger.open_delivery(place[0])
            act = next(ledger.acts(size=index + 1, start=index))
            _project_act(connection, act, ledger.open_derived(opened[place[0]], path))


def _forget_keys(connection: Connection, path: str) -> None:
    """Drop what was projected of results whose key file is gone."""
    table = schema.results
    jobs = connection.execute(select(table.c.job).where(table.c["keys"] == path)).scalars().all()
    for job in jobs:
        for each in _TABLES:
            connection.execute(delete(each).where(each.c.job == job))
        connection.execute(sql("DELETE FROM words WHERE job = :job"), {"job": job})


def _project_act(connection: Connection, act: Act, derived: OpenDerived) -> None:
    if act.body is None or act.body.kind != "derived":
        raise TamperedError(f"entry {act.index} brings derivatives and does not say so")
    fields = act.body.fields
    for value in canonical.array(fields["results"], "the results of an entry"):
        told = canonical.members(value, "a result", _MEMBERS, _OPTIONAL)
        job, outcome = canonical.text(told["job"]), canonical.text(told["outcome"])
        table = schema.results
        known = connection.execute(select(table.c.outcome).where(table.c.job == job)).scalar()
        if known is not None and (known != FAILED or outcome == FAILED):
            continue
        if derived.digests.get(job) != told["digest"]:
            raise TamperedError(f"the derivatives at {derived.path} are not those their entry tells of")
        if known is not None:
            for stale in _TABLES:
                connection.execute(delete(stale).where(stale.c.job == job))
        connection.execute(insert(table).values(**_row(act, told, derived)))
        if RESULT_FILE in derived.jobs[job]:
            _project_file(connection, job, derived.item, derived.read(job, RESULT_FILE))


def _row(act: Act, told: dict[str, Json], derived: OpenDerived) -> dict[str, Any]:
    plain = {name: canonical.text(told[name]) for name in "job kind tool version outcome digest".split()}
    packed = {name: canonical.part_text(told[name]) for name in ("model", "parameters", "time")}
    delivery = (read_key_path(derived.path) or ("",))[0]
    return {
        **plain,
        **packed,
        "item": derived.item,
        "delivery": delivery,
        "reason": canonical.text(told.get("reason", "")),
        "entry": act.index,
        "keys": derived.path,
    }


def _project_file(connection: Connection, job: str, item: str, data: bytes) -> None:
    """Take facts and texts out of a result's own file, which triage wrote (analyser.Result.encode)."""
    told = json.loads(data)
    facts = [
        {
            "job": job,
            "number": number,
            "item": item,
            "name": fact["name"],
            "value": float(fact["value"]) if isinstance(fact["value"], (int, float)) else None,
            "exact": str(fact["value"]),
            "start": fact["start"],
            "end": fact["end"],
        }
        for number, fact in enumerate(told["facts"])
    ]
    if facts:
        connection.execute(insert(schema.facts), facts)
    for number, one in enumerate(told["texts"]):
        values = {"job": job, "number": number, "item": item, **one}
        connection.execute(insert(schema.texts).values(**values))
        words = {"stems": " ".join(stems(one["text"])), "job": job, "number": number, "item": item}
        connection.execute(sql(_INSERT), words)
