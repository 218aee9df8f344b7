"""What `seal` does and says once its options are read: apart, so that a sandbox loads while this does."""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from typing import Any, Final

from bearwitness.sandbox.client import Sandbox
from bearwitness.seal.form import CustodyForm
from bearwitness.seal.model import Options, Sealing
from bearwitness.seal.run import Progress
from bearwitness.seal.sealing import seal
from bearwitness.vault.opening import open_vault
from bearwitness_verify.report import printable_path

from .options import path_text
from .output import EXIT_DONE, EXIT_LOSSES, Output, human_size, plural

_ACKNOWLEDGE_SECONDS: Final = 1.0


def run_seal(options: argparse.Namespace, out: Output, sandbox: Sandbox) -> int:
    """Seal as the options say, containers being read in `sandbox`; return the exit code."""
    vault = open_vault(options.vault)
    form = CustodyForm(
        by=options.by, note=options.note, late=options.late, bag=options.bag,
        photographs=tuple(options.photograph), handlers=tuple(options.handler),
        transfers=tuple(options.transfer), storage=options.storage,
        write_blocker=options.write_blocker, instalment=options.instalment,
    )  # fmt: skip
    settings = Options(
        form=form, md5=options.md5, kind=options.kind, card=options.card,
        recover_deleted=options.recover_deleted, weak_sandbox=options.accept_weak_sandbox,
        sandbox=sandbox,
    )  # fmt: skip
    with vault.writing(), out.bar("sealing", None) as progress:
        sealing = seal(vault, options.source, settings, _watch(out, progress))
    data = _data(vault.fingerprint, sealing)
    out.result(data, _text(data))
    return EXIT_LOSSES if sealing.lost or sealing.closed.losses or sealing.card_missing else EXIT_DONE


def _watch(out: Output, bar: Callable[[int], None]) -> Progress:
    """Return what tells people how far it is: a bar on a terminal, lines of acknowledgement otherwise."""
    seen = {"read": 0, "stored": -1.0}

    def on_read(total: int) -> None:
        bar(total - int(seen["read"]))
        seen["read"] = total

    def on_stored(items: int, size: int) -> None:
        if time.monotonic() - seen["stored"] >= _ACKNOWLEDGE_SECONDS:
            seen["stored"] = time.monotonic()
            out.say(f"stored {plural(items, 'item')}, {size} bytes")

    def on_resume(items: int, size: int) -> None:
        out.say(
            f"going on with an unfinished seal: {plural(items, 'item')}, {human_size(size)} are safe already"
        )

    return Progress(on_read, on_stored, on_resume)


def _data(fingerprint: str, sealing: Sealing) -> dict[str, Any]:
    closed = sealing.closed
    return {
        "delivery": closed.delivery,
        "items": closed.items,
        "bytes": closed.size,
        "unreadable": [{"path": path_text(lost.path), "reason": lost.reason} for lost in sealing.lost],
        "losses": closed.losses,
        "not_indexed": [{"path": path_text(item.path), "reason": item.reason} for item in sealing.unread],
        "root": closed.root.hex(),
        "checkpoint": closed.checkpoint.decode(),
        "vault_fingerprint": fingerprint,
        "how": sealing.how,
        "resumed": sealing.resumed,
        "quarantine": sealing.quarantine.delivery if sealing.quarantine else None,
        "warnings": sealing.warnings,
    }


def _text(data: dict[str, Any]) -> str:
    lines = [f" -  {text}" for text in data["warnings"]]
    lines += [
        f" -  {_safe(item['path'])}: sealed whole, but its packets can not be shown singly ({item['reason']})"
        for item in data["not_indexed"]
    ]
    lines += [f" x  {_safe(lost['path'])}: {lost['reason']}" for lost in data["unreadable"]]
    if data["losses"] and not data["unreadable"]:  # they were listed before a crash, or cost the source
        lines.append(
            f" x  not read, or not whole: {plural(data['losses'], 'item')}; see: bearwitness list --lost"
        )
    lines += [
        f"sealed       {plural(data['items'], 'item')}, {human_size(data['bytes'])} ({data['how']})",
        f"delivery     {data['delivery']}",
        f"root         {data['root']}",
        f"fingerprint  {data['vault_fingerprint']}  (of the vault)",
    ]
    if data["quarantine"]:
        lines.append(f"quarantine   {data['quarantine']}  (for the source keepers alone)")
    return "\n".join([*lines, "", data["checkpoint"].rstrip()])


def _safe(path: str) -> str:
    return printable_path(path.encode("utf-8", "surrogateescape"))
