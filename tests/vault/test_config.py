"""What a vault or kit says of itself is read strictly: one text for it, and its keys belong together."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from bearwitness.crypto import age
from bearwitness.custody.signing import SigningKey
from bearwitness.errors import MalformedError, TamperedError
from bearwitness.vault import config
from bearwitness.vault.config import KitConfig, VaultConfig
from bearwitness_verify.note import COSIGNATURE

SIGNER = SigningKey("bearwitness/0011", 1, bytes(32))
DEVICE = SigningKey("bearwitness/0011/0a1b2c3d", 1, b"\x01" * 32)
MINE, SOURCE = age.Identity(b"\x01" * 32), age.Identity(b"\x02" * 32)
VAULT = VaultConfig(
    "1", "1", SIGNER.name, SIGNER.verifier.encode(), str(MINE.recipient), str(SOURCE.recipient), "2"
)
KIT = KitConfig(
    "1", "1", SIGNER.name, SIGNER.verifier.encode(), str(MINE.recipient), str(SOURCE.recipient), DEVICE.name,
    DEVICE.verifier.encode(),
)  # fmt: skip


def refused(kind: Any, data: bytes) -> None:
    with pytest.raises(TamperedError, match="the thing is damaged or was altered"):
        config.decode(kind, data, "the thing")


def test_the_file_is_the_one_the_document_describes() -> None:
    lines = config.encode(VAULT).decode().splitlines()
    assert lines == [
        'v = "1"',
        'suite = "1"',
        'origin = "bearwitness/0011"',
        f'key = "{SIGNER.verifier.encode()}"',
        f'recipient = "{MINE.recipient}"',
        f'source_recipient = "{SOURCE.recipient}"',
        'threshold = "2"',
    ]
    names = [line.partition(" = ")[0] for line in config.encode(KIT).decode().splitlines()]
    assert names == "v suite vault_origin vault_key recipient source_recipient origin key".split()


def test_what_was_written_is_read_back() -> None:
    assert config.decode(VaultConfig, config.encode(VAULT), "it") == VAULT
    assert config.decode(KitConfig, config.encode(KIT), "it") == KIT
    assert VAULT.vault_key == VAULT.log_key == SIGNER.verifier == KIT.vault_key
    assert KIT.log_key == DEVICE.verifier


def test_no_byte_of_it_can_be_altered_without_being_refused_or_meaning_something_else() -> None:
    for kind, made in ((VaultConfig, VAULT), (KitConfig, KIT)):
        data = config.encode(made)
        for at in range(len(data)):
            for mask in (1, 0x20, 0x80):
                altered = data[:at] + bytes([data[at] ^ mask]) + data[at + 1 :]
                try:
                    read = config.decode(kind, altered, "it")
                except TamperedError:
                    continue
                assert read != made
                assert config.encode(read) == altered


@pytest.mark.parametrize(
    "alter",
    [
        lambda t: "",
        lambda t: t + "\n",
        lambda t: "\n" + t,
        lambda t: "# comment\n" + t,
        lambda t: t.replace(" = ", "="),
        lambda t: t.replace('"', "'"),
        lambda t: t + 'more = "x"\n',
        lambda t: t.replace('v = "1"\n', ""),
        lambda t: t.replace('v = "1"', "v = 1"),
        lambda t: t.replace('v = "1"', 'v = "2"'),
        lambda t: t.replace('v = "1"', 'v = "1"\nv = "1"'),
        lambda t: t.replace('suite = "1"', 'suite = "2"'),
        lambda t: t.replace('suite = "1"', 'suite = ["1"]'),
        lambda t: t.replace('suite = "1"', "[suite]\nx = 1"),
        lambda t: "".join(reversed(t.splitlines(keepends=True))),
        lambda t: t.replace("\n", "\r\n"),
        lambda t: "\ufeff" + t,
        lambda t: t.replace('"1"', '"\\u0031"', 1),
        lambda t: "x = " + "[" * 100_000,
        lambda t: t.replace("age1", "AGE1"),
    ],
)
def test_any_other_text_is_refused(alter: Callable[[str], str]) -> None:
    for kind, made in ((VaultConfig, VAULT), (KitConfig, KIT)):
        text = config.encode(made).decode()
        assert alter(text) != text
        refused(kind, alter(text).encode())
    refused(VaultConfig, b"\xff")


OTHER = SigningKey("bearwitness/other", 1, b"\x02" * 32).verifier.encode()
COSIGNER = SigningKey(SIGNER.name, COSIGNATURE, bytes(32)).verifier.encode()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("origin", "bearwitness/other"),
        ("key", OTHER),
        ("key", COSIGNER),
        ("key", "nonsense"),
        ("recipient", "age1qqqq"),
        ("recipient", MINE.text()),
        ("recipient", str(MINE.recipient).upper()),
        ("source_recipient", ""),
        ("threshold", "0"),
        ("threshold", "17"),
        ("threshold", "two"),
        ("threshold", "-1"),
        ("threshold", "02"),
        ("threshold", ""),
    ],
)
def test_a_vault_whose_members_do_not_belong_together_is_refused(name: str, value: str) -> None:
    refused(VaultConfig, config.encode(replace(VAULT, **{name: value})))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("vault_origin", "bearwitness/other"),
        ("vault_key_text", OTHER),
        ("vault_key_text", "nonsense"),
        ("vault_key_text", DEVICE.verifier.encode()),
        ("origin", "bearwitness/0011/0a1b2c3e"),
        ("key", SIGNER.verifier.encode()),
    ],
)
def test_a_kit_whose_members_do_not_belong_together_is_refused(name: str, value: str) -> None:
    refused(KitConfig, config.encode(replace(KIT, **{name: value})))


@pytest.mark.parametrize(
    "origin", ["bearwitness/0011", "bearwitness/0011/", "bearwitness/0011/0A1B2C3D", "x/0a1b2c3d"]
)
def test_a_kit_is_named_after_its_vault(origin: str) -> None:
    key = SigningKey.generate(origin).verifier.encode()
    refused(KitConfig, config.encode(replace(KIT, origin=origin, key=key)))


@pytest.mark.parametrize("origin", ["a~b", "x" * 121, "a:b", "a@b"])
def test_a_name_that_is_not_plain_is_no_origin(origin: str) -> None:
    key = SigningKey(origin, 1, bytes(32)).verifier.encode()
    refused(VaultConfig, config.encode(replace(VAULT, origin=origin, key=key)))


@pytest.mark.parametrize("value", ['a"b', "a\\b", "a\nb", "é", "\x00", "\x7f", "x" * 401])
def test_characters_that_toml_would_read_otherwise_are_not_written(value: str) -> None:
    with pytest.raises(MalformedError, match="origin holds characters"):
        config.encode(replace(VAULT, origin=value))


def test_a_vault_is_no_kit_and_a_kit_no_vault() -> None:
    refused(KitConfig, config.encode(VAULT))
    refused(VaultConfig, config.encode(KIT))
