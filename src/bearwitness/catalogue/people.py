"""Projects who signs and what they signed: few rows, all written anew whenever the log has grown."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from sqlalchemy import Connection, Table, delete, insert

from bearwitness.vault import signed
from bearwitness.vault.consents import Consent
from bearwitness.vault.ledger import Ledger
from bearwitness.vault.people import Person

from . import schema


def project(connection: Connection, ledger: Ledger) -> None:
    """Write the rows of people, approvals, overrides, consents and receipts as the log tells them."""
    known = signed.read(ledger)
    _fill(connection, schema.people, map(_person, known.people))
    _fill(connection, schema.approvals, map(vars, known.approvals))
    _fill(connection, schema.overrides, map(vars, known.overrides))
    _fill(connection, schema.consents, map(_consent, known.consents.values()))
    _fill(connection, schema.receipts, map(vars, known.receipts))


def _fill(connection: Connection, table: Table, rows: Iterable[dict[str, Any]]) -> None:
    connection.execute(delete(table))
    values = list(rows)
    if values:
        connection.execute(insert(table), values)


def _person(person: Person) -> dict[str, Any]:
    return {
        "person": person.id,
        "name": person.name,
        "roles": " ".join(person.roles),
        "key": person.key.encode(),
        "human": person.human,
        "entry": person.entry,
        "active": person.active,
        "ground": person.ground,
    }


def _consent(consent: Consent) -> dict[str, Any]:
    expiry = None if consent.expiry is None else consent.expiry.isoformat()
    return {**vars(consent), "scope": " ".join(consent.scope), "expiry": expiry}
