"""A field kit comes home: its deliveries and its log, without a fork, and nothing that does not hold."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest

from bearwitness.crypto import age
from bearwitness.custody.signing import SigningKey
from bearwitness.errors import KeyUnlockError
from bearwitness.seal import intake, part
from bearwitness.vault.opening import open_vault
from bearwitness.vault.vault import Vault
from workbench import Bench, fill, recipient_of, run, snapshot


class Field(Bench):
    """A vault and a kit with two deliveries."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.kit = folder / "kit"
        self.device = run("kit", self.kit, "--vault", self.vault, "--label", "laptop", "--json").ok().json
        self.sources = [
            fill(folder / f"s{n}", {f"{n}.txt": b"%d" % n, "x/y.bin": 3000}, seed=n) for n in (1, 2)
        ]
        self.sealed = [self.seal(source, vault=self.kit) for source in self.sources]


@pytest.fixture
def field(tmp_path: Path) -> Field:
    return Field(tmp_path / "field")


def test_all_deliveries_of_a_kit_come_in_and_the_kit_stays_as_it_is(field: Field, tmp_path: Path) -> None:
    before = snapshot(field.kit)
    said = field.do("import", field.kit)
    assert said["deliveries"] == [sealed["delivery"] for sealed in field.sealed]
    assert snapshot(field.kit) == before
    field.is_clean()
    run("restore", tmp_path / "out", "--vault", field.vault, "--identity", field.anna).ok()
    for sealed, source in zip(field.sealed, field.sources, strict=True):
        assert snapshot(tmp_path / "out" / sealed["delivery"]) == snapshot(source)


def test_what_was_imported_is_not_imported_again_and_what_is_new_is(field: Field) -> None:
    field.do("import", field.kit)
    size = field.do("log")["checkpoint"]
    assert field.do("import", field.kit)["deliveries"] == []
    assert field.do("log")["checkpoint"] == size
    newer = field.seal(fill(field.folder / "s3", {"3.txt": b"3"}), vault=field.kit)
    assert field.do("import", field.kit)["deliveries"] == [newer["delivery"]]
    field.is_clean()


def test_two_kits_that_never_met_come_home_without_a_fork(field: Field) -> None:
    other = field.folder / "other"
    run("kit", other, "--vault", field.vault).ok()
    field.seal(field.sources[0], vault=other)
    field.seal(field.sources[1])
    field.do("import", field.kit)
    field.do("import", other)
    logs = {delivery["log"] for delivery in field.do("list")["deliveries"]}
    assert len(logs) == 3
    assert field.device["origin"] in field.do("log")["kits"].values(), "by this name it is revoked"
    field.is_clean()


def test_a_kit_whose_history_was_rewritten_is_refused_as_a_fork(field: Field) -> None:
    field.do("import", field.kit)
    fresh = field.folder / "fresh"  # the same key, another history from the start
    shutil.copytree(field.kit, fresh)
    for name in ("log/vault/entries/000000/000000002.entry", "log/vault/notes/3.note"):
        (fresh / name).unlink()
    shutil.copy(fresh / "log/vault/notes/2.note", fresh / "log/vault/checkpoint")
    for delivery in (fresh / "deliveries").glob(f"{field.sealed[1]['delivery']}*"):
        delivery.unlink()
    field.seal(fill(field.folder / "s4", {"4.txt": b"another second delivery"}), vault=fresh)
    done = run("import", fresh, "--vault", field.vault, "--identity", field.anna)
    assert done.code == 1
    assert "FORK" in done.err
    field.is_clean()


def test_a_revoked_kit_keeps_what_was_imported_and_brings_nothing_more(field: Field) -> None:
    field.do("import", field.kit)
    words = ["--revoke", field.device["origin"], "--vault", field.vault, "--identity", field.anna]
    said = run("kit", *words, "--ground", "stolen at the border", "--json").ok().json
    assert said["accepted_entries"] == 3
    assert len(field.do("list")["items"]) == 4
    field.seal(fill(field.folder / "s5", {"5.txt": b"forged by the thief"}), vault=field.kit)
    done = run("import", field.kit, "--vault", field.vault, "--identity", field.anna)
    assert done.code == 1
    assert "revoked" in done.err
    field.is_clean()


def test_a_kit_of_another_vault_or_one_that_is_not_certified_is_refused(field: Field) -> None:
    stranger = Bench(field.folder / "stranger")
    kit = field.folder / "their-kit"
    run("kit", kit, "--vault", stranger.vault).ok()
    done = run("import", kit, "--vault", field.vault, "--identity", field.anna)
    assert done.code == 1
    assert "another vault" in done.err


@pytest.mark.parametrize("what", ["packs", "keys", "log/vault/entries", "deliveries"])
def test_a_kit_that_was_altered_or_cut_short_is_refused_and_the_vault_is_as_it_was(
    field: Field, what: str
) -> None:
    victim = max((p for p in (field.kit / what).rglob("*") if p.is_file()), key=lambda p: p.stat().st_size)
    data = bytearray(victim.read_bytes())
    size = field.do("log")["checkpoint"]
    for damaged in (data[:-1], data[:40] + bytes([data[40] ^ 1]) + data[41:], None):
        victim.unlink(missing_ok=True)
        if damaged is not None:
            victim.write_bytes(damaged)
        assert run("import", field.kit, "--vault", field.vault, "--identity", field.anna).code == 1
        assert field.do("log")["checkpoint"] == size
        field.is_clean()
    victim.write_bytes(data)
    field.do("import", field.kit)
    field.is_clean()


def test_a_kit_holds_no_key_that_decrypts(field: Field) -> None:
    """Whatever in a kit looks like a key, nothing of its ciphertext opens with it."""
    texts = [path.read_bytes() for path in field.kit.rglob("*") if path.is_file()]
    assert not any(b"AGE-SECRET-KEY" in text for text in texts)
    seed = SigningKey.parse((field.kit / "local/device.key").read_text()).seed
    identity = age.Identity(seed)
    for text in texts:
        if text.startswith(b"age-encryption.org"):
            with pytest.raises(KeyUnlockError):
                age.decrypt(text, identity)


def test_a_kit_made_before_a_rotation_still_comes_home(field: Field) -> None:
    field.do(
        "keys", "rotate", "--recipient", recipient_of(field.anna), "--recipient", recipient_of(field.ben)
    )
    field.do("import", field.kit)
    assert len(field.do("list")["items"]) == 4
    field.is_clean()


def test_a_kit_whose_log_was_cosigned_since_the_last_import_is_no_tampered_vault(field: Field) -> None:
    field.do("import", field.kit)
    key, request, line = (field.folder / name for name in ("cosigner.key", "request", "line"))
    cosigner = run("cosign", "new", "--name", "paper.example/desk", "-o", key).ok().out.strip()
    run("cosign", "request", request, "--vault", field.kit).ok()
    words = ["--key", key, "--state", field.folder / "seen", "--log-key", field.device["device"]]
    line.write_text(run("cosign", "sign", request, *words).ok().out)
    run("cosign", "add", line, "--vault", field.kit, "--cosigner", cosigner).ok()
    field.do("import", field.kit)
    field.is_clean()
    field.do("mirror", field.folder / "mirror")


def test_a_pack_that_lies_damaged_in_the_vault_is_not_taken_for_the_kits(field: Field) -> None:
    """An import was interrupted, and the disk failed since."""
    pack = next(path for path in (field.kit / "packs").rglob("*") if path.is_file())
    place = field.vault / pack.relative_to(field.kit)
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_bytes(bytes(pack.stat().st_size))
    field.do("import", field.kit)
    assert place.read_bytes() == pack.read_bytes()
    field.is_clean()


def test_a_kit_with_a_signed_checkpoint_of_another_history_is_refused(field: Field) -> None:
    """Taken over, it would have `check` find a fault with the vault for ever."""
    fork = field.folder / "fork"
    shutil.copytree(field.kit, fork)
    for name in (
        "entries/000000/000000001.entry",
        "entries/000000/000000002.entry",
        "notes/2.note",
        "notes/3.note",
    ):
        (fork / "log/vault" / name).unlink()
    shutil.copy(fork / "log/vault/notes/1.note", fork / "log/vault/checkpoint")
    field.seal(fill(field.folder / "s6", {"6.txt": b"6"}), vault=fork)
    shutil.copy(fork / "log/vault/notes/2.note", field.kit / "log/vault/notes/2.note")
    done = run("import", field.kit, "--vault", field.vault, "--identity", field.anna)
    assert done.code == 1
    assert "checkpoint 2" in done.err
    field.is_clean()


def test_what_an_import_that_was_not_committed_left_of_another_history_is_in_nobodys_way(
    field: Field, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two clones of a kit: the import of one is interrupted, then the other one comes home."""
    clone = field.folder / "clone"
    shutil.copytree(field.kit, clone)
    for number in (1, 2):
        field.seal(fill(field.folder / f"c{number}", {f"{number}": b"%d" % number}), vault=clone)
    field.seal(fill(field.folder / "k1", {"3": b"3"}), vault=field.kit)

    def interrupted(*arguments: object, **named: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(Vault, "append_all", interrupted)
        assert run("import", clone, "--vault", field.vault, "--identity", field.anna).code == 1
    field.do("import", field.kit)
    assert {"1.txt", "3"} <= {item["path"] for item in field.do("list")["items"]}
    field.is_clean()


@pytest.mark.parametrize(
    "lie",
    [
        {"mtime": '"soon"'}, {"mtime": f'"{"9" * 30}"'}, {"stat": '{"mode":"rwx"}'},
        {"stat": '"none"'}, {"sha256": '"AAAA"'}, {"md5": '"AAAA"'}, {"path": '"?"'},
        {"fate": '{"same_as":[],"type":"file"}'}, {"fate": '{"type":"symlink"}'}, {"fate": '{"type":[]}'},
    ],
    ids=str,
)  # fmt: skip
def test_a_kit_whose_items_nobody_could_list_is_refused_before_they_are_in_the_log(
    field: Field, monkeypatch: pytest.MonkeyPatch, lie: dict[str, Any]
) -> None:
    """Whoever stole a kit can sign what he likes; what is in the log can not be taken out."""
    field.do("import", field.kit)
    with monkeypatch.context() as patch:
        patch.setattr(intake, "state_values", lambda state: dict(lie))
        field.seal(fill(field.folder / "s7", {"7.txt": b"7"}), vault=field.kit)
    done = run("import", field.kit, "--vault", field.vault, "--identity", field.anna)
    assert done.code == 1
    assert "entry 3 of the kit's log does not hold" in done.err
    assert "Traceback" not in done.err
    assert len(field.do("list")["items"]) == 4


@pytest.mark.parametrize("before", [False, True], ids=["at once", "one after the other"])
def test_a_kit_that_has_one_item_in_two_deliveries_is_refused(
    field: Field, monkeypatch: pytest.MonkeyPatch, before: bool
) -> None:
    """Secrets make items differ: whoever chose them himself would have a catalogue that can not be built."""
    one = fill(field.folder / "s8", {"8.txt": b"8"})
    with monkeypatch.context() as patch:
        patch.setattr(part, "new_secret", lambda: bytes(32))
        for number in range(2):
            field.seal(one, vault=field.kit)
            if before and not number:
                field.do("import", field.kit)
    size = len(field.do("list")["items"])
    done = run("import", field.kit, "--vault", field.vault, "--identity", field.anna)
    assert done.code == 1
    assert "in two deliveries" in done.err
    assert len(field.do("list")["items"]) == size
    field.is_clean()


def test_entries_of_a_kit_that_are_not_as_they_are_written_leave_the_log_readable(field: Field) -> None:
    kit = open_vault(field.kit)
    with kit.writing():
        kit.append({"kind": "device-certified", "device": "no key at all", "checkpoint": "none"})
    field.do("import", field.kit)
    words = ["log", "--vault", field.vault, "--identity", field.anna]
    assert "no key at all" in run(*words).ok().out
    kit = open_vault(field.kit)
    with kit.writing():
        kit.append({"kind": "cosigned", "time": "noon", "cosigner": "x", "size": "1"})
    done = run("import", field.kit, "--vault", field.vault, "--identity", field.anna)
    assert done.code == 1
    assert "entry 4 of the kit's log does not hold" in done.err
    run(*words).ok()
