"""Redacted copies in a release: what was copied is proven bit for bit, what was altered is called altered."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from adversary import confirms, everything_said, files_in, stands_in, traces, words_of
from bearwitness_verify import leaves
from bearwitness_verify.canonical import b64, unb64
from bearwitness_verify.clip_proof import cut
from footage import shown_items
from forging import Forged, failed
from studio import Studio, forged_copies, redacted
from workbench import run, verify


@pytest.fixture(scope="module")
def studio(tmp_path_factory: pytest.TempPathFactory) -> Studio:
    return Studio(tmp_path_factory.mktemp("studio"))


@pytest.fixture(scope="module")
def told(studio: Studio) -> Any:
    return studio.do("release", studio.folder / "out", "--redacted", f"{studio.clip}:{studio.copy['sha256']}")


@pytest.fixture
def forged(studio: Studio, told: Any, tmp_path: Path) -> Forged:
    del told
    return Forged(studio.folder / "out", studio.vault, tmp_path)


def reasons(forged: Forged) -> str:
    """Return why a forged release is refused; it must be in step 6."""
    report = forged.verify()
    assert failed(report) == {6}, report.findings
    return "; ".join(finding.text for finding in report.findings if finding.status == "fail")


def test_copied_pictures_are_proven_and_the_others_called_altered(studio: Studio, told: Any) -> None:
    (copy,) = told["redacted"]
    assert (copy["why_not"], copy["pictures"], copy["sha256"]) == ("", 60, studio.copy["sha256"])
    assert copy["copied"] == 10
    done = verify(studio.folder / "out", "--vault-key", studio.fingerprint).ok()
    assert "is an ALTERED copy of item" in done.out
    assert f"by the plan {studio.copy['plan_sha256']}" in done.out
    assert f"{copy['copied']} of its 60 pictures are the sealed file's, bit for bit" in done.out
    assert "0:00:02.000 to 0:00:02.400 of the recording's clock" in done.out
    assert "ALTERED: 0:00:00.000 to 0:00:02.000; and all sound" in done.out
    assert "2 people approved the plan" in done.out


def test_the_draft_calls_the_copy_redacted_and_its_packets_clear(studio: Studio, tmp_path: Path) -> None:
    words = ["--redacted", f"{studio.clip}:{studio.copy['sha256'][:10]}", "--draft", tmp_path / "draft"]
    drafted = studio.do("release", tmp_path / "never", *words)
    treatments = {one["treatment"]: one["sha256"] for one in drafted["exhibits"]}
    assert treatments["redacted"] == studio.copy["sha256"]
    assert treatments.keys() == {"redacted", "clear"}
    assert {look["sha256"] for look in drafted["looks"]} == set(treatments.values())


def test_forged_copies_that_the_vault_entered_are_refused(studio: Studio, told: Any, tmp_path: Path) -> None:
    wanted = {
        "retimed": "another time", "resized": "stretches", "turned": "turns its pictures",
        "other parameters": "parameters that the original's pictures decode with",
        "other keys": "not the packet", "a copied picture altered": "differs from the original's",
        "stuffed": "longer", "faster": "another speed", "media elsewhere": "in another file",
    }  # fmt: skip
    for name, made in forged_copies(studio, studio.folder / "out", tmp_path):
        assert wanted[name] in reasons(made), name


def test_an_altered_picture_can_not_be_passed_off_as_copied(forged: Forged) -> None:
    copied = redacted(forged)["copied"]
    assert copied["samples"] == "AAAAMgAAAAo"  # ten, from number 50 on
    copied["samples"] = "AAAAKAAAAAo"  # from number 40 on
    assert "shown at another time" in reasons(forged)
    copied["samples"] = "AAAAMv____8"  # four thousand million, for which no memory is taken
    assert "more or fewer samples" in reasons(forged)


def test_the_plan_and_the_item_are_those_of_the_log(studio: Studio, forged: Forged, tmp_path: Path) -> None:
    shown = redacted(forged)["entry"]["shown"]
    payload = next(leaf["payload"] for leaf in shown if leaf["payload"]["name"] == "redaction")
    payload["value"]["plan"] = "ab" * 32
    assert "the field 'redaction' is not the one committed to" in reasons(forged)
    studio.do("release", tmp_path / "other", "--redacted", f"{studio.other}:{studio.other_copy['sha256']}")
    other = Forged(tmp_path / "other", studio.vault, tmp_path)
    mixed = Forged(studio.folder / "out", studio.vault, tmp_path)
    redacted(mixed)["entry"], redacted(mixed)["log"] = redacted(other)["entry"], redacted(other)["log"]
    assert "made of another item" in reasons(mixed)
    redacted(other)["copied"] = redacted(mixed)["copied"]
    other.put(redacted(mixed)["copied"]["segments"]["file"], mixed.files["exhibits/01.segments"])
    assert reasons(other)


def test_one_byte_of_copy_or_packets_is_missed(forged: Forged) -> None:
    for name in (redacted(forged)["file"], redacted(forged)["copied"]["segments"]["file"]):
        good = forged.files[name]
        for at in (100, len(good) // 2, len(good) - 1):
            forged.put(name, good[:at] + bytes([good[at] ^ 4]) + good[at + 1 :])
            assert reasons(forged)
        forged.put(name, good)
    assert forged.verify().verdict == 0


def test_rows_of_copied_packets_are_those_sealed(forged: Forged) -> None:
    table = redacted(forged)["copied"]["table"]
    table["packets"] = (
        table["packets"][:40] + ("A" if table["packets"][40] != "A" else "B") + table["packets"][41:]
    )
    assert "not those of the item's track table" in reasons(forged)


def test_a_still_and_a_document_are_shown_as_altered_as_a_whole(studio: Studio, tmp_path: Path) -> None:
    digest = studio.enter(studio.other, b"%PDF-1.4\n%nothing", "cd" * 32, "pdf")
    answer = studio.do("release", tmp_path / "pdf", "--redacted", f"{studio.other}:{digest[:12]}")
    (copy,) = answer["redacted"]
    assert (copy["copied"], copy["file"]) == (0, "exhibits/01.pdf")
    done = verify(tmp_path / "pdf", "--vault-key", studio.fingerprint).ok()
    assert "all of it counts as altered" in done.out
    made = Forged(tmp_path / "pdf", studio.vault, tmp_path)
    made.put("exhibits/01.pdf", b"%PDF-1.4\n%other")
    assert "not the one that was entered in the log" in reasons(made)


def test_verify_txt_and_the_index_call_the_copy_altered(studio: Studio, told: Any, tmp_path: Path) -> None:
    del told
    text = (studio.folder / "out" / "VERIFY.txt").read_text()
    assert "ALTERED on purpose" in text
    assert "       exhibits/01.mp4\n" in text.partition("ALTERED on purpose")[2]
    run("export", studio.folder / "out", tmp_path / "index", "--as", "index").ok()
    table = (tmp_path / "index" / "exhibits.csv").read_text("utf-8-sig")
    assert '-01","ALTERED","redacted copy, ALTERED",' in table


# --- Who owns the drive learns nothing of what was redacted ----------------------------------------


def pooled(studio: Studio, folder: Path) -> list[Path]:
    """Return three releases: of a copy, of another in its correction, and a recall."""
    clip, other = f"{studio.clip}:{studio.copy['sha256']}", f"{studio.other}:{studio.other_copy['sha256']}"
    old = studio.do("release", folder / "old", "--redacted", clip)["release_sha256"]
    studio.do("release", folder / "fixed", "--redacted", other, "--corrects", f"{old}=the wrong copy")
    studio.do("release", folder / "recall", "--recalls", f"{old}=a face was left in")
    return [folder / name for name in ("old", "fixed", "recall")]


def test_no_name_date_size_or_hash_of_redacted_footage_is_told_or_confirmed(
    studio: Studio, tmp_path: Path
) -> None:
    releases = pooled(studio, tmp_path)
    words = words_of(releases)
    for name in ("clip.mp4", "other.mp4"):
        path = studio.drive / name
        data, status = path.read_bytes(), path.stat()
        assert confirms(words, name, data, status) == []
        for what, trace in traces(name, data, status).items():
            if what in (
                "first bytes",
                "last bytes",
                "folder",
            ):  # headers alike everywhere; it lay in no folder
                continue
            for form in (trace, trace.hex().encode(), b64(trace).encode()):
                assert not any(stands_in(form, everything_said(release)) for release in releases), what


def test_the_pool_opens_the_packets_that_are_shown_and_no_altered_one(studio: Studio, tmp_path: Path) -> None:
    """Every value of every release is tried as the salt of every packet of the drive."""
    releases = pooled(studio, tmp_path)
    words, held = words_of(releases), [data for one in releases for data in files_in(one).values()]
    for name, item in (("clip.mp4", studio.clip), ("other.mp4", studio.other)):
        studio.do("release", tmp_path / name, "--item", item)  # which nobody of the pool was given
        (whole,) = shown_items(tmp_path / name)
        lengths, salts = (unb64(whole["content"][part]) for part in ("lengths", "salts"))
        sizes = [int.from_bytes(lengths[at : at + 4], "big") for at in range(0, len(lengths), 4)]
        segments = list(cut([(studio.drive / name).read_bytes()], sizes))
        opened = hidden = 0
        for number, segment in enumerate(segments):
            leaf = leaves.hash_leaf("segment", salts[32 * number : 32 * number + 32], segment)
            shown = any(segment in file for file in held)  # headers may be, by chance
            known = any(leaves.hash_leaf("segment", word, segment) == leaf for word in words)
            assert shown or not known, "a packet that is not shown"
            assert not any(leaves.hash_leaf("segment", word, segment) in words for word in words)
            opened += known
            if not shown and len(segment) > 200:
                middle = segment[len(segment) // 2 :][:48]
                assert not any(middle in file for file in held), "a part of a packet that is not shown"
                hidden += 1
        assert opened >= 10
        assert hidden >= 40
