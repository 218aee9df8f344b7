"""Who opens a vault: keys of every kind people have, any k of n of them, and nobody else."""

from __future__ import annotations

import base64
import io
import itertools
import json
import textwrap
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pyrage
import pytest
from cryptography.hazmat.primitives.asymmetric import ed25519, rsa
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.hmac import HMAC
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from bearwitness.cli.options import ask as cli_ask
from bearwitness.crypto import age, shares
from bearwitness.errors import BearwitnessError, KeyUnlockError, MalformedError, TamperedError, UsageError
from bearwitness.keep import rekeying
from bearwitness.vault import keyring
from bearwitness.vault.founding import Keepers, found
from bearwitness.vault.keyring import Given, Unlocked, load_given, read_given, unlock
from bearwitness.vault.opening import open_vault
from bearwitness.vault.vault import Vault
from bearwitness_verify import canonical
from workbench import fill, run, snapshot

PEOPLE = [age.Identity(bytes([n]) * 32) for n in range(1, 6)]
NAMES = [str(person.recipient) for person in PEOPLE]


def never(prompt: str) -> str:
    raise AssertionError(f"nobody is to be asked: {prompt}")


def given(*texts: str | bytes, answers: Sequence[str] = ()) -> Given:
    made, left = Given(), list(answers)
    for text in texts:
        data = text.encode() if isinstance(text, str) else text
        read_given(data, (lambda prompt: left.pop(0)) if answers else never, "the file", made)
    return made


def opens(vault: Vault, *texts: str | bytes) -> Unlocked:
    return unlock(vault, given(*texts))


def founded(root: Path, count: int = 1, threshold: int = 1, source: Sequence[str] = ()) -> Vault:
    return found(root, Keepers(NAMES[:count], threshold, source))


# --- Identity files ------------------------------------------------------------------------------


def test_a_file_may_hold_several_identities_comments_and_empty_lines(tmp_path: Path) -> None:
    text = f"# public key: {NAMES[0]}\r\n\n  {PEOPLE[0].text()}  \n#\n{PEOPLE[1].text()}\n"
    assert len(given(text).identities) == 2
    vault = founded(tmp_path / "vault", 2)
    assert opens(vault, text).keepers == set(NAMES[:2])


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "holds no identity"),
        ("# only a comment\n", "holds no identity"),
        (b"\xff\xfe", "not an identity file"),
        ("age1qqqq", "neither an age identity nor a share"),
        (NAMES[0], "neither an age identity nor a share"),
        (PEOPLE[0].text()[:-1] + "Q", "typing error"),
        (PEOPLE[0].text() + "\nrubbish", "neither an age identity nor a share"),
        ("-----BEGIN OPENSSH PRIVATE KEY-----\nAAAA\n-----END OPENSSH PRIVATE KEY-----\n", "no SSH key"),
        ("{}", "neither an age identity nor a share"),
    ],
)
def test_a_file_that_holds_no_key_is_told_from_one_that_does(text: str | bytes, reason: str) -> None:
    with pytest.raises(KeyUnlockError, match=reason):
        given(text)


def test_no_part_of_a_secret_is_in_what_is_said_of_a_wrong_file() -> None:
    with pytest.raises(KeyUnlockError) as caught:
        given(PEOPLE[0].text()[:-1] + "Q")
    assert PEOPLE[0].text()[16:40] not in caught.value.message + caught.value.hint
    assert PEOPLE[0].text() not in repr(given(PEOPLE[0].text()))


def test_files_are_found_by_name_and_a_missing_one_is_told(tmp_path: Path) -> None:
    (tmp_path / "key").write_text(PEOPLE[0].text())
    assert len(load_given([str(tmp_path / "key")] * 2, never).identities) == 2
    with pytest.raises(KeyUnlockError, match="can not be read"):
        load_given([str(tmp_path / "other")], never)
    with pytest.raises(KeyUnlockError, match="holds something"):
        load_given(["/dev/zero"], never)  # and is not read for ever


def test_a_key_may_be_typed_or_come_on_standard_input(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    def ask(prompt: str) -> str:
        asked.append(prompt)
        return PEOPLE[0].text()

    assert len(load_given(["-"], ask).identities) == 1
    assert asked == ["Identity or share: "]
    monkeypatch.setattr("sys.stdin", io.StringIO(f"{PEOPLE[0].text()}\n{PEOPLE[1].text()}\n"))
    assert len(load_given(["-", "-"], cli_ask).identities) == 2
    with pytest.raises(KeyUnlockError, match="nobody to ask"):
        load_given(["-"], cli_ask)


def b64(data: bytes) -> bytes:
    return base64.b64encode(data).rstrip(b"=")


def locked(plain: bytes, passphrase: str, work: int = 10) -> bytes:
    """Return a file that age's own passphrase mode would open, quick to open (c2sp.org/age)."""
    file_key, salt, nonce = b"\x01" * 16, b"\x02" * 16, b"\x03" * 16
    wrap = Scrypt(b"age-encryption.org/v1/scrypt" + salt, 32, 1 << work, 8, 1).derive(passphrase.encode())
    body = ChaCha20Poly1305(wrap).encrypt(bytes(12), file_key, None)
    head = b"age-encryption.org/v1\n-> scrypt %s %d\n%s\n---" % (b64(salt), work, b64(body))
    mac = HMAC(HKDF(SHA256(), 32, b"", b"header").derive(file_key), SHA256())
    mac.update(head)
    payload = ChaCha20Poly1305(HKDF(SHA256(), 32, nonce, b"payload").derive(file_key))
    return (
        head + b" " + b64(mac.finalize()) + b"\n" + nonce + payload.encrypt(bytes(11) + b"\x01", plain, None)
    )


def test_a_key_file_with_a_passphrase_opens_with_it_alone() -> None:
    data = locked(f"# anna\n{PEOPLE[0].text()}\n".encode(), "correct horse")
    lines = textwrap.wrap(base64.b64encode(data).decode(), 64)
    armored = "\n".join(
        ["-----BEGIN AGE ENCRYPTED FILE-----", *lines, "-----END AGE ENCRYPTED FILE-----", ""]
    )
    for form in (data, armored):
        assert len(given(form, answers=["correct horse"]).identities) == 1
        with pytest.raises(KeyUnlockError, match="the passphrase does not open the file"):
            given(form, answers=["wrong horse"])
    with pytest.raises(KeyUnlockError, match="does not open"):
        given(data[:-1], answers=["correct horse"])


def ssh_key(kind: str = "ed25519") -> tuple[bytes, str]:
    key: Any = (
        ed25519.Ed25519PrivateKey.generate() if kind == "ed25519" else rsa.generate_private_key(65537, 2048)
    )
    public = key.public_key().public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH).decode()
    return key.private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption()), public


@pytest.mark.parametrize("kind", ["ed25519", "rsa"])
def test_an_ssh_key_keeps_a_vault(kind: str, tmp_path: Path) -> None:
    private, public = ssh_key(kind)
    vault = found(tmp_path / "vault", Keepers([public + " anna@laptop", NAMES[1]], 1, ()))
    assert opens(vault, private).keepers == {public}
    with pytest.raises(KeyUnlockError):
        opens(vault, ssh_key()[0])


# --- Recipients ----------------------------------------------------------------------------------


def test_one_key_written_in_two_ways_is_one_keeper(tmp_path: Path) -> None:
    """Else one person would be two where two must agree, or hold two shares of one split."""
    _, public = ssh_key()
    ways = [NAMES[0], NAMES[0].upper(), f" {NAMES[0]}\n", public, public + " work", public + "  home", public]
    assert keyring.recipients_of(ways) == [NAMES[0], public]
    with pytest.raises(UsageError, match="threshold 2 is not possible: the number of recipients is 1"):
        found(tmp_path / "vault", Keepers(ways[:3], 2, ()))


@pytest.mark.parametrize(
    "text", ["", "age1", "age1" + "q" * 58, PEOPLE[0].text(), "ssh-ed25519", "ssh-dss AAAA", "anna"]
)
def test_what_is_no_recipient_keeps_nothing(text: str, tmp_path: Path) -> None:
    with pytest.raises(MalformedError, match=r"is not a recipient|is an identity: the secret key"):
        found(tmp_path / "vault", Keepers([text], 1, ()))
    assert not (tmp_path / "vault").exists()


@pytest.mark.parametrize(("count", "threshold"), [(0, 1), (1, 2), (3, 0), (3, 4), (3, -1)])
def test_a_vault_that_nobody_could_open_is_not_made(count: int, threshold: int, tmp_path: Path) -> None:
    with pytest.raises(UsageError):
        founded(tmp_path / "vault", count, threshold)
    assert not (tmp_path / "vault").exists()


# --- Unlocking -----------------------------------------------------------------------------------


def test_each_keeper_alone_opens_an_ordinary_vault_and_strangers_do_not(tmp_path: Path) -> None:
    vault = founded(tmp_path / "vault", 3)
    secrets = set()
    for person, name in zip(PEOPLE[:3], NAMES, strict=False):
        unlocked = opens(vault, person.text())
        assert unlocked.keepers == {name}
        assert unlocked.identity is not None
        assert unlocked.identity.recipient == vault.recipient
        secrets.add(unlocked.identity.secret)
    assert len(secrets) == 1
    with pytest.raises(KeyUnlockError, match="do not open this vault"):
        opens(vault, PEOPLE[4].text())
    with pytest.raises(KeyUnlockError):
        unlock(vault, Given())


@pytest.mark.parametrize(("threshold", "count"), [(2, 2), (2, 3), (3, 4)])
def test_any_k_of_n_keepers_open_a_split_vault_and_fewer_do_not(
    threshold: int, count: int, tmp_path: Path
) -> None:
    vault = founded(tmp_path / "vault", count, threshold, [NAMES[4]])
    for some in itertools.combinations(range(count), threshold):
        unlocked = opens(vault, *(PEOPLE[n].text() for n in some))
        assert unlocked.keepers == {NAMES[n] for n in some}
        assert unlocked.identity is not None
        assert unlocked.identity.recipient == vault.recipient
    assert opens(vault, *(person.text() for person in PEOPLE[:count])).identity
    for few in itertools.combinations(range(count), threshold - 1):
        with pytest.raises(KeyUnlockError, match=f"{threshold} keepers must open this vault together"):
            opens(vault, *(PEOPLE[n].text() for n in few))
    with pytest.raises(KeyUnlockError):
        opens(vault, *[PEOPLE[0].text()] * threshold)


def test_the_source_keeper_opens_the_quarantine_and_nothing_else(tmp_path: Path) -> None:
    vault = founded(tmp_path / "vault", 2, 1, [NAMES[4]])
    unlocked = opens(vault, PEOPLE[4].text())
    assert unlocked.identity is None
    assert keyring.require_source(unlocked).recipient == vault.source_recipient
    with pytest.raises(KeyUnlockError, match="quarantine only"):
        keyring.require_vault(unlocked)
    with pytest.raises(KeyUnlockError, match="for source keepers"):
        keyring.require_source(opens(vault, PEOPLE[0].text()))


def test_shares_on_paper_open_a_vault_and_those_of_another_split_do_not(tmp_path: Path) -> None:
    vault = founded(tmp_path / "vault", 1)
    whole = opens(vault, PEOPLE[0].text())
    with vault.writing():
        paper = rekeying.paper_shares(vault, whole, 2, 3)
        second = rekeying.paper_shares(vault, whole, 2, 3)
    for some in itertools.combinations(paper, 2):
        assert opens(vault, *some).identity == whole.identity
    assert opens(vault, "\n".join(paper[:2])).keepers == {"share 1 on paper", "share 2 on paper"}
    for wrong in ([paper[0]], [paper[0], paper[0]], [paper[0], second[1]]):
        with pytest.raises(KeyUnlockError):
            opens(vault, *wrong)
    foreign = shares.split(bytes(32), 2, 2)
    with pytest.raises(TamperedError, match="not the identity of this vault"):
        opens(vault, *foreign)


def test_what_a_keepers_file_holds_is_what_the_document_says(tmp_path: Path) -> None:
    plain = founded(tmp_path / "plain", 1)
    split = founded(tmp_path / "split", 2, 2)
    theirs = [pyrage.x25519.Identity.from_str(PEOPLE[0].text())]
    one: Any = canonical.loads(pyrage.decrypt(plain.store.read("keys/keepers/0.age"), theirs))
    assert one == {"identity": one["identity"], "keeper": NAMES[0], "type": "identity", "v": "1"}
    assert age.Identity.parse(one["identity"]).recipient == plain.recipient
    two: Any = canonical.loads(pyrage.decrypt(split.store.read("keys/keepers/0.age"), theirs))
    assert two == {
        "keeper": NAMES[0],
        "recipient": split.config.recipient,
        "share": two["share"],
        "threshold": "2",
        "type": "share",
        "v": "1",
    }
    assert shares.looks_like_share(two["share"])


def test_a_keepers_file_exchanged_is_noticed(tmp_path: Path) -> None:
    vault, other = founded(tmp_path / "vault", 1), founded(tmp_path / "other", 1)
    vault.store.write("keys/keepers/0.age", other.store.read("keys/keepers/0.age"))
    with pytest.raises(TamperedError, match=r"keys/keepers/0.age is not the file its log speaks of"):
        opens(open_vault(tmp_path / "vault"), PEOPLE[0].text())
    vault.store.remove("keys/keepers/0.age")
    with pytest.raises(TamperedError, match="missing"):
        opens(open_vault(tmp_path / "vault"), PEOPLE[0].text())


def test_the_public_key_of_a_vault_can_not_be_swapped_to_seal_for_somebody_else(tmp_path: Path) -> None:
    vault = founded(tmp_path / "vault", 1)
    thief = str(age.Identity.generate().recipient)
    path = tmp_path / "vault" / "vault.toml"
    path.write_text(path.read_text().replace(vault.config.recipient, thief))
    with pytest.raises(TamperedError, match=r"vault.toml is not the file its log speaks of"):
        open_vault(tmp_path / "vault")


# --- Rotation ------------------------------------------------------------------------------------


def test_after_rotation_the_new_keepers_open_old_and_new_and_the_old_ones_nothing(tmp_path: Path) -> None:
    vault = founded(tmp_path / "vault", 2, 1, [NAMES[4]])
    for step in range(3):
        unlocked = opens(vault, PEOPLE[step].text())
        with vault.writing():
            rekeying.rotate(vault, unlocked, [NAMES[step + 1]], 1)
        vault = open_vault(tmp_path / "vault")
        later = opens(vault, PEOPLE[step + 1].text())
        assert later.identity is not None
        assert later.identity != unlocked.identity
        assert later.previous == (*unlocked.previous, unlocked.identity)
        with pytest.raises(KeyUnlockError):
            opens(vault, PEOPLE[step].text())


def test_a_rotation_may_split_a_vault_and_put_it_together_again(tmp_path: Path) -> None:
    vault = founded(tmp_path / "vault", 1)
    with vault.writing():
        rekeying.rotate(vault, opens(vault, PEOPLE[0].text()), NAMES[1:4], 2)
    vault = open_vault(tmp_path / "vault")
    with pytest.raises(KeyUnlockError):
        opens(vault, PEOPLE[1].text())
    both = opens(vault, PEOPLE[1].text(), PEOPLE[3].text())
    with vault.writing(), pytest.raises(BearwitnessError, match="split among its keepers"):
        rekeying.add_keepers(vault, both, [NAMES[4]], source=False)
    with vault.writing():
        rekeying.rotate(vault, both, [NAMES[4]], 1)
    assert opens(open_vault(tmp_path / "vault"), PEOPLE[4].text()).identity


def test_a_keeper_added_later_opens_the_vault_and_one_for_the_quarantine_only_that(tmp_path: Path) -> None:
    vault = founded(tmp_path / "vault", 1, 1, [NAMES[4]])
    anna, sara = opens(vault, PEOPLE[0].text()), opens(vault, PEOPLE[4].text())
    with vault.writing():
        rekeying.add_keepers(vault, anna, [NAMES[1]], source=False)
        rekeying.add_keepers(vault, sara, [NAMES[2]], source=True)
        with pytest.raises(BearwitnessError, match="only a source keeper"):
            rekeying.add_keepers(vault, anna, [NAMES[3]], source=True)
    vault = open_vault(tmp_path / "vault")
    assert opens(vault, PEOPLE[1].text()).identity == anna.identity
    assert opens(vault, PEOPLE[2].text()) == Unlocked(None, (), sara.source, frozenset())


# --- End to end ----------------------------------------------------------------------------------


def test_a_split_vault_takes_in_lists_and_gives_back_with_two_of_three_keepers(tmp_path: Path) -> None:
    keys = []
    for name, person in zip(("anna", "ben", "carla"), PEOPLE, strict=False):
        (tmp_path / name).write_text(person.text() + "\n")
        keys.append(tmp_path / name)
    recipients = [word for name in NAMES[:3] for word in ("--recipient", name)]
    vault = tmp_path / "vault"
    run("init", vault, *recipients, "--threshold", "2", "--source-keeper", NAMES[4]).ok()
    drive = fill(tmp_path / "drive", {"a.txt": b"text", "b/c.bin": 5000})
    run("seal", drive, "--vault", vault).ok()
    two = ["--identity", keys[0], "--identity", keys[2]]
    items = json.loads(run("list", "--vault", vault, *two, "--json").ok().out)["items"]
    assert {item["path"] for item in items} == {"a.txt", "b/c.bin"}
    refused = run("list", "--vault", vault, "--identity", keys[1])
    assert (refused.code, refused.out) == (1, "")
    assert "2 keepers must open this vault together, 1 did" in refused.err
    run("restore", tmp_path / "back", "--vault", vault, "--identity", keys[1], "--identity", keys[2]).ok()
    assert snapshot(tmp_path / "back") == snapshot(drive)
    assert run("check", "--vault", vault, *two).ok().code == 0
