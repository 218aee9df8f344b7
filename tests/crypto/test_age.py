"""age files: read and written by others as by us, no byte free to alter, any range read alike."""

from __future__ import annotations

import base64
import hmac
import os
import subprocess
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path

import pyrage
import pytest
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from hypothesis import given
from hypothesis import strategies as st

from bearwitness.crypto import age
from bearwitness.errors import KeyUnlockError, MalformedError
from scale import ALL, examples, sample
from workbench import needs_age

CHUNK = age.CHUNK_BYTES
EDGES = sorted(
    {size for chunks in (0, 1, 2, 4) for size in range(chunks * CHUNK - 2, chunks * CHUNK + 3) if size >= 0}
    | {15, 16, 17, CHUNK - 16, CHUNK - 17, 100_000}
)
MINE = age.Identity(b"\x42" * 32)
OTHER = age.Identity(b"\x43" * 32)


def data_of(size: int) -> bytes:
    return (sha256(str(size).encode()).digest() * (size // 32 + 1))[:size]


# --- With others ---------------------------------------------------------------------------------


def test_a_key_has_the_public_half_that_others_compute() -> None:
    theirs = pyrage.x25519.Identity.from_str(MINE.text())
    assert str(theirs.to_public()) == str(MINE.recipient)
    # the pair that the age test kit (C2SP/CCTV) uses
    assert str(MINE.recipient) == "age1zvkyg2lqzraa2lnjvqej32nkuu0ues2s82hzrye869xeexvn73equnujwj"


def test_keys_made_by_others_are_read_and_keys_made_by_us_are_read_by_others() -> None:
    for _ in range(20):
        theirs = pyrage.x25519.Identity.generate()
        ours = age.Identity.parse(str(theirs))
        assert (ours.text(), str(ours.recipient)) == (str(theirs), str(theirs.to_public()))
        again = pyrage.x25519.Identity.from_str(age.Identity.generate().text())
        assert age.Recipient.parse(str(again.to_public())).public


@pytest.mark.parametrize("size", EDGES)
def test_what_we_encrypt_others_decrypt_and_the_reverse(size: int) -> None:
    data = data_of(size)
    theirs = pyrage.x25519.Identity.from_str(MINE.text())
    ours = age.encrypt(data, MINE.recipient)
    assert pyrage.decrypt(ours, [theirs]) == data
    foreign = pyrage.encrypt(data, [theirs.to_public()])
    assert age.decrypt(foreign, MINE) == data
    assert len(ours) == len(age.start(MINE.recipient)[0]) + size + max(1, -(-size // CHUNK)) * 16


@needs_age
@pytest.mark.parametrize("size", [0, 1, CHUNK - 1, CHUNK, CHUNK + 1, 3 * CHUNK])
def test_the_command_age_opens_our_files_and_we_open_its(size: int, tmp_path: Path) -> None:
    data, key = data_of(size), tmp_path / "key"
    key.write_text(MINE.text() + "\n")
    ours = subprocess.run(
        ["age", "-d", "-i", key], input=age.encrypt(data, MINE.recipient), capture_output=True, check=True
    )
    assert ours.stdout == data
    recipients = ["-r", str(OTHER.recipient), "-r", str(MINE.recipient)]
    theirs = subprocess.run(["age", *recipients], input=data, capture_output=True, check=True).stdout
    assert age.decrypt(theirs, MINE) == age.decrypt(theirs, OTHER) == data


def test_a_file_to_several_is_opened_by_each_of_them_and_by_nobody_else() -> None:
    keys = [age.Identity.generate() for _ in range(4)]
    recipients = [pyrage.x25519.Recipient.from_str(str(key.recipient)) for key in keys[:3]]
    sealed = pyrage.encrypt(b"text", recipients)
    assert [age.decrypt(sealed, key) for key in keys[:3]] == [b"text"] * 3
    with pytest.raises(KeyUnlockError, match="the thing is not for this identity"):
        age.decrypt(sealed, keys[3], "the thing")


def test_two_files_with_the_same_plaintext_share_nothing() -> None:
    one, other = age.encrypt(b"text", MINE.recipient), age.encrypt(b"text", MINE.recipient)
    head = len(b"age-encryption.org/v1\n-> X25519 ")
    assert one[:head] == other[:head]
    assert one[head : head + 43] != other[head : head + 43]
    assert one[-20:] != other[-20:]


def test_a_secret_key_is_not_shown_by_what_python_prints_of_it() -> None:
    assert "42" not in repr(MINE)
    assert MINE.text() not in f"{MINE} {MINE!r}"
    assert str(MINE.recipient) == f"{MINE.recipient}"


@pytest.mark.parametrize(
    "text", ["", "age1", "AGE-SECRET-KEY-1", "age1qqqq", "age1" + "q" * 58, "ssh-ed25519 AAAA"]
)
def test_what_is_no_key_is_refused(text: str) -> None:
    with pytest.raises(MalformedError):
        age.Recipient.parse(text)
    with pytest.raises(MalformedError):
        age.Identity.parse(text)


def test_keys_of_another_length_are_refused() -> None:
    for size in (0, 31, 33, 64):
        with pytest.raises(MalformedError, match="length"):
            age.Recipient.parse(age.bech32.encode("age", bytes(size)))
        with pytest.raises(MalformedError, match="length"):
            age.Identity.parse(age.bech32.encode("age-secret-key-", bytes(size)))


# --- Every byte ----------------------------------------------------------------------------------


def refused(data: bytes) -> None:
    """Fail unless `data` is refused, read at once and in ranges."""
    for read in (lambda: age.decrypt(data, MINE), lambda: reader_of(data).read_all()):
        with pytest.raises((MalformedError, KeyUnlockError)):
            read()


def reader_of(sealed: bytes, fetched: list[int] | None = None) -> age.Reader:
    def fetch(at: int, size: int) -> bytes:
        if fetched is not None:
            fetched.append(size)
        return sealed[at : at + size]

    return age.Reader(fetch, len(sealed), MINE)


def test_no_byte_of_a_file_can_be_altered_added_or_left_out() -> None:
    sealed = age.encrypt(b"a small file", MINE.recipient)
    for at in range(len(sealed)):
        for mask in range(1, 256) if ALL else (1, 2, 0x20, 0x80):
            refused(sealed[:at] + bytes([sealed[at] ^ mask]) + sealed[at + 1 :])
        refused(sealed[:at] + sealed[at + 1 :])
        for extra in (b"\n", b" ", b"A", b"\x00"):
            if sealed[:at] + extra + sealed[at:] != sealed:
                refused(sealed[:at] + extra + sealed[at:])
    refused(sealed + b"\x00")


def test_a_file_cut_short_anywhere_is_refused() -> None:
    sealed = age.encrypt(data_of(3 * CHUNK + 5), MINE.recipient)
    head = len(sealed) - (3 * CHUNK + 5) - 4 * 16
    edges = [
        head + chunk * (CHUNK + 16) + more for chunk in range(4) for more in (-17, -16, -1, 0, 1, 15, 16, 17)
    ]
    for length in [*range(head), *edges, len(sealed) - 1]:
        if length < len(sealed):
            refused(sealed[:length])


def test_chunks_exchanged_repeated_dropped_or_taken_from_another_file_are_refused() -> None:
    sealed = age.encrypt(data_of(4 * CHUNK), MINE.recipient)
    other = age.encrypt(data_of(4 * CHUNK), MINE.recipient)
    size = CHUNK + 16
    head = len(sealed) - 4 * size
    chunks = [sealed[head + n * size : head + (n + 1) * size] for n in range(4)]
    foreign = other[head : head + size]
    for order in (
        [1, 0, 2, 3],
        [0, 0, 1, 2, 3],
        [0, 2, 3],
        [0, 1, 3],
        [3],
        [0, 1, 2],
        [0, 1, 2, 3, 3],
        [3, 2, 1, 0],
    ):
        refused(sealed[:head] + b"".join(chunks[n] for n in order))
    refused(sealed[:head] + foreign + b"".join(chunks[1:]))
    refused(other[:head] + b"".join(chunks))
    assert age.decrypt(sealed[:head] + b"".join(chunks), MINE) == data_of(4 * CHUNK)


# --- Files made by hand, right in all but one thing ----------------------------------------------

FILE_KEY, EPHEMERAL, NONCE = b"\x01" * 16, b"\x02" * 32, b"\x03" * 16


def hkdf(key: bytes, salt: bytes, info: bytes) -> bytes:
    return HKDF(SHA256(), 32, salt, info).derive(key)


def b64(data: bytes) -> bytes:
    return base64.b64encode(data).rstrip(b"=")


def lines(body: bytes) -> bytes:
    text = b64(body)
    return b"".join(text[at : at + 64] + b"\n" for at in range(0, len(text) + 1, 64))


def wrapped(
    share: bytes | None = None, file_key: bytes = FILE_KEY, to: age.Identity = MINE
) -> tuple[bytes, bytes]:
    """Return share and body of an X25519 stanza, by the text of c2sp.org/age."""
    secret = X25519PrivateKey.from_private_bytes(EPHEMERAL)
    mine = secret.public_key().public_bytes_raw() if share is None else share
    if share is None:
        shared = secret.exchange(X25519PublicKey.from_public_bytes(to.recipient.public))
    else:
        shared = bytes(32)  # what the recipient would compute from a point of low order
    key = hkdf(shared, mine + to.recipient.public, b"age-encryption.org/v1/X25519")
    return mine, ChaCha20Poly1305(key).encrypt(bytes(12), file_key, None)


def stanza(kind: bytes = b"X25519", share: bytes | None = None, body: bytes | None = None) -> bytes:
    mine, sealed = wrapped()
    return (
        b"-> "
        + kind
        + b" "
        + (b64(mine) if share is None else share)
        + b"\n"
        + lines(sealed if body is None else body)
    )


def whole(
    *stanzas: bytes, chunks: list[tuple[int, bool, bytes]] | None = None, file_key: bytes = FILE_KEY
) -> bytes:
    """Return an age file with these stanzas, its MAC right, its payload "text" or these chunks."""
    head = b"age-encryption.org/v1\n" + b"".join(stanzas) + b"---"
    mac = hmac.digest(hkdf(file_key, b"", b"header"), head, "sha256")
    aead = ChaCha20Poly1305(hkdf(file_key, NONCE, b"payload"))
    out = head + b" " + b64(mac) + b"\n" + NONCE
    for number, last, data in [(0, True, b"text")] if chunks is None else chunks:
        out += aead.encrypt(number.to_bytes(11, "big") + bytes([last]), data, None)
    return out


def test_a_file_made_by_hand_from_the_specification_is_opened_by_all() -> None:
    made = whole(stanza())
    assert age.decrypt(made, MINE) == b"text"
    assert pyrage.decrypt(made, [pyrage.x25519.Identity.from_str(MINE.text())]) == b"text"


GREASE = b"-> xy-grease a 1 ~!\n" + lines(b"whatever" * 20)
FOREIGN = b"-> X25519 " + b64(wrapped(to=OTHER)[0]) + b"\n" + lines(wrapped(to=OTHER)[1])


@pytest.mark.parametrize(
    "stanzas",
    [
        [GREASE, stanza()],
        [stanza(), GREASE],
        [FOREIGN, stanza()],
        [stanza(), FOREIGN, GREASE],
        [b"-> a\n" + lines(b""), stanza()],
        [b"-> a\n" + lines(bytes(48)), stanza()],
        [b"-> a\n" + lines(bytes(96)), stanza()],
        [stanza(), stanza()],
    ],
)
def test_stanzas_of_others_are_passed_over(stanzas: list[bytes]) -> None:
    assert age.decrypt(whole(*stanzas), MINE) == b"text"


def test_stanzas_can_not_be_reordered_added_or_dropped_by_whoever_has_the_file() -> None:
    made = whole(GREASE, stanza())
    middle = GREASE + stanza()
    for other in (stanza() + GREASE, stanza(), GREASE + GREASE + stanza(), middle + GREASE):
        assert age.decrypt(whole(other), MINE) == b"text"
        with pytest.raises(MalformedError, match="was altered"):
            age.decrypt(made.replace(middle, other), MINE)


SHARE, BODY = wrapped()
LOW_ORDER = [
    bytes(32),
    b"\x01" + bytes(31),
    bytes.fromhex("e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800"),
    bytes.fromhex("5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157"),
    bytes.fromhex("ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f"),
    bytes.fromhex("edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f"),
    bytes.fromhex("eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f"),
]


@pytest.mark.parametrize("point", LOW_ORDER, ids=bytes.hex)
def test_a_share_of_low_order_is_refused_since_anybody_could_have_made_the_key(point: bytes) -> None:
    share, body = wrapped(share=point)
    with pytest.raises(MalformedError, match="malformed age stanza"):
        age.decrypt(whole(stanza(share=b64(share), body=body)), MINE)


def last_bits(text: bytes) -> bytes:
    """Return the same base64 with the bits set that no byte holds."""
    alphabet = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
    return text[:-1] + bytes([alphabet[alphabet.index(text[-1]) | 1]])


@pytest.mark.parametrize(
    ("why", "header"),
    [
        ("an argument too many", stanza(share=b64(SHARE) + b" x")),
        ("no share", b"-> X25519\n" + lines(BODY)),
        ("a share of 31 bytes", stanza(share=b64(SHARE[:31]))),
        ("a share of 33 bytes", stanza(share=b64(SHARE + b"\x00"))),
        ("a share with padding", stanza(share=b64(SHARE) + b"=")),
        ("a share in another encoding of the same bytes", stanza(share=last_bits(b64(SHARE)))),
        ("a share in base64url", stanza(share=b"_" * 42 + b"8")),
        ("a body of 31 bytes", stanza(body=BODY[:31])),
        ("a body of 33 bytes", stanza(body=BODY + b"\x00")),
        ("a file key of 15 bytes", stanza(body=wrapped(file_key=FILE_KEY[:15])[1])),
        ("a file key of 17 bytes", stanza(body=wrapped(file_key=FILE_KEY + b"\x01")[1])),
        ("an empty body", stanza(body=b"")),
        ("a body in another encoding", stanza()[:-2] + last_bits(stanza()[:-1])[-1:] + b"\n"),
        ("a body with padding", stanza()[:-1] + b"=\n"),
        ("a body in two short lines", stanza()[:-10] + b"\n" + stanza()[-10:]),
        ("no body", stanza()[: -len(lines(BODY))]),
        ("two spaces", stanza().replace(b"X25519 ", b"X25519  ")),
        ("a space at the end", stanza(share=b64(SHARE) + b" ")),
        ("a tab", stanza().replace(b"X25519 ", b"X25519\t")),
        ("carriage returns", stanza().replace(b"\n", b"\r\n")),
        ("no arrow", stanza().replace(b"->", b"=>")),
        ("no space after the arrow", stanza().replace(b"-> ", b"->")),
        ("an empty line", stanza() + b"\n"),
        ("the type in small letters", stanza(kind=b"x25519")),
    ],
)
def test_a_header_malformed_by_its_very_author_is_refused_by_us_as_by_others(why: str, header: bytes) -> None:
    made = whole(header)
    refused(made)
    with pytest.raises(pyrage.DecryptError):
        pyrage.decrypt(made, [pyrage.x25519.Identity.from_str(MINE.text())])


@pytest.mark.parametrize(
    "alter",
    [
        lambda f: f.replace(b"age-encryption.org/v1", b"age-encryption.org/v2"),
        lambda f: b" " + f,
        lambda f: b"\xef\xbb\xbf" + f,
        lambda f: f.replace(b"v1\n", b"v1\r\n"),
        lambda f: f.replace(b"v1\n", b"v1 \n"),
        lambda f: f.replace(b"--- ", b"---"),
        lambda f: f.replace(b"--- ", b"---  "),
        lambda f: f.replace(b"--- ", b"-- "),
        lambda f: f.replace(b64(NONCE), b""),
        base64.encodebytes,
    ],
)
def test_the_frame_of_a_header_can_not_be_written_in_any_other_way(alter: Callable[[bytes], bytes]) -> None:
    made = whole(stanza())
    altered = alter(made)
    if altered != made:
        refused(altered)


def test_a_mac_in_another_encoding_is_refused() -> None:
    made = whole(stanza())
    start = made.index(b"--- ") + 4
    mac = made[start : start + 43]
    for wrong in (last_bits(mac), mac + b"=", mac[:-1], b64(bytes(32)), mac + b" "):
        assert wrong != mac
        refused(made.replace(mac, wrong))


def test_a_header_larger_than_any_of_ours_is_refused() -> None:
    with pytest.raises(MalformedError, match="damaged age header"):
        age.decrypt(whole(*[GREASE] * 400, stanza()), MINE)
    assert age.decrypt(whole(*[GREASE] * 100, stanza()), MINE) == b"text"


def test_a_file_without_a_stanza_for_anybody_is_refused() -> None:
    refused(whole())
    refused(whole(GREASE))


FULL = data_of(CHUNK)


@pytest.mark.parametrize(
    ("why", "chunks"),
    [
        ("no chunk", []),
        ("the last chunk not marked", [(0, False, b"text")]),
        ("the last of two not marked", [(0, False, FULL), (1, False, b"text")]),
        ("the first of two marked", [(0, True, FULL), (1, True, b"text")]),
        ("an empty chunk after a full one", [(0, False, FULL), (1, True, b"")]),
        ("a short chunk in the middle", [(0, False, FULL[:-1]), (1, True, b"text")]),
        ("a number left out", [(0, False, FULL), (2, True, b"text")]),
        ("counting from one", [(1, True, b"text")]),
        ("a number twice", [(0, False, FULL), (0, True, b"text")]),
        ("more after the last", [(0, True, b"text"), (1, True, b"more")]),
        ("a chunk that is too long", [(0, True, FULL + b"x")]),
    ],
)
def test_a_payload_malformed_by_its_very_author_is_refused(
    why: str, chunks: list[tuple[int, bool, bytes]]
) -> None:
    refused(whole(stanza(), chunks=chunks))


def test_an_empty_file_is_one_empty_chunk() -> None:
    assert age.decrypt(whole(stanza(), chunks=[(0, True, b"")]), MINE) == b""
    assert age.decrypt(whole(stanza(), chunks=[(0, False, FULL), (1, True, FULL)]), MINE) == FULL * 2


# --- Ranges --------------------------------------------------------------------------------------

LONG = data_of(3 * CHUNK + 1234)
SEALED_LONG = age.encrypt(LONG, MINE.recipient)


@examples(60)
@given(st.integers(0, len(LONG)), st.integers(0, len(LONG)))
def test_a_range_is_the_slice_of_the_whole(offset: int, length: int) -> None:
    reader = reader_of(SEALED_LONG)
    if offset + length <= len(LONG):
        assert reader.read(offset, length) == LONG[offset : offset + length]
    else:
        with pytest.raises(MalformedError, match="shorter than what is asked"):
            reader.read(offset, length)


@pytest.mark.parametrize("size", sample(EDGES, 12))
def test_ranges_at_chunk_edges_are_right_at_every_size(size: int) -> None:
    data = data_of(size)
    reader = reader_of(age.encrypt(data, MINE.recipient))
    assert (reader.plaintext_bytes, reader.read_all()) == (size, data)
    edges = sorted({0, 1, CHUNK - 1, CHUNK, CHUNK + 1, 2 * CHUNK, size - 1, size} & set(range(size + 1)))
    for begin in edges:
        for end in [e for e in edges if e >= begin]:
            assert reader.read(begin, end - begin) == data[begin:end]
    for offset, length in ((0, size + 1), (size, 1), (size + 1, 0), (-1, 1), (0, -1)):
        with pytest.raises(MalformedError):
            reader.read(offset, length)


def test_a_short_range_touches_a_chunk_and_not_the_whole_file() -> None:
    fetched: list[int] = []
    reader = reader_of(SEALED_LONG, fetched)
    fetched.clear()
    assert reader.read(2 * CHUNK + 5, 10) == LONG[2 * CHUNK + 5 : 2 * CHUNK + 15]
    assert fetched == [CHUNK + 16]
    fetched.clear()
    assert reader.read(CHUNK - 5, CHUNK + 10) == LONG[CHUNK - 5 : 2 * CHUNK + 5]
    assert fetched == [3 * (CHUNK + 16)], "neighbours are fetched at once"


def test_a_damaged_chunk_spoils_the_ranges_it_is_part_of_and_no_other() -> None:
    head = len(SEALED_LONG) - len(LONG) - 4 * 16
    at = head + CHUNK + 16 + 100
    damaged = SEALED_LONG[:at] + bytes([SEALED_LONG[at] ^ 1]) + SEALED_LONG[at + 1 :]
    reader = reader_of(damaged)
    assert reader.read(0, CHUNK) == LONG[:CHUNK]
    assert reader.read(2 * CHUNK, 1234) == LONG[2 * CHUNK : 2 * CHUNK + 1234]
    for offset, length in ((CHUNK, 1), (CHUNK - 1, 2), (0, len(LONG))):
        with pytest.raises(MalformedError, match="damaged or cut short"):
            reader.read(offset, length)


@examples(25)
@given(st.integers(0, 3), st.integers(1, CHUNK))
def test_chunks_sealed_one_by_one_are_the_file(full: int, rest: int) -> None:
    parts = [FULL] * full + [data_of(rest)]
    prologue, sealer = age.start(MINE.recipient)
    room = memoryview(bytearray(4 * (CHUNK + 16)))
    at = 0
    for number, part in enumerate(parts):
        at += sealer.seal(part, room[at:], last=number == len(parts) - 1)
    assert age.decrypt(prologue + bytes(room[:at]), MINE) == b"".join(parts)


def test_random_bytes_are_never_an_age_file() -> None:
    for size in (0, 1, 22, 100, 300):
        refused(os.urandom(size))
        refused(b"age-encryption.org/v1\n" + os.urandom(size))
