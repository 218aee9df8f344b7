"""What a vault or kit says of itself in public: ``vault.toml``, ``kit.toml`` (docs/format.md, 8)."""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass, fields
from typing import Final, TypeVar

from bearwitness.crypto.age import Recipient
from bearwitness.errors import MalformedError, TamperedError
from bearwitness_verify.canonical import integer
from bearwitness_verify.note import ED25519, VerifierKey

SUITE: Final = "1"
ORIGIN = re.compile(r"[A-Za-z0-9._/-]{1,120}\Z")
_THRESHOLD_MAX: Final = 16  # what SLIP-39 holds
_DEVICE = re.compile(r"/[0-9a-f]{8}\Z")
_SAFE = re.compile(r"[\x20\x21\x23-\x5b\x5d-\x7e]{0,400}\Z")


@dataclass(frozen=True)
class VaultConfig:
    """The members of ``vault.toml``."""

    v: str
    suite: str
    origin: str
    key: str
    recipient: str
    source_recipient: str
    threshold: str

    @property
    def vault_key(self) -> VerifierKey:
        """The key of the vault's log."""
        return VerifierKey.parse(self.key)

    @property
    def log_key(self) -> VerifierKey:
        """The key of the log that is written here."""
        return VerifierKey.parse(self.key)


@dataclass(frozen=True)
class KitConfig:
    """The members of ``kit.toml``."""

    v: str
    suite: str
    vault_origin: str
    vault_key_text: str
    recipient: str
    source_recipient: str
    origin: str
    key: str

    @property
    def vault_key(self) -> VerifierKey:
        """The key of the vault's log."""
        return VerifierKey.parse(self.vault_key_text)

    @property
    def log_key(self) -> VerifierKey:
        """The key of the log that is written here."""
        return VerifierKey.parse(self.key)


Config = VaultConfig | KitConfig
_C = TypeVar("_C", VaultConfig, KitConfig)
_RENAMED: Final = {"vault_key_text": "vault_key"}


def encode(config: Config) -> bytes:
    """Return the TOML text: one string a line, in the order of the class."""
    lines = []
    for member in fields(config):
        value = getattr(config, member.name)
        if not _SAFE.match(value):
            raise MalformedError(f"{member.name} holds characters that can not stand in it")
        lines.append(f'{_RENAMED.get(member.name, member.name)} = "{value}"\n')
    return "".join(lines).encode()


def decode(cls: type[_C], data: bytes, what: str) -> _C:
    """Read TOML text strictly; raise TamperedError."""
    try:
        values = tomllib.loads(data.decode("utf-8"))
        names = {member.name: _RENAMED.get(member.name, member.name) for member in fields(cls)}
        if values.keys() != set(names.values()):
            raise MalformedError("its members are not the expected ones")
        config = cls(**{member: values[name] for member, name in names.items()})
        if encode(config) != data or config.v != "1" or config.suite != SUITE:
            raise MalformedError("it is not as this version writes it")
        _check_keys(config)
    except (ValueError, TypeError, RecursionError, MalformedError) as error:
        raise TamperedError(
            f"{what} is damaged or was altered: {error}", "restore it from a mirror"
        ) from None
    return config


def _check_keys(config: Config) -> None:
    if config.log_key.name != config.origin or not ORIGIN.match(config.origin):
        raise MalformedError("its key is not the key of its origin")
    if {config.log_key.algorithm, config.vault_key.algorithm} != {ED25519}:
        raise MalformedError("its key is not that of a log")
    if isinstance(config, KitConfig):
        if config.vault_key.name != config.vault_origin:
            raise MalformedError("the vault's key is not the key of the vault's origin")
        if not _DEVICE.match(config.origin.removeprefix(config.vault_origin)):
            raise MalformedError("its origin is not that of a kit of its vault")
    else:
        integer(config.threshold, "its threshold", 1, _THRESHOLD_MAX)
    for recipient in (config.recipient, config.source_recipient):
        if str(Recipient.parse(recipient)) != recipient:
            raise MalformedError("a recipient in it is not written as usual")
