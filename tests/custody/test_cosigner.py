"""A cosigner signs what continues the last checkpoint it saw, and calls everything else by its name."""

from __future__ import annotations

import base64
import fcntl
import os
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest

from bearwitness.crypto import age
from bearwitness.custody import witness
from bearwitness.custody.cosigner import (
    BAD_REQUEST,
    CONFLICT,
    FORBIDDEN,
    NOT_FOUND,
    UNPROCESSABLE,
    CosignerState,
    CosignRefusedError,
    Request,
    cosign,
    read_cosignatures,
    request_for,
)
from bearwitness.custody.entries import Body, Entry
from bearwitness.custody.log import Log
from bearwitness.custody.signing import SigningKey
from bearwitness.errors import BearwitnessError, MalformedError, RefusedError, UsageError
from bearwitness.store.memory import MemoryStore
from bearwitness_verify import note
from bearwitness_verify.checkpoint import Checkpoint
from bearwitness_verify.note import COSIGNATURE

KEY = SigningKey("vault.example", 1, bytes(range(32)))
DESK = SigningKey("desk.example/w", COSIGNATURE, bytes(32))
READER = age.Identity(b"\x05" * 32).recipient
ENTRIES = [Entry.seal(Body({"kind": "restored", "note": str(n)}), READER) for n in range(20)]


def log_of(*numbers: int) -> Log:
    """Return a log of these entries, a checkpoint after each."""
    log = Log(MemoryStore(), KEY.verifier)
    for number in numbers:
        log.append([ENTRIES[number]], KEY)
    return log


@pytest.fixture
def state(tmp_path: Path) -> CosignerState:
    """Return a cosigner that knows the log and has signed nothing yet."""
    made = CosignerState(tmp_path / "seen")
    made.remember(KEY.verifier, None)
    return made


def ask(log: Log, old: int, state: CosignerState, now: int = 1_700_000_000) -> bytes:
    return cosign(request_for(log, old).encode(), DESK, state, now)


def refused(data: bytes, state: CosignerState) -> CosignRefusedError:
    with pytest.raises(CosignRefusedError) as caught:
        cosign(data, DESK, state, 1)
    return caught.value


# --- Signing -------------------------------------------------------------------------------------


def test_a_log_that_grows_is_cosigned_again_and_again(state: CosignerState) -> None:
    seen = 0
    for size in range(1, 9):
        log = log_of(*range(size))
        line = ask(log, seen, state, now=1000 + size)
        signed = note.parse(log.note_bytes(size) + line)
        assert DESK.verifier.verify(signed) == 1000 + size
        assert state.latest("vault.example") == log.checkpoint
        seen = size


def test_steps_of_any_length_are_cosigned(state: CosignerState) -> None:
    for old, new in ((0, 3), (3, 4), (4, 9), (9, 20)):
        assert ask(log_of(*range(new)), old, state)


def test_the_same_checkpoint_is_cosigned_once_more_if_asked(state: CosignerState) -> None:
    log = log_of(*range(4))
    assert ask(log, 0, state) == ask(log, 4, state)


def test_what_was_signed_is_remembered_by_a_cosigner_that_starts_again(tmp_path: Path) -> None:
    first = CosignerState(tmp_path)
    first.remember(KEY.verifier, None)
    ask(log_of(0, 1, 2), 0, first)
    again = CosignerState(tmp_path)
    assert again.key_of("vault.example") == KEY.verifier
    assert again.latest("vault.example") == log_of(0, 1, 2).checkpoint
    assert refused(request_for(log_of(0), 0).encode(), again).status == CONFLICT


def test_nothing_is_signed_before_it_is_remembered(
    state: CosignerState, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A cosigner that forgets what it signed can be led to sign a fork."""

    request = request_for(log_of(0, 1), 0).encode()

    def fail(*_: Any) -> None:
        raise OSError("disk full")

    monkeypatch.setattr(CosignerState, "remember", fail)
    signed: list[str] = []
    monkeypatch.setattr(SigningKey, "sign", lambda self, text, time=0: signed.append(text))
    with pytest.raises(OSError, match="disk full"):
        cosign(request, DESK, state, 1)
    assert signed == []


# --- Refusing ------------------------------------------------------------------------------------


def test_a_log_that_is_not_known_is_not_signed(tmp_path: Path) -> None:
    error = refused(request_for(log_of(0), 0).encode(), CosignerState(tmp_path))
    assert (error.status, error.body) == (NOT_FOUND, "")


def test_a_checkpoint_signed_by_another_key_is_not_signed(state: CosignerState) -> None:
    other = SigningKey("vault.example", 1, b"\x09" * 32)
    head = Checkpoint("vault.example", 3, bytes(32))
    error = refused(Request(0, (), note.parse(other.sign_note(head.text()))).encode(), state)
    assert error.status == FORBIDDEN
    assert state.latest("vault.example") is None


def test_a_fork_of_the_same_size_is_refused_and_called_one(state: CosignerState) -> None:
    ask(log_of(0, 1, 2), 0, state)
    error = refused(request_for(log_of(0, 1, 7), 3).encode(), state)
    assert (error.status, error.body) == (CONFLICT, "3\n")
    assert "FORK" in error.message


@pytest.mark.parametrize("forged", [(0, 9, 2, 3, 4), (9, 1, 2, 3, 4), (0, 2, 1, 3, 4)])
def test_a_log_that_rewrote_what_was_seen_is_refused_and_called_a_fork(
    forged: tuple[int, ...], state: CosignerState
) -> None:
    seen = log_of(0, 1, 2)
    ask(seen, 0, state)
    error = refused(request_for(log_of(*forged), 3).encode(), state)
    assert error.status == UNPROCESSABLE
    assert "FORK" in error.message
    assert state.latest("vault.example") == seen.checkpoint


def test_a_proof_that_is_altered_missing_or_of_another_step_is_refused(state: CosignerState) -> None:
    ask(log_of(*range(3)), 0, state)
    right = request_for(log_of(*range(10)), 3)
    other = request_for(log_of(*range(10)), 5)
    for proof in (right.proof[:-1], (), right.proof[::-1], (*right.proof, bytes(32)), other.proof):
        assert refused(Request(3, proof, right.signed).encode(), state).status == UNPROCESSABLE
    assert cosign(right.encode(), DESK, state, 1)


def test_the_size_seen_last_is_told_to_whoever_is_behind(state: CosignerState) -> None:
    ask(log_of(*range(5)), 0, state)
    for old in (0, 4):
        error = refused(request_for(log_of(*range(8)), old).encode(), state)
        assert (error.status, error.body) == (CONFLICT, "5\n")
    error = refused(Request(9, (), request_for(log_of(*range(8)), 5).signed).encode(), state)
    assert error.status == BAD_REQUEST


def test_an_older_checkpoint_is_not_signed_again(state: CosignerState) -> None:
    ask(log_of(*range(5)), 0, state)
    assert (
        refused(Request(5, (), request_for(log_of(*range(3)), 0).signed).encode(), state).status
        == BAD_REQUEST
    )
    assert state.latest("vault.example") == log_of(*range(5)).checkpoint


def test_nobody_else_cosigns_between_the_look_and_the_note_of_it(
    state: CosignerState, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two requests at once could both continue the last checkpoint, and be the two sides of a fork."""
    waiting: list[str] = []

    def while_held(name: str) -> None:
        other = os.open(tmp_path / "seen", os.O_RDONLY)
        with pytest.raises(BlockingIOError):
            fcntl.flock(other, fcntl.LOCK_EX | fcntl.LOCK_NB)
        os.close(other)
        waiting.append(name)

    latest, remember = state.latest, state.remember
    monkeypatch.setattr(state, "latest", lambda *given: (while_held("look"), latest(*given))[1])
    monkeypatch.setattr(state, "remember", lambda *given: (remember(*given), while_held("note"))[0])
    ask(log_of(0, 1), 0, state)
    assert waiting == ["look", "note"]
    assert CosignerState(tmp_path / "seen").latest("vault.example") == log_of(0, 1).checkpoint


def test_a_first_checkpoint_comes_without_a_proof(state: CosignerState) -> None:
    right = request_for(log_of(0, 1), 0)
    assert refused(Request(0, (bytes(32),), right.signed).encode(), state).status == UNPROCESSABLE


def test_no_request_is_made_of_a_log_older_than_what_was_seen() -> None:
    with pytest.raises(RefusedError, match="this is an older log"):
        request_for(log_of(0, 1), 5)


# --- Requests ------------------------------------------------------------------------------------


def test_a_request_is_the_one_c2sp_describes_and_read_back() -> None:
    log = log_of(*range(7))
    request = request_for(log, 3)
    lines = request.encode().decode().split("\n")
    assert lines[0] == "old 3"
    assert [base64.b64decode(line) for line in lines[1 : 1 + len(request.proof)]] == list(request.proof)
    assert "\n".join(lines[2 + len(request.proof) :]).encode() == log.note_bytes(7)
    assert Request.parse(request.encode()) == request


def test_a_request_carries_no_cosignature_of_others() -> None:
    log = log_of(0, 1)
    line = SigningKey("x", COSIGNATURE, bytes(32)).sign(note.parse(log.note_bytes(2)).text, 5)
    log._store.write(log.note_path(2), log.add_signatures(2, [line]))
    assert len(note.parse(log.note_bytes(2)).signatures) == 2
    assert [s.name for s in request_for(log, 0).signed.signatures] == ["vault.example"]


def cases() -> list[bytes]:
    good = request_for(log_of(*range(7)), 3).encode()
    return [
        b"",
        b"old 3\n",
        good.replace(b"old 3", b"old 03"),
        good.replace(b"old 3", b"old -3"),
        good.replace(b"old 3", b"Old 3"),
        good.replace(b"old 3\n", b"old 3\n\n", 1),
        good.replace(b"old 3\n", b"old 3\n====\n", 1),
        good.replace(b"old 3\n", b"old 3\n" + b"AAAA\n" * 64, 1),
        good.replace(b"old 3", b"old \xff"),
        good[:-1],
        good.replace(b"\n7\n", b"\n7\nextension\n"),
        good.replace(b"\n\n", b"\n"),
    ]


@pytest.mark.parametrize("data", cases())
def test_a_malformed_request_is_refused_as_one(data: bytes, state: CosignerState) -> None:
    error = refused(data, state)
    assert error.status in (BAD_REQUEST, FORBIDDEN)


# --- Bringing it home ----------------------------------------------------------------------------


def test_a_cosignature_finds_the_checkpoint_it_belongs_to(state: CosignerState) -> None:
    log = log_of(*range(6))
    earlier = log_of(*range(4))
    line = ask(earlier, 0, state)
    size, signatures = read_cosignatures(line, DESK.verifier, log)
    assert size == 4
    assert [s.line().encode() for s in signatures] == [line]


def test_more_cosignatures_than_a_note_may_carry_are_refused_before_they_are_kept() -> None:
    """A note with one signature too many can not be read again, nor the log proven in it."""
    log = log_of(*range(3))
    text = note.parse(log.note_bytes(3)).text
    lines = b"".join(DESK.sign(text, time).line().encode() for time in range(note.SIGNATURES_MAX))
    size, signatures = read_cosignatures(lines, DESK.verifier, log)
    with pytest.raises(RefusedError, match="more than 64 signatures"):
        log.add_signatures(size, signatures)
    note.parse(log.add_signatures(size, signatures[1:]))


def test_a_cosignature_of_something_else_is_refused(state: CosignerState) -> None:
    log = log_of(*range(6))
    foreign = DESK.sign(Checkpoint("elsewhere", 3, bytes(32)).text(), 1).line().encode()
    stranger = SigningKey("desk.example/w", COSIGNATURE, b"\x07" * 32)
    by_stranger = stranger.sign(note.parse(log.note_bytes(6)).text, 1).line().encode()
    for data in (foreign, by_stranger, b"", b"nonsense\n", b"\xff", foreign[:-1]):
        with pytest.raises(RefusedError, match="is no cosignature by"):
            read_cosignatures(data, DESK.verifier, log)


# --- Over the network, on this machine -----------------------------------------------------------


@contextmanager
def serving(answer: Callable[[bytes], tuple[int, bytes]]) -> Iterator[tuple[str, list[tuple[str, bytes]]]]:
    """Serve a witness on loopback; give its address and what it was asked."""
    asked: list[tuple[str, bytes]] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            data = self.rfile.read(int(self.headers["Content-Length"]))
            asked.append((self.path, data))
            status, body = answer(data)
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}", asked
        finally:
            server.shutdown()
            thread.join()


def as_witness(state: CosignerState) -> Callable[[bytes], tuple[int, bytes]]:
    def answer(data: bytes) -> tuple[int, bytes]:
        try:
            return 200, cosign(data, DESK, state, 7)
        except CosignRefusedError as error:
            return error.status, error.body.encode()

    return answer


def test_a_witness_over_the_network_is_asked_once_more_from_the_size_it_tells(state: CosignerState) -> None:
    ask(log_of(*range(3)), 0, state)
    log = log_of(*range(8))
    with serving(as_witness(state)) as (url, asked):
        line = witness.add_checkpoint(url + "/", log, 0)
    assert [path for path, _ in asked] == ["/add-checkpoint"] * 2
    assert [Request.parse(data).old_size for _, data in asked] == [0, 3]
    assert read_cosignatures(line, DESK.verifier, log)[0] == 8


@pytest.mark.parametrize(
    ("status", "body", "questions"),
    [(409, b"3\n", 2), (409, b"9" * 6000, 1), (409, b"x", 1), (403, b"no \x1b[2J", 1), (500, b"\xff", 1)],
)
def test_a_witness_that_does_not_sign_says_why_and_is_not_asked_for_ever(
    status: int, body: bytes, questions: int
) -> None:
    with serving(lambda data: (status, body)) as (url, asked), pytest.raises(BearwitnessError) as caught:
        witness.add_checkpoint(url, log_of(*range(8)), 0)
    assert len(asked) == questions
    assert f"(status {status})" in caught.value.message
    assert caught.value.message.isprintable()
    assert len(caught.value.message) < 400


def test_a_witness_that_claims_to_have_seen_more_than_there_is_is_told_apart() -> None:
    with serving(lambda data: (409, b"99\n")) as (url, _), pytest.raises(RefusedError, match="older log"):
        witness.add_checkpoint(url, log_of(*range(3)), 0)


@pytest.mark.parametrize("garbage", [b"no http\r\n\r\n", b"HTTP/1.0 x\x1b[2J\r\n\r\n", b""])
def test_a_witness_learns_nothing_of_our_software_and_its_garbage_is_an_error_with_a_sentence(
    garbage: bytes,
) -> None:
    asked: list[bytes] = []
    with socket.create_server(("127.0.0.1", 0)) as server:

        def answer() -> None:
            connection, _ = server.accept()
            with connection:
                asked.append(connection.recv(1 << 16))
                connection.sendall(garbage)

        thread = threading.Thread(target=answer)
        thread.start()
        with pytest.raises(BearwitnessError, match="can not be reached") as caught:
            witness.add_checkpoint(f"http://127.0.0.1:{server.getsockname()[1]}", log_of(0), 0)
        thread.join()
    assert caught.value.message.isprintable()
    assert asked[0].startswith(b"POST /add-checkpoint ")
    assert b"user-agent" not in asked[0].lower()


@pytest.mark.parametrize("url", ["file:///etc/passwd", "ftp://x", "example.org", "", "data:text/plain,x"])
def test_only_http_is_spoken(url: str) -> None:
    with pytest.raises(UsageError, match="not an address"):
        witness.add_checkpoint(url, log_of(0), 0)


def test_a_witness_that_is_not_there_is_an_error_with_a_sentence() -> None:
    with pytest.raises(BearwitnessError, match="can not be reached"):
        witness.add_checkpoint("http://127.0.0.1:1", log_of(0), 0)


def test_the_log_of_a_cosigner_is_another_file_for_every_origin(tmp_path: Path) -> None:
    state = CosignerState(tmp_path)
    keys = [SigningKey.generate(f"origin-{n}").verifier for n in range(5)]
    for key in keys:
        state.remember(key, None)
    assert [state.key_of(key.name) for key in keys] == keys
    assert state.key_of("../../etc/passwd") is None
    with pytest.raises(MalformedError):
        Request.parse(b"old 1")
