"""Words as the full-text search knows them: small letters, stems of Russian and English (Snowball)."""

from __future__ import annotations

import importlib
import re
import threading
import unicodedata
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final

_WORD: Final = re.compile(r"[^\W_]+", re.UNICODE)
_WANTED: Final = re.compile(r'"([^"]*)"|([^\s"]+)')
_WORD_LENGTH_MAX: Final = 64
_LOCK: Final = threading.Lock()  # a stemmer keeps the word it works on


@lru_cache
def _stemmer(language: str) -> Any:
    """Return a stemmer. Its package loads all 36 languages, which most commands need none of."""
    return importlib.import_module("snowballstemmer").stemmer(language)


@lru_cache(maxsize=200_000)
def stem(word: str) -> str:
    """Return the stem of one word in small letters; what is neither Cyrillic nor Latin stays as it is."""
    short = word[:_WORD_LENGTH_MAX]
    with _LOCK:
        if any("а" <= letter <= "я" for letter in short):
            return str(_stemmer("russian").stemWord(short))
        if any("a" <= letter <= "z" for letter in short):
            return str(_stemmer("english").stemWord(short))
    return short


@dataclass(frozen=True)
class Asked:
    """Words that a person wants to stand one after the other.

    `beginning` is how the last of them begins, empty where it is that word; its stem is the last of `stems`.
    """

    stems: list[str]
    beginning: str


def words(text: str) -> list[str]:
    """Return all words of `text` in small letters, in order."""
    return _WORD.findall(unicodedata.normalize("NFKC", text).casefold().replace("ё", "е"))


def stems(text: str) -> list[str]:
    """Return the stems of all words of `text`, in order."""
    return [stem(word) for word in words(text)]


def asked(wanted: str) -> list[Asked]:
    """Return what a person typed: words, and in quotation marks phrases.

    A word that ends in ``*`` stands for all that begin so. Empty where nothing was typed that can be found.
    """
    found = []
    for phrase, word in _WANTED.findall(wanted):
        typed = words(phrase or word.rstrip("*"))
        if typed:
            beginning = typed[-1] if not phrase and word.endswith("*") else ""
            found.append(Asked([stem(each) for each in typed], beginning))
    return found


def query(wanted: str) -> str:
    """Return the FTS5 query for what a person typed: all of it, in any order; empty for nothing."""
    parts = []
    for each in asked(wanted):
        part = '"' + " ".join(each.stems) + '"'
        if each.beginning:  # the stem of a word may be shorter than what was typed of it
            begun = '"' + " ".join([*each.stems[:-1], each.beginning]) + '"*'
            part = f"({part} OR {begun})"
        parts.append(part)
    return " AND ".join(parts)
