"""Items of a vault: read in memory, redacted, the copy entered as an encrypted derivative."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import sha256
from typing import Final

from bearwitness.catalogue.catalogue import ItemRow
from bearwitness.custody import entries
from bearwitness.custody.items import commit
from bearwitness.errors import RefusedError, TamperedError, UsageError
from bearwitness.jobs.model import job_id
from bearwitness.media.source import Source as Bytes
from bearwitness.vault import entering, redactions
from bearwitness.vault.delivery import Record
from bearwitness.vault.derivatives import DONE, Derivation
from bearwitness.vault.item_reader import ItemReader
from bearwitness.vault.keyring import Unlocked
from bearwitness.vault.ledger import Ledger
from bearwitness.vault.marks import Mark
from bearwitness.vault.vault import Vault
from bearwitness_verify.canonical import Json

from . import plan_text, residual
from .outcome import Finished
from .plan import Source, source_of

VERSION: Final = "2"  # from this one on its entry says which copy it brought (docs/format.md, 5.3)
VERSION_MARKED: Final = "3"
_PIECE: Final = 1 << 20


@contextmanager
def open_item(ledger: Ledger, row: ItemRow) -> Iterator[tuple[Bytes, Source]]:
    """Give an item's bytes, decrypted in memory as they are asked for, and which file it is.

    Raises FrozenError for what is frozen, UsageError for what has no bytes of its own, TamperedError where
    they are not those that were sealed.
    """
    ledger.frozen.refuse([row.item])
    if row.same_as:
        raise UsageError(f"item {row.item} is another name of item {row.same_as}", f"redact {row.same_as}")
    if row.fate.get("type") != "file" or row.sha256 is None or not row.bytes:
        raise UsageError(f"item {row.item} has no bytes that could be redacted")
    opened = ledger.open_delivery(row.delivery)
    for line in opened.lines(row.part):
        if isinstance(line, Record) and commit(line.values, line.secret) == row.leaf:
            reader = ItemReader(opened, line)
            break
    else:
        raise TamperedError(f"item {row.item} is not in its delivery any more")
    source = source_of(reader.read(at, min(_PIECE, reader.size - at)) for at in range(0, reader.size, _PIECE))
    if source.sha256 != row.sha256.hex():
        raise TamperedError(f"the bytes of item {row.item} are not those that were sealed")
    yield Bytes.of_ranges(reader.read, reader.size, f"item {row.item}"), source


def derivation(
    item: str, finished: Finished, container: str, tool_version: str, mark: Mark | None = None
) -> Derivation:
    """Return what is entered of a finished copy; raise RefusedError if the attack found anything.

    The parameters name the plan's digest, the container and every detector with its weights and precision,
    and that there is a `mark`, not which.
    """
    if finished.report.hits:
        raise RefusedError("the attack found something in this copy, so it is not entered")
    plan = finished.plan
    digest = plan_text.digest(plan)
    detectors: list[Json] = [
        {"name": d.name, "precision": d.precision, "scales": [*d.scales], "sha256": d.sha256}
        for d in plan.detectors
    ]
    parameters: dict[str, Json] = {
        "build": tool_version, "container": container, "detectors": detectors, "plan": digest,
        "source": plan.source.sha256,
    }  # fmt: skip
    hits = [f"{hit.check}: {hit.says}" for hit in finished.report.hits]
    report = finished.report
    if plan.ends is not None:
        parameters["ends"] = str(plan.ends.most)
    if bool(plan.mark) != (mark is not None):
        raise RefusedError("a copy is entered with the mark that its plan asks for, and with no other")
    more: dict[str, bytes] = {}
    if mark is not None:
        parameters["mark"] = plan.mark
        more = {redactions.MARK: mark.encode()}
    version = VERSION if mark is None else VERSION_MARKED
    # Voices and marks are drawn anew each time: the same plan then gives other bytes, which are another job.
    drawn = bool(plan.changed) or mark is not None
    asked: dict[str, Json] = parameters | ({"copy": finished.sha256} if drawn else {})
    return Derivation(
        job=job_id(item, redactions.KIND, version, None, asked),
        kind=redactions.KIND,
        tool=redactions.TOOL,
        version=version,
        model=None,
        parameters=parameters,
        time=entries.now(),
        outcome=DONE,
        files=more
        | {
            redactions.ATTACK: redactions.encode_attack(
                finished.sha256, digest, hits, report.looked_at, report.warnings
            ),
            redactions.COPY: os.pread(finished.descriptor, os.fstat(finished.descriptor).st_size, 0),
            redactions.CHECKLIST: residual.checklist(plan, report).encode(),
            redactions.PLAN: plan_text.write(plan).encode(),
        },
    )


def _told(made: Derivation) -> Json:
    """Return what a recipient of the copy may see of it: all parameters but which file it was made of."""
    parameters = made.parameters if isinstance(made.parameters, dict) else {}
    names = ("build", "container", "detectors", "plan", "ends", "mark")
    shown = {name: parameters[name] for name in names if name in parameters}
    copy = sha256(made.files[redactions.COPY]).hexdigest()
    return {**shown, "copy": copy, "tool": made.tool, "version": made.version}


def enter(vault: Vault, unlocked: Unlocked, row: ItemRow, made: Derivation) -> None:
    """Enter a copy in the log with its files, under the vault's lock, which is held for this alone.

    Raises FrozenError if the item was frozen meanwhile, RefusedError if it was destroyed or entered already.
    """
    entering.enter(vault, unlocked, row.delivery, row.part, row.leaf, made, {"redaction": _told(made)})
