"""The root of every error Bearwitness raises on purpose.

    BearwitnessError           something a person can be told in a sentence
    └── VerifyError            what was to be checked does not hold
        ├── MalformedError     bytes that are not what the format says
        ├── ProofError         a hash or proof that does not lead where it claims
        └── SignatureError     a signature, key or stamp that does not hold

The rest of the tree is in :mod:`bearwitness.errors`. An error carries the sentence (`str`),
what to do next (`hint`) and the exit code of the command that fails with it.
"""

from __future__ import annotations


class BearwitnessError(Exception):
    """Base of the tree; `message` is a sentence for people, `hint` says what to do next."""

    exit_code = 1

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class VerifyError(BearwitnessError):
    """What was to be checked does not hold."""


class MalformedError(VerifyError):
    """The bytes are not what docs/format.md says they must be."""


class ProofError(VerifyError):
    """A proof does not lead from the leaf to the root it claims."""


class SignatureError(VerifyError):
    """A signature, key or stamp does not hold."""
