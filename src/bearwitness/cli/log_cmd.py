"""Show the custody chain: every act in order. Without --identity only what is public: places, sizes,
checkpoints.
"""

from __future__ import annotations

import argparse
from typing import Any

from bearwitness.custody.log import OWN
from bearwitness.vault.keyring import Unlocked
from bearwitness.vault.ledger import Act, Ledger, log_name
from bearwitness.vault.opening import open_vault
from bearwitness.vault.vault import Vault
from bearwitness_verify.note import VerifierKey
from bearwitness_verify.report import in_words, printable

from .options import add_identity, add_vault
from .output import EXIT_DONE, Output, human_size, plural
from .unlocking import unlock

EXAMPLES = """
  bearwitness log --vault vault
  bearwitness log --vault vault --identity anna.key
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of this verb."""
    add_vault(parser, help_text="the vault or a field kit")
    add_identity(parser, required=False)


def run(options: argparse.Namespace, out: Output) -> int:
    """Run the verb; return its exit code."""
    vault = open_vault(options.vault)
    vault.log.leaves()
    acts = _acts(vault, options.identity)
    data = {
        "origin": vault.config.origin,
        "key": vault.config.key,
        "vault_fingerprint": vault.fingerprint,
        "checkpoint": vault.log.note_bytes(vault.log.size).decode() if vault.log.size else "",
        "kits": _kits(acts),
        "entries": [_entry(act) for act in acts],
    }
    out.result(data, _text(data, is_kit=vault.is_kit))
    return EXIT_DONE


def _acts(vault: Vault, identities: list[str]) -> list[Act]:
    """Return the acts of the vault's log, each import followed by what it brought."""
    if not identities or vault.is_kit:
        closed = Unlocked(None, (), None)
        return list(Ledger(vault, closed).acts())
    ledger, acts = Ledger(vault, unlock(vault, identities)), []
    taken: dict[str, int] = {}
    for act in ledger.acts():
        if act.body is not None and act.body.kind == "imported":
            log, checkpoint = ledger.device_log(act)
            start = taken.get(log.name, 0)
            acts += [inner for inner in ledger.acts(log, checkpoint.size) if inner.index >= start]
            taken[log.name] = checkpoint.size
        acts.append(act)
    return acts


def _kits(acts: list[Act]) -> dict[str, str]:
    """Return the names of kits by the names that their logs have in the vault; `kit --revoke` takes them."""
    own = [act.body for act in acts if act.body is not None and act.log == OWN]  # no kit certifies another
    keys = [str(body.fields["device"]) for body in own if body.kind == "device-certified"]
    return {log_name(key): key.name for key in map(VerifierKey.parse, keys)}


def _entry(act: Act) -> dict[str, Any]:
    data: dict[str, Any] = {
        "log": act.log,
        "index": act.index,
        "leaf": act.entry.leaf().hex(),
        "ciphertext_bytes": len(act.entry.ciphertext),
        "files": act.entry.effect,
    }
    if act.body is not None:
        data["fields"] = dict(act.body.fields)
    return data


def _text(data: dict[str, Any], *, is_kit: bool) -> str:
    lines = [f"log {data['origin']}", f"vault fingerprint {data['vault_fingerprint']}", ""]
    for entry in data["entries"]:
        kit = data["kits"].get(entry["log"], "kit" if is_kit else "")
        place = f"{kit.rpartition('/')[2] or entry['log'][:8]:>8} {entry['index']:>5}"
        fields = entry.get("fields")
        if fields is None:
            files = plural(len(entry["files"]), "file")
            lines.append(f"{place}  (encrypted, {human_size(entry['ciphertext_bytes'])})  {files}")
            continue
        time = fields.get("time", {})
        lines.append(f"{place}  {time.get('utc', ''):<20}  {fields['kind']}{_details(fields)}")
    return "\n".join([*lines, "", data["checkpoint"].rstrip()])


def _details(fields: dict[str, Any]) -> str:
    hidden = ("kind", "time", "tool", "delivery", "descriptor", "checkpoint", "device", "vault", "keepers")
    parts = [
        f"{name}: {printable(in_words(value), 80)}"
        for name, value in fields.items()
        if name not in (*hidden, "source_keepers")
    ]
    if "device" in fields:
        parts.insert(0, f"kit: {str(fields['device']).partition('+')[0]}")
    return "  " + "; ".join(parts) if parts else ""
