"""Seals a block device or a disk image: the image to the quarantine, its live files as evidence.

Two deliveries come of it. The first, encrypted to the source keepers alone, holds the image, what tells the
drive from all others, traces of operating systems and, if asked for, deleted files. The second holds the live
files, for the vault. Both survive any crash: the run of the evidence is begun first and ended last, and its
notes remember what became of the quarantine.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Final

from bearwitness.errors import BearwitnessError, SandboxUnavailableError
from bearwitness.images.disk_image import LIMITS, PATIENT_LIMITS, TASKS, DiskImage
from bearwitness.sandbox import status
from bearwitness.sandbox.client import Sandbox
from bearwitness.vault.vault import Vault
from bearwitness_verify.canonical import Json, b64, unb64

from .closing import Closed
from .imaging_notes import Notes
from .imaging_quarantine import Quarantine
from .imaging_report import Imaged, public_facts
from .imaging_source import ImageSource
from .imaging_target import DEVICE_HOW, Target, open_target
from .imaging_walk import LIVE, found_of, walk
from .indexing import ContainerIndexer
from .journal import Run
from .model import Options, Sealing
from .part import Lost
from .run import Intake, Outcome, Progress, Settings, find_run, seal_run
from .walk import Found

_QUARANTINE: Final = b"\x00quarantine"
_NOTES: Final = "image.notes"
WORKERS: Final = 1  # a disk is read from one place at a time


def seal_image(vault: Vault, source: Path, kind: str, options: Options, progress: Progress) -> Sealing:
    """Seal a device or image into two deliveries; the caller holds the vault's lock."""
    target = open_target(source, kind)
    warnings = _first_warnings(target, options)
    try:
        with _opened(target, options, warnings) as (image, sandbox):
            return _Imaging(vault, target, image, sandbox, options, warnings, _Total(progress)).run()
    finally:
        target.close()


def _first_warnings(target: Target, options: Options) -> list[str]:
    warnings = []
    if target.in_use:
        warnings.append(
            f"{target.path} is in use on this machine (mounted?): what is read may change meanwhile"
        )
    if target.how == DEVICE_HOW and not options.form.write_blocker and not target.read_only:
        warnings.append(
            "no write blocker was named, and the kernel does not hold the device for read-only: "
            "nothing here writes to it, but other programs could"
        )
    return warnings


@contextmanager
def _opened(
    target: Target, options: Options, warnings: list[str]
) -> Iterator[tuple[DiskImage | None, Sandbox | None]]:
    """Give the image to read file systems from, None where that can not be done; it is said why."""
    try:
        layers = status.require(accept_weak=options.weak_sandbox)
    except SandboxUnavailableError as error:
        warnings.append(f"{error}: file systems are not read, so only the image is sealed, to the quarantine")
        yield None, None
        return
    if layers.lacking:
        warnings.append(f"WEAK SANDBOX, as accepted: this kernel lacks {', '.join(layers.lacking)}")
    limits = PATIENT_LIMITS if options.recover_deleted else LIMITS
    with Sandbox(TASKS, accept_weak=options.weak_sandbox) as sandbox:
        sandbox.start()
        with DiskImage(sandbox, target.medium, limits) as image:
            try:
                layout = image.layout()
            except BearwitnessError as error:
                warnings.append(
                    f"no file system in the image can be read, for {error}; only the image is sealed, to the "
                    "quarantine"
                )
                yield None, None
                return
            for volume in layout.volumes:
                if not volume.file_system:
                    warnings.append(
                        f"volume {volume.number} holds no file system that can be read "
                        f"({volume.trouble}); it is in the image alone"
                    )
            yield image, sandbox


class _Imaging:
    """One device or image on its way into the vault."""

    def __init__(
        self,
        vault: Vault,
        target: Target,
        image: DiskImage | None,
        sandbox: Sandbox | None,
        options: Options,
        warnings: list[str],
        total: _Total,
    ) -> None:
        self._vault, self._target, self._image, self._sandbox = vault, target, image, sandbox
        self._options, self._warnings, self._total = options, warnings, total
        self._settings = Settings(fields=options.form.fields(), md5=options.md5, workers=WORKERS)
        self._lost: list[Lost] = []

    def run(self) -> Sealing:
        """Seal what is not sealed yet, the quarantine before the evidence."""
        run, resumed = find_run(self._vault, self._target.identity, "vault")
        if resumed:
            self._total.progress.on_resume(run.items, run.size)
        quarantine, imaged = self._quarantine(run)
        evidence = self._evidence(run, quarantine, imaged, resumed=resumed)
        run.destroy()
        lost = self._lost + evidence.lost
        if self._image is None:
            reason = "the file systems in it were not read; the evidence is empty"
            lost.append(Lost(self._target.names[0], reason))
        sealing = Sealing(evidence.closed, self._target.how, lost, resumed, self._warnings, quarantine)
        sealing.unread = evidence.unread
        return sealing

    def _quarantine(self, run: Run) -> tuple[Closed, Imaged]:
        """Seal the quarantine, or return what the notes of the evidence's run say became of it."""
        notes = Notes(run.folder, run.key, _NOTES)
        kept = notes.read()
        if kept is not None:
            self._report(kept["told"], kept["lost"])
            return _closed_from(kept["closed"]), Imaged(**kept["imaged"])
        identity = self._target.identity + _QUARANTINE
        own, resumed = find_run(self._vault, identity, "source")
        work = Quarantine(own, self._target, self._image, self._options, self._total.read)
        if self._image is not None:
            self._image.close()  # each process opens the image anew; none inherits an open session
        with self._total.phase() as progress:
            settings = Settings(self._settings.fields, self._settings.md5, "source", WORKERS)
            outcome = seal_run(self._vault, own, work.intake(identity), settings, progress, resumed=resumed)
        imaged = work.imaged()
        told, lost = work.report(outcome.lost)
        closed = _closed_to(outcome.closed)
        notes.write({"closed": closed, "imaged": asdict(imaged), "told": told, "lost": lost})
        own.destroy()
        self._report(told, lost)
        return outcome.closed, imaged

    def _report(self, told: list[str], lost: list[list[str]]) -> None:
        self._warnings += told
        self._lost += [Lost(unb64(path), reason) for path, reason in lost]

    def _evidence(self, run: Run, quarantine: Closed, imaged: Imaged, *, resumed: bool) -> Outcome:
        image = self._image
        if image is not None:
            image.know(((o, n) for o, n in imaged.unreadable), imaged.unstable)
        indexer = ContainerIndexer(self._sandbox) if self._sandbox else lambda reading, size, head: None
        facts = public_facts(self._target, imaged, self._options.form.write_blocker)
        told: dict[str, Json] = {**facts, "quarantine": quarantine.delivery}

        def names(run_key: bytes) -> Iterator[Found]:
            for seen in walk(image, deleted=False, traces=False) if image is not None else ():
                if seen.kind == LIVE:
                    yield found_of(seen, b"", run_key)

        source = ImageSource(self._target, image, None, None)
        intake = Intake(self._target.identity, source, names, indexer, told=lambda: told)
        with self._total.phase() as progress:
            return seal_run(self._vault, run, intake, self._settings, progress, resumed=resumed)


class _Total:
    """Adds up what is told of the phases of one seal."""

    def __init__(self, progress: Progress) -> None:
        self.progress = progress
        self._before = self._now = 0
        self._items = self._size = 0

    def read(self, length: int) -> None:
        """Count bytes that were read beside the workers."""
        self._before += length
        self.progress.on_read(self._before + self._now)

    @contextmanager
    def phase(self) -> Iterator[Progress]:
        """Give what one phase tells its progress to."""
        items, size = self._items, self._size

        def on_read(total: int) -> None:
            self._now = total
            self.progress.on_read(self._before + total)

        def on_stored(stored: int, length: int) -> None:
            self._items, self._size = items + stored, size + length
            self.progress.on_stored(self._items, self._size)

        yield Progress(on_read, on_stored, self.progress.on_resume)
        self._before, self._now = self._before + self._now, 0


def _closed_to(closed: Closed) -> dict[str, object]:
    texts = {"root": b64(closed.root), "checkpoint": b64(closed.checkpoint)}
    return {**asdict(closed), **texts}


def _closed_from(kept: dict[str, object]) -> Closed:
    texts = {name: unb64(str(kept[name])) for name in ("root", "checkpoint")}
    return Closed(**{**kept, **texts})  # type: ignore[arg-type]
