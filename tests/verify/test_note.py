"""Signed notes: Go's own examples, every byte altered, who signed what, cosignatures with a time."""

from __future__ import annotations

import base64
from hashlib import sha256
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from bearwitness.custody.signing import SigningKey
from bearwitness_verify import note
from bearwitness_verify.errors import MalformedError, SignatureError, VerifyError
from bearwitness_verify.note import COSIGNATURE, ED25519, Note, Signature, VerifierKey
from scale import examples, sample

DASH = "\N{EM DASH}"

# golang.org/x/mod/sumdb/note, documentation and note_test.go (The Go Authors, BSD-3-Clause)
PETER = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"
PETER_SIGNS = "PRIVATE+KEY+PeterNeumann+c74f20a3+AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz"
ENOCH = "EnochRoot+af0cfe78+ATtqJ7zOtqQtYqOo0CpvDXNlMhV3HeJDpjrASKGLWdop"
TEXT = "If you think cryptography is the answer to your problem,\nthen you don't know what your problem is.\n"
PETER_LINE = (
    f"{DASH} PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6"
    "RyyBwJnAM=\n"
)
ENOCH_LINE = (
    f"{DASH} EnochRoot rwz+eBzmZa0SO3NbfRGzPCpDckykFXSdeX+MNtCOXm2/5n2tiOHp+vAF1aGrQ5ovTG01oOTGwnWLox33WWd1R"
    "vMc+QQ=\n"
)
PETERS_NOTE = (TEXT + "\n" + PETER_LINE).encode()

# Two heads of the Go checksum database as it served them, years apart
SUMDB = "sum.golang.org+033de0ae+Ac4zctda0e5eza+HJyk9SxEdh+s3Ux18htTTAD8OuAn8"
SUMDB_HEADS = (
    "go.sum database tree\n15081221\nBoMMe1wd25Tco0mYGROkyqxHZWx+hcSCtMV315Lu6Lg=\n\n"
    f"{DASH} sum.golang.org Az3grilD7vQqTrv66jRgKM84Y80KTprrSt4bKmiOPxgmS5ZVBTeCl6dUvjYnN13R+C8j0jGY1WnUADG"
    "Mkok3U0m2Zgo=\n",
    "go.sum database tree\n63096908\n8lHrQPRYe4KT4WQ9/Qk8/taKnD6IRHbFgfN7vQE2Y54=\n\n"
    f"{DASH} sum.golang.org Az3gri/oVBN1jAhNZ/iS+W31psFAWRT20/GyrhpU6taFwulQGetBkH5S7wpGXdS935jiIGiUUAXB"
    "VHzT/P6fYhqAmAk=\n",
)


def signed(text: str, *lines: str) -> bytes:
    return (text + "\n" + "".join(lines)).encode()


def by_hand(seed: bytes, name: str, text: str, time: int | None = None) -> tuple[str, str]:
    """Return vkey and signature line made with nothing of ours, straight from the C2SP texts."""
    key = Ed25519PrivateKey.from_private_bytes(seed)
    public = key.public_key().public_bytes_raw()
    kind = b"\x01" if time is None else b"\x04"
    key_id = sha256(name.encode() + b"\n" + kind + public).digest()[:4]
    if time is None:
        data = key.sign(text.encode())
    else:
        message = f"cosignature/v1\ntime {time}\n".encode() + text.encode()
        data = time.to_bytes(8, "big") + key.sign(message)
    line = f"{DASH} {name} {base64.b64encode(key_id + data).decode()}\n"
    return f"{name}+{key_id.hex()}+{base64.b64encode(kind + public).decode()}", line


# --- Examples by others --------------------------------------------------------------------------


def test_gos_example_is_read_verified_and_written_again() -> None:
    parsed = note.parse(PETERS_NOTE)
    assert parsed.text == TEXT
    assert VerifierKey.parse(PETER).verify(parsed) == 0
    assert parsed.encode() == PETERS_NOTE


def test_gos_secret_key_signs_gos_example_to_the_byte() -> None:
    key = SigningKey.parse(PETER_SIGNS)
    assert key.verifier.encode() == PETER
    assert key.sign_note(TEXT) == PETERS_NOTE
    assert key.encode() == PETER_SIGNS


def test_gos_second_signature_is_verified_by_its_own_key_only() -> None:
    parsed = note.parse(signed(TEXT, PETER_LINE, ENOCH_LINE))
    assert VerifierKey.parse(PETER).verify(parsed) == VerifierKey.parse(ENOCH).verify(parsed) == 0
    with pytest.raises(SignatureError, match="no signature by EnochRoot"):
        VerifierKey.parse(ENOCH).verify(note.parse(PETERS_NOTE))


@pytest.mark.parametrize("head", SUMDB_HEADS)
def test_heads_of_the_go_checksum_database_verify_under_the_key_built_into_go(head: str) -> None:
    VerifierKey.parse(SUMDB).verify(note.parse(head.encode()))
    with pytest.raises(SignatureError):
        VerifierKey.parse(SUMDB).verify(note.parse(head.replace("\n1", "\n2").replace("\n6", "\n7").encode()))


def test_every_cut_of_gos_verifier_key_and_every_altered_letter_is_refused() -> None:
    for begin in range(len(PETER)):
        for end in range(begin + 1, len(PETER) + 1):
            if end - begin < len(PETER):
                with pytest.raises(MalformedError):
                    VerifierKey.parse(PETER[begin:end])
    for at in range(len(PETER)):
        with pytest.raises(MalformedError):
            VerifierKey.parse(PETER[:at] + chr(ord(PETER[at]) + 1) + PETER[at + 1 :])


@pytest.mark.parametrize(
    "vkey",
    [
        "PeterNeumann+cc469956+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TWBADKEY==",
        "PeterNeumann+173116ae+ZRpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW",
        PETER.replace("c74f20a3", "C74F20A3"),
        PETER + "\n",
        " " + PETER,
        PETER.replace("PeterNeumann", "Peter Neumann"),
        "",
        "++",
    ],
)
def test_a_malformed_verifier_key_is_refused(vkey: str) -> None:
    with pytest.raises(MalformedError):
        VerifierKey.parse(vkey)


@pytest.mark.parametrize(
    "data",
    [
        TEXT.encode(),
        (TEXT + "\n").encode(),
        PETERS_NOTE[:-1],
        b"\x01" + PETERS_NOTE,
        b"\xff" + PETERS_NOTE,
        signed(TEXT, PETER_LINE.replace("PeterNeumann", "Bad Name")),
        PETERS_NOTE + b"Unexpected line.\n",
        PETERS_NOTE + b"\n",
        PETERS_NOTE.replace(b"\n", b"\r\n"),
        PETERS_NOTE + b"\x00",
        signed(TEXT, PETER_LINE.replace(DASH, "-")),
        signed(TEXT, PETER_LINE.replace(DASH + " ", DASH)),
        signed(TEXT, PETER_LINE.replace(" x08g", "  x08g")),
        signed(TEXT, PETER_LINE.replace("AM=\n", "AM= \n")),
        signed(TEXT, PETER_LINE.replace("AM=\n", "AN=\n")),
        signed(TEXT, PETER_LINE.replace("AM=\n", "AM\n")),
        signed(TEXT, PETER_LINE.replace("x08go/", "x08go_")),
        signed(TEXT, f"{DASH} PeterNeumann x08gow==\n"),
        signed(TEXT, f"{DASH} PeterNeumann \n"),
        signed(TEXT, f"{DASH} a+b x08go/ZJ\n"),
        signed(TEXT, f"{DASH}  x08go/ZJ\n"),
        signed(TEXT, f"{DASH} a\u2003b x08go/ZJ\n"),
        b"",
        b"\n\n",
    ],
)
def test_a_malformed_note_is_refused(data: bytes) -> None:
    with pytest.raises(MalformedError):
        note.parse(data)


def test_a_note_is_refused_if_it_is_larger_than_any_we_write_or_has_too_many_signatures() -> None:
    many = signed(TEXT, *[PETER_LINE] * note.SIGNATURES_MAX)
    assert len(note.parse(many).signatures) == note.SIGNATURES_MAX >= 16  # what C2SP demands
    with pytest.raises(MalformedError, match="more than"):
        note.parse(many + PETER_LINE.encode())
    filler = "x" * (note.NOTE_BYTES_MAX - len(PETERS_NOTE) - 1) + "\n"
    assert note.parse(signed(filler + TEXT, PETER_LINE)).text == filler + TEXT
    with pytest.raises(MalformedError, match="too large"):
        note.parse(signed("x" + filler + TEXT, PETER_LINE))


def test_text_and_signatures_part_at_the_last_empty_line() -> None:
    text = f"first\n\n{DASH} PeterNeumann AAAAAAAA\n\nsecond\n"
    parsed = note.parse(signed(text, PETER_LINE))
    assert (parsed.text, len(parsed.signatures)) == (text, 1)


# --- Every byte ----------------------------------------------------------------------------------


def test_no_byte_of_a_note_can_be_altered() -> None:
    key = VerifierKey.parse(PETER)
    for at in range(len(PETERS_NOTE)):
        for mask in sample([1, 2, 4, 8, 16, 32, 64, 128, 255], 3):
            altered = bytearray(PETERS_NOTE)
            altered[at] ^= mask
            with pytest.raises(VerifyError):
                key.verify(note.parse(bytes(altered)))


def test_no_byte_of_another_signature_matters_to_ours_and_none_makes_it_that_ones() -> None:
    both = signed(TEXT, PETER_LINE, ENOCH_LINE)
    peter, enoch = VerifierKey.parse(PETER), VerifierKey.parse(ENOCH)
    survived = 0
    for at in range(len(PETERS_NOTE), len(both)):
        altered = bytearray(both)
        altered[at] ^= 1
        try:
            parsed = note.parse(bytes(altered))
        except MalformedError:
            continue
        peter.verify(parsed)  # harmless: C2SP has unknown signatures ignored
        survived += 1
        with pytest.raises(SignatureError):
            enoch.verify(parsed)
    assert survived > 50


@examples(100)
@given(st.integers(0, len(PETERS_NOTE)), st.binary(min_size=1, max_size=6))
def test_nothing_can_be_put_into_a_note_without_the_signature_failing(at: int, extra: bytes) -> None:
    with pytest.raises(VerifyError):
        VerifierKey.parse(PETER).verify(note.parse(PETERS_NOTE[:at] + extra + PETERS_NOTE[at:]))


# --- Who signed ----------------------------------------------------------------------------------


def test_a_key_with_the_right_name_and_another_id_is_ignored_and_so_is_the_reverse() -> None:
    peter = VerifierKey.parse(PETER)
    raw = note.parse(PETERS_NOTE).signatures[0]
    other_id = Signature(raw.name, b"\x00\x01\x02\x03", raw.data)
    other_name = Signature("PeterNeuman", raw.key_id, raw.data)
    peter.verify(Note(TEXT, (other_id, other_name, raw)))
    with pytest.raises(SignatureError, match="no signature"):
        peter.verify(Note(TEXT, (other_id, other_name)))


def test_one_wrong_signature_of_a_known_key_spoils_a_note_that_has_a_right_one_too() -> None:
    raw = note.parse(PETERS_NOTE).signatures[0]
    wrong = Signature(raw.name, raw.key_id, raw.data[:-1] + b"\x00")
    for order in ((raw, wrong), (wrong, raw)):
        with pytest.raises(SignatureError, match="does not hold"):
            VerifierKey.parse(PETER).verify(Note(TEXT, order))


@pytest.mark.parametrize("length", [1, 8, 63, 65, 72, 200])
def test_a_signature_of_another_length_is_refused_and_not_cut(length: int) -> None:
    raw = note.parse(PETERS_NOTE).signatures[0]
    data = (raw.data * 4)[:length]
    with pytest.raises(SignatureError, match="does not hold"):
        VerifierKey.parse(PETER).verify(Note(TEXT, (Signature(raw.name, raw.key_id, data),)))


def test_a_key_that_is_no_point_of_the_curve_verifies_nothing() -> None:
    for public in (b"\xff" * 32, b"\x02" + bytes(31)):
        key = VerifierKey("x", ED25519, public)
        line = Signature("x", key.id, bytes(64)).line()
        with pytest.raises(SignatureError):
            key.verify(note.parse(signed(TEXT, line)))


def test_the_plain_note_holds_the_logs_signature_alone() -> None:
    parsed = note.parse(signed(TEXT, ENOCH_LINE, PETER_LINE))
    assert parsed.plain(VerifierKey.parse(PETER)).encode() == PETERS_NOTE
    with pytest.raises(SignatureError, match="is not signed by"):
        note.parse(PETERS_NOTE).plain(VerifierKey.parse(ENOCH))


def test_the_fingerprint_is_the_sha256_of_the_key_as_text() -> None:
    assert VerifierKey.parse(PETER).fingerprint == sha256(PETER.encode()).hexdigest()


# --- Made by hand, made by us --------------------------------------------------------------------

SEEDS = st.binary(min_size=32, max_size=32)
KEY_NAMES = st.text(
    st.characters(exclude_categories=("Cs", "Cc", "Zs", "Zl", "Zp"), exclude_characters="+"),
    min_size=1,
    max_size=40,
)
LINES = st.text(
    st.characters(exclude_categories=("Cs",), exclude_characters="".join(map(chr, range(32)))), max_size=30
)


@examples(80)
@given(SEEDS, KEY_NAMES, st.lists(LINES, max_size=4), st.none() | st.integers(0, note.TIME_MAX))
def test_what_others_sign_by_the_specification_verifies_and_we_sign_the_same(
    seed: bytes, name: str, lines: list[str], time: int | None
) -> None:
    text = "".join(line + "\n" for line in ["first", *lines])
    vkey, line = by_hand(seed, name, text, time)
    key = VerifierKey.parse(vkey)
    assert key.encode() == vkey
    assert key.verify(note.parse(signed(text, line))) == (time or 0)
    ours = SigningKey(name, ED25519 if time is None else COSIGNATURE, seed)
    assert ours.verifier == key
    assert ours.sign(text, time or 0).line() == line
    assert SigningKey.parse(ours.encode()) == ours


def test_a_cosignature_tells_the_time_it_signs() -> None:
    vkey, line = by_hand(bytes(32), "witness.example/w1", TEXT, 1_679_315_147)
    key = VerifierKey.parse(vkey)
    assert key.verify(note.parse(signed(TEXT, PETER_LINE, line))) == 1_679_315_147
    raw = note.parse(signed(TEXT, line)).signatures[0]
    later = Signature(raw.name, raw.key_id, (1_679_315_148).to_bytes(8, "big") + raw.data[8:])
    with pytest.raises(SignatureError, match="does not hold"):
        key.verify(Note(TEXT, (later,)))


def test_a_cosignature_is_no_signature_and_a_signature_no_cosignature() -> None:
    seed = bytes(range(32))
    plain_key, plain = by_hand(seed, "w", TEXT)
    timed_key, timed = by_hand(seed, "w", TEXT, 5)
    assert plain_key != timed_key
    for vkey, line in ((plain_key, timed), (timed_key, plain)):
        with pytest.raises(SignatureError, match="no signature"):
            VerifierKey.parse(vkey).verify(note.parse(signed(TEXT, line)))
    # nor if the key id is forged
    for vkey, line in ((plain_key, timed), (timed_key, plain)):
        key, raw = VerifierKey.parse(vkey), note.parse(signed(TEXT, line)).signatures[0]
        with pytest.raises(SignatureError):
            key.verify(Note(TEXT, (Signature(raw.name, key.id, raw.data),)))


def test_a_cosignature_without_a_time_or_shorter_is_refused() -> None:
    vkey, _ = by_hand(bytes(32), "w", TEXT, 5)
    key = VerifierKey.parse(vkey)
    for data in (b"\x00", bytes(8), bytes(64), bytes(71), bytes(73)):
        with pytest.raises(SignatureError, match="does not hold"):
            key.verify(Note(TEXT, (Signature("w", key.id, data),)))


def test_a_time_beyond_what_a_calendar_can_show_is_refused() -> None:
    for time in (note.TIME_MAX + 1, 2**63, 2**64 - 1):
        vkey, line = by_hand(bytes(32), "w", TEXT, time)
        with pytest.raises(SignatureError):
            VerifierKey.parse(vkey).verify(note.parse(signed(TEXT, line)))


# --- Secret keys ---------------------------------------------------------------------------------


def test_every_cut_of_gos_signing_key_and_every_altered_letter_is_refused() -> None:
    for begin, end in [(b, e) for b in range(len(PETER_SIGNS)) for e in range(b + 1, len(PETER_SIGNS) + 1)]:
        if end - begin < len(PETER_SIGNS):
            with pytest.raises(MalformedError):
                SigningKey.parse(PETER_SIGNS[begin:end])
    for at in range(len(PETER_SIGNS)):
        with pytest.raises(MalformedError):
            SigningKey.parse(PETER_SIGNS[:at] + chr(ord(PETER_SIGNS[at]) + 1) + PETER_SIGNS[at + 1 :])


def test_a_secret_key_is_not_shown_by_what_python_prints_of_it() -> None:
    key = SigningKey.generate("x")
    assert repr(key.seed) not in repr(key)
    assert str(key.seed) not in str(key)


def test_two_keys_made_are_never_the_same() -> None:
    assert SigningKey.generate("x").seed != SigningKey.generate("x").seed


def test_keys_of_both_kinds_are_read_back(tmp_path: Any) -> None:
    for algorithm in (ED25519, COSIGNATURE):
        key = SigningKey.generate("some.example/name", algorithm)
        assert SigningKey.parse(key.encode() + "\n") == key
        assert VerifierKey.parse(key.verifier.encode()) == key.verifier
