"""What of a vault is like one item, or like a file that lies outside of it: `find --similar`.

The file is looked at in the sandbox as an item is, and nothing of it is kept.
"""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import Final, NoReturn

from bearwitness import media
from bearwitness.catalogue.catalogue import Catalogue, ItemRow, refuse_other_name
from bearwitness.errors import RefusedError, storage_error
from bearwitness.media.plans import USUAL
from bearwitness.media.source import Source, regular_file
from bearwitness.sandbox.client import Sandbox
from bearwitness.signals.candidates import CandidateIndex
from bearwitness.signals.relation import Relation, compare, same_bytes
from bearwitness.signals.sketch import Sketch
from bearwitness.vault.derivatives import DONE
from bearwitness.vault.ledger import Ledger

from .analyser import IMAGE, VIDEO, Material
from .copies import SKETCH_FILE, Copies, decode
from .kinds import HEAD_BYTES, guess
from .looking import look
from .similar import sketches

_RELATIONS_MAX: Final = 1000


def like_item(ledger: Ledger, catalogue: Catalogue, row: ItemRow) -> dict[str, Relation]:
    """Return what is like an item, by item; raise FrozenError, UsageError for another name of an item, or
    RefusedError if triage kept no sketch.
    """
    ledger.frozen.refuse([row.item])
    refuse_other_name(row)
    same = [] if row.sha256 is None or not row.bytes else catalogue.with_bytes(row.sha256)
    stored = sketches(ledger, catalogue)
    sketch = next((stored[each.item] for each in (row, *same) if each.item in stored), None)
    found = {each.item: same_bytes() for each in same if each.item != row.item}
    if sketch is None and not found:
        raise RefusedError(
            f"of item {row.item} triage kept nothing by which others could be compared",
            "bearwitness triage --only sketch (pictures and videos alone have such)",
        )
    alike = {} if sketch is None else _alike(sketch, stored)
    return _without_frozen(catalogue, {**alike, **found}, but=row.item)


def like_file(
    ledger: Ledger, catalogue: Catalogue, path: Path, *, accept_weak: bool = False
) -> dict[str, Relation]:
    """Return what is like a picture or video outside of the vault, by item; raise RefusedError for others.

    Raises SourceError for what is no file, such as a pipe or a device, which might never end.
    """
    with regular_file(path) as descriptor:
        try:
            with os.fdopen(os.dup(descriptor), "rb") as file:
                digest = hashlib.file_digest(file, "sha256").digest()
            head = os.pread(descriptor, HEAD_BYTES, 0)
            sketch = _sketch(Source.of_file(descriptor, str(path)), guess(head), accept_weak=accept_weak)
        except OSError as error:
            raise storage_error(error, str(path)) from error
    found = {row.item: same_bytes() for row in catalogue.with_bytes(digest)}
    return _without_frozen(catalogue, {**_alike(sketch, sketches(ledger, catalogue)), **found})


def _sketch(source: Source, kind: str, *, accept_weak: bool) -> Sketch:
    if kind not in (VIDEO, IMAGE):
        raise RefusedError(f"{source.name} is neither a picture nor a video, so nothing can be like it")
    with Sandbox(media.TASKS, accept_weak=accept_weak) as sandbox:
        material = Material(
            item="", path=os.fsencode(source.name), kind=kind, source=source, plan=USUAL,
            sandbox={media.TASKS: sandbox}.__getitem__, inference=_no_network, accept_weak=accept_weak,
        )  # fmt: skip
        copies = Copies()
        copies.make_thorough()  # one file: what was kept of the others may be key frames alone
        (looked,) = look(material, [("", copies)])
    if looked.outcome != DONE:
        raise RefusedError(f"{source.name} can not be compared: {looked.reason or 'it has no picture'}")
    return decode(looked.files[SKETCH_FILE])


def _no_network() -> NoReturn:
    raise AssertionError("sketches need no network")


def _alike(sketch: Sketch, stored: dict[str, Sketch]) -> dict[str, Relation]:
    """Return the relation of `sketch` to each of `stored` that is like it."""
    if not stored:
        return {}
    names, found = list(stored), {}
    for number, tips in list(CandidateIndex(list(stored.values())).like(sketch).items())[:_RELATIONS_MAX]:
        relation = compare(sketch, stored[names[number]], tips)
        if relation is not None:
            found[names[number]] = relation
    return found


def _without_frozen(catalogue: Catalogue, found: dict[str, Relation], but: str = "") -> dict[str, Relation]:
    return {
        item: relation for item, relation in found.items() if item != but and not catalogue.is_frozen(item)
    }
