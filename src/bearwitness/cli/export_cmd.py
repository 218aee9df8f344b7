"""Write a finished release also in a form that others read; needs the release alone, no vault and no key
(but for the declarations, which tell of the custody log).

The release is verified first, and nothing is written unless it holds. Nothing is said that it does not show.

bagit        a bag (RFC 8493), for archives
ro-crate     a research object crate 1.1, for repositories; needs --date
case         chain of custody in CASE/UCO, for forensic tools
certificate  a draft for the qualified person's certification under FRE 902(14), PDF
report       a plain custody report, PDF
declarations drafts for all who handled the material to sign, a page each, PDF; with --vault and --identity
c2pa         the redacted copies, each with a content credential (C2PA) signed with --c2pa-key
index        exhibits and what is withheld, as CSV and as a Concordance load file
"""

from __future__ import annotations

import argparse
from pathlib import Path

from bearwitness.disclose.exports.export import C2PA, DECLARATIONS, FORMS, export
from bearwitness.errors import UsageError
from bearwitness.vault.ledger import Ledger
from bearwitness.vault.opening import open_vault_proper
from bearwitness_verify import anchors
from bearwitness_verify.report import Verdict

from .options import require_package
from .output import EXIT_DONE, Output
from .unlocking import unlock

EXAMPLES = """
  bearwitness export release/ bag --as bagit
  bearwitness export release.zip custody.jsonld --as case --vault-key 3f0a…
  bearwitness export release.zip certificate.pdf --as certificate --vault-key vault.key
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of this verb."""
    parser.add_argument("release", metavar="RELEASE", type=Path, help="a release: a folder or a .zip")
    parser.add_argument("destination", metavar="DEST", type=Path, help="what to write; must not exist yet")
    parser.add_argument(
        "--as", dest="form", required=True, choices=sorted((*FORMS, C2PA, DECLARATIONS)), help="the form"
    )
    parser.add_argument("--date", metavar="DAY", help="ro-crate: the day you publish it, 2026-05-31")
    parser.add_argument(
        "--vault", metavar="VAULT", type=Path, help="declarations: the vault that released it"
    )
    parser.add_argument(
        "--identity", metavar="KEY", action="append", default=[], help="declarations: a keeper's identity"
    )
    parser.add_argument(
        "--c2pa-key", metavar="PEM", type=Path, help="c2pa: the private key of the group, without passphrase"
    )
    parser.add_argument(
        "--c2pa-chain", metavar="PEM", type=Path, help="c2pa: its certificate, then those above it"
    )
    for name, text in {
        "vault-key": "the vault's key or fingerprint, got elsewhere (without: consistent only)",
        "cosigner": "the key of a cosigner you trust",
        "checkpoint": "a checkpoint of the vault that you got elsewhere",
        "tsa-root": "root certificates of time-stamping authorities you trust",
    }.items():
        parser.add_argument(f"--{name}", metavar="K", action="append", default=[], help=text)


def run(options: argparse.Namespace, out: Output) -> int:
    """Run the verb; return its exit code."""
    require_package(options.release)
    known = anchors.load(options.vault_key, options.cosigner, options.checkpoint, options.tsa_root)
    ledger = None
    if options.vault is not None:
        vault = open_vault_proper(options.vault)
        ledger = Ledger(vault, unlock(vault, options.identity))
    if (options.c2pa_key is None) != (options.c2pa_chain is None):
        raise UsageError("a content credential takes a key and its certificates", "give both")
    signing = None if options.c2pa_key is None else (options.c2pa_key, options.c2pa_chain)
    shown = export(options.release, options.destination, options.form, known, options.date, ledger, signing)
    verdict = Verdict(shown.verdict).name.lower().replace("_", " ")
    data = {
        "release": shown.digest, "verdict": verdict, "as": options.form,
        "destination": str(options.destination), "exhibits": [one.number for one in shown.exhibits],
    }  # fmt: skip
    if shown.verdict is Verdict.CONSISTENT_ONLY:
        out.say("consistent only: give --vault-key or a cosigner's key to check whose release this is")
    out.result(
        data, f"{verdict}: release {shown.digest[:16]}… written as {options.form} to {options.destination}"
    )
    return EXIT_DONE
