"""Take in a source: read it once, encrypt it, commit to every file, enter it in the log. Needs no key
that decrypts.

SOURCE is a folder (a mounted drive: a logical copy), a file, a block device or a disk image (raw,
E01). It is never written to. A device or image is read twice and compared; its image goes to the
source keepers' quarantine, its live files become the evidence. Interrupted at any moment, the same
command goes on where it stopped.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from bearwitness.errors import UsageError
from bearwitness.seal.form import CustodyForm
from bearwitness.seal.model import Options, Sealing
from bearwitness.seal.run import Progress
from bearwitness.seal.sealing import seal
from bearwitness.vault.opening import open_vault
from bearwitness_verify.report import printable_path

from .options import add_vault, path_text
from .output import EXIT_DONE, EXIT_LOSSES, Output, human_size, plural

EXAMPLES = """
  bearwitness seal /media/drive --vault vault
  bearwitness seal /media/drive --vault kit --by Anna --bag 0417 --note "handed over in Lyon" --card card.html
  bearwitness seal /dev/sdb --vault kit --write-blocker "Tableau T8u, serial 01D2"
  bearwitness seal drive.E01 --vault vault --instalment 2/3 --late "copied by a relative in March"
"""

_ACKNOWLEDGE_SECONDS: Final = 1.0


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of this verb."""
    parser.add_argument("source", metavar="SOURCE", type=Path, nargs="?", help="what to take in")
    add_vault(parser, help_text="the vault or field kit to seal into")
    form = parser.add_argument_group("the custody form (all encrypted)")
    form.add_argument("--by", metavar="NAME", default="", help="who seals")
    form.add_argument("--note", metavar="TEXT", default="", help="anything to remember")
    form.add_argument(
        "--late", metavar="TEXT", default="", help="who handled it before it was sealed, and how"
    )
    form.add_argument("--bag", metavar="NUMBER", default="", help="number of the evidence bag")
    form.add_argument(
        "--photograph", metavar="TEXT", action="append", default=[], help="a photograph taken of it"
    )
    form.add_argument("--handler", metavar="TEXT", action="append", default=[], help="who had it before")
    form.add_argument(
        "--transfer", metavar="TEXT", action="append", default=[], help="from whom to whom, when"
    )
    form.add_argument("--storage", metavar="TEXT", default="", help="where the drive is kept")
    form.add_argument("--instalment", metavar="N/M", default="", help="this is part N of M (M may be ?)")
    form.add_argument("--card", metavar="FILE", type=Path, help="write a custody card (HTML) to print")
    parser.add_argument(
        "--md5", action="store_true", help="also compute MD5, for registries that know no other"
    )
    parser.add_argument(
        "--as", dest="kind", choices=["file", "image"], help="take a file as it is, or as a disk image"
    )
    parser.add_argument(
        "--write-blocker", metavar="TEXT", default="", help="the write blocker used with a device"
    )
    parser.add_argument(
        "--recover-deleted", action="store_true",
        help="a source keeper asks for it: recover deleted files too, into the quarantine",
    )  # fmt: skip
    parser.add_argument(
        "--finish", action="store_true", help="close an unfinished seal as it is, without the source"
    )
    parser.add_argument(
        "--accept-weak-sandbox", action="store_true", help="go on where the kernel can not lock parsers"
    )


def run(options: argparse.Namespace, out: Output) -> int:
    """Run the verb; return its exit code."""
    if (options.source is None) != options.finish:
        raise UsageError("say what to seal" if options.source is None else "--finish takes no SOURCE")
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
    )  # fmt: skip
    with vault.writing(), out.bar("sealing", None) as progress:
        sealing = seal(vault, options.source, settings, _watch(out, progress))
    data = _data(vault.fingerprint, sealing)
    out.result(data, _text(data))
    return EXIT_LOSSES if sealing.lost or sealing.closed.losses else EXIT_DONE


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
