"""The page proves stills and shows recalls as the Python verifier does, also forged ones."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import pytest

from bearwitness.custody.signing import SigningKey
from bearwitness_verify.checkpoint import LogProof
from bearwitness_verify.note import COSIGNATURE, parse
from bearwitness_verify.still_picture import picture
from bearwitness_verify.stills import Layout, parse_frame
from browser import Tab, needs_chromium
from forging import Forged
from reader import Reader, python_says
from workbench import SEED, scaled

pytestmark = needs_chromium
pytest.importorskip("containers.media", reason="PyAV makes the footage")
from test_agreement import SIGNED, Alter, agree  # noqa: E402

from footage import Footage, statement  # noqa: E402

NAMES = ("h264-aac.mp4", "jpeg-pcm.mov")


@pytest.fixture(scope="module")
def footage(tmp_path_factory: pytest.TempPathFactory) -> Footage:
    """Return a vault with a release of two stills, `stills`, that recalls another."""
    made = Footage(tmp_path_factory.mktemp("page-stills"), NAMES)
    old = made.do("release", made.folder / "old", "--item", made.ids["a text.txt"])["release_sha256"]
    words: list[Any] = ["--recalls", f"{old}=a face was left in"]
    for name in NAMES:
        still = made.do("still", made.ids[name], "--at", "1")["still"]
        words += ["--still", f"{still}#40,40,20,20"]
    made.do("release", made.folder / "stills", *words)
    return made


def test_the_page_shows_stills_one_labelled_as_derived_and_what_is_recalled(
    reader: Reader, footage: Footage
) -> None:
    outcome = reader.check(footage.folder / "stills", footage.made["vault_key"])
    assert outcome.state == "verified", outcome
    text = reader.tab.do("document.body.innerText")
    assert "a face was left in" in text
    assert "56 of 60 tiles are shown, 4 are hidden" in text
    badges = reader.tab.do("[...document.querySelectorAll('.card .kind .badge')].map((b) => b.textContent)")
    assert sorted(badges) == ["Bound to the log", "Derived"]
    assert reader.tab.do("document.querySelectorAll('.media.covered img').length") == 2


@pytest.mark.parametrize("alter", SIGNED, ids=lambda alter: alter.__name__)
def test_both_say_the_same_of_forged_stills(
    reader: Reader, footage: Footage, tmp_path: Path, alter: Alter
) -> None:
    chance = random.Random(f"{SEED} stills {alter.__name__}")
    for _ in range(scaled(2, 50)):
        made = Forged(footage.folder / "stills", footage.vault, tmp_path)
        what = alter(made, chance)
        agree(reader, made.write(), made.key, f"{alter.__name__} {what}")


def test_both_refuse_a_flipped_pixel_and_a_flipped_sample(
    reader: Reader, footage: Footage, tmp_path: Path
) -> None:
    made = Forged(footage.folder / "stills", footage.vault, tmp_path)
    still = made.own["items"][0]["stills"][0]
    for name in (still["picture"], still["tiles"]["file"]):
        good = made.files[name]
        made.put(name, good[:-200] + bytes([good[-200] ^ 1]) + good[-199:])
        assert agree(reader, made.write(), made.key, name) == "failed"
        made.put(name, good)


def test_both_agree_on_a_recall_that_shows_nothing(reader: Reader, footage: Footage, tmp_path: Path) -> None:
    old = statement(footage.folder / "stills")["answers"][0]["release"]
    footage.do("release", tmp_path / "recall", "--recalls", f"{old}=withdrawn")
    assert agree(reader, tmp_path / "recall", footage.made["vault_key"], "recall") == "verified"
    made = Forged(tmp_path / "recall", footage.vault, tmp_path)
    for bad in ([], [{**made.statement["answers"][0], "reason": ""}], None):
        made.statement["answers"] = bad
        assert agree(reader, made.write(), made.key, f"answers {bad}") == "failed"


def test_both_call_the_same_texts_empty(reader: Reader, footage: Footage, tmp_path: Path) -> None:
    old = statement(footage.folder / "stills")["answers"][0]["release"]
    footage.do("release", tmp_path / "recall", "--recalls", f"{old}=withdrawn")
    made = Forged(tmp_path / "recall", footage.vault, tmp_path)
    spaces = [chr(n) for n in range(0x110000) if chr(n).isspace()]
    for text in ("\x1f", "\x85", "".join(spaces), *spaces[:1], "\ufeff", "\u200b", "\x1b", "\u180e", " x "):
        made.statement["answers"][0]["reason"] = text
        said = agree(reader, made.write(), made.key, f"a reason of {text!r}")
        assert said == ("verified" if text.strip() else "failed")


def test_neither_cosigner_nor_checkpoint_vouches_for_a_recall_that_shows_nothing(
    reader: Reader, footage: Footage, tmp_path: Path
) -> None:
    """Whoever makes a vault of their own can recall anything in its name."""
    old = statement(footage.folder / "stills")["answers"][0]["release"]
    footage.do("release", tmp_path / "recall", "--recalls", f"{old}=withdrawn")
    desk = SigningKey.generate("desk.example", COSIGNATURE).verifier.encode()
    assert reader.check(tmp_path / "recall", desk).state == "consistent"
    assert python_says(tmp_path / "recall", cosigners=[desk]).verdict.name == "CONSISTENT_ONLY"
    seen = footage.vault / "log/vault/notes/1.note"
    assert reader.check(tmp_path / "recall", "", [seen]).state == "consistent"
    assert python_says(tmp_path / "recall", checkpoints=[seen]).verdict.name == "CONSISTENT_ONLY"
    both = reader.check(tmp_path / "recall", f"{desk}\n{footage.made['vault_key']}")
    assert both.state == "consistent"


def test_a_still_rests_on_the_vaults_key_and_on_no_cosigner_alone(
    reader: Reader, footage: Footage, tmp_path: Path
) -> None:
    made = Forged(footage.folder / "stills", footage.vault, tmp_path)
    desk = SigningKey.generate("desk.example", COSIGNATURE)
    for delivery in made.statement["deliveries"]:
        proof = LogProof.parse(delivery["log"]["proof"])
        signed = proof.note + desk.sign(parse(proof.note).text, 1_700_000_000).line().encode()
        delivery["log"]["proof"] = LogProof(proof.index, proof.hashes, signed).encode()
    package, key = made.write(), desk.verifier.encode()
    assert reader.check(package, key).state == "consistent"
    assert python_says(package, cosigners=[key]).verdict.name == "CONSISTENT_ONLY"
    assert reader.check(package, f"{key}\n{made.key}").state == "verified"
    assert python_says(package, [made.key], [key]).verdict.name == "VERIFIED"


@pytest.fixture(scope="module")
def tab(reader: Reader) -> Tab:
    return reader.tab


@pytest.mark.parametrize(
    "pixels", ["grey8", "420p8", "422p8", "444p8", "grey10", "420p10", "422p10", "444p10"]
)
def test_both_make_the_same_picture_of_any_layout_colours_and_turn(tab: Tab, pixels: str) -> None:
    chance = random.Random(f"{SEED} {pixels}")
    for matrix, spread, turn in (
        ("bt601", "limited", 0),
        ("bt709", "full", 1),
        ("bt2020", "limited", 2),
        ("bt709", "limited", 3),
    ):
        layout = Layout(chance.randrange(1, 60), chance.randrange(1, 60), pixels)
        shown = {n for n in range(layout.count) if chance.random() < 0.7} or {0}
        tiles = {}
        for n in sorted(shown):
            length = layout.tile_bytes(n)
            if layout.sample_bytes == 2:
                tiles[n] = b"".join(chance.randrange(1024).to_bytes(2, "little") for _ in range(length // 2))
            else:
                tiles[n] = chance.randbytes(length)
        value = {
            "codec": "h264", "decoder": "x", "exact": True, "height": str(layout.height), "matrix": matrix,
            "packet": "0", "pixels": pixels, "range": spread, "time": "0", "track": "1", "turn": str(turn),
            "tiles": {"kind": "tile", "leaves": "65536", "root": "A" * 43}, "width": str(layout.width),
        }  # fmt: skip
        wanted = picture(parse_frame(value), tiles)
        told = ",".join(f"[{n},'{data.hex()}']" for n, data in tiles.items())
        made = tab.do(
            "(() => { const bytes = (text) => Uint8Array.from(text.match(/../g), (two) => parseInt(two, 16));"
            f"const frame = parseFrame({json.dumps(value)});"
            f"return hex(stillPicture(frame, new Map([{told}].map(([n, text]) => [n, bytes(text)])))); }})()"
        )
        assert bytes.fromhex(made) == wanted, (pixels, matrix, spread, turn)
