"""People from the command line: made, registered by two, signing; what they signed anybody can check."""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from bearwitness.catalogue.catalogue import Catalogue
from bearwitness.disclose import facts, gates, gating
from bearwitness.disclose.facts import Attack, Look, Scan
from bearwitness.disclose.outgoing import Draft, Outgoing
from bearwitness.disclose.request import Request, Shown, Visible
from bearwitness.disclose.risk_model import RiskReport
from bearwitness.errors import RefusedError
from bearwitness.vault import signed
from bearwitness_verify import canonical
from people import PURPOSE, Group
from workbench import run


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Group:
    return Group(tmp_path_factory.mktemp("people"))


def test_one_keeper_registers_nobody(made: Group) -> None:
    key = run("people", "new", "-o", made.folder / "one.person", "--plain", "--json").ok().json["key"]
    words = ["--vault", made.vault, "--identity", made.anna, "--name", "Carla", "--role", "editor"]
    done = run("people", "register", "--key", key, *words)
    assert done.code == 1
    assert "two people must agree" in done.err
    assert "Carla" not in {p["name"] for p in made.do("people", "list")["people"]}


def test_the_source_is_not_registered_and_it_is_said_why(made: Group) -> None:
    key = run("people", "new", "-o", made.folder / "s.person", "--plain", "--json").ok().json["key"]
    for more in (["--name", "Our Source", "--role", "editor"], ["--name", "Dina", "--role", "source"]):
        keys = ["--identity", made.anna, "--identity", made.ben]
        done = run("people", "register", "--vault", made.vault, *keys, "--key", key, *more)
        assert done.code == 1
        assert "speaks of the source" in done.err
        assert "nothing in it says who the source is" in done.err
    assert {p["name"] for p in made.do("people", "list")["people"]} >= {"Anna", "Ben"}


def test_a_key_with_a_passphrase_is_encrypted_and_signs_after_it_is_asked_for(
    made: Group, tmp_path: Path
) -> None:
    file, words = tmp_path / "locked.person", "five random words here\n"
    run("people", "new", "-o", file, stdin=words + "another\n").ok(1)
    run("people", "new", "-o", file, stdin=words * 2).ok()
    done = run(
        "approve", "--subject", "ab" * 32, "--purpose", "x", "--vault", made.vault, "--person-key", file,
        "--sign-only", tmp_path / "note", stdin=words,
    )  # fmt: skip
    done.ok()
    assert (tmp_path / "note").read_text().startswith("bearwitness/1/approval\nvault: bearwitness/")
    words = ["receipt", "sign", tmp_path, "--person-key", file, "-o", tmp_path / "other"]
    assert "the passphrase does not open" in run(*words, stdin="another\n").ok(1).err
    assert b"PRIVATE" not in file.read_bytes()
    assert file.stat().st_mode & 0o777 == 0o600


def test_no_key_of_a_person_is_kept_in_a_vault(made: Group) -> None:
    done = run("people", "new", "-o", made.vault / "local" / "key", "--plain")
    assert done.code == 1
    assert "a person's key never does" in done.err
    secret = made.people["Anna"]["file"].read_text().split("+", 4)[4].strip().encode()
    assert not any(secret in p.read_bytes() for p in made.vault.rglob("*") if p.is_file())


def test_an_approval_can_be_checked_by_hand_by_whoever_is_shown_its_fields(
    made: Group, tmp_path: Path
) -> None:
    asked, path = made.request(tmp_path, plan="11" * 32)
    done = made.as_("Anna", "approve", path)
    assert (done["subject"], done["approvals"]) == (sha256(path.read_bytes()).hexdigest(), 1)
    (entry,) = [f for f in made.fields("approved") if f["subject"] == done["subject"]]
    (person,) = [f for f in made.fields("person-registered") if f["person"] == entry["person"]]
    text, _, line = entry["statement"].rpartition("\n\n")
    assert text + "\n" == (
        f"bearwitness/1/approval\nvault: {made.made['vault_key']}\nsubject: {asked.subject()}\n"
        f"purpose: {PURPOSE}\ntime: {text.rpartition('time: ')[2]}\n"
    )
    public = base64.b64decode(person["key"].split("+", 2)[2])[1:]
    signature = base64.b64decode(line.split(" ")[2])[4:]
    Ed25519PublicKey.from_public_bytes(public).verify(signature, (text + "\n").encode())


def test_what_is_approved_is_shown_before_it_is_signed(made: Group, tmp_path: Path) -> None:
    _, path = made.request(tmp_path, plan="22" * 32, minimum=7)
    key = made.people["Anna"]["file"]
    said = run(*made.words("approve", path, "--person-key", key)).ok().err
    for word in (
        "The Paper (press), for publication",
        "woman in blue by face",
        "at least 7",
        "condition fair_trial: met",
    ):
        assert word in said


def test_who_is_no_keeper_signs_and_a_keeper_enters_it(made: Group, tmp_path: Path) -> None:
    asked, path = made.request(tmp_path, plan="33" * 32)
    note = tmp_path / "ben.note"
    key = ["--person-key", made.people["Ben"]["file"]]
    run("approve", path, "--vault", made.vault, *key, "--sign-only", note).ok()
    assert signed.read(made.ledger()).approvers(asked.subject(), PURPOSE) == {}
    assert made.do("approve", "--enter", note)["approvals"] == 1
    assert made.as_("Anna", "approve", path)["approvals"] == 2
    assert set(signed.read(made.ledger()).approvers(asked.subject(), PURPOSE)) == {
        person["person"] for person in made.people.values()
    }


def test_a_stranger_approves_nothing(made: Group, tmp_path: Path) -> None:
    file = tmp_path / "stranger"
    run("people", "new", "-o", file, "--plain").ok()
    size = made.ledger().vault.log.size
    done = run(*made.words("approve", "--subject", "ab" * 32, "--purpose", "x", "--person-key", file))
    assert done.code == 1
    assert "is registered" in done.err
    assert made.ledger().vault.log.size == size


def test_consents_are_recorded_listed_and_withdrawn(made: Group) -> None:
    label = "man, right"
    recorded = made.consent(label)
    assert recorded["scope"] == ["face", "voice"]
    (shown,) = [c for c in made.do("consent", "list", "--item", made.item)["consents"] if c["label"] == label]
    assert (shown["purpose"], shown["withdrawn"], shown["explained_by"]) == (PURPOSE, False, "Ben")
    words = ["withdraw", "--consent", recorded["consent"][:8], "--ground", "asked by phone"]
    made.as_("Ben", "consent", *words)
    (shown,) = [c for c in made.do("consent", "list")["consents"] if c["label"] == label]
    assert shown["withdrawn"]
    again = run(*made.words("consent", *words, "--person-key", made.people["Ben"]["file"]))
    assert again.code == 1
    other = run(*made.words("consent", "list", "--item", made.items()["b.txt"]["item"])).ok()
    assert other.out.strip() == "no consent known"


@pytest.mark.parametrize(
    "missing", ["label", "purpose", "scope", "withdrawal", "language", "explained-by", "support"]
)
def test_a_consent_with_anything_left_out_is_not_recorded(made: Group, missing: str) -> None:
    before = made.ledger().vault.log.size
    with pytest.raises(AssertionError, match=f"this needs --{missing}"):
        made.consent(**{missing: ""})
    assert made.ledger().vault.log.size == before


def test_a_recipient_signs_that_a_release_was_received(made: Group, tmp_path: Path) -> None:
    made.people["Paper"] = made.person("Paper", "--role", "recipient")
    released = made.release(tmp_path / "out", ["b.txt"])["release_sha256"]
    key = ["--person-key", made.people["Paper"]["file"]]
    for number, (anchor, verdict) in enumerate(
        ((["--vault-key", made.fingerprint], "verified"), ([], "consistent only"))
    ):
        note = tmp_path / f"note{number}"
        said = run("receipt", "sign", tmp_path / "out", *key, *anchor, "-o", note, "--json").ok().json
        assert (said["release"], said["verdict"]) == (released, verdict)
        assert made.do("receipt", "enter", note)["verdict"] == verdict
    assert [r["release"] for r in made.do("receipt", "list")["receipts"]] == [released] * 2
    (tmp_path / "out/exhibits/01.txt").write_bytes(b"altered")
    done = run("receipt", "sign", tmp_path / "out", *key, "-o", tmp_path / "bad")
    assert done.code == 1
    assert not (tmp_path / "bad").exists()


def test_who_has_a_recalled_release_is_told_until_they_sign_for_the_recall(
    made: Group, tmp_path: Path
) -> None:
    made.people["Desk"] = made.person("Desk", "--role", "recipient")
    words = ["--reveal", "mtime"]  # a release of its own: what shows the same has the same hash
    old = made.release(tmp_path / "old", ["b.txt"], *words)["release_sha256"]
    recall = made.do("release", tmp_path / "recall", "--recalls", f"{old}=a name was left in")
    key = ["--person-key", made.people["Desk"]["file"], "--vault-key", made.fingerprint]

    def signs(package: Path) -> None:
        run("receipt", "sign", package, *key, "-o", package.with_suffix(".note")).ok()
        made.do("receipt", "enter", package.with_suffix(".note"))

    def unanswered() -> list[tuple[str, str, str]]:
        told = made.do("receipt", "list")["unanswered"]
        return [(one["release"], one["act"], one["by"]) for one in told if one["release"] == old]

    assert unanswered() == []
    signs(tmp_path / "old")
    assert unanswered() == [(old, "recalls", recall["release_sha256"])]
    signs(tmp_path / "recall")
    assert unanswered() == []


def test_a_receipt_for_something_never_released_is_not_entered(made: Group, tmp_path: Path) -> None:
    other = Group(tmp_path / "other")
    other.release(tmp_path / "theirs", ["b.txt"])
    key = ["--person-key", made.people["Anna"]["file"]]
    run("receipt", "sign", tmp_path / "theirs", *key, "-o", tmp_path / "note").ok()
    done = run(*made.words("receipt", "enter", tmp_path / "note"))
    assert done.code == 1
    assert "made no release" in done.err


def test_the_catalogue_has_the_same_rows_when_it_is_built_anew(made: Group) -> None:
    made.consent("child, middle")

    def dump() -> list[str]:
        catalogue = Catalogue.in_memory("vault")
        catalogue.refresh(made.ledger())
        return catalogue.dump()

    made.do("list")
    rows = dump()
    assert any('"table": "people"' in row and "Anna" in row for row in rows)
    assert any('"table": "consents"' in row and "child, middle" in row for row in rows)
    made.do("rebuild")
    assert dump() == rows


def test_a_forged_entry_counts_for_nothing_is_told_and_locks_nobody_out(tmp_path: Path) -> None:
    """Who has the vault's device key can write an approval; nobody can write the signature."""
    group = Group(tmp_path / "forged")
    asked, _ = group.request(tmp_path)
    forged: dict[str, Any] = {
        "kind": "approved", "person": group.people["Ben"]["person"], "subject": asked.subject(),
        "purpose": PURPOSE, "statement": "bearwitness/1/approval\n",
    }  # fmt: skip
    vault = group.ledger().vault
    with vault.writing():
        vault.append(forged)
    assert signed.read(group.ledger()).approvers(asked.subject(), PURPOSE) == {}
    listed = run(*group.words("people", "list", "--json")).ok()
    assert [told for told in listed.json["odd"] if "(approved) does not hold" in told]
    assert "does not hold" in listed.err
    group.is_clean()


# --- The whole way to a release -----------------------------------------------------------------


def test_a_redacted_exhibit_passes_once_everybody_has_said_yes_and_the_log_tells_of_each_attempt(
    tmp_path: Path,
) -> None:
    group = Group(tmp_path / "whole")
    asked, path = group.request(tmp_path)
    out = asked.exhibits[0].sha256

    def attempt() -> set[str]:
        """Return the gates that refused; the log must say the same."""
        ledger, catalogue = group.ledger(), Catalogue.in_memory("vault")
        catalogue.refresh(ledger)
        known = facts.of_vault(
            ledger, catalogue, asked, datetime.now(UTC), attacks=(Attack(out, (), "a"),),
            looks=(Look(out, 1, "d", 1, 0, 0),), scans=(Scan(out, (), "s"),),
            risk=RiskReport(asked.subject(), 3, 5, (), ()), travelling={},
        )  # fmt: skip
        refused = {result.gate for result in gates.judge(asked, known) if not result.passed}
        with ledger.vault.writing():
            if refused:
                with pytest.raises(RefusedError):
                    gating.pass_gates(ledger.vault, asked, known, draft((group.item, out)))
            else:
                gating.pass_gates(ledger.vault, asked, known, draft((group.item, out)))
        entry = group.fields("gate-results")[-1]
        assert entry["subject"] == asked.subject()
        assert entry["outcome"] == ("refused" if refused else "passed")
        assert [r["gate"] for r in entry["results"]] == list(gates.NAMES)
        assert {r["gate"] for r in entry["results"] if not r["passed"]} == refused
        return refused

    assert attempt() == {"approvals", "consent"}
    group.consent()
    assert attempt() == {"approvals"}
    group.as_("Ben", "approve", path)
    assert attempt() == set()
    consent = group.do("consent", "list")["consents"][0]["consent"]
    group.as_("Anna", "consent", "withdraw", "--consent", consent, "--ground", "asked")
    assert attempt() == {"consent"}
    group.by_two("people", "revoke", "--person", "Ben", "--ground", "left")
    assert attempt() == {"approvals", "consent"}
    assert len(group.fields("gate-results")) == 5


def test_an_override_takes_two_commands_of_two_people(made: Group, tmp_path: Path) -> None:
    asked, path = made.request(
        tmp_path, exhibits=(Shown(made.item, "0e" * 32, "redacted", (Visible("officer 2", ("face",)),)),)
    )
    words = ["override", path, "--item", made.item, "--label", "officer 2", "--reason", "an officer on duty"]
    assert made.as_("Anna", "consent", *words)["people"] == 1
    assert made.as_("Anna", "consent", *words)["people"] == 1
    assert made.as_("Ben", "consent", *words)["people"] == 2
    assert set(signed.read(made.ledger()).overriders(asked.subject(), made.item, "officer 2")) == {
        "an officer on duty"
    }
    wrong = run(
        *made.words(
            "consent", *words[:5], "officer 9", *words[6:], "--person-key", made.people["Ben"]["file"]
        )
    )
    assert wrong.code == 2


def test_canonical_requests_alone_are_approved(made: Group, tmp_path: Path) -> None:
    _, path = made.request(tmp_path)
    value = canonical.loads(path.read_bytes())
    assert isinstance(value, dict)
    key = ["--person-key", made.people["Anna"]["file"]]
    for data in (path.read_bytes() + b"\n", canonical.dumps({**value, "more": "x"}), b"", b"{}"):
        path.write_bytes(data)
        assert run(*made.words("approve", path, *key)).code == 1


# --- Requests and the report on sources ---------------------------------------------------------


def asked_for(made: Group, path: Path, *words: object) -> list[object]:
    fixed = ["--profile", "press", "--recipient", "The Paper", "--purpose", PURPOSE, "--minimum", 2]
    return made.words("request", path, *fixed, *words, "--json")


def test_a_request_is_written_for_exactly_the_bytes_that_go_out(made: Group, tmp_path: Path) -> None:
    (tmp_path / "redacted.mp4").write_bytes(b"redacted")
    shown = [
        "--item",
        made.items()["b.txt"]["item"],
        "--redacted",
        f"{made.item}={tmp_path / 'redacted.mp4'}",
    ]
    who = ["--nobody", made.items()["b.txt"]["item"], "--who", f"{made.item}: officer 2: voice,face"]
    said = run(*asked_for(made, tmp_path / "r", *shown, *who, "--condition", "consent=met: asked, yes")).ok()
    request = Request.decode((tmp_path / "r").read_bytes())
    assert said.json["subject"] == request.subject()
    assert said.json["lacking"] == ["it is not said for what purpose this is shared"]
    assert (said.json["approvals"], said.json["roles"]) == (2, ["editor", "lawyer"])
    by_item = {e.item: e for e in request.exhibits}
    assert by_item[made.item].sha256 == sha256(b"redacted").hexdigest()
    assert by_item[made.item].visible == (Visible("officer 2", ("face", "voice")),)
    assert by_item[made.items()["b.txt"]["item"]].sha256 == sha256(b"text").hexdigest()
    assert made.as_("Anna", "approve", tmp_path / "r")["approvals"] == 1


def test_a_request_that_does_not_say_who_can_be_recognised_is_not_written(
    made: Group, tmp_path: Path
) -> None:
    item, nobody = made.item, ["--nobody", made.item]
    for words in (
        [],
        ["--who", f"{item}: x"],
        ["--who", f"{item}: x: soul"],
        [*nobody, "--who", f"{item}: x: face"],
        [*nobody, "--condition", "fair_trial=yes: x"],
        [*nobody, "--embargo", "tomorrow"],
    ):
        done = run(*asked_for(made, tmp_path / "r", "--item", made.item, *words))
        assert done.code in (1, 2)
        assert not (tmp_path / "r").exists()


def test_the_report_on_sources_blocks_unless_enough_people_are_known_to_be_possible(
    made: Group, tmp_path: Path
) -> None:
    run(*asked_for(made, tmp_path / "r", "--item", made.item, "--nobody", made.item)).ok()
    told = run(*made.words("risk", tmp_path / "r", "--paths"))
    assert told.code == 1
    assert "unknown, assume one" in told.out
    assert "these bytes came on one drive alone" in told.out
    assert "safe" not in told.out.lower()
    access = tmp_path / "access.json"
    items = [item["item"] for item in made.items().values()]
    access.write_text(json.dumps({item: ["wang", "li", "ma"] for item in items}))
    said = run(*made.words("risk", tmp_path / "r", "--access", access, "--json")).ok()
    assert (said.json["possible"], said.json["blocked"]) == ("3", False)
    assert "wang" not in said.out + said.err
    everything = b"".join(p.read_bytes() for p in made.vault.rglob("*") if p.is_file())
    assert b"wang" not in everything
    access.write_text(json.dumps({items[0]: "wang"}))
    assert run(*made.words("risk", tmp_path / "r", "--access", access)).code == 2


def draft(*exhibits: tuple[str, str], plan: str | None = None) -> Draft:
    return Draft(tuple(Outgoing(item, sha256, "clear") for item, sha256 in exhibits), plan)


def test_only_exactly_what_was_approved_goes_out(made: Group, tmp_path: Path) -> None:
    asked, _ = made.request(tmp_path)
    right = (made.item, asked.exhibits[0].sha256)
    gating.refuse_others(asked, draft(right))
    for other in (
        draft(),
        draft(("cd" * 16, right[1])),
        draft(right, (made.item, "0f" * 32)),
        draft(right, plan="ab" * 32),
    ):
        with pytest.raises(RefusedError, match="approved"):
            gating.refuse_others(asked, other)
