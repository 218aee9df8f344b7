"""After a destruction: reaches copies of the vault, or certifies in the log that they were not reached."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from bearwitness.custody.entries import Body
from bearwitness.errors import BearwitnessError, RefusedError
from bearwitness.store.packs import pack_path
from bearwitness.vault.change import erase
from bearwitness.vault.delivery import Descriptor
from bearwitness.vault.ledger import Ledger
from bearwitness.vault.opening import open_vault
from bearwitness.vault.vault import Vault
from bearwitness_verify import canonical
from bearwitness_verify.canonical import Json
from bearwitness_verify.note import VerifierKey

from .mirroring import CARD, mirror


@dataclass
class Copies:
    """Which copies are rid of what was destroyed, and which are not."""

    reached: list[str] = field(default_factory=list)
    not_reached: list[str] = field(default_factory=list)


def reach_copies(
    ledger: Ledger,
    items: Sequence[str],
    deliveries: Collection[str],
    paths: Sequence[Path],
    say: Callable[[str], None],
) -> Copies:
    """Reach the copies at `paths` and the mirrors the log knows; enter in the log which were reached.

    `items` were destroyed, of `deliveries`; kits that brought none of these hold nothing of them.
    """
    copies = Copies()
    mirrors, kits = _known(ledger, deliveries)
    done: set[Path] = set()
    failed: list[Path] = []
    for path in [*paths, *(Path(place) for place in mirrors.values() if place)]:
        if path.resolve() in done:
            continue
        done.add(path.resolve())
        try:
            name = _reach(ledger.vault, path)
            copies.reached.append(name)
            mirrors.pop(name, None)
            kits.pop(name, None)
        except (BearwitnessError, OSError) as error:
            say(f"{path}: {error}")
            failed.append(path)
    places = {Path(place).resolve() for place in mirrors.values() if place}
    copies.not_reached = [f"mirror {name} ({place})" for name, place in mirrors.items()]
    copies.not_reached += [f"field kit {name}" for name in kits]
    copies.not_reached += [f"copy {path}" for path in failed if path.resolve() not in places]
    if copies.reached or copies.not_reached:
        reached: list[Json] = list(copies.reached)
        missed: list[Json] = list(copies.not_reached)
        ledger.vault.append(
            {"kind": "copies-reached", "items": list(items), "reached": reached, "not_reached": missed}
        )
    return copies


def _known(ledger: Ledger, deliveries: Collection[str]) -> tuple[dict[str, str], dict[str, str]]:
    """Return the mirrors (name, last place) and the kits that brought `deliveries`, as the log knows them."""
    mirrors: dict[str, str] = {}
    kits: dict[str, str] = {}
    for act in ledger.acts():
        if act.body is None:
            continue
        if act.body.kind == "mirrored":
            name = canonical.text(act.body.fields["mirror"])
            mirrors[name] = canonical.text(act.body.secrets.get("path", ""))
        elif act.body.kind == "imported" and _brought(act.body, deliveries):
            kits[VerifierKey.parse(canonical.text(act.body.fields["device"])).name] = ""
        elif act.body.kind == "copies-reached":
            for reached in canonical.array(act.body.fields["reached"]):
                kits.pop(canonical.text(reached), None)
    return mirrors, kits


def _brought(body: Body, deliveries: Collection[str]) -> bool:
    """Say whether an import brought any of `deliveries`."""
    return any(delivery in deliveries for delivery in canonical.array(body.fields.get("deliveries")))


def _reach(vault: Vault, path: Path) -> str:
    """Destroy in the copy at `path` what is destroyed in the vault; return the copy's name."""
    if (path / CARD).is_file():
        return mirror(vault, path, lambda done: None).mirror
    copy = open_vault(path)
    if not copy.is_kit or copy.config.vault_key != vault.config.vault_key:
        raise RefusedError("it is neither a mirror nor a field kit of this vault")
    _empty_kit(vault, copy)
    return copy.config.origin


def _empty_kit(vault: Vault, kit: Vault) -> None:
    """Erase from a kit all packs and keys of deliveries that the vault has taken over."""
    imported = vault.expected_files()
    for path, digest in kit.expected_files().items():
        if not path.startswith("deliveries/") or path not in imported:
            continue
        if kit.store.size(path) is None:
            continue
        descriptor = Descriptor.decode(kit.read_expected(path, digest), path)
        keys = kit.store.path(f"keys/{descriptor.delivery}")
        for file in sorted(keys.glob("*.age")):
            erase(file)
        shutil.rmtree(keys, ignore_errors=True)
        for name in descriptor.pack_names():
            erase(kit.store.path(pack_path(name)))
