"""Whoever rewrites a vault or makes another in its place is told apart, with the reason."""

from __future__ import annotations

import json
import random
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

import tsa
from bearwitness.crypto.derive import derive, new_secret
from bearwitness.custody import items as commitments
from bearwitness.custody.signing import SigningKey
from bearwitness.custody.trees import scatter
from bearwitness.disclose import proofs
from bearwitness.vault.delivery import Descriptor
from bearwitness.vault.keyring import load_given, unlock
from bearwitness.vault.ledger import Ledger
from bearwitness.vault.opening import open_vault
from bearwitness_verify.leaves import TreeRef, hash_leaf, item_payload
from forging import Forged, field
from rewriting import cut_log, entries_of, put_entries, sign_anew
from workbench import SEED, Bench, Done, Scene, fill, recipient_of, run, scaled, verify


@pytest.fixture
def vault(scene: Scene, tmp_path: Path) -> Path:
    """Return a copy of the vault, to be harmed."""
    return copy(scene.vault, tmp_path / "vault")


def copy(tree: Path, to: Path) -> Path:
    subprocess.run(["cp", "-a", tree, to], check=True)
    return to


def check(vault: Path, *words: object, identity: Path | None = None) -> Done:
    done = run("check", "--vault", vault, *(["--identity", identity] if identity else []), *words)
    assert "Traceback" not in done.err
    return done


def refused(done: Done, *reasons: str) -> None:
    """Assert that a command failed and gave each of the reasons."""
    said = done.out + done.err
    assert done.code == 1, said
    for reason in reasons:
        assert reason in said, said


# --- The log, by one without the signing key --------------------------------------------------------


def test_entries_exchanged_are_refused(vault: Path) -> None:
    entries = entries_of(vault)
    entries[3], entries[4] = entries[4], entries[3]
    put_entries(vault, entries)
    refused(check(vault), "do not add up to its checkpoint", "put in another order")


def test_an_entry_dropped_from_the_middle_or_the_end_is_refused(scene: Scene, tmp_path: Path) -> None:
    for number, at in enumerate((1, 5, -1)):
        harmed = copy(scene.vault, tmp_path / f"vault{number}")
        entries = entries_of(harmed)
        del entries[at]
        put_entries(harmed, entries)
        refused(check(harmed), "is missing")


def test_an_entry_of_another_vault_in_the_place_of_one_is_refused(scene: Scene, vault: Path) -> None:
    entries = entries_of(vault)
    kits = next(path for path in (scene.vault / "log").iterdir() if path.name != "vault")
    foreign = [type(entries[0]).decode(p.read_bytes()) for p in sorted(kits.rglob("*.entry"))]
    put_entries(vault, [*entries[:2], foreign[0], *entries[3:]])
    refused(check(vault), "do not add up to its checkpoint")


def test_a_log_cut_back_is_whole_for_itself_and_refused_against_any_later_checkpoint(
    scene: Scene, vault: Path
) -> None:
    """Without an anchor nobody can tell; with one it takes a sentence."""
    later = scene.vault / "log/vault/checkpoint"
    size = len(entries_of(vault))
    assert check(scene.vault, "--since", later).code == 0
    cut_log(vault, size - 1)
    refused(check(vault, "--since", later), f"fewer than the {size}", "an older state of the vault")


def test_a_whole_vault_put_back_to_an_earlier_state_is_refused_against_a_later_checkpoint(
    tmp_path: Path,
) -> None:
    bench = Bench(tmp_path / "bench")
    bench.seal(fill(tmp_path / "one", {"a": b"a"}))
    kept = copy(bench.vault, tmp_path / "kept")
    bench.do("mirror", tmp_path / "mirror")
    bench.seal(fill(tmp_path / "two", {"b": b"b"}))
    anchor = shutil.copy(bench.vault / "log/vault/checkpoint", tmp_path / "anchor")
    bench.is_clean(kept)
    for identity in (None, bench.anna):
        done = check(kept, "--since", anchor, identity=identity)
        refused(done, "fewer than the", "somebody put an older state of the vault in its place")
    done = run("mirror", tmp_path / "mirror", "--vault", kept)
    refused(done, "fewer than the")
    older = bench.vault / "log/vault/notes/1.note"
    assert check(kept, "--since", older).code == 0


# --- The log, by one with the signing key -----------------------------------------------------------


def forks(scene: Scene, folder: Path) -> dict[str, Path]:
    """Return vaults whose history was rewritten and signed anew, as consistent as can be."""
    made = {}
    for name in ("exchanged", "dropped", "replaced"):
        made[name] = copy(scene.vault, folder / name)
        entries = entries_of(made[name])
        if name == "exchanged":
            entries[1], entries[2] = entries[2], entries[1]
        elif name == "dropped":
            del entries[1]
        else:
            entries[2] = replace(entries[2], salt=bytes(32))
        sign_anew(made[name], entries)
    return made


def test_a_history_rewritten_with_the_signing_key_is_refused_by_checkpoint_mirror_and_cosigner(
    scene: Scene, tmp_path: Path
) -> None:
    for name, forged in forks(scene, tmp_path).items():
        since = scene.vault / "log/vault/notes" / f"{min(len(entries_of(forged)), 5)}.note"
        refused(check(forged, "--since", since), "FORK", "its history was rewritten")
        mirror = copy(scene.mirror, tmp_path / f"mirror-{name}")
        done = run("mirror", mirror, "--vault", forged)
        refused(done, "FORK" if name != "dropped" else "fewer than")
        request = tmp_path / f"request-{name}"
        done = run("cosign", "request", request, "--vault", forged)
        if done.code == 0:
            seen = copy(scene.folder / "seen", tmp_path / f"seen-{name}")
            words = ["--key", scene.folder / "cosigner.key", "--state", seen]
            done = run("cosign", "sign", request, *words)
        assert done.code != 0, name
        assert "Traceback" not in done.err


def test_two_logs_of_one_size_under_one_key_are_a_fork_for_whoever_verifies_a_release(
    scene: Scene, tmp_path: Path
) -> None:
    forged = forks(scene, tmp_path)["replaced"]
    shown = json.loads((scene.press.with_name("court") / "release.json").read_text())
    own = next(delivery for delivery in shown["deliveries"] if not delivery["import"])
    size = int(own["log"]["proof"].split("\n\n")[1].split("\n")[1])
    other = forged / "log/vault/notes" / f"{size}.note"
    done = verify(scene.court, "--checkpoint", other)
    refused(done, "FORK: two different logs of this size were signed")


# --- Files of the vault -----------------------------------------------------------------------------


def test_a_vault_file_with_another_key_is_refused_before_anything_is_done(
    scene: Scene, tmp_path: Path
) -> None:
    other = SigningKey.generate(origin_of(scene))
    swaps: dict[str, Callable[[str], str]] = {
        "the key of another": lambda text: text.replace(scene.made["vault_key"], other.verifier.encode()),
        "another recipient": lambda text: text.replace(recipient(text), recipient_of(scene.anna)),
        "another threshold": lambda text: text.replace('threshold = "1"', 'threshold = "2"'),
        "the source keepers' recipient for the vault's": exchange_recipients,
    }
    for name, swap in swaps.items():
        harmed = copy(scene.vault, tmp_path / name.replace(" ", "-"))
        text = (harmed / "vault.toml").read_text()
        (harmed / "vault.toml").write_text(swap(text))
        assert swap(text) != text, name
        for words in (["check"], ["seal", scene.second], ["log"], ["mirror", tmp_path / "mirror"]):
            done = run(*words, "--vault", harmed)
            assert done.code == 1, (name, words, done)
            reason = done.err + done.out
            assert (
                "vault.toml is not the file its log speaks of" in reason
                or "no signature" in reason
                or "not signed" in reason
            ), (name, reason)


def origin_of(scene: Scene) -> str:
    return str(scene.made["vault_key"]).partition("+")[0]


def recipient(text: str) -> str:
    return next(line.split('"')[1] for line in text.splitlines() if line.startswith("recipient"))


def exchange_recipients(text: str) -> str:
    mine = recipient(text)
    theirs = next(line.split('"')[1] for line in text.splitlines() if line.startswith("source_recipient"))
    return text.replace(mine, "?").replace(theirs, mine).replace("?", theirs)


def test_a_swapped_key_is_refused_even_with_a_log_that_it_signed(scene: Scene, tmp_path: Path) -> None:
    """A vault made by somebody else under the same name, put in the place of the true one."""
    forger = Bench(tmp_path / "forger", "--origin", origin_of(scene))
    forger.seal(scene.first)
    true_checkpoint = scene.vault / "log/vault/notes/2.note"
    refused(check(forger.vault, "--since", true_checkpoint), "--since")
    done = run("import", scene.kit, "--vault", forger.vault, "--identity", forger.anna)
    refused(done, "was made for another vault")
    mirror = copy(scene.mirror, tmp_path / "mirror")
    refused(run("mirror", mirror, "--vault", forger.vault), "is a mirror of another vault")


def test_packs_exchanged_with_the_signing_key_are_refused_with_the_vaults_keys(
    scene: Scene, vault: Path
) -> None:
    """The forger writes a descriptor and an entry that fit; only what is inside gives it away."""
    opened = open_vault(vault)
    found = [Descriptor.decode(path.read_bytes(), "") for path in (vault / "deliveries").iterdir()]
    one, two = found[0], found[1]
    parts = list(one.parts)
    parts[0] = replace(parts[0], packs=two.parts[0].packs)
    forged = replace(one, parts=tuple(parts)).encode()
    (vault / one.path).write_bytes(forged)
    opened.append({"kind": "mirrored", "mirror": "x", "size": "1"}, {one.path: sha256(forged).hexdigest()})
    assert check(vault).code == 0, "without keys it can not be seen; that is why --identity is needed"
    refused(check(vault, identity=scene.anna), "its key file is not about its packs")


# --- Counts and kinds ------------------------------------------------------------------------------


def test_a_false_count_of_items_signed_by_the_vault_itself_is_refused_by_check(tmp_path: Path) -> None:
    bench = Bench(tmp_path / "bench")
    bench.seal(fill(tmp_path / "drive", {"a": b"a", "b": b"bb"}))
    for name, value, reason in (
        ("items", "3", "it holds 2 items, its entry says 3"),
        ("items", "1", "it holds 2 items, its entry says 1"),
        ("bytes", "4", "its items have 3 bytes, its entry says 4"),
    ):
        vault = copy(bench.vault, tmp_path / f"{name}{value}")
        opened = open_vault(vault)
        unlocked = unlock(opened, load_given([str(bench.anna)], lambda _: ""))
        record = next(iter(Ledger(opened, unlocked).all_deliveries()))
        body = replace(record.body, fields={**record.body.fields, name: value})
        entries = entries_of(vault)
        entries[record.sealed.index] = type(entries[0]).seal(
            body, opened.recipient, record.sealed.entry.effect
        )
        sign_anew(vault, entries)
        assert check(vault).code == 0, "without keys it can not be seen"
        refused(check(vault, identity=bench.anna), reason)


def test_a_kit_that_lies_about_its_items_is_not_imported(scene: Scene, tmp_path: Path) -> None:
    bench = Bench(tmp_path / "bench")
    kit = tmp_path / "kit"
    run("kit", kit, "--vault", bench.vault).ok()
    bench.seal(fill(tmp_path / "drive", {"a": b"a", "b": b"bb"}), vault=kit)
    opened = open_vault(kit)
    unlocked = unlock(open_vault(bench.vault), load_given([str(bench.anna)], lambda _: ""))
    record = next(iter(Ledger(opened, unlocked).all_deliveries()))
    entries = [entry for _, entry in opened.log.entries()]
    body = replace(record.body, fields={**record.body.fields, "items": "7"})
    entries[1] = type(entries[1]).seal(body, opened.recipient, entries[1].effect)
    sign_anew(kit, entries)
    done = run("import", kit, "--vault", bench.vault, "--identity", bench.anna)
    refused(done, "entry 1 of the kit's log does not hold", "it holds 2 items, its entry says 7")
    assert bench.items() == {}


KINDS = "segment track-field packet item-field item receipt entry-field entry".split()


def test_a_leaf_of_one_kind_has_the_hash_of_no_other_whatever_its_payload() -> None:
    generator = random.Random(SEED)
    for _ in range(scaled(50, 2000)):
        salt, payload = generator.randbytes(32), generator.randbytes(generator.randrange(100))
        assert len({hash_leaf(kind, salt, payload) for kind in KINDS}) == len(KINDS)
        for kind in KINDS:  # nor can the border between kind, salt and payload be moved
            for other in KINDS:
                if other != kind and other.startswith(kind):
                    assert hash_leaf(kind, salt, payload) != hash_leaf(other, salt, payload)


def forged_release(scene: Scene, folder: Path) -> Forged:
    return Forged(scene.court, scene.vault, folder)


def put_item_under(made: Forged, scene: Scene, folder: Path, kind: str) -> None:
    """Have the vault commit to a delivery in which a leaf of `kind` says what an item would; show it."""
    secret, tree_secret = new_secret(), new_secret()
    values = {"path": commitments.data(b"never sealed"), "fate": '{"type":"symlink"}'}
    shown = commitments.prove(values, secret)
    leaf = hash_leaf(kind, shown.salt, item_payload(shown.root))
    other = hash_leaf("receipt", derive(tree_secret, b"salt", 0), bytes(32))
    tree = scatter([leaf, other], tree_secret, [leaf])
    vault = open_vault(copy(scene.vault, folder / "copy"))
    fields: dict[str, Any] = {
        "kind": "sealed", "delivery": TreeRef("item", tree.height, tree.root).to_json(),
        "items": "1", "bytes": "0", "losses": "0",
    }  # fmt: skip
    vault.append(fields)
    unlocked = unlock(vault, load_given([str(scene.anna)], lambda _: ""))
    act = list(Ledger(vault, unlocked).acts())[-1]
    assert act.body is not None
    own = made.own
    own["entry"] = proofs.entry_json(act.entry, act.body, ("kind", "delivery"))
    own["log"] = proofs.log_json(vault.log, act.index, [vault.log.size], {})
    own["items"] = [proofs.item_json(shown, tree.proofs[leaf], ("path", "fate"), None, None)]
    made.statement["deliveries"] = [own]
    made.statement["files"] = [f for f in made.statement["files"] if f["name"] == "VERIFY.txt"]
    made.files = {"VERIFY.txt": made.files["VERIFY.txt"]}


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "item"])
def test_a_leaf_of_another_kind_shown_as_an_item_is_refused_though_the_vault_itself_commits_to_it(
    scene: Scene, tmp_path: Path, kind: str
) -> None:
    made = forged_release(scene, tmp_path)
    put_item_under(made, scene, tmp_path, kind)
    refused(verify(made.write(), "--vault-key", made.key), "the item does not stand in the delivery")


def test_the_same_forgery_with_an_item_leaf_is_accepted_so_that_it_is_the_kind_that_counts(
    scene: Scene, tmp_path: Path
) -> None:
    made = forged_release(scene, tmp_path)
    put_item_under(made, scene, tmp_path, "item")
    assert verify(made.write(), "--vault-key", made.key).code == 0


def test_a_tree_of_one_kind_shown_as_one_of_another_is_refused(scene: Scene, tmp_path: Path) -> None:
    made = forged_release(scene, tmp_path)
    leaf = field(made.item(".wav")["fields"], "content")
    leaf["payload"]["value"]["kind"] = "packet"
    refused(verify(made.write(), "--vault-key", made.key), "the field 'content' is not the one committed to")
    made = forged_release(scene, tmp_path)
    field(made.own["entry"]["shown"], "delivery")["payload"]["value"]["kind"] = "segment"
    refused(verify(made.write(), "--vault-key", made.key), "the field 'delivery' is not the one committed to")


# --- A vault that is wholly forged ------------------------------------------------------------------


@pytest.fixture(scope="module")
def forger(scene: Scene, tmp_path_factory: pytest.TempPathFactory) -> Bench:
    """Return a vault made by one who has the footage, under the true vault's name, and a release."""
    made = Bench(tmp_path_factory.mktemp("forger"), "--origin", origin_of(scene))
    made.seal(scene.first, "--by", "Anna", "--note", "a note")
    made.seal(scene.second)
    made.release(made.folder / "release", ["a.txt", "b/second.bin"], "--reveal", "path,mtime")
    return made


def test_a_release_of_a_forged_vault_is_never_verified(scene: Scene, forger: Bench) -> None:
    release = forger.folder / "release"
    done = verify(release)
    assert done.code == 4, done.out
    assert "consistent only" in done.out.lower()
    for key in (scene.made["vault_key"], scene.fingerprint):
        refused(verify(release, "--vault-key", key), "this release is of another vault")
    refused(verify(release, "--cosigner", scene.cosigner), "not cosigned by paper.example/desk")
    for note in sorted((scene.vault / "log/vault/notes").glob("*.note")):
        refused(verify(release, "--checkpoint", note), "there is no signature by")


def test_a_stamp_does_not_make_a_forged_vault_a_known_one(
    scene: Scene, forger: Bench, tmp_path: Path
) -> None:
    """Anybody can have anything stamped: a stamp says when, not whose."""
    if not scene.stamped:
        pytest.skip("openssl is not there, so nothing can be stamped")
    vault, query, reply = copy(forger.vault, tmp_path / "vault"), tmp_path / "tsq", tmp_path / "tsr"
    world = tsa.world()
    run("stamp", "--vault", vault, "--request", query).ok()
    reply.write_bytes(tsa.Openssl(world.ecdsa).reply(query.read_bytes()))
    words = ["--reply", reply, "--tsa-root", scene.roots, "--certificate", scene.folder / "middle.pem"]
    run("stamp", "--vault", vault, "--query", query, *words).ok()
    item = forger.items(vault=vault)["a.txt"]["item"]
    forger.do("release", tmp_path / "release", "--item", item, vault=vault)
    done = verify(tmp_path / "release", "--tsa-root", scene.roots)
    assert done.code == 4, done.out
    assert "sealed not later than" in done.out
    done = verify(tmp_path / "release", "--tsa-root", scene.roots, "--vault-key", scene.fingerprint)
    refused(done, "this release is of another vault")


def test_stamps_of_an_authority_that_nobody_named_are_refused(scene: Scene, tmp_path: Path) -> None:
    if not scene.stamped:
        pytest.skip("openssl is not there, so nothing was stamped")
    stranger = tmp_path / "stranger.pem"
    stranger.write_bytes(tsa.world().rival_root.pem)
    done = check(scene.vault, "--tsa-root", stranger)
    refused(done, "stamps of log vault", "no path leads from")
    assert check(scene.vault, "--tsa-root", scene.roots).code == 0
    done = verify(scene.court, "--vault-key", scene.fingerprint, "--tsa-root", stranger)
    refused(done, "no path leads from")
    query, reply = tmp_path / "tsq", tmp_path / "tsr"
    vault = copy(scene.vault, tmp_path / "vault")
    run("stamp", "--vault", vault, "--request", query).ok()
    reply.write_bytes(tsa.Openssl(tsa.world().ecdsa).reply(query.read_bytes()))
    before = sorted((vault / "log/vault/stamps").iterdir())
    done = run("stamp", "--vault", vault, "--query", query, "--reply", reply, "--tsa-root", stranger)
    refused(done, "no path leads from")
    assert sorted((vault / "log/vault/stamps").iterdir()) == before


# --- Every byte of a release -----------------------------------------------------------------------


@pytest.mark.parametrize("form", ["folder", "zip"])
def test_a_release_with_any_byte_flipped_or_any_file_cut_is_never_verified(
    scene: Scene, tmp_path: Path, form: str
) -> None:
    release = tmp_path / ("release" if form == "folder" else "release.zip")
    scene.do(
        "release", release, "--item", scene.items()["empty"]["item"], vault=copy(scene.vault, tmp_path / "v")
    )
    assert verify(release, "--vault-key", scene.fingerprint).code == 0
    files = sorted(path for path in release.rglob("*") if path.is_file()) if form == "folder" else [release]
    generator, tried = random.Random(SEED), 0
    for file in files:
        data = file.read_bytes()
        places = range(len(data))
        for at in generator.sample(places, min(len(data), scaled(25, len(data)))):
            flipped = bytearray(data)
            flipped[at] ^= 1 << generator.randrange(8)
            for harmed in (bytes(flipped), data[:at]):
                file.write_bytes(harmed)
                done = verify(release, "--vault-key", scene.fingerprint)
                assert done.code == 1, (file.name, at, done.out)
                assert "Traceback" not in done.err
                tried += 1
        file.write_bytes(data)
    assert tried >= 50
    assert verify(release, "--vault-key", scene.fingerprint).code == 0
