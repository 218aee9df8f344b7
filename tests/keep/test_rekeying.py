"""Who can open a vault changes by wrapping, splitting, combining and rotating; what is sealed stays so."""

from __future__ import annotations

from pathlib import Path

import pytest

from workbench import Bench, fill, recipient_of, run


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    made = Bench(tmp_path / "bench")
    made.seal(fill(made.folder / "source", {"a.txt": b"a", "b.bin": 5000}))
    return made


def opens(bench: Bench, *keys: Path) -> bool:
    words = [word for key in keys for word in ("--identity", key)]
    return run("list", "--vault", bench.vault, *words).code == 0


def test_a_further_keeper_opens_all_of_it_and_nobody_else_does(bench: Bench) -> None:
    carla, dora = bench.key("carla"), bench.key("dora")
    assert not opens(bench, carla)
    bench.do("keys", "wrap", "--recipient", recipient_of(carla))
    assert opens(bench, carla)
    assert not opens(bench, dora)
    bench.is_clean()


def test_after_rotation_whoever_is_not_named_opens_nothing_of_the_vault_as_it_is(bench: Bench) -> None:
    before = {path.name for path in (bench.vault / "packs").rglob("*")}
    bench.do("keys", "rotate", "--recipient", recipient_of(bench.ben))
    assert opens(bench, bench.ben)
    assert not opens(bench, bench.anna)
    assert {path.name for path in (bench.vault / "packs").rglob("*")} == before  # packs are not written again
    run("seal", bench.folder / "source", "--vault", bench.vault).ok()
    words = ["check", "--vault", bench.vault, "--identity", bench.ben, "--deep"]
    run(*words).ok()


def test_a_rotation_can_split_the_vault_and_another_can_put_it_together(bench: Bench) -> None:
    carla = bench.key("carla")
    names = [recipient_of(key) for key in (bench.anna, bench.ben, carla)]
    recipients = [word for name in names for word in ("--recipient", name)]
    bench.do("keys", "rotate", *recipients, "--threshold", "2")
    assert not opens(bench, bench.anna)
    assert opens(bench, bench.anna, carla)
    run("keys", "rotate", "--vault", bench.vault, "--identity", bench.ben, "--identity", carla,
        "--recipient", names[0]).ok()  # fmt: skip
    assert opens(bench, bench.anna)
    assert not opens(bench, bench.ben, carla)


def test_shares_from_paper_bring_a_vault_back_to_a_keeper_who_lost_the_key(bench: Bench) -> None:
    words = ["--vault", bench.vault, "--identity", bench.anna, "--threshold", "2", "--shares", "3"]
    said = run("keys", "split", *words, "--json").ok()
    shares = [bench.folder / f"share{number}" for number in range(3)]
    for file, mnemonic in zip(shares, said.json["shares"], strict=True):
        file.write_text(mnemonic)
    new = bench.key("new")
    at = ["keys", "combine", "--vault", bench.vault, "--recipient", recipient_of(new)]
    assert run(*at, "--identity", shares[0]).code == 1
    assert not opens(bench, new)
    run(*at, "--identity", shares[0], "--identity", shares[2]).ok()
    assert opens(bench, new)
    bench.is_clean()


def test_shares_of_two_vaults_do_not_open_either(bench: Bench, tmp_path: Path) -> None:
    other = Bench(tmp_path / "other")
    files = []
    for number, vault in enumerate((bench, other)):
        words = ["--vault", vault.vault, "--identity", vault.anna, "--threshold", "2", "--shares", "2"]
        files.append(tmp_path / f"share{number}")
        files[-1].write_text(run("keys", "split", *words, "--json").ok().json["shares"][number])
    assert not opens(bench, *files)
    assert not opens(other, *files)


@pytest.mark.parametrize(("threshold", "shares"), [("1", "2"), ("3", "2"), ("2", "17"), ("0", "0")])
def test_a_split_that_makes_no_sense_is_refused(bench: Bench, threshold: str, shares: str) -> None:
    words = ["--vault", bench.vault, "--identity", bench.anna, "--threshold", threshold, "--shares", shares]
    done = run("keys", "split", *words)
    assert done.code in (1, 2)
    assert done.out == ""


def test_every_change_of_keys_is_an_act_in_the_log(bench: Bench) -> None:
    bench.do("keys", "wrap", "--recipient", recipient_of(bench.key("carla")))
    bench.do("keys", "rotate", "--recipient", recipient_of(bench.anna))
    kinds = [e["fields"] for e in bench.do("log")["entries"] if e["fields"]["kind"] == "keys-changed"]
    assert len(kinds) == 2
    assert all(entry["action"] for entry in kinds)
    bench_check = run("check", "--vault", bench.vault, "--identity", bench.anna, "--json").ok()
    assert bench_check.json["problems"] == []
