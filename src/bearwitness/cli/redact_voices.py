"""What `redact` does with voices: muted unless told otherwise, whispered, spoken again, or kept."""

from __future__ import annotations

import argparse
from pathlib import Path

from bearwitness.errors import UsageError
from bearwitness.redact import words
from bearwitness.redact.changing import LABELS
from bearwitness.redact.footage import Footage
from bearwitness.redact.plan import SPEAK, WHISPER, Plan, Utterance
from bearwitness.redact.redaction import Workshop
from bearwitness.redact.speaking import speaker

from .files import write_new
from .output import Output


def refuse_voices(options: argparse.Namespace) -> None:
    """Raise UsageError unless --words, --rest and --voices fit, SpeakerMissingError if none can speak."""
    if (options.words is not None) != (options.voices == SPEAK):
        raise UsageError(
            "--voices speak and --words go together: the one says how, the other what",
            "get a text to correct with: bearwitness redact FILE --plan-only --write-down TEXT",
        )
    if options.rest != "keep" and options.voices not in (WHISPER, SPEAK):
        raise UsageError("--rest goes with --voices whisper or --voices speak")
    if options.voices == SPEAK:
        speaker()


def with_voices(
    workshop: Workshop, footage: Footage, plan: Plan, options: argparse.Namespace, out: Output
) -> Plan:
    """Return the plan with what is asked for done to voices; speech is muted if nothing is.

    A plan that was given says what to do, unless --voices says otherwise.
    """
    if options.write_down is not None:
        write_new(options.write_down, words.draft(workshop.write_down(footage)).encode())
        out.say(f"{options.write_down}: what a machine heard; it tells what was said, keep it as the footage")
    rest = options.rest == "mute"
    if options.voices in LABELS:
        out.say(f"{options.voices}: {LABELS[options.voices]}")
    if options.voices == WHISPER:
        return workshop.whisper_speech(footage, plan, mute_rest=rest)
    if options.voices == SPEAK:
        return workshop.speak_words(footage, plan, _read(options.words), mute_rest=rest)
    if options.voices == "mute" or (options.voices is None and options.plan is None):
        return workshop.mute_speech(footage, plan)
    return plan


def _read(path: Path) -> list[Utterance]:
    try:
        return words.read(path.read_bytes())
    except OSError as error:
        raise UsageError(f"{path} can not be read: {error.strerror}") from None
