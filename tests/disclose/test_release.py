"""A release shows what was chosen, proves it, and says nothing of the rest."""

from __future__ import annotations

import base64
import json
import shutil
import zipfile
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from bearwitness.disclose.exhibits import write_exhibit
from workbench import Bench, fill, run, snapshot, verify, wav

HIDDEN = b"what is not shown " * 30


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Bench:
    made = Bench(tmp_path_factory.mktemp("release"))
    files: dict[str, bytes | int] = {
        "shown.txt": b"what is shown",
        "sound.wav": wav(0.3),
        "hidden name.txt": HIDDEN,
        "large.bin": 300_000,
        "twin.txt": b"the same bytes",
        "other twin.txt": b"the same bytes",
    }
    source = fill(made.folder / "source", files)
    (source / "link").symlink_to("shown.txt")
    made.seal(source, "--by", "Anna", "--note", "handed over", "--md5")
    return made


def ids(bench: Bench, *paths: str) -> list[object]:
    items = bench.items()
    return [word for path in paths for word in ("--item", items[path]["item"])]


def statement(release: Path) -> Any:
    return json.loads((release / "release.json").read_bytes())


def shown_fields(release: Path) -> dict[str, list[str]]:
    """Return the names of the fields shown, by the file they are about."""
    (delivery,) = statement(release)["deliveries"]
    return {
        str(item["file"]): [leaf["payload"]["name"] for leaf in item["fields"]] for item in delivery["items"]
    }


def test_a_folder_and_a_zip_hold_the_same_kind_of_release_and_both_verify(
    bench: Bench, tmp_path: Path
) -> None:
    for place in (tmp_path / "folder", tmp_path / "one.zip"):
        said = bench.do("release", place, *ids(bench, "shown.txt", "sound.wav"))
        assert said["release"] == str(place)
        assert verify(place, "--vault-key", bench.fingerprint).ok().out.count("byte for byte") == 2
    with zipfile.ZipFile(tmp_path / "one.zip") as archive:
        assert archive.testzip() is None
        files = [path for path in (tmp_path / "folder").rglob("*") if path.is_file()]
        assert archive.namelist() == sorted(str(path.relative_to(tmp_path / "folder")) for path in files)


def test_only_the_chosen_fields_are_shown(bench: Bench, tmp_path: Path) -> None:
    bench.do("release", tmp_path / "bare", *ids(bench, "shown.txt"))
    always = {"size", "sha256", "content", "fate"}
    assert [set(names) for names in shown_fields(tmp_path / "bare").values()] == [always]
    assert b"shown.txt" not in (tmp_path / "bare/release.json").read_bytes()
    reveal = ["--reveal", "path,mtime", "--reveal", "md5, stat"]
    bench.do("release", tmp_path / "more", *ids(bench, "shown.txt"), *reveal)
    assert [set(names) for names in shown_fields(tmp_path / "more").values()] == [
        always | {"path", "mtime", "md5", "stat"}
    ]


def test_the_count_of_items_is_shown_by_choice(bench: Bench, tmp_path: Path) -> None:
    bench.do("release", tmp_path / "silent", *ids(bench, "shown.txt"))
    (delivery,) = statement(tmp_path / "silent")["deliveries"]
    assert {leaf["payload"]["name"] for leaf in delivery["entry"]["shown"]} == {"kind", "delivery"}
    bench.do("release", tmp_path / "told", *ids(bench, "shown.txt"), "--reveal", "delivery.items,delivery.by")
    done = verify(tmp_path / "told", "--vault-key", bench.fingerprint).ok()
    assert "shows 1 of the 7 items" in done.out
    assert "Anna" in done.out


def words_about(item: bytes, name: str) -> Iterator[bytes]:
    """Yield everything that would tell of a file: its bytes, name, hashes, in every writing used."""
    for told in (item, name.encode(), sha256(item).digest()):
        yield told
        yield told.hex().encode()
        yield base64.urlsafe_b64encode(told).rstrip(b"=")
        yield base64.b64encode(told).rstrip(b"=")


def test_nothing_of_what_is_not_shown_is_in_a_release(bench: Bench, tmp_path: Path) -> None:
    chosen = ids(bench, "shown.txt", "sound.wav", "twin.txt")
    everything = "path,mtime,stat,md5,tracks,delivery.items,delivery.bytes,delivery.time,delivery.note"
    bench.do("release", tmp_path / "out", *chosen, "--reveal", everything)
    data = b"".join(p.read_bytes() for p in sorted((tmp_path / "out").rglob("*")) if p.is_file())
    hidden = {"hidden name.txt": HIDDEN, "large.bin": (bench.folder / "source/large.bin").read_bytes()}
    for name, content in hidden.items():
        for word in words_about(content, name):
            assert word not in data
    items = bench.items()
    for name in ("hidden name.txt", "large.bin", "other twin.txt", "link"):
        assert items[name]["item"].encode() not in data
    assert b"AGE-SECRET-KEY" not in data


def test_two_items_with_the_same_bytes_have_nothing_in_common_that_a_recipient_sees(
    bench: Bench, tmp_path: Path
) -> None:
    found = []
    for name in ("twin.txt", "other twin.txt"):
        bench.do("release", tmp_path / name, *ids(bench, name))
        (delivery,) = statement(tmp_path / name)["deliveries"]
        (item,) = delivery["items"]
        (content,) = [leaf for leaf in item["fields"] if leaf["payload"]["name"] == "content"]
        found.append({item["root"], item["salt"], content["salt"], content["payload"]["value"]["root"]})
    assert not found[0] & found[1]


def test_what_has_no_content_can_be_shown_too(bench: Bench, tmp_path: Path) -> None:
    bench.do("release", tmp_path / "out", *ids(bench, "link"), "--reveal", "path")
    done = verify(tmp_path / "out", "--vault-key", bench.fingerprint).ok()
    assert "path link" in done.out
    assert not (tmp_path / "out/exhibits").exists() or not list((tmp_path / "out/exhibits").iterdir())


def test_a_release_is_an_act_with_what_was_shown(bench: Bench, tmp_path: Path) -> None:
    said = bench.do("release", tmp_path / "out", *ids(bench, "shown.txt"), "--reveal", "path")
    entry = bench.do("log")["entries"][-1]["fields"]
    assert entry["kind"] == "released"
    assert entry["items"] == said["items"] == [bench.items()["shown.txt"]["item"]]
    assert entry["revealed"] == ["path"]
    assert entry["release"] == sha256((tmp_path / "out/release.json").read_bytes()).hexdigest()


@pytest.mark.parametrize("reveal", ["name", "path,sha", "delivery.secret", "delivery.tree", "secret"])
def test_what_can_not_be_revealed_is_refused_by_name(bench: Bench, tmp_path: Path, reveal: str) -> None:
    words = ["--vault", bench.vault, "--identity", bench.anna, *ids(bench, "shown.txt"), "--reveal", reveal]
    done = run("release", tmp_path / "out", *words)
    assert done.code == 2
    assert not (tmp_path / "out").exists()


def test_nothing_is_put_over_what_is_there(bench: Bench, tmp_path: Path) -> None:
    place = fill(tmp_path / "place", {"mine.txt": b"mine"})
    before = snapshot(place)
    words = ["--vault", bench.vault, "--identity", bench.anna, *ids(bench, "shown.txt")]
    assert run("release", place, *words).code == 1
    assert snapshot(place) == before


def test_nothing_appears_if_our_own_verifier_does_not_accept_it(
    bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def one_byte_off(*arguments: Any, **named: Any) -> Any:
        made = write_exhibit(*arguments, **named)
        for exhibit in tmp_path.rglob("exhibits/*"):
            data = exhibit.read_bytes()
            exhibit.chmod(0o600)
            exhibit.write_bytes(data[:-1] + bytes([data[-1] ^ 1]))
        return made

    monkeypatch.setattr("bearwitness.disclose.builder.write_exhibit", one_byte_off)
    size = len(bench.do("log")["entries"])
    words = ["--vault", bench.vault, "--identity", bench.anna, *ids(bench, "shown.txt")]
    assert run("release", tmp_path / "out", *words).code == 1
    assert list(tmp_path.iterdir()) == []
    assert len(bench.do("log")["entries"]) == size


def test_a_release_of_items_of_a_kit_proves_the_import(bench: Bench, tmp_path: Path) -> None:
    kit = tmp_path / "kit"
    run("kit", kit, "--vault", bench.vault).ok()
    bench.seal(fill(tmp_path / "field", {"from the field.txt": b"field"}), vault=kit)
    bench.do("import", kit)
    bench.do("release", tmp_path / "out", *ids(bench, "from the field.txt", "shown.txt"))
    done = verify(tmp_path / "out", "--vault-key", bench.fingerprint).ok()
    assert "written by a field kit and imported" in done.out


def test_a_checkpoint_the_recipient_holds_is_proven_in_and_is_an_anchor(bench: Bench, tmp_path: Path) -> None:
    kept = tmp_path / "kept"
    shutil.copy(bench.vault / "log/vault/checkpoint", kept)
    bench.do("release", tmp_path / "out", *ids(bench, "shown.txt"), "--checkpoint", kept)
    verify(tmp_path / "out", "--checkpoint", kept).ok()


def test_the_instructions_inside_name_the_command_and_no_secret(bench: Bench, tmp_path: Path) -> None:
    bench.do("release", tmp_path / "out", *ids(bench, "shown.txt"))
    text = (tmp_path / "out/VERIFY.txt").read_text()
    assert "bearwitness-verify" in text
    assert "sha256sum" in text
    assert "hidden" not in text
