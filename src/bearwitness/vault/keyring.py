"""From the identities people hold to those of vault, delivery and pack (docs/format.md, 9).

:func:`unlock` opens a vault with what keepers give; an :class:`Unlocked` holds the identities in memory
only. Keepers' own files may be anything pyrage reads: age identities, with a passphrase or without, SSH keys.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import pyrage

from bearwitness.crypto import age, shares
from bearwitness.errors import KeyUnlockError, MalformedError, TamperedError
from bearwitness_verify import canonical

from .vault import Vault

VAULT_KEEPERS: Final = "keys/keepers"
SOURCE_KEEPERS: Final = "keys/source"
PREVIOUS: Final = "keys/previous"
IDENTITY_FILE_BYTES_MAX: Final = 1 << 20
_IDENTITY_HEAD: Final = "AGE-SECRET-KEY-"


@dataclass
class Given:
    """What was given with --identity: keys that decrypt, and shares on paper."""

    identities: list[Any] = field(default_factory=list, repr=False)
    shares: list[str] = field(default_factory=list, repr=False)


@dataclass(frozen=True)
class Unlocked:
    """The identities of an open vault. `keepers` are the recipients who opened it, without source keepers."""

    identity: age.Identity | None = field(repr=False)
    previous: tuple[age.Identity, ...] = field(repr=False)
    source: age.Identity | None = field(repr=False)
    keepers: frozenset[str] = frozenset()

    def all(self) -> tuple[age.Identity, ...]:
        """Return every identity that may open something in the vault."""
        return tuple(i for i in (self.identity, self.source) if i is not None) + self.previous

    def open(self, data: bytes, what: str) -> bytes:
        """Decrypt an age file with whichever identity opens it."""
        for identity in self.all():
            try:
                return age.decrypt(data, identity, what)
            except KeyUnlockError:
                continue
        raise KeyUnlockError(f"{what} is not for the keys given")


def read_given(data: bytes, ask: Callable[[str], str], name: str, given: Given) -> None:
    """Add what the identity file `data` holds to `given`; `ask` is called for a passphrase."""
    if data.startswith((b"age-encryption.org/v1\n-> scrypt", b"-----BEGIN AGE ENCRYPTED FILE")):
        data = _open_passphrase(data, ask(f"Passphrase for {name}: "), name)
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError:
        raise KeyUnlockError(f"{name} is not an identity file") from None
    if "PRIVATE KEY-----" in text:
        given.identities.append(_ssh(data, name))
        return
    lines = [line.strip() for line in text.splitlines()]
    lines = [line for line in lines if line and not line.startswith("#")]
    for line in lines:
        if line.startswith("AGE-SECRET-KEY-1"):
            try:
                given.identities.append(pyrage.x25519.Identity.from_str(line))
            except Exception:  # noqa: BLE001 - pyrage raises several kinds
                raise KeyUnlockError(f"an identity in {name} has a typing error") from None
        elif shares.looks_like_share(line):
            given.shares.append(line)
        else:
            raise KeyUnlockError(
                f"{name} holds something that is neither an age identity nor a share",
                "an identity begins with AGE-SECRET-KEY-1, a share is a line of words",
            )
    if not lines:
        raise KeyUnlockError(f"{name} holds no identity")


def _open_passphrase(data: bytes, passphrase: str, name: str) -> bytes:
    try:
        return bytes(pyrage.passphrase.decrypt(data, passphrase))
    except pyrage.DecryptError:
        raise KeyUnlockError(f"the passphrase does not open {name}") from None


def _ssh(data: bytes, name: str) -> Any:
    try:
        return pyrage.ssh.Identity.from_buffer(data)
    except pyrage.IdentityError as error:
        raise KeyUnlockError(f"{name} is no SSH key that can be used: {error}") from None


def parse_recipient(text: str) -> Any:
    """Return the keeper's recipient written as ``age1…`` or ``ssh-…``; raise MalformedError."""
    if _IDENTITY_HEAD in text.upper():  # never repeated: a screen or a log would keep it
        raise MalformedError(
            "what was given as a recipient is an identity: the secret key itself",
            "it now stands in your shell's history: remove it there; a recipient begins with age1",
        )
    try:
        if text.startswith("ssh-"):
            return pyrage.ssh.Recipient.from_str(text)
        return pyrage.x25519.Recipient.from_str(text)
    except pyrage.RecipientError:
        raise MalformedError(
            f"{text!r} is not a recipient",
            "a recipient begins with age1 and is printed by: bearwitness keys new",
        ) from None


def wrap_identity(identity: age.Identity, keeper: str) -> bytes:
    """Return the file by which `keeper` alone can have `identity`."""
    plain = {"identity": identity.text(), "keeper": keeper, "type": "identity", "v": "1"}
    return bytes(pyrage.encrypt(canonical.dumps(dict(plain)), [parse_recipient(keeper)]))


def wrap_share(share: str, threshold: int, recipient: age.Recipient, keeper: str) -> bytes:
    """Return the file by which `keeper` alone can have one share of an identity."""
    plain = {
        "keeper": keeper,
        "recipient": str(recipient),
        "share": share,
        "threshold": str(threshold),
        "type": "share",
        "v": "1",
    }
    return bytes(pyrage.encrypt(canonical.dumps(dict(plain)), [parse_recipient(keeper)]))


def unlock(vault: Vault, given: Given) -> Unlocked:
    """Open vault and quarantine as far as what was `given` goes; raise KeyUnlockError if it opens nothing."""
    if vault.is_kit:
        raise KeyUnlockError(
            "a field kit holds nothing by which it could be opened",
            "leave --identity out; what it sealed is seen in the vault, after: bearwitness import",
        )
    identity, keepers = _unwrap(vault, VAULT_KEEPERS, vault.recipient, given)
    source, _ = _unwrap(vault, SOURCE_KEEPERS, vault.source_recipient, given)  # no keeper of the evidence
    if identity is None and source is None:
        raise KeyUnlockError(
            "the identities given do not open this vault",
            "give --identity once for each keeper or share that is needed",
        )
    previous = _previous(vault, identity) if identity else ()
    return Unlocked(identity, previous, source, keepers)


def require_vault(unlocked: Unlocked) -> age.Identity:
    """Return the vault's identity; refuse one who can open the quarantine alone."""
    if unlocked.identity is None:
        raise KeyUnlockError("the identities given open the quarantine only, not the vault")
    return unlocked.identity


def require_source(unlocked: Unlocked) -> age.Identity:
    """Return the quarantine's identity; refuse one who is no source keeper."""
    if unlocked.source is None:
        raise KeyUnlockError("the identities given do not open the quarantine: it is for source keepers")
    return unlocked.source


def _unwrap(
    vault: Vault, folder: str, recipient: age.Recipient, given: Given
) -> tuple[age.Identity | None, frozenset[str]]:
    """Return the identity of `recipient` and whose keys opened it."""
    found, collected, keepers = None, list(given.shares), set()
    threshold = 0
    for _, data in key_files(vault, folder):
        plain = _try_each(given.identities, data)
        if plain is None:
            continue
        wrap = json.loads(plain)
        keepers.add(str(wrap["keeper"]))
        if wrap["type"] == "identity":
            found = age.Identity.parse(wrap["identity"])
        else:
            collected.append(wrap["share"])
            threshold = int(wrap["threshold"])
    if found is None and collected and folder == VAULT_KEEPERS:
        if len(collected) < threshold:
            raise KeyUnlockError(
                f"{threshold} keepers must open this vault together, {len(collected)} did",
                "give --identity once for each of them",
            )
        found = age.Identity(shares.combine(collected))
        keepers |= {f"share {n + 1} on paper" for n in range(len(given.shares))}
    if found is not None and found.recipient != recipient:
        raise TamperedError(
            f"what {folder} yields is not the identity of this vault",
            "shares of another vault were given, or a key file was exchanged",
        )
    return found, frozenset(keepers if found else ())


def _try_each(identities: Sequence[Any], data: bytes) -> bytes | None:
    for identity in identities:
        try:
            return bytes(pyrage.decrypt(data, [identity]))
        except pyrage.DecryptError:
            continue
    return None


def _previous(vault: Vault, identity: age.Identity) -> tuple[age.Identity, ...]:
    """Return the identities from before rotations, oldest first."""
    return tuple(
        age.Identity.parse(age.decrypt(data, identity, path).decode())
        for path, data in key_files(vault, PREVIOUS)
    )


def key_files(vault: Vault, folder: str) -> list[tuple[str, bytes]]:
    """Return paths and bytes of the key files below `folder`, each the one the log speaks of."""
    files = sorted(item for item in vault.expected_files().items() if item[0].startswith(folder + "/"))
    return [(path, vault.read_expected(path, digest)) for path, digest in files]


def recipients_of(keepers: Iterable[str]) -> list[str]:
    """Return the keepers' recipients without repetition, however they are written, each checked to be one."""
    return list(dict.fromkeys(_usual(text.strip()) for text in keepers))


def _usual(text: str) -> str:
    """Return a recipient as it is usually written: ``age1…`` in small letters, SSH keys without a comment."""
    recipient = parse_recipient(text)
    return " ".join(text.split()[:2]) if text.startswith("ssh-") else str(recipient)


def load_given(paths: Sequence[str], ask: Callable[[str], str]) -> Given:
    """Read all --identity arguments: files, or ``-`` for a prompt."""
    given = Given()
    for path in paths:
        if path.strip().upper().startswith(_IDENTITY_HEAD):  # never repeated: a screen or a log would keep it
            raise KeyUnlockError(
                "--identity takes the name of a file, not the key itself",
                "the key now stands in your shell's history: remove it there; give a file, or - to be asked",
            )
        if path == "-":
            read_given(ask("Identity or share: ").encode(), ask, "what you typed", given)
            continue
        try:
            with Path(path).open("rb") as file:
                data = file.read(IDENTITY_FILE_BYTES_MAX)
        except OSError as error:
            raise KeyUnlockError(f"the identity file {path} can not be read: {error.strerror}") from None
        read_given(data, ask, path, given)
    return given
