"""What triage stored of items, read back: the details of one kind of result."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from sqlalchemy import select

from bearwitness.catalogue import schema
from bearwitness.catalogue.catalogue import Catalogue
from bearwitness.errors import MalformedError
from bearwitness.vault.delivery import OpenDelivery
from bearwitness.vault.derivatives import DONE
from bearwitness.vault.ledger import Ledger

from .analyser import RESULT_FILE, Analyser


def stored(
    ledger: Ledger, catalogue: Catalogue, analyser: type[Analyser]
) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield (item, details) of each result of this analyser in its version of today, frozen items left out.

    Of two results for an item (with other parameters) the later counts; of equal bytes one item stands for
    all. Raises MalformedError for a result that is not as it was written.
    """
    table = schema.results
    query = select(table.c.item, table.c.delivery, table.c.job, table.c["keys"]).where(
        table.c.kind == analyser.name, table.c.version == analyser.version, table.c.outcome == DONE
    )
    with catalogue.connect() as connection:
        found = connection.execute(query.order_by(table.c.item, table.c.entry, table.c.job)).all()
    rows = {row.item: row for row in found}.values()
    opened: dict[str, OpenDelivery] = {}
    for item, delivery, job, keys in rows:
        if catalogue.is_frozen(item):
            continue
        if delivery not in opened:
            opened[delivery] = ledger.open_delivery(delivery)
        data = ledger.open_derived(opened[delivery], keys).read(job, RESULT_FILE)
        try:
            details = json.loads(data)["details"]
        except (ValueError, KeyError, TypeError):
            details = None
        if not isinstance(details, dict):
            raise MalformedError(f"the stored result {analyser.name} of item {item} is malformed")
        yield str(item), details
