"""A release as a research object crate (RO-Crate 1.1): the release unchanged in ``release/``, and JSON-LD.

The context is named, not fetched. The crate needs a date of publication, which a release does not show: who
exports it says it.
"""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path
from typing import Any, Final

from bearwitness.errors import UsageError
from bearwitness_verify.clip_words import stated
from bearwitness_verify.release import ListedFile
from bearwitness_verify.report import printable

from .shown import Exhibit, Shown
from .writing import copy_release, write

METADATA: Final = "ro-crate-metadata.json"
_CONTEXT: Final = "https://w3id.org/ro/crate/1.1/context"
_PROFILE: Final = "https://w3id.org/ro/crate/1.1"
_MEDIA_TYPES: Final = {
    "avi": "video/x-msvideo", "flac": "audio/flac", "gif": "image/gif", "heic": "image/heic",
    "html": "text/html", "jpg": "image/jpeg", "json": "application/json", "mkv": "video/x-matroska",
    "mov": "video/quicktime", "mp3": "audio/mpeg", "mp4": "video/mp4", "ogg": "audio/ogg",
    "pdf": "application/pdf", "png": "image/png", "tif": "image/tiff", "ts": "video/mp2t",
    "txt": "text/plain", "wav": "audio/wav", "webm": "video/webm", "webp": "image/webp",
    "zip": "application/zip",
}  # fmt: skip


def published(day: str | None) -> str:
    """Return the date of publication; raise UsageError if none, or no date, was given."""
    if day is None:
        raise UsageError(
            "a crate must say when it is published, and a release does not show that",
            "give the day with --date, for instance --date 2026-05-31",
        )
    try:
        return date.fromisoformat(day).isoformat()
    except ValueError:
        raise UsageError(f"{printable(day)} is not a day", "write it as 2026-05-31") from None


def write_crate(package: Path, shown: Shown, folder: Path, day: str) -> None:
    """Write the release at `package` as a crate, published on `day`, into the new `folder`."""
    folder.mkdir()
    copy_release(package, shown, folder / "release")
    write(folder / METADATA, json.dumps(metadata(shown, day), indent=2, ensure_ascii=False) + "\n")


def metadata(shown: Shown, day: str) -> dict[str, Any]:
    """Return the crate's metadata."""
    exhibits = {one.file.name: one for one in shown.exhibits if one.file}
    files = [_file(file, exhibits.get(file.name)) for file in shown.files]
    conditions = "; ".join(
        f"{name}: {printable(said, 2000)}" for name, said in sorted(shown.statement.conditions.items())
    )
    root: dict[str, Any] = {
        "@id": "./",
        "@type": "Dataset",
        "name": f"Release {shown.prefix} of the vault {printable(shown.statement.vault.name)}",
        "description": " ".join([f"Verdict of the verifier: {shown.verdict_text}", *_account(shown)]),
        "datePublished": day,
        "identifier": shown.digest,
        "license": {"@id": "#conditions"},
        "hasPart": [{"@id": one["@id"]} for one in files],
        "mentions": [{"@id": f"#statement-{n}"} for n in range(1, len(shown.statement.statements) + 1)],
    }
    if len(shown.statement.statements) == 1:
        root["mentions"] = {"@id": "#statement-1"}
    graph = [
        {
            "@id": METADATA,
            "@type": "CreativeWork",
            "about": {"@id": "./"},
            "conformsTo": {"@id": _PROFILE},
        },
        {name: value for name, value in root.items() if value != []},
        {
            "@id": "#conditions",
            "@type": "CreativeWork",
            "name": "Conditions of sharing",
            "description": conditions or "The release names no conditions, and this grants no licence.",
        },
        *files,
        *(
            {"@id": f"#statement-{number}", "@type": "CreativeWork", "name": "Statement", "text": stated(one)}
            for number, one in enumerate(shown.statement.statements, start=1)
        ),
    ]
    return {"@context": _CONTEXT, "@graph": graph}


def _account(shown: Shown) -> list[str]:
    return [
        f"Delivery {one.number}: {one.shown} of {one.held} items shown."
        if one.held is not None
        else f"Delivery {one.number}: {one.shown} items shown; how many it holds is not shown."
        for one in shown.deliveries
    ]


def _file(file: ListedFile, exhibit: Exhibit | None) -> dict[str, Any]:
    entity: dict[str, Any] = {
        "@id": f"release/{file.name}",
        "@type": "File",
        "name": file.name if exhibit is None else f"Exhibit {exhibit.number}",
        "contentSize": str(file.size),
        "encodingFormat": _MEDIA_TYPES.get(file.name.rpartition(".")[2], "application/octet-stream"),
        "identifier": f"sha256:{file.sha256}",
    }
    if exhibit is not None:
        words = [f"{exhibit.kind}, item {exhibit.item} of delivery {exhibit.delivery}"]
        words += [f"path {exhibit.path}"] if exhibit.path else []
        words += [f"modified {exhibit.modified}"] if exhibit.modified else []
        entity["description"] = ", ".join(words)
    return entity
