"""Destroyed means: with every key that still exists the bytes can be had from no copy; all else holds."""

from __future__ import annotations

import base64
import sqlite3
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from thief import files_of, opened_with

from bearwitness.vault.keyring import load_given, unlock
from bearwitness.vault.opening import open_vault
from workbench import Bench, fill, recipient_of, run, verify

MARK = b"WHAT-A-SURVIVOR-WANTED-GONE"
NAME = "the-name-that-must-go/too.txt"
PAGE_BYTES = 4096
RESERVED_BYTES = 80  # of a page: initialisation vector, then the tag over it


class Case:
    """A vault from which two items were destroyed; a mirror and a kit were reached, a mirror was not."""

    def __init__(self, folder: Path) -> None:
        bench = self.bench = Bench(folder / "bench")
        self.kit, self.mirror, self.lost_mirror = folder / "kit", folder / "mirror", folder / "lost-mirror"
        drive = fill(
            folder / "drive",
            {NAME: MARK * 30, "kept.txt": b"this stays", "film": MARK + bytes(100_000) + b"the film stays"},
        )
        run("kit", self.kit, "--vault", bench.vault).ok()
        bench.seal(drive, vault=self.kit)
        bench.do("import", self.kit)
        bench.release(folder / "release", ["kept.txt"], "--reveal", "path")
        bench.items()
        for mirror in (self.mirror, self.lost_mirror):
            bench.do("mirror", mirror)
        bench.do(
            "keys", "rotate", "--recipient", recipient_of(bench.anna), "--recipient", recipient_of(bench.ben)
        )
        before = bench.items()
        self.item, self.film = before[NAME]["item"], before["film"]["item"]
        self.before = {path: item for path, item in before.items() if path not in (NAME, "film")}
        self.found_before = self.everything()
        self.lost_mirror = self.lost_mirror.rename(folder / "mirror-on-a-disk-far-away")
        self.told = bench.destroy(self.item, self.film, more=["--copy", self.kit], codes=(0, 3))
        self.release = folder / "release"

    def secrets(self) -> set[bytes]:
        """Return every key that still exists outside of these files: what keepers and source keeper open."""
        found = set()
        for vault in (self.bench.vault, self.mirror):
            given = load_given([str(k) for k in (self.bench.anna, self.bench.ben, self.bench.keeper)], str)
            for identity in unlock(open_vault(vault), given).all():
                found.add(identity.secret)
        return found

    def everything(self) -> dict[str, bytes]:
        """Return all plaintext that can be had from vault, mirror and kit with every key."""
        files = {
            f"{place.name}/{path}": data
            for place in (self.bench.vault, self.mirror, self.kit)
            for path, data in files_of(place).items()
        }
        return opened_with(self.secrets(), files)


@pytest.fixture(scope="module")
def case(tmp_path_factory: pytest.TempPathFactory) -> Case:
    return Case(tmp_path_factory.mktemp("destroyed"))


def forms(text: bytes) -> list[bytes]:
    encoded = base64.urlsafe_b64encode(text)
    return [text, encoded[: len(encoded) // 4 * 4 - 4], text.hex().encode()]


def holds(found: dict[str, bytes], text: bytes) -> list[str]:
    return [path for path, data in found.items() if any(form in data for form in forms(text))]


def test_before_all_copies_gave_the_item_away_so_that_the_search_can_see(case: Case) -> None:
    for text in (MARK, NAME.encode()):
        places = {path.partition("/")[0] for path in holds(case.found_before, text)}
        assert places == {"vault", "mirror", "kit"}, text


def test_with_every_key_that_still_exists_neither_bytes_nor_name_can_be_had_from_any_reached_copy(
    case: Case,
) -> None:
    found = case.everything()
    assert len(found) > 20
    assert holds(found, MARK) == []
    assert holds(found, NAME.encode()) == []
    assert holds(found, b"this stays"), "what stays must stay"
    for place in (case.bench.vault, case.mirror, case.kit):
        for path, data in files_of(place).items():
            assert not any(form in data for form in (*forms(MARK), *forms(NAME.encode()))), path


def test_old_packs_and_keys_are_in_no_reached_copy(case: Case) -> None:
    """What the copies that were not reached still hold of the item is nowhere in those that were."""
    far = {path.name: path.read_bytes() for path in (case.lost_mirror / "packs").rglob("*") if path.is_file()}
    assert far
    gone = {name: data for name, data in far.items() if not list(case.bench.vault.rglob(name))}
    assert gone, "no pack was written anew"
    for place in (case.bench.vault, case.mirror, case.kit):
        for path, data in files_of(place).items():
            assert data not in gone.values(), path


def test_the_catalogues_pages_hold_nothing_of_it_not_even_free_ones(case: Case) -> None:
    bench = case.bench
    unlocked = unlock(open_vault(bench.vault), load_given([str(bench.anna)], str))
    assert unlocked.identity
    database = bench.vault / "local/catalogue.db"
    key = HKDF(SHA256(), 32, None, b"bearwitness/1/catalogue").derive(unlocked.identity.secret)
    pages = b"".join(pages_of(database.read_bytes(), key))
    assert b"kept.txt" in pages, "the pages were not read rightly"
    assert MARK not in pages
    assert NAME.encode() not in pages
    assert not list(database.parent.glob("catalogue.db-*"))
    with pytest.raises(sqlite3.DatabaseError):
        sqlite3.connect(database).execute("select * from items")


def pages_of(data: bytes, key: bytes) -> list[bytes]:
    """Return the pages of a SQLCipher 4 database in the clear (its HMACs are not looked at)."""
    pages = []
    for at in range(0, len(data), PAGE_BYTES):
        page = data[at : at + PAGE_BYTES]
        begin, end = 16 if at == 0 else 0, PAGE_BYTES - RESERVED_BYTES
        decryptor = Cipher(algorithms.AES(key), modes.CBC(page[end : end + 16])).decryptor()
        pages.append(decryptor.update(page[begin:end]) + decryptor.finalize())
    return pages


def test_everything_else_is_there_and_verifies_as_before(case: Case) -> None:
    bench = case.bench
    bench.is_clean()
    bench.is_clean(case.mirror)
    assert bench.items() == case.before
    assert verify(case.release, "--vault-key", bench.fingerprint).code == 0
    bench.release(case.release.with_name("again"), ["kept.txt"])
    assert verify(case.release.with_name("again"), "--vault-key", bench.fingerprint).code == 0
    bench.do("restore", case.release.with_name("out"))
    assert (case.release.with_name("out") / "kept.txt").read_bytes() == b"this stays"
    assert not (case.release.with_name("out") / NAME).exists()


def test_the_item_can_be_neither_restored_nor_released_any_more(case: Case) -> None:
    bench = case.bench
    for verb in ("restore", "release"):
        place = case.release.with_name(f"never-{verb}")
        done = run(*bench.words(verb, place, "--item", case.item))
        assert done.code != 0
        assert "destroyed" in done.err
        assert not place.exists()


def test_a_catalogue_built_anew_shows_the_tombstone_and_the_log_the_ground(case: Case) -> None:
    bench = case.bench
    (bench.vault / "local/catalogue.db").unlink()
    bench.do("rebuild")
    deliveries = bench.do("list")["deliveries"]
    listed = bench.do("list")
    assert case.item in str(listed.get("destroyed", deliveries)), listed
    entries = bench.do("log")["entries"]
    destroyed = next(e["fields"] for e in entries if e.get("fields", {}).get("kind") == "destroyed")
    assert sorted(destroyed["items"]) == sorted([case.item, case.film])
    assert destroyed["ground"] == "court order"
    assert len(destroyed["keepers"]) == 2


def test_copies_acknowledge_or_are_certified_as_not_reached(case: Case) -> None:
    entries = case.bench.do("log")["entries"]
    told = next(e["fields"] for e in entries if e.get("fields", {}).get("kind") == "copies-reached")
    assert sorted(told["items"]) == sorted([case.item, case.film])
    assert open_vault(case.kit).config.origin in told["reached"]
    assert len(told["reached"]) == 2
    assert len(told["not_reached"]) == 1
    assert "lost-mirror" in told["not_reached"][0]
    late = run("mirror", case.lost_mirror, "--vault", case.bench.vault).ok()  # found again, it learns of it
    assert late
    files = files_of(case.lost_mirror)
    assert holds(opened_with(case.secrets(), files), MARK) == []


def test_one_keeper_alone_can_not_destroy(case: Case) -> None:
    done = run(
        *case.bench.words("destroy", "--item", case.bench.items()["kept.txt"]["item"], "--ground", "x")
    )
    assert done.code == 1
    assert "two" in done.err
    case.bench.is_clean()
