"""Words as the full-text search knows them: small letters, stems of Russian and English (Snowball)."""

from __future__ import annotations

import importlib
import re
import threading
import unicodedata
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


def stems(text: str) -> list[str]:
    """Return the stems of all words of `text`, in order."""
    usual = unicodedata.normalize("NFKC", text).casefold().replace("ё", "е")
    return [stem(word) for word in _WORD.findall(usual)]


def query(wanted: str) -> str:
    """Return the FTS5 query for what a person typed: all words, in any order; in quotation marks a phrase.

    A word that ends in ``*`` stands for all that begin so. Empty where nothing was typed that can be found.
    """
    parts = []
    for phrase, word in _WANTED.findall(wanted):
        found = stems(phrase or word.rstrip("*"))
        if not found:
            continue
        prefix = "*" if not phrase and word.endswith("*") else ""
        if prefix:  # a stem is not the beginning of all its words: take what was typed
            found[-1] = unicodedata.normalize("NFKC", word.rstrip("*")).casefold().replace("ё", "е")
        parts.append('"' + " ".join(found) + '"' + prefix)
    return " ".join(parts)
