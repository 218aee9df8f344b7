"""Real media, sealed and brought back: bytes, names and times are what they were."""

from __future__ import annotations

import json
import os
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from workbench import Bench, run, snapshot, verify


@pytest.fixture(scope="module")
def listing(corpus: Path) -> dict[str, dict[str, Any]]:
    """Return what the corpus says of its files, by path."""
    files = json.loads((corpus / "corpus.json").read_text("utf-8"))["files"]
    return {entry["file"]: entry for entry in files}


class SealedBench(Bench):
    """A vault that took in the corpus, and what `seal` said."""

    def __init__(self, folder: Path, corpus: Path) -> None:
        super().__init__(folder)
        self.sealed = self.seal(corpus)


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory, corpus: Path) -> SealedBench:
    return SealedBench(tmp_path_factory.mktemp("corpus"), corpus)


def test_every_file_comes_back_byte_for_byte_with_name_and_time(
    bench: SealedBench, corpus: Path, tmp_path: Path
) -> None:
    run("restore", tmp_path / "out", "--vault", bench.vault, "--identity", bench.anna).ok()
    assert snapshot(tmp_path / "out") == snapshot(corpus)


def test_the_hashes_are_those_that_the_corpus_states(
    bench: SealedBench, listing: dict[str, dict[str, Any]]
) -> None:
    items = bench.items()
    assert len(listing) >= 80
    for path, entry in listing.items():
        assert items[path]["sha256"] == entry["sha256"], path
        assert items[path]["bytes"] == entry["bytes"], path


def test_all_of_it_checks_clean(bench: SealedBench) -> None:
    bench.is_clean()


def test_damaged_files_are_sealed_whole_and_said_to_be_without_an_index(bench: SealedBench) -> None:
    assert bench.sealed["unreadable"] == []
    told = {item["path"] for item in bench.sealed["not_indexed"]}
    assert any(path.startswith("damaged/") for path in told)
    assert not any(path.startswith(("video/", "neardup/")) for path in told)


def test_a_release_of_real_footage_with_its_tracks_verifies(bench: SealedBench, tmp_path: Path) -> None:
    paths = ["video/stage-audience.mp4", "video/signer-woman.mkv"]
    bench.release(tmp_path / "court", paths, "--reveal", "path,mtime,tracks")
    done = verify(tmp_path / "court", "--vault-key", bench.fingerprint).ok()
    assert "VERIFIED" in done.out
    hashes = {bench.items()[path]["sha256"] for path in paths}
    shown = {sha256(path.read_bytes()).hexdigest() for path in (tmp_path / "court/exhibits").iterdir()}
    assert shown == hashes


def test_the_odd_names_of_the_corpus_are_made_and_come_back(corpus: Path, tmp_path: Path) -> None:
    names = json.loads((corpus / "damaged/odd-names.json").read_text("utf-8"))["names"]
    source = tmp_path / "source"
    source.mkdir()
    made = set()
    for number, entry in enumerate(names):
        name = bytes.fromhex(entry["name_bytes_hex"]) if "name_bytes_hex" in entry else entry["name"].encode()
        path = os.path.join(os.fsencode(source), name)
        with open(path, "wb") as file:
            file.write(b"%d" % number)
        os.utime(path, ns=(number, 1_600_000_000_000_000_001 + number))
        made.add(name)
    assert len(made) == len(names) >= 16
    bench = Bench(tmp_path / "bench")
    bench.seal(source)
    assert {os.fsencode(item["path"]) for item in bench.do("list")["items"]} == made
    run("restore", tmp_path / "out", "--vault", bench.vault, "--identity", bench.anna).ok()
    assert snapshot(tmp_path / "out") == snapshot(source)
