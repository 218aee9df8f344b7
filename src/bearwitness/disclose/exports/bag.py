"""A release as a bag (BagIt 1.0, RFC 8493): the release unchanged in ``data/``, its hashes beside it.

Own writing, because ``bagit`` dates a bag, names itself in it and changes the process's folder; the tests
let it judge what is written here. A bag says nothing of when or where it was made.
"""

from __future__ import annotations

from hashlib import sha256
from pathlib import Path

from bearwitness_verify.report import printable

from .shown import Shown
from .writing import copy_release, write

MANIFEST = "manifest-sha256.txt"


def write_bag(package: Path, shown: Shown, folder: Path) -> None:
    """Write the release at `package` as a bag into the new `folder`."""
    copy_release(package, shown, folder / "data")
    total = sum(file.size for file in shown.files)
    tags = {
        "bagit.txt": "BagIt-Version: 1.0\nTag-File-Character-Encoding: UTF-8\n",
        "bag-info.txt": (
            f"External-Identifier: {shown.digest}\n"
            f"External-Description: Release of the vault {printable(shown.statement.vault.name)}; "
            f"the identifier is the SHA-256 of data/release.json\n"
            f"Payload-Oxum: {total}.{len(shown.files)}\n"
        ),
        MANIFEST: "".join(f"{file.sha256}  data/{file.name}\n" for file in shown.files),
    }
    for name, text in tags.items():
        write(folder / name, text)
    lines = [f"{sha256(text.encode()).hexdigest()}  {name}\n" for name, text in sorted(tags.items())]
    write(folder / "tagmanifest-sha256.txt", "".join(lines))
