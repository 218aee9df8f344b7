"""Seals whatever the source is. The door of this stage: :func:`seal`."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bearwitness.errors import RefusedError, SandboxUnavailableError, StorageError
from bearwitness.sandbox import status
from bearwitness.vault.vault import Vault
from bearwitness_verify.canonical import Json

from . import card, sources_of
from .closing import close, recover, was_closed
from .early import begin_index_sandbox
from .imaging_traces import Traces
from .indexing import ContainerIndexer
from .intake import Indexer
from .journal import open_runs
from .model import Options, Sealing
from .run import Progress, Settings, can_be_opened, seal_names


def seal(vault: Vault, source: Path | None, options: Options, progress: Progress) -> Sealing:
    """Seal `source` into `vault` (None: close an unfinished seal as it is); the caller holds the lock."""
    vault.signer()
    if options.card:
        card.require_room(options.card)
    if source is None:
        sealing = _finish(vault, options)
    else:
        kind = sources_of.kind_of(source, options.kind)
        if kind in ("image", "device"):
            from . import imaging

            sealing = imaging.seal_image(vault, source, kind, options, progress)
        else:
            sealing = _seal_files(vault, source, kind, options, progress)
    left = len(open_runs(vault.store))
    if left:
        sealing.warnings.append(
            f"unfinished seals left here: {left}; run their commands again, or close one with: "
            "bearwitness seal --finish"
        )
    if options.card:
        try:
            card.write(options.card, vault, sealing.closed, options.form, sealing.how)
        except StorageError as error:  # what was sealed is sealed
            sealing.card_missing = True
            sealing.warnings.append(f"it is sealed, but no card was written: {error.message}")
    return sealing


def _seal_files(vault: Vault, source: Path, kind: str, options: Options, progress: Progress) -> Sealing:
    warnings = _trace_warnings(source) if kind == "folder" else []
    with container_indexer(options, warnings) as indexer:
        if kind == "folder":
            intake = sources_of.folder_intake(source, vault, indexer)
        else:
            intake = sources_of.file_intake(source, indexer)
        settings = Settings(fields=options.form.fields(), md5=options.md5)
        outcome = seal_names(vault, intake, settings, progress)
    sealing = Sealing(outcome.closed, intake.source.how, outcome.lost, outcome.resumed, warnings)
    sealing.unread = outcome.unread
    return sealing


def _trace_warnings(folder: Path) -> list[str]:
    """Warn of what an operating system left at the root of a drive: a logical copy has no quarantine."""
    try:
        names = os.listdir(os.fsencode(folder))
    except OSError:
        return []  # the walk will tell of it
    rules = Traces(names)
    count = sum(rules.is_trace(name, at_root=True) for name in names)
    if not count:
        return []
    return [
        f"left by an operating system at the top of this folder: {count} names, which may tell whose machine "
        "the drive was in; in a logical copy they become evidence that every keeper sees. Seal the device, "
        "or an image of it, to have them kept apart for source keepers"
    ]


@contextmanager
def container_indexer(options: Options, warnings: list[str]) -> Iterator[Indexer]:
    """Give the indexer of containers; where the kernel lacks a layer, one that parses nothing."""
    try:
        layers = status.require(accept_weak=options.weak_sandbox)
        if layers.lacking:
            warnings.append(f"WEAK SANDBOX, as accepted: this kernel lacks {', '.join(layers.lacking)}")
    except SandboxUnavailableError as error:
        warnings.append(
            f"{error}: containers are not read, so single packets of these files can not be shown later; "
            "their bytes are sealed all the same"
        )
        yield lambda reading, size, head: None
        return
    with options.sandbox or begin_index_sandbox(accept_weak=options.weak_sandbox) as sandbox:
        sandbox.start()
        yield ContainerIndexer(sandbox)


def _finish(vault: Vault, options: Options) -> Sealing:
    """Close the one unfinished seal as it is."""
    for run in open_runs(vault.store):
        recover(vault, run)
        if can_be_opened(vault, run):
            break
        run.destroy()
    else:
        raise RefusedError("there is no unfinished seal here")
    fields: dict[str, Json] = {"source": {"how": "interrupted"}, "complete": False, **options.form.fields()}
    closed = was_closed(vault, run) or close(vault, run, fields)
    run.destroy()
    return Sealing(closed, "interrupted", [])
