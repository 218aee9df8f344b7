"""Show chosen items, clips or statements to somebody, with proof that they were sealed in this vault,
saying nothing of the others.

DEST is a folder, or one file if it ends in .zip, or one encrypted file if it ends in .age (with --to).
Of each item its bytes, size, SHA-256 and fate are shown; of a clip its packets, without sound if
--no-sound, from the key frame at or before START, never beyond END. More is shown only if --reveal names
it: path, mtime, stat, md5, xattrs, origin, tracks of items; delivery.items (how many there are),
delivery.time, delivery.bytes, delivery.note and so on of the delivery. --profile applies a policy: press,
investigator, court, asylum, archive, or a file of your own.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from bearwitness.disclose import policies
from bearwitness.disclose.clip_choice import parse_asked
from bearwitness.disclose.copies import WrittenCopy, parse_copy
from bearwitness.disclose.escrow import Escrow
from bearwitness.disclose.inspecting import Inspected
from bearwitness.disclose.ranges import parse_range_words
from bearwitness.disclose.release import Released, draft, release
from bearwitness.disclose.selection import (
    Selection,
    check_conditions,
    parse_account_words,
    parse_answer,
    parse_pairs,
    parse_said,
)
from bearwitness.disclose.stills import WrittenStill, parse_asked_still
from bearwitness.errors import UsageError
from bearwitness_verify import note
from bearwitness_verify.account import Answer
from bearwitness_verify.checkpoint import Checkpoint

from .options import add_identity, add_items, add_vault
from .output import EXIT_DONE, Output, plural
from .releasing import add_gates, gate_of, inspected, tell_draft
from .unlocking import Opened, opened

EXAMPLES = """
  bearwitness release for-the-court/ --vault vault --identity anna.key --item 5f3a9c… --reveal path,mtime
  bearwitness release clip.zip --vault vault --identity anna.key --clip 5f3a9c…:1:20-1:45.5 --no-sound
  bearwitness release court.age --vault vault --identity anna.key --profile court --to age1… --item 5f3a9c…
  bearwitness release frame/ --vault vault --identity anna.key --still 81d0c2…#40,10,12,20
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of this verb."""
    parser.add_argument("destination", metavar="DEST", type=Path, help="a new folder, or a new .zip or .age")
    add_vault(parser)
    add_identity(parser)
    add_items(parser, required=False)
    many: dict[str, Any] = {"action": "append", "default": []}
    parser.add_argument(
        "--clip", metavar="ITEM:START-END[@TRACKS]", **many,
        help="a part of a recording: times in seconds or h:mm:ss.fff, tracks by number (repeatable)",
    )  # fmt: skip
    parser.add_argument("--no-sound", action="store_true", help="clips without sound")
    parser.add_argument(
        "--hide-length", action="store_true",
        help="clips that do not tell how long the recording is: without edit lists, of the first track only",
    )  # fmt: skip
    parser.add_argument(
        "--still", metavar="STILL[#X,Y,W,H]…", **many,
        help="a frame chosen by `bearwitness still`, regions to hide in per cent of the picture (repeatable)",
    )  # fmt: skip
    parser.add_argument(
        "--redacted", metavar="ITEM[:SHA256]", **many,
        help="a redacted copy: what was not altered in it is proven, the rest labelled (repeatable)",
    )  # fmt: skip
    parser.add_argument(
        "--escrow", metavar="FILE", type=Path,
        help="a new .age file: the exact proofs of what is shown, which the release names by their hash",
    )  # fmt: skip
    parser.add_argument(
        "--escrow-to", metavar="RECIPIENT", **many,
        help="a court's or keeper's age recipient, to whom the escrow is encrypted (repeatable)",
    )  # fmt: skip
    parser.add_argument(
        "--watermark", action="store_true",
        help="only redacted copies with a mark for the one recipient of --to (redact --mark-for)",
    )  # fmt: skip
    parser.add_argument("--fields-of", metavar="ITEM", help="show fields of an item, not its bytes", **many)
    parser.add_argument(
        "--statement", metavar="ITEM[@START-END][#X,Y,W,H]: TEXT", **many,
        help="words about an item, a time in it, a region of the picture in per cent (repeatable)",
    )  # fmt: skip
    parser.add_argument("--stated-by", metavar="NAME", default="", help="who says what --statement says")
    parser.add_argument("--reveal", metavar="FIELDS", help="fields, with commas between", **many)
    parser.add_argument(
        "--account", metavar="WORDS", **many,
        help="say how much is shown of how much: items, seconds, withheld (all others, with grounds)",
    )  # fmt: skip
    parser.add_argument(
        "--ranges", metavar="WORDS", **many,
        help="say in ranges, and not in numbers, what the deliveries hold: items, bytes, seconds, sealed",
    )  # fmt: skip
    parser.add_argument("--ground", metavar="ITEM=TEXT", help="why an item is withheld", **many)
    parser.add_argument("--other-ground", metavar="TEXT", default="", help="why all others are withheld")
    parser.add_argument(
        "--condition", metavar="NAME=TEXT", help="purpose, onward, embargo and so on, which travel", **many
    )
    for act, what in (("corrects", "is corrected by this one"), ("recalls", "is recalled, and why")):
        parser.add_argument(
            f"--{act}", metavar="RELEASE=REASON", **many,
            help=f"an earlier release, by the SHA-256 of its release.json, that {what} (repeatable)",
        )  # fmt: skip
    parser.add_argument("--profile", metavar="NAME|FILE", help="the policy to release under")
    add_gates(parser)
    parser.add_argument(
        "--print-profile", metavar="NAME", choices=policies.NAMES, action=_PrintProfile,
        help="print a profile, to make one of your own from it",
    )  # fmt: skip
    parser.add_argument(
        "--to", metavar="RECIPIENT", help="encrypt to this age recipient (repeatable)", **many
    )
    parser.add_argument(
        "--checkpoint", metavar="FILE", type=Path,
        help="prove it in this checkpoint as well, which the recipient holds already", **many,
    )  # fmt: skip


class _PrintProfile(argparse.Action):
    """Prints a policy and ends, without a vault."""

    def __call__(
        self,
        parser: argparse.ArgumentParser,
        namespace: argparse.Namespace,
        values: object,
        option_string: str | None = None,
    ) -> None:
        """Print the policy named."""
        print(policies.text_of(str(values)), end="")
        parser.exit()


def run(options: argparse.Namespace, out: Output) -> int:
    """Run the verb; return its exit code."""
    names = [name.strip() for text in options.reveal for name in text.split(",") if name.strip()]
    policy = policies.load(options.profile) if options.profile else policies.NO_POLICY
    selection = _selection(options)
    with opened(options, out, writing=True) as at:
        known = [_known(at, path) for path in options.checkpoint]
        if options.draft is not None:
            seen: list[tuple[Inspected, Mapping[str, str]]] = []
            drafted = draft(
                at.ledger, at.catalogue, options.destination, selection, names, policy, known, options.to,
                out.say, lambda ready: seen.append((inspected(ready, out), ready.conditions)),
                _escrow(options),
            )  # fmt: skip
            (looked, travelling), *_ = seen
            return tell_draft(options.draft, drafted, looked, policy, travelling, out)
        done = release(
            at.ledger, at.catalogue, options.destination, selection, names, policy, known, options.to,
            gate_of(at, options, out), out.say, _escrow(options),
        )  # fmt: skip
    data = {
        "release": str(done.path),
        "release_sha256": done.statement_sha256,
        "items": done.items,
        "stills": [_still(written) for written in done.stills],
        "redacted": [_copy(written) for written in done.copies],
        "clips": [_clip(done, number) for number in range(len(done.clips))],
        "revealed": done.revealed,
        "vault_key": at.vault.config.key,
        "vault_fingerprint": at.vault.fingerprint,
    }
    _tell(done, out)
    out.result(data, _words(done, at.vault.fingerprint, len(selection.answers)))
    return EXIT_DONE


def _selection(options: argparse.Namespace) -> Selection:
    conditions = parse_pairs(options.condition, "a condition")
    check_conditions(conditions)
    return Selection(
        items=tuple(options.item),
        clips=tuple(
            parse_asked(text, sound=not options.no_sound, hide_length=options.hide_length)
            for text in options.clip
        ),
        fields=tuple(options.fields_of),
        statements=tuple(parse_said(text, options.stated_by) for text in options.statement),
        account=parse_account_words(options.account),
        ranges=parse_range_words(options.ranges),
        grounds=parse_pairs(options.ground, "a ground"),
        other_ground=options.other_ground,
        conditions=conditions,
        copies=tuple(map(parse_copy, options.redacted)),
        watermark=options.watermark,
        stills=tuple(parse_asked_still(words, hide_length=options.hide_length) for words in options.still),
        answers=_answers(options.corrects, options.recalls),
    )


def _answers(corrects: list[str], recalls: list[str]) -> tuple[Answer, ...]:
    answers = [parse_answer("corrects", words) for words in corrects]
    answers += [parse_answer("recalls", words) for words in recalls]
    if len({answer.release for answer in answers}) < len(answers):
        raise UsageError("one release is named twice as corrected or recalled")
    return tuple(sorted(answers, key=lambda answer: answer.release))


def _clip(done: Released, number: int) -> dict[str, object]:
    taken = done.clips[number]
    return {
        "begin": f"{float(taken.begin):.6f}",
        "end": f"{float(taken.end):.6f}",
        "packets": {str(track.number): len(track.played) for track in taken.tracks},
        "proven_share": "1",
        "tells_length": taken.tells_length,
    }


def _escrow(options: argparse.Namespace) -> Escrow | None:
    if bool(options.escrow_to) != (options.escrow is not None):
        raise UsageError(
            "an escrow needs a file and a recipient", "give both --escrow FILE.age and --escrow-to"
        )
    return None if options.escrow is None else Escrow(options.escrow, tuple(options.escrow_to))


def _copy(written: WrittenCopy) -> dict[str, object]:
    return {
        "file": written.files[0].name,
        "sha256": written.files[0].sha256,
        "copied": written.copied,
        "pictures": written.pictures,
        "why_not": written.why_not,
    }


def _still(written: WrittenStill) -> dict[str, object]:
    return {
        "exact": written.exact,
        "picture": written.files[1].name,
        "tiles": str(written.tiles),
        "tiles_shown": str(written.shown),
    }


def _tell(done: Released, out: Output) -> None:
    """Say which packets were taken, and what a clip tells besides."""
    for copy in done.copies:
        if copy.why_not:
            out.say(f"{copy.files[0].name} is altered as a whole: {copy.why_not}")
        else:
            out.say(f"{copy.files[0].name}: {copy.copied} of {copy.pictures} pictures are proven bit for bit")
    for written in done.stills:
        hidden = written.tiles - written.shown
        out.say(f"{written.files[1].name}: {hidden} of {written.tiles} tiles are hidden")
        if not written.exact:
            out.say(f"{written.files[1].name} is labelled as derived: its codec leaves decoders a choice")
    for taken in done.clips:
        out.say(f"the clip runs from {taken.words}; all of its packets are proven bit for bit")
        if taken.tells_length:
            out.say(
                "its edit list, or a track that stands behind others in the sealed table, tells about how "
                "long the whole recording is; --hide-length withholds that"
            )


def _words(done: Released, fingerprint: str, answers: int) -> str:
    what = [plural(len(done.items), "item")] * bool(done.items or not answers)
    what += [f"word on {plural(answers, 'earlier release')}"] * bool(answers)
    text = f"released {' and '.join(what)} to {done.path}\n"
    checked = done.path
    if done.path.suffix == ".age":
        checked = Path("release.zip")
        text += (
            f"whoever holds a recipient's identity opens it with: age -d -i KEY -o {checked} {done.path}\n"
        )
    return text + f"check it with: bearwitness-verify {checked} --vault-key {fingerprint}"


def _known(at: Opened, path: Path) -> Checkpoint:
    """Return a checkpoint of the vault's log, or of a kit's that was imported."""
    try:
        signed = note.parse(path.read_bytes())
    except OSError as error:
        raise UsageError(f"{path} can not be read: {error.strerror}") from None
    checkpoint = Checkpoint.parse(signed.text)
    for log in (at.vault.log, *at.ledger.device_logs()):
        known = log.key.name == checkpoint.origin and checkpoint.size in log.note_sizes()
        if known and note.parse(log.note_bytes(checkpoint.size)).text == signed.text:
            return checkpoint
    raise UsageError(f"{path} is not a checkpoint of this vault's log, nor of a kit's")
