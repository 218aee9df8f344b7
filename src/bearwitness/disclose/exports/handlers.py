"""Who handled what a release shows, by the custody log; and the declarations they are asked to sign.

Unlike the other exports this needs the vault: the log is not in a release. Of the log it tells acts on the
items of this release alone, and of acts of releasing only this one. A program declares nothing: the pages are
drafts, one for each person, and one for each device that acted without a name.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from bearwitness.errors import RefusedError
from bearwitness.vault import signed
from bearwitness.vault.ledger import Act, Ledger
from bearwitness.vault.redactions import redactions_of
from bearwitness_verify.canonical import Json

from . import papers
from .papers import QUALIFIED_OATH, Section
from .shown import Shown

_ABOUT_ITEMS: Final = {
    "consent": "recorded a consent",
    "destroyed": "destroyed",
    "frozen": "froze",
    "redaction-written": "wrote a redacted copy out in the clear",
    "restored": "wrote the sealed file out",
    "still": "chose a frame to be shown",
    "thawed": "let be used again after it was frozen",
    "viewed": "looked at a copy",
}
_BLANKS: Final = ("Name", "Function, organisation", "Place and country", "Date", "Signature")
_DECLARED: Final = (
    "I did what is listed above, at the times listed, as far as I did not strike it out. While the "
    "material was in my hands I altered nothing of it, and gave it to nobody but as listed. What I know "
    "besides stands here:",
    "_" * 70,
    QUALIFIED_OATH,
)
_DERIVED: Final = {"redaction": "made a redacted copy of it", "repair": "made a playable copy of it"}


@dataclass
class Handler:
    """Somebody who handled the material: a name, or a device that acted without one; and what they did."""

    name: str
    device: bool
    acts: list[tuple[str, str]] = field(default_factory=list)


def handlers(ledger: Ledger, shown: Shown) -> list[Handler]:
    """Return who handled the items of a release, in the order of their first acts.

    Raises RefusedError where this vault made no such release.
    """
    released = next((act for act in _acts(ledger) if _is_release(act, shown.digest)), None)
    if released is None:
        raise RefusedError(
            f"this vault's log knows no release {shown.digest}", "name the vault that made the release"
        )
    items = {one.item for one in shown.exhibits}
    looked = _Looked(ledger, shown.digest, items, _subject(ledger, released.index))
    found: dict[str, Handler] = {}
    for act in _acts(ledger):
        for name, device, what in looked.told(act):
            handler = found.setdefault(name, Handler(name, device))
            handler.acts.append((f"{_time(act)}, entry {act.index} of {act.log}", what))
    return list(found.values())


def declarations(ledger: Ledger, shown: Shown) -> bytes:
    """Return the drafts of all declarations as PDF, one page or more for each handler."""
    lead = [
        "DRAFTS, written by a program from the custody log of the vault. They declare nothing until each "
        "person has read their own page, struck out what is not so, and signed. One page for each person who "
        "handled what this release shows, and one for each device that acted without a name: whoever used it "
        "fills in theirs.",
        "Times are those of the devices' own clocks. What the log does not know is not here: who carried a "
        "drive, who had the key of a keeper.",
    ]
    sections = [_page(one, shown) for one in handlers(ledger, shown)]
    return papers.pdf("Declarations of those who handled the material", lead, sections, shown)


def _page(one: Handler, shown: Shown) -> Section:
    who = f"Whoever used the device {one.name}" if one.device else one.name
    exhibits = ", ".join(sorted({e.number for e in shown.exhibits}))
    lines = [f"Exhibits of release {shown.prefix}: {exhibits}."]
    section = papers.section(who, lines, [("By the custody log", [(a, b, False) for a, b in one.acts])])
    return {**section, "after": list(_DECLARED), "blanks": list(_BLANKS), "page": True}


class _Looked:
    """What of the log is about a release."""

    def __init__(self, ledger: Ledger, digest: str, items: set[str], request: str) -> None:
        self._digest, self._items, self._request = digest, items, request
        self._people = signed.read(ledger).people.by_id
        self._plans = {one.plan: one.item for one in redactions_of(ledger, items)}
        self._deliveries = _deliveries(ledger, items)

    def told(self, act: Act) -> Iterator[tuple[str, bool, str]]:
        """Yield who did what in an act, if it is about the release; `True` for a device without a name."""
        if act.body is None:
            return
        fields = act.body.fields
        what = self._what(fields, act)
        person = self._people.get(str(fields.get("person", "")))
        if what:
            named = person.name if person else str(fields.get("by", "")).strip()
            yield (named, False, what) if named else (act.log, True, what)

    def _what(self, fields: Mapping[str, Json], act: Act) -> str:
        """Return what was done, "" if it is not about this release."""
        kind = str(fields["kind"])
        mine = sorted(self._items & _named(fields))
        if kind == "derived" and mine:
            made = (_DERIVED.get(str(result.get("kind"))) for result in _objects(fields.get("results")))
            return "; ".join(f"{what}: item {mine[0]}" for what in made if what)
        if kind in _ABOUT_ITEMS:
            return f"{_ABOUT_ITEMS[kind]}: item {', '.join(mine)}" if mine else ""
        return self._of_release(kind, fields, act)

    def _of_release(self, kind: str, fields: Mapping[str, Json], act: Act) -> str:
        said = ""
        if kind == "sealed" and (act.log, act.index) in self._deliveries:
            said = f"sealed the delivery that holds item {', '.join(self._deliveries[act.log, act.index])}"
        elif kind == "approved" and self._request and fields.get("subject") == self._request:
            said = "approved this release"
        elif kind == "approved" and (item := self._plans.get(str(fields.get("subject")))):
            said = f"approved the plan of a redaction: item {item}"
        elif fields.get("release") == self._digest:
            verdict = fields.get("verdict")
            said = {
                "released": "released what this release shows",
                "received": f"received this release, and found it {verdict}",
            }.get(kind, "")
        return said


def _acts(ledger: Ledger) -> Iterator[Act]:
    """Yield the acts of the vault's log, each import after what it brought."""
    taken: dict[str, int] = {}
    for act in ledger.acts():
        if act.body is not None and act.body.kind == "imported":
            log, checkpoint = ledger.device_log(act)
            inner = ledger.acts(log, checkpoint.size, start=taken.get(log.name, 0))
            yield from inner
            taken[log.name] = checkpoint.size
        yield act


def _deliveries(ledger: Ledger, items: set[str]) -> dict[tuple[str, int], list[str]]:
    """Return which of `items` each sealed entry brought, by log and place of the entry."""
    from bearwitness.catalogue.catalogue import Catalogue
    from bearwitness.vault.ledger import VAULT

    catalogue = Catalogue.in_memory(VAULT)
    try:
        catalogue.refresh(ledger)
        of_item = {item: row.delivery for item in items if (row := catalogue.get(item)) is not None}
    finally:
        catalogue.close()
    return {
        (record.sealed.log, record.sealed.index): sorted(
            i for i, d in of_item.items() if d == record.delivery
        )
        for record in ledger.deliveries()
        if record.delivery in of_item.values()
    }


def _is_release(act: Act, digest: str) -> bool:
    return act.body is not None and act.body.kind == "released" and act.body.fields.get("release") == digest


def _subject(ledger: Ledger, released: int) -> str:
    """Return the request under which a release went out, "" if none: the gates' results stand before it."""
    for act in ledger.acts(size=released, start=max(0, released - 1)):
        if act.body is not None and act.body.kind == "gate-results":
            fields = act.body.fields
            return str(fields["subject"]) if fields["outcome"] == "passed" else ""
    return ""


def _named(fields: Mapping[str, Json]) -> set[str]:
    items = fields.get("items")
    listed = {one for one in items if isinstance(one, str)} if isinstance(items, list) else set()
    return listed | {str(fields["item"])} if "item" in fields else listed


def _objects(value: Any) -> list[dict[str, Any]]:
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []


def _time(act: Act) -> str:
    told = act.body.fields.get("time") if act.body is not None else None
    return str(told.get("utc", "")) if isinstance(told, dict) else "time not told"
