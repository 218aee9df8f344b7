"""Checks derivatives with keys: each file is the one its entry in the log tells of."""

from __future__ import annotations

from bearwitness.errors import BearwitnessError, TamperedError
from bearwitness.vault.delivery import OpenDelivery
from bearwitness.vault.derivatives import OpenDerived, read_key_path
from bearwitness.vault.ledger import Act, Ledger
from bearwitness_verify import canonical

from .findings import Findings


def check_derived(ledger: Ledger, findings: Findings, withheld: frozenset[str]) -> None:
    """Check all derivatives that are still here, but those whose packs are `withheld` from a mirror."""
    expected = ledger.vault.expected_files()
    opened: dict[str, OpenDelivery] = {}
    for act in ledger.acts():
        for path in act.entry.effect:
            if read_key_path(path) is None or act.entry.effect[path] is None or path not in expected:
                continue
            if any(name in withheld for name in act.entry.effect.values()):
                continue
            try:
                delivery = (read_key_path(path) or ("",))[0]
                if delivery not in opened:
                    opened[delivery] = ledger.open_delivery(delivery, frozen_too=True)
                _check_act(ledger, opened[delivery], act, path)
            except BearwitnessError as error:
                findings.problem(f"derivatives at {path}: {error}")
            findings.count("derivatives")


def _check_act(ledger: Ledger, opened: OpenDelivery, act: Act, path: str) -> None:
    """Open one key file and read everything behind it."""
    delivery, item, _ = read_key_path(path) or ("", "", 0)
    if act.body is None or act.body.kind != "derived":
        raise TamperedError("no entry of kind derived tells of them")
    fields = act.body.fields
    if (fields["delivery"], fields["item"]) != (delivery, item):
        raise TamperedError("their entry tells of another item")
    derived = ledger.open_derived(opened, path)
    told = {}
    for result in canonical.array(fields["results"], "the results of an entry"):
        if not isinstance(result, dict):
            raise TamperedError("their entry is malformed")
        told[canonical.text(result["job"])] = canonical.text(result["digest"])
    if told != derived.digests:
        raise TamperedError("they are not those the entry tells of")
    _read_all(derived)


def _read_all(derived: OpenDerived) -> None:
    for job, files in derived.jobs.items():
        for name in files:
            derived.read(job, name)
