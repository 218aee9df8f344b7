"""Checks a vault or kit: all that can be checked without keys, and with keys every byte."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from bearwitness.errors import BearwitnessError
from bearwitness.machine import worker_count
from bearwitness.vault.keyring import Unlocked
from bearwitness.vault.ledger import Ledger
from bearwitness.vault.vault import Vault

from . import check_public
from .check_content import Look, check_delivery
from .check_derived import check_derived
from .findings import Findings

if TYPE_CHECKING:
    from cryptography import x509


@dataclass
class CheckOptions:
    """What to check beyond what is always checked."""

    since: bytes | None = None
    deep: bool = False
    roots: Sequence[x509.Certificate] = ()
    workers: int = field(default_factory=worker_count)


def check(
    vault: Vault, unlocked: Unlocked | None, options: CheckOptions, progress: Callable[[int], None]
) -> Findings:
    """Check `vault`; never raises for what is in it."""
    findings = Findings()
    try:
        _check(vault, unlocked, options, progress, findings)
    except BearwitnessError as error:
        findings.problem(str(error))
    except OSError as error:
        findings.problem(f"the check ended early, a file can not be read: {error}")
    findings.problems = list(dict.fromkeys(findings.problems))
    return findings


def _check(
    vault: Vault,
    unlocked: Unlocked | None,
    options: CheckOptions,
    progress: Callable[[int], None],
    findings: Findings,
) -> None:
    logs = [vault.log, *check_public.device_logs(vault)]
    for log in logs:
        check_public.check_log(log, findings)
        check_public.check_stamps(vault, log, findings, options.roots)
    check_public.check_pointer(vault, findings)
    check_public.check_device_key(vault, findings)
    if options.since is not None:
        check_public.check_since(logs, options.since, findings)
    withheld = check_public.withheld_packs(vault, findings)
    descriptors = check_public.check_files(vault, findings, withheld)
    check_public.check_strays(vault, descriptors, findings)
    opened = set()
    if unlocked is not None:
        opened = _check_with_keys(vault, unlocked, options, progress, findings, withheld)
    closed = [d for d in descriptors if d.delivery not in opened]
    names = [name for descriptor in closed for name in descriptor.pack_names() if name not in withheld]
    check_public.check_packs(vault.store, names, findings, progress, options.workers)


def _check_with_keys(
    vault: Vault,
    unlocked: Unlocked,
    options: CheckOptions,
    progress: Callable[[int], None],
    findings: Findings,
    withheld: frozenset[str],
) -> set[str]:
    """Check entries and deliveries that the keys open; return the ids of those deliveries."""
    ledger, opened = Ledger(vault, unlocked), set()
    closed = sum(act.body is None for act in ledger.acts())
    if closed:
        findings.note(f"{closed} entries are closed to the keys given (the source keepers' own)")
    for record in ledger.all_deliveries():
        try:
            delivery = ledger.open_delivery(record.delivery, frozen_too=True)
            look = Look(withheld, deep=options.deep)
            check_delivery(delivery, record, findings, progress, options.workers, look)
        except BearwitnessError as error:
            findings.problem(f"delivery {record.delivery}: {error}")
        findings.count("packs", len(set(ledger.descriptor(record.delivery).pack_names()) - withheld))
        opened.add(record.delivery)
    check_derived(ledger, findings, withheld)
    return opened


def total_bytes(vault: Vault) -> int:
    """Return how many bytes of packs there are to check, for the progress bar."""
    size = vault.store.size
    return sum(size(path) or 0 for path in vault.store.names("packs"))
