"""What ``find`` asks: items by words, kind, sensitivity, faces, clock. Of what is frozen nothing is found.

Each condition narrows; an item is found where all hold. Results of one item stand for all items with the same
bytes, for triage looks at equal bytes once: :attr:`Hit.copies` names the others.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from sqlalchemy import Connection, Select, and_, func, or_, select
from sqlalchemy import text as sql

from bearwitness.errors import UsageError

from . import schema
from .catalogue import Catalogue, ItemRow
from .stems import Asked, asked, query, stem, stems, words

MEDIA: Final = ("video", "sound", "image", "document", "other")  # values of the fact `media`
SNIPPET_LENGTH: Final = 160
_NANOSECONDS: Final = 1e9
_MATCHES_MAX: Final = 20_000


@dataclass(frozen=True)
class Wish:
    """What is looked for; None and empty: does not matter.

    `clock` is a range of nanoseconds since 1970, as burned-in clocks show it; either end may be None.
    """

    words: str = ""
    kind: str = ""
    sensitivity: float | None = None
    faces: int | None = None
    clock: tuple[int | None, int | None] | None = None
    facts: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Passage:
    """Where words were found: in which `field` of which result, at what time, and the text around."""

    field: str
    text: str
    start: float | None
    end: float | None


@dataclass
class Hit:
    """An item that was found."""

    row: ItemRow
    passages: list[Passage] = field(default_factory=list)
    facts: dict[str, str] = field(default_factory=dict)
    copies: list[str] = field(default_factory=list)


def find(catalogue: Catalogue, wish: Wish, among: Collection[str] | None = None) -> list[Hit]:
    """Return what fits `wish`, by path, of the items `among` (None: all); raise UsageError if nothing is
    asked.
    """
    conditions = _fact_conditions(wish)
    if not conditions and not wish.facts and not wish.words.strip() and among is None:
        raise UsageError(
            "say what to look for", "words, --kind, --faces, --sensitivity, --clock, --similar or --fact"
        )
    passages: dict[str, list[Passage]] = {}
    with catalogue.connect() as connection:
        found: set[str] | None = None if among is None else set(among)
        if wish.words.strip():
            passages = _by_words(connection, wish.words)
            for item in _by_name(catalogue, wish.words):
                passages.setdefault(item, [])
            found = set(passages) if found is None else found & set(passages)
        sets = [set(connection.execute(condition).scalars()) for condition in conditions]
        sets += [_having(connection, name, value) for name, value in wish.facts.items()]
        for items in sets:
            found = items if found is None else found & items
        facts = _facts_of(connection, found or ())
    hits: dict[str, Hit] = {}
    for item in found or ():
        row = catalogue.get(item)
        if row is not None and not catalogue.is_frozen(item):
            hits[item] = Hit(row, passages.get(item, []), facts.get(item, {}), _copies(catalogue, row))
    return sorted(hits.values(), key=lambda hit: (hit.row.path, hit.row.item))


def _copies(catalogue: Catalogue, row: ItemRow) -> list[str]:
    same = catalogue.links_to(row.item)
    if row.sha256 is not None and row.bytes:
        same += [other for other in catalogue.with_bytes(row.sha256) if other.item != row.item]
    return sorted({other.item for other in same if not catalogue.is_frozen(other.item)})


def _fact_conditions(wish: Wish) -> list[Select[Any]]:
    facts = schema.facts.c
    conditions = []
    if wish.kind:
        conditions.append(select(facts.item).where(facts.name == "media", facts.exact == wish.kind))
    if wish.sensitivity is not None:
        conditions.append(
            select(facts.item).where(facts.name == "sensitivity", facts.value >= wish.sensitivity)
        )
    if wish.faces is not None:
        conditions.append(select(facts.item).where(facts.name == "faces", facts.value >= wish.faces))
    if wish.clock is not None:
        first, last = wish.clock
        known = [facts.name == "clock"]
        until = facts.value + _NANOSECONDS * func.coalesce(facts.end - facts.start, 0.0)
        known += [] if first is None else [until >= float(first)]
        known += [] if last is None else [facts.value <= float(last)]
        conditions.append(select(facts.item).where(and_(*known)))
    return conditions


def _having(connection: Connection, name: str, value: str) -> set[str]:
    """Return the items of which a fact is this, in whatever letters (SQLite folds ASCII alone)."""
    facts = schema.facts.c
    rows = connection.execute(select(facts.item, facts.exact).where(facts.name == name))
    return {row.item for row in rows if row.exact.casefold() == value.casefold()}


def _by_words(connection: Connection, typed: str) -> dict[str, list[Passage]]:
    """Return the items in whose texts all the words stand, with the best passages of them."""
    wanted = query(typed)
    if not wanted:
        return {}
    texts = schema.texts.c
    rows = connection.execute(
        sql("SELECT item, job, number FROM words WHERE words MATCH :wanted ORDER BY rank LIMIT :most"),
        {"wanted": wanted, "most": _MATCHES_MAX},
    ).all()
    found: dict[str, list[Passage]] = {}
    looked = set(stems(typed))
    for row in rows:
        one = connection.execute(
            select(texts.field, texts.text, texts.start, texts.end).where(
                texts.job == row.job, texts.number == int(row.number)
            )
        ).first()
        if one is not None:
            passage = Passage(one.field, snippet(one.text, looked), one.start, one.end)
            found.setdefault(row.item, []).append(passage)
    if len(rows) == _MATCHES_MAX:  # passages of so many are shown, and items are found all the same
        every = sql("SELECT DISTINCT item FROM words WHERE words MATCH :wanted")
        for item in connection.execute(every, {"wanted": wanted}).scalars():
            found.setdefault(str(item), [])
    return found


def snippet(text: str, looked: set[str]) -> str:
    """Return the words around the first that has one of the stems `looked`, as one line."""
    words = text.split()
    at = next((n for n, word in enumerate(words) if looked & set(stems(word))), 0)
    first, length = at, 0
    while first > 0 and length < SNIPPET_LENGTH // 2:
        first -= 1
        length += len(words[first]) + 1
    line = " ".join(words[first : first + SNIPPET_LENGTH])
    cut = line[:SNIPPET_LENGTH].rstrip()
    return ("… " if first else "") + cut + (" …" if len(cut) < len(line) else "")


def _by_name(catalogue: Catalogue, typed: str) -> Iterable[str]:
    """Yield the items whose names have all the words; a name's parts are words, too."""
    wanted = asked(typed)
    if not wanted:
        return
    for row in catalogue.items():
        if _fits(wanted, words(row.path.decode("utf-8", "replace"))):
            yield row.item


def _fits(wanted: Iterable[Asked], there: Sequence[str]) -> bool:
    """Say whether all that is wanted is among words, in whatever order."""
    known = set(map(stem, there))
    return all(
        known.issuperset(each.stems[:-1])
        and (
            each.stems[-1] in known
            or bool(each.beginning and any(word.startswith(each.beginning) for word in there))
        )
        for each in wanted
    )


def _facts_of(connection: Connection, items: Iterable[str]) -> dict[str, dict[str, str]]:
    """Return the facts of `items` that are of the whole item, by name."""
    facts = schema.facts.c
    found: dict[str, dict[str, str]] = {}
    for item in items:
        rows = connection.execute(
            select(facts.name, facts.exact)
            .where(facts.item == item, or_(facts.start.is_(None), facts.end.is_(None)))
            .order_by(facts.name)
        )
        found[item] = {row.name: row.exact for row in rows}
    return found


@dataclass(frozen=True)
class Having:
    """An item with a numeric fact and when it holds, in seconds."""

    row: ItemRow
    value: float
    start: float | None
    end: float | None


def with_fact(catalogue: Catalogue, name: str) -> list[Having]:
    """Return the items with a numeric fact of this name, the highest value of each; frozen ones left out."""
    facts, found = schema.facts.c, dict[str, Having]()
    query = select(facts.item, facts.value, facts.start, facts.end).where(facts.name == name)
    with catalogue.connect() as connection:
        rows = connection.execute(query.order_by(facts.value)).all()
    for each in rows:
        row = catalogue.get(each.item)
        if row is not None and each.value is not None and not catalogue.is_frozen(each.item):
            found[each.item] = Having(row, each.value, each.start, each.end)
    return list(found.values())


def results_of(catalogue: Catalogue, item: str) -> list[dict[str, Any]]:
    """Return what triage did with an item: kind, tool, version, outcome, reason, when."""
    table = schema.results
    with catalogue.connect() as connection:
        rows = connection.execute(
            select(table).where(table.c.item == item).order_by(table.c.kind, table.c.job)
        )
        return [dict(row._mapping) for row in rows]


def most(catalogue: Catalogue, item: str, name: str) -> float | None:
    """Return the largest value of the fact `name` of an item, None if triage knows of none."""
    facts = schema.facts.c
    with catalogue.connect() as connection:
        query = select(func.max(facts.value)).where(facts.item == item, facts.name == name)
        value = connection.execute(query).scalar_one()
        return None if value is None else float(value)


def footage_seconds(catalogue: Catalogue) -> float:
    """Return how long all footage and sound is that triage has looked at, copies counted once."""
    facts, items = schema.facts, schema.items
    one = (
        select(func.max(facts.c.value).label("seconds"))
        .join_from(facts, items, facts.c.item == items.c.item)
        .where(facts.c.name == "duration")
        .group_by(items.c.sha256)
        .subquery()
    )
    with catalogue.connect() as connection:
        query = select(func.coalesce(func.sum(one.c.seconds), 0.0))
        return float(connection.execute(query).scalar_one())


def done_jobs(catalogue: Catalogue) -> dict[str, str]:
    """Return the outcome of every job that is in the log."""
    table = schema.results
    with catalogue.connect() as connection:
        return {row.job: row.outcome for row in connection.execute(select(table.c.job, table.c.outcome))}
