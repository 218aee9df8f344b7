"""Forged clips: cropped, retimed, reordered, relabelled, spliced, with a gap; each is refused for its reason.

The forger holds the vault's signing key and can sign whatever they like; the log and the sealed trees are
what they can not change.
"""

from __future__ import annotations

import base64
import random
import shutil
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from bearwitness_verify.rows import ROW, ROW_BYTES
from forging import Forged, failed
from workbench import SEED, scaled

pytest.importorskip("av", reason="PyAV makes the footage")
from footage import RECIPES, Footage, statement

CONTAINERS = ("h264-aac.mp4", "h264-aac.mkv", "mpeg4-mp3.avi", "h264-aac.ts")
ALTERATIONS = 1000


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Footage:
    made = Footage(tmp_path_factory.mktemp("forged"), CONTAINERS)
    for name in CONTAINERS:
        made.clip(made.folder / name, name, "0.9-1.9")
    both = [f"{made.ids[name]}:0.9-1.9" for name in CONTAINERS[:2]]
    made.do("release", made.folder / "both", "--clip", both[0], "--clip", both[1])
    return made


@pytest.fixture
def clip(bench: Footage, tmp_path: Path) -> Callable[[str], Forged]:
    return lambda name: Forged(bench.folder / name, bench.vault, tmp_path)


def unb64(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def b64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def only(forged: Forged) -> Any:
    """Return the clip of a release of one."""
    return forged.own["items"][0]["clips"][0]


def media_file(forged: Forged) -> str:
    return str(only(forged)["playable"])


def reasons(forged: Forged) -> str:
    report = forged.verify()
    assert report.failed
    return " / ".join(f.text for f in report.findings if f.status == "fail")


def rows(forged: Forged) -> list[list[int]]:
    return [list(row) for row in ROW.iter_unpack(unb64(only(forged)["table"]["packets"]))]


def put_rows(forged: Forged, new: list[list[int]]) -> None:
    only(forged)["table"]["packets"] = b64(b"".join(ROW.pack(*row) for row in new))


@pytest.mark.parametrize("name", CONTAINERS)
def test_a_clip_that_nobody_altered_is_good(clip: Callable[[str], Forged], name: str) -> None:
    assert not clip(name).verify().failed


@pytest.mark.parametrize("name", CONTAINERS)
@pytest.mark.parametrize("field", ["decoder", "display", "edits"])
def test_another_decoder_display_or_edit_list_is_not_the_one_sealed(
    clip: Callable[[str], Forged], name: str, field: str
) -> None:
    forged = clip(name)
    value = next(f for f in only(forged)["table"]["fields"] if f["name"] == field)
    if field == "edits":
        value["value"] = [{"duration": "9", "media_time": "9", "rate": "65536", "time_base": "1/1000"}]
    else:
        value["value"]["width"] = "80"
    assert "not those of the item's track table" in reasons(forged)


@pytest.mark.parametrize("name", CONTAINERS)
@pytest.mark.parametrize("column", range(9))
def test_a_packet_whose_row_says_something_else_is_not_the_one_sealed(
    clip: Callable[[str], Forged], name: str, column: int
) -> None:
    forged = clip(name)
    new = rows(forged)
    new[3][column] += 1
    put_rows(forged, new)
    assert "not those of the item's track table" in reasons(forged)


@pytest.mark.parametrize("name", CONTAINERS)
def test_packets_in_another_order_are_not_those_sealed(clip: Callable[[str], Forged], name: str) -> None:
    forged = clip(name)
    new = rows(forged)
    new[4], new[5] = new[5], new[4]
    put_rows(forged, new)
    assert "not those of the item's track table" in reasons(forged)


@pytest.mark.parametrize("name", CONTAINERS)
def test_a_packet_dropped_in_the_middle_of_a_track_is_missed(
    bench: Footage, tmp_path: Path, name: str
) -> None:
    """The forger has the keys and proves only the packets before and after the gap."""
    from bearwitness.disclose import clips
    from bearwitness.disclose.clip_choice import Asked, Taken, choose
    from workbench import run

    def gapped(*arguments: Any) -> Taken:
        taken = choose(*arguments)
        track = taken.tracks[0]
        kept = (*track.rows[:4], *track.rows[5:])
        shorter = type(track)(track.number, track.decoder, track.display, track.edits, track.extent, kept)
        fields = 3 * len(taken.tracks)
        leaves = (*taken.leaves[: fields + 4], *taken.leaves[fields + 5 :])
        return Taken((shorter, *taken.tracks[1:]), leaves, taken.begin, taken.end, taken.tells_length)

    assert Asked
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(clips, "choose", gapped)
        done = run(*bench.words("release", tmp_path / "gap", "--clip", f"{bench.ids[name]}:0.9-1.9"))
    assert done.code == 1
    assert "packets are missing in the middle of a track" in done.err


@pytest.mark.parametrize("name", CONTAINERS)
def test_a_track_shown_as_another_is_found_out(clip: Callable[[str], Forged], name: str) -> None:
    forged = clip(name)
    numbers = sorted({field["track"] for field in only(forged)["table"]["fields"]})
    for field in only(forged)["table"]["fields"]:
        field["track"] = numbers[1 - numbers.index(field["track"])]
    assert "not those of the item's track table" in reasons(forged)


def test_tracks_of_two_recordings_can_not_be_put_together(clip: Callable[[str], Forged]) -> None:
    forged = clip("both")
    one, other = (item["clips"][0] for item in forged.own["items"])
    for name in ("fields", "hashes", "packets", "runs", "salts"):
        one["table"][name], other["table"][name] = other["table"][name], one["table"][name]
    assert reasons(forged).count("not those of the item's track table") == 2
    forged = clip("both")
    one, other = (item["clips"][0] for item in forged.own["items"])
    one["segments"], other["segments"] = other["segments"], one["segments"]
    assert "segments" in reasons(forged) or "packet" in reasons(forged)


def test_a_clip_of_one_item_can_not_be_shown_as_another_items(clip: Callable[[str], Forged]) -> None:
    forged = clip("both")
    one, other = forged.own["items"]
    one["clips"], other["clips"] = other["clips"], one["clips"]
    assert reasons(forged).count("not those of the item's track table") == 2


@pytest.mark.parametrize("name", CONTAINERS)
def test_a_playable_file_with_one_bit_turned_anywhere_is_refused(
    clip: Callable[[str], Forged], name: str
) -> None:
    chance = random.Random(SEED)
    original = clip(name)
    data = original.files[media_file(original)]
    for place in [0, len(data) - 1, *(chance.randrange(len(data)) for _ in range(scaled(8, 200)))]:
        forged = clip(name)
        altered = bytearray(data)
        altered[place] ^= 1 << chance.randrange(8)
        forged.put(media_file(forged), bytes(altered))
        assert "the playable file differs from the proven packets" in reasons(forged)


def test_a_playable_file_that_crops_turns_or_slows_is_refused(clip: Callable[[str], Forged]) -> None:
    name = "h264-aac.mp4"
    data = clip(name).files[media_file(clip(name))]
    at = data.index(b"tkhd") + 4 + 4 + 8 + 8 + 8 + 8 + 8 + 8  # its matrix
    turned = data[:at] + struct.pack(">9i", 0, 65536, 0, -65536, 0, 0, 0, 0, 1 << 30) + data[at + 36 :]
    slow = data.replace(struct.pack(">II", 1, 512), struct.pack(">II", 1, 2048))
    for altered in (turned, slow, data + b"\x00", data[:-1]):
        if altered != data:
            forged = clip(name)
            forged.put(media_file(forged), altered)
            assert "the playable file" in reasons(forged)


@pytest.mark.parametrize("name", CONTAINERS)
def test_bytes_of_packets_are_those_sealed(clip: Callable[[str], Forged], name: str) -> None:
    forged = clip(name)
    raw = only(forged)["segments"]["file"]
    data = bytearray(forged.files[raw])
    data[len(data) // 2] ^= 1
    forged.put(raw, bytes(data))
    only(forged)["playable"] = None
    forged.files.pop(media := media_file(clip(name)))
    forged.statement["files"] = [f for f in forged.statement["files"] if f["name"] != media]
    said = reasons(forged)
    assert "not those of the sealed file" in said or "packet" in said or "stream" in said
    for longer in (bytes(data) + b"\x00", bytes(data)[:-1]):
        forged.put(raw, longer)
        assert "the file of the segments is" in reasons(forged)


def test_a_clip_without_its_playable_file_is_still_proven(clip: Callable[[str], Forged]) -> None:
    forged = clip("h264-aac.mp4")
    name = media_file(forged)
    only(forged)["playable"] = None
    forged.files.pop(name)
    forged.statement["files"] = [f for f in forged.statement["files"] if f["name"] != name]
    assert not forged.verify().failed


@pytest.mark.parametrize("member", ["tracks", "content", "fate"])
def test_a_clip_whose_item_hides_what_proves_it_is_refused(
    clip: Callable[[str], Forged], member: str
) -> None:
    forged = clip("h264-aac.mp4")
    item = forged.own["items"][0]
    item["fields"] = [leaf for leaf in item["fields"] if leaf["payload"]["name"] != member]
    assert f"the field '{member}' must be shown" in reasons(forged)


def test_one_file_can_not_stand_for_two_exhibits(clip: Callable[[str], Forged]) -> None:
    forged = clip("h264-aac.mp4")
    forged.own["items"][0]["clips"].append(only(forged))
    assert "two exhibits use one file" in reasons(forged)


def test_a_reader_of_version_1_refuses_a_clip_rather_than_skip_it(clip: Callable[[str], Forged]) -> None:
    forged = clip("h264-aac.mp4")
    forged.statement["v"] = "1"
    assert "unknown member" in reasons(forged)
    for name in ("account", "conditions", "statements"):
        del forged.statement[name]
    del forged.own["withheld"]
    assert "unknown member clips" in reasons(forged)
    forged.statement["v"] = "4"
    assert "unknown" in reasons(forged) or "version" in reasons(forged)


def test_a_thousand_random_alterations_are_all_refused(bench: Footage, tmp_path: Path) -> None:
    """Every byte of a package counts: statement, signature, segments, media, instructions."""
    chance = random.Random(SEED)
    releases = [bench.folder / name for name in CONTAINERS]
    from bearwitness_verify.anchors import Anchors
    from bearwitness_verify.verify import verify

    key = Anchors(vault_keys=(str(bench.made["vault_key"]),))
    work = tmp_path / "altered"
    for number in range(scaled(60, ALTERATIONS)):
        release = releases[number % len(releases)]
        shutil.copytree(release, work)
        files = sorted(p for p in work.rglob("*") if p.is_file())
        chosen = chance.choice(files)
        data = bytearray(chosen.read_bytes())
        before = bytes(data)
        _alter(chance, data)
        if bytes(data) != before:
            chosen.write_bytes(data)
            assert verify(work, key).failed, f"alteration {number} of {chosen.name} was not seen"
        shutil.rmtree(work)


def _alter(chance: random.Random, data: bytearray) -> None:
    place = chance.randrange(len(data))
    match chance.randrange(5):
        case 0:
            data[place] ^= 1 << chance.randrange(8)
        case 1:
            del data[place]
        case 2:
            data.insert(place, chance.randrange(256))
        case 3:
            other = chance.randrange(len(data))
            data[place], data[other] = data[other], data[place]
        case 4:
            del data[place:]


def test_a_thousand_signed_alterations_of_a_statement_are_refused_or_say_the_same(
    clip: Callable[[str], Forged],
) -> None:
    """The forger signs again: what is proven stays proven, whatever else becomes of the statement."""
    chance = random.Random(SEED)
    for number in range(scaled(60, ALTERATIONS)):
        forged = clip(CONTAINERS[number % len(CONTAINERS)])
        places = [place for place, value in forged.places() if isinstance(value, str) and "clips" in place]
        place = chance.choice(places)
        value = forged.at(place)
        if value.isdigit():
            altered = str(int(value) + 1)
        else:
            at = chance.randrange(max(len(value), 1))
            altered = value[:at] + chance.choice("ABCdef019-_") + value[at + 1 :]
        if altered != value:
            forged.set(place, altered)
            assert forged.verify().failed, f"{place} altered from {value[:40]!r}"


def test_the_salt_of_a_withheld_packet_is_not_in_the_package(bench: Footage) -> None:
    clip = statement(bench.folder / "h264-aac.mp4")["deliveries"][0]["items"][0]["clips"][0]
    rows_shown = len(unb64(clip["table"]["packets"])) // ROW_BYTES
    fields = len(clip["table"]["fields"])
    assert len(unb64(clip["table"]["salts"])) == 32 * (rows_shown + fields)
    assert len(unb64(clip["segments"]["salts"])) == 8 * len(unb64(clip["segments"]["lengths"]))
    assert "h264-aac.mp4" in RECIPES


def test_every_finding_of_a_forged_clip_is_in_step_6(clip: Callable[[str], Forged]) -> None:
    forged = clip("h264-aac.mp4")
    put_rows(forged, rows(forged)[:-1])
    assert failed(forged.verify()) <= {1, 6}
