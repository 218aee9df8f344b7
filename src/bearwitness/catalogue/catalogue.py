"""Builds the catalogue from the ledger and answers what the stages ask of it.

The database lies in ``local/``, encrypted with a key derived from the vault's identity (SQLCipher, raw key);
losing it loses nothing. :meth:`Catalogue.refresh` projects what is new or was changed by a destruction.
"""

from __future__ import annotations

import errno
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import sqlalchemy
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from sqlalchemy import Connection, Engine, delete, insert, select
from sqlcipher3 import dbapi2

from bearwitness.crypto import age
from bearwitness.custody import items as commitments
from bearwitness.errors import BearwitnessError, TamperedError, UsageError, VaultBusyError, storage_error
from bearwitness.vault.delivery import Record, Tombstone
from bearwitness.vault.ledger import VAULT, DeliveryRecord, Ledger
from bearwitness.vault.vault import digest_of
from bearwitness_verify import canonical
from bearwitness_verify.canonical import Json, unb64
from bearwitness_verify.leaves import item_id

from . import people, results, schema

_KEY_INFO: Final = b"bearwitness/1/catalogue"
_ROWS_AT_ONCE: Final = 2000
ITEM_PREFIX_MIN: Final = 6


@dataclass(frozen=True)
class ItemRow:
    """An item as the catalogue knows it."""

    item: str
    leaf: bytes
    delivery: str
    part: int
    path: bytes
    sha256: bytes | None
    bytes: int | None
    mtime: int | None
    fate: dict[str, Json]
    same_as: str | None


def refuse_other_name(row: ItemRow) -> None:
    """Raise UsageError for what is another name of an item (a hard link): only that one was looked at."""
    if row.same_as:
        raise UsageError(f"item {row.item} is another name of item {row.same_as}", f"name {row.same_as}")


class Catalogue:
    """The open database."""

    def __init__(self, engine: Engine, compartment: str = VAULT, path: Path | None = None) -> None:
        self._engine, self._compartment, self._path = engine, compartment, path

    @classmethod
    def open(cls, path: Path, identity: age.Identity, *, again: bool = True) -> Catalogue:
        """Open or make the database; one of another version or key, or damaged, is thrown away."""
        engine = _engine(path, identity)
        try:
            with engine.connect() as connection:
                schema.metadata.create_all(connection)
                connection.execute(sqlalchemy.text(schema.CREATE_WORDS))
                version = _meta(connection, "version")
                if version not in (None, schema.VERSION):
                    raise dbapi2.DatabaseError("another version")
                _set_meta(connection, "version", schema.VERSION)
                connection.commit()
        except (dbapi2.DatabaseError, sqlalchemy.exc.DatabaseError) as error:
            engine.dispose()
            failure = _failure(error, path)
            if not again or not isinstance(failure, TamperedError):
                raise failure from None
            discard(path)
            return cls.open(path, identity, again=False)
        return cls(engine, path=path)

    @classmethod
    def in_memory(cls, compartment: str) -> Catalogue:
        """Make one that is gone when it is closed: what source keepers see leaves no trace."""
        engine = sqlalchemy.create_engine("sqlite://", poolclass=sqlalchemy.StaticPool)
        schema.metadata.create_all(engine)
        with engine.begin() as connection:
            connection.execute(sqlalchemy.text(schema.CREATE_WORDS))
        return cls(engine, compartment)

    def close(self) -> None:
        """Close the database."""
        self._engine.dispose()

    @contextmanager
    def in_use(self) -> Iterator[None]:
        """Say in a sentence what fails in the database; a damaged one is thrown away, the log has it all."""
        try:
            yield
        except sqlalchemy.exc.DatabaseError as error:
            failure = _failure(error, self._path)
            if self._path is not None and isinstance(failure, TamperedError):
                self.close()
                discard(self._path)
            raise failure from None

    def refresh(self, ledger: Ledger, progress: Callable[[int], None] = lambda done: None) -> None:
        """Project what the ledger holds and the catalogue does not, or holds otherwise."""
        with self._engine.begin() as connection:
            head = f"{ledger.vault.log.size} {ledger.vault.log.checkpoint.root.hex()}"
            if _meta(connection, "head") == head:
                return
            results_from = self._begin_results(connection, ledger)
            known = {
                row.delivery: row.descriptor
                for row in connection.execute(
                    select(schema.deliveries.c.delivery, schema.deliveries.c.descriptor)
                )
            }
            for position, record in enumerate(ledger.deliveries(self._compartment)):
                digest = digest_of(ledger.descriptor(record.delivery).encode())
                if known.get(record.delivery) != digest:
                    _forget(connection, record.delivery)
                    _project(connection, ledger, record, position, digest, progress)
            if self._compartment == VAULT:
                results.forget_items(connection, _destroyed_with_results(connection))
                results.project(connection, ledger, results_from)
                _set_meta(connection, "derived", str(ledger.vault.log.size))
                people.project(connection, ledger)
            _set_meta(connection, "head", head)

    def _begin_results(self, connection: Connection, ledger: Ledger) -> int:
        """Return the entry from which results are to be projected; all anew if other items are frozen now."""
        if self._compartment == VAULT and results.sync_frozen(connection, ledger):
            results.forget_all(connection)
            return 0
        return int(_meta(connection, "derived") or 0)

    @contextmanager
    def connect(self) -> Iterator[Connection]:
        """Give a connection to read with, for the questions of :mod:`.search`."""
        with self._engine.connect() as connection:
            yield connection

    def is_frozen(self, item: str) -> bool:
        """Say whether an item is frozen."""
        with self._engine.connect() as connection:
            return (
                connection.execute(select(schema.frozen).where(schema.frozen.c.item == item)).first()
                is not None
            )

    def deliveries(self) -> list[dict[str, Any]]:
        """Return the deliveries in order: id, log, entry, fields."""
        with self._engine.connect() as connection:
            table = schema.deliveries
            rows = connection.execute(select(table).order_by(table.c.position))
            return [
                {"delivery": r.delivery, "log": r.log, "entry": r.entry, "fields": json.loads(r.fields)}
                for r in rows
            ]

    def items(self, delivery: str | None = None) -> Iterator[ItemRow]:
        """Yield items by delivery and path."""
        table = schema.items
        query = select(table).order_by(table.c.delivery, table.c.path, table.c.leaf)
        if delivery is not None:
            query = query.where(table.c.delivery == delivery)
        with self._engine.connect() as connection:
            for row in connection.execution_options(yield_per=_ROWS_AT_ONCE).execute(query):
                yield _item_row(row)

    def tombstones(self) -> list[tuple[str, str]]:
        """Return item id and delivery of what was destroyed."""
        with self._engine.connect() as connection:
            table = schema.tombstones
            rows = connection.execute(select(table.c.item, table.c.delivery).order_by(table.c.leaf))
            return [(row.item, row.delivery) for row in rows]

    def find(self, wanted: str) -> ItemRow:
        """Return the item whose id begins with `wanted`; raise UsageError if none or several do."""
        text = wanted.strip().lower().removesuffix("…")  # as ids are shortened in what we print
        if len(text) < ITEM_PREFIX_MIN or any(c not in "0123456789abcdef" for c in text):
            raise UsageError(
                f"{wanted!r} is no item id, nor the first {ITEM_PREFIX_MIN} digits or more of one",
                "ids are shown by: bearwitness list",
            )
        table = schema.items
        with self._engine.connect() as connection:
            rows = connection.execute(select(table).where(table.c.item.startswith(text))).fetchmany(2)
            gone = connection.execute(
                select(schema.tombstones).where(schema.tombstones.c.item.startswith(text))
            ).first()
        if len(rows) > 1:
            raise UsageError(f"several items begin with {wanted}", "give more of the id")
        if not rows and gone is not None:
            raise UsageError(f"item {wanted} was destroyed; its tombstone is in the log")
        if not rows:
            raise UsageError(f"there is no item {wanted}", "ids are shown by: bearwitness list")
        return _item_row(rows[0])

    def get(self, item: str) -> ItemRow | None:
        """Return the item with exactly this id, None if there is none."""
        table = schema.items
        with self._engine.connect() as connection:
            row = connection.execute(select(table).where(table.c.item == item)).first()
        return None if row is None else _item_row(row)

    def with_bytes(self, sha256: bytes) -> list[ItemRow]:
        """Return all items whose bytes have this hash."""
        table = schema.items
        with self._engine.connect() as connection:
            rows = connection.execute(select(table).where(table.c.sha256 == sha256))
            return [_item_row(row) for row in rows]

    def links_to(self, item: str) -> list[ItemRow]:
        """Return the items that are other names of `item`."""
        table = schema.items
        with self._engine.connect() as connection:
            rows = connection.execute(select(table).where(table.c.same_as == item))
            return [_item_row(row) for row in rows]

    def dump(self) -> list[str]:
        """Return all rows as JSON objects in a fixed order: equal dumps mean equal catalogues."""
        out = []
        with self._engine.connect() as connection:
            for table in schema.metadata.sorted_tables:
                for row in connection.execute(select(table).order_by(*table.primary_key.columns)):
                    told = {c: v.hex() if isinstance(v, bytes) else v for c, v in row._mapping.items()}
                    out.append(json.dumps({"table": table.name, **told}, sort_keys=True))
        return out


def discard(path: Path) -> None:
    """Remove the database file."""
    for suffix in ("", "-wal", "-shm", "-journal"):
        path.with_name(path.name + suffix).unlink(missing_ok=True)


def _failure(error: Exception, path: Path | None) -> BearwitnessError:
    """Return what a failure of the database means."""
    text = str(error)
    if "locked" in text:
        return VaultBusyError(
            "another command is using the catalogue of this vault", "wait until it has ended"
        )
    if "full" in text:
        return storage_error(OSError(errno.ENOSPC, ""), str(path))
    return TamperedError(
        "the catalogue was damaged and is thrown away; nothing is lost",
        "run the same command again, it builds it anew",
    )


def _engine(path: Path, identity: age.Identity) -> Engine:
    key = HKDF(SHA256(), 32, None, _KEY_INFO).derive(identity.secret).hex()

    def connect() -> Any:
        connection = dbapi2.connect(str(path))
        connection.execute("PRAGMA cipher_log_level = NONE")  # what is wrong with the file we say ourselves
        connection.execute(f"PRAGMA key = \"x'{key}'\"")
        connection.execute("PRAGMA temp_store = MEMORY")
        connection.execute("PRAGMA secure_delete = ON")
        connection.execute("PRAGMA synchronous = NORMAL")
        return connection

    return sqlalchemy.create_engine(
        "sqlite://", module=dbapi2, creator=connect, poolclass=sqlalchemy.NullPool
    )


def _meta(connection: Connection, name: str) -> str | None:
    value = connection.execute(select(schema.meta.c.value).where(schema.meta.c.name == name)).scalar()
    return None if value is None else str(value)


def _set_meta(connection: Connection, name: str, value: str) -> None:
    connection.execute(delete(schema.meta).where(schema.meta.c.name == name))
    connection.execute(insert(schema.meta).values(name=name, value=value))


def _forget(connection: Connection, delivery: str) -> None:
    for table in (schema.items, schema.tombstones, schema.deliveries):
        connection.execute(delete(table).where(table.c.delivery == delivery))


def _destroyed_with_results(connection: Connection) -> list[str]:
    query = select(schema.tombstones.c.item).where(
        schema.tombstones.c.item.in_(select(schema.results.c.item))
    )
    return list(connection.execute(query).scalars())


def _project(
    connection: Connection,
    ledger: Ledger,
    record: DeliveryRecord,
    position: int,
    digest: str,
    progress: Callable[[int], None],
) -> None:
    connection.execute(
        insert(schema.deliveries).values(
            delivery=record.delivery,
            position=position,
            log=record.sealed.log,
            entry=record.sealed.index,
            descriptor=digest,
            fields=canonical.dumps(dict(record.body.fields)).decode(),
        )
    )
    dropped, rows = record.dropped, []
    for line in ledger.open_delivery(record.delivery).all_lines():
        if isinstance(line, Tombstone):
            values = {"leaf": line.leaf, "item": item_id(line.leaf), "delivery": record.delivery}
            connection.execute(insert(schema.tombstones).values(**values))
        elif isinstance(line, Record):
            leaf = commitments.commit(line.values, line.secret)
            if leaf not in dropped:
                rows.append(_row_of(line, leaf, record.delivery))
        if len(rows) >= _ROWS_AT_ONCE:
            connection.execute(insert(schema.items), rows)
            progress(len(rows))
            rows = []
    if rows:
        connection.execute(insert(schema.items), rows)
        progress(len(rows))


def _row_of(record: Record, leaf: bytes, delivery: str) -> dict[str, Any]:
    digest, mtime = record.value("sha256"), record.mtime
    far = None if mtime is None or -(2**63) <= mtime < 2**63 else str(mtime)
    fate = record.fate
    return {
        "leaf": leaf,
        "item": item_id(leaf),
        "delivery": delivery,
        "part": record.part,
        "path": record.path,
        "sha256": None if digest is None else unb64(digest),
        "bytes": record.size,
        "mtime": mtime if far is None else None,
        "mtime_far": far,
        "fate": canonical.dumps(dict(fate)).decode(),
        "same_as": fate.get("same_as"),
    }


def _item_row(row: Any) -> ItemRow:
    fate = json.loads(row.fate)
    if not isinstance(fate, dict):
        raise TamperedError("the catalogue is damaged", "build it again with: bearwitness rebuild")
    return ItemRow(
        row.item, bytes(row.leaf), row.delivery, row.part, bytes(row.path),
        None if row.sha256 is None else bytes(row.sha256), row.bytes,
        row.mtime if row.mtime_far is None else int(row.mtime_far), fate, row.same_as,
    )  # fmt: skip
