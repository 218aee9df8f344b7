"""Destroys the prints of faces alone: keys and payload of every derivative that holds some, nothing else.

They lie behind key files of their own (triage/running.py), so nothing needs to be written anew. Which they
are is read from the log, not from the catalogue, so that none is forgotten.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Final

from bearwitness.errors import RefusedError, TamperedError
from bearwitness.store.packs import pack_path
from bearwitness.vault.change import Change, erase_leftovers
from bearwitness.vault.derivatives import files_by_item, read_key_path
from bearwitness.vault.ledger import Ledger
from bearwitness_verify import canonical
from bearwitness_verify.canonical import Json

KIND: Final = "faceprints"


@dataclass
class Forgotten:
    """Items whose prints are gone, how many files that were, and items that are frozen and keep theirs."""

    items: list[str] = field(default_factory=list)
    files: int = 0
    held: list[str] = field(default_factory=list)


def forget_faceprints(ledger: Ledger, fields: dict[str, Json], only: Collection[str] = ()) -> Forgotten:
    """Destroy all prints, or those of the deliveries `only`; that two agree the caller has checked.

    Raises RefusedError where there are none.
    """
    done, change = Forgotten(), Change(ledger.vault)
    erase_leftovers(ledger.vault.store)
    packs = {path: names for files in files_by_item(ledger.vault.log.effects()).values()
             for path, names in files.items()}  # fmt: skip
    found = set()
    for path in sorted(_key_files(ledger)):
        delivery, item, _ = read_key_path(path) or ("", "", 0)
        if path not in packs or (only and delivery not in only):
            continue
        if item in ledger.frozen.items:
            done.held.append(item)
            continue
        found.add(item)
        for name in (path, *(pack_path(name) for name in packs[path])):
            change.remove(name)
            done.files += 1
    if not found:
        raise RefusedError("no prints of faces are stored that could be destroyed")
    done.items = sorted(found)
    change.commit({"kind": "faceprints-destroyed", "items": list(done.items), **fields})
    return done


def _key_files(ledger: Ledger) -> set[str]:
    """Return the key files behind which prints lie; raise TamperedError where something else lies there."""
    found = set()
    for act in ledger.acts():
        if act.body is None or act.body.kind != "derived":
            continue
        results = canonical.array(act.body.fields["results"], "the results of an entry")
        kinds = {result["kind"] for result in results if isinstance(result, dict)}
        if KIND not in kinds:
            continue
        if kinds != {KIND}:
            raise TamperedError(f"entry {act.index} brings prints of faces together with other results")
        found |= {path for path in act.entry.effect if read_key_path(path)}
    return found
