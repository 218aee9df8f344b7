"""An adversary with the whole drive and several releases confirms nothing of what was not shown.

Dr. Nobody owns every byte of the original drive: names, sizes, times, contents. He pools releases made for
different recipients and knows the formats as well as we do. Each test is one of his methods, and next to it
stands proof that the method works where there is something to find.
"""

from __future__ import annotations

import hashlib
import itertools
import os
import random
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from adversary import confirms, everything_said, files_in, stands_in, statement, traces, words_in, words_of
from bearwitness.crypto.derive import derive
from bearwitness.custody import items as commitments
from bearwitness.custody.trees import scatter
from bearwitness.vault.delivery import Record
from bearwitness.vault.keyring import load_given, unlock
from bearwitness.vault.ledger import Ledger
from bearwitness.vault.opening import open_vault
from bearwitness_verify.canonical import b64
from bearwitness_verify.leaves import ITEM_SLOTS, hash_leaf
from workbench import Bench, fill, scaled, verify, wav

SHOWN_TO_COURT = ("court/one.txt", "court/two.wav")
SHOWN_TO_PRESS = ("press/three.bin",)
SHOWN_TO_BOTH = ("both.txt",)
WITHDRAWN = "hidden/withdrawn.bin"  # shown by a release that others got, and that was recalled
COPY = "hidden/copy of one.txt"  # of a file that the court was shown


def odd(number: int) -> int:
    """Return a size that nothing else has."""
    return 10_007 + 1_013 * number


@dataclass
class Case:
    """A sealed drive; a few items were released to three recipients, a correction and a recall to others."""

    bench: Bench
    drive: Path
    withdrawn: Path
    releases: list[Path]
    shown: frozenset[str]

    @property
    def hidden(self) -> dict[str, bytes]:
        """The files that nobody was shown."""
        paths = {str(p.relative_to(self.drive)): p for p in self.drive.rglob("*") if p.is_file()}
        return {name: path.read_bytes() for name, path in paths.items() if name not in self.shown}


@pytest.fixture(scope="module")
def case(tmp_path_factory: pytest.TempPathFactory) -> Case:
    folder = tmp_path_factory.mktemp("blindness")
    bench = Bench(folder / "bench")
    files: dict[str, bytes | int] = {f"hidden/room {n}/film-{n:03}.mp4": odd(n) for n in range(30)}
    files |= {"both.txt": b"shown to everybody", "court/one.txt": odd(50), "court/two.wav": wav(0.5)}
    files |= {"press/three.bin": odd(60), "hidden/talk.wav": wav(0.7, seed=9)}
    files |= {COPY: b"", "hidden/short.txt": b"yes", WITHDRAWN: odd(70)}
    drive = fill(folder / "drive", files)
    (drive / COPY).write_bytes((drive / "court/one.txt").read_bytes())
    form = ["--by", "Anna Example", "--note", "from a person called Sam", "--bag", "BAG-4711"]
    bench.seal(drive, *form, "--md5")
    bench.seal(fill(folder / "later", {"another.txt": b"of another delivery"}))
    releases = [
        folder / "court",
        folder / "press.zip",
        folder / "asylum",
        folder / "fixed",
        folder / "recall",
    ]
    withdrawn = folder / "withdrawn"
    everything = ["--reveal", "path,mtime,stat,md5,tracks,delivery.time"]
    bench.release(releases[0], [*SHOWN_TO_COURT, *SHOWN_TO_BOTH], *everything)
    bench.release(releases[1], [*SHOWN_TO_PRESS, *SHOWN_TO_BOTH])
    bench.release(releases[2], SHOWN_TO_BOTH, "--reveal", "path")
    old = bench.release(withdrawn, [WITHDRAWN], *everything)["release_sha256"]
    bench.release(releases[3], SHOWN_TO_BOTH, "--corrects", f"{old}=the wrong file")
    bench.do("release", releases[4], "--recalls", f"{old}=a face was left in")
    return Case(
        bench, drive, withdrawn, releases, frozenset((*SHOWN_TO_COURT, *SHOWN_TO_PRESS, *SHOWN_TO_BOTH))
    )


# --- Method 1: look for it --------------------------------------------------------------------------


def test_no_hash_name_size_time_or_byte_of_an_unshown_file_stands_in_any_release(case: Case) -> None:
    said = {release.name: everything_said(release) for release in case.releases}
    for path, data in case.hidden.items():
        if path == COPY:  # its bytes are shown: only that there is a second one is not
            continue
        status = (case.drive / path).stat()
        for what, trace in traces(path, data, status).items():
            for form in (trace, trace.hex().encode(), b64(trace).encode()):
                for name, text in said.items():
                    assert not stands_in(form, text), f"the {what} of {path} stands in {name}"


def test_a_short_number_is_found_where_it_stands_by_itself() -> None:
    assert stands_in(b"34319", b'{"bytes":"34319"}')
    assert stands_in(b"34319", b"34319 bytes")
    assert not stands_in(b"34319", b"a34319f0")


def test_the_search_finds_what_is_shown(case: Case) -> None:
    said = everything_said(case.releases[0])
    for path in SHOWN_TO_COURT:
        file = case.drive / path
        found = {w for w, t in traces(path, file.read_bytes(), file.stat()).items() if t in said}
        assert found >= {"sha256", "md5", "path", "mtime"}


def test_a_field_that_was_not_revealed_of_a_shown_file_does_not_stand_there_either(case: Case) -> None:
    said = everything_said(case.releases[1])
    for path in (*SHOWN_TO_PRESS, *SHOWN_TO_BOTH):
        status = (case.drive / path).stat()
        for secret in (path.encode(), str(status.st_mtime_ns).encode(), b64(path.encode()).encode()):
            assert secret not in said, path
    for release in case.releases:
        for secret in (b"Anna Example", b"called Sam", b"BAG-4711", os.fsencode(case.drive.name + "/")):
            assert secret not in everything_said(release)


# --- Method 2: guess, and hash with every salt there is ---------------------------------------------


def test_no_guess_about_an_unshown_file_is_confirmed_by_any_salt_of_any_release(case: Case) -> None:
    words = words_of(case.releases)
    assert len(words) > 80
    hidden = sorted(item for item in case.hidden.items() if item[0] != COPY)
    for path, data in hidden if scaled(0, 1) else [*hidden[:3], *hidden[-3:]]:
        assert confirms(words, path, data[:70_000], (case.drive / path).stat()) == []


def test_no_guess_about_a_withheld_field_of_a_shown_file_is_confirmed(case: Case) -> None:
    words = words_of([case.releases[1]])
    for path in SHOWN_TO_PRESS:
        hits = confirms(words, path, (case.drive / path).read_bytes(), (case.drive / path).stat())
        shown = {f"item-field {ITEM_SLOTS[name]} of {path}" for name in ("size", "sha256", "fate")}
        assert set(hits) <= shown | {f"segment 0 of {path}", f"{path} without a salt"}, (
            "more than is shown was confirmed"
        )


def test_the_same_guesses_are_confirmed_once_the_files_secret_is_known(case: Case) -> None:
    path = "hidden/short.txt"
    secret = secrets_of(case)[path]
    proven = commitments.prove(record_of(case, path).values, secret)
    leaves = {hash_leaf("item-field", f.salt, f.payload) for f in proven.fields.values()}
    hits = confirms(leaves | {secret}, path, b"yes", (case.drive / path).stat())
    assert len(hits) >= 4, "the method finds nothing even where there is something"


# --- Method 3: key material -------------------------------------------------------------------------


def records(case: Case) -> dict[str, tuple[Record, Any]]:
    vault = open_vault(case.bench.vault)
    ledger = Ledger(vault, unlock(vault, load_given([str(case.bench.anna)], str)))
    found = {}
    for delivery in ledger.deliveries():
        for line in ledger.open_delivery(delivery.delivery).all_lines():
            if isinstance(line, Record):
                found[os.fsdecode(line.path)] = (line, delivery)
    return found


def record_of(case: Case, path: str) -> Record:
    return records(case)[path][0]


def secrets_of(case: Case) -> dict[str, bytes]:
    return {path: record.secret for path, (record, _) in records(case).items()}


def test_no_secret_of_vault_delivery_entry_or_item_is_in_any_release(case: Case) -> None:
    vault = open_vault(case.bench.vault)
    unlocked = unlock(vault, load_given([str(case.bench.anna)], str))
    ledger = Ledger(vault, unlocked)
    assert unlocked.identity
    secrets = {"the vault's identity": unlocked.identity.secret, "the signing key": vault.signer().seed}
    for act in ledger.acts():
        if act.body is not None:
            secrets[f"entry {act.index}"] = act.body.secret
    for delivery in ledger.deliveries():
        opened = ledger.open_delivery(delivery.delivery)
        secrets[f"delivery {delivery.delivery}"] = opened.identity.secret
        secrets[f"tree {delivery.delivery}"] = delivery.tree_secret
        secrets[f"receipt {delivery.delivery}"] = delivery.receipt
        for part in range(len(opened.descriptor.parts)):
            secrets |= {f"pack {name}": key.secret for name, key in opened.keys(part).items()}
    for path, secret in secrets_of(case).items():
        secrets |= {path: secret, f"fields of {path}": derive(secret, b"fields")}
        secrets[f"tracks of {path}"] = derive(secret, b"tracks")
        secrets[f"content of {path}"] = derive(secret, b"content")
    assert len(secrets) > 120
    for release in case.releases:
        said = everything_said(release)
        for what, secret in secrets.items():
            assert secret not in said, f"{what} in {release.name}"
        assert b"AGE-SECRET-KEY" not in said.upper()
        for path, (record, delivery) in records(case).items():
            assert delivery.delivery.encode() not in said
            leaf = commitments.commit(record.values, record.secret)
            assert path in case.shown or leaf not in said, f"the leaf of {path} is in {release.name}"


# --- Method 4: how many, in which order, who else was shown what -------------------------------------


def shape(value: Any) -> Any:
    """Return the form of a statement: members, lengths of lists and of texts, nothing of what they say."""
    if isinstance(value, dict):
        return {name: shape(member) for name, member in sorted(value.items())}
    if isinstance(value, list):
        return [shape(member) for member in value]
    return len(value) if isinstance(value, str) and len(value) > 20 else type(value).__name__


def test_a_release_from_a_delivery_of_one_item_has_the_form_of_one_from_a_delivery_of_many(
    tmp_path: Path,
) -> None:
    shapes = []
    for name, count in (("one", 0), ("few", 5), ("many", 300)):
        bench = Bench(tmp_path / name)
        files: dict[str, bytes | int] = {f"other {n}": 40 + n for n in range(count)}
        bench.seal(fill(tmp_path / f"drive-{name}", files | {"shown.txt": b"the same in all"}))
        bench.release(tmp_path / f"release-{name}", ["shown.txt"], "--reveal", "path")
        shapes.append(shape(statement(tmp_path / f"release-{name}")))
        out = verify(tmp_path / f"release-{name}", "--vault-key", bench.fingerprint).ok().out
        assert "how many it holds is not shown" in out
    assert shapes[0] == shapes[1] == shapes[2]


def places(count: int, trials: int, seed: int) -> list[int]:
    """Return at which place the item asked for stands, in that many deliveries of `count` items each."""
    generator, found = random.Random(seed), []
    for _ in range(trials):
        leaves = [generator.randbytes(32) for _ in range(count)]
        found.append(scatter(leaves, generator.randbytes(32), [leaves[0]]).proofs[leaves[0]].index)
    return found


def distance(one: list[int], other: list[int]) -> float:
    """Return Kolmogorov and Smirnov's distance of two samples."""
    return max(
        abs(sum(x <= at for x in one) / len(one) - sum(x <= at for x in other) / len(other))
        for at in {*one, *other}
    )


def test_the_place_of_an_item_tells_nothing_of_how_many_there_are() -> None:
    trials = scaled(250, 2500)
    limit = 1.95 * (2 / trials) ** 0.5  # one in a thousand honest samples is further apart
    alone = places(1, trials, 1)
    for number, count in enumerate((2, 40, scaled(150, 3000)), start=2):
        assert distance(alone, places(count, trials, number)) < limit, count
    assert distance(alone, [place // 2 for place in alone]) > limit, "the measure sees no difference at all"


def test_places_follow_neither_the_order_of_sealing_nor_of_names_nor_of_sizes(case: Case) -> None:
    found = records(case)
    first = found["both.txt"][1]
    leaves = {
        path: commitments.commit(record.values, record.secret)
        for path, (record, delivery) in found.items()
        if delivery.delivery == first.delivery
    }
    receipt = hash_leaf("receipt", derive(first.tree_secret, b"salt", 0), first.receipt)
    tree = scatter([*leaves.values(), receipt], first.tree_secret, list(leaves.values()))
    assert tree.root == first.tree.root
    place = {path: tree.proofs[leaf].index for path, leaf in leaves.items()}
    orders = {
        "sealing": list(leaves),
        "names": sorted(leaves),
        "sizes": sorted(leaves, key=lambda path: found[path][0].size or 0),
        "leaves": sorted(leaves, key=lambda path: leaves[path]),
    }
    for name, order in orders.items():
        assert abs(rank_correlation([place[path] for path in order])) < 0.75, name


def rank_correlation(values: list[int]) -> float:
    """Return Spearman's coefficient of `values` with their own order."""
    ranks = {value: rank for rank, value in enumerate(sorted(values))}
    count = len(values)
    return 1 - 6 * sum((ranks[v] - i) ** 2 for i, v in enumerate(values)) / (count * (count**2 - 1))


def test_recipients_who_pool_their_releases_find_in_common_only_what_both_were_shown_and_nodes_above(
    case: Case,
) -> None:
    """Values that stand in two releases are those of items both got, of the entry, and nodes above both."""
    court, press = (words_of([release]) for release in case.releases[:2])
    items = [own_items(release) for release in case.releases[:2]]
    common = {item["root"] for item in items[0]} & {item["root"] for item in items[1]}
    assert len(common) == 1
    allowed = set()
    for delivery in statement(case.releases[0])["deliveries"]:
        allowed |= words_in({name: part for name, part in delivery.items() if name != "items"})
    for item in itertools.chain(*items):
        if item["root"] in common:
            allowed |= words_in(item)
    for one in items[0]:
        for other in items[1]:
            high = (int(one["index"]) ^ int(other["index"])).bit_length()
            for path in (one["path"], other["path"]):
                allowed |= words_in(path[max(0, high - 1) :])
    shared_hash = {hashlib.sha256((case.drive / path).read_bytes()).digest() for path in SHOWN_TO_BOTH}
    allowed |= words_in(statement(case.releases[0])["vault"])
    vault_text = {hashlib.sha256(files_in(r)["VERIFY.txt"]).digest() for r in case.releases}
    (page,) = {hashlib.sha256(files_in(r)["index.html"]).digest() for r in case.releases}  # the same for all
    assert court & press <= allowed | shared_hash | vault_text | {page}


def own_items(release: Path) -> list[Any]:
    return [item for delivery in statement(release)["deliveries"] for item in delivery["items"]]


def test_a_correction_and_a_recall_tell_of_the_old_release_its_hash_alone(case: Case) -> None:
    """They go to people who never got it; what it showed stays unknown to them."""
    digest = hashlib.sha256(files_in(case.withdrawn)["release.json"]).digest()
    old = words_of([case.withdrawn]) | {digest}
    known = words_of(case.releases[:3])
    assert len(old - known) > 20, "there is something to find"
    for answer in case.releases[3:]:
        assert (words_of([answer]) & old) - known == {digest}


def test_no_node_stands_for_a_leaf_that_could_be_told_by_repetition(case: Case) -> None:
    """Fillers derived from a position alone would be the same everywhere; no two nodes of a proof are."""
    for release in case.releases:
        for item in own_items(release):
            assert len(set(item["path"])) == len(item["path"]) == 16
            for leaf in item["fields"]:
                assert len(set(leaf["path"])) == 4
    shown = own_items(case.releases[0])
    per_item = [{node for leaf in item["fields"] for node in leaf["path"]} for item in shown]
    assert all(per_item)
    for one, other in itertools.combinations(per_item, 2):
        assert not one & other, "two items share a node"


def test_a_second_copy_of_a_shown_file_is_not_told(case: Case) -> None:
    """The court has court/one.txt; that the drive held its bytes twice is nobody's business."""
    path = COPY
    data, status = (case.drive / path).read_bytes(), (case.drive / path).stat()
    hits = confirms(words_of(case.releases), path, data, status)
    shown = {f"item-field {ITEM_SLOTS[name]} of {path}" for name in ("size", "sha256", "md5", "fate")}
    assert set(hits) <= shown | {f"segment 0 of {path}", f"{path} without a salt"}
    leaf = commitments.commit(record_of(case, path).values, record_of(case, path).secret)
    assert leaf not in words_of(case.releases)
