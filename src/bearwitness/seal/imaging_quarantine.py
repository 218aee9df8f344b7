"""What of an image goes to the source keepers alone: the image, facts of the drive, traces, deleted files."""

from __future__ import annotations

import hashlib
import hmac
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict
from typing import Final

from bearwitness.images.disk_image import EWF, DiskImage
from bearwitness.images.model import FILE, READ_BYTES_MAX
from bearwitness.images.ranges import Ranges
from bearwitness_verify.canonical import Json, b64

from .imaging_compare import Compared, SecondReading, compare
from .imaging_notes import Notes
from .imaging_report import Imaged, device_json, public_facts, quarantine_facts, unstable_json
from .imaging_source import FirstReading, ImageSource, Made, Whole
from .imaging_target import Target
from .imaging_walk import DELETED, LIVE, TRACE, found_of, walk
from .journal import Run
from .model import Options
from .part import Lost
from .run import Intake
from .walk import TAG_BYTES, Found

_FOLDERS: Final = {TRACE: b"traces", DELETED: b"deleted"}
_TAGS, _FIRST, _IMAGED = "tags", "first.notes", "imaged.notes"


class Quarantine:
    """The quarantine of one image, taken in by an open run."""

    def __init__(
        self,
        run: Run,
        target: Target,
        image: DiskImage | None,
        options: Options,
        progress: Callable[[int], None],
    ) -> None:
        self._run, self._target, self._image, self._options = run, target, image, options
        self._progress = progress
        self._first = Notes(run.folder, run.key, _FIRST)
        self._notes = Notes(run.folder, run.key, _IMAGED)
        self._counts = {TRACE: [0, 0], DELETED: [0, 0]}

    def intake(self, identity: bytes) -> Intake:
        """Return what the run takes in: the image first, then what is only known once it was read."""
        raw = self._target.form != EWF
        first = FirstReading(self._run.folder / _TAGS, self._first, self._run.key) if raw else None
        source = ImageSource(self._target, self._image, first, self._notes)
        later = (self._written, self._private)
        return Intake(identity, source, self._wholes, _no_index, later, self._told)

    def imaged(self) -> Imaged:
        """Return what is known of the image; it is once it was read."""
        kept = self._notes.read()
        return Imaged(**kept) if kept is not None else Imaged()

    def _told(self) -> dict[str, Json]:
        imaged = self.imaged()
        public = public_facts(self._target, imaged, self._options.form.write_blocker)
        return {**quarantine_facts(public, imaged), "deleted_recovered": self._options.recover_deleted}

    def _wholes(self, run_key: bytes) -> Iterator[Found]:
        """Yield the files that make up the image."""
        for number, name in enumerate(self._target.names):
            tag = _tag(run_key, b"whole %d " % number + self._target.identity)
            yield Found(FILE, name, self._target.size, tag, None, "", Whole(number))

    def _written(self, run_key: bytes) -> Iterator[Found]:
        """Examine the image, which is sealed by now; yield the files that say what was found."""
        imaged = self.imaged()
        if not imaged.size:
            imaged = self._examine_ewf() if self._target.form == EWF else self._examine_raw()
            if self._image is not None:
                layout = self._image.layout()
                imaged.volumes = len(layout.volumes)
                imaged.volumes_read = sum(1 for volume in layout.volumes if volume.file_system)
            self._notes.write(asdict(imaged))
        if self._image is not None:
            self._image.know(((o, n) for o, n in imaged.unreadable), imaged.unstable)
        blocker, now = self._options.form.write_blocker, time.time_ns()
        for name, data in (
            (b"unstable.json", unstable_json(imaged)),
            (b"device.json", device_json(self._target, imaged, self._image, blocker)),
        ):
            yield Found(FILE, name, len(data), _tag(run_key, b"made " + name), None, "", Made(data, now))

    def _examine_raw(self) -> Imaged:
        """Read the disk a second time and compare."""
        first = self._first.read()
        if first is None:  # a power cut took the notes but left the journal: one reading is all there is
            return Imaged(size=self._target.size, readings=1)
        second = SecondReading(self._target.paths[0])
        try:
            tags, size = self._run.folder / _TAGS, int(first["size"])
            compared = compare(second.read, size, tags, self._run.key, self._progress)
        finally:
            second.close()
        return _imaged(first, compared)

    def _examine_ewf(self) -> Imaged:
        """Decode the image and compare it with the hashes stored in it."""
        if self._image is None:
            return Imaged(size=self._target.size, readings=1)
        stored = dict(self._image.acquisition().hashes)
        sums = {name: hashlib.new(name, usedforsecurity=False) for name in {"sha256", *stored}}
        size, bad = self._image.layout().size, Ranges()
        room = memoryview(bytearray(READ_BYTES_MAX))
        for offset in range(0, size, READ_BYTES_MAX):
            data = room[: size - offset]
            for hole in self._image.fill_raw(data, offset):
                bad.add(hole.offset, hole.length)
            for running in sums.values():
                running.update(data)
            self._progress(len(data))
        hashes = {name: running.hexdigest() for name, running in sums.items()}
        return Imaged(
            hashes["sha256"], size, [list(pair) for pair in bad], readings=1, hashes=hashes, stored=stored
        )

    def _private(self, run_key: bytes) -> Iterator[Found]:
        """Yield traces of operating systems and, if a source keeper asks for them, deleted files."""
        if self._image is None:
            return
        for seen in walk(self._image, deleted=self._options.recover_deleted, traces=True):
            if seen.kind == LIVE:
                continue
            found = found_of(seen, _FOLDERS[seen.kind], run_key)
            self._counts[seen.kind][0] += 1
            self._counts[seen.kind][1] += found.size
            yield found

    def report(self, lost: list[Lost]) -> tuple[list[str], list[list[str]]]:
        """Return what people are told of the quarantine, and its losses: no name but those of the image."""
        imaged, told = self.imaged(), []
        for kind, what in ((TRACE, "that an operating system left"), (DELETED, "of deleted files")):
            names, size = self._counts[kind]
            if names:
                noun = "name" if names == 1 else "names"
                told.append(
                    f"{names:,} {noun} {what} ({size:,} bytes) went to the quarantine, not to the evidence"
                )
        if imaged.readings < 2 and self._target.form != EWF:
            told.append("the image was read once only: what the first reading left was lost in a power cut")
        ours, deleted = set(self._target.names), _FOLDERS[DELETED] + b"/"
        losses = [[b64(one.path), one.reason] for one in lost if one.path in ours]
        # Of what was deleted, nobody can expect it to be whole.
        others = sum(1 for one in lost if one.path not in ours and not one.path.startswith(deleted))
        name = b64(self._target.names[0])
        if others:
            losses.append([name, f"{others:,} names in the quarantine could not be read, or not whole"])
        if imaged.unstable:
            losses.append([name, f"{imaged.unstable.total:,} bytes differed when they were read again"])
        if imaged.mismatched:
            names_of = " and ".join(name.upper() for name in imaged.mismatched)
            losses.append([name, f"what it decodes to does not have the {names_of} stored in it"])
        if imaged.unreadable and self._target.form == EWF:
            count = sum(length for _, length in imaged.unreadable)
            losses.append([name, f"{count:,} bytes of it can not be decoded"])
        return told, losses


def _imaged(first: dict[str, object], compared: Compared) -> Imaged:
    return Imaged(
        sha256=str(first["sha256"]), size=int(str(first["size"])),
        unreadable=first["unreadable"],  # type: ignore[arg-type]
        sectors=[list(pair) for pair in compared.sectors], chunks=[list(pair) for pair in compared.chunks],
        readings=2, hashes={"sha256_second_reading": compared.sha256},
    )  # fmt: skip


def _no_index(reading: object, size: int, head: memoryview) -> None:
    """Cut a file in plain blocks: no packets of what lies in the quarantine are ever shown."""


def _tag(run_key: bytes, what: bytes) -> bytes:
    return hmac.digest(run_key, what, "sha256")[:TAG_BYTES]
