"""Any byte of any file of a vault flipped or cut: `check` notices, or the table says why it is harmless."""

from __future__ import annotations

import random
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from workbench import ALL, SEED, Done, Scene, files_of, run

# What `check` does not call a problem, and why nobody is deceived. Kind of harm, pattern of path, reason.
HARMLESS = (
    ("removed", "log/*/notes/*.note",
     "an earlier checkpoint is signed evidence of a size the log once had; the entries and the latest "
     "checkpoint prove the same and more. One that was cosigned or stamped, the last of an imported log, and "
     "the latest are missed"),
    ("removed", "local/device.key",
     "a vault without its signing key is what a mirror is: it can be read, not written; check tells of it"),
    ("cut", "local/device.key", "only the newline at its end is missing: the key is whole"),
)  # fmt: skip
SHARDS = 8 if ALL else 2


def is_harmless(harm: str, path: str) -> bool:
    return any(harm == kind and Path(path).match(pattern) for kind, pattern, _ in HARMLESS)


def harms(data: bytes, others: list[bytes], generator: random.Random) -> Iterator[tuple[str, bytes | None]]:
    """Yield all that can be done to a file: kind of harm and the bytes after it, None for removed."""
    for at in range(len(data)):
        flipped = bytearray(data)
        flipped[at] ^= 1 << generator.randrange(8)
        yield "flipped", bytes(flipped)
    lengths = generator.sample(range(len(data)), min(len(data), 40))
    for length in sorted({0, len(data) - 1, *lengths}):
        yield "cut", data[:length]
    yield "extended", data + b"\n"
    yield "removed", None
    for other in others[:3]:
        yield "swapped", other


def sample(data: bytes, others: list[bytes], generator: random.Random) -> Iterator[tuple[str, bytes | None]]:
    """Yield a few of these harms, each kind of them on many files."""
    for at in {generator.choice([0, len(data) - 1]), *(generator.randrange(len(data)) for _ in range(2))}:
        yield "flipped", data[:at] + bytes([data[at] ^ 1 << generator.randrange(8)]) + data[at + 1 :]
    rest: list[tuple[str, bytes | None]] = [("extended", data + b"\n"), ("removed", None)]
    rest += [("cut", data[:length]) for length in (0, len(data) - 1, generator.randrange(len(data)))]
    rest += [("swapped", other) for other in others[:3]]
    yield from generator.sample(rest, 2)


def which_checks(harm: str, generator: random.Random) -> tuple[bool, ...]:
    """Return whether to check without keys, with them, or both ways.

    A check with keys looks at all that one without does, and takes longer: of flipped bytes a sample must do.
    """
    if not ALL:
        return (generator.random() < 0.4,)
    return (False, True) if harm != "flipped" or generator.random() < 0.05 else (False,)


def check(scene: Scene, *, keys: bool) -> Done:
    words = ["--identity", scene.anna, "--identity", scene.keeper] if keys else []
    return run("check", "--vault", scene.vault, *words)


@pytest.fixture
def vault_files(scene: Scene, inline: object, remembering: object) -> list[Path]:
    """Return the files to be harmed, the vault being as it must be."""
    check(scene, keys=True).ok()
    shutil.rmtree(scene.vault / "runs", ignore_errors=True)
    return [path for path in files_of(scene.vault) if path.name not in ("catalogue.db", "lock")]


@pytest.mark.parametrize("shard", range(SHARDS))
def test_whatever_is_done_to_a_byte_or_a_file_of_the_vault_is_noticed(
    scene: Scene, vault_files: list[Path], shard: int
) -> None:
    generator = random.Random(SEED + shard)
    tried, unnoticed = 0, []
    for file in vault_files[shard::SHARDS]:
        path, data = str(file.relative_to(scene.vault)), file.read_bytes()
        others = [p.read_bytes() for p in file.parent.iterdir() if p.is_file() and p.read_bytes() != data]
        for harm, harmed in (harms if ALL else sample)(data, others, generator):
            try:
                file.unlink() if harmed is None else file.write_bytes(harmed)
                for keys in which_checks(harm, generator):
                    tried += 1
                    done = check(scene, keys=keys)
                    assert "Traceback" not in done.err
                    assert "defect" not in done.err, done.err
                    if done.code == 0 and not is_harmless(harm, path):
                        unnoticed.append((harm, path, keys))
                    assert done.code in (0, 1), done.err
            finally:
                file.write_bytes(data)
    check(scene, keys=True).ok()
    assert not unnoticed, unnoticed
    assert tried > (4_000 if ALL else 100)


def test_the_table_of_what_is_harmless_is_exact(scene: Scene, vault_files: list[Path]) -> None:
    """An entry of the table that `check` does notice must go, for it would hide what is noticed no more."""
    for harm, pattern, _ in HARMLESS:
        passed = 0
        for file in [path for path in vault_files if path.relative_to(scene.vault).match(pattern)]:
            data = file.read_bytes()
            harmed = {"removed": None, "cut": data[:-1], "extended": data + b"\n"}[harm]
            try:
                file.unlink() if harmed is None else file.write_bytes(harmed)
                passed += check(scene, keys=True).code == 0
            finally:
                file.write_bytes(data)
        assert passed, f"{harm} {pattern} is noticed"


def test_a_note_that_carries_a_cosignature_or_a_stamp_or_is_the_latest_is_missed(
    scene: Scene, vault_files: list[Path]
) -> None:
    notes = scene.vault / "log/vault/notes"
    sizes = sorted(int(path.stem) for path in notes.glob("*.note"))
    stamped = {int(path.name.partition("-")[0]) for path in (scene.vault / "log/vault/stamps").glob("*.json")}
    cosigned = {int(p.stem) for p in notes.glob("*.note") if p.read_bytes().count(b"\xe2\x80\x94") > 1}
    assert cosigned
    for size in {sizes[-1]} | stamped | cosigned:
        data = (notes / f"{size}.note").read_bytes()
        (notes / f"{size}.note").unlink()
        try:
            assert check(scene, keys=False).code == 1, size
        finally:
            (notes / f"{size}.note").write_bytes(data)


def test_a_vault_with_the_files_of_two_packs_exchanged_is_refused(
    scene: Scene, vault_files: list[Path]
) -> None:
    one, two = [path for path in vault_files if path.relative_to(scene.vault).parts[0] == "packs"][:2]
    first, second = one.read_bytes(), two.read_bytes()
    try:
        one.write_bytes(second)
        two.write_bytes(first)
        for keys in (False, True):
            done = check(scene, keys=keys)
            assert done.code == 1
            assert one.name in done.out or two.name in done.out
    finally:
        one.write_bytes(first)
        two.write_bytes(second)


@pytest.mark.parametrize("part", range(4))
def test_a_catalogue_altered_in_any_page_is_built_anew_and_says_the_same(
    scene: Scene, tmp_path: Path, part: int
) -> None:
    """It is a projection, and encrypted page by page: nothing in it can be altered to deceive."""
    vault = shutil.copytree(scene.vault, tmp_path / "vault")
    before, database = scene.items(vault=vault), vault / "local" / "catalogue.db"
    data, generator = database.read_bytes(), random.Random(SEED)
    harmed = [data[:length] for length in (0, 1, len(data) // 2, len(data) - 1)] if part == 0 else []
    harmed += [generator.randbytes(len(data))]
    for page in [*range(0, len(data), 4096)][part::4]:
        for _ in range(20 if ALL else 2):
            flipped = bytearray(data)
            flipped[page + generator.randrange(min(4096, len(data) - page))] ^= 1 << generator.randrange(8)
            harmed.append(bytes(flipped))
    for other in harmed:
        database.write_bytes(other)
        done = run(*scene.words("list", vault=vault))
        if done.code:
            assert "the catalogue was damaged and is thrown away; nothing is lost" in done.err
            assert not database.exists()
        assert scene.items(vault=vault) == before


def test_a_page_of_the_catalogue_that_is_read_is_not_believed_once_altered(
    scene: Scene, tmp_path: Path
) -> None:
    """Each page in turn: which of them are read may change, that none of those is missed may not."""
    vault = shutil.copytree(scene.vault, tmp_path / "vault")
    before, database = scene.items(vault=vault), vault / "local" / "catalogue.db"
    data, noticed = database.read_bytes(), 0
    for page in range(0, len(data), 4096):
        database.write_bytes(data[: page + 100] + bytes([data[page + 100] ^ 1]) + data[page + 101 :])
        noticed += run(*scene.words("list", vault=vault)).code != 0
        assert scene.items(vault=vault) == before
    assert noticed
