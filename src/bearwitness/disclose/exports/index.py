"""The index of exhibits: CSV for a spreadsheet, and a load file for review platforms (Concordance DAT).

Both hold the same rows: every exhibit, every item of which only fields are shown, every item that is withheld
with its ground; and a row for each delivery that does not tell what else it holds, so that nobody takes the
index for complete.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from bearwitness_verify.clip_words import stated
from bearwitness_verify.report import printable

from .shown import ALTERED, FIELDS, Exhibit, Shown

COLUMNS: Final = (
    "EXHIBIT", "STATUS", "KIND", "ITEM", "DELIVERY", "FILE", "BYTES", "SHA256", "SEALED_BYTES",
    "SEALED_SHA256", "PATH", "MODIFIED", "OTHER_FIELDS", "STATEMENTS", "GROUND", "RELEASE",
)  # fmt: skip
_QUOTE, _SEPARATOR, _NEWLINE = (
    "\u00fe",
    "\x14",
    "\u00ae",
)  # Concordance's own defaults: þ, DC4 (shown as ¶), ®
_CELL_CHARS_MAX: Final = 32_767  # of a spreadsheet's cell
_SIGNS: Final = re.compile("[\u00fe\u00ae\x00-\x1f\x7f\x85\u2028\u2029]")
_STATUS: Final = {FIELDS: "fields only", ALTERED: "ALTERED"}
_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r")


def rows(shown: Shown) -> Iterator[Mapping[str, str]]:
    """Yield the rows, all columns in each, in the order of the exhibits, what is withheld after them."""
    for one in shown.exhibits:
        yield _row(shown, _exhibit(one, shown))
    for delivery in shown.deliveries:
        for item in delivery.withheld or ():
            yield _row(
                shown,
                {
                    "EXHIBIT": item.number,
                    "STATUS": "withheld",
                    "ITEM": item.item,
                    "DELIVERY": str(item.delivery),
                    "GROUND": printable(item.ground, _CELL_CHARS_MAX),
                },
            )
        if delivery.withheld is None:
            yield _row(
                shown,
                {
                    "STATUS": "not told",
                    "DELIVERY": str(delivery.number),
                    "GROUND": "the release does not list what else this delivery holds",
                },
            )


def _row(shown: Shown, cells: Mapping[str, str]) -> Mapping[str, str]:
    return {**dict.fromkeys(COLUMNS, ""), **cells, "RELEASE": shown.digest}


def _exhibit(one: Exhibit, shown: Shown) -> Mapping[str, str]:
    statements = [stated(said) for said in shown.statement.statements if said.item == one.item]
    return {
        "EXHIBIT": one.number,
        "STATUS": _STATUS.get(one.kind, "shown"),
        "KIND": one.kind,
        "ITEM": one.item,
        "DELIVERY": str(one.delivery),
        "FILE": one.file.name if one.file else "",
        "BYTES": str(one.file.size) if one.file else "",
        "SHA256": one.file.sha256 if one.file else "",
        "SEALED_BYTES": one.sealed_bytes,
        "SEALED_SHA256": one.sealed_sha256,
        "PATH": one.path,
        "MODIFIED": one.modified,
        "OTHER_FIELDS": "; ".join(f"{name}: {value}" for name, value in one.others.items()),
        "STATEMENTS": " | ".join(statements),
    }


def as_csv(shown: Shown) -> str:
    """Return the index as CSV (RFC 4180, UTF-8 with a mark, which spreadsheets need).

    A cell that a spreadsheet would run as a formula begins with an apostrophe: paths are a stranger's text.
    """
    out = io.StringIO()
    out.write("\ufeff")
    writer = csv.writer(out, lineterminator="\r\n", quoting=csv.QUOTE_ALL)
    writer.writerow(COLUMNS)
    for row in rows(shown):
        writer.writerow(["'" + v if v.startswith(_FORMULA) else v for v in row.values()])
    return out.getvalue()


def as_load_file(shown: Shown) -> str:
    """Return the index as a Concordance load file (UTF-8 with a mark; þ around each value, DC4 between)."""
    return "\ufeff" + load_line(COLUMNS) + "".join(load_line(list(row.values())) for row in rows(shown))


def load_line(values: Sequence[str]) -> str:
    """Return a line of a load file.

    A value that holds one of its signs, or a line break, gets it as an escape: no path can begin a column.
    """
    return _SEPARATOR.join(f"{_QUOTE}{_SIGNS.sub(_escape, value)}{_QUOTE}" for value in values) + "\r\n"


def _escape(found: re.Match[str]) -> str:
    return f"\\x{ord(found[0]):02x}"
