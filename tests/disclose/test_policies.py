"""A profile narrows or refuses; what it asks for and nobody can show does not go out."""

from __future__ import annotations

import subprocess
from hashlib import sha256
from pathlib import Path

import pyrage
import pytest

from bearwitness.disclose import policies
from bearwitness.errors import MalformedError, RefusedError, UsageError
from footage_free import released_fields, statement
from workbench import Bench, fill, needs_age, recipient_of, run, verify, wav


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Bench:
    made = Bench(tmp_path_factory.mktemp("policies"))
    files: dict[str, bytes | int] = {
        "a.txt": b"shown",
        "b.txt": b"withheld",
        "c.txt": b"too",
        "s.wav": wav(60),
    }
    made.seal(fill(made.folder / "source", files), "--by", "Anna", "--note", "handed over")
    return made


def edited(folder: Path, name: str, **changes: str) -> Path:
    """Return a policy made from one of ours, of another name and without approvals: no request is needed."""
    lines = run("release", "--print-profile", name).ok().out.splitlines()
    changes = {"approvals": "0", "name": f'"our {name}"', **changes}
    for number, line in enumerate(lines):
        word = line.partition("=")[0].strip()
        if word in changes and not line.startswith((" ", "#")):
            lines[number] = f"{word} = {changes[word]}"
    path = folder / f"{name}.toml"
    path.write_text("\n".join(lines))
    return path


@pytest.mark.parametrize("name", policies.NAMES)
def test_every_profile_that_comes_along_can_be_read_and_asks_for_two_people(name: str) -> None:
    policy = policies.load(name)
    assert policy.name == name
    assert policy.approvals == 2


@pytest.mark.parametrize("name", policies.NAMES)
def test_without_approvals_no_profile_lets_anything_out(bench: Bench, tmp_path: Path, name: str) -> None:
    item = bench.items()["a.txt"]["item"]
    to = ["--to", recipient_of(bench.anna)]
    words = ["--statement", f"{item}: a text", "--profile", name, *to, "--other-ground", "x"]
    done = run(*bench.words("release", tmp_path / "out.age", *words))
    assert done.code == 1
    assert "wants the approval of 2 people" in done.err
    assert not list(tmp_path.iterdir())


def test_approvals_in_roles_that_do_not_count_are_told_as_such() -> None:
    court = policies.load("court")
    with pytest.raises(RefusedError, match=r"the log has 1, and 2 in other roles, which do not count"):
        policies.require_approvals(court, 1, 2)
    policies.require_approvals(court, 2, 0)


def test_the_press_profile_shows_no_file_no_clip_no_count_and_no_date(bench: Bench, tmp_path: Path) -> None:
    policy = edited(tmp_path, "press")
    items = bench.items()
    for words in (["--item", items["a.txt"]["item"]], ["--clip", f"{items['s.wav']['item']}:1-20"]):
        done = run(*bench.words("release", tmp_path / "out", *words, "--profile", policy))
        assert done.code == 1
        assert "never shows" in done.err
    said = ["--statement", f"{items['a.txt']['item']}: a guard strikes a man"]
    for field in ("delivery.items", "delivery.time", "size", "path"):
        done = run(*bench.words("release", tmp_path / "out", *said, "--profile", policy, "--reveal", field))
        assert done.code == 1
        assert "never shows" in done.err
    done = run(*bench.words("release", tmp_path / "out", *said, "--profile", policy, "--account", "items"))
    assert "never shows delivery.items" in done.err
    bench.do("release", tmp_path / "out", *said, "--profile", policy)
    verify(tmp_path / "out", "--vault-key", bench.fingerprint).ok()
    assert released_fields(tmp_path / "out") == {"fate", "kind", "delivery"}
    assert not list((tmp_path / "out").glob("exhibits/*"))


def test_pictures_that_must_be_redacted_do_not_go_out_as_recorded(bench: Bench, tmp_path: Path) -> None:
    policy = edited(tmp_path, "court", redact='["faces"]', encrypt="false")
    item = bench.items()["s.wav"]["item"]
    done = run(*bench.words("release", tmp_path / "out", "--clip", f"{item}:1-20", "--profile", policy))
    assert done.code == 1
    assert "faces be gone" in done.err


def test_the_asylum_profile_withholds_sound_and_so_has_nothing_of_a_recording_of_sound(
    bench: Bench, tmp_path: Path
) -> None:
    policy = edited(tmp_path, "asylum", encrypt="false")
    item = bench.items()["s.wav"]["item"]
    done = run(*bench.words("release", tmp_path / "out", "--clip", f"{item}:1-20", "--profile", policy))
    assert done.code == 2
    assert "has no such tracks" in done.err
    policy = edited(tmp_path, "asylum", encrypt="false", sound="true")
    bench.do("release", tmp_path / "out", "--clip", f"{item}:1-20", "--profile", policy)
    assert "its edit list is not shown" in verify(tmp_path / "out", "--vault-key", bench.fingerprint).ok().out


def test_a_profile_that_wants_encryption_refuses_the_clear(bench: Bench, tmp_path: Path) -> None:
    policy = edited(tmp_path, "court")
    item = bench.items()["a.txt"]["item"]
    done = run(*bench.words("release", tmp_path / "out", "--item", item, "--profile", policy))
    assert done.code == 1
    assert "wants the release encrypted" in done.err


def test_a_court_gets_one_encrypted_file_with_everything_accounted_for(bench: Bench, tmp_path: Path) -> None:
    policy = edited(tmp_path, "court")
    item = bench.items()["a.txt"]["item"]
    to = ["--to", recipient_of(bench.anna), "--to", recipient_of(bench.ben)]
    bench.do("release", tmp_path / "out.age", "--item", item, "--profile", policy, *to)
    for key in (bench.anna, bench.ben):
        identity = pyrage.x25519.Identity.from_str(key.read_text().splitlines()[-1])
        plain = tmp_path / f"{key.stem}.zip"
        plain.write_bytes(pyrage.decrypt((tmp_path / "out.age").read_bytes(), [identity]))
        out = verify(plain, "--vault-key", bench.fingerprint).ok().out
        assert "1 of 4 items are shown" in out
        assert "the other 3 items are withheld: 3 for not relevant to this case" in out
        assert "shared under the condition death_penalty" in out
    assert not list(Path("/dev/shm").glob(".bearwitness-release-*"))
    entered = bench.do("log")["entries"][-1]["fields"]
    assert entered["profile"] == "our court"
    digests = {sha256(recipient_of(key).encode()).hexdigest() for key in (bench.anna, bench.ben)}
    assert set(entered["recipients"]) == digests


@needs_age
def test_the_age_command_opens_an_encrypted_release(bench: Bench, tmp_path: Path) -> None:
    item = bench.items()["a.txt"]["item"]
    bench.do("release", tmp_path / "out.age", "--item", item, "--to", recipient_of(bench.anna))
    words = ["age", "-d", "-i", str(bench.anna), "-o", str(tmp_path / "out.zip"), str(tmp_path / "out.age")]
    subprocess.run(words, check=True, capture_output=True)
    verify(tmp_path / "out.zip", "--vault-key", bench.fingerprint).ok()


@pytest.mark.parametrize(("place", "to"), [("out", True), ("out.zip", True), ("out.age", False)])
def test_an_encrypted_release_ends_in_age_and_no_other_does(
    bench: Bench, tmp_path: Path, place: str, to: bool
) -> None:
    item = bench.items()["a.txt"]["item"]
    words = ["--to", recipient_of(bench.anna)] if to else []
    done = run(*bench.words("release", tmp_path / place, "--item", item, *words))
    assert done.code == 2
    assert "does not end as it must" in done.err


def test_a_policy_file_is_read_strictly() -> None:
    good = policies.text_of("press")
    for wrong in (
        good.replace("bit_exact = false", "bit_exact = 0"),
        good.replace("bit_exact = false", ""),
        good + '\n[more]\nx = "1"',
        good.replace('v = "1"', 'v = "2"'),
        good.replace('"size",', '"length",'),
        good.replace('embargo = ""', 'embargo = "tomorrow"'),
        good.replace("recipients = []", 'recipients = ["age1wrong"]'),
        good.replace('redact = ["faces"', 'redact = ["hats"'),
        "not TOML",
    ):
        assert wrong != good
        with pytest.raises(MalformedError):
            policies.parse(wrong, "a test")
    with pytest.raises(UsageError):
        policies.load("no such profile")


def test_a_ground_is_needed_for_all_that_is_withheld(bench: Bench, tmp_path: Path) -> None:
    items = bench.items()
    chosen = ["--item", items["a.txt"]["item"], "--account", "items,withheld"]
    done = run(*bench.words("release", tmp_path / "out", *chosen))
    assert done.code == 1
    assert "no ground is given" in done.err
    ground = ["--ground", f"{items['b.txt']['item']}=consent withdrawn", "--other-ground", "not relevant"]
    bench.do("release", tmp_path / "out", *chosen, *ground)
    (delivery,) = statement(tmp_path / "out")["deliveries"]
    assert sorted(item["ground"] for item in delivery["withheld"]) == [
        "consent withdrawn", "not relevant", "not relevant",
    ]  # fmt: skip


def test_seconds_are_counted_over_all_footage(bench: Bench, tmp_path: Path) -> None:
    item = bench.items()["s.wav"]["item"]
    bench.do("release", tmp_path / "out", "--clip", f"{item}:8-30", "--account", "seconds")
    account = statement(tmp_path / "out")["account"]
    assert account["seconds"]["held"] == "60"
    assert 20 < int(account["seconds"]["shown"]) < 27  # from the packet that is heard at 8 s
    assert account["items"] is None
