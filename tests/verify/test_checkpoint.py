"""Checkpoints and log proofs: one text for each, read strictly, bound to their log's key."""

from __future__ import annotations

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bearwitness.custody.log import inclusion_proof
from bearwitness.custody.signing import SigningKey
from bearwitness_verify import merkle
from bearwitness_verify.checkpoint import PROOF_HASHES_MAX, Checkpoint, LogProof, read_checkpoint
from bearwitness_verify.errors import MalformedError, ProofError, SignatureError, VerifyError
from bearwitness_verify.note import COSIGNATURE
from scale import examples, sample

KEY = SigningKey("vault.example/1", 1, bytes(range(32)))
LEAVES = [merkle.leaf_hash(bytes([n])) for n in range(13)]
HEAD = Checkpoint("vault.example/1", 13, merkle.root_of(LEAVES))
ROOT64 = base64.b64encode(HEAD.root).decode()
# C2SP tlog-checkpoint, its own example
C2SP = "example.com/behind-the-sofa\n20852163\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n"


def proof_of(index: int) -> LogProof:
    return LogProof(index, tuple(inclusion_proof(LEAVES, index)), KEY.sign_note(HEAD.text()))


# --- Checkpoints ---------------------------------------------------------------------------------


def test_the_example_of_c2sp_is_read_and_written_again() -> None:
    head = Checkpoint.parse(C2SP)
    assert (head.origin, head.size, len(head.root)) == ("example.com/behind-the-sofa", 20_852_163, 32)
    assert head.text() == C2SP


ORIGINS = st.text(st.characters(exclude_categories=("Cs",), exclude_characters="\n"), min_size=1, max_size=20)


@examples(100)
@given(ORIGINS, st.integers(0, 10**18 - 1), st.binary(min_size=32, max_size=32))
def test_a_checkpoint_is_read_back_as_it_was_written(origin: str, size: int, root: bytes) -> None:
    head = Checkpoint(origin, size, root)
    assert Checkpoint.parse(head.text()) == head


@pytest.mark.parametrize(
    "text",
    [
        "",
        "\n\n\n",
        f"origin\n1\n{ROOT64}",
        f"origin\n1\n{ROOT64}\n\n",
        f"origin\n1\n{ROOT64}\nextension\n",
        f"\n1\n{ROOT64}\n",
        f"origin\n01\n{ROOT64}\n",
        f"origin\n+1\n{ROOT64}\n",
        f"origin\n-1\n{ROOT64}\n",
        f"origin\n 1\n{ROOT64}\n",
        f"origin\n1_0\n{ROOT64}\n",
        f"origin\n١\n{ROOT64}\n",
        f"origin\n\n{ROOT64}\n",
        f"origin\n{10**18}\n{ROOT64}\n",
        f"origin\r\n1\r\n{ROOT64}\r\n",
        f"origin\n1\n{ROOT64[:-1]}\n",
        f"origin\n1\n{ROOT64[:-2]}=\n",
        f"origin\n1\n{ROOT64} \n",
        "origin\n1\nAAAA\n",
        "origin\n1\n\n",
        f"origin\n1\n{base64.b64encode(bytes(33)).decode()}\n",
        "origin\n1\n" + "_" * 42 + "8=\n",
    ],
)
def test_a_checkpoint_in_any_other_form_is_refused(text: str) -> None:
    with pytest.raises(MalformedError):
        Checkpoint.parse(text)


def test_no_byte_of_a_signed_checkpoint_can_be_altered() -> None:
    signed = KEY.sign_note(HEAD.text())
    assert read_checkpoint(signed, KEY.verifier)[0] == HEAD
    for at in range(len(signed)):
        for mask in sample([1, 2, 4, 8, 16, 32, 64, 128], 2):
            altered = bytearray(signed)
            altered[at] ^= mask
            with pytest.raises(VerifyError):
                read_checkpoint(bytes(altered), KEY.verifier)


def test_a_checkpoint_of_another_log_is_refused_even_if_the_key_signed_it() -> None:
    signed = KEY.sign_note(Checkpoint("vault.example/2", 13, HEAD.root).text())
    with pytest.raises(SignatureError, match=r"of vault.example/2, the key of vault.example/1"):
        read_checkpoint(signed, KEY.verifier)


def test_the_statement_of_a_release_can_not_be_read_as_a_checkpoint() -> None:
    signed = KEY.sign_note("bearwitness/1/release\n" + "0" * 64 + "\n")
    with pytest.raises(MalformedError):
        read_checkpoint(signed, KEY.verifier)


def test_cosignatures_do_not_disturb_the_logs_own() -> None:
    cosigner = SigningKey("paper.example/desk", COSIGNATURE, bytes(32))
    signed = KEY.sign_note(HEAD.text()) + cosigner.sign(HEAD.text(), 1_700_000_000).line().encode()
    head, parsed = read_checkpoint(signed, KEY.verifier)
    assert head == HEAD
    assert cosigner.verifier.verify(parsed) == 1_700_000_000


# --- Log proofs ----------------------------------------------------------------------------------


def test_a_log_proof_is_written_as_c2sp_says() -> None:
    made = proof_of(5)
    lines = made.encode().split("\n")
    assert lines[:2] == ["c2sp.org/tlog-proof@v1", "index 5"]
    assert [base64.b64decode(line) for line in lines[2 : 2 + len(made.hashes)]] == list(made.hashes)
    assert lines[2 + len(made.hashes)] == ""
    assert "\n".join(lines[3 + len(made.hashes) :]).encode() == made.note


@pytest.mark.parametrize("index", range(13))
def test_a_log_proof_is_read_back_and_holds(index: int) -> None:
    made = proof_of(index)
    assert LogProof.parse(made.encode()) == made
    assert made.verify(LEAVES[index], KEY.verifier) == HEAD


def test_a_proof_in_a_log_of_one_entry_has_no_hashes() -> None:
    head = Checkpoint("vault.example/1", 1, LEAVES[0])
    made = LogProof(0, (), KEY.sign_note(head.text()))
    assert made.encode().startswith("c2sp.org/tlog-proof@v1\nindex 0\n\nvault.example/1\n1\n")
    assert LogProof.parse(made.encode()).verify(LEAVES[0], KEY.verifier) == head


def test_a_log_proof_is_of_its_own_entry_index_and_key() -> None:
    made = proof_of(5)
    with pytest.raises(ProofError):
        made.verify(LEAVES[6], KEY.verifier)
    for index in (4, 6, 12, 13, 99):
        with pytest.raises(ProofError):
            LogProof(index, made.hashes, made.note).verify(LEAVES[5], KEY.verifier)
    with pytest.raises(SignatureError):
        made.verify(LEAVES[5], SigningKey.generate("vault.example/1").verifier)


def test_no_byte_of_a_log_proof_can_be_altered() -> None:
    text = proof_of(5).encode()
    for at in range(len(text)):
        for char in {chr(ord(text[at]) ^ 1), chr(ord(text[at]) ^ 32), "A", "\n"} - {text[at]}:
            with pytest.raises(VerifyError):
                LogProof.parse(text[:at] + char + text[at + 1 :]).verify(LEAVES[5], KEY.verifier)
        with pytest.raises(VerifyError):
            LogProof.parse(text[:at] + text[at + 1 :]).verify(LEAVES[5], KEY.verifier)


def test_a_log_proof_in_any_other_form_is_refused() -> None:
    text = proof_of(5).encode()
    hash_line = base64.b64encode(LEAVES[0]).decode() + "\n"
    wrong = [
        "",
        text.replace("@v1", "@v2"),
        text.replace("index 5", "index 05"),
        text.replace("index 5", "index  5"),
        text.replace("index 5", "Index 5"),
        text.replace("index 5\n", "extra AAAA\nindex 5\n"),
        text.replace("index 5\n", ""),
        text.replace("\n\n", "\n", 1),
        text.replace("\n\n", "\n\n\n", 1),
        "\ufeff" + text,
        text.replace("\n", "\r\n"),
        text.replace("index 5\n", "index 5\n" + hash_line * (PROOF_HASHES_MAX + 1 - 4)),
    ]
    for altered in wrong:
        assert altered != text
        with pytest.raises(VerifyError):
            LogProof.parse(altered).verify(LEAVES[5], KEY.verifier)
