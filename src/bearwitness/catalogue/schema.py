"""The tables of the catalogue. There are no migrations: a catalogue of another version is built anew."""

from __future__ import annotations

from typing import Final

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Float,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
)

VERSION: Final = "4"

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
    Column("mtime_far", String),  # instead, in decimal: file systems tell times that no 64 bits hold
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

people: Final = Table(
    "people",
    metadata,
    Column("person", String, primary_key=True),
    Column("name", Text, nullable=False),
    Column("roles", Text, nullable=False),  # with spaces between
    Column("key", Text, nullable=False),
    Column("human", String, nullable=False, index=True),  # the first key of the same human
    Column("entry", Integer, nullable=False),
    Column("active", Boolean, nullable=False),
    Column("ground", Text, nullable=False),  # why it was revoked
)

approvals: Final = Table(
    "approvals",
    metadata,
    Column("entry", Integer, primary_key=True),
    Column("person", String, nullable=False),
    Column("subject", String, nullable=False, index=True),
    Column("purpose", Text, nullable=False),
    Column("time", String, nullable=False),
)

overrides: Final = Table(
    "overrides",
    metadata,
    Column("entry", Integer, primary_key=True),
    Column("person", String, nullable=False),
    Column("subject", String, nullable=False, index=True),
    Column("gate", String, nullable=False),
    Column("item", String, nullable=False),
    Column("label", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("time", String, nullable=False),
)

consents: Final = Table(
    "consents",
    metadata,
    Column("consent", String, primary_key=True),
    Column("item", String, nullable=False, index=True),
    Column("label", Text, nullable=False),
    Column("purpose", String, nullable=False),
    Column("recipient", Text, nullable=False),
    Column("scope", Text, nullable=False),  # with spaces between
    Column("expiry", String),
    Column("withdrawal", Text, nullable=False),
    Column("language", Text, nullable=False),
    Column("explained_by", Text, nullable=False),
    Column("support", Text, nullable=False),
    Column("entry", Integer, nullable=False),
    Column("withdrawn", Integer),  # the entry that ended it
)

receipts: Final = Table(
    "receipts",
    metadata,
    Column("entry", Integer, primary_key=True),
    Column("person", String, nullable=False),
    Column("release", String, nullable=False, index=True),
    Column("verdict", String, nullable=False),
    Column("time", String, nullable=False),
)

frozen: Final = Table(
    "frozen",
    metadata,
    Column("item", String, primary_key=True),
    Column("delivery", String, nullable=False),
)

results: Final = Table(
    "results",
    metadata,
    Column("job", String, primary_key=True),
    Column("item", String, nullable=False, index=True),
    Column("delivery", String, nullable=False, index=True),
    Column("kind", String, nullable=False, index=True),
    Column("tool", Text, nullable=False),
    Column("version", String, nullable=False),
    Column("model", Text, nullable=False),  # canonical JSON
    Column("parameters", Text, nullable=False),  # canonical JSON
    Column("time", Text, nullable=False),  # canonical JSON
    Column("outcome", String, nullable=False),
    Column("reason", Text, nullable=False),
    Column("digest", String, nullable=False),
    Column("entry", Integer, nullable=False),
    Column("keys", String, nullable=False),  # path of the key file its files lie behind
)

facts: Final = Table(
    "facts",
    metadata,
    Column("job", String, primary_key=True),
    Column("number", Integer, primary_key=True),
    Column("item", String, nullable=False, index=True),
    Column("name", String, nullable=False, index=True),
    Column("value", Float, index=True),  # a number; nanoseconds lose their last digits, `exact` has them
    Column("exact", Text, nullable=False),  # the value as text
    Column("start", Float),  # seconds of the stream's clock
    Column("end", Float),
)

texts: Final = Table(
    "texts",
    metadata,
    Column("job", String, primary_key=True),
    Column("number", Integer, primary_key=True),
    Column("item", String, nullable=False, index=True),
    Column("field", String, nullable=False),
    Column("language", String, nullable=False),
    Column("start", Float),
    Column("end", Float),
    Column("text", Text, nullable=False),
)

# The full-text index over `texts`, as stems; SQLAlchemy knows no virtual tables.
CREATE_WORDS: Final = (
    "CREATE VIRTUAL TABLE IF NOT EXISTS words USING fts5"
    "(stems, job UNINDEXED, number UNINDEXED, item UNINDEXED, tokenize = 'unicode61 remove_diacritics 0')"
)
