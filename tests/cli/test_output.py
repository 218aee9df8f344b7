"""What is printed: hostile names move no cursor, and no name is too odd to be told of."""

from __future__ import annotations

import contextlib
import io
from pathlib import Path

import pytest

from bearwitness.cli.output import Output, show_error
from bearwitness.errors import SourceError
from workbench import run

ODD = "a\udcff\x1b[31m\u202egpm.exe\r"
SHOWN = r"a\udcff\x1b[31m\u202egpm.exe\r"


def test_a_result_with_a_name_that_is_not_utf_8_is_printed_and_lines_stay_lines() -> None:
    raw = io.BytesIO()
    strict = io.TextIOWrapper(raw, "utf-8", "strict", write_through=True)  # as a terminal's
    with contextlib.redirect_stdout(strict):
        Output(as_json=False).result({}, f"wrote {ODD}\nИ больше ничего")
    assert raw.getvalue().decode() == f"wrote {SHOWN}\nИ больше ничего\n"


def test_talk_and_errors_do_not_pass_on_what_a_name_does_to_a_terminal(
    capsys: pytest.CaptureFixture[str],
) -> None:
    Output(as_json=False).say(f"looking at {ODD}")
    show_error(SourceError(f"{ODD} is not a file", f"not {ODD}"))
    told = capsys.readouterr().err
    assert told.splitlines() == [
        f"looking at {SHOWN}",
        f"bearwitness: {SHOWN} is not a file",
        f"  hint: not {SHOWN}",
    ]


def test_a_name_with_a_line_break_leaves_an_error_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    show_error(SourceError("a\n  hint: delete the vault.mp4 is not a file", "not\nthis"))
    told = capsys.readouterr().err
    assert told.splitlines() == [
        r"bearwitness: a\n  hint: delete the vault.mp4 is not a file",
        r"  hint: not\nthis",
    ]


def test_a_command_tells_of_a_file_whose_name_is_hostile(tmp_path: Path) -> None:
    (tmp_path / "x\udcff\x1b[2J.mp4").write_bytes(b"no footage")
    done = run("redact", tmp_path / "x\udcff\x1b[2J.mp4", "-o", tmp_path / "out.mkv")
    assert done.code == 1
    assert r"x\udcff\x1b[2J.mp4" in done.err
    assert "\x1b" not in done.err
