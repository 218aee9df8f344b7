"""A real authority (`openssl ts` on loopback) stamps a vault; stamps are renewed; releases carry them."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import tsa
from tsa import needs_openssl
from workbench import Bench, fill, run, verify

pytestmark = needs_openssl


@pytest.fixture(scope="module")
def w() -> tsa.World:
    return tsa.world()


@pytest.fixture(scope="module")
def authority(w: tsa.World) -> Iterator[str]:
    """Return the address of an authority that answers as real ones do."""
    real = tsa.Openssl(w.ecdsa, chain=(w.middle,))

    def answer(asked: tsa.Asked) -> tuple[int, dict[str, str], bytes]:
        assert asked.headers["Content-Type"] == "application/timestamp-query"
        return 200, {"Content-Type": "application/timestamp-reply"}, real.reply(asked.body)

    with tsa.serving(answer) as url:
        yield url


@pytest.fixture
def bench(tmp_path: Path, w: tsa.World) -> Bench:
    made = Bench(tmp_path / "bench")
    (made.folder / "root.pem").write_bytes(w.root.pem)
    (made.folder / "rival.pem").write_bytes(w.rival_root.pem)
    made.seal(fill(made.folder / "source", {"a.txt": b"a"}))
    return made


def stamp(bench: Bench, url: str, *words: object) -> Any:
    roots = ["--tsa-root", bench.folder / "root.pem"]
    return run("stamp", "--vault", bench.vault, "--tsa", url, *roots, *words, "--json").ok().json


def test_a_stamp_is_kept_is_an_act_and_dates_what_is_released(
    bench: Bench, authority: str, tmp_path: Path
) -> None:
    said = stamp(bench, authority)
    assert len(said["stamps"]) == 1
    assert bench.do("log")["entries"][-1]["fields"]["kind"] == "stamped"
    bench.is_clean(None, "--tsa-root", bench.folder / "root.pem")
    bench.release(tmp_path / "court", ["a.txt"])
    done = verify(
        tmp_path / "court", "--vault-key", bench.fingerprint, "--tsa-root", bench.folder / "root.pem"
    ).ok()
    assert "sealed not later than" in done.out


def test_the_wrong_authority_is_refused_when_stamping_checking_and_verifying(
    bench: Bench, authority: str, tmp_path: Path
) -> None:
    rival = ["--tsa-root", bench.folder / "rival.pem"]
    assert run("stamp", "--vault", bench.vault, "--tsa", authority, *rival).code == 1
    assert not list((bench.vault / "log").rglob("stamps/*"))
    stamp(bench, authority)
    assert run("check", "--vault", bench.vault, *rival).code == 1
    bench.release(tmp_path / "court", ["a.txt"])
    assert verify(tmp_path / "court", "--vault-key", bench.fingerprint, *rival).code == 1


def test_stamps_are_renewed_and_both_are_carried_along(bench: Bench, authority: str, tmp_path: Path) -> None:
    stamp(bench, authority)
    stamp(bench, authority, "--renew")
    assert len(list((bench.vault / "log/vault/stamps").iterdir())) == 2
    bench.is_clean(None, "--tsa-root", bench.folder / "root.pem")
    bench.release(tmp_path / "court", ["a.txt"])
    done = verify(
        tmp_path / "court", "--vault-key", bench.fingerprint, "--tsa-root", bench.folder / "root.pem"
    ).ok()
    assert done.out.count("stamped 2") == 2


def test_several_authorities_stamp_and_one_that_is_away_does_not_keep_the_others_from_it(
    bench: Bench, authority: str
) -> None:
    roots = ["--tsa-root", bench.folder / "root.pem"]
    nobody = "http://127.0.0.1:1/"
    done = run("stamp", "--vault", bench.vault, "--tsa", nobody, "--tsa", authority, *roots, "--json")
    assert done.code == 1  # one was ordered and did not come
    assert len(done.json["stamps"]) == 1
    assert any(nobody in problem for problem in done.json["problems"])
    bench.is_clean()


def test_a_request_and_its_reply_can_be_carried_by_hand(bench: Bench, w: tsa.World) -> None:
    query, reply = bench.folder / "tsq", bench.folder / "tsr"
    run("stamp", "--vault", bench.vault, "--request", query).ok()
    reply.write_bytes(tsa.Openssl(w.rsa, chain=(w.middle,)).reply(query.read_bytes()))
    words = ["--query", query, "--reply", reply, "--tsa-root", bench.folder / "root.pem"]
    run("stamp", "--vault", bench.vault, *words).ok()
    bench.is_clean(None, "--tsa-root", bench.folder / "root.pem")
    other = Bench(bench.folder / "other")
    assert run("stamp", "--vault", other.vault, *words).code == 1  # it is about another log


def test_there_is_nothing_to_renew_before_anything_was_stamped(bench: Bench, authority: str) -> None:
    done = run("stamp", "--vault", bench.vault, "--renew", "--tsa", authority)
    assert done.code == 1
    assert "no stamp to renew" in done.err


def test_sealing_and_checking_order_nothing_over_the_network(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(*_: object, **__: object) -> None:
        raise AssertionError("somebody calls out")

    monkeypatch.setattr(socket.socket, "connect", refused)
    monkeypatch.setattr(socket, "create_connection", refused)
    bench.seal(bench.folder / "source")
    bench.is_clean()
    bench.do("mirror", bench.folder / "mirror")
