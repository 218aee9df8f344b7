"""The text that goes with every release and says how to check it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final

from bearwitness_verify.canonical import Json
from bearwitness_verify.note import VerifierKey

from . import by_hand

NAME: Final = "VERIFY.txt"

_TEXT: Final = """\
HOW TO CHECK THIS RELEASE

It holds files, or parts of files, out of a collection that was sealed before, and
proof that they were in it, byte for byte. It says nothing of what else is in the collection.
(One that holds none recalls an earlier release.)

1. Get the program bearwitness-verify (a Python package that needs only
   Python 3.11 and the package "cryptography"). It works without a network.

2. Get the key or fingerprint of the vault from a place you trust: a person, a
   newspaper, a court's file. NOT from this release: whoever forges a release
   can forge the key in it. This release claims to be of

       key          {key}
       fingerprint  {fingerprint}

3. Run

       bearwitness-verify FOLDER --vault-key KEY-OR-FINGERPRINT

   It prints what it checked and one verdict. "CONSISTENT ONLY" means that you
   gave no key, and proves nothing about who made this.

Without that program: index.html in this release checks the same in a browser, offline, but
for time stamps. Better is a copy of that page from someone you trust: whoever forges a
release can forge the page in it.

The SHA-256 of each file is in release.json, "files"; sha256sum shows the same:

{exhibits}{altered}
The format is described in docs/format.md of the project Bearwitness, chapter 11.


BY HAND, WITHOUT ANY PROGRAM OF OURS

What stands below checks one exhibit, from its bytes to the vault's signature, with
sha256sum and basenc (GNU coreutils) and openssl (3.0 or later). It is short: read
it before you run it. In the folder of this release:

       sed -n '/^{begin}/,/^{end}/p' VERIFY.txt | sh

Every line it prints must begin with ok, and VAULT must be the key you trust (the
part after the second + of the vault's key, from base64, without its first byte, in
hexadecimal). It does not check time stamps, cosigners, nor the other exhibits.

These print VAULT and the fingerprint of a key; put the one you trust in its place:

       KEY='{key}'
       printf %s "$KEY" | cut -d+ -f3- | basenc -d --base64 | tail -c 32 | basenc -w0 --base16; echo
       printf %s "$KEY" | sha256sum

{script}"""


_ALTERED: Final = """
ALTERED on purpose, to protect people, are these copies. They are NOT what was sealed. Which of their
pictures are the sealed file's own, bit for bit, bearwitness-verify and index.html say; all else in them
proves nothing by itself:

{}"""


_MARKED: Final = """
In every picture of these there is a faint mark besides, by which those who made them can tell to
whom they gave this copy. So they are altered as a whole:

{}"""


def _altered(deliveries: Sequence[Json], *, marked: bool = False) -> list[str]:
    """Return the names of the redacted copies that are shown, or of those among them with a mark."""
    found: list[str] = []
    for delivery in deliveries:
        items = delivery["items"] if isinstance(delivery, dict) else []
        for item in items if isinstance(items, list) else []:
            copies = item.get("redacted", []) if isinstance(item, dict) else []
            for copy in copies if isinstance(copies, list) else []:
                if isinstance(copy, dict) and isinstance(copy["file"], str):
                    found += [copy["file"]] if not marked or _is_marked(copy["entry"]) else []
    return found


def _is_marked(entry: Json) -> bool:
    """Return whether the entry of a copy, as it is shown, says that it has a mark."""
    leaves = entry["shown"] if isinstance(entry, dict) else []
    payloads = (
        [leaf["payload"] for leaf in leaves if isinstance(leaf, dict)] if isinstance(leaves, list) else []
    )
    values = [one["value"] for one in payloads if isinstance(one, dict) and one["name"] == "redaction"]
    return any(isinstance(value, dict) and "mark" in value for value in values)


def instructions(
    vault: VerifierKey, exhibits: Sequence[str], deliveries: Sequence[Json], folder: Path
) -> str:
    """Return the text for a release of `vault` with these exhibits, whose files lie in `folder`."""
    lines = "".join(f"       sha256sum {name}\n" for name in exhibits)
    altered = "".join(f"       {name}\n" for name in _altered(deliveries))
    marked = "".join(f"       {name}\n" for name in _altered(deliveries, marked=True))
    labels = (_ALTERED.format(altered) if altered else "") + (_MARKED.format(marked) if marked else "")
    return _TEXT.format(
        key=vault.encode(), fingerprint=vault.fingerprint, exhibits=lines, begin=by_hand.BEGIN,
        altered=labels, end=by_hand.END, script=by_hand.script(vault, deliveries, folder),
    )  # fmt: skip
