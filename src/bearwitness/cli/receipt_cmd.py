"""Let recipients sign that they have a release and what their own verifier says of it; enter what they sign.

sign   on the recipient's machine: verify the release FILE, then sign; needs no vault
enter  in the vault: enter the signed note FILE, of somebody registered
list   show which releases were received, and who has one that was corrected or recalled without having
       signed for the one that says so
"""

from __future__ import annotations

import argparse
from dataclasses import asdict
from pathlib import Path

from bearwitness.disclose import receipts
from bearwitness.errors import UsageError
from bearwitness.vault import signed, signing_acts
from bearwitness.vault.signed_acts import Signed
from bearwitness_verify import anchors

from .options import IDENTITY_HELP, require_package
from .output import EXIT_DONE, Output
from .signing import add_person_key, enter, needed, person_key, read_note, write_new
from .unlocking import opened

EXAMPLES = """
  bearwitness receipt sign release.zip --person-key paper.person --vault-key 3f0a… -o receipt.note
  bearwitness receipt enter receipt.note --vault vault --identity anna.key
  bearwitness receipt list --vault vault --identity anna.key
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of this verb."""
    parser.add_argument("action", choices=["sign", "enter", "list"])
    parser.add_argument("file", metavar="FILE", type=Path, nargs="?", help="the release, or the signed note")
    parser.add_argument("--vault", metavar="VAULT", type=Path, help="enter, list: the vault")
    parser.add_argument("--identity", metavar="KEY", action="append", default=[], help=IDENTITY_HELP)
    add_person_key(parser)
    parser.add_argument("-o", "--output", metavar="NOTE", type=Path, help="sign: where to write the receipt")
    for name, text in {
        "vault-key": "sign: the vault's key or fingerprint, got elsewhere (without: consistent only)",
        "cosigner": "sign: the key of a cosigner you trust",
        "checkpoint": "sign: a checkpoint of the vault that you got elsewhere",
    }.items():
        parser.add_argument(f"--{name}", metavar="K", action="append", default=[], help=text)


def run(options: argparse.Namespace, out: Output) -> int:
    """Run the verb; return its exit code."""
    if options.action == "list":
        needed(options, "vault")
        with opened(options, out) as at:
            return _list(signed.read(at.ledger), signed.answers(at.ledger), out)
    if options.file is None:
        raise UsageError("this needs a FILE", "see: bearwitness receipt --help")
    return _sign(options, out) if options.action == "sign" else _enter(options, out)


def _sign(options: argparse.Namespace, out: Output) -> int:
    needed(options, "output")
    known = anchors.load(options.vault_key, options.cosigner, options.checkpoint, [])
    require_package(options.file)
    note = receipts.sign(options.file, person_key(options), known)
    write_new(options.output, note)
    fields = signing_acts.receipt_from(note)
    out.result(
        {"release": fields["release"], "verdict": fields["verdict"], "note": str(options.output)},
        f"{fields['verdict']}: receipt in {options.output}; send it to whom you have the release from",
    )
    return EXIT_DONE


def _enter(options: argparse.Namespace, out: Output) -> int:
    needed(options, "vault")
    note = read_note(options.file)
    fields = signing_acts.receipt_from(note)
    with opened(options, out, writing=True) as at:
        known = signed.read(at.ledger)
        signed.refuse_unknown_release(at.ledger, str(fields["release"]))
        person = known.people.by_id[signing_acts.signer_of(note, known)]
        enter(at, {**fields, "person": person.id})
        at.catalogue.refresh(at.ledger)
    data = {"release": fields["release"], "verdict": fields["verdict"], "person": person.id}
    out.result(data, f"{person.name} has release {str(fields['release'])[:16]}…: {fields['verdict']}")
    return EXIT_DONE


def _list(known: Signed, answers: list[tuple[str, str, str]], out: Output) -> int:
    names = {person.id: person.name for person in known.people}
    lines = [f"{r.time}  {r.release[:16]}…  {names[r.person]}: {r.verdict}" for r in known.receipts]
    have = {(r.person, r.release) for r in known.receipts}
    open_ones = [
        {"act": act, "by": later, "person": person, "release": earlier}
        for later, act, earlier in answers
        for person, release in sorted(have)
        if release == earlier and (person, later) not in have
    ]
    lines += [
        f"{names[one['person']]} has release {one['release'][:16]}…, which {one['by'][:16]}… {one['act']}, "
        "and did not say that they have that one"
        for one in open_ones
    ]
    data = {"receipts": [asdict(r) for r in known.receipts], "unanswered": open_ones}
    out.result(data, "\n".join(lines) or "no receipt came back")
    return EXIT_DONE
