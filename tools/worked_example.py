"""Writes the worked example of docs/format.md, chapter 13, from what the code gives for fixed secrets.

`python tools/worked_example.py` puts it into the document; tests/docs/test_worked_example.py asks that it is
there, and computes every value again by other means. What is encrypted is random: the ciphertext that the
document holds already is kept as long as it opens to what it should.
"""

from __future__ import annotations

import base64
import re
import sys
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path

from bearwitness.crypto import age
from bearwitness.crypto.derive import derive
from bearwitness.crypto.padding import padded_length
from bearwitness.custody import items
from bearwitness.custody.content import ContentHasher
from bearwitness.custody.entries import Body, Entry
from bearwitness.custody.signing import SigningKey
from bearwitness.custody.trees import Proof, run_proof, scatter
from bearwitness.errors import BearwitnessError
from bearwitness_verify import canonical
from bearwitness_verify.canonical import Json, b64
from bearwitness_verify.checkpoint import Checkpoint
from bearwitness_verify.leaves import ENTRY_HEIGHT, ITEM_SLOTS, TreeRef, hash_leaf, item_id, prefix

DOCUMENT = Path(__file__).resolve().parents[1] / "docs" / "format.md"
BEGIN, END = "<!-- example -->\n", "<!-- /example -->"
WIDTH = 96
FILE = b"hello\n"
PATH = b"a.txt"
MTIME_NS = 1_773_324_127_123_456_789
TIME: dict[str, Json] = {"local": "2026-03-12T16:02:07+02:00", "utc": "2026-03-12T14:02:07Z"}
STAT: Json = {
    "atime": str(MTIME_NS + 1),
    "ctime": str(MTIME_NS + 2),
    "gid": "1000",
    "mode": "33188",
    "nlink": "1",
    "uid": "1000",
}
PADDED = (0, 1, 2, 9, 100, 1000, 65_537, 8_388_609, 16_777_215)
JSON: Json = {"v": "1", "size": "-12", "path": b64(b"\xff/a"), "note": 'й "\n\x1f€😀', "list": [True, None]}


def secret(number: int) -> bytes:
    """Return one of the fixed secrets: 32 bytes counting up from 32 × `number`."""
    return bytes(range(32 * number, 32 * number + 32))


@dataclass
class Step:
    """A heading, a sentence, and named values (bytes are shown in hexadecimal)."""

    title: str
    text: str
    values: list[tuple[str, str]] = field(default_factory=list)

    def add(self, name: str, value: bytes | str | int) -> None:
        """Add a value."""
        self.values.append((name, value.hex() if isinstance(value, bytes) else str(value)))

    def add_proof(self, name: str, proof: Proof) -> None:
        """Add a proof: its index, and its hashes from the leaf up."""
        self.add(f"{name}: index", proof.index)
        for level, sibling in enumerate(proof.path):
            self.add(f"{name}: level {level}", sibling)

    def lines(self) -> Iterator[str]:
        """Yield the lines of the document."""
        yield f"### {self.title}\n"
        yield textwrap.fill(self.text, 110) + "\n"
        yield "```"
        for name, value in self.values:
            yield name
            yield from (f"    {value[at : at + WIDTH]}" for at in range(0, max(1, len(value)), WIDTH))
        yield "```\n"


def example(kept: bytes | None = None) -> str:
    """Return the text of the chapter; `kept` is the ciphertext it held before."""
    head = (
        "Every value below follows from the bytes `hello\\n` of one file, called `a.txt`, and from the "
        "secrets given, which are random in real life. A value longer than a line goes on in the next one; "
        "bytes are in hexadecimal, texts as they are. Written by `tools/worked_example.py`; a test computes "
        "all of it again from this document alone."
    )
    content, root = of_content()
    item, leaf = of_item(root)
    delivery, tree = of_delivery(leaf)
    entry, made = of_entry(tree, kept)
    steps = [of_json(), of_padding(), content, of_run(), item, delivery, entry, of_checkpoint(made)]
    return "\n".join([textwrap.fill(head, 110) + "\n", *(line for step in steps for line in step.lines())])


def of_json() -> Step:
    """Canonical JSON."""
    step = Step(
        "13.1 Canonical JSON",
        "An object with the members `v` = 1, `size` = −12, `path` = the bytes ff 2f 61, `note` = й, a space, "
        "a quotation mark, a line feed, U+001F, € and U+1F600, `list` = true, null; as text, and as bytes.",
    )
    text = canonical.dumps(JSON)
    step.add("text", text.decode())
    step.add("bytes", text)
    return step


def of_padding() -> Step:
    """Lengths of packs."""
    step = Step("13.2 Padmé", "Length of a pack's plaintext, and what it is padded to.")
    for length in PADDED:
        step.add(f"padded {length}", padded_length(length))
    return step


def of_content() -> tuple[Step, bytes]:
    """Content of one segment."""
    step = Step(
        "13.3 Content",
        "Six bytes are one segment; the content tree has height 0, so its root is the hash of the leaf.",
    )
    step.add("file", FILE)
    step.add("item secret", secret(0))
    content = derive(secret(0), b"content")
    salt = derive(content, b"salt", 0)
    step.add("content secret", content)
    step.add("salt", salt)
    step.add("leaf data", prefix("segment") + salt + FILE)
    hasher = ContentHasher(secret(0), [len(FILE)])
    hasher.feed(memoryview(FILE))
    hashes = hasher.finish()
    step.add("content root", hashes.root)
    step.add("sha256", hashes.sha256)
    step.add("content", items.tree_text("segment", 0, hashes.root))
    return step, hashes.root


def of_run() -> Step:
    """Content of two segments: a run in a hidden tree."""
    step = Step(
        "13.4 A run",
        "The same file, had it been cut into `hel` and `lo\\n`: a tree of height 16 in which all but two "
        "leaves are fillers. The offset is the index of the first. The proof is that of the second alone.",
    )
    hasher = ContentHasher(secret(0), [3, 3], keep_leaves=True)
    hasher.feed(memoryview(FILE))
    root = hasher.finish().root
    content = derive(secret(0), b"content")
    for number, leaf in enumerate(hasher.leaves):
        step.add(f"salt {number}", derive(content, b"salt", number))
        step.add(f"leaf {number}", leaf)
    step.add("offset", hasher.tree.first)
    proof = run_proof(hasher.leaves, content, 1, 2, single=True)
    for side, hashes in (("left", proof.left), ("right", proof.right)):
        for number, value in enumerate(hashes):
            step.add(f"{side} {number}", value)
    step.add("root", root)
    step.add("content", items.tree_text("segment", 16, root))
    return step


def of_item(content_root: bytes) -> tuple[Step, bytes]:
    """The item tree and its id."""
    step = Step(
        "13.5 Item",
        "Seven fields in their slots; the other slots are fillers. Payload and leaf of each, the proof of "
        "`path`, and the leaf by which the item stands in its delivery.",
    )
    values = {
        "path": items.data(PATH),
        "size": items.number(len(FILE)),
        "mtime": items.number(MTIME_NS),
        "stat": items.value_text(STAT),
        "sha256": items.data(sha256(FILE).digest()),
        "content": items.tree_text("segment", 0, content_root),
        "fate": '{"type":"file"}',
    }  # fmt: skip
    step.add("fields secret", derive(secret(0), b"fields"))
    proofs = items.prove(values, secret(0))
    for name in values:
        shown = proofs.fields[name]
        step.add(f"{name}: payload", shown.payload.decode())
        step.add(f"{name}: salt (slot {ITEM_SLOTS[name]})", shown.salt)
        step.add(f"{name}: leaf", hash_leaf("item-field", shown.salt, shown.payload))
    step.add_proof("proof of path", proofs.fields["path"].proof)
    step.add("item root", proofs.root)
    step.add("item leaf: payload", items.tree_text("item-field", 4, proofs.root))
    step.add("item leaf: salt (slot 16)", proofs.salt)
    step.add("item leaf", proofs.leaf)
    step.add("item id", item_id(proofs.leaf))
    return step, proofs.leaf


def of_delivery(leaf: bytes) -> tuple[Step, TreeRef]:
    """The delivery tree: one item, one receipt, scattered."""
    step = Step(
        "13.6 Delivery",
        "A delivery of this one item: its leaf and the receipt's, in ascending order of their hashes, take "
        "the first two places of the stream.",
    )
    salt = derive(secret(1), b"salt", 0)
    receipt = hash_leaf("receipt", salt, secret(2))
    tree = scatter([leaf, receipt], secret(1), [leaf, receipt])
    step.add("tree secret", secret(1))
    step.add("receipt", secret(2))
    step.add("receipt salt", salt)
    step.add("receipt leaf", receipt)
    step.add("receipt: index", tree.proofs[receipt].index)
    step.add_proof("proof of the item", tree.proofs[leaf])
    step.add("delivery root", tree.root)
    reference = TreeRef("item", tree.height, tree.root)
    step.add("delivery", items.tree_text("item", tree.height, tree.root))
    return step, reference


def of_entry(tree: TreeRef, kept: bytes | None) -> tuple[Step, Entry]:
    """The entry `sealed`."""
    step = Step(
        "13.7 Entry",
        "An entry `sealed` of six fields and no effect on files; a real one names its files. The ciphertext "
        "is random and opens with the identity given. The leaf is its leaf in the log.",
    )
    fields: dict[str, Json] = {"kind": "sealed", "time": TIME, "by": "Anna", "delivery": tree.to_json()}
    fields |= {"items": "1", "bytes": str(len(FILE))}
    secrets: dict[str, Json] = {"dropped": [], "receipt": b64(secret(2)), "tree": b64(secret(1))}
    body = Body(fields, secrets, secret(3))
    identity = age.Identity(secret(7))
    root, shown = body.shown()
    reference = TreeRef("entry-field", ENTRY_HEIGHT, root)
    ciphertext = kept if kept is not None and _opens(kept, body, identity) else None
    if ciphertext is None:
        ciphertext = age.encrypt(body.encode(), identity.recipient)
    entry = Entry(ciphertext, {}, secret(5)[:16], reference, secret(4))
    step.add("entry secret", secret(3))
    step.add("plaintext", body.encode().decode())
    step.add("identity", identity.text())
    for name, one in shown.items():
        step.add(f"{name}: leaf (slot {one.proof.index})", hash_leaf("entry-field", one.salt, one.payload))
    step.add_proof("proof of kind", shown["kind"].proof)
    step.add("fields root", root)
    step.add("effect", canonical.dumps(entry.effect_json()).decode())
    step.add("ciphertext (base64)", base64.b64encode(ciphertext).decode())
    step.add("header", entry.encode().partition(b"\n")[0].decode())
    step.add("entry leaf", entry.leaf())
    return step, entry


def _opens(ciphertext: bytes, body: Body, identity: age.Identity) -> bool:
    try:
        return age.decrypt(ciphertext, identity) == body.encode()
    except BearwitnessError:
        return False


def of_checkpoint(entry: Entry) -> Step:
    """The checkpoint of a log of this one entry."""
    step = Step(
        "13.8 Checkpoint",
        "A log of this one entry: its root is the entry's leaf. The note in hexadecimal is the text, an "
        "empty line and the signature; Ed25519 signs the same text in the same way each time.",
    )
    signer = SigningKey("bearwitness/example", 1, secret(6))
    checkpoint = Checkpoint(signer.name, 1, entry.leaf())
    vkey = signer.verifier.encode()
    step.add("seed", secret(6))
    step.add("vkey", vkey)
    step.add("fingerprint", sha256(vkey.encode()).digest())
    for number, line in enumerate(checkpoint.text().splitlines()):
        step.add(f"line {number}", line)
    step.add("note", signer.sign_note(checkpoint.text()))
    return step


def values_of(text: str) -> dict[str, dict[str, str]]:
    """Return the values in the text of the chapter, by number of the section and by name."""
    found: dict[str, dict[str, str]] = {}
    for number, body in re.findall(r"^### (13\.\d) .*?```\n(.*?)```", text, re.MULTILINE | re.DOTALL):
        values = found.setdefault(number, {})
        name = ""
        for line in body.splitlines():
            if line.startswith("    "):
                values[name] = values.get(name, "") + line[4:]
            else:
                name = line
    return found


def chapter_of(document: str) -> str:
    """Return the chapter as it stands in the document."""
    return document.partition(BEGIN)[2].partition(END)[0]


def kept_ciphertext(chapter: str) -> bytes | None:
    """Return the ciphertext in the chapter, None if there is none yet."""
    text = values_of(chapter).get("13.7", {}).get("ciphertext (base64)")
    return None if text is None else base64.b64decode(text)


def main() -> int:
    """Put the chapter into the document."""
    document = DOCUMENT.read_text("utf-8")
    before, begin, rest = document.partition(BEGIN)
    chapter, end, after = rest.partition(END)
    if not begin or not end:
        print(f"{DOCUMENT} has no place for the example", file=sys.stderr)
        return 1
    DOCUMENT.write_text(before + begin + example(kept_ciphertext(chapter)) + end + after, "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
