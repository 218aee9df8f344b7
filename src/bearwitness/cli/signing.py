"""What the commands have in common that let people sign: keys, notes in files, entering."""

from __future__ import annotations

import argparse
import os
from pathlib import Path

from bearwitness.custody.signing import SigningKey
from bearwitness.disclose.request import REQUEST_BYTES_MAX, Request
from bearwitness.errors import MalformedError, RefusedError, UsageError, storage_error
from bearwitness.vault import personkeys, signed, signing_acts
from bearwitness.vault.signed_acts import Signed
from bearwitness_verify.note import NOTE_BYTES_MAX

from .options import ask
from .unlocking import Opened


def add_person_key(parser: argparse.ArgumentParser) -> None:
    """Add --person-key."""
    parser.add_argument(
        "--person-key",
        metavar="FILE",
        type=Path,
        help="the key of who signs, made by: bearwitness people new",
    )


def require_person_key(options: argparse.Namespace) -> None:
    """Raise UsageError where nobody is named who signs."""
    if options.person_key is None:
        raise UsageError("this needs --person-key", "make one with: bearwitness people new -o FILE")


def person_key(options: argparse.Namespace) -> SigningKey:
    """Return the key of who signs."""
    require_person_key(options)
    return personkeys.read(options.person_key, ask)


def enter(at: Opened, fields: signing_acts.Fields) -> Signed:
    """Enter what somebody signed, and return what the log says now."""
    signing_acts.enter(at.ledger, signed.read(at.ledger), fields)
    return signed.read(at.fresh_ledger())


def read_note(path: Path) -> str:
    """Return the text of a signed note in a file."""
    try:
        return path.read_bytes()[: NOTE_BYTES_MAX + 1].decode("utf-8")
    except OSError as error:
        raise UsageError(f"{path} can not be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise UsageError(f"{path} holds no signed note") from None


def write_new(path: Path, text: str) -> None:
    """Write a file that must not be there yet."""
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o644)
    except FileExistsError:
        raise RefusedError(f"{path} is there already", "choose another place") from None
    except OSError as error:
        raise storage_error(error, str(path)) from error
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)


def needed(options: argparse.Namespace, *names: str) -> None:
    """Raise UsageError for the options of `names` that were not given, all at once."""
    missing = [f"--{name.replace('_', '-')}" for name in names if not getattr(options, name)]
    if missing:
        raise UsageError(f"this needs {', '.join(missing)}")


def read_request(path: Path) -> Request:
    """Return the release request in a file."""
    try:
        with path.open("rb") as file:
            return Request.decode(file.read(REQUEST_BYTES_MAX + 1))
    except OSError as error:
        raise UsageError(f"{path} can not be read: {error.strerror}") from None
    except MalformedError as error:
        hint = error.hint or "a request is written by: bearwitness request"
        raise MalformedError(f"{path} is no release request: {error.message}", hint) from None
