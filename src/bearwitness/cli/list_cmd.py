"""Show deliveries and their items, and what could not be read."""

from __future__ import annotations

import argparse
from typing import Any

from bearwitness.catalogue.catalogue import ItemRow
from bearwitness_verify.report import printable_path

from .options import add_identity, add_quarantine, add_vault, path_text
from .output import EXIT_DONE, Output, human_size, plural
from .unlocking import Opened, deliveries_named, opened

EXAMPLES = """
  bearwitness list --vault vault --identity anna.key
  bearwitness list --vault vault --identity anna.key --delivery 5f3a… --json
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of this verb."""
    add_vault(parser)
    add_identity(parser)
    parser.add_argument("--delivery", metavar="ID", default="", help="only this delivery (or its beginning)")
    add_quarantine(parser)
    parser.add_argument("--lost", action="store_true", help="only what could not be read, or not whole")


def run(options: argparse.Namespace, out: Output) -> int:
    """Run the verb; return its exit code."""
    with opened(options, out) as at:
        chosen = deliveries_named(at, options.delivery)
        deliveries = [d for d in at.catalogue.deliveries() if d["delivery"] in chosen]
        data = _data(at, deliveries, lost_only=options.lost)
    out.result(data, _text(data))
    return EXIT_DONE


def _data(at: Opened, deliveries: list[dict[str, Any]], *, lost_only: bool) -> dict[str, Any]:
    items, unreadable = [], []
    for delivery in deliveries:
        for row in at.catalogue.items(delivery["delivery"]):
            reason = lost_reason(row)
            if reason:
                unreadable.append({"path": path_text(row.path), "reason": reason, "item": row.item})
            if reason or not lost_only:
                items.append(_item(at, row))
    shown = {d["delivery"] for d in deliveries}
    destroyed = [item for item, delivery in at.catalogue.tombstones() if delivery in shown]
    return {
        "deliveries": [
            {"delivery": d["delivery"], "log": d["log"], "entry": d["entry"], **_told(d["fields"])}
            for d in deliveries
        ],
        "items": items,
        "unreadable": unreadable,
        "destroyed": destroyed,
    }


def _told(fields: dict[str, Any]) -> dict[str, Any]:
    hidden = ("kind", "delivery", "descriptor", "tool", "items")
    return {"item_count": fields.get("items")} | {k: v for k, v in fields.items() if k not in hidden}


def _item(at: Opened, row: ItemRow) -> dict[str, Any]:
    digest, size = row.sha256, row.bytes
    if row.same_as:
        first = at.catalogue.get(row.same_as)
        digest, size = (first.sha256, first.bytes) if first else (None, None)
    out: dict[str, Any] = {
        "item": row.item,
        "path": path_text(row.path),
        "sha256": digest.hex() if digest else None,
        "bytes": size,
        "mtime_ns": row.mtime,
        "delivery": row.delivery,
        "fate": row.fate,
        "frozen": at.catalogue.is_frozen(row.item),
    }
    try:
        row.path.decode("utf-8")
    except UnicodeDecodeError:
        out["path_hex"] = row.path.hex()
    return out


def lost_reason(row: ItemRow) -> str:
    """Return why an item is not whole, empty if it is."""
    fate = row.fate
    if fate["type"] in ("unreadable", "unreadable-folder"):
        return str(fate.get("reason", ""))
    if fate["type"] == "other-filesystem":
        return "another file system is mounted there"
    losses = fate.get("losses")
    if isinstance(losses, list):
        ranges = [f"{loss['length']} at {loss['offset']}" for loss in losses if isinstance(loss, dict)]
        return f"bytes that could not be read: {', '.join(ranges)}"
    return "it changed while it was read" if fate.get("changed") else ""


def _text(data: dict[str, Any]) -> str:
    lines = []
    for delivery in data["deliveries"]:
        items = [item for item in data["items"] if item["delivery"] == delivery["delivery"]]
        size = sum(item["bytes"] or 0 for item in items)
        utc = delivery.get("time", {}).get("utc", "")
        lines.append(
            f"delivery {delivery['delivery']}  sealed {utc}  {plural(len(items), 'item')}, {human_size(size)}"
        )
        lines += [_line(item) for item in items]
        lines.append("")
    if data["unreadable"]:
        lines.append("not read, or not whole:")
        lines += [f"  {_safe(lost['path'])}: {lost['reason']}" for lost in data["unreadable"]]
    if data["destroyed"]:
        lines.append(f"destroyed: {', '.join(data['destroyed'])}")
    return "\n".join(lines).rstrip() or "there is no delivery here"


def _line(item: dict[str, Any]) -> str:
    digest = item["sha256"][:16] + "…" if item["sha256"] else item["fate"]["type"]
    size = "" if item["bytes"] is None else human_size(item["bytes"])
    frozen = "  FROZEN" if item["frozen"] else ""
    return f"  {item['item']}  {size:>10}  {digest:<17}  {_safe(item['path'])}{frozen}"


def _safe(path: str) -> str:
    return printable_path(path.encode("utf-8", "surrogateescape"))
