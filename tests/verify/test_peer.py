"""Proofs, checkpoints, cosignatures and tlog-proofs against an implementation by others (proofbundle).

What we make it accepts, what it makes we accept, and what either alters the other refuses. The golden release
is checked by it too: what a stranger without our code can do.
"""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

import naive
from bearwitness.custody.log import consistency_proof, inclusion_proof
from bearwitness.custody.signing import SigningKey
from bearwitness_verify import merkle, note
from bearwitness_verify.checkpoint import Checkpoint, LogProof, read_checkpoint
from bearwitness_verify.errors import ProofError, VerifyError
from bearwitness_verify.note import COSIGNATURE
from scale import sample

peer = pytest.importorskip("proofbundle.checkpoint", reason="the peer proofbundle is not installed")
peer_merkle = pytest.importorskip("proofbundle.merkle", reason="the peer proofbundle is not installed")
peer_proof = pytest.importorskip("proofbundle.tlogproof", reason="the peer proofbundle is not installed")

GOLDEN = Path(__file__).resolve().parents[1] / "golden" / "v1"
DATA = [b"entry %d" % number for number in range(300)]
LEAVES = [merkle.leaf_hash(data) for data in DATA]
ROOTS = [merkle.root_of(LEAVES[:size]) for size in range(len(LEAVES) + 1)]
SIZES = sample(range(1, 301), 40)
NAME, SEED = "log.example/one", bytes(range(32))
KEY = SigningKey(NAME, 1, SEED)


def flip(data: bytes) -> bytes:
    return bytes([data[0] ^ 1]) + data[1:]


@pytest.mark.parametrize("size", SIZES)
def test_roots_and_proofs_are_the_same_and_each_accepts_the_other_s(size: int) -> None:
    root = ROOTS[size]
    assert peer_merkle.merkle_tree_hash(DATA[:size]) == root
    for index in sample(range(size), 5):
        proof, theirs = inclusion_proof(LEAVES[:size], index), peer_merkle.inclusion_proof(DATA[:size], index)
        assert theirs == proof
        assert peer_merkle.verify_inclusion(DATA[index], index, size, proof, root)
        merkle.verify_inclusion(index, size, LEAVES[index], theirs, root)
    for old in sample(range(1, size + 1), 5):
        proof = consistency_proof(LEAVES[:size], old)
        assert peer_merkle.consistency_proof(DATA[:size], old) == proof
        assert peer_merkle.verify_consistency(old, size, proof, ROOTS[old], root)


@pytest.mark.parametrize("size", sample(range(2, 301), 25))
def test_what_is_wrong_in_a_proof_is_wrong_for_both(size: int) -> None:
    root = ROOTS[size]
    for index in sample(range(size), 4):
        proof = inclusion_proof(LEAVES[:size], index)
        for wrong in ([], proof[1:], [*proof, proof[-1]], [flip(proof[0]), *proof[1:]], proof[::-1]):
            if wrong == proof:
                continue
            assert not peer_merkle.verify_inclusion(DATA[index], index, size, wrong, root)
            with pytest.raises(ProofError):
                merkle.verify_inclusion(index, size, LEAVES[index], wrong, root)
    for old in sample(range(1, size), 4):
        proof, before = consistency_proof(LEAVES[:size], old), ROOTS[old]
        for wrong in ([], proof[1:], [*proof, proof[-1]], [flip(proof[0]), *proof[1:]]):
            assert not peer_merkle.verify_consistency(old, size, wrong, before, root)
            with pytest.raises(ProofError):
                merkle.verify_consistency(old, size, before, root, wrong)


def test_a_checkpoint_and_its_key_are_read_by_both() -> None:
    made = KEY.sign_note(Checkpoint(NAME, 7, naive.mth(LEAVES[:7])).text()).decode()
    said = peer.verify_checkpoint(made, KEY.verifier.encode())
    assert (said["ok"], said["origin"], said["tree_size"]) == (True, NAME, 7)
    signer = Ed25519PrivateKey.from_private_bytes(SEED)
    theirs = peer.sign_checkpoint(NAME, 7, naive.mth(LEAVES[:7]), signer, NAME)
    assert theirs == made
    assert peer.vkey(NAME, signer.public_key().public_bytes_raw()) == KEY.verifier.encode()
    checkpoint, _ = read_checkpoint(theirs.encode(), KEY.verifier)
    assert checkpoint == Checkpoint(NAME, 7, naive.mth(LEAVES[:7]))
    assert not peer.verify_checkpoint(made.replace("\n7\n", "\n8\n"), KEY.verifier.encode())["ok"]


def test_a_cosignature_is_read_by_both() -> None:
    witness = SigningKey("witness.example/w", COSIGNATURE, bytes(32))
    text = Checkpoint(NAME, 7, naive.mth(LEAVES[:7])).text()
    ours = note.Note(text, (KEY.sign(text), witness.sign(text, 1_700_000_000))).encode().decode()
    said = peer.verify_cosignature(ours, witness.verifier.encode())
    assert (said["ok"], said["timestamp"]) == (True, 1_700_000_000)
    signer = Ed25519PrivateKey.from_private_bytes(bytes(32))
    theirs = peer.cosign_checkpoint(KEY.sign_note(text).decode(), signer, witness.name, 1_700_000_000)
    assert theirs == ours
    assert peer.cosign_vkey(witness.name, signer.public_key().public_bytes_raw()) == witness.verifier.encode()
    witness.verifier.verify(note.parse(theirs.encode()))
    later = note.parse(theirs.encode().replace(b"\n7\n", b"\n8\n"))
    with pytest.raises(VerifyError):
        witness.verifier.verify(later)


@pytest.mark.parametrize("size", sample(range(1, 301), 12))
def test_a_log_proof_is_written_alike_and_judged_alike(size: int) -> None:
    checkpoint = KEY.sign_note(Checkpoint(NAME, size, ROOTS[size]).text())
    vkey = KEY.verifier.encode()
    for index in sample(range(size), 4):
        ours = LogProof(index, tuple(inclusion_proof(LEAVES[:size], index)), checkpoint)
        text = ours.encode()
        theirs = peer_proof.format_tlog_proof(index, list(ours.hashes), checkpoint.decode())
        assert theirs == text
        assert peer_proof.verify_tlog_proof(text, DATA[index], vkey, expected_origin=NAME)["ok"]
        LogProof.parse(theirs).verify(LEAVES[index], KEY.verifier)
        assert not peer_proof.verify_tlog_proof(text, DATA[index] + b"!", vkey)["ok"]


# --- The golden vault and release, without our code ---------------------------------------------


def golden_notes() -> list[tuple[str, str]]:
    """Return every checkpoint of the golden vault's own log, with its key."""
    lines = (GOLDEN / "vault/vault.toml").read_text().splitlines()
    key = next(line.partition("=")[2].strip().strip('"') for line in lines if line.startswith("key"))
    return [(path.read_text(), key) for path in sorted((GOLDEN / "vault/log/vault/notes").iterdir())]


def test_every_checkpoint_of_the_golden_vault_is_a_signed_note_for_others() -> None:
    notes = golden_notes()
    assert len(notes) >= 20
    assert all(peer.verify_checkpoint(text, key)["ok"] for text, key in notes)


def test_the_cosignature_in_the_golden_vault_holds_for_others() -> None:
    cosigner = (GOLDEN / "cosigner.vkey").read_text().strip()
    cosigned = [text for text, _ in golden_notes() if cosigner.partition("+")[0] in text]
    assert len(cosigned) == 1
    assert peer.verify_cosignature(cosigned[0], cosigner)["ok"]


def entry_leaf_data(entry: Any) -> bytes:
    """Return the leaf data of an entry in a release, as docs/format.md says (6.1)."""
    names = ("ciphertext", "effect", "fields")
    payload = json.dumps({name: entry[name] for name in names}, sort_keys=True, separators=(",", ":"))
    return b"bearwitness/1/entry\x00" + base64.urlsafe_b64decode(entry["salt"] + "=") + payload.encode()


def test_every_log_proof_in_the_golden_release_holds_for_others() -> None:
    statement = json.loads((GOLDEN / "release/release.json").read_text("utf-8"))
    seen = 0
    for delivery in statement["deliveries"]:
        logs = [(delivery["entry"], delivery["log"])]
        if delivery["import"] is not None:
            logs.append((delivery["import"]["entry"], delivery["import"]["log"]))
        for entry, log in logs:
            for proof in (log, *log["further"]):
                said = peer_proof.verify_tlog_proof(proof["proof"], entry_leaf_data(entry), log["key"])
                assert said["ok"], said
                assert not peer_proof.verify_tlog_proof(
                    proof["proof"], entry_leaf_data(entry)[1:], log["key"]
                )["ok"]
                seen += 1
    assert seen >= 4
