"""The tables of the catalogue. There are no migrations: a catalogue of another version is built anew."""

from __future__ import annotations

from typing import Final

from sqlalchemy import BigInteger, Column, Integer, LargeBinary, MetaData, String, Table, Text

VERSION: Final = "1"

metadata: Final = MetaData()

meta: Final = Table(
    "meta",
    metadata,
    Column("name", String, primary_key=True),
    Column("value", Text, nullable=False),
)

deliveries: Final = Table(
    "deliveries",
    metadata,
    Column("delivery", String, primary_key=True),
    Column("position", Integer, nullable=False),  # order in which the vault learned of them
    Column("log", String, nullable=False),
    Column("entry", Integer, nullable=False),
    Column("descriptor", String, nullable=False),  # SHA-256 of the descriptor these rows were read from
    Column("fields", Text, nullable=False),  # canonical JSON of the sealed entry's fields
)

items: Final = Table(
    "items",
    metadata,
    Column("leaf", LargeBinary, primary_key=True),
    Column("item", String, nullable=False, index=True),
    Column("delivery", String, nullable=False, index=True),
    Column("part", Integer, nullable=False),
    Column("path", LargeBinary, nullable=False),
    Column("sha256", LargeBinary, index=True),
    Column("bytes", BigInteger),
    Column("mtime", BigInteger),
    Column("fate", Text, nullable=False),  # canonical JSON
    Column("same_as", String),
)

tombstones: Final = Table(
    "tombstones",
    metadata,
    Column("leaf", LargeBinary, primary_key=True),
    Column("item", String, nullable=False),
    Column("delivery", String, nullable=False),
)
