"""Makes a release: choose, prove, write, verify one's own work, enter it in the log.

Nothing appears at the destination unless the stand-alone verifier accepts the whole package.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from hashlib import sha256
from pathlib import Path

from bearwitness.catalogue.catalogue import Catalogue, ItemRow
from bearwitness.errors import RefusedError, TamperedError, UsageError
from bearwitness.vault.ledger import Ledger
from bearwitness.vault.redactions import Redaction
from bearwitness_verify.account import Answer
from bearwitness_verify.anchors import Anchors
from bearwitness_verify.canonical import Json
from bearwitness_verify.checkpoint import Checkpoint
from bearwitness_verify.leaves import ENTRY_SLOTS, ITEM_SLOTS, item_id
from bearwitness_verify.report import Verdict
from bearwitness_verify.verify import verify

from . import policies
from .builder import Builder, Made, Part
from .clip_choice import Asked, Taken
from .copies import WrittenCopy
from .copies import choose as choose_copy
from .escrow import REVEALED, Escrow, digest_of, exact_of
from .handing import check_destination, hand_over, workplace
from .marks import refuse_marks
from .outgoing import Draft, ExhibitFile, conditions_of, draft_of, files_of
from .policies import DELIVERY_PREFIX, NO_POLICY, REVEALABLE, Policy
from .proofs import Chosen
from .selection import Selection, answer_json
from .still_choice import ChosenStill, chosen_stills
from .stills import AskedStill, WrittenStill

Gate = Callable[[Policy, "Ready"], None]


@dataclass(frozen=True)
class Released:
    """A release as made."""

    path: Path
    statement_sha256: str
    items: list[str]
    revealed: list[str]
    clips: list[Taken]
    stills: list[WrittenStill]
    copies: list[WrittenCopy]


def choose(reveal: Sequence[str]) -> Chosen:
    """Read what --reveal names: fields of items, and ``delivery.`` fields; raise UsageError."""
    item, delivery = set(), set()
    for name in reveal:
        short = name.removeprefix(DELIVERY_PREFIX)
        if name.startswith(DELIVERY_PREFIX) and short in ENTRY_SLOTS["sealed"]:
            delivery.add(short)
        elif name in ITEM_SLOTS:
            item.add(name)
        else:
            raise UsageError(f"{name!r} is nothing that can be revealed", "one of: " + ", ".join(REVEALABLE))
    return Chosen(frozenset(item), frozenset(delivery))


def no_gate(policy: Policy, ready: Ready | None) -> None:
    """Let a release without a request pass, unless its policy asks for approvals or is one of the five."""
    del ready
    policies.require_approvals(policy, 0)
    if policy.name in policies.NAMES:
        raise RefusedError(
            f"under the name of the profile {policy.name!r} nothing goes out without a request",
            "a policy with that name passes the gates, however it was edited: see docs/people-and-gates.md",
        )


@dataclass(frozen=True)
class Ready:
    """A release that lies ready in a folder of its own and is out nowhere."""

    folder: Path
    made: Made
    chosen: Chosen
    parts: list[Part]
    recipients: list[str]
    exact: Ready | None = None

    @property
    def draft(self) -> Draft:
        """What it shows, as people approve it."""
        return draft_of(self.made.statement)

    @property
    def conditions(self) -> dict[str, str]:
        """The conditions it tells."""
        return conditions_of(self.made.statement)

    @property
    def files(self) -> list[ExhibitFile]:
        """The files of its exhibits."""
        return files_of(self.made.statement)


def release(
    ledger: Ledger,
    catalogue: Catalogue,
    destination: Path,
    selection: Selection,
    reveal: Sequence[str] = (),
    policy: Policy = NO_POLICY,
    checkpoints: Sequence[Checkpoint] = (),
    recipients: Sequence[str] = (),
    gate: Gate = no_gate,
    progress: Callable[[str], None] = lambda text: None,
    escrow: Escrow | None = None,
) -> Released:
    """Make a release of `selection` at `destination`: a folder, a file ending in .zip, or, encrypted, .age.

    `reveal` names fields as :func:`choose` reads them, `recipients` are age recipients besides the
    policy's. `escrow` says where exact proofs go. `gate` is asked when everything lies ready and nothing
    is out yet; it raises RefusedError.
    So does this where the policy does not allow it.
    """
    if gate is no_gate:
        no_gate(policy, None)  # before any work
    making = _making(
        ledger, catalogue, destination, selection, reveal, policy, checkpoints, recipients, progress, escrow
    )
    with making as ready:
        gate(policy, ready)
        digest, chosen = sha256(ready.made.statement).hexdigest(), ready.chosen
        revealed = sorted(chosen.item_fields) + sorted(DELIVERY_PREFIX + n for n in chosen.delivery_fields)
        ids = sorted(item_id(part.leaf) for part in ready.parts)
        entry: dict[str, Json] = {
            "kind": "released",
            "release": digest,
            "items": list(ids),
            "revealed": list(revealed),
        }
        if selection.answers:
            entry["answers"] = [answer_json(answer) for answer in selection.answers]
        if policy.name:
            entry["profile"] = policy.name
        if ready.exact is not None:
            entry["escrow"] = digest_of(ready.exact.folder)
        if marks := sorted({one.sha256 for part in ready.parts for one in part.copies if one.marked}):
            entry["marks"] = [*marks]
        if ready.recipients:
            entry["recipients"] = [sha256(name.encode()).hexdigest() for name in ready.recipients]
        ledger.vault.append(entry)  # first: what a crash keeps from going out does no harm in the log
        if escrow is not None and ready.exact is not None:
            hand_over(ready.exact.folder, escrow.path, ready.exact.recipients)
        hand_over(ready.folder, destination, ready.recipients)
    return Released(
        destination, digest, ids, revealed, ready.made.clips, ready.made.stills, ready.made.copies
    )


def draft(
    ledger: Ledger,
    catalogue: Catalogue,
    destination: Path,
    selection: Selection,
    reveal: Sequence[str] = (),
    policy: Policy = NO_POLICY,
    checkpoints: Sequence[Checkpoint] = (),
    recipients: Sequence[str] = (),
    progress: Callable[[str], None] = lambda text: None,
    look: Callable[[Ready], None] = lambda ready: None,
    escrow: Escrow | None = None,
) -> Draft:
    """Return what :func:`release` would show, for people to approve; nothing stays and nothing is entered.

    `look` is shown it while it is there.
    """
    making = _making(
        ledger, catalogue, destination, selection, reveal, policy, checkpoints, recipients, progress, escrow
    )
    with making as ready:
        look(ready)
        return ready.draft


@contextmanager
def _making(
    ledger: Ledger,
    catalogue: Catalogue,
    destination: Path,
    selection: Selection,
    reveal: Sequence[str],
    policy: Policy,
    checkpoints: Sequence[Checkpoint],
    recipients: Sequence[str],
    progress: Callable[[str], None],
    escrow: Escrow | None = None,
    *,
    within: bool = False,
) -> Iterator[Ready]:
    """Give a whole release that verifies, beside `destination`; it is gone afterwards unless it was moved.

    `within`: it is the escrow of another, which holds the copies that go out, whoever they are marked for.
    """
    if escrow is not None:
        # The escrow must hold the very copies that go out: once they are chosen, they are named.
        chosen_ones = _copies(ledger, catalogue, selection.under(policy), {*recipients, *policy.recipients})
        asked = zip(selection.copies, chosen_ones, strict=True)
        selection = replace(selection, copies=tuple(replace(one, sha256=it.sha256) for one, it in asked))
        progress("making the exact proofs for the escrow")
        exact_proofs = _making(
            ledger,
            catalogue,
            escrow.path,
            exact_of(selection),
            REVEALED,
            NO_POLICY,
            (),
            escrow.recipients,
            progress,
            within=True,
        )
        with exact_proofs as kept:
            named = replace(selection, escrow=digest_of(kept.folder))
            making = _making(
                ledger, catalogue, destination, named, reveal, policy, checkpoints, recipients, progress
            )
            with making as ready:
                yield replace(ready, exact=kept)
        return
    selection = selection.under(policy)
    selection.refuse_source()
    recipients = sorted({*recipients, *policy.recipients})
    wanted = frozenset(reveal)
    policies.refuse_never(policy, wanted | _told(selection))
    chosen = choose(sorted(wanted | policy.reveal))
    policies.require(
        policy,
        whole=bool(selection.items),
        clips=bool(selection.clips or selection.stills),
        encrypted=bool(recipients),
        copies=bool(selection.copies),
        escrow=bool(selection.escrow),
    )
    exact = policy.bit_exact and not policy.never & {"content", "tracks"}
    _refuse_unknown(ledger, selection.answers)
    copies = _copies(ledger, catalogue, selection, recipients)
    if not within:
        refuse_marks(ledger, copies, recipients, selection)
    stills = chosen_stills(ledger, [asked.still for asked in selection.stills])
    parts = _parts(catalogue, selection, stills, copies)
    ledger.frozen.refuse([item_id(part.leaf) for part in parts])
    check_destination(destination, recipients)
    with workplace(destination, secret=bool(recipients)) as folder:
        builder = Builder(
            ledger,
            folder,
            chosen,
            selection,
            checkpoints,
            seal_date=policy.seal_date,
            exact=exact,
            plans=within,
        )
        made = builder.build(parts, progress)
        _verify_own(folder, ledger, progress)
        yield Ready(folder, made, chosen, parts, recipients)


def _copies(
    ledger: Ledger, catalogue: Catalogue, selection: Selection, recipients: Collection[str]
) -> list[Redaction]:
    """Return the redacted copies that are asked for, where marks are wanted those of the one recipient."""
    only = next(iter(recipients)) if selection.watermark and len(recipients) == 1 else ""
    return [choose_copy(ledger, catalogue.find(asked.item).item, asked, only) for asked in selection.copies]


def _told(selection: Selection) -> frozenset[str]:
    """Return the fields that a selection shows without naming them."""
    told = set()
    if selection.items:
        told |= {"size", "sha256", "content"}
    if selection.clips:
        told |= {"content", "tracks"}
    if selection.stills:
        told.add("tracks")
    if selection.account & {"items", "withheld"}:
        told.add("delivery.items")
    return frozenset(told)


def _refuse_unknown(ledger: Ledger, answers: Sequence[Answer]) -> None:
    """Raise RefusedError for an answer to a release that the log does not know."""
    if not answers:
        return
    acts = (act.body.fields for act in ledger.acts(derived=False) if act.body is not None)
    known = {fields["release"] for fields in acts if fields["kind"] == "released"}
    for answer in answers:
        if answer.release not in known:
            raise RefusedError(
                f"the log knows no release {answer.release}",
                "it is the SHA-256 of the earlier release's release.json",
            )


def _parts(
    catalogue: Catalogue, selection: Selection, stills: Sequence[ChosenStill], copies: Sequence[Redaction]
) -> list[Part]:
    """Return what is shown of each item, each once."""
    rows: dict[bytes, ItemRow] = {}
    whole: set[bytes] = set()
    clips: dict[bytes, list[Asked]] = {}
    asked = [(item, True, None) for item in selection.items]
    every: list[tuple[str, bool, Asked | None]] = [*asked]
    every += [(clip.item, False, clip) for clip in selection.clips]
    every += [(item, False, None) for item in selection.fields]
    every += [(said.item, False, None) for said in selection.statements]
    every += [(still.item, False, None) for still in stills]
    every += [(copy.item, False, None) for copy in copies]
    pictures: dict[str, list[tuple[ChosenStill, AskedStill]]] = {}
    for still, asked_still in zip(stills, selection.stills, strict=True):
        pictures.setdefault(still.item, []).append((still, asked_still))
    for item, is_whole, clip in every:
        row = catalogue.find(item)
        _refuse_links(row)
        rows[row.leaf] = row
        if is_whole:
            whole.add(row.leaf)
        if clip is not None:
            clips.setdefault(row.leaf, []).append(clip)
    if not rows and not selection.answers:
        raise UsageError(
            "nothing is chosen to be released",
            "give --item, --clip, --still, --redacted, --fields-of or --statement",
        )
    return [
        Part(
            row.delivery, leaf, leaf in whole, tuple(clips.get(leaf, ())), tuple(pictures.get(row.item, ())),
            tuple(copy for copy in copies if copy.item == row.item),
        )
        for leaf, row in rows.items()
    ]  # fmt: skip


def _refuse_links(row: ItemRow) -> None:
    if row.same_as:
        raise RefusedError(
            f"item {row.item} is another name of item {row.same_as}", f"release {row.same_as} instead"
        )


def _verify_own(folder: Path, ledger: Ledger, progress: Callable[[str], None]) -> None:
    progress("checking the release as a stranger would")
    report = verify(folder, Anchors(vault_keys=(ledger.vault.config.vault_key.encode(),)))
    if report.verdict != Verdict.VERIFIED:
        reasons = "; ".join(f.text for f in report.findings if f.status == "fail")
        raise TamperedError(f"the release does not verify: {reasons}", "check the vault: bearwitness check")
