"""What commands print: results on stdout (text or JSON), talk and progress on stderr."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Final

from bearwitness.errors import BearwitnessError
from bearwitness_verify.report import printable

EXIT_DONE: Final = 0
EXIT_FAILED: Final = 1
EXIT_LOSSES: Final = 3
_BAR_DELAY_SECONDS: Final = 2


class Output:
    """Where a command's words go."""

    def __init__(self, *, as_json: bool) -> None:
        self.as_json = as_json

    def result(self, data: dict[str, Any], text: str) -> None:
        """Print the result: `data` with --json, else `text`."""
        if self.as_json:
            print(json.dumps(data, indent=2, ensure_ascii=True))
        elif text:
            print(_harmless(text))

    def say(self, text: str) -> None:
        """Tell people what is going on."""
        print(_harmless(text), file=sys.stderr, flush=True)

    @contextmanager
    def bar(self, title: str, total: int | None, unit: str = "B") -> Iterator[Callable[[int], None]]:
        """Give a function that counts up; a bar appears on a terminal after two seconds."""
        if not sys.stderr.isatty():
            yield lambda done: None
            return
        from tqdm import tqdm

        tqdm.monitor_interval = 0
        scaled = unit == "B"
        with tqdm(
            total=total, desc=title, unit=unit, unit_scale=scaled, unit_divisor=1024,
            delay=_BAR_DELAY_SECONDS, leave=False, file=sys.stderr,
        ) as bar:  # fmt: skip

            def count_up(done: int) -> None:
                bar.update(done)

            yield count_up


def show_error(error: BearwitnessError) -> None:
    """Print an error as a sentence, with what to do next; each is one line, whatever names are in it."""
    print(printable(f"bearwitness: {error.message}", sys.maxsize), file=sys.stderr)
    if error.hint:
        print(printable(f"  hint: {error.hint}", sys.maxsize), file=sys.stderr)


def _harmless(text: str) -> str:
    """Return lines that no name in them can colour, reverse or wipe out, and that any terminal takes."""
    return "\n".join(printable(line, sys.maxsize) for line in text.split("\n"))


def human_size(size: int) -> str:
    """Return a number of bytes for people."""
    value, units = float(size), ["bytes", "KB", "MB", "GB", "TB"]
    for unit in units:
        if value < 1000 or unit == units[-1]:
            return f"{int(value)} {unit}" if unit == "bytes" else f"{value:.1f} {unit}"
        value /= 1000
    return ""


def plural(number: int, noun: str) -> str:
    """Return ``1 item``, ``2 items``."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"
