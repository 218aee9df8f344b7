"""Destroyed by two people: gone with every key that exists, a tombstone in its place, all else as it was."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pyrage
import pytest

from bearwitness.vault import keyring
from bearwitness.vault.opening import open_vault_proper
from workbench import Bench, fill, recipient_of, run, snapshot, verify

DOOMED = b"the words that shall be gone " * 400


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    made = Bench(tmp_path / "bench")
    files: dict[str, bytes | int] = {"doomed.txt": DOOMED, "stays.txt": b"stays", "b/large.bin": 3_000_000}
    made.seal(fill(made.folder / "source", files))
    return made


def every_plaintext(bench: Bench, vault: Path) -> list[bytes]:
    """Return everything that any key which exists opens, of every age file in the vault."""
    opened = open_vault_proper(bench.vault)
    given = keyring.load_given([str(bench.anna), str(bench.ben)], input)
    unlocked = keyring.unlock(opened, given)
    keys = [keyring.require_vault(unlocked).text()]
    keys += [key.read_text().splitlines()[-1] for key in (bench.anna, bench.ben, bench.keeper)]
    files = [p.read_bytes() for p in vault.rglob("*") if p.is_file()]
    found: list[bytes] = []
    seen: set[str] = set()
    while keys:
        identity = keys.pop()
        if identity in seen:
            continue
        seen.add(identity)
        for data in files:
            for begin in [i for i in (data.find(b"age-encryption.org/v1"),) if i >= 0]:
                try:
                    plain = pyrage.decrypt(data[begin:], [pyrage.x25519.Identity.from_str(identity)])
                except pyrage.DecryptError:
                    continue
                found.append(plain)
                for word in plain.replace(b'"', b" ").split():
                    if word.startswith(b"AGE-SECRET-KEY-1"):
                        keys.append(word.decode())
    return found


def test_before_it_is_destroyed_the_words_can_be_had_with_the_keys(bench: Bench) -> None:
    """Else the test below could not fail."""
    assert any(DOOMED in plain for plain in every_plaintext(bench, bench.vault))


def test_after_it_with_every_key_that_exists_they_can_not(bench: Bench, tmp_path: Path) -> None:
    bench.do("mirror", tmp_path / "mirror")
    bench.destroy(bench.items()["doomed.txt"]["item"])
    for place in (bench.vault, tmp_path / "mirror"):
        plaintexts = every_plaintext(bench, place)
        assert any(b"stays" in plain for plain in plaintexts)
        for plain in plaintexts:
            assert b"shall be gone" not in plain
            assert b"ZG9vbWVkLnR4dA" not in plain  # its name, as manifests write it


def test_everything_else_holds_and_the_tombstone_shows(bench: Bench, tmp_path: Path) -> None:
    bench.release(tmp_path / "before", ["stays.txt", "doomed.txt"])
    gone = bench.items()["doomed.txt"]["item"]
    said = bench.destroy(gone)
    assert said["destroyed"] == [gone]
    bench.is_clean()
    listed = bench.do("list")
    assert listed["destroyed"] == [gone]
    assert {item["path"] for item in listed["items"]} == {"stays.txt", "b/large.bin"}
    assert bench.do("rebuild")["tombstones"] == 1
    verify(tmp_path / "before", "--vault-key", bench.fingerprint).ok()
    bench.release(tmp_path / "after", ["stays.txt"])
    verify(tmp_path / "after", "--vault-key", bench.fingerprint).ok()
    run("restore", tmp_path / "out", "--vault", bench.vault, "--identity", bench.anna).ok()
    there = snapshot(bench.folder / "source")
    del there[b"doomed.txt"]
    assert snapshot(tmp_path / "out") == there
    entry = next(
        e["fields"] for e in bench.do("log")["entries"] if e.get("fields", {}).get("kind") == "destroyed"
    )
    assert sorted(entry["keepers"]) == sorted([recipient_of(bench.anna), recipient_of(bench.ben)])
    assert entry["ground"] == "court order"


def test_one_person_can_not_not_even_with_two_of_their_keys_the_same(bench: Bench) -> None:
    item = bench.items()["doomed.txt"]["item"]
    words = ["destroy", "--vault", bench.vault, "--item", item, "--ground", "I want it"]
    anna = ["--identity", bench.anna]
    for keys in (anna, anna + anna, [*anna, "--identity", bench.keeper]):
        done = run(*words, *keys)
        assert done.code == 1
        assert "two people" in done.err
    assert "doomed.txt" in bench.items()


def test_what_was_destroyed_is_told_by_its_id_and_can_not_be_destroyed_shown_or_restored(
    bench: Bench, tmp_path: Path
) -> None:
    item = bench.items()["doomed.txt"]["item"]
    bench.destroy(item)
    at = ["--vault", bench.vault, "--identity", bench.anna, "--item", item]
    for words in (
        ["release", tmp_path / "r", *at],
        ["restore", tmp_path / "o", *at],
        ["destroy", *at, "--identity", bench.ben, "--ground", "again"],
    ):
        done = run(*words)
        assert done.code == 2
        assert "was destroyed" in done.err
    assert not (tmp_path / "r").exists()


def test_a_copy_of_the_same_bytes_elsewhere_must_be_named_or_left_on_purpose(
    bench: Bench, tmp_path: Path
) -> None:
    bench.seal(fill(tmp_path / "more", {"copy of it.txt": DOOMED}))
    items = bench.items()
    words = ["destroy", "--vault", bench.vault, "--identity", bench.anna, "--identity", bench.ben]
    words += ["--item", items["doomed.txt"]["item"], "--ground", "consent withdrawn"]
    done = run(*words)
    assert done.code == 1
    assert items["copy of it.txt"]["item"][:12] in done.err
    run(*words, "--leave-copies").ok()
    assert "copy of it.txt" in bench.items()
    bench.is_clean()


def test_a_second_name_of_a_file_does_not_keep_it_alive(tmp_path: Path) -> None:
    bench = Bench(tmp_path / "bench")
    source = fill(tmp_path / "source", {"a.txt": DOOMED, "b.txt": b"b"})
    os.link(source / "a.txt", source / "z.txt")
    bench.seal(source)
    items = bench.items()
    (first,) = [i for i in items.values() if i["path"] in ("a.txt", "z.txt") and "same_as" not in i["fate"]]
    done = run("destroy", "--vault", bench.vault, "--identity", bench.anna, "--identity", bench.ben,
               "--item", first["item"], "--ground", "law")  # fmt: skip
    if done.code:  # then it names the other, which has to go along
        (second,) = [i for i in items.values() if "same_as" in i["fate"]]
        assert second["item"][:12] in done.err
        bench.destroy(first["item"], second["item"])
    assert not any(b"shall be gone" in plain for plain in every_plaintext(bench, bench.vault))
    bench.is_clean()


@pytest.mark.parametrize("name", ["the first name", "a further name"])
def test_no_name_of_a_file_is_called_destroyed_while_another_keeps_its_bytes(
    tmp_path: Path, name: str
) -> None:
    bench = Bench(tmp_path / "bench")
    source = fill(tmp_path / "source", {"a.txt": DOOMED, "copy.txt": DOOMED})
    os.link(source / "a.txt", source / "z.txt")
    bench.seal(source)
    items = bench.items()
    names = {"same_as" in items[path]["fate"]: path for path in ("a.txt", "z.txt")}
    chosen = names[name == "a further name"]
    done = run("destroy", "--vault", bench.vault, "--identity", bench.anna, "--identity", bench.ben,
               "--item", items[chosen]["item"], "--ground", "law")  # fmt: skip
    assert done.code == 1
    assert all(items[path]["item"] in done.err for path in {"a.txt", "z.txt", "copy.txt"} - {chosen})
    assert bench.items() == items
    bench.destroy(*(item["item"] for item in items.values()))
    assert not any(b"shall be gone" in plain for plain in every_plaintext(bench, bench.vault))


def test_a_copy_that_was_named_and_not_reached_is_certified_as_such(bench: Bench, tmp_path: Path) -> None:
    """Nobody knows of it but whoever names it: no mirror and no kit that the log tells of."""
    item = bench.items()["doomed.txt"]["item"]
    said = bench.destroy(item, more=["--copy", tmp_path / "misspelled"], codes=(3,))
    assert [str(tmp_path / "misspelled") in told for told in said["copies_not_reached"]] == [True]
    entry = bench.do("log")["entries"][-1]["fields"]
    assert entry["kind"] == "copies-reached"
    assert entry["not_reached"] == said["copies_not_reached"]


def test_a_frozen_item_keeps_none_beside_it_from_being_destroyed_and_stays_frozen(
    bench: Bench, tmp_path: Path
) -> None:
    items = bench.items()
    bench.do("freeze", "--item", items["stays.txt"]["item"])
    held = json.loads(next((bench.vault / "frozen").iterdir()).read_bytes())["packs"]
    bench.destroy(items["doomed.txt"]["item"])
    assert not any(DOOMED in plain for plain in every_plaintext(bench, bench.vault))
    assert set(bench.items()) == {"stays.txt", "b/large.bin"}
    assert bench.items()["stays.txt"]["frozen"]
    assert held
    assert all((bench.vault / f"packs/{name[:2]}/{name}").exists() for name in held)
    words = ["--vault", bench.vault, "--identity", bench.anna, "--item", items["stays.txt"]["item"]]
    assert "frozen" in run("restore", tmp_path / "out", *words).err
    bench.is_clean()
    both = ["--identity", bench.ben, "--item", items["stays.txt"]["item"], "--ground", "no minor"]
    bench.do("thaw", *both)
    bench.do("restore", tmp_path / "thawed", "--item", items["stays.txt"]["item"])
    assert (tmp_path / "thawed/stays.txt").read_bytes() == b"stays"
