"""Deliveries as stored: descriptors, key files, manifests and index blobs are read strictly."""

from __future__ import annotations

import json
from array import array
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
import rfc8785
from hypothesis import given
from hypothesis import strategies as st

from bearwitness.crypto import age
from bearwitness.custody import items
from bearwitness.custody.signing import SigningKey
from bearwitness.errors import BearwitnessError, KeyUnlockError, MalformedError, NotAVaultError, TamperedError
from bearwitness.store.memory import MemoryStore
from bearwitness.vault import delivery, keyring
from bearwitness.vault.delivery import (
    Descriptor,
    Folder,
    OpenDelivery,
    Part,
    Record,
    Tombstone,
    decode_keys,
    encode_keys,
    parse_manifest,
)
from bearwitness.vault.indexblob import IndexBlob, plain_lengths, read_index, segment_lengths
from bearwitness.vault.item_reader import ItemReader
from bearwitness.vault.ledger import Ledger
from bearwitness.vault.opening import open_vault, open_vault_proper
from bearwitness_verify import canonical
from bearwitness_verify.canonical import b64
from scale import examples
from workbench import Bench

MINE = age.Identity(b"\x01" * 32)
HEX = [f"{n:064x}" for n in range(8)]
DELIVERY = "00112233445566778899aabbccddeeff"
DESCRIPTOR = Descriptor(
    DELIVERY, "vault", str(MINE.recipient), (Part((HEX[0], HEX[1]), HEX[2], HEX[3]), Part((), HEX[4], HEX[5]))
)
SECRET = bytes(range(32))


# --- Descriptors ---------------------------------------------------------------------------------


def test_a_descriptor_is_the_one_the_document_describes_and_read_back() -> None:
    data = DESCRIPTOR.encode()
    assert data == rfc8785.dumps(
        {
            "compartment": "vault",
            "delivery": DELIVERY,
            "parts": [
                {"keys": HEX[3], "manifest": HEX[2], "packs": [HEX[0], HEX[1]]},
                {"keys": HEX[5], "manifest": HEX[4], "packs": []},
            ],
            "recipient": str(MINE.recipient),
            "suite": "1",
            "v": "1",
        }
    )
    assert Descriptor.decode(data, "it") == DESCRIPTOR
    assert list(DESCRIPTOR.pack_names()) == [HEX[0], HEX[1], HEX[2], HEX[4]]
    assert DESCRIPTOR.path == f"deliveries/{DELIVERY}.json"
    assert DESCRIPTOR.key_path(7) == f"keys/{DELIVERY}/000007.age"
    assert DESCRIPTOR.identity_path == f"keys/{DELIVERY}/identity.age"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("v", "2"),
        ("suite", "2"),
        ("compartment", "attic"),
        ("delivery", DELIVERY.upper()),
        ("delivery", "../../../../../../../etc/passwd00"),
        ("delivery", DELIVERY + "\n"),
        ("recipient", "age1qq"),
        ("recipient", None),
        ("parts", {}),
        ("parts", [[]]),
        ("parts", [{"keys": HEX[0], "manifest": HEX[1]}]),
        ("parts", [{"keys": HEX[0], "manifest": HEX[1], "packs": [HEX[0][:-1]]}]),
        ("parts", [{"keys": HEX[0], "manifest": "zero", "packs": []}]),
        ("parts", [{"keys": None, "manifest": HEX[1], "packs": []}]),
        ("parts", [{"keys": HEX[0], "manifest": HEX[1], "packs": [], "more": "1"}]),
        ("more", "1"),
    ],
)
def test_a_descriptor_of_any_other_form_is_refused(name: str, value: Any) -> None:
    got = json.loads(DESCRIPTOR.encode()) | {name: value}
    with pytest.raises(MalformedError):
        Descriptor.decode(rfc8785.dumps(got), "it")


# --- Key files -----------------------------------------------------------------------------------


def test_a_key_file_is_the_one_the_document_describes_and_read_back() -> None:
    keys = {HEX[0]: MINE, HEX[1]: age.Identity(b"\x02" * 32)}
    assert encode_keys(keys) == rfc8785.dumps({"keys": {n: k.text() for n, k in keys.items()}, "v": "1"})
    assert decode_keys(encode_keys(keys), "it") == keys


@pytest.mark.parametrize(
    "value",
    [
        {"keys": {"../x": MINE.text()}, "v": "1"},
        {"keys": {HEX[0]: "AGE-SECRET-KEY-1QQ"}, "v": "1"},
        {"keys": {HEX[0]: None}, "v": "1"},
        {"keys": [], "v": "1"},
        {"keys": {}, "v": "2"},
        {"keys": {}},
    ],
    ids=str,
)
def test_a_key_file_of_any_other_form_is_refused(value: Any) -> None:
    with pytest.raises(MalformedError):
        decode_keys(rfc8785.dumps(value), "it")


# --- Manifests -----------------------------------------------------------------------------------

VALUES = {"path": items.data(b"a/\xff"), "size": items.number(5), "fate": '{"type":"file"}'}
ITEM = items.record_line(VALUES, SECRET, [(HEX[0], 3, 5), ("zero", 0, 7)], [(HEX[1], 0, 9)])
FOLDER = items.folder_line(b"a", 0o40755, -5)
TOMB = rfc8785.dumps({"leaf": HEX[3], "type": "tombstone"}) + b"\n"
HEAD = rfc8785.dumps({"delivery": DELIVERY, "type": "manifest", "v": "1"}) + b"\n"


def read(plain: bytes) -> list[Any]:
    return list(parse_manifest(plain, DELIVERY, 4))


@pytest.mark.parametrize("padding", [0, 1, 5000])
def test_a_manifest_is_read_back_whatever_its_padding(padding: int) -> None:
    record, folder, tomb = read(HEAD + ITEM + FOLDER + TOMB + bytes(padding))
    assert record == Record(VALUES, SECRET, ((HEX[0], 3, 5), ("zero", 0, 7)), ((HEX[1], 0, 9),), 4)
    assert (record.path, record.size, record.fate) == (b"a/\xff", 5, {"type": "file"})
    assert record.value("mtime") is None
    assert folder == Folder(b"a", 0o40755, -5)
    assert tomb == Tombstone(bytes.fromhex(HEX[3]))
    assert read(HEAD + bytes(padding)) == []


def altered(line: bytes, **members: Any) -> bytes:
    return rfc8785.dumps({k: v for k, v in (json.loads(line) | members).items() if v is not ...}) + b"\n"


WRONG_LINES = [
    b"\n",
    b"{}\n",
    b"[]\n",
    b'"item"\n',
    ITEM.replace(b",", b", ", 1),
    altered(ITEM, type="file"),
    altered(ITEM, more="1"),
    altered(ITEM, secret=...),
    altered(ITEM, secret=b64(bytes(31))),
    altered(ITEM, fields=[]),
    altered(ITEM, fields={"caption": "x"}),
    altered(ITEM, extents={}),
    altered(ITEM, extents=["zero"]),
    altered(ITEM, extents=[["zero", "0"]]),
    altered(ITEM, extents=[["zero", "0", "1", "2"]]),
    altered(ITEM, extents=[["../../x", "0", "1"]]),
    altered(ITEM, extents=[[HEX[0], "-1", "1"]]),
    altered(ITEM, extents=[[HEX[0], "0", "1x"]]),
    altered(ITEM, extents=[[None, "0", "1"]]),
    altered(ITEM, index=[["zero"]]),
    altered(FOLDER, mtime=str(2**63 * 1_000_000_000)),
    altered(FOLDER, mode="-1"),
    altered(FOLDER, path="*"),
    altered(TOMB, leaf="zz"),
    altered(TOMB, leaf=HEX[0].upper().replace("0", "A")),
    altered(TOMB, leaf=None),
]


@pytest.mark.parametrize("line", WRONG_LINES, ids=range(len(WRONG_LINES)))
def test_a_manifest_line_of_any_other_form_is_refused_with_a_sentence(line: bytes) -> None:
    with pytest.raises(MalformedError, match="manifest of part 4"):
        read(HEAD + line)


@pytest.mark.parametrize(
    "plain",
    [
        b"",
        HEAD[:-1],
        ITEM,
        HEAD.replace(b"00112233", b"99112233") + ITEM,
        HEAD.replace(b'"v":"1"', b'"v":"2"') + ITEM,
        HEAD + ITEM[:-1],
        HEAD + ITEM + b"rest",
        b"\x00" + HEAD + ITEM,
        HEAD + b"\x00" + ITEM,
    ],
)
def test_a_manifest_that_is_cut_or_of_another_delivery_is_refused(plain: bytes) -> None:
    with pytest.raises(MalformedError):
        read(plain)


def test_an_item_whose_fields_are_of_another_kind_is_refused_where_they_are_used() -> None:
    for name, value in (
        ("path", "[]"),
        ("path", '"*"'),
        ("size", '"-1"'),
        ("size", "null"),
        ("fate", '"file"'),
    ):
        record = Record({**VALUES, name: value}, SECRET, (), ())
        if (name, value) == ("size", "null"):
            assert record.size is None
            continue
        with pytest.raises(MalformedError):
            getattr(record, name)
    with pytest.raises(MalformedError):
        _ = Record({}, SECRET, (), ()).path


# --- Index blobs ---------------------------------------------------------------------------------


@examples(60)
@given(st.lists(st.integers(0, 65_536), min_size=1, max_size=20), st.integers(0, 9), st.text(max_size=9))
def test_an_index_blob_is_the_one_the_document_describes_and_read_back(
    lengths: list[int], packets: int, container: str
) -> None:
    packed = bytes(range(56)) * packets
    fields: list[Any] = [{"name": "edits", "track": "1", "value": []}]
    data = IndexBlob(container, array("I", lengths), fields, packed).encode()
    head = {
        "container": container,
        "cuts": str(len(lengths)),
        "fields": fields,
        "packets": str(packets),
        "v": "1",
    }
    assert data == rfc8785.dumps(head) + b"\n" + b"".join(n.to_bytes(4, "big") for n in lengths) + packed
    blob = IndexBlob.decode(data, "it")
    assert (list(blob.lengths), blob.fields, blob.packets, blob.container) == (
        lengths,
        fields,
        packed,
        container,
    )


def test_an_index_blob_of_any_other_length_or_form_is_refused() -> None:
    data = IndexBlob("mp4", array("I", [5, 6]), [], bytes(56)).encode()
    wrong = [
        data[:-1],
        data + b"\x00",
        b"",
        data.replace(b'"v":"1"', b'"v":"2"'),
        data.replace(b'"cuts":"2"', b'"cuts":"3"'),
        data.replace(b'"packets":"1"', b'"packets":"0"'),
        data.replace(b"\n", b""),
        data.replace(b'"fields":[]', b'"fields":{}'),
        data.replace(b'"cuts":"2"', b'"cuts":2'),
    ]
    for altered_data in wrong:
        assert altered_data != data
        with pytest.raises(MalformedError):
            IndexBlob.decode(altered_data, "it")


@pytest.mark.parametrize("size", [0, 1, 65_535, 65_536, 65_537, 200_000])
def test_plain_segments_are_64_kib_and_none_is_empty_but_the_only_one_of_an_empty_file(size: int) -> None:
    lengths = plain_lengths(size)
    assert sum(lengths) == size
    assert len(lengths) == max(1, -(-size // 65_536))
    assert list(lengths) == [0] if size == 0 else min(lengths) > 0


# --- A real vault --------------------------------------------------------------------------------


def ledger_of(root: Path, made: Bench) -> Ledger:
    vault = open_vault(root)
    return Ledger(vault, keyring.unlock(vault, keyring.load_given([str(made.anna)], lambda prompt: "")))


def test_every_item_comes_back_from_its_packs_and_its_index(made: Bench) -> None:
    ledger = ledger_of(made.vault, made)
    (record,) = ledger.deliveries()
    delivery = ledger.open_delivery(record.delivery)
    found = {line.path: line for line in delivery.all_lines() if isinstance(line, Record)}
    drive = made.folder / "drive"
    assert set(found) == {
        str(path.relative_to(drive)).encode() for path in drive.rglob("*") if path.is_file()
    }
    for path, item in found.items():
        data = (drive / path.decode()).read_bytes()
        assert b"".join(delivery.content(item)) == data
        reader = ItemReader(delivery, item)
        assert reader.size == len(data)
        for at in range(0, len(data), 70_001):
            assert reader.read(at, min(90_000, len(data) - at)) == data[at : at + 90_000]
        with pytest.raises(MalformedError, match="shorter than what is asked"):
            reader.read(len(data), 1)
        assert canonical.unb64(item.value("sha256")) == sha256(data).digest()
        assert sum(segment_lengths(delivery, item)) == len(data)
    assert read_index(delivery, found[b"sound.wav"]) is not None
    assert read_index(delivery, found[b"a.txt"]) is None


def test_the_acts_of_a_vault_are_told_in_order_to_who_has_keys_and_only_counted_to_others(
    made: Bench,
) -> None:
    ledger = ledger_of(made.vault, made)
    assert [act.body.kind for act in ledger.acts() if act.body] == ["founded", "sealed"]
    source = Ledger(
        ledger.vault, keyring.unlock(ledger.vault, keyring.load_given([str(made.keeper)], lambda p: ""))
    )
    assert [act.body for act in source.acts()] == [None, None]
    assert list(source.deliveries()) == []
    assert len(list(ledger.acts(size=1))) == 1


def test_a_delivery_with_the_key_of_another_is_refused() -> None:
    with pytest.raises(TamperedError, match="not its own"):
        OpenDelivery(MemoryStore(), DESCRIPTOR, age.Identity(b"\x09" * 32))


def test_packs_and_keys_that_are_gone_are_told_by_name() -> None:
    store = MemoryStore()
    delivery = OpenDelivery(store, DESCRIPTOR, MINE)
    with pytest.raises(TamperedError, match=r"000000.age is missing"):
        delivery.keys(0)
    store.write(DESCRIPTOR.key_path(0), age.encrypt(encode_keys({HEX[0]: MINE}), MINE.recipient))
    with pytest.raises(TamperedError, match=f"there is no key for pack {HEX[1]}"):
        delivery.pack(0, HEX[1])
    with pytest.raises(TamperedError, match=f"pack {HEX[0]} is missing"):
        delivery.pack(0, HEX[0])
    store.write(f"packs/{HEX[0][:2]}/{HEX[0]}", age.encrypt(b"12345", MINE.recipient))
    assert b"".join(
        delivery.read_extents(0, [(HEX[0], 1, 3), ("zero", 0, 4), (HEX[0], 0, 0)])
    ) == b"234" + bytes(4)
    with pytest.raises(MalformedError, match="shorter than what is asked"):
        b"".join(delivery.read_extents(0, [(HEX[0], 3, 3)]))


@pytest.mark.parametrize(
    ("path", "error"),
    [
        ("deliveries/{}.json", TamperedError),
        ("keys/{}/identity.age", TamperedError),
        ("keys/keepers/0.age", TamperedError),
        ("vault.toml", TamperedError),
        ("log/vault/entries/000000/000000001.entry", TamperedError),
        ("log/vault/notes/2.note", BearwitnessError),
    ],
)
def test_a_file_altered_is_noticed_before_anything_is_made_of_it(
    path: str, error: type[BearwitnessError], made: Bench, copy: Callable[[], Path]
) -> None:
    delivery = next(ledger_of(made.vault, made).deliveries()).delivery
    for alter in (lambda d: d[:-1] + bytes([d[-1] ^ 1]), lambda d: d[:-1], lambda d: b""):
        root = copy()
        place = root / path.format(delivery)
        place.write_bytes(alter(place.read_bytes()))
        with pytest.raises(error):
            ledger_of(root, made).open_delivery(delivery)


def test_a_place_without_a_vault_is_told_and_a_kit_is_no_vault(
    tmp_path: Path, copy: Callable[[], Path]
) -> None:
    for place in (tmp_path, tmp_path / "nothing"):
        with pytest.raises(NotAVaultError, match="no vault and no kit"):
            open_vault(place)
    from bearwitness.vault.founding import make_kit

    kit = make_kit(tmp_path / "kit", open_vault(copy()))
    assert open_vault(tmp_path / "kit").is_kit
    assert kit.fingerprint == open_vault(copy()).fingerprint
    with pytest.raises(NotAVaultError, match="is a field kit"):
        open_vault_proper(tmp_path / "kit")


def test_a_kit_holds_nothing_that_decrypts(tmp_path: Path, made: Bench, copy: Callable[[], Path]) -> None:
    from bearwitness.vault.founding import make_kit

    make_kit(tmp_path / "kit", open_vault(copy()), "Anna's laptop")
    assert {str(p.relative_to(tmp_path / "kit")) for p in (tmp_path / "kit").rglob("*") if p.is_file()} == {
        "kit.toml",
        "local/device.key",
        "local/lock",
        "log/vault/checkpoint",
        "log/vault/entries/000000/000000000.entry",
        "log/vault/notes/1.note",
    }
    texts = b"".join(p.read_bytes() for p in (tmp_path / "kit").rglob("*") if p.is_file())
    assert b"AGE-SECRET-KEY" not in texts
    assert b"Anna" not in texts
    assert (tmp_path / "kit/local/device.key").stat().st_mode & 0o077 == 0
    with pytest.raises(KeyUnlockError):
        keyring.unlock(open_vault(tmp_path / "kit"), keyring.load_given([str(made.anna)], lambda prompt: ""))


def test_two_commands_do_not_write_at_once(copy: Callable[[], Path]) -> None:
    root = copy()
    one, other = open_vault(root), open_vault(root)
    with one.writing(), pytest.raises(BearwitnessError, match="another command is writing"), other.writing():
        pass
    with other.writing():
        assert other.log.size == one.log.size


def test_without_its_signing_key_a_vault_is_read_and_not_written(copy: Callable[[], Path]) -> None:
    root = copy()
    (root / "local/device.key").unlink()
    vault = open_vault(root)
    with vault.writing(), pytest.raises(BearwitnessError, match="no signing key"):
        vault.append({"kind": "restored"})
    (root / "local/device.key").write_text(SigningKey.generate(vault.config.origin).encode())
    with vault.writing(), pytest.raises(BearwitnessError, match="not the one of this log"):
        vault.append({"kind": "restored"})
    assert open_vault(root).log.size == vault.log.size


# --- The line nearly every file has, read on a shorter way ---------------------------------------

USUAL = items.record_line(
    {
        "path": items.data(b"a/b.mp4"), "size": items.number(7), "mtime": items.number(-1),
        "stat": '{"atime":"-5","btime":"3","ctime":"4","gid":"0","mode":"33188","nlink":"1","uid":"0"}',
        "sha256": items.data(bytes(range(32))), "content": items.tree_text("segment", 0, bytes(range(32))),
        "fate": '{"type":"file"}',
    },
    bytes(range(1, 33)),
    [(HEX[0], 0, 7)],
    [],
).rstrip(b"\n")  # fmt: skip


def test_the_line_of_an_ordinary_file_takes_the_shorter_way_and_says_the_same() -> None:
    short = delivery._usual_line(USUAL, 3, "it")
    assert short is not None
    assert short == delivery._line(canonical.loads(USUAL), 3, "it")
    without = USUAL.replace(b'"btime":"3",', b"")
    assert delivery._usual_line(without, 3, "it") == delivery._line(canonical.loads(without), 3, "it")


@examples(600)
@given(
    at=st.integers(0, len(USUAL)),
    put=st.sampled_from([*b'0-19aA"\\{}[],:_ /+\xc3', None]),
    cut=st.integers(0, 2),
)
def test_no_line_that_the_strict_reader_refuses_or_reads_otherwise_takes_the_shorter_way(
    at: int, put: int | None, cut: int
) -> None:
    line = USUAL[:at] + (b"" if put is None else bytes([put])) + USUAL[at + cut :]
    try:
        short = delivery._usual_line(line, 0, "it")
    except MalformedError:
        short = None
    if short is not None:
        assert short == delivery._line(canonical.loads(line), 0, "it")
