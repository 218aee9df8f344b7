"""A release is refused at the step where it lies, though its own vault signed it; nothing in it crashes us.

All forgeries here are signed by the vault's own key: what holds must hold against the vault itself.
"""

from __future__ import annotations

import copy
import json
import os
import subprocess
import sys
from collections.abc import Callable
from datetime import timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

import tsa
from bearwitness.custody.entries import Body
from bearwitness.custody.signing import SigningKey
from bearwitness.disclose import proofs
from bearwitness_verify import anchors, archive, canonical, leaves, note
from bearwitness_verify.__main__ import main
from bearwitness_verify.anchors import Anchors
from bearwitness_verify.canonical import b64, unb64
from bearwitness_verify.checkpoint import Checkpoint, LogProof
from bearwitness_verify.note import COSIGNATURE, VerifierKey
from bearwitness_verify.report import Report, Verdict
from bearwitness_verify.stamps import StampFile
from bearwitness_verify.verify import verify
from forging import Forged, failed, field
from scale import sample
from workbench import Scene

Make = Callable[[], Forged]


def turned(text: str) -> str:
    """Return base64url `text` with one bit of its bytes turned."""
    data = bytearray(unb64(text))
    data[0] ^= 1
    return b64(bytes(data))


# --- A release that holds ------------------------------------------------------------------------


def checked(scene: Scene, release: Path, **given: list[str]) -> Report:
    names = ("vault_keys", "cosigners", "checkpoints", "roots")
    return verify(release, anchors.load(*[given.get(name, []) for name in names]))


def test_a_release_that_nobody_vouches_for_is_consistent_only(scene: Scene) -> None:
    report = checked(scene, scene.court)
    assert report.verdict == Verdict.CONSISTENT_ONLY
    assert not failed(report)
    assert {finding.step for finding in report.findings if finding.status == "ok"} == {1, 2, 3, 4, 5, 6}


def test_a_release_verifies_against_key_fingerprint_cosigner_and_checkpoint(scene: Scene) -> None:
    key, log = scene.made["vault_key"], scene.vault / "log/vault/notes"
    proof = next(
        d for d in json.loads((scene.court / "release.json").read_text())["deliveries"] if not d["import"]
    )
    size = Checkpoint.parse(note.parse(LogProof.parse(proof["log"]["proof"]).note).text).size
    assert checked(scene, scene.court, vault_keys=[key]).verdict == Verdict.VERIFIED
    assert checked(scene, scene.court, vault_keys=[scene.fingerprint]).verdict == Verdict.VERIFIED
    spaced = " ".join(scene.fingerprint.upper()[at : at + 4] for at in range(0, 64, 4))
    assert checked(scene, scene.court, vault_keys=[spaced]).verdict == Verdict.VERIFIED
    assert checked(scene, scene.press, vault_keys=[key]).verdict == Verdict.VERIFIED
    own = checked(scene, scene.press, checkpoints=[str(log / f"{size}.note")])
    assert own.verdict == Verdict.VERIFIED, own


def test_size_and_sha256_are_told_of_an_item_whose_bytes_are_not_shown(scene: Scene, tmp_path: Path) -> None:
    words = ["--fields-of", scene.items()["a.txt"]["item"], "--reveal", "sha256,size"]
    scene.do("release", tmp_path / "fields", *words)
    data = (scene.folder / "restored" / "a.txt").read_bytes()
    said = [f.text for f in checked(scene, tmp_path / "fields").findings if f.step == 5]
    assert said[0].endswith(f", size {len(data)} bytes, SHA-256 {sha256(data).hexdigest()}"), said


def test_a_folder_and_its_archive_get_the_same_findings(scene: Scene, tmp_path: Path) -> None:
    path = tmp_path / "court.zip"
    with archive.open_package(scene.court) as package, path.open("wb") as out:
        archive.write_zip(package, out)
    assert checked(scene, path).findings == checked(scene, scene.court).findings


def test_signing_again_alters_nothing_so_the_forgeries_below_are_refused_for_their_own_sake(
    scene: Scene, forged: Make
) -> None:
    made = forged()
    assert made.verify().verdict == Verdict.VERIFIED
    root = made.write()
    assert (root / "release.sig").read_bytes() == (scene.court / "release.sig").read_bytes()
    assert (root / "release.json").read_bytes() == (scene.court / "release.json").read_bytes()


# --- One step after the other --------------------------------------------------------------------

Alter = Callable[[Forged], object]
STEPS: list[tuple[int, str, Alter]] = []


def at_step(step: int) -> Callable[[Alter], Alter]:
    """Register a forgery that must be refused at `step`, and at no other."""

    def register(alter: Alter) -> Alter:
        STEPS.append((step, alter.__name__, alter))
        return alter

    return register


@at_step(1)
def a_file_that_is_not_listed(made: Forged) -> None:
    made.files["exhibits/99.txt"] = b"smuggled in"


@at_step(1)
def a_listed_file_that_is_missing(made: Forged) -> None:
    del made.files["VERIFY.txt"]


@at_step(1)
def a_surplus_folder_of_the_same_name_in_other_letters(made: Forged) -> None:
    made.files["Exhibits/01.wav"] = b""


@at_step(2)
def a_signature_by_another_key(made: Forged) -> None:
    made.signer = SigningKey(made.signer.name, 1, bytes(32))


@at_step(3)
def a_log_proof_of_another_index(made: Forged) -> None:
    log = made.own["log"]
    index = LogProof.parse(log["proof"]).index
    log["proof"] = log["proof"].replace(f"\nindex {index}\n", f"\nindex {index + 1}\n")


@at_step(3)
def another_salt_of_the_entry(made: Forged) -> None:
    made.own["entry"]["salt"] = turned(made.own["entry"]["salt"])


@at_step(3)
def another_ciphertext_of_the_entry(made: Forged) -> None:
    made.own["entry"]["ciphertext"] = turned(made.own["entry"]["ciphertext"])


@at_step(3)
def another_effect_of_the_entry(made: Forged) -> None:
    made.own["entry"]["effect"] = turned(made.own["entry"]["effect"])


@at_step(3)
def another_root_of_the_entrys_fields(made: Forged) -> None:
    made.own["entry"]["fields"]["root"] = turned(made.own["entry"]["fields"]["root"])


@at_step(3)
def the_log_of_another_key(made: Forged) -> None:
    made.own["log"]["key"] = made.kits["log"]["key"]


@at_step(3)
def a_checkpoint_that_the_vault_never_signed(made: Forged) -> None:
    proof = LogProof.parse(made.own["log"]["proof"])
    head = Checkpoint.parse(note.parse(proof.note).text)
    forged = Checkpoint(head.origin, head.size, bytes(32))
    signed = SigningKey(made.signer.name, 1, bytes(32)).sign_note(forged.text())
    made.own["log"]["proof"] = LogProof(proof.index, proof.hashes, signed).encode()


@at_step(3)
def a_kits_delivery_shown_as_the_vaults_own(made: Forged) -> None:
    made.kits["import"] = None


@at_step(3)
def the_vaults_own_delivery_shown_as_imported(made: Forged) -> None:
    made.own["import"] = copy.deepcopy(made.kits["import"])


@at_step(3)
def an_import_that_hides_the_device(made: Forged) -> None:
    shown = made.kits["import"]["entry"]["shown"]
    shown.remove(field(shown, "device"))


@at_step(3)
def an_import_that_hides_the_checkpoint(made: Forged) -> None:
    shown = made.kits["import"]["entry"]["shown"]
    shown.remove(field(shown, "checkpoint"))


@at_step(3)
def an_import_of_another_device(made: Forged) -> None:
    leaf = field(made.kits["import"]["entry"]["shown"], "device")
    leaf["payload"]["value"] = made.statement["vault"]


@at_step(3)
def the_entry_of_a_sealing_shown_as_an_import(made: Forged) -> None:
    made.kits["import"]["entry"] = copy.deepcopy(made.own["entry"])
    made.kits["import"]["log"] = copy.deepcopy(made.own["log"])


@at_step(3)
def an_import_from_the_log_of_another_vault(made: Forged) -> None:
    made.kits["import"]["log"]["key"] = made.kits["log"]["key"]


@at_step(3)
def a_further_checkpoint_that_does_not_hold_the_entry(made: Forged) -> None:
    other = made.kits["import"]["log"]["proof"]
    made.own["log"]["further"] = [{"proof": other, "stamps": []}]


@at_step(4)
def another_value_of_a_shown_field(made: Forged) -> None:
    field(made.own["entry"]["shown"], "note")["payload"]["value"] = "another note"


@at_step(4)
def another_count_of_items(made: Forged) -> None:
    leaf = field(made.own["entry"]["shown"], "items")
    leaf["payload"]["value"] = str(int(leaf["payload"]["value"]) + 1)


@at_step(4)
def a_field_of_the_entry_in_another_slot(made: Forged) -> None:
    field(made.own["entry"]["shown"], "items")["index"] = "10"


@at_step(4)
def a_field_of_the_entry_under_another_name(made: Forged) -> None:
    field(made.own["entry"]["shown"], "items")["payload"]["name"] = "losses"


@at_step(4)
def an_entry_whose_delivery_is_not_shown(made: Forged) -> None:
    shown = made.own["entry"]["shown"]
    shown.remove(field(shown, "delivery"))


@at_step(4)
def an_entry_whose_kind_is_not_shown(made: Forged) -> None:
    shown = made.own["entry"]["shown"]
    shown.remove(field(shown, "kind"))


@at_step(4)
def an_entry_of_another_kind(made: Forged) -> None:
    field(made.own["entry"]["shown"], "kind")["payload"]["value"] = "imported"


@at_step(4)
def another_salt_of_a_shown_field(made: Forged) -> None:
    leaf = field(made.own["entry"]["shown"], "note")
    leaf["salt"] = turned(leaf["salt"])


@at_step(4)
def a_field_that_no_kind_of_entry_has(made: Forged) -> None:
    field(made.own["entry"]["shown"], "note")["payload"]["name"] = "remark"


def test_each_step_has_forgeries() -> None:
    assert {step for step, _, _ in STEPS} == {1, 2, 3, 4, 5, 6}
    assert len({name for _, name, _ in STEPS}) == len(STEPS) > 50


@at_step(5)
def another_path_of_an_item(made: Forged) -> None:
    field(made.nothing["fields"], "path")["payload"]["value"] = b64(b"another/name")


@at_step(5)
def another_fate_of_an_item(made: Forged) -> None:
    field(made.nothing["fields"], "fate")["payload"]["value"] = {"type": "file"}


@at_step(5)
def an_item_whose_fate_is_not_shown(made: Forged) -> None:
    fields = made.nothing["fields"]
    fields.remove(field(fields, "fate"))


@at_step(5)
def a_field_of_an_item_in_another_slot(made: Forged) -> None:
    field(made.nothing["fields"], "mtime")["index"] = "3"


@at_step(5)
def a_field_of_an_item_in_a_reserved_slot(made: Forged) -> None:
    field(made.nothing["fields"], "path")["index"] = "11"


@at_step(5)
def a_field_of_an_item_under_another_name(made: Forged) -> None:
    fields = made.nothing["fields"]
    fields.remove(field(fields, "stat"))
    field(fields, "mtime")["payload"]["name"] = "stat"


@at_step(5)
def a_field_of_another_item(made: Forged) -> None:
    mine, other = made.nothing["fields"], made.item(".wav")["fields"]
    mine[mine.index(field(mine, "path"))] = copy.deepcopy(field(other, "path"))


@at_step(5)
def a_field_of_an_entry_as_one_of_an_item(made: Forged) -> None:
    mine, other = made.nothing["fields"], field(made.own["entry"]["shown"], "note")
    forged = copy.deepcopy(other) | {
        "payload": {"name": "origin", "value": other["payload"]["value"]},
        "index": "8",
    }
    mine.append(forged | {"path": forged["path"][:4]})


@at_step(5)
def another_root_of_an_item(made: Forged) -> None:
    made.nothing["root"] = turned(made.nothing["root"])


@at_step(5)
def another_salt_of_an_item(made: Forged) -> None:
    made.nothing["salt"] = turned(made.nothing["salt"])


@at_step(5)
def another_place_of_an_item(made: Forged) -> None:
    made.nothing["index"] = str(int(made.nothing["index"]) ^ 1)


@at_step(5)
def a_place_beyond_the_tree(made: Forged) -> None:
    made.nothing["index"] = str(int(made.nothing["index"]) + 65_536)


@at_step(5)
def a_proof_of_an_item_that_is_too_short(made: Forged) -> None:
    made.nothing["path"].pop()


@at_step(5)
def a_proof_of_an_item_that_is_too_long(made: Forged) -> None:
    made.nothing["path"].append(made.nothing["path"][0])


@at_step(5)
def an_item_of_another_delivery(made: Forged) -> None:
    made.kits["items"].append(copy.deepcopy(made.nothing))


@at_step(5)
def the_items_of_two_deliveries_exchanged(made: Forged) -> None:
    link = made.nothing
    made.own["items"].remove(link)
    made.kits["items"].insert(0, link)


@at_step(5)
def an_item_shown_twice(made: Forged) -> None:
    made.own["items"].insert(0, made.own["items"][0])


@at_step(5)
def items_out_of_order(made: Forged) -> None:
    made.own["items"].reverse()


@at_step(6)
def another_byte_in_an_exhibit(made: Forged) -> None:
    name = made.item(".wav")["file"]
    made.put(name, made.files[name][:-1] + b"\x00")


@at_step(6)
def an_exhibit_with_a_byte_more(made: Forged) -> None:
    name = made.item(".wav")["file"]
    made.put(name, made.files[name] + b"\x00")


@at_step(6)
def an_exhibit_with_a_byte_less(made: Forged) -> None:
    name = made.item(".wav")["file"]
    made.put(name, made.files[name][:-1])


@at_step(6)
def an_empty_exhibit(made: Forged) -> None:
    made.put(made.item(".wav")["file"], b"")


@at_step(6)
def two_exhibits_exchanged(made: Forged) -> None:
    one, other = made.item(".wav"), made.item(".txt")
    one["file"], other["file"] = other["file"], one["file"]


@at_step(6)
def two_files_exchanged(made: Forged) -> None:
    one, other = made.item(".wav")["file"], made.item(".txt")["file"]
    first, second = made.files[one], made.files[other]
    made.put(one, second)
    made.put(other, first)


@at_step(6)
def another_hash_of_an_exhibit_listed(made: Forged) -> None:
    next(f for f in made.statement["files"] if f["name"].endswith(".wav"))["sha256"] = "0" * 64


@at_step(6)
def another_hash_of_the_instructions_listed(made: Forged) -> None:
    next(f for f in made.statement["files"] if f["name"] == "VERIFY.txt")["sha256"] = "0" * 64


@at_step(6)
def an_exhibit_that_belongs_to_no_item(made: Forged) -> None:
    made.put("exhibits/99.txt", b"never sealed")


@at_step(6)
def an_item_whose_exhibit_is_not_listed(made: Forged) -> None:
    name = made.item(".wav")["file"]
    del made.files[name]
    made.statement["files"] = [f for f in made.statement["files"] if f["name"] != name]


def cut(made: Forged, *lengths: int) -> None:
    content = made.item(".wav")["content"]
    content["lengths"] = b64(b"".join(length.to_bytes(4, "big") for length in lengths))


def lengths_of(made: Forged) -> list[int]:
    raw = unb64(made.item(".wav")["content"]["lengths"])
    return [int.from_bytes(raw[at : at + 4], "big") for at in range(0, len(raw), 4)]


@at_step(6)
def segments_cut_elsewhere(made: Forged) -> None:
    first, second, *rest = lengths_of(made)
    cut(made, first + 1, second - 1, *rest)


@at_step(6)
def segments_that_do_not_add_up(made: Forged) -> None:
    first, *rest = lengths_of(made)
    cut(made, first + 1, *rest)


@at_step(6)
def another_salt_of_a_segment(made: Forged) -> None:
    content = made.item(".wav")["content"]
    content["salts"] = turned(content["salts"])


@at_step(6)
def another_first_segment(made: Forged) -> None:
    content = made.item(".wav")["content"]
    content["first"] = str(int(content["first"]) ^ 2)


@at_step(6)
def another_hash_beside_the_segments(made: Forged) -> None:
    left = made.item(".wav")["content"]["left"]
    left[0] = turned(left[0])


@at_step(6)
def a_hash_missing_beside_the_segments(made: Forged) -> None:
    made.item(".wav")["content"]["right"].pop()


@at_step(6)
def a_hash_too_many_beside_the_segments(made: Forged) -> None:
    made.item(".txt")["content"]["left"].append(b64(bytes(32)))


@pytest.mark.parametrize(("step", "alter"), [(s, a) for s, _, a in STEPS], ids=[n for _, n, _ in STEPS])
def test_a_forgery_is_refused_at_the_step_where_it_lies(step: int, alter: Alter, forged: Make) -> None:
    made = forged()
    alter(made)
    report = made.verify()
    assert report.verdict == Verdict.FAILED
    # what lies earlier may drag later steps along, never the other way round; an exhibit falls with its item
    assert min(failed(report)) == step, report.findings
    assert failed(report) <= {step, 6}, report.findings


def test_a_delivery_shown_twice_is_refused(forged: Make) -> None:
    made = forged()
    made.statement["deliveries"].append(copy.deepcopy(made.kits))
    assert min(failed(made.verify())) == 3


def test_an_item_without_a_file_may_not_hide_what_a_file_must_show(forged: Make) -> None:
    for name in ("size", "sha256", "content"):
        made = forged()
        fields = made.item(".wav")["fields"]
        fields.remove(field(fields, name))
        assert min(failed(made.verify())) == 5


def test_a_value_that_is_of_another_kind_than_its_field_is_refused_and_no_crash(forged: Make) -> None:
    for name, value in (
        ("path", "*"),
        ("mtime", "x"),
        ("path", ["a"]),
        ("fate", None),
        ("size", {}),
        ("sha256", "A"),
    ):
        made = forged()
        field(made.item(".wav")["fields"], name)["payload"]["value"] = value
        assert min(failed(made.verify())) == 5


# --- The statement's form ------------------------------------------------------------------------


def without(made: Forged, place: tuple[Any, ...]) -> None:
    del made.at(place[:-1])[place[-1]]


def places(made: Forged, kind: type) -> list[tuple[Any, ...]]:
    """Return one place for each kind of object in the statement that tests of its form need."""
    found: dict[tuple[Any, ...], tuple[Any, ...]] = {}
    for place, value in made.places():
        if isinstance(value, kind) and "value" not in place and "stamps" not in place:
            found.setdefault(tuple("#" if isinstance(n, int) else n for n in place), place)
    return list(found.values())


def test_a_member_too_many_or_too_few_is_refused_wherever_it_is(forged: Make) -> None:
    first = forged()
    objects = places(first, dict)
    assert len(objects) > 10
    for place in objects:
        made = forged()
        made.at(place)["extra"] = "1"
        assert failed(made.verify()) == {1}, place
        for name in first.at(place):
            made = forged()
            del made.at(place)[name]
            assert failed(made.verify()) == {1}, (place, name)


@pytest.mark.parametrize(
    "value", [None, True, "", "text", [], {}, ["x"], {"a": "b"}, "-1", str(2**70)], ids=repr
)
def test_a_value_of_another_kind_is_refused_and_never_crashes_us(value: Any, forged: Make) -> None:
    first = forged()
    for place in [
        *places(first, dict),
        *places(first, list),
        *places(first, str),
        *places(first, type(None)),
    ]:
        made = forged()
        if not place or made.at(place) == value or (value == [] and place[-1] == "further"):
            continue
        made.set(place, value)
        assert made.verify().verdict == Verdict.FAILED, place


def test_no_text_in_a_statement_can_be_altered(forged: Make) -> None:
    """All but stamps, which count only if roots of authorities are given."""
    first = forged()
    texts = [place for place, value in first.places() if isinstance(value, str) and "stamps" not in place]
    assert len(texts) > 300
    for place in sample(texts, 110):
        made = forged()
        text = made.at(place)
        for altered in {text[:-1] + chr(ord(text[-1]) ^ 1) if text else "x", text + "A", text[1:]} - {text}:
            made.set(place, altered)
            assert made.verify().verdict == Verdict.FAILED, (place, altered)


def test_statement_and_signature_are_refused_in_any_other_form(forged: Make) -> None:
    made = forged()
    data = json.dumps(made.statement, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()
    assert made.verify(data=data).verdict == Verdict.VERIFIED
    wrong = [
        data + b"\n",
        b" " + data,
        data.replace(b'","', b'", "', 1),
        data[:-1],
        b"",
        b"{}",
        b"[]",
        data.replace(b'"v":"1"', b'"v":"2"'),
        data.replace(b'"v":"1"', b'"v":1'),
        data.replace(b'"type":"release"', b'"type":"manifest"'),
        data.replace(b'"deliveries":[', b'"deliveries":[],"deliveries":[', 1),
        b"\xef\xbb\xbf" + data,
        data.decode().encode("utf-16"),
    ]
    for altered in wrong:
        assert altered != data
        assert failed(made.verify(data=altered)) == {1}


def test_a_release_signed_in_any_other_way_is_refused(forged: Make) -> None:
    made = forged()
    data = (made.write() / "release.json").read_bytes()
    digest = sha256(data).hexdigest()
    other = SigningKey("paper.example", COSIGNATURE, bytes(32))
    right = f"bearwitness/1/release\n{digest}\n"
    assert made.verify(signature=made.signer.sign_note(right)).verdict == Verdict.VERIFIED
    wrong = [
        made.signer.sign_note(f"bearwitness/1/release\n{digest.upper()}\n"),
        made.signer.sign_note(f"bearwitness/2/release\n{digest}\n"),
        made.signer.sign_note(f"bearwitness/1/release\n{digest}\n\n"),
        made.signer.sign_note(f"bearwitness/1/release\n{sha256(b'').hexdigest()}\n"),
        made.signer.sign_note(f"{digest}\n"),
        made.signer.sign_note(right) + other.sign(right, 1).line().encode(),
        made.signer.sign_note(right) * 2,
        other.sign_note(right),
        b"",
        b"-----BEGIN PGP SIGNATURE-----\n",
    ]
    for signature in wrong:
        assert failed(made.verify(signature=signature)) == {2}
    root = made.write()
    (root / "release.sig").unlink()
    assert failed(verify(root, Anchors())) == {1}
    (root / "release.sig").write_bytes(b"x" * 100_000)
    assert failed(verify(root, Anchors())) == {1}


@pytest.mark.parametrize(
    "name",
    [
        *"../up.txt /etc/passwd exhibits/../x.txt exhibits/1.mp4 exhibits/01.MP4 verify.txt exhibits/01.a/b "
        "release.json release.sig exhibits/01.toolongone".split(),
        "exhibits/01.mp4 ",
        "exhibits/01.\n",
        "",
        "VERIFY.txt\x00",
    ],
)
def test_a_file_that_no_release_of_ours_holds_can_not_be_listed(name: str, forged: Make) -> None:
    made = forged()
    made.statement["files"].append({"bytes": "0", "name": name, "sha256": sha256(b"").hexdigest()})
    made.statement["files"].sort(key=lambda file: file["name"])
    assert failed(made.verify()) == {1}


def test_files_listed_out_of_order_twice_or_with_another_size_are_refused(forged: Make) -> None:
    made = forged()
    made.statement["files"].reverse()
    assert failed(made.verify()) == {1}
    made = forged()
    made.statement["files"].insert(0, made.statement["files"][0])
    assert failed(made.verify()) == {1}
    made = forged()
    made.statement["files"][0]["bytes"] += "0"
    assert 1 in failed(made.verify())


def test_a_release_must_show_a_delivery(forged: Make) -> None:
    made = forged()
    made.statement["deliveries"] = []
    assert failed(made.verify()) == {1}


def test_a_field_shown_twice_is_refused(forged: Make) -> None:
    made = forged()
    made.nothing["fields"].append(made.nothing["fields"][0])
    assert failed(made.verify()) == {1}


def test_the_key_of_a_cosigner_is_no_key_of_a_vault_or_log(forged: Make) -> None:
    cosigner = SigningKey.generate("x.example", COSIGNATURE).verifier.encode()
    for name in ("vault", "log"):
        made = forged()
        if name == "vault":
            made.statement["vault"] = cosigner
        else:
            made.kits["log"]["key"] = cosigner
        assert failed(made.verify()) == {1}


def test_content_without_a_file_and_a_file_without_content_are_refused(forged: Make) -> None:
    made = forged()
    made.item(".wav")["file"] = None
    assert failed(made.verify()) == {1}
    made = forged()
    made.item(".wav")["content"] = None
    assert failed(made.verify()) == {1}


@pytest.mark.parametrize(
    ("lengths", "salts"),
    [
        (b"", b""),
        (b"\0\0\0\1", b""),
        (b"\0\0\0\1" * 2, bytes(32)),
        (b"\0\0\1", bytes(32)),
        (b"\0\1\0\1", bytes(32)),
        (b"\0\0\0\0\0\0\0\1", bytes(64)),
    ],
)
def test_segments_are_not_empty_not_too_long_and_each_has_its_salt(
    lengths: bytes, salts: bytes, forged: Make
) -> None:
    made = forged()
    made.item(".wav")["content"] |= {"lengths": b64(lengths), "salts": b64(salts)}
    assert failed(made.verify()) == {1}


def test_an_exhibit_missing_from_an_archive_is_a_finding_and_no_crash(forged: Make, tmp_path: Path) -> None:
    made = forged()
    root, path = made.write(), tmp_path / "short.zip"
    (root / made.item(".wav")["file"]).unlink()
    with archive.open_package(root) as package, path.open("wb") as out:
        archive.write_zip(package, out)
    for release in (root, path):
        report = verify(release, Anchors(vault_keys=(made.signer.verifier.encode(),)))
        assert failed(report) == {1, 6}
        assert (
            sum(finding.status == "ok" for finding in report.findings) > 5
        )  # the rest is checked all the same


def test_what_is_no_release_at_all_is_refused(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "file").write_bytes(b"PK\x03\x04" + bytes(100))
    for path in (tmp_path / "empty", tmp_path / "file", tmp_path / "missing", Path("/dev/null")):
        report = verify(path, Anchors())
        assert failed(report) == {1}
        assert report.verdict == Verdict.FAILED


def test_the_name_of_a_vault_can_not_move_the_cursor_or_turn_a_line_around(forged: Make) -> None:
    made = forged()
    made.signer = SigningKey.generate("bearwitness/\u202e\x9b2K\x7f\u200b")
    made.statement["vault"] = made.signer.verifier.encode()
    report = made.verify()
    assert any(finding.step == 2 and finding.status == "ok" for finding in report.findings)
    assert all(finding.text.isprintable() for finding in report.findings)


# --- Stamps, cosigners, anchors ------------------------------------------------------------------


def only(forged: Forged, *parts: str) -> Forged:
    """Leave only the vault's own delivery, or only the kit's."""
    keep = forged.own if "own" in parts else forged.kits
    used = {item["file"] for item in keep["items"]} | {"VERIFY.txt"}
    forged.statement["deliveries"] = [keep]
    forged.statement["files"] = [f for f in forged.statement["files"] if f["name"] in used]
    forged.files = {name: data for name, data in forged.files.items() if name in used}
    return forged


def test_a_release_without_stamps_fails_once_authorities_are_given(scene: Scene, forged: Make) -> None:
    if not scene.stamped:
        pytest.skip("openssl is not there, so nothing was stamped")
    roots = anchors.load([], [], [], [str(scene.roots)]).roots
    key = scene.made["vault_key"]
    made = only(forged(), "own")
    assert made.verify(Anchors((key,), roots=roots)).verdict == Verdict.VERIFIED
    made.own["log"]["stamps"] = []
    assert failed(made.verify(Anchors((key,), roots=roots))) == {7}
    assert made.verify(Anchors((key,))).verdict == Verdict.VERIFIED


def test_a_stamp_that_was_altered_fails_and_not_before_authorities_are_given(
    scene: Scene, forged: Make
) -> None:
    if not scene.stamped:
        pytest.skip("openssl is not there, so nothing was stamped")
    roots = anchors.load([], [], [], [str(scene.roots)]).roots
    made = only(forged(), "own")
    for stamp in made.own["log"]["stamps"]:
        stamp["reply"] = stamp["reply"][:-4] + ("AAAA" if stamp["reply"][-4:] != "AAAA" else "BBBB")
    assert 7 in failed(made.verify(Anchors(roots=roots)))
    assert made.verify().verdict == Verdict.VERIFIED


def test_a_stamp_is_not_later_than_the_clock_of_its_authority_may_have_meant(forged: Make) -> None:
    made, world = only(forged(), "own"), tsa.world()
    plain = note.parse(LogProof.parse(made.own["log"]["proof"]).note).plain(made.signer.verifier)
    accuracy = tsa.seq(tsa.integer(90))
    reply = tsa.forge(world.rsa, plain.encode(), time=tsa.NOW, accuracy=accuracy)
    stamp = StampFile(reply, (world.middle.der,), (), plain).encode()
    made.own["log"] |= {"stamps": [json.loads(stamp)], "further": []}
    report = made.verify(Anchors(roots=world.roots))
    latest = (tsa.NOW + timedelta(seconds=90)).isoformat()
    assert any(finding.text.endswith(f"not later than {latest}") for finding in report.findings), report


def cosign(made: Forged, key: SigningKey, time: int, proof: dict[str, Any]) -> None:
    parsed = LogProof.parse(proof["proof"])
    text = note.parse(parsed.note).text
    signed = parsed.note + key.sign(text, time).line().encode()
    proof["proof"] = LogProof(parsed.index, parsed.hashes, signed).encode()


def test_a_cosigner_vouches_only_if_every_delivery_is_cosigned(forged: Make) -> None:
    key, made = SigningKey.generate("desk.example", COSIGNATURE), forged()
    given = Anchors(cosigners=(key.verifier,))
    assert failed(made.verify(given)) == {8}
    cosign(made, key, 1_700_000_000, made.own["log"])
    assert failed(made.verify(given)) == {8}
    cosign(made, key, 1_700_000_001, made.kits["import"]["log"])
    report = made.verify(given)
    assert report.verdict == Verdict.VERIFIED
    assert next(f.text for f in report.findings if f.step == 8).endswith("2023-11-14T22:13:20+00:00")


def test_a_cosigner_of_the_kits_log_does_not_vouch_for_the_vault(forged: Make) -> None:
    key, made = SigningKey.generate("desk.example", COSIGNATURE), only(forged(), "kits")
    cosign(made, key, 1, made.kits["log"])
    assert failed(made.verify(Anchors(cosigners=(key.verifier,)))) == {8}


def test_a_cosignature_that_does_not_hold_or_claims_an_absurd_time_vouches_for_nothing(forged: Make) -> None:
    key = SigningKey.generate("desk.example", COSIGNATURE)
    for time in (2**63, 2**64 - 1):
        made = only(forged(), "own")
        cosign(made, key, time, made.own["log"])
        assert failed(made.verify(Anchors(cosigners=(key.verifier,)))) == {8}
    other = SigningKey("desk.example", COSIGNATURE, bytes(32))
    made = only(forged(), "own")
    cosign(made, other, 1, made.own["log"])
    assert failed(made.verify(Anchors(cosigners=(key.verifier,)))) == {8}


def test_another_vaults_key_refuses_the_release(forged: Make) -> None:
    made = forged()
    other = SigningKey.generate(made.signer.name).verifier
    for value in (other.encode(), other.fingerprint):
        assert failed(made.verify(Anchors((value,)))) == {9}
    assert (
        made.verify(Anchors((other.encode(), made.signer.verifier.fingerprint))).verdict == Verdict.VERIFIED
    )


def head_of(proof: str) -> tuple[Checkpoint, note.Note]:
    signed = note.parse(LogProof.parse(proof).note)
    return Checkpoint.parse(signed.text), signed


def test_a_checkpoint_with_another_root_of_the_same_size_is_a_fork(forged: Make) -> None:
    made = only(forged(), "own")
    head, _ = head_of(made.own["log"]["proof"])
    fork = Checkpoint(head.origin, head.size, bytes(32))
    signed = note.parse(made.signer.sign_note(fork.text()))
    report = made.verify(Anchors(checkpoints=(("seen", fork, signed),)))
    assert failed(report) == {9}
    assert "FORK" in next(f.text for f in report.findings if f.status == "fail")


def test_a_checkpoint_of_another_size_proves_nothing_until_the_entry_is_shown_in_it(forged: Make) -> None:
    made = only(forged(), "own")
    head, _ = head_of(made.own["log"]["proof"])
    later = Checkpoint(head.origin, head.size + 7, bytes(32))
    signed = note.parse(made.signer.sign_note(later.text()))
    report = made.verify(Anchors(checkpoints=(("seen", later, signed),)))
    assert failed(report) == {9}


def test_a_checkpoint_that_somebody_else_signed_is_no_anchor(forged: Make) -> None:
    made = only(forged(), "own")
    head, signed = head_of(made.own["log"]["proof"])
    assert made.verify(Anchors(checkpoints=(("seen", head, signed),))).verdict == Verdict.VERIFIED
    forger = SigningKey.generate(head.origin)
    assert failed(
        made.verify(Anchors(checkpoints=(("seen", head, note.parse(forger.sign_note(head.text()))),)))
    ) == {9}
    elsewhere = Checkpoint("other.example", head.size, head.root)
    named = SigningKey.generate("other.example")
    signed = note.parse(named.sign_note(elsewhere.text()))
    assert failed(made.verify(Anchors(checkpoints=(("seen", elsewhere, signed),)))) == {9}


def third_version(made: Forged) -> Forged:
    """Have the statement say nothing more, in version 3."""
    made.statement |= {"v": "3", "account": None, "conditions": {}, "statements": []}
    for delivery in made.statement["deliveries"]:
        delivery["withheld"] = None
        for item in delivery["items"]:
            item["clips"] = []
    return made


def taken_over(made: Forged) -> Forged:
    """Have somebody with a key of the vault's name sign the release, and what the vault signed in it."""
    made.signer, log = SigningKey.generate(made.signer.name), made.own["log"]
    proof = LogProof.parse(log["proof"])
    signed = note.parse(proof.note)
    own = made.signer.sign(signed.text)
    again = note.Note(signed.text, (own, *signed.signatures[1:])).encode()
    log["proof"] = LogProof(proof.index, proof.hashes, again).encode()
    log |= {"key": made.signer.verifier.encode(), "stamps": [], "further": []}
    made.statement["vault"] = made.signer.verifier.encode()
    return made


def with_a_copy(made: Forged) -> Forged:
    """Show of an item a "redacted copy" that its signer entered in a log of this one entry."""
    item = made.statement["deliveries"][0]["items"][0]
    leaf = leaves.hash_leaf("item", unb64(item["salt"]), leaves.item_payload(unb64(item["root"])))
    data = b"what somebody would like to be seen"
    made.put("exhibits/77.txt", data)
    redaction: Any = {"build": "1", "container": "txt", "copy": sha256(data).hexdigest(), "detectors": []}
    redaction |= {"plan": "ab" * 32, "tool": "bearwitness redact", "version": "2"}
    body = Body({"kind": "derived", "item": leaves.item_id(leaf), "redaction": redaction})
    root, fields = body.shown()
    zeros, tree = b64(bytes(32)), leaves.TreeRef("entry-field", 5, root).to_json()
    payload: Any = {"ciphertext": zeros, "effect": zeros, "fields": tree}
    entry = {**payload, "salt": zeros, "shown": proofs.shown_fields(fields, fields)}
    top = leaves.hash_leaf("entry", bytes(32), canonical.dumps(payload))
    head = Checkpoint(made.signer.name, 1, top)
    proof = LogProof(0, (), made.signer.sign_note(head.text())).encode()
    log = {"further": [], "key": made.signer.verifier.encode(), "proof": proof, "stamps": []}
    copy = {"approvals": "9", "copied": None, "entry": entry, "file": "exhibits/77.txt", "log": log}
    item["redacted"] = [copy]
    return made


def test_a_cosigner_alone_does_not_vouch_for_what_a_key_of_the_vaults_name_signed(forged: Make) -> None:
    """A cosigner signs the text of a checkpoint, in which the log's key does not stand, only its name."""
    desk = SigningKey.generate("desk.example", COSIGNATURE)
    given = Anchors(cosigners=(desk.verifier,))
    right = forged().signer.verifier.encode()
    for takes_over in (False, True):
        made = third_version(only(forged(), "own"))
        cosign(made, desk, 1_700_000_000, made.own["log"])
        if takes_over:
            taken_over(made)
        report = made.verify(given)
        assert report.verdict == Verdict.VERIFIED, report
        assert any("nothing given vouches" in f.text for f in report.findings if f.step == 9)
        assert made.verify(Anchors((right,), cosigners=(desk.verifier,))).failed == takes_over
        made.statement["answers"] = [{"act": "recalls", "reason": "forget it", "release": "00" * 32}]
        assert made.verify(given).verdict == Verdict.CONSISTENT_ONLY
        del made.statement["answers"]
        report = with_a_copy(made).verify(given)
        assert (report.verdict, report.altered) == (Verdict.CONSISTENT_ONLY, True), report
        own = made.signer.verifier.encode()
        assert made.verify(Anchors((own,), cosigners=(desk.verifier,))).verdict == Verdict.VERIFIED


def test_an_escrow_that_nobody_vouches_for_is_not_verified_by_the_anchor_of_the_release(
    forged: Make, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    desk = SigningKey.generate("desk.example", COSIGNATURE)
    made, zipped = third_version(only(forged(), "own")), tmp_path / "opened.zip"
    cosign(made, desk, 1_700_000_000, made.own["log"])
    plain, files = copy.deepcopy(made.statement), dict(made.files)
    with archive.open_package(with_a_copy(made).write()) as package, zipped.open("wb") as out:
        archive.write_zip(package, out)
    made.statement, made.files = plain, files
    made.statement["escrow"] = {"sha256": sha256(zipped.read_bytes()).hexdigest()}
    release, given = str(made.write()), ["--cosigner", desk.verifier.encode()]
    assert main([release, *given]) == 0
    assert main([release, *given, "--escrow", str(zipped)]) == 4
    assert "the escrow is a release that holds: consistent only" in capsys.readouterr().out
    assert main([release, "--vault-key", made.key, "--escrow", str(zipped)]) == 0
    capsys.readouterr()


def test_a_checkpoint_of_the_kits_log_does_not_vouch_for_the_vaults_key(forged: Make) -> None:
    made = third_version(only(forged(), "kits"))
    head, signed = head_of(made.kits["log"]["proof"])
    given = Anchors(checkpoints=(("seen", head, signed),))
    assert made.verify(given).verdict == Verdict.VERIFIED
    with_a_copy(made)
    assert made.verify(given).verdict == Verdict.CONSISTENT_ONLY
    seen, signed = head_of(made.kits["import"]["log"]["proof"])
    vaults = ("seen too", seen, signed)
    assert made.verify(Anchors(checkpoints=(*given.checkpoints, vaults))).verdict == Verdict.VERIFIED


def test_where_no_delivery_is_shown_neither_cosigner_nor_checkpoint_vouches(forged: Make) -> None:
    made = third_version(only(forged(), "own"))
    head, signed = head_of(made.own["log"]["proof"])
    made.statement["deliveries"] = []
    made.statement["files"] = [f for f in made.statement["files"] if f["name"] == "VERIFY.txt"]
    made.files = {"VERIFY.txt": made.files["VERIFY.txt"]}
    made.statement["answers"] = [{"act": "recalls", "reason": "forget it", "release": "00" * 32}]
    desk = SigningKey.generate("desk.example", COSIGNATURE)
    assert made.verify().verdict == Verdict.VERIFIED
    for given in (Anchors(cosigners=(desk.verifier,)), Anchors(checkpoints=(("seen", head, signed),))):
        report = made.verify(given)
        assert report.verdict == Verdict.CONSISTENT_ONLY, report
        assert not any(finding.status == "ok" and finding.step > 6 for finding in report.findings)


def test_one_anchor_that_fails_refuses_the_release_whatever_the_others_say(forged: Make) -> None:
    made = forged()
    right, stranger = made.signer.verifier.encode(), SigningKey.generate("desk.example", COSIGNATURE).verifier
    report = made.verify(Anchors((right,), cosigners=(stranger,)))
    assert (report.verdict, report.anchored) == (Verdict.FAILED, False)


def test_a_failure_elsewhere_is_never_verified_by_an_anchor_that_holds(forged: Make) -> None:
    made = forged()
    made.files["exhibits/99.txt"] = b""
    report = made.verify()
    assert report.anchored
    assert report.verdict == Verdict.FAILED


# --- The command ---------------------------------------------------------------------------------


def test_the_command_ends_with_the_code_of_its_verdict(
    scene: Scene, forged: Make, capsys: pytest.CaptureFixture[str]
) -> None:
    court, fingerprint = str(scene.court), scene.fingerprint
    assert main([court]) == 4
    assert "CONSISTENT ONLY" in capsys.readouterr().out
    assert main([court, "--vault-key", fingerprint]) == 0
    assert "VERIFIED" in capsys.readouterr().out
    assert main([court, "--vault-key", "0" * 64]) == 1
    assert "REFUSED" in capsys.readouterr().out
    assert main([court, "--vault-key", "no/such/file"]) == 2
    said = capsys.readouterr()
    assert (said.out, said.err.count("\n")) == ("", 1)
    made = forged()
    made.files["x"] = b""
    assert main([str(made.write())]) == 1


def test_the_command_tells_the_same_as_json(scene: Scene, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(scene.court), "--json"]) == 4
    told = json.loads(capsys.readouterr().out)
    assert told["verdict"] == "consistent only"
    assert {"status", "step", "text"} == set(told["findings"][0])
    assert {f["status"] for f in told["findings"]} <= {"ok", "note"}


def test_the_command_takes_keys_from_files(
    scene: Scene, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "key").write_text(scene.made["vault_key"] + "\nanother line\n")
    (tmp_path / "fingerprint").write_text(f"  {scene.fingerprint}\n")
    for name in ("key", "fingerprint"):
        assert main([str(scene.court), "--vault-key", str(tmp_path / name)]) == 0
    capsys.readouterr()


def test_a_file_that_bears_the_name_of_a_key_is_not_read_in_its_place(
    scene: Scene, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A forger knows the vault's key, and can send a file of that name, with their own key in it, along."""
    right = SigningKey.generate("bearwitness/3f").verifier
    monkeypatch.chdir(tmp_path)
    for text in (right.encode(), right.encode()[:-1], right.fingerprint[:16], right.fingerprint[:-1]):
        (tmp_path / text).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / text).write_text(scene.made["vault_key"])
        wanted = 1 if text == right.encode() else 2
        assert main([str(scene.court), "--vault-key", text]) == wanted, text
        assert main([str(scene.court), "--cosigner", text]) == 2, text
    assert main([str(scene.court), "--vault-key", f"./{right.fingerprint[:16]}"]) == 0
    capsys.readouterr()


@pytest.mark.parametrize(
    "option",
    [
        *"vault-key=a+b+c cosigner=a+b+c checkpoint=/dev/null tsa-root=/dev/null vault-key=/dev/null "
        "checkpoint=/nowhere vault-key=xyz".split(),
        "vault-key=" + "+" * 300,
    ],
)
def test_an_anchor_that_can_not_be_used_ends_the_command_before_it_starts(
    option: str, scene: Scene, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([str(scene.court), f"--{option}"]) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.startswith("bearwitness-verify: ")


@pytest.mark.parametrize("encoding", ["ascii", "cp1252", "utf-8"])
def test_a_terminal_that_lacks_a_letter_does_not_make_a_release_refused(scene: Scene, encoding: str) -> None:
    command = [sys.executable, "-m", "bearwitness_verify", str(scene.court), "--vault-key", scene.fingerprint]
    setting = {**os.environ, "PYTHONIOENCODING": encoding}
    for more in ([], ["--json"]):
        done = subprocess.run([*command, *more], check=False, capture_output=True, env=setting)
        assert (done.returncode, done.stderr) == (0, b"")
        wanted = "кит.bin" if encoding == "utf-8" and not more else r"\u043a\u0438\u0442.bin"
        assert wanted in done.stdout.decode(encoding)
        assert not more or json.loads(done.stdout)["verdict"] == "verified"


def test_the_key_of_a_log_is_no_cosigner(scene: Scene, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(scene.court), "--cosigner", scene.made["vault_key"]]) == 2
    assert "not of a cosigner" in capsys.readouterr().err


def test_what_a_release_says_can_not_move_the_cursor_or_turn_the_text_round(
    scene: Scene, forged: Make, capsys: pytest.CaptureFixture[str]
) -> None:
    made = forged()
    made.files["exhibits/\x1b[2J\u202e.txt"] = b""
    main([str(made.write())])
    out = capsys.readouterr().out
    assert "\x1b" not in out
    assert "\u202e" not in out
    assert "\\x1b[2J\\u202e" in out


def test_the_scene_is_what_these_tests_think_it_is(scene: Scene) -> None:
    assert VerifierKey.parse(scene.made["vault_key"]).fingerprint == scene.fingerprint
    shown = json.loads((scene.court / "release.json").read_text())
    assert [bool(d["import"]) for d in shown["deliveries"]] == [False, True]
    assert len(shown["deliveries"][0]["items"]) == 3
