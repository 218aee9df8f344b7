"""The custody card: a page to print and keep with the drive, with what proves later that it was sealed."""

from __future__ import annotations

import errno
import html
import os
from datetime import UTC, datetime
from pathlib import Path

from bearwitness.errors import RefusedError, storage_error
from bearwitness.store.local import write_new
from bearwitness.vault.vault import Vault

from .closing import Closed
from .form import CustodyForm

_PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>Custody card</title>
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<style>
@page {{ size: A5; margin: 12mm }}
body {{ font: 10.5pt/1.45 "DejaVu Sans", "Liberation Sans", sans-serif; color: #000; background: #fff;
  max-width: 128mm; margin: 6mm auto }}
h1 {{ font-size: 14pt; margin: 0 0 1mm; border-bottom: 0.6mm solid #000; padding-bottom: 1mm }}
p {{ margin: 0 0 3mm }}
table {{ border-collapse: collapse; width: 100%; margin: 0 0 4mm }}
th, td {{ text-align: left; vertical-align: top; padding: 0.8mm 2mm 0.8mm 0;
  border-bottom: 0.2mm solid #999 }}
th {{ width: 34mm; font-weight: 600 }}
code {{ font: 8.5pt/1.5 "DejaVu Sans Mono", monospace; overflow-wrap: anywhere; white-space: pre-wrap }}
.sign td {{ height: 9mm; border-bottom: 0.2mm solid #000 }}
</style></head><body>
<h1>Custody card</h1>
<p>Keep this card with the drive. It contains nothing of what is on it.</p>
<table>{rows}</table>
<table class="sign"><tr><th>From</th><th>To</th><th>Date, place, signature</th></tr>
<tr><td></td><td></td><td></td></tr><tr><td></td><td></td><td></td></tr>
<tr><td></td><td></td><td></td></tr></table>
<p>The checkpoint below commits to every byte that was sealed. Publish it, or give it to somebody who
will keep it: with it, <code>bearwitness check --since</code> notices if the vault is ever put back
or rewritten.</p>
<code>{checkpoint}</code>
</body></html>
"""


def require_room(path: Path) -> None:
    """Raise before anything is sealed if no card can be written there, or one lies there already."""
    if path.exists() or path.is_symlink():
        raise RefusedError(f"{path} is there already; a card is never overwritten", "choose another name")
    if not path.parent.is_dir():
        raise storage_error(NotADirectoryError(errno.ENOTDIR, ""), str(path.parent))
    if not os.access(path.parent, os.W_OK):
        raise storage_error(PermissionError(errno.EACCES, ""), str(path.parent))


def write(path: Path, vault: Vault, closed: Closed, form: CustodyForm, how: str) -> None:
    """Write the card as a page without scripts; raise StorageError."""
    moment = datetime.now(UTC)
    local = moment.astimezone()
    here = f" ({local:%Y-%m-%d %H:%M %Z})" if local.utcoffset() else ""
    rows = [
        ("Delivery", f"<code>{closed.delivery}</code>"),
        ("Sealed", f"{moment:%Y-%m-%d %H:%M} UTC{here}"),
        ("Taken as", html.escape(how)),
        ("Items", f"{closed.items:,} ({closed.size:,} bytes, {closed.losses:,} with losses)"),
        ("Root", f"<code>{closed.root.hex()}</code>"),
        ("Vault", f"<code>{vault.fingerprint}</code>"),
    ]
    told = [
        ("Bag", form.bag),
        ("Instalment", form.instalment),
        ("Storage", form.storage),
        ("Write blocker", form.write_blocker),
        ("Sealed by", form.by),
    ]
    rows += [(name, html.escape(value)) for name, value in told if value]
    text = "".join(f"<tr><th>{name}</th><td>{value}</td></tr>" for name, value in rows)
    page = _PAGE.format(rows=text, checkpoint=html.escape(closed.checkpoint.decode()))
    try:
        write_new(path, page.encode())
    except OSError as error:
        raise storage_error(error, str(path)) from error
