"""Field kits: two offline at once, one cloned, one revoked, one seized, idle or in the middle of a run."""

from __future__ import annotations

import base64
import subprocess
from pathlib import Path

import pytest
from killing import dying_run, operations
from thief import files_of, keys_in, opened_with

from bearwitness.vault.keyring import load_given, unlock
from bearwitness.vault.opening import open_vault
from workbench import Bench, Done, fill, run, scaled, verify, wav

MARK = b"THE-MARK-OF-WHAT-NO-THIEF-MAY-SEE"


def copy(tree: Path, to: Path) -> Path:
    subprocess.run(["cp", "-a", tree, to], check=True)
    return to


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path / "bench")


def make_kit(bench: Bench, name: str) -> Path:
    run("kit", bench.folder / name, "--vault", bench.vault, "--label", name).ok()
    return bench.folder / name


def refused(done: Done, *reasons: str) -> None:
    assert done.code == 1, done
    for reason in reasons:
        assert reason in done.err, done.err


def name_of(kit: Path) -> str:
    return open_vault(kit).config.origin


# --- Two kits, offline, at the same time -----------------------------------------------------------


def test_two_kits_that_seal_at_the_same_time_are_imported_in_either_order_without_a_fork(
    bench: Bench, tmp_path: Path
) -> None:
    kits = [make_kit(bench, "one"), make_kit(bench, "two")]
    begun = bench.vault / "log/vault/notes/3.note"
    cards = []
    for number in (0, 1, 2):  # each seals in turn, knowing nothing of the other
        for kit in kits:
            files = {f"{kit.name} {number}.txt": f"{kit.name} {number}".encode()}
            sealed = bench.seal(fill(tmp_path / f"{kit.name}{number}", dict(files)), vault=kit)
            cards.append(tmp_path / f"card-{kit.name}-{number}")
            cards[-1].write_text(sealed["checkpoint"])
        for kit in kits[:: 1 if number % 2 else -1]:
            bench.do("import", kit)
            bench.is_clean()
    assert len(bench.items()) == 6
    for anchor in (begun, *cards):  # nobody's history was rewritten, seen from anywhere
        assert run("check", "--vault", bench.vault, "--since", anchor).code == 0, anchor
    assert (
        run("import", kits[0], "--vault", bench.vault, "--identity", bench.anna)
        .ok()
        .out.startswith("there is")
    )
    bench.release(tmp_path / "release", ["one 0.txt", "two 2.txt"])
    assert verify(tmp_path / "release", "--vault-key", bench.fingerprint).code == 0


def test_a_kit_that_was_cloned_and_used_twice_is_a_fork_and_refused(bench: Bench, tmp_path: Path) -> None:
    kit = make_kit(bench, "kit")
    clone = copy(kit, tmp_path / "clone")
    bench.seal(fill(tmp_path / "a", {"a": b"a"}), vault=kit)
    bench.seal(fill(tmp_path / "b", {"b": b"b"}), vault=clone)
    bench.seal(fill(tmp_path / "c", {"c": b"c"}), vault=clone)
    bench.do("import", kit)
    done = run("import", clone, "--vault", bench.vault, "--identity", bench.anna)
    refused(done, "FORK: the kit's log does not continue what is known of it", "keep the kit as evidence")
    assert bench.items().keys() == {"a"}
    bench.is_clean()


def test_a_kit_put_back_to_an_earlier_state_is_refused(bench: Bench, tmp_path: Path) -> None:
    kit = make_kit(bench, "kit")
    early = copy(kit, tmp_path / "early")
    bench.seal(fill(tmp_path / "a", {"a": b"a"}), vault=kit)
    bench.do("import", kit)
    done = run("import", early, "--vault", bench.vault, "--identity", bench.anna)
    refused(done, "fewer than the", "an older state")


# --- A kit that is lost -----------------------------------------------------------------------------


def test_what_a_revoked_kit_writes_later_is_refused_and_what_it_wrote_before_stands(
    bench: Bench, tmp_path: Path
) -> None:
    kit = make_kit(bench, "kit")
    bench.seal(fill(tmp_path / "a", {"before.txt": b"before"}), vault=kit)
    bench.do("import", kit)
    bench.release(tmp_path / "earlier", ["before.txt"])
    bench.do("kit", "--revoke", name_of(kit), "--ground", "stolen", "--identity", bench.anna)
    bench.seal(fill(tmp_path / "b", {"later.txt": b"later"}), vault=kit)
    done = run("import", kit, "--vault", bench.vault, "--identity", bench.anna)
    refused(done, "this kit was revoked after 2 entries, it now has 3", "may be forged by whoever took it")
    assert bench.items().keys() == {"before.txt"}
    bench.is_clean()
    bench.release(tmp_path / "afterwards", ["before.txt"])
    for release in ("earlier", "afterwards"):
        assert verify(tmp_path / release, "--vault-key", bench.fingerprint).code == 0


def test_a_kit_revoked_before_it_was_ever_imported_brings_nothing(bench: Bench, tmp_path: Path) -> None:
    kit = make_kit(bench, "kit")
    bench.seal(fill(tmp_path / "a", {"a": b"a"}), vault=kit)
    bench.do("kit", "--revoke", name_of(kit), "--ground", "lost", "--identity", bench.anna)
    refused(
        run("import", kit, "--vault", bench.vault, "--identity", bench.anna), "was revoked after 1 entries"
    )
    assert bench.items() == {}


def test_the_kit_of_another_vault_or_one_never_certified_is_refused(bench: Bench, tmp_path: Path) -> None:
    other = Bench(tmp_path / "other")
    stranger = make_kit(other, "kit")
    other.seal(fill(tmp_path / "a", {"a": b"a"}), vault=stranger)
    refused(
        run("import", stranger, "--vault", bench.vault, "--identity", bench.anna),
        "was made for another vault",
    )
    before = copy(bench.vault, tmp_path / "before")
    kit = make_kit(bench, "kit")
    done = run("import", kit, "--vault", before, "--identity", bench.anna)
    refused(done, "is not certified by this vault")


# --- A kit that is seized ---------------------------------------------------------------------------


def yields_nothing(kit: Path) -> None:
    """Play the thief: look for the mark in the clear, then try every key there is."""
    files = files_of(kit)
    assert len(files) > 4
    for path, data in files.items():
        for form in (MARK, MARK.hex().encode(), base64.b64encode(MARK)[:40], MARK[:16]):
            assert form not in data, path
            assert form not in path.encode(), path
    secrets = {key for key in keys_in(files) if len(key) == 32}
    assert len(secrets) > 10, "the thief found nothing to try"
    assert opened_with(secrets, files) == {}


def drive(folder: Path) -> Path:
    names = {f"{MARK.decode()}{i}/{MARK.decode()}": MARK * 40 + bytes([i]) for i in range(9)}
    sound = bytearray(wav(1.0))
    sound[2000 : 2000 + len(MARK)] = MARK
    return fill(folder, {**names, "large.bin": MARK * 9000, "sound.wav": bytes(sound)})


def test_the_thiefs_search_opens_everything_once_it_has_the_vaults_key(bench: Bench, tmp_path: Path) -> None:
    """Else the tests below would show only that the search is blind."""
    kit = make_kit(bench, "kit")
    bench.seal(drive(tmp_path / "drive"), vault=kit)
    unlocked = unlock(open_vault(bench.vault), load_given([str(bench.anna)], lambda _: ""))
    assert unlocked.identity
    plain = opened_with({unlocked.identity.secret}, files_of(kit))
    assert any(MARK in data for data in plain.values())
    assert any(base64.urlsafe_b64encode(MARK)[:40] in data for data in plain.values()), (
        "no name came to light"
    )
    assert {path.partition("/")[0] for path in plain} == {"packs", "keys", "log"}


def test_a_kit_seized_while_idle_yields_no_content_and_no_name(bench: Bench, tmp_path: Path) -> None:
    kit = make_kit(bench, "kit")
    bench.seal(drive(tmp_path / "drive"), "--note", MARK.decode(), "--by", MARK.decode(), vault=kit)
    yields_nothing(kit)
    assert not list((kit / "runs").glob("*"))


def test_a_kit_seized_in_the_middle_of_a_run_yields_no_content_and_no_name(
    bench: Bench, tmp_path: Path
) -> None:
    kit, source = make_kit(bench, "kit"), drive(tmp_path / "drive")
    total = operations(tmp_path, "seal", source, "--vault", copy(kit, tmp_path / "counted"), small=3)
    in_mid_run = 0
    count = scaled(5, 60)
    for number in range(count):
        seized = copy(kit, tmp_path / f"seized{number}")
        at = 1 + (total - 1) * number // count
        dying_run("seal", source, "--vault", seized, at=at, who="group", small=3)
        in_mid_run += bool(list((seized / "runs").glob("[!.]*/key")))
        yields_nothing(seized)
    assert in_mid_run >= 3
