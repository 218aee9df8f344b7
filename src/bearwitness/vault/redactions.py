"""Redacted copies of items among the derivatives of a vault: how they are entered, what the log says.

A redaction is a result of kind ``redaction`` (docs/format.md, 5.3): the copy, its plan, what the attack on
exactly these bytes found, and the list for a person who knows the place. It may be shown once two people
approved its plan.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from bearwitness.custody.statements import HEX64
from bearwitness.errors import MalformedError, TamperedError
from bearwitness_verify import canonical
from bearwitness_verify.canonical import Json

from .delivery import OpenDelivery
from .derivatives import DONE, OpenDerived, read_key_path
from .ledger import Act, Ledger
from .signed_acts import Signed
from .vault import digest_of

KIND: Final = "redaction"
TOOL: Final = "bearwitness redact"
APPROVAL: Final = "plan of the redaction"
"""For what people approve the digest of a plan."""
APPROVALS_MIN: Final = 2
COPY: Final = "copy"
PLAN: Final = "plan.json"
ATTACK: Final = "attack.json"
CHECKLIST: Final = "checklist.txt"
MARK: Final = "mark.json"


@dataclass(frozen=True)
class Redaction:
    """A redacted copy: SHA-256 of its bytes, digest of its plan, what the attack found, which entry.

    `container` says what it is (mp4, jpeg, …); `delivery`, `path` and `job` where it lies; `told`: its entry
    has the field `redaction`; `loose`: it was encoded anew as a whole, without a random part of its ends;
    `marked`: with a mark for one recipient in every picture.
    """

    item: str
    sha256: str
    plan: str
    hits: tuple[str, ...]
    version: str
    entry: int
    container: str = ""
    delivery: str = ""
    path: str = ""
    told: bool = False
    job: str = ""
    loose: bool = False
    marked: bool = False

    def lacking(self, signed: Signed) -> str:
        """Return why its plan does not count as approved, empty if it does."""
        people = len(signed.approvers(self.plan, APPROVAL))
        if people >= APPROVALS_MIN:
            return ""
        return (
            f"its plan {self.plan} needs the approval of {APPROVALS_MIN} people as {APPROVAL!r}; "
            f"the log has {people}"
        )


def encode_attack(
    sha256: str, plan: str, hits: Sequence[str], looked_at: Mapping[str, int], warnings: Sequence[str]
) -> bytes:
    """Return the file that says what the attack on the copy `sha256` found."""
    checked: dict[str, Json] = {name: str(count) for name, count in looked_at.items()}
    told: dict[str, Json] = {
        "checked": checked, "hits": [*hits], "plan": plan, "sha256": sha256, "type": "attack", "v": "1",
        "warnings": [*warnings],
    }  # fmt: skip
    return canonical.dumps(told)


def redactions_of(ledger: Ledger, items: Collection[str]) -> list[Redaction]:
    """Return the redacted copies of `items` that are in the vault; what is frozen is not opened.

    Raises TamperedError where a derivative is not the one its entry tells of.
    """
    expected, effects = ledger.vault.expected_files(), ledger.vault.log.effects()
    opened: dict[str, OpenDelivery] = {}
    found: list[Redaction] = []
    for index, effect in enumerate(effects):
        for path in effect:
            place = read_key_path(path)
            if place is None or path not in expected or place[1] not in items:
                continue
            if place[1] in ledger.frozen.items:
                continue
            if place[0] not in opened:
                opened[place[0]] = ledger.open_delivery(place[0])
            act = next(ledger.acts(size=index + 1, start=index))
            found += _redactions(act, ledger.open_derived(opened[place[0]], path))
    return found


def _redactions(act: Act, derived: OpenDerived) -> Iterator[Redaction]:
    if act.body is None or act.body.kind != "derived":
        raise TamperedError(f"entry {act.index} brings derivatives and does not say so")
    for told in canonical.array(act.body.fields["results"], "the results of an entry"):
        if not isinstance(told, dict) or (told["kind"], told["outcome"]) != (KIND, DONE):
            continue
        job = canonical.text(told["job"], "a job")
        if derived.digests.get(job) != told["digest"]:
            raise TamperedError(f"the derivatives at {derived.path} are not those their entry tells of")
        version = canonical.text(told["version"], "a version")
        yield replace(
            _redaction(derived, job, version, act.index),
            container=_container(told["parameters"]),
            delivery=canonical.text(act.body.fields["delivery"], "a delivery"),
            told="redaction" in act.body.fields,
            loose=isinstance(told["parameters"], dict) and "ends" in told["parameters"],
            marked=_is_marked(derived, job, told["parameters"]),
        )


def _is_marked(derived: OpenDerived, job: str, parameters: Json) -> bool:
    """Return whether a copy has a mark; entry and files must agree on it."""
    marked = isinstance(parameters, dict) and "mark" in parameters
    if marked != (MARK in derived.jobs[job]):
        raise MalformedError(f"the redaction at {derived.path} has a mark, or has none, against its entry")
    return marked


def _container(parameters: Json) -> str:
    """Return what a copy is said to be; it becomes the ending of a name, so only letters and digits."""
    found = parameters.get("container") if isinstance(parameters, dict) else None
    if not isinstance(found, str) or not re.fullmatch("[a-z0-9]{2,8}", found):
        raise MalformedError("a redaction does not say what kind of file its copy is")
    return found


def read_copy(ledger: Ledger, copy: Redaction) -> bytes:
    """Return the bytes of a redacted copy, their hash checked.

    Raises FrozenError if its item is frozen, TamperedError where the bytes are not those that were attacked.
    """
    data = read_file(ledger, copy, COPY)
    if digest_of(data) != copy.sha256:
        raise TamperedError(f"the redacted copy of item {copy.item} is not the one that was attacked")
    return data


def plan_of(ledger: Ledger, copy: Redaction) -> bytes:
    """Return the plan of a redacted copy in its canonical form, whose SHA-256 is `copy.plan`.

    Raises FrozenError if its item is frozen, TamperedError where it is another plan.
    """
    try:
        data = canonical.dumps(json.loads(read_file(ledger, copy, PLAN)))
    except ValueError:
        raise TamperedError(f"the plan of a redacted copy of item {copy.item} is none") from None
    if digest_of(data) != copy.plan:
        raise TamperedError(f"the plan of a redacted copy of item {copy.item} is not the one in its entry")
    return data


def read_file(ledger: Ledger, copy: Redaction, name: str) -> bytes:
    """Return a file stored with a redacted copy, empty if there is none of this name; raise FrozenError."""
    ledger.frozen.refuse([copy.item])
    derived = ledger.open_derived(ledger.open_delivery(copy.delivery), copy.path)
    return derived.read(copy.job, name) if name in derived.jobs[copy.job] else b""


def _redaction(derived: OpenDerived, job: str, version: str, entry: int) -> Redaction:
    what = f"the attack at {derived.path}"
    if {COPY, PLAN, ATTACK} != set(derived.jobs[job]) - {CHECKLIST, MARK}:
        raise MalformedError(f"the redaction at {derived.path} is not whole")
    names = "checked hits plan sha256 type v warnings"
    got = canonical.members(canonical.loads(derived.read(job, ATTACK), what), what, names)
    sha256, plan = canonical.text(got["sha256"], what), canonical.text(got["plan"], what)
    if (got["type"], got["v"]) != ("attack", "1") or not HEX64.match(plan):
        raise MalformedError(f"{what} is of no version known here")
    if sha256 != derived.jobs[job][COPY].sha256:
        raise TamperedError(f"{what} was made on other bytes than those of the copy")
    hits = tuple(canonical.text(hit, what) for hit in canonical.array(got["hits"], what))
    return Redaction(derived.item, sha256, plan, hits, version, entry, path=derived.path, job=job)
