"""Looks at exactly the bytes that lie ready: what they carry besides what they show, and who is on them.

Everything is read in the sandbox, every frame is looked at, all sound is heard. What does not decode whole
gives no fact, and a gate refuses what no fact is known of. The segments of a clip are looked at by their
playable file, which the verifier has found to be made of exactly these (docs/format.md, 11.3).
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

from bearwitness import media
from bearwitness.errors import BearwitnessError
from bearwitness.inference.worker import InferenceWorker
from bearwitness.media import documents
from bearwitness.media.metadata import FOOTAGE, IMAGE, metadata, traces
from bearwitness.media.model import MediaError
from bearwitness.media.probe import probe
from bearwitness.media.source import Source, held_in_memory
from bearwitness.sandbox.client import Sandbox

from .carried import findings_of
from .facts import Look, Scan
from .outgoing import ExhibitFile
from .reading import PAGES_MAX, whole_text, words_of
from .watching import MODELS, TOOL, Watcher

SCANNER: Final = "bearwitness scan 1"
_DOCUMENTS: Final = frozenset({"txt", "pdf"})
_ARCHIVES: Final = frozenset({"zip", "gz", "bz2", "xz", "7z", "rar", "tar"})
_IMAGES: Final = frozenset({"jpg", "png", "gif", "tif", "heic", "webp"})
_FOOTAGE: Final = frozenset({"mp4", "mov", "mkv", "webm", "avi", "ts", "m2ts", "wav", "flac", "mp3", "ogg"})
Progress = Callable[[str], None]


@dataclass
class Inspected:
    """Looks and scans, by the SHA-256 of the bytes they are about, and why there are none of others.

    `texts`: what stands in documents, for those who approve to read.
    """

    looks: list[Look] = field(default_factory=list)
    scans: list[Scan] = field(default_factory=list)
    failures: dict[str, str] = field(default_factory=dict)
    texts: dict[str, str] = field(default_factory=dict)


class Inspector:
    """Holds the sandbox and the detectors, which start when they are first needed. For one thread."""

    def __init__(self, *, accept_weak: bool = False) -> None:
        self._sandbox = Sandbox(media.TASKS, accept_weak=accept_weak)
        self._reader = Sandbox(documents.TASKS, accept_weak=accept_weak)
        self._worker = InferenceWorker(MODELS, exact=False, accept_weak=accept_weak)

    def __enter__(self) -> Inspector:
        return self

    def __exit__(self, *raised: object) -> None:
        self._worker.close()
        self._reader.close()
        self._sandbox.close()

    def inspect(self, folder: Path, files: Sequence[ExhibitFile], progress: Progress) -> Inspected:
        """Return what is known of `files`, which lie below `folder`."""
        found = Inspected()
        for name, sha256, plays in files:
            progress(f"looking at {plays}: every frame, all sound, what it carries")
            try:
                with _source(folder / plays) as source:
                    if source.name.rpartition(".")[2] in _DOCUMENTS:
                        self._document(folder / name, source, sha256, found)
                        continue
                    found.scans.append(self._scan(source, sha256))
                    if plays != name:
                        found.scans[-1] = self._with_traces(folder / name, found.scans[-1])
                    found.looks.append(self._look(source, sha256))
            except BearwitnessError as error:
                found.failures[sha256] = f"{name}: {error.message}"
        return found

    def _document(self, path: Path, source: Source, sha256: str, found: Inspected) -> None:
        """Read a text or a PDF: what stands in it is told, and has to be accepted, by those who approve."""
        pictures = documents.pictures_of(path.read_bytes()) if documents.is_pdf(source) else []
        findings: set[str] = {f"trace {name}" for name in traces(self._sandbox, source)}
        text = ""
        if pictures:  # a redacted copy: written by us of pictures alone
            for number, data in enumerate(pictures, 1):
                with held_in_memory(data, f"page {number} of {source.name}") as page:
                    findings |= set(findings_of(metadata(self._sandbox, page, IMAGE), ()))
        else:
            told = documents.read(self._reader, source)
            text = whole_text(told, source.name)
            findings |= set(words_of(told))
        watcher = Watcher(self._sandbox, self._worker)
        lines = sum(bool(line.strip()) for line in text.splitlines())
        if documents.is_pdf(source):
            watcher.pages(documents.pages(source, PAGES_MAX))
        look = Look(sha256, watcher.faces, TOOL, watcher.persons, 0, max(watcher.texts, lines))
        found.scans.append(Scan(sha256, tuple(sorted(findings)), SCANNER))
        found.looks.append(look)
        found.texts[sha256] = text

    def _scan(self, source: Source, sha256: str) -> Scan:
        kind = _kind(source.name)
        carried = metadata(self._sandbox, source, kind)
        streams = probe(self._sandbox, source).streams if kind == FOOTAGE else ()
        return Scan(sha256, tuple(findings_of(carried, streams)), SCANNER)

    def _with_traces(self, segments: Path, scan: Scan) -> Scan:
        """Return the scan of a clip's playable file, with the traces that stand in its segments alone."""
        with _source(segments) as source:
            more = [f"trace {name}" for name in traces(self._sandbox, source)]
        return replace(scan, findings=tuple(sorted({*scan.findings, *more})))

    def _look(self, source: Source, sha256: str) -> Look:
        watcher = Watcher(self._sandbox, self._worker)
        if _kind(source.name) == IMAGE:
            watcher.picture(source)
        else:
            watcher.footage(source)
        return Look(sha256, watcher.faces, TOOL, watcher.persons, watcher.speech, watcher.texts)


@contextmanager
def _source(path: Path) -> Iterator[Source]:
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
    try:
        yield Source.of_file(descriptor, path.name)
    finally:
        os.close(descriptor)


def _kind(name: str) -> str:
    extension = name.rpartition(".")[2]
    if extension in _ARCHIVES:
        raise MediaError(
            f"{name} is an archive or an Office document, of which nobody can say that all of it was seen: "
            "unpack it, or print it to PDF, seal what comes of it, and release that"
        )
    if extension in _IMAGES:
        return IMAGE
    if extension in _FOOTAGE:
        return FOOTAGE
    raise MediaError(f"what a file of the kind {extension!r} shows and carries can not be looked at yet")
