"""Puts ``index.html`` together: the page by which a release is checked in a browser, without a network.

Style and script stand in the page itself, for a browser reads no other file from ``file://``. The policy in
its head allows exactly these two by their hashes, pictures and media from verified blobs, workers from blobs
(the page's own script again, which hashes there and is bound by the same policy), and nothing else.
"""

from __future__ import annotations

import base64
import json
from functools import cache
from hashlib import sha256
from importlib.resources import files
from typing import Final

NAME: Final = "index.html"
LANGUAGES: Final = ("en", "ru", "fr")
SCRIPTS: Final = (
    "bytes", "canonical", "sha256", "hashing", "merkle", "notes", "statement", "account", "archive",
    "evidence", "anchors", "rows", "transport", "play", "play_mp4", "play_matroska", "play_riff", "clips",
    "stills", "copy_mp4", "copies", "report", "lanes", "verify", "words", "exhibits", "app",
)  # fmt: skip


def texts() -> dict[str, dict[str, str]]:
    """Return the table of sentences: key, language, text."""
    table: dict[str, dict[str, str]] = json.loads(_part("texts.json"))
    return table


@cache
def page() -> bytes:
    """Return the page; the same bytes each time for the same sources."""
    table = json.dumps(texts(), ensure_ascii=False, separators=(",", ":")).replace("<", "\\u003c")
    parts = ['"use strict";', f"const TEXTS = {table};", *(_part(f"{name}.js").strip() for name in SCRIPTS)]
    script, style = _block("\n\n".join(parts), "script"), _block(_part("page.css").strip(), "style")
    whole = _part("page.html")
    for place, text in (("POLICY", _policy(script, style)), ("STYLE", style), ("SCRIPT", script)):
        whole = whole.replace(f"@{place}@", text, 1)
    return whole.encode()


def _part(name: str) -> str:
    return files("bearwitness.disclose").joinpath("page", name).read_text(encoding="utf-8")


def _block(text: str, tag: str) -> str:
    if f"</{tag}" in text.lower() or "<!--" in text:
        raise ValueError(f"the page's {tag} would end before its time")
    return f"\n{text}\n"


def _policy(script: str, style: str) -> str:
    hashes = (base64.b64encode(sha256(text.encode()).digest()).decode() for text in (script, style))
    allowed = "script-src 'sha256-{}'; style-src 'sha256-{}'".format(*hashes)
    blobs = "img-src blob:; media-src blob:; worker-src blob:"
    return f"default-src 'none'; {allowed}; {blobs}; base-uri 'none'; form-action 'none'"
