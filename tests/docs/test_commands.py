"""What people read about the commands is what the commands do."""

from __future__ import annotations

import argparse
import importlib
import re
import shlex
from pathlib import Path
from typing import Any

import pytest

from bearwitness.cli.main import VERBS, Parser
from bearwitness_verify.__main__ import main as verify_main
from workbench import run

ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / "README.md").read_text("utf-8")


def module_of(verb: str) -> Any:
    return importlib.import_module(f"bearwitness.cli.{verb}_cmd")


def parser_of(verb: str) -> argparse.ArgumentParser:
    parser = Parser(prog=f"bearwitness {verb}")
    module_of(verb).add_arguments(parser)
    parser.add_argument("--json", action="store_true")
    return parser


def commands_in(examples: str) -> list[list[str]]:
    """Return the commands of an EXAMPLES text, joined where a line ends in a backslash."""
    joined = examples.replace("\\\n", " ")
    lines = [line for line in joined.splitlines() if line.startswith("  bearwitness ")]
    return [shlex.split(line.partition(" > ")[0], comments=True) for line in lines]


def test_every_verb_has_a_file_and_every_file_a_verb() -> None:
    files = {path.stem.removesuffix("_cmd") for path in (ROOT / "src/bearwitness/cli").glob("*_cmd.py")}
    assert files == set(VERBS)


def test_every_verb_is_in_the_readme_and_the_readme_names_no_other() -> None:
    table = README.partition("## Commands")[2].partition("\n## ")[0]
    rows = re.findall(r"^\| ((?:`\w+` ?)+)\|", table, re.MULTILINE)
    named = [verb for row in rows for verb in re.findall(r"`(\w+)`", row)]
    assert sorted(named) == sorted(VERBS)


def test_every_command_shown_in_the_readme_can_be_called_so() -> None:
    shown = re.findall(r"^\$ (bearwitness .*)$", README, re.MULTILINE)
    assert len(shown) >= 8
    for line in shown:
        _, verb, *words = shlex.split(line)
        parser_of(verb).parse_args(words)


def test_the_overview_names_every_verb() -> None:
    overview = run("--help").ok().out
    for verb, what in VERBS.items():
        assert re.search(rf"^  {verb} +{re.escape(what)}$", overview, re.MULTILINE)


@pytest.mark.parametrize("verb", VERBS)
def test_the_help_of_a_verb_has_examples_exit_codes_and_json(verb: str) -> None:
    shown = run(verb, "--help").ok().out
    assert "examples:" in shown
    assert f"\n  bearwitness {verb} " in shown
    assert "exit codes: 0 done" in shown
    assert "--json" in shown
    first = (module_of(verb).__doc__ or "").splitlines()[0]
    assert first.split(":")[0] in shown


@pytest.mark.parametrize("verb", VERBS)
def test_the_examples_of_a_verb_can_be_called_so(verb: str) -> None:
    examples = commands_in(module_of(verb).EXAMPLES)
    assert examples
    for _, name, *words in examples:
        assert name == verb
        parser_of(verb).parse_args([*words, "--json"])


@pytest.mark.parametrize("verb", VERBS)
def test_every_option_of_a_verb_is_explained(verb: str) -> None:
    for action in parser_of(verb)._actions:
        told = action.help or action.choices or action.dest == "json"
        assert told, f"{verb} {action.option_strings or action.dest}"


@pytest.mark.parametrize("verb", VERBS)
def test_a_verb_called_wrongly_says_so_and_ends_with_2(verb: str) -> None:
    done = run(verb, "--no-such-option")
    assert done.code == 2
    assert done.out == ""
    assert done.err.startswith("bearwitness: ")


def test_the_verifier_explains_itself(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as leaving:
        verify_main(["--help"])
    assert leaving.value.code == 0
    shown = capsys.readouterr().out
    for word in ("--vault-key", "--cosigner", "--checkpoint", "--tsa-root", "--json", "examples:"):
        assert word in shown


def test_there_is_a_make_target_for_everything_the_readme_and_contributing_name() -> None:
    makefile = (ROOT / "Makefile").read_text()
    targets = set(re.findall(r"^([a-z-]+):.*##", makefile, re.MULTILINE))
    phony = set(re.findall(r"^\.PHONY: (.*)$", makefile, re.MULTILINE)[0].split())
    assert phony == targets
    told = README + (ROOT / "CONTRIBUTING.md").read_text()
    assert set(re.findall(r"\bmake ([a-z-]+)\b(?=  |`)", told)) <= targets
