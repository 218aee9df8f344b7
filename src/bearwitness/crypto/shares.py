"""Splitting an identity k-of-n on paper: SLIP-39 mnemonics of its 32 bytes, without a passphrase.

SLIP-39 shares carry a checksum each and a digest together, yet a wrong passphrase yields another secret
without a word; so none is used, and whoever combines compares the public key afterwards.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from bearwitness.errors import KeyUnlockError, UsageError

SHARES_MAX: Final = 16  # what SLIP-39 holds
_WORDS = re.compile(r"[a-z]+( [a-z]+){19,}\Z")


def split(secret: bytes, threshold: int, count: int) -> list[str]:
    """Return `count` mnemonics of which any `threshold` give back the 32-byte `secret`."""
    if not 2 <= threshold <= count <= SHARES_MAX:
        raise UsageError(
            f"{threshold} of {count} is not possible: 2 to {SHARES_MAX}, not more needed than made"
        )
    import shamir_mnemonic

    groups = shamir_mnemonic.generate_mnemonics(1, [(threshold, count)], secret)
    return list(groups[0])


def combine(mnemonics: Sequence[str]) -> bytes:
    """Return the secret the mnemonics stand for; the caller compares the public key."""
    import shamir_mnemonic  # not above: few who open a vault have shares, and its words take 10 ms to load
    from shamir_mnemonic.utils import MnemonicError

    distinct = list(dict.fromkeys(mnemonics))
    try:
        needed = shamir_mnemonic.share.Share.from_mnemonic(distinct[0]).member_threshold
        if len(distinct) < needed:  # the library says it with words of the share
            raise KeyUnlockError(
                f"the shares do not fit together: {needed} different ones are needed, not {len(distinct)}",
                "give --identity once for each share",
            )
        return bytes(shamir_mnemonic.combine_mnemonics(distinct[:needed]))
    except MnemonicError as error:
        raise KeyUnlockError(
            f"the shares do not fit together: {error}", "check the words; all shares must be of one split"
        ) from None


def looks_like_share(line: str) -> bool:
    """Say whether `line` is words as a SLIP-39 mnemonic is."""
    return bool(_WORDS.match(line))
