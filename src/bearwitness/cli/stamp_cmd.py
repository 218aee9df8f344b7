"""Have the log's latest checkpoint stamped by time-stamping authorities (RFC 3161): "not later than".

Over the network with --tsa, several if you like; or without one: --request writes a file that any
machine can send to an authority, --reply takes its answer. With --renew every stamp is stamped again
before the certificate of its authority expires.
"""

from __future__ import annotations

import argparse
from hashlib import sha256
from pathlib import Path
from typing import Any

from bearwitness.custody import stamping as orders
from bearwitness.errors import BearwitnessError, RefusedError, UsageError, storage_error
from bearwitness.keep import stamping
from bearwitness.keep.stamping import Trust, Wanted
from bearwitness.vault.opening import open_vault
from bearwitness.vault.vault import Vault
from bearwitness_verify import anchors

from .options import add_vault
from .output import EXIT_DONE, EXIT_FAILED, Output

EXAMPLES = """
  bearwitness stamp --vault vault --tsa http://tsa.example/ --tsa http://other.example/ --tsa-root roots.pem
  bearwitness stamp --vault vault --request stamp.tsq      # carry it out, send it:
      curl -H 'Content-Type: application/timestamp-query' --data-binary @stamp.tsq URL -o stamp.tsr
  bearwitness stamp --vault vault --query stamp.tsq --reply stamp.tsr --tsa-root roots.pem --crl tsa.crl
  bearwitness stamp --vault vault --renew --tsa http://tsa.example/ --tsa-root roots.pem
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of this verb."""
    add_vault(parser, help_text="the vault or field kit whose log is stamped")
    parser.add_argument("--tsa", metavar="URL", action="append", default=[], help="an authority (repeatable)")
    parser.add_argument(
        "--tsa-root", metavar="PEM", action="append", default=[],
        help="root certificates: the stamp must be by an authority below them (repeatable)",
    )  # fmt: skip
    parser.add_argument(
        "--certificate", metavar="FILE", type=Path, action="append", default=[],
        help="further certificates of the authority to keep (PEM or DER)",
    )  # fmt: skip
    parser.add_argument(
        "--crl", metavar="FILE", type=Path, action="append", default=[],
        help="revocation lists to check and keep (PEM or DER; with --tsa they are fetched)",
    )  # fmt: skip
    parser.add_argument(
        "--request", metavar="FILE", type=Path, help="write a request to be sent by other means"
    )
    parser.add_argument("--query", metavar="FILE", type=Path, help="the request that --reply answers")
    parser.add_argument("--reply", metavar="FILE", type=Path, help="take the authority's answer")
    parser.add_argument(
        "--size", metavar="N", type=int, help="the checkpoint of this size (default: the latest)"
    )
    parser.add_argument("--renew", action="store_true", help="stamp the existing stamps again")


def run(options: argparse.Namespace, out: Output) -> int:
    """Run the verb; return its exit code."""
    vault = open_vault(options.vault)
    if options.request:
        return _request(vault, options, out)
    if not options.tsa and not options.reply:
        raise UsageError(
            "say where the stamp comes from: --tsa URL, or --request and later --query and --reply"
        )
    trust = _trust(options)
    with vault.writing():
        if options.reply:
            done, problems = _reply(vault, options, trust)
        else:
            done, problems = _order(vault, options, trust)
    for text in problems:
        out.say(f" x  {text}")
    if not trust.roots:
        out.say(" -  no --tsa-root was given: who stamped was not checked")
    lines = [f"checkpoint {s['size']} stamped {s['stamped_time']} by {s['authority']}" for s in done]
    out.result({"stamps": done, "problems": problems}, "\n".join(lines))
    return EXIT_DONE if done and len(done) >= len(options.tsa) else EXIT_FAILED


def _trust(options: argparse.Namespace) -> Trust:
    certificates = [c for path in options.certificate for c in orders.read_certificates(_read(path))]
    crls = [c for path in options.crl for c in orders.read_crls(_read(path))]
    return Trust(anchors.load((), (), (), options.tsa_root).roots, certificates, crls)


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise UsageError(f"{path} can not be read: {error.strerror}") from None


def _wanted(vault: Vault, options: argparse.Namespace) -> list[Wanted]:
    if not options.renew:
        return [stamping.latest(vault, options.size)]
    wanted = stamping.to_renew(vault)
    if not wanted:
        raise RefusedError("there is no stamp to renew")
    return wanted


def _request(vault: Vault, options: argparse.Namespace, out: Output) -> int:
    wanted = _wanted(vault, options)
    if len(wanted) > 1:
        raise UsageError(
            f"there are {len(wanted)} stamps to renew", "without a network, renew them with --tsa one day"
        )
    query, _ = orders.request_bytes(wanted[0].message)
    try:
        options.request.write_bytes(query)
    except OSError as error:
        raise storage_error(error, str(options.request)) from error
    out.result(
        {"request": str(options.request), "size": wanted[0].size},
        f"request for checkpoint {wanted[0].size} in {options.request}",
    )
    return EXIT_DONE


def _reply(vault: Vault, options: argparse.Namespace, trust: Trust) -> tuple[list[dict[str, Any]], list[str]]:
    """Find what the request was about, and keep the reply."""
    if not options.query:
        raise UsageError("--reply needs --query, the request it answers")
    query, reply = _read(options.query), _read(options.reply)
    digest, _ = stamping.read_request(query)
    candidates = [stamping.latest(vault, size) for size in reversed(vault.log.note_sizes())]
    for wanted in [*stamping.to_renew(vault), *candidates]:
        if digest == sha256(wanted.message).digest():
            return [stamping.accept(vault, wanted, query, reply, trust)], []
    raise RefusedError("that request is not about a checkpoint or stamp of this log")


def _order(vault: Vault, options: argparse.Namespace, trust: Trust) -> tuple[list[dict[str, Any]], list[str]]:
    """Order from every authority; one that fails does not keep the others from stamping."""
    done, problems = [], []
    wanted = _wanted(vault, options)
    for url in options.tsa:
        for one in wanted:
            try:
                said, missing = stamping.order(vault, one, url, trust, lists=bool(trust.roots))
                done.append(said)
                problems += missing
            except BearwitnessError as error:
                problems.append(f"{url}: {error}")
    return done, problems
