"""Have the log seen by somebody else, so that it can not be rewritten unnoticed; or be that somebody.

new      make a cosigner's key
request  write what a cosigner is asked, to carry it there by hand
sign     be the cosigner: sign a request, unless the log forked since the last time
add      keep a cosignature that came back
ask      do all three over the network (a C2SP witness)"""

from __future__ import annotations

import argparse
from pathlib import Path

from bearwitness.custody import cosigner
from bearwitness.custody.signing import SigningKey
from bearwitness.errors import RefusedError, UsageError, storage_error
from bearwitness.store.local import write_new
from bearwitness.vault.change import Change
from bearwitness.vault.opening import open_vault
from bearwitness.vault.vault import Vault
from bearwitness_verify.note import COSIGNATURE, VerifierKey

from .output import EXIT_DONE, Output

EXAMPLES = """
  bearwitness cosign new --name paper.example/desk -o cosigner.key
  bearwitness cosign request request.txt --vault vault
  bearwitness cosign sign request.txt --key cosigner.key --state seen/ --log-key bearwitness/3f…+… > line.txt
  bearwitness cosign add line.txt --vault vault --cosigner paper.example/desk+…
  bearwitness cosign ask --vault vault --url https://witness.example/ --cosigner witness.example+…
"""
ACTIONS = ("new", "request", "sign", "add", "ask")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of this verb."""
    parser.add_argument("action", choices=ACTIONS)
    parser.add_argument("file", metavar="FILE", type=Path, nargs="?", help="the request, or the cosignature")
    parser.add_argument("--vault", metavar="VAULT", type=Path, help="the vault or kit whose log it is")
    parser.add_argument("--cosigner", metavar="K", default="", help="the cosigner's public key")
    parser.add_argument(
        "--old", metavar="N", type=int, help="request: the size the cosigner saw last (default: known)"
    )
    parser.add_argument("--name", metavar="NAME", default="", help="new: the cosigner's name")
    parser.add_argument("-o", "--output", metavar="FILE", type=Path, help="new: where to keep the secret key")
    parser.add_argument("--key", metavar="FILE", type=Path, help="sign: the cosigner's secret key")
    parser.add_argument("--state", metavar="DIR", type=Path, help="sign: where the cosigner remembers logs")
    parser.add_argument(
        "--log-key", metavar="K", default="", help="sign: the key of a log to be known from now on"
    )
    parser.add_argument("--url", metavar="URL", default="", help="ask: the witness")


def run(options: argparse.Namespace, out: Output) -> int:
    """Run the verb; return its exit code."""
    actions = {"new": _new, "request": _request, "sign": _sign, "add": _add, "ask": _ask}
    return actions[options.action](options, out)


def _new(options: argparse.Namespace, out: Output) -> int:
    if not options.name or options.output is None:
        raise UsageError("a cosigner needs --name and -o FILE")
    key = SigningKey.generate(options.name, COSIGNATURE)
    VerifierKey.parse(key.verifier.encode())
    try:
        write_new(options.output, (key.encode() + "\n").encode())
    except FileExistsError:
        raise RefusedError(f"{options.output} is there already; a key is never overwritten") from None
    except OSError as error:
        raise storage_error(error, str(options.output)) from error
    text = key.verifier.encode()
    out.result({"cosigner": text, "key_file": str(options.output)}, text)
    return EXIT_DONE


def _open(options: argparse.Namespace) -> Vault:
    if options.vault is None:
        raise UsageError("this needs --vault")
    return open_vault(options.vault)


def _file(options: argparse.Namespace) -> Path:
    if options.file is None:
        raise UsageError("this needs a FILE")
    return Path(options.file)


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()[: cosigner.REQUEST_BYTES_MAX]
    except OSError as error:
        raise UsageError(f"{path} can not be read: {error.strerror}") from None


def _cosigner(options: argparse.Namespace) -> VerifierKey:
    if not options.cosigner:
        raise UsageError("this needs --cosigner, the public key that `cosign new` printed")
    key = VerifierKey.parse(options.cosigner)
    if key.algorithm != COSIGNATURE:
        raise UsageError("that is not the key of a cosigner")
    return key


def _request(options: argparse.Namespace, out: Output) -> int:
    vault = _open(options)
    known = options.old if options.old is not None else _last_seen(vault, options.cosigner)
    data = cosigner.request_for(vault.log, known).encode()
    path = _file(options)
    try:
        path.write_bytes(data)
    except OSError as error:
        raise storage_error(error, str(path)) from error
    out.result({"request": str(path), "size": vault.log.size, "old": known}, f"request in {path}")
    return EXIT_DONE


def _last_seen(vault: Vault, text: str) -> int:
    """Return the largest size that carries a cosignature of this cosigner (any, if none is named)."""
    from bearwitness_verify import note

    key = VerifierKey.parse(text) if text else None
    for size in reversed(vault.log.note_sizes()):
        signatures = note.parse(vault.log.note_bytes(size)).signatures
        if any(key.made(s) if key else not vault.log.key.made(s) for s in signatures):
            return size
    return 0


def _sign(options: argparse.Namespace, out: Output) -> int:
    if options.key is None or options.state is None:
        raise UsageError("to sign, a cosigner needs --key and --state")
    key = SigningKey.parse(_read(options.key).decode("ascii", "replace"))
    state = cosigner.CosignerState(options.state)
    if options.log_key:
        log_key = VerifierKey.parse(options.log_key)
        with state.alone():
            known = state.key_of(log_key.name)
            if known not in (None, log_key):
                raise RefusedError(f"another key is known for the log {log_key.name}")
            if known is None:
                state.remember(log_key, None)
    line = cosigner.cosign(_read(_file(options)), key, state).decode()
    out.result({"cosignature": line}, line.rstrip("\n"))
    return EXIT_DONE


def _add(options: argparse.Namespace, out: Output) -> int:
    return _keep(_open(options), _cosigner(options), _read(_file(options)), out)


def _keep(vault: Vault, key: VerifierKey, lines: bytes, out: Output) -> int:
    """Put a cosignature into the note it belongs to, bound by an entry."""
    with vault.writing():
        size, signatures = cosigner.read_cosignatures(lines, key, vault.log)
        change = Change(vault)
        change.put(vault.log.note_path(size), vault.log.add_signatures(size, signatures))
        change.commit({"kind": "cosigned", "cosigner": key.encode(), "size": str(size)})
    out.result({"cosigner": key.encode(), "size": size}, f"checkpoint {size} is cosigned by {key.name}")
    return EXIT_DONE


def _ask(options: argparse.Namespace, out: Output) -> int:
    from bearwitness.custody.witness import add_checkpoint

    if not options.url:
        raise UsageError("this needs --url")
    vault, key = _open(options), _cosigner(options)
    known = options.old if options.old is not None else _last_seen(vault, options.cosigner)
    lines = add_checkpoint(options.url, vault.log, known)
    return _keep(vault, key, lines, out)
