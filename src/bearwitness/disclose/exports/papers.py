"""Two papers about a release, as PDF: a draft of a certification under FRE 902(14), and a custody report.

Typeset by typst with the fonts in its own wheel; it looks at no other file and opens no connection. All text
of a release goes in as data, never as markup. A paper carries no date and no author of its own.
"""

from __future__ import annotations

import json
import re
from importlib import resources
from typing import Any, Final

from bearwitness.errors import UsageError
from bearwitness_verify.clip_words import stated
from bearwitness_verify.report import printable

from .shown import Exhibit, Shown

Section = dict[str, Any]
Row = tuple[str, str, bool]  # what, its value, whether in fixed width
# Beyond these the fonts have no letters: they are told as escapes, for an empty box says nothing.
NO_LETTER: Final = re.compile("[^\u0020-\u007e\u00a0-\u024f\u0370-\u03ff\u0400-\u04ff\u2010-\u2027\u20ac]")

METHOD: Final = (
    "When a delivery was sealed, every file in it was hashed with SHA-256 and cut into segments; salted "
    "hashes of these, and of each field, form Merkle trees whose root was entered in an append-only log that "
    "is signed with the vault's Ed25519 key.",
    "To make the findings below, the verifier computed each hash anew from the bytes of this release, "
    "followed it to the root in the signed log, and compared. A single changed bit leads to another hash and "
    "is refused.",
    "The verifier is open source and works offline: bearwitness-verify. VERIFY.txt, if it is among the files "
    "of the release, tells how to check without it.",
)
QUALIFIED_OATH: Final = (
    "Under 28 U.S.C. § 1746: I declare under penalty of perjury that the foregoing is true and correct. "
    "Outside the United States (FRE 902(12)): signed in a manner that, if falsely made, would subject the "
    "signer to a criminal penalty under the laws of the country where it is signed."
)
_QUALIFIED: Final = (
    "I am qualified to make this certification by the training and experience named below. I state that I "
    "ran the verification described here on the files listed, by their SHA-256, and that it gave the "
    "findings above.",
    QUALIFIED_OATH,
)
_BLANKS: Final = (
    "Name",
    "Title, organisation",
    "Training, experience",
    "Place and country",
    "Date",
    "Signature",
)


def certificate(shown: Shown) -> bytes:
    """Return the draft of a certification as PDF; nobody has certified anything until a person signs it."""
    lead = [
        "In the manner of Federal Rule of Evidence 902(14): data copied from an electronic device, storage "
        "medium or file, authenticated by a process of digital identification.",
        "DRAFT. This was written by a program and certifies nothing until a qualified person has repeated "
        "the verification, completed the block at the end and signed. It says that the data are those that "
        "were sealed, not what they show. The other party must be given notice and a chance to inspect.",
    ]
    sections = [_release(shown), section("Method", METHOD), _exhibits(shown), _findings(shown)]
    sections.append({**section("Certification of the qualified person", _QUALIFIED), "blanks": _BLANKS})
    return pdf("Certification of data by digital identification", lead, sections, shown)


def report(shown: Shown) -> bytes:
    """Return a plain report of custody as PDF: what was sealed, shown, withheld, stated and found."""
    lead = ["Made of the verified release alone. What the release does not show is not told here."]
    sections = [_release(shown), _custody(shown), _exhibits(shown), _withheld(shown)]
    said = [stated(one) for one in shown.statement.statements]
    sections.append(section("Statements, which the vault makes and nothing here proves", said or ["None."]))
    sections.append(_findings(shown))
    return pdf("Report of custody", lead, sections, shown)


def section(title: str, lines: Any = (), pairs: Any = ()) -> Section:
    """Return a section: lines of text, then groups of rows; a row without a value is left out."""
    shown = [{"title": title, "rows": [row for row in rows if row[1]]} for title, rows in pairs]
    return {"title": title, "lines": list(lines), "pairs": shown, "blanks": [], "after": [], "page": False}


def _release(shown: Shown) -> Section:
    vault = shown.statement.vault
    rows: list[Row] = [
        ("SHA-256 of release.json", shown.digest, True),
        ("Key of the vault", vault.encode(), True),
    ]
    conditions = [
        (f"Condition, {name}", said, False) for name, said in sorted(shown.statement.conditions.items())
    ]
    return section(
        "The release",
        [f"Verdict of the verifier: {shown.verdict_text}"],
        [(vault.name, rows + conditions)],
    )


def _custody(shown: Shown) -> Section:
    pairs = []
    for one in shown.deliveries:
        held = "not shown" if one.held is None else str(one.held)
        rows: list[Row] = [("Items shown", str(one.shown), False), ("Items held", held, False)]
        rows.append(
            ("Sealed by", "a field kit, and imported into the vault", False)
            if one.imported
            else ("", "", False)
        )
        rows += [("Shown of its entry", line, False) for line in one.told]
        pairs.append((f"Delivery {one.number}", rows))
    return section("Deliveries", pairs=pairs)


def _exhibits(shown: Shown) -> Section:
    return section("Exhibits", pairs=[(f"Exhibit {one.number}", _rows(one)) for one in shown.exhibits])


def _rows(one: Exhibit) -> list[Row]:
    rows: list[Row] = [("What it is", f"{one.kind}, of item {one.item}, delivery {one.delivery}", False)]
    if one.file:
        rows.append(("File", f"{one.file.name}, {one.file.size} bytes", False))
        rows.append(("SHA-256", one.file.sha256, True))
    if one.sealed_sha256 and (one.file is None or one.sealed_sha256 != one.file.sha256):
        rows.append(("SHA-256 of the sealed file", one.sealed_sha256, True))
    rows += [("Path", one.path, False), ("Modified", one.modified, False)]
    return rows + [(name.capitalize(), value, False) for name, value in one.others.items()]


def _withheld(shown: Shown) -> Section:
    lines, pairs = [], []
    for delivery in shown.deliveries:
        if delivery.withheld is None:
            lines.append(f"Of delivery {delivery.number} the release does not list what else it holds.")
        for one in delivery.withheld or ():
            pairs.append((one.number, [("Item", one.item, True), ("Ground", one.ground, False)]))
    return section("Withheld", lines if lines or pairs else ["Nothing is withheld."], pairs)


def _findings(shown: Shown) -> Section:
    words = {"ok": "holds", "note": "told"}
    lines = [f"{one.step}. {words[one.status]}: {one.text}" for one in shown.findings]
    return section("Findings of the verifier", lines)


def pdf(title: str, lead: list[str], sections: list[Section], shown: Shown) -> bytes:
    """Return a paper as PDF; raise UsageError where the package that makes it is not installed."""
    try:
        import typst
    except ModuleNotFoundError:
        raise UsageError(
            "a PDF needs the package typst, which is not installed",
            "install it with: pip install 'bearwitness[exports]'",
        ) from None

    data = {"title": title, "digest": shown.digest, "lead": lead, "sections": sections}
    template = resources.files(__package__).joinpath("papers.typ").read_bytes()
    inputs = {"data": json.dumps(letters(data))}
    made = typst.compile(template, sys_inputs=inputs, ignore_system_fonts=True, format="pdf")
    if not isinstance(made, bytes):
        raise TypeError("typst gave several pages where one file was asked for")
    return made


def letters(value: Any) -> Any:
    """Return `value` with every text in it in letters that the fonts have and that can be seen."""
    if isinstance(value, str):
        seen = printable(value, 10_000)
        return NO_LETTER.sub(lambda found: found[0].encode("unicode_escape").decode(), seen)
    if isinstance(value, dict):
        return {name: letters(member) for name, member in value.items()}
    return [letters(member) for member in value] if isinstance(value, (list, tuple)) else value
