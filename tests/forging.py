"""Releases as their own vault could forge them: altered at will and signed again with the vault's key."""

from __future__ import annotations

import itertools
import json
import shutil
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from typing import Any

import rfc8785

from bearwitness.custody.signing import SigningKey
from bearwitness_verify.anchors import Anchors
from bearwitness_verify.report import Report
from bearwitness_verify.verify import verify

Place = tuple[str | int, ...]


class Forged:
    """The statement and files of a release; `write` puts them down again, signed."""

    def __init__(self, release: Path, vault: Path, folder: Path) -> None:
        self.statement: Any = json.loads((release / "release.json").read_text("utf-8"))
        self.signer = SigningKey.parse((vault / "local/device.key").read_text())
        self.key = self.signer.verifier.encode()
        self.files = {
            str(path.relative_to(release)): path.read_bytes()
            for path in release.rglob("*")
            if path.is_file() and path.name not in ("release.json", "release.sig")
        }
        self._folder, self._numbers = folder, itertools.count()

    @property
    def own(self) -> Any:
        """The delivery that the vault sealed itself."""
        return next(d for d in self.statement["deliveries"] if d["import"] is None)

    @property
    def kits(self) -> Any:
        """The delivery that a kit sealed."""
        return next(d for d in self.statement["deliveries"] if d["import"] is not None)

    def item(self, ending: str) -> Any:
        """Return the item whose file ends so, of the vault's own delivery."""
        return next(i for i in self.own["items"] if str(i["file"]).endswith(ending))

    @property
    def nothing(self) -> Any:
        """The item without content (a symbolic link)."""
        return next(i for i in self.own["items"] if i["content"] is None)

    def put(self, name: str, data: bytes) -> None:
        """Have `data` as a file, listed as it is."""
        self.files[name] = data
        listed = [file for file in self.statement["files"] if file["name"] != name]
        listed.append({"bytes": str(len(data)), "name": name, "sha256": sha256(data).hexdigest()})
        self.statement["files"] = sorted(listed, key=lambda file: file["name"])

    def write(self, data: bytes | None = None, signature: bytes | None = None) -> Path:
        """Put the release down in a new folder, signed; `data` is a statement to use instead."""
        root = self._folder / f"forged-{next(self._numbers)}"
        for name, content in self.files.items():
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            (root / name).write_bytes(content)
        data = rfc8785.dumps(self.statement) if data is None else data
        text = f"bearwitness/1/release\n{sha256(data).hexdigest()}\n"
        (root / "release.json").write_bytes(data)
        (root / "release.sig").write_bytes(self.signer.sign_note(text) if signature is None else signature)
        return root

    def verify(self, anchors: Anchors | None = None, **write: bytes) -> Report:
        """Put the release down, verify it against the vault's key (or `anchors`), and remove it."""
        root = self.write(**write)
        report = verify(root, anchors or Anchors(vault_keys=(self.key,)))
        shutil.rmtree(root)
        return report

    def places(self, value: Any = None, at: Place = ()) -> Iterator[tuple[Place, Any]]:
        """Yield every place in the statement with what stands there."""
        value = self.statement if not at else value
        yield at, value
        members = (
            value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
        )
        for name, member in members:
            yield from self.places(member, (*at, name))

    def at(self, place: Place) -> Any:
        """Return what stands at a place."""
        found = self.statement
        for name in place:
            found = found[name]
        return found

    def set(self, place: Place, value: Any) -> None:
        """Put something at a place."""
        self.at(place[:-1])[place[-1]] = value


def failed(report: Report) -> set[int]:
    """Return the steps that failed."""
    return {finding.step for finding in report.findings if finding.status == "fail"}


def field(shown: list[Any], name: str) -> Any:
    """Return a shown field by its name."""
    return next(leaf for leaf in shown if leaf["payload"]["name"] == name)
