"""Steps 7 to 9 of a verification: time stamps, cosignatures, whether the vault is the known one."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from . import evidence, note, stamps
from .anchors import Anchors
from .checkpoint import Checkpoint, LogProof, read_checkpoint
from .errors import MalformedError, ProofError, SignatureError, VerifyError
from .note import VerifierKey
from .release import Release, ShownDelivery
from .report import Report, printable


def check_stamps(delivery: ShownDelivery, name: str, anchors: Anchors, report: Report) -> None:
    """Step 7: if roots of authorities were given, a stamp by one of them holds.

    A release may carry stamps by several authorities and a reader trust one of them: those that do not
    hold below the roots given are told of, and fail the step only if none holds.
    """
    times: list[datetime] = []
    reasons: list[str] = []
    for key, proof, files in evidence.all_proofs(delivery):
        if files and not anchors.roots:
            report.note(7, f"{name} carries {len(files)} time stamps; give --tsa-root to check them")
        elif files:
            plain = note.parse(proof.note).plain(key).encode()
            try:
                for chain in stamps.apart(files):
                    _chain(chain, plain, name, anchors, report, times, reasons)
            except VerifyError as error:
                reasons.append(printable(str(error)))
    for reason in reasons:
        (report.note if times else report.fail)(7, f"{name}: {reason}")
    if times:
        report.ok(7, f"{name} was sealed not later than {min(times).isoformat()}")
    elif anchors.roots and not reasons:
        report.fail(7, f"{name} has no time stamp")


def _chain(
    files: Sequence[bytes],
    plain: bytes,
    name: str,
    anchors: Anchors,
    report: Report,
    times: list[datetime],
    reasons: list[str],
) -> None:
    """Judge one stamp with its renewals; add the latest moment it may mean, or why it does not hold."""
    try:
        stamped = stamps.verify_chain(files, plain, anchors.roots)
    except VerifyError as error:
        reasons.append(printable(str(error)))
        return
    for stamp in stamped:
        revoked = "" if stamp.revocation_checked else "; whether it was revoked is not known"
        report.ok(7, f"{name}: stamped {stamp.time.isoformat()} by {printable(stamp.authority)}{revoked}")
        times.append(stamp.latest)


def check_anchors(shown: Release, anchors: Anchors, report: Report) -> None:
    """Steps 8 and 9: all keys, cosigners and checkpoints given; `report` is anchored if each holds.

    They must bear what is shown, too: see :func:`_without_key`.
    """
    held = []
    if anchors.vault_keys:
        held.append(_known_key(shown, anchors, report))
    held += [_cosigned(shown, cosigner, report) for cosigner in anchors.cosigners]
    held += [
        _at_checkpoint(shown, path, checkpoint, signed, report)
        for path, checkpoint, signed in anchors.checkpoints
    ]
    report.anchored = bool(held) and all(held)
    if not held:
        report.note(9, f"the release names the vault {shown.vault.fingerprint}")
    signed_by = {checkpoint.origin for _, checkpoint, _ in anchors.checkpoints}
    if report.anchored and not anchors.vault_keys and shown.vault.name not in signed_by:
        report.anchored = _without_key(shown, report)


def _without_key(shown: Release, report: Report) -> bool:
    """Say whether cosigners, and checkpoints of kits' logs, are enough for what is shown; tell why not.

    They know a vault by its name alone, and anybody can make a key of that name, sign the same checkpoint
    with it, and then other things. So they vouch for deliveries and items, and for nothing that is bound by
    the vault's key without them: redacted copies, stills, answers, and what is only said.
    """
    signer = f"the key that signed this release, {shown.vault.fingerprint}, for which nothing given vouches"
    items = [item for delivery in shown.deliveries for item in delivery.items]
    if shown.answers or any(item.stills or item.copies for item in items):
        report.note(
            9, f"redacted copies, stills, corrections and recalls rest on {signer}: give the vault's key, too"
        )
        return False
    report.note(9, f"what is said besides the proofs is the word of whoever holds {signer}")
    return True


def _known_key(shown: Release, anchors: Anchors, report: Report) -> bool:
    if anchors.knows(shown.vault):
        report.ok(9, f"the vault's key is the one you gave, {shown.vault.fingerprint}")
        return True
    report.fail(9, "the vault's key is not the one you gave: this release is of another vault")
    return False


def _vault_proofs(shown: Release, delivery: ShownDelivery) -> list[LogProof]:
    return [proof for key, proof, _ in evidence.all_proofs(delivery) if key == shown.vault]


def _cosigned(shown: Release, cosigner: VerifierKey, report: Report) -> bool:
    if not shown.deliveries:
        report.note(8, f"no delivery is shown that {cosigner.name} could have cosigned; give the vault's key")
        return False
    for number, delivery in enumerate(shown.deliveries, start=1):
        times, reason = [], "no checkpoint of the vault's is shown"
        try:
            for proof in _vault_proofs(shown, delivery):
                try:
                    times.append(cosigner.verify(note.parse(proof.note)))
                except SignatureError as error:
                    reason = str(error)
        except MalformedError as error:
            reason = str(error)
        if not times:
            report.fail(8, f"delivery {number} is not cosigned by {cosigner.name}: {reason}")
            return False
        seen = datetime.fromtimestamp(min(times), UTC).isoformat()
        report.ok(8, f"delivery {number}: its checkpoint was seen by {cosigner.name} on {seen}")
    return True


def _at_checkpoint(shown: Release, path: str, known: Checkpoint, signed: note.Note, report: Report) -> bool:
    """Check that every delivery is in the very tree of a checkpoint the reader holds, of whichever log."""
    if not shown.deliveries:
        report.note(9, f"{path}: no delivery is shown that could be in that checkpoint; give the vault's key")
        return False
    try:
        for number, delivery in enumerate(shown.deliveries, start=1):
            _same_tree(number, delivery, known, signed)
    except VerifyError as error:
        report.fail(9, f"{path}: {printable(str(error))}")
        return False
    report.ok(9, f"every delivery is in the checkpoint of {path}, size {known.size} of {known.origin}")
    return True


def _same_tree(number: int, delivery: ShownDelivery, known: Checkpoint, signed: note.Note) -> None:
    proofs = [(key, proof) for key, proof, _ in evidence.all_proofs(delivery) if key.name == known.origin]
    if not proofs:
        raise ProofError(f"delivery {number} is not shown to be in the log {known.origin}")
    for key, _ in proofs:
        read_checkpoint(signed.encode(), key)
    heads = [Checkpoint.parse(note.parse(proof.note).text) for _, proof in proofs]
    same_size = [head for head in heads if head.size == known.size]
    if any(head != known for head in same_size):
        raise ProofError("FORK: two different logs of this size were signed; keep both as evidence")
    if not same_size:
        raise ProofError(
            f"delivery {number} is not shown to be in that checkpoint (size {known.size}); "
            "ask for the release made with --checkpoint"
        )
