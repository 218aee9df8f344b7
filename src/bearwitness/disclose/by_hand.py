"""The steps by which somebody checks one exhibit with sha256sum, basenc and openssl alone, as a script.

Everything that is computed is computed from the exhibit's own bytes up to the signature of the vault; the
script holds only what stands in ``release.json`` too: salts, neighbouring hashes, the rest of the payloads.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from bearwitness_verify import canonical
from bearwitness_verify.canonical import Json, unb64
from bearwitness_verify.checkpoint import LogProof
from bearwitness_verify.clips import parse_clip
from bearwitness_verify.leaves import hash_leaf
from bearwitness_verify.merkle import node_hash
from bearwitness_verify.note import VerifierKey, parse

BEGIN: Final = "# BEGIN"
END: Final = "# END"
_ED25519_DER: Final = "302a300506032b6570032100"
_TOOLS: Final = r"""
set -eu
bytes() { printf '%s' "$1" | tr a-f A-F | basenc -d --base16; }
b64() { bytes "$1" | basenc -w0 --base64url | tr -d =; }
sha() { sha256sum | cut -c1-64; }
leaf() { { printf '\000bearwitness/1/%s\000' "$1"; bytes "$2"; cat; } | sha; }
up() { node=$1; shift; for side; do case $side in
  L*) node=$({ printf '\001'; bytes "${side#L}$node"; } | sha);;
  R*) node=$({ printf '\001'; bytes "$node${side#R}"; } | sha);; esac; done; }
same() { if [ "$1" = "$2" ]; then echo "ok         $3"; else echo "DIFFERENT  $3"; exit 1; fi; }
work=$(mktemp -d); trap 'rm -rf "$work"' EXIT
signed() { # key (hex), text, signature (hex), what
  { bytes "$DER$1"; } >"$work/key"; printf '%s' "$2" >"$work/text"; bytes "$3" >"$work/signature"
  if openssl pkeyutl -verify -pubin -keyform DER -inkey "$work/key" -rawin -in "$work/text" \
    -sigfile "$work/signature" >"$work/said"
  then echo "ok         $4"; else echo "DIFFERENT  $4"; exit 1; fi; }
"""


_STATEMENT: Final = r"""
# 6  this release was made by the vault, and lists each file with its SHA-256
text="bearwitness/1/release
$(sha256sum release.json | cut -c1-64)
"
signature=$(tail -n 1 release.sig | sed 's/.* //' | basenc -d --base64 | tail -c 64 | basenc -w0 --base16)
signed "$VAULT" "$text" "$signature" 'the release is signed by the vault'
for file in exhibits/* VERIFY.txt; do test -e "$file" || continue
  listed="\"name\":\"$file\",\"sha256\":\"$(sha256sum "$file" | cut -c1-64)\""
  if grep -qF "$listed" release.json; then echo "ok         the release lists $file"
  else echo "DIFFERENT  $file"; exit 1; fi; done
"""


def script(vault: VerifierKey, deliveries: Sequence[Json], folder: Path) -> str:
    """Return the script for the first exhibit of the first delivery; `folder` holds the release's files.

    Where there is no delivery (a recall) what is left to check is the vault's signature.
    """
    if not deliveries:
        lines = [f"DER={_ED25519_DER}", _key(vault, vault, own=True), *_statement_lines()]
        return "\n".join([BEGIN, _TOOLS.strip(), *lines, END, ""])
    found: Any = next((d for d in deliveries if _of(d)["import"] is None), deliveries[0])
    item = next((i for i in found["items"] if i["file"] or i.get("clips")), found["items"][0])
    entry = found["entry"]
    key = VerifierKey.parse(found["log"]["key"])
    lines = [f"DER={_ED25519_DER}", _key(vault, key, own=found["import"] is None)]
    lines += _exhibit(item, folder)
    tree = _field(entry["shown"], "delivery")["payload"]["value"]
    lines += [
        "# 3  the item's fields are an item of the delivery",
        _pipe(_with_root({"kind": "item-field", "leaves": "16"}), '$(b64 "$node")', "item", item["salt"]),
        _up("node", _sides(int(item["index"]), item["path"])),
    ]
    lines += _log_lines(entry, tree, found["log"])
    lines += _statement_lines()
    return "\n".join([BEGIN, _TOOLS.strip(), *lines, END, ""])


def _of(value: Json) -> Mapping[str, Json]:
    if not isinstance(value, dict):
        raise TypeError("a delivery is an object")
    return value


def _key(vault: VerifierKey, log: VerifierKey, *, own: bool) -> str:
    """Return the lines that name the vault's key and the key of the log, in hexadecimal."""
    lines = [
        "# The vault's key, as this release has it. Put the one here that you got from a place you trust.",
        f"VAULT={vault.public.hex()}",
    ]
    if own:
        return "\n".join([*lines, "LOG=$VAULT"])
    lines += [
        "# The item was sealed by a field kit; this is the kit's key. That the vault took the kit's log over",
        "# is checked by bearwitness-verify, not here.",
        f"LOG={log.public.hex()}",
    ]
    return "\n".join(lines)


def _exhibit(item: Any, folder: Path) -> list[str]:
    """Return the lines from the bytes of an exhibit to the root of its item's fields, in $node."""
    if item["file"]:
        leaf = _field(item["fields"], "sha256")
        lines = [
            f"# 1  the file {item['file']}, by its SHA-256",
            f"value=$(sha256sum {item['file']} | cut -c1-64)",
            "# 2  its SHA-256 is a field of the item",
            _pipe('{"name":"sha256","value":"%s"}', '$(b64 "$value")', "item-field", leaf["salt"]),
        ]
    elif item.get("clips"):
        lines, leaf = _clip(item, folder)
    else:
        leaf = item["fields"][0]
        text = canonical.dumps(leaf["payload"]).decode()
        lines = [
            "# 1  a field of the item, as shown",
            f"payload={_quoted(text)}",
            "# 2  it is a field of the item",
            f"node=$(printf '%s' \"$payload\" | leaf item-field {_hex(leaf['salt'])})",
        ]
    return [*lines, _up("node", _sides(int(leaf["index"]), leaf["path"]))]


def _clip(item: Any, folder: Path) -> tuple[list[str], Any]:
    """Return the lines for the first segment of a clip; all others are proven in the same way."""
    clip = parse_clip(item["clips"][0])
    proof, lengths, name = clip.segments.proof, clip.segments.lengths, clip.segments.file
    field = _field(item["fields"], "content")
    tree = field["payload"]["value"]
    height = int(tree["leaves"]).bit_length() - 1
    hashes = []
    with (folder / name).open("rb") as file:
        for number, length in enumerate(lengths):
            hashes.append(hash_leaf("segment", proof.salt(number), file.read(length)))
    path = path_of_first(proof.indices, height, hashes, proof.hashes)
    sides = [("L" if proof.indices[0] >> level & 1 else "R") + h.hex() for level, h in enumerate(path)]
    value = {key: member for key, member in tree.items() if key != "root"}
    payload = _with_root(value)
    return [
        f"# 1  the first {lengths[0]} of the bytes in {name} are a segment of the sealed file",
        f"node=$(head -c {lengths[0]} {name} | leaf segment {proof.salt(0).hex()})",
        _up("node", sides),
        "# 2  the root of the file's segments is a field of the item",
        _pipe(f'{{"name":"content","value":{payload}}}', '$(b64 "$node")', "item-field", field["salt"]),
    ], field


def path_of_first(
    indices: Sequence[int], height: int, leaves: Sequence[bytes], hashes: Sequence[bytes]
) -> list[bytes]:
    """Return the inclusion proof of the first of several leaves that are proven together."""
    level, siblings, path = dict(zip(indices, leaves, strict=True)), iter(hashes), []
    first = indices[0]
    for _ in range(height):
        for index in sorted(level):
            if index ^ 1 not in level:
                level[index ^ 1] = next(siblings)
        path.append(level[first ^ 1])
        level = {index >> 1: node_hash(level[index], level[index | 1]) for index in level if not index & 1}
        first >>= 1
    return path


def _log_lines(entry: Any, tree: Any, log: Any) -> list[str]:
    """Return the lines from the delivery's root in $node to the signed checkpoint."""
    delivery = _field(entry["shown"], "delivery")
    value = {key: member for key, member in tree.items() if key != "root"}
    payload = f'{{"name":"delivery","value":{_with_root(value)}}}'
    fields = _with_root({"kind": "entry-field", "leaves": "32"})
    body = f'{{"ciphertext":"{entry["ciphertext"]}","effect":"{entry["effect"]}","fields":{fields}}}'
    proof = LogProof.parse(log["proof"])
    signed = parse(proof.note)
    key = VerifierKey.parse(log["key"])
    origin, size, root = signed.text.split("\n")[:3]
    signature = next(s for s in signed.signatures if key.made(s))
    head = f"{origin}\n{size}"
    return [
        "# 4  the delivery is a field of an entry, and the entry stands in the log",
        _pipe(payload, '$(b64 "$node")', "entry-field", delivery["salt"]),
        _up("node", _sides(int(delivery["index"]), delivery["path"])),
        _pipe(body, '$(b64 "$node")', "entry", entry["salt"]),
        _up("node", _log_sides(proof.index, int(size), proof.hashes)),
        f"same \"$node\" {base64.b64decode(root).hex()} 'the exhibit leads to the root of the log'",
        "# 5  that root is in a checkpoint that is signed",
        f"text={_quoted(head)}",
        'text="$text\n$(bytes "$node" | basenc -w0 --base64)\n"',
        f'signed "$LOG" "$text" {signature.data.hex()} \'the log is signed by that key\'',
    ]


def _statement_lines() -> list[str]:
    """Return the lines that check the release's own signature, and its list of files."""
    return _STATEMENT.strip().splitlines()


def _field(shown: Any, name: str) -> Any:
    return next(leaf for leaf in shown if leaf["payload"]["name"] == name)


def _hex(text: str) -> str:
    return unb64(text).hex()


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "'\\''") + "'"


def _with_root(value: Mapping[str, Json]) -> str:
    """Return canonical JSON of `value` with a member `root` for printf to fill in."""
    return canonical.dumps({**value, "root": "%s"}).decode()


def _pipe(payload: str, value: str, kind: str, salt: str) -> str:
    """Return the line that hashes a leaf whose payload has `value` at its %s."""
    return f'node=$(printf {_quoted(payload)} "{value}" | leaf {kind} {_hex(salt)})'


def _up(name: str, sides: Sequence[str]) -> str:
    return " \\\n  ".join([f'up "${name}"', *sides])


def _sides(index: int, path: Sequence[str]) -> list[str]:
    return [("L" if index >> level & 1 else "R") + _hex(h) for level, h in enumerate(path)]


def _log_sides(index: int, size: int, hashes: Sequence[bytes]) -> list[str]:
    """Return on which side each sibling of a dense tree stands (RFC 9162, 2.1.3.2)."""
    sides, last = [], size - 1
    for sibling in hashes:
        if index & 1 or index == last:
            sides.append("L" + sibling.hex())
            while not index & 1 and index:
                index, last = index >> 1, last >> 1
        else:
            sides.append("R" + sibling.hex())
        index, last = index >> 1, last >> 1
    return sides
