"""What an adversary does who owns the whole drive, pools releases, and knows the formats as well as we do."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import re
import zipfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from bearwitness.crypto.derive import derive
from bearwitness.custody import items as commitments
from bearwitness_verify.leaves import ITEM_SLOTS, hash_leaf


def files_in(release: Path) -> dict[str, bytes]:
    if release.suffix == ".zip":
        with zipfile.ZipFile(release) as package:
            return {name: package.read(name) for name in package.namelist()}
    return {str(p.relative_to(release)): p.read_bytes() for p in release.rglob("*") if p.is_file()}


def statement(release: Path) -> Any:
    return json.loads(files_in(release)["release.json"])


def texts(value: Any) -> Iterator[str]:
    """Yield every text in a statement, names of members too."""
    if isinstance(value, dict):
        for name, member in value.items():
            yield name
            yield from texts(member)
    elif isinstance(value, list):
        for member in value:
            yield from texts(member)
    elif isinstance(value, str):
        yield value
        yield from value.split()


def everything_said(release: Path) -> bytes:
    """Return all a release holds but the files shown, also decoded from base64 and hexadecimal."""
    said = [data for name, data in files_in(release).items() if not name.startswith("exhibits/")]
    said += [name.encode() for name in files_in(release)]
    for text in texts(statement(release)):
        if re.fullmatch(r"[A-Za-z0-9_+/-]+={0,2}", text) and len(text) % 4 != 1:
            plain = text.translate(str.maketrans("-_", "+/")).rstrip("=")
            said.append(base64.b64decode(plain + "=" * (-len(plain) % 4)))
        if re.fullmatch(r"(?:[0-9a-f]{2})+", text):
            said.append(bytes.fromhex(text))
    return b"\n".join(said)


def words_of(releases: Iterable[Path]) -> set[bytes]:
    """Return every value of 32 bytes in some releases: hashes, salts, roots, whatever they are."""
    return {word for release in releases for word in words_in(statement(release))}


def words_in(value: Any) -> set[bytes]:
    """Return every value of 32 bytes in a piece of a statement."""
    found = set()
    for text in texts(value):
        plain = text.translate(str.maketrans("-_", "+/")).rstrip("=")
        if re.fullmatch(r"[0-9a-f]{64}", text):
            found.add(bytes.fromhex(text))
        elif len(plain) % 4 != 1 and re.fullmatch(r"[A-Za-z0-9+/]+", plain):
            data = base64.b64decode(plain + "=" * (-len(plain) % 4))
            found |= {data[at : at + 32] for at in range(0, len(data) - 31, 32)}
    return found


def traces(path: str, data: bytes, status: os.stat_result) -> dict[str, bytes]:
    """Return what would give a file away if it stood in a release."""
    found = {
        name: hashlib.new(name, data, usedforsecurity=False).digest()
        for name in ("sha256", "md5", "sha1", "sha512", "blake2b")
    }
    found |= {"path": path.encode(), "name": os.path.basename(path).encode()}
    found |= {"folder": os.path.dirname(path).encode() + b"/", "mtime": str(status.st_mtime_ns).encode()}
    if len(data) > 1000:
        found |= {"size": str(len(data)).encode(), "first bytes": data[:24], "last bytes": data[-24:]}
    return found


def stands_in(form: bytes, text: bytes) -> bool:
    """Say whether a trace stands in a text; a short number only by itself: hashes hold any five digits."""
    if form.isdigit() and len(form) < 10:
        return re.search(rb"(?<![0-9A-Za-z_+/-])" + form + rb"(?![0-9A-Za-z_+/-])", text) is not None
    return form in text


def guesses(path: str, data: bytes, status: os.stat_result) -> Iterator[tuple[str, int, bytes]]:
    """Yield kind, slot and payload of the leaves that an owner of the file can work out."""
    values = {
        "path": commitments.data(path.encode()),
        "size": commitments.number(len(data)),
        "mtime": commitments.number(status.st_mtime_ns),
        "sha256": commitments.data(hashlib.sha256(data).digest()),
        "md5": commitments.data(hashlib.md5(data, usedforsecurity=False).digest()),
    }  # what became of it is no guess: it is the same for every file
    for name, value in values.items():
        yield "item-field", ITEM_SLOTS[name], f'{{"name":"{name}","value":{value}}}'.encode()
    for size in (len(data), 65_536):
        yield "segment", 0, data[:size]


def confirms(words: set[bytes], path: str, data: bytes, status: os.stat_result) -> list[str]:
    """Return which guesses are confirmed: hashed with any value of a release as salt, or salt's secret."""
    hits = []
    secrets = {word: (derive(word, b"fields"), derive(word, b"content")) for word in words}
    for kind, slot, payload in guesses(path, data, status):
        for word in words:
            salts = [word, derive(word, b"salt", slot)]
            salts += [derive(secret, b"salt", slot) for secret in secrets[word]]
            for salt in salts:
                if hash_leaf(kind, salt, payload) in words:
                    hits.append(f"{kind} {slot} of {path}")
    hits += [f"{path} without a salt" for _, _, p in guesses(path, data, status) if plainly(p) & words]
    return hits


def plainly(payload: bytes) -> set[bytes]:
    return {hashlib.sha256(payload).digest(), hash_leaf("item-field", bytes(32), payload)}
