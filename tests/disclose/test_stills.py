"""Proof stills: what is shown of a frame is bound to the log, what is hidden stays so, any decoder agrees."""

from __future__ import annotations

import json
import shutil
import subprocess
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from adversary import confirms, words_of
from bearwitness.disclose.still_choice import chosen_stills
from bearwitness.vault import keyring
from bearwitness.vault.ledger import Ledger
from bearwitness.vault.opening import open_vault
from bearwitness_verify import leaves
from bearwitness_verify.canonical import unb64
from bearwitness_verify.stills import parse_frame
from forging import Forged, failed
from workbench import run, verify

pytest.importorskip("containers.media", reason="PyAV makes the footage")
from footage import Footage, shown_items

EXACT = ("h264-aac.mp4", "vp9-flac.mkv", "h264-aac.ts")
DERIVED = ("jpeg-pcm.mov", "mpeg4-mp3.avi")
HIDDEN = "#40,40,20,20"
COLUMN = "#40,0,20,100"  # of a picture whose columns differ and whose rows do not
needs_ffmpeg = pytest.mark.skipif(shutil.which("ffmpeg") is None, reason="ffmpeg is the peer")


@pytest.fixture(scope="module")
def footage(tmp_path_factory: pytest.TempPathFactory) -> Footage:
    """Return a vault with footage in which a still of each file was chosen, `stills`; nobody alters it."""
    made = Footage(tmp_path_factory.mktemp("stills"), (*EXACT, *DERIVED, "fragmented.mp4"))
    made.stills = {  # type: ignore[attr-defined]
        name: made.do("still", made.ids[name], "--at", "1.3") for name in (*EXACT, *DERIVED)
    }
    return made


def stills_of(footage: Footage) -> dict[str, dict[str, Any]]:
    return footage.stills  # type: ignore[attr-defined, no-any-return]


def release(footage: Footage, place: Path, name: str, hidden: str = HIDDEN, *words: object) -> Any:
    footage.do("release", place, "--still", stills_of(footage)[name]["still"] + hidden, *words)
    (item,) = shown_items(place)
    (still,) = item["stills"]
    return still


def frame_of(still: Any) -> Any:
    return next(f["payload"]["value"] for f in still["entry"]["shown"] if f["payload"]["name"] == "still")


def shown_of(still: Any) -> set[int]:
    """Return the numbers of the tiles that are shown."""
    runs = unb64(still["tiles"]["runs"])
    numbers = [int.from_bytes(runs[at : at + 4], "big") for at in range(0, len(runs), 4)]
    return {n for f, c in zip(numbers[0::2], numbers[1::2], strict=True) for n in range(f, f + c)}


@pytest.mark.parametrize("name", [*EXACT, *DERIVED])
def test_a_still_verifies_and_says_whether_it_is_exact(footage: Footage, tmp_path: Path, name: str) -> None:
    release(footage, tmp_path / "r", name)
    done = verify(tmp_path / "r", "--vault-key", footage.fingerprint).ok()
    assert ("DERIVED" in done.out) == (name in DERIVED)
    assert "56 of its 60 tiles are shown" in done.out
    assert stills_of(footage)[name]["exact"] == (name in EXACT)


@needs_ffmpeg
@pytest.mark.parametrize("name", EXACT)
def test_another_decoder_gives_the_very_samples_of_the_tiles(
    footage: Footage, tmp_path: Path, name: str
) -> None:
    still = release(footage, tmp_path / "r", name, "")
    frame = frame_of(still)
    raw = tmp_path / "peer.yuv"
    command = ["ffmpeg", "-v", "error", "-i", footage.source / name, "-f", "rawvideo", "-pix_fmt", "yuv420p"]
    subprocess.run([*command, "-fps_mode", "passthrough", raw], check=True)
    width, height = int(frame["width"]), int(frame["height"])
    size = width * height * 3 // 2
    data = raw.read_bytes()
    tiles = (tmp_path / "r" / still["tiles"]["file"]).read_bytes()
    layout = parse_frame(frame).layout
    sides = [layout.side(number) for number in range(3)]
    expected = []
    for begin in range(0, len(data), size):
        planes, at = [], begin
        for across, down in sides:
            planes.append(data[at : at + across * down])
            at += across * down
        expected.append(
            b"".join(
                plane[row * side[0] + left : row * side[0] + right]
                for tile in range(layout.count)
                for plane, side, (left, right, top, low) in zip(
                    planes, sides, layout.parts(tile), strict=True
                )
                for row in range(top, low)
            )
        )
    assert expected.count(tiles) >= 1
    time = float(stills_of(footage)[name]["time"])
    assert any(frame_tiles == tiles and abs(n / 25 - time) < 0.05 for n, frame_tiles in enumerate(expected))


def test_a_hidden_tile_is_nowhere_in_the_package_and_transparent_in_the_picture(
    footage: Footage, tmp_path: Path
) -> None:
    whole, part = (
        release(footage, tmp_path / place, "h264-aac.mp4", hidden)
        for place, hidden in (("whole", ""), ("part", COLUMN))
    )
    layout = parse_frame(frame_of(whole)).layout
    payloads, data = [], (tmp_path / "whole" / whole["tiles"]["file"]).read_bytes()
    for tile in range(layout.count):
        payloads.append(data[: layout.tile_bytes(tile)])
        data = data[layout.tile_bytes(tile) :]
    hidden = set(range(layout.count)) - shown_of(part)
    assert len(hidden) == 12
    held = b"".join(p.read_bytes() for p in (tmp_path / "part").rglob("*") if p.is_file())
    assert payloads[min(shown_of(part))] in held
    for tile in hidden:
        assert payloads[tile] not in held
        assert payloads[tile][:16] not in held, "not even a line of it"
    pillow = pytest.importorskip("PIL.Image")
    picture = pillow.open(tmp_path / "part" / part["picture"])
    assert picture.size == (layout.width, layout.height)
    for tile in range(layout.count):
        row, column = divmod(tile, layout.columns)
        opacity = {
            picture.getpixel((x, y))[3]
            for x in range(16 * column, min(layout.width, 16 * column + 16))
            for y in range(16 * row, min(layout.height, 16 * row + 16))
        }
        assert opacity == ({0} if tile in hidden else {255})


def test_releases_that_hide_different_parts_are_of_one_picture_with_one_root(
    footage: Footage, tmp_path: Path
) -> None:
    first, second = (
        frame_of(release(footage, tmp_path / str(n), "vp9-flac.mkv", hidden))
        for n, hidden in enumerate(("#0,0,50,50", "#50,50,50,50"))
    )
    assert first == second


def test_a_still_decoded_otherwise_later_is_refused(
    footage: Footage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from bearwitness.media import planes

    real = planes._planes

    def other(untrusted: bytes, name: str) -> Any:
        return real(untrusted[:-1] + bytes([untrusted[-1] ^ 1]), name)

    monkeypatch.setattr(planes, "_planes", other)
    still = stills_of(footage)["h264-aac.mp4"]["still"]
    done = run("release", tmp_path / "r", *footage.words("release", "--still", still)[1:])
    assert done.code == 1
    assert "does not decode here" in done.err
    assert not (tmp_path / "r").exists()


# --- Forgeries that the vault itself would sign ---------------------------------------------------


@pytest.fixture
def forged(footage: Footage, tmp_path: Path) -> Forged:
    release(footage, tmp_path / "release", "h264-aac.mp4")
    made = Forged(tmp_path / "release", footage.vault, tmp_path)
    assert not failed(made.verify())
    return made


def the(made: Forged) -> Any:
    return made.own["items"][0]["stills"][0]


def test_every_flipped_sample_and_pixel_fails_though_the_vault_signs_it(forged: Forged) -> None:
    still = the(forged)
    for name in (still["tiles"]["file"], still["picture"]):
        good = forged.files[name]
        for at in [*range(0, len(good), max(1, len(good) // 40)), len(good) - 1]:
            data = bytearray(good)
            data[at] ^= 1
            forged.put(name, bytes(data))
            assert failed(forged.verify()) == {6}, (name, at)
        forged.put(name, good)
    assert not failed(forged.verify())


def test_a_sample_flipped_in_tiles_and_picture_alike_fails(forged: Forged) -> None:
    from bearwitness_verify.still_picture import picture

    still = the(forged)
    frame = parse_frame(frame_of(still))
    data = bytearray(forged.files[still["tiles"]["file"]])
    data[0] ^= 0x40
    payloads, at = {}, 0
    for tile in sorted(shown_of(still)):
        length = frame.layout.tile_bytes(tile)
        payloads[tile], at = bytes(data[at : at + length]), at + length
    forged.put(still["tiles"]["file"], bytes(data))
    forged.put(still["picture"], picture(frame, payloads))
    assert failed(forged.verify()) == {6}


def test_a_tile_can_not_stand_in_another_place(forged: Forged) -> None:
    still = the(forged)
    data = forged.files[still["tiles"]["file"]]
    forged.put(still["tiles"]["file"], data[384:768] + data[:384] + data[768:])
    assert failed(forged.verify()) == {6}


def test_no_field_of_the_entry_can_be_told_otherwise(forged: Forged) -> None:
    frame = frame_of(the(forged))
    for name, value in list(frame.items()):
        if isinstance(value, bool):
            frame[name] = not value
        elif isinstance(value, str):
            frame[name] = (
                str(int(value) + 1) if value.isdigit() else {"bt601": "bt709"}.get(value, value + "x")
            )
        else:
            frame[name] = {**value, "root": "A" * 43}
        assert 6 in failed(forged.verify()), name
        frame[name] = value
    assert not failed(forged.verify())


def test_a_still_of_one_item_is_not_shown_as_one_of_another(footage: Footage, tmp_path: Path) -> None:
    both = [
        word
        for name in ("h264-aac.mp4", "vp9-flac.mkv")
        for word in ("--still", stills_of(footage)[name]["still"])
    ]
    footage.do("release", tmp_path / "both", *both)
    made = Forged(tmp_path / "both", footage.vault, tmp_path)
    first, second = made.own["items"]
    first["stills"], second["stills"] = second["stills"], first["stills"]
    assert failed(made.verify()) == {6}


def test_a_still_of_an_entry_that_is_not_in_the_log_fails(forged: Forged) -> None:
    still = the(forged)
    still["log"]["proof"] = forged.own["log"]["proof"]
    assert failed(forged.verify()) == {6}


def test_version_two_knows_no_stills(forged: Forged) -> None:
    forged.statement["v"] = "2"
    assert failed(forged.verify()) == {1}


# --- What is refused ------------------------------------------------------------------------------


def test_what_no_still_can_be_made_of_is_refused_with_the_reason(footage: Footage) -> None:
    for name, at, said in (
        ("sound.wav", "1", "no such video track"),
        ("a text.txt", "1", "without a whole track table"),
        ("h264-aac.mp4", "99", "shows nothing"),
    ):
        done = run(
            "still", footage.ids[name], "--at", at, "--vault", footage.vault, "--identity", footage.anna
        )
        assert done.code in (1, 2), name
        assert said in done.err, done.err


def test_everything_hidden_and_regions_beyond_the_picture_are_refused(
    footage: Footage, tmp_path: Path
) -> None:
    still = stills_of(footage)["h264-aac.mp4"]["still"]
    for hidden in ("#0,0,100,100", "#90,0,20,5", "#1,2,3"):
        done = run("release", tmp_path / "r", *footage.words("release", "--still", still + hidden)[1:])
        assert done.code in (1, 2)
        assert not (tmp_path / "r").exists()


def test_the_press_profile_shows_no_still_of_what_was_recorded(footage: Footage, tmp_path: Path) -> None:
    still = stills_of(footage)["h264-aac.mp4"]["still"]
    words = footage.words("release", "--still", still, "--profile", "press", "--draft", tmp_path / "draft")
    done = run("release", tmp_path / "r", *words[1:])
    assert done.code == 1
    assert "press" in done.err


def test_a_frozen_item_gives_no_still_and_shows_none_that_was_chosen_before(
    footage: Footage, tmp_path: Path
) -> None:
    copy = tmp_path / "vault"
    shutil.copytree(footage.vault, copy)
    item, still = footage.ids["h264-aac.mp4"], stills_of(footage)["h264-aac.mp4"]["still"]
    footage.do("freeze", "--item", item, vault=copy)
    ends = ["--vault", copy, "--identity", footage.anna]
    for words in (["still", item, "--at", "1"], ["release", tmp_path / "r", "--still", still]):
        done = run(*words, *ends)
        assert done.code == 1, words
        assert "frozen" in done.err
    assert not (tmp_path / "r").exists()


# --- Who owns the footage learns nothing of a hidden tile -----------------------------------------


def test_with_the_original_and_all_that_was_released_no_hidden_tile_can_be_confirmed(
    footage: Footage, tmp_path: Path
) -> None:
    """Pool two releases of one still; knowing every sample, try every salt and hash on what both hide."""
    name = "h264-aac.mp4"
    whole = release(
        footage, tmp_path / "own", name, ""
    )  # stands for the drive: the adversary knows all samples
    layout = parse_frame(frame_of(whole)).layout
    data, payloads = (tmp_path / "own" / whole["tiles"]["file"]).read_bytes(), []
    for tile in range(layout.count):
        payloads.append(data[: layout.tile_bytes(tile)])
        data = data[layout.tile_bytes(tile) :]
    pooled = [release(footage, tmp_path / f"p{n}", name, h) for n, h in enumerate((HIDDEN, "#30,30,30,30"))]
    salts, hashes = set(), set()
    for place, still in zip(("p0", "p1"), pooled, strict=True):
        text = (tmp_path / place / "release.json").read_bytes()
        for part in (still["tiles"], still["table"]):
            for kind, into in (("salts", salts), ("hashes", hashes)):
                raw = unb64(part[kind])
                into |= {raw[at : at + 32] for at in range(0, len(raw), 32)}
        for place_, value in Forged(tmp_path / place, footage.vault, tmp_path).places():
            if isinstance(value, str) and len(value) == 43 and place_[-1] != "payload":
                hashes.add(unb64(value))
                salts.add(unb64(value))
        assert len(text) > 0
    own = unb64(whole["tiles"]["salts"])
    gone = [
        tile for tile in range(layout.count)
        if own[32 * tile : 32 * tile + 32] not in salts
    ]  # fmt: skip
    assert len(gone) == 4, "what both hide"
    for tile in gone:
        real = leaves.hash_leaf("tile", own[32 * tile : 32 * tile + 32], payloads[tile])
        guesses = {leaves.hash_leaf("tile", salt, payloads[tile]) for salt in salts}
        assert real not in guesses, "no salt that was shown opens it"
        assert not guesses & hashes
        assert sha256(payloads[tile]).digest() not in hashes


def test_neither_still_nor_correction_nor_recall_confirms_a_guess_about_a_file(
    footage: Footage, tmp_path: Path
) -> None:
    """Names, times, sizes, hashes and samples of the drive, against what three recipients got.

    That guesses at fields are found where there is something to find is shown in `test_blindness`.
    """
    first, second = "h264-aac.mp4", "vp9-flac.mkv"
    region = "#50,40,20,20"  # tiles whose neighbours in the tree are shown: their own hashes are in the proof
    whole = release(footage, tmp_path / "own", first, "")  # stands for the drive
    old = footage.do("release", tmp_path / "old", "--still", stills_of(footage)[first]["still"] + region)
    digest = old["release_sha256"]
    release(footage, tmp_path / "fixed", second, region, "--corrects", f"{digest}=another picture")
    footage.do("release", tmp_path / "recall", "--recalls", f"{digest}=a face was left in")
    words = words_of([tmp_path / name for name in ("old", "fixed", "recall")])
    for name in (first, second, "fragmented.mp4", "a text.txt"):
        path = footage.source / name
        assert confirms(words, name, path.read_bytes(), path.stat()) == []
    hidden = set(range(60)) - shown_of(next(shown_items(tmp_path / "old"))["stills"][0])
    own = unb64(whole["tiles"]["salts"])
    salts = {own[at : at + 32] for at in range(0, len(own), 32)}
    assert not hidden & confirmed_tiles(tmp_path / "own", whole, words, words)
    assert hidden & confirmed_tiles(tmp_path / "own", whole, salts, words), "the method finds nothing at all"


def confirmed_tiles(place: Path, whole: Any, salts: set[bytes], words: set[bytes]) -> set[int]:
    """Return the tiles of a still shown whole whose hash, with one of `salts`, is among `words`."""
    layout, data = parse_frame(frame_of(whole)).layout, (place / whole["tiles"]["file"]).read_bytes()
    found = set()
    for tile in range(layout.count):
        payload, data = data[: layout.tile_bytes(tile)], data[layout.tile_bytes(tile) :]
        if any(leaves.hash_leaf("tile", salt, payload) in words for salt in salts):
            found.add(tile)
    return found


def test_the_secret_of_the_tiles_goes_with_the_item(footage: Footage) -> None:
    vault = open_vault(footage.vault)
    ledger = Ledger(vault, keyring.unlock(vault, keyring.load_given([str(footage.anna)], str)))
    (chosen,) = chosen_stills(ledger, [stills_of(footage)["h264-aac.mp4"]["still"]])
    assert chosen.act.body is not None
    assert not chosen.act.body.secrets
    assert set(chosen.act.body.fields) == {"kind", "time", "tool", "item", "delivery", "still"}


# --- Recalls and corrections ----------------------------------------------------------------------


def test_a_recall_names_the_old_release_and_holds_for_the_vaults_key_alone(
    footage: Footage, tmp_path: Path
) -> None:
    old = footage.do("release", tmp_path / "old", "--item", footage.ids["a text.txt"])["release_sha256"]
    reason = "the person shown asked us to"
    footage.do("release", tmp_path / "recall", "--recalls", f"{old}={reason}")
    assert json.loads((tmp_path / "recall/release.json").read_bytes())["deliveries"] == []
    done = verify(tmp_path / "recall", "--vault-key", footage.fingerprint).ok()
    assert f"this release recalls the release {old}: {reason}" in done.out
    last = footage.do("log")["entries"][-1]["fields"]
    assert last["answers"] == [{"act": "recalls", "reason": reason, "release": old}]
    assert verify(tmp_path / "recall").code == 3 or "CONSISTENT" in verify(tmp_path / "recall").out


def test_a_correction_shows_the_better_exhibit_and_the_reason(footage: Footage, tmp_path: Path) -> None:
    old = footage.do("release", tmp_path / "old", "--item", footage.ids["a text.txt"])["release_sha256"]
    still = stills_of(footage)["h264-aac.mp4"]["still"]
    footage.do("release", tmp_path / "new", "--still", still, "--corrects", f"{old}=the wrong file")
    done = verify(tmp_path / "new", "--vault-key", footage.fingerprint).ok()
    assert f"this release corrects the release {old}: the wrong file" in done.out


def test_only_a_release_that_the_log_knows_is_answered(footage: Footage, tmp_path: Path) -> None:
    for answer in (f"{'0' * 64}=x", "abc=x", f"{'0' * 64}", f"{'0' * 64}= "):
        done = run("release", tmp_path / "r", *footage.words("release", "--recalls", answer)[1:])
        assert done.code in (1, 2), answer
        assert not (tmp_path / "r").exists()


def test_an_answer_can_not_be_altered_left_out_of_order_or_empty(footage: Footage, tmp_path: Path) -> None:
    shas = [
        footage.do("release", tmp_path / str(n), "--item", footage.ids["a text.txt"], "--reveal", name)[
            "release_sha256"
        ]
        for n, name in enumerate(("path", "mtime"))
    ]
    words = [word for sha in shas for word in ("--recalls", f"{sha}=why")]
    footage.do("release", tmp_path / "recall", *words)
    made = Forged(tmp_path / "recall", footage.vault, tmp_path)
    assert not failed(made.verify())
    good = made.statement["answers"]
    for bad in (
        [],
        good[::-1],
        [*good, good[-1]],
        [{**good[0], "act": "praises"}],
        [{**good[0], "reason": " "}],
    ):
        made.statement["answers"] = bad
        assert failed(made.verify()) == {1}
    made.statement["answers"] = good
    data = bytearray((tmp_path / "recall/release.json").read_bytes())
    data[data.index(b"why")] ^= 1
    assert 2 in failed(
        made.verify(data=bytes(data), signature=(tmp_path / "recall/release.sig").read_bytes())
    )
