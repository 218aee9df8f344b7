"""Canonical JSON, hashes and base64 of the page are those of Python, on generated input."""

from __future__ import annotations

import base64
import json
import random
import zlib
from collections.abc import Iterator
from hashlib import sha256
from typing import Any

import pytest

from bearwitness_verify import canonical
from bearwitness_verify.errors import MalformedError
from browser import needs_chromium
from reader import Reader
from workbench import SEED, scaled

pytestmark = needs_chromium
OBJECTS = scaled(400, 10_000)
LETTERS = 'ab"\\/\n\r\t\b\f\x00\x1f\x7f\x80é\u2028\u2029\ufeff\ufffe\U0001f600й€ {}[]:,0-9eE.+'
NAMES = ["a", "b", "v", "__proto__", "constructor", "10", "9", "1", "toString", " ", "~", "Z", "z", '"', "\\"]


def value_of(chance: random.Random, depth: int = 0) -> Any:
    kind = chance.randrange(4 if depth > 5 else 7)
    if kind < 3:
        return "".join(chance.choice(LETTERS) for _ in range(chance.randrange(8)))
    if kind == 3:
        return chance.choice([True, False, None, "0", "-12", "18446744073709551615"])
    if kind == 4:
        return [value_of(chance, depth + 1) for _ in range(chance.randrange(4))]
    return {chance.choice(NAMES): value_of(chance, depth + 1) for _ in range(chance.randrange(5))}


def damaged(data: bytes, chance: random.Random) -> bytes:
    """Return `data` altered as a careless or hostile writer might."""
    text = bytearray(data)
    at = chance.randrange(len(text) + 1)
    what = chance.randrange(8)
    if what == 0:
        text[at:at] = chance.choice(
            [b" ", b"\n", b"\t", b"\xef\xbb\xbf", b"\x00", b"\\u0041", b"\\/", b"\\ud800"]
        )
    elif what == 1:
        text[at : at + 1] = b""
    elif what == 2 and at < len(text):
        text[at] ^= 1 << chance.randrange(8)
    elif what == 3:
        text[at:at] = chance.choice(
            [b"1", b"-0", b"1.5", b"1e3", b"NaN", b"Infinity", b"[]", b'""', b'"a":"b",']
        )
    elif what == 4:
        text = bytearray(b"[" * 33 + b"]" * 33) if chance.random() < 0.2 else text[:-1]
    elif what == 5:
        text = bytearray(json.dumps(json.loads(data)).encode())  # other spaces and escapes
    elif what == 6:
        text = bytearray(data.replace(b"\\n", b"\\u000a").replace(b"\\u001f", b"\\u001F"))
    else:
        text += chance.choice([b"\n", b"}", b"null", b"\xff", b"\xed\xa0\x80"])
    return bytes(text)


def batches(items: list[bytes]) -> Iterator[list[bytes]]:
    for at in range(0, len(items), 500):
        yield items[at : at + 500]


def given(items: list[bytes]) -> str:
    texts = json.dumps([base64.b64encode(item).decode() for item in items])
    return f"{texts}.map((text) => Uint8Array.from(atob(text), (char) => char.charCodeAt(0)))"


def test_both_write_the_same_bytes_for_the_same_object(reader: Reader) -> None:
    chance = random.Random(f"{SEED} objects")
    written = [canonical.dumps(value_of(chance)) for _ in range(OBJECTS)]
    for batch in batches(written):
        again = reader.tab.do(f"{given(batch)}.map((bytes) => toB64(canonicalBytes(parseCanonical(bytes))))")
        assert [base64.b64decode(text) for text in again] == batch


def test_both_accept_and_refuse_the_same_texts(reader: Reader) -> None:
    chance = random.Random(f"{SEED} damaged")
    texts = [damaged(canonical.dumps(value_of(chance)), chance) for _ in range(OBJECTS)]
    texts += [b"[" * deep + b"]" * deep for deep in (31, 32, 33, 5000)]
    accepts = """(bytes) => {
      try { parseCanonical(bytes); return true; } catch (error) {
        return error instanceof Refusal ? false : String(error);
      }
    }"""
    accepted = 0
    for batch in batches(texts):
        for data, page_accepts in zip(batch, reader.tab.do(f"{given(batch)}.map({accepts})"), strict=True):
            try:
                canonical.loads(data)
                ours = True
            except MalformedError:
                ours = False
            assert page_accepts == ours, data
            accepted += ours
    assert 0 < accepted < len(texts)


def test_base64url_is_strict_in_the_same_way(reader: Reader) -> None:
    chance = random.Random(f"{SEED} base64")
    texts = ["".join(chance.choices("AQgwZz09-_+/= \n", k=chance.randrange(7))) for _ in range(OBJECTS)]
    texts += [canonical.b64(chance.randbytes(n)) for n in range(70)]
    found = reader.tab.do(
        f"{json.dumps(texts)}.map((text) => {{"
        " try { return hex(bytesOf(text)); } catch { return null; } })"
    )
    for text, page_says in zip(texts, found, strict=True):
        try:
            ours = canonical.unb64(text).hex()
        except MalformedError:
            ours = None
        assert page_says == ours, text


LENGTHS = [*range(0, 4), *range(54, 66), *range(118, 130), 1000, 4096, 65_536, 100_003]


@pytest.mark.parametrize("cut", [1, 63, 64, 65, 1 << 20])
def test_the_hash_of_the_page_is_sha256_however_the_bytes_come(reader: Reader, cut: int) -> None:
    lengths = LENGTHS if cut > 1 else LENGTHS[:-2]
    fed = (
        f"{json.dumps(lengths)}.map((n) => {{"
        " const bytes = Uint8Array.from({ length: n }, (_, at) => (at * 7 + n) & 255);"
        f" const hash = new Sha256(); pieces(bytes, {cut}).forEach((piece) => hash.update(piece));"
        " return [hex(hash.digest()), crc32(bytes)]; })"
    )
    for length, (digest, crc) in zip(lengths, reader.tab.do(fed), strict=True):
        data = bytes((at * 7 + length) & 255 for at in range(length))
        assert digest == sha256(data).hexdigest(), length
        assert crc == zlib.crc32(data), length


def test_a_file_too_large_for_one_buffer_has_the_same_hash_and_leaves(reader: Reader) -> None:
    code = """(async () => {
      const bytes = Uint8Array.from({ length: 20000003 }, (_, at) => (at * 31 + (at >> 9)) & 255);
      const lengths = [];
      for (let left = bytes.length, n = 0; left; n += 1) {
        lengths.push(Math.min(left, 1 + ((n * 7919) % 65536)));
        left -= lengths.at(-1);
      }
      const content = { lengths, salts: lengths.map((_, n) => sha256(utf8(String(n)))) };
      const file = { blob: new Blob([bytes]), crc: crc32(bytes) };
      const idle = async () => {};
      const both = await Promise.all([0, Infinity].map((most) => hashFile(file, content, idle, most)));
      const plain = both.map(({ sha256: whole, leaves }) => whole + leaves.map(hex).join());
      const known = hex(await webSha256(bytes));
      return [plain[0] === plain[1], both[0].leaves.length === lengths.length, both[0].sha256 === known];
    })()"""
    assert reader.tab.do(code) == [True, True, True]
