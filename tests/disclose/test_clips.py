"""A clip proves itself, plays, begins and ends as it says, and holds not a byte of anything else."""

from __future__ import annotations

import random
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from bearwitness.disclose.clip_choice import parse_asked, parse_time
from bearwitness.errors import UsageError
from bearwitness_verify.rows import TRANSPORT
from workbench import SEED, run, scaled, verify

media = pytest.importorskip("containers.media", reason="PyAV makes the footage and is the peer that plays it")
from footage import NAMES, PLAIN, RECIPES, SOUND, TEXT, Footage, packets_of, shown_items, the_clip, tracks_of  # noqa: E402

AS_WRITTEN = {"ignore_editlist": "1", "fflags": "+nofillin+noparse"}


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Footage:
    return Footage(tmp_path_factory.mktemp("footage"))


def playable(release: Path) -> Path:
    (found,) = (p for p in (release / "exhibits").iterdir() if p.suffix != ".segments")
    return found


def is_slice(part: Sequence[Any], whole: Sequence[Any]) -> bool:
    return any(list(whole[n : n + len(part)]) == list(part) for n in range(len(whole) - len(part) + 1))


@pytest.mark.parametrize("name", NAMES)
def test_a_clip_verifies_and_its_packets_are_those_that_ffmpeg_finds_in_the_original(
    bench: Footage, tmp_path: Path, name: str
) -> None:
    chance = random.Random(f"{SEED} {name}")
    for number in range(scaled(1, 12)):
        length = 60.0 if name == SOUND else RECIPES[name].frames / 25
        begin = chance.uniform(0, length / 3)
        end = begin + chance.uniform(length / 3, length / 2) + (8 if name == SOUND else 0)
        place = tmp_path / f"clip-{number}"
        said = bench.clip(place, name, f"{begin:.3f}-{end:.3f}")
        assert verify(place, "--vault-key", bench.fingerprint).ok().out.count("100 % of its packets") == 1
        (clip,) = said["clips"]
        assert float(clip["end"]) <= end + 0.05  # the last picture begins before the end
        assert float(clip["begin"]) <= begin or "video" not in name
        for ours, theirs in zip(
            media.peer(playable(place), AS_WRITTEN), media.peer(bench.source / name, AS_WRITTEN), strict=True
        ):
            whole = [packet.data for packet in theirs.packets]
            part = [packet.data for packet in ours.packets]
            if (
                name in (SOUND, "jpeg-pcm.mov") and ours.type == "audio"
            ):  # FFmpeg cuts sound into packets of its own
                assert part
                assert b"".join(part) in b"".join(whole)
            elif name == "open-group.mp4":
                assert part
                assert set(part) <= set(whole)
            else:
                assert part
                assert is_slice(part, whole)


@pytest.mark.parametrize("name", [n for n in NAMES if n != SOUND])
def test_every_picture_of_a_clip_can_be_decoded(bench: Footage, tmp_path: Path, name: str) -> None:
    said = bench.clip(tmp_path / "clip", name, "0.9-1.5", "--no-sound")
    (clip,) = said["clips"]
    ((_, packets),) = clip["packets"].items()
    with media.av.open(str(playable(tmp_path / "clip"))) as container:
        frames = list(container.decode(video=0))
    assert len(frames) == packets
    times = [frame.time for frame in frames]
    assert times == sorted(times)
    assert abs((times[-1] - times[0]) - (float(clip["end"]) - float(clip["begin"]) - 0.04)) < 0.05


@pytest.mark.parametrize("name", [n for n in NAMES if n != SOUND and RECIPES[n].audio])
def test_sound_that_is_withheld_is_not_there_and_the_pictures_are_proven_still(
    bench: Footage, tmp_path: Path, name: str
) -> None:
    bench.clip(tmp_path / "clip", name, "0.9-1.5", "--no-sound")
    verify(tmp_path / "clip", "--vault-key", bench.fingerprint).ok()
    everything = b"".join(p.read_bytes() for p in (tmp_path / "clip" / "exhibits").iterdir())
    sound = next(s for s in media.peer(bench.source / name, AS_WRITTEN) if s.type == "audio")
    heard = [p.data[:150] for p in sound.packets if len(p.data) > 150 and len(set(p.data[:150])) > 8]
    assert heard
    assert not any(data in everything for data in heard)
    assert all(track.media == "video" for track in tracks_of(the_clip(tmp_path / "clip")))


@pytest.mark.parametrize("name", NAMES)
def test_no_byte_is_shown_but_packets_and_the_heads_of_their_blocks(
    bench: Footage, tmp_path: Path, name: str
) -> None:
    bench.clip(tmp_path / "clip", name, "1-20" if name == SOUND else "0.9-1.5")
    clip = the_clip(tmp_path / "clip")
    tracks = tracks_of(clip)
    if tracks[0].container not in TRANSPORT:
        shown = sum(len(data) for packets in packets_of(tmp_path / "clip").values() for data in packets)
        heads = sum(row.offset for track in tracks for row in track.played)
        assert shown == sum(row.size for track in tracks for row in track.played)
        assert shown + heads == sum(clip.segments.lengths)
        assert max(row.offset for track in tracks for row in track.played) <= 32
    (item,) = shown_items(tmp_path / "clip")
    assert {leaf["payload"]["name"] for leaf in item["fields"]} == {"content", "fate", "tracks"}
    assert "extent" not in {field["name"] for field in item["clips"][0]["table"]["fields"]}


def test_pictures_before_an_open_groups_key_frame_are_neither_shown_nor_played(
    bench: Footage, tmp_path: Path
) -> None:
    bench.clip(tmp_path / "clip", "open-group.mp4", "0.9-1.7")
    (track,) = tracks_of(the_clip(tmp_path / "clip"))
    assert 0 < len(track.rows) - len(track.played) <= 3
    out = verify(tmp_path / "clip", "--vault-key", bench.fingerprint).ok().out
    assert "kept behind its key frame, are not shown" in out
    leading = [row for row in track.rows if track.is_leading(row)]
    shown = set(the_clip(tmp_path / "clip").segments.proof.indices)
    assert not any(set(range(row.leaf, row.leaf + row.leaves)) & shown for row in leading)


@pytest.mark.parametrize(
    ("path", "span", "words"),
    [
        (TEXT, "1-2", "was sealed without a track table"),
        (PLAIN, "0.5-1.5", "was sealed without a track table"),
        ("h264-aac.mp4", "50-60", "no whole packet between"),
        (SOUND, "1.00-1.01", "no whole packet between"),
    ],
)
def test_where_a_clip_is_impossible_it_says_so_and_nothing_is_written(
    bench: Footage, tmp_path: Path, path: str, span: str, words: str
) -> None:
    clip = f"{bench.ids[path]}:{span}"
    done = run(*bench.words("release", tmp_path / "clip", "--clip", clip))
    assert done.code == 1
    assert words in done.err
    assert not list(tmp_path.iterdir())


def test_a_clip_says_whether_it_tells_how_long_the_recording_is(bench: Footage, tmp_path: Path) -> None:
    with_sound = bench.clip(tmp_path / "a", "h264-aac.mp4", "0.9-1.5")
    edited = bench.clip(tmp_path / "b", "h264-aac.mp4", "0.9-1.5", "--no-sound")
    plain = bench.clip(tmp_path / "c", "h264-aac.mkv", "0.9-1.5", "--no-sound")
    assert with_sound["clips"][0]["tells_length"] is True
    assert edited["clips"][0]["tells_length"] is True
    assert plain["clips"][0]["tells_length"] is False


def test_where_the_length_is_to_be_hidden_the_edit_list_is_withheld_and_sound_refused(
    bench: Footage, tmp_path: Path
) -> None:
    said = bench.clip(tmp_path / "a", "h264-aac.mp4", "0.9-1.5", "--no-sound", "--hide-length")
    assert said["clips"][0]["tells_length"] is False
    assert "its edit list is not shown" in verify(tmp_path / "a", "--vault-key", bench.fingerprint).ok().out
    (item,) = shown_items(tmp_path / "a")
    assert [field["name"] for field in item["clips"][0]["table"]["fields"]] == ["decoder", "display"]
    clip = f"{bench.ids['h264-aac.mp4']}:0.9-1.5"
    done = run(*bench.words("release", tmp_path / "b", "--clip", clip, "--hide-length"))
    assert done.code == 1
    assert "would tell how long the recording is" in done.err


def test_several_clips_of_one_item_and_the_item_itself_go_together(bench: Footage, tmp_path: Path) -> None:
    item = bench.ids["h264-aac.mkv"]
    words = ["--clip", f"{item}:0-1", "--clip", f"{item}:1.5-2.5@1", "--item", item]
    bench.do("release", tmp_path / "all.zip", *words)
    out = verify(tmp_path / "all.zip", "--vault-key", bench.fingerprint).ok().out
    assert out.count("is part of item") == 2
    assert "byte for byte the sealed file" in out


@pytest.mark.parametrize("name", [*NAMES, TEXT])
def test_the_check_by_hand_says_ok_for_a_good_release_and_stops_at_an_altered_one(
    bench: Footage, tmp_path: Path, name: str
) -> None:
    place = tmp_path / "release"
    if name == TEXT:
        bench.do("release", place, "--item", bench.ids[name])
    else:
        bench.clip(place, name, "1-20" if name == SOUND else "0.9-1.5")
    by_hand = ["sh", "-c", "sed -n '/^# BEGIN/,/^# END/p' VERIFY.txt | sh"]
    good = subprocess.run(by_hand, cwd=place, capture_output=True, text=True, check=False)
    assert good.returncode == 0, good.stderr
    assert good.stdout.count("\n") >= 4
    assert all(line.startswith("ok ") for line in good.stdout.splitlines())
    exhibit = sorted((place / "exhibits").iterdir())[-1]
    data = bytearray(exhibit.read_bytes())
    data[0] ^= 1
    exhibit.write_bytes(data)
    bad = subprocess.run(by_hand, cwd=place, capture_output=True, text=True, check=False)
    assert bad.returncode == 1
    assert "DIFFERENT" in bad.stdout


@pytest.mark.parametrize(
    "text", ["abc:1-2", "abcdef:2-1", "abcdef:1", "abcdef:1-2@", "abcdef:1-2@x", "abcdef:-1-2"]
)
def test_a_clip_that_can_not_be_read_is_refused_before_anything_is_opened(text: str) -> None:
    with pytest.raises(UsageError):
        parse_asked(text)


def test_times_are_read_as_people_write_them() -> None:
    assert [parse_time(t) for t in ("7", "1:07", "1:00:07.25")] == [7, 67, 3607.25]
