"""A vault in which everything has happened, made once a session."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import cache
from typing import Any, Self

import pytest

from bearwitness.crypto import bech32
from bearwitness.custody.entries import Entry
from bearwitness.keep import sharing_out
from bearwitness_verify import timestamp
from bearwitness_verify.certificates import Certificate
from bearwitness_verify.note import VerifierKey
from bearwitness_verify.reply import Token
from workbench import Scene


@pytest.fixture(scope="session")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Scene:
    """Return the vault; whoever alters it works on a copy, or puts everything back."""
    return Scene(tmp_path_factory.mktemp("scene"))


class InlinePool:
    """A process pool that is this process: thousands of checks of a tiny vault need no processes."""

    def __init__(self, *_: object, **__: object) -> None:
        pass

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def map(self, function: Callable[..., Any], *arguments: Iterable[Any]) -> Iterator[Any]:
        return map(function, *arguments)


@pytest.fixture
def inline(monkeypatch: pytest.MonkeyPatch) -> Sequence[object]:
    """Let `check` work in this process alone."""
    monkeypatch.setattr(sharing_out, "ProcessPoolExecutor", InlinePool)
    return ()


@pytest.fixture
def remembering(monkeypatch: pytest.MonkeyPatch) -> Sequence[object]:
    """Let what was found to hold of some bytes hold again, in thousands of checks of one vault.

    By all the bytes that it depends on, so that what is altered is worked out anew; that something does not
    hold is never remembered.
    """
    token_of, check, stamped = cache(timestamp.parse_reply), timestamp.check_consistent, {}

    def check_once(token: Token, message: bytes, more: Sequence[bytes] = ()) -> Certificate:
        key = (id(token), message, tuple(more))  # tokens are those of the cache, and stay
        if key not in stamped:
            stamped[key] = check(token, message, more)
        return stamped[key]

    monkeypatch.setattr(timestamp, "parse_reply", token_of)
    monkeypatch.setattr(timestamp, "check_consistent", check_once)
    monkeypatch.setattr(VerifierKey, "_verify_one", cache(VerifierKey._verify_one))
    monkeypatch.setattr(Entry, "decode", staticmethod(cache(Entry.decode)))
    monkeypatch.setattr(bech32, "decode", cache(bech32.decode))
    return ()
