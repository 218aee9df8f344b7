"""How much of a vault triage has looked at, so that "nothing found" is never taken for "nothing there"."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import func, select

from . import schema
from .catalogue import Catalogue


@dataclass(frozen=True)
class Coverage:
    """`items`: how many different files have bytes and are not frozen; `looked`: of how many there is a
    result.
    """

    items: int
    looked: int


def coverage(catalogue: Catalogue, kinds: Sequence[str] = ()) -> Coverage:
    """Return how many items any of `kinds` of analyser looked at (all kinds, if none is named).

    Equal bytes count once, for triage looks at them once.
    """
    items, results, frozen = schema.items.c, schema.results, schema.frozen
    with catalogue.connect() as connection:
        held = select(items.sha256).where(
            items.bytes > 0, items.sha256.is_not(None), items.item.not_in(select(frozen.c.item))
        )
        count = connection.execute(select(func.count()).select_from(held.distinct().subquery())).scalar_one()
        query = select(func.count(items.sha256.distinct())).join_from(
            results, schema.items, results.c.item == items.item
        )
        if kinds:
            query = query.where(results.c.kind.in_(kinds))
        return Coverage(int(count), int(connection.execute(query).scalar_one()))
