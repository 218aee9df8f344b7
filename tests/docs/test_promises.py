"""What the documents say of the code, the dependencies and the repository is so."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
import re
import socket
import subprocess
import tomllib
from pathlib import Path

import pytest

import bearwitness
import bearwitness.errors
import bearwitness_verify
from bearwitness.cli import output
from bearwitness_verify.errors import BearwitnessError

ROOT = Path(__file__).resolve().parents[2]
DOCUMENTS = [*ROOT.glob("*.md"), *ROOT.glob("docs/*.md"), *ROOT.glob("packaging/**/*.md")]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
VERIFIER_PROJECT = tomllib.loads((ROOT / "packaging/verify/pyproject.toml").read_text())


def name_of(requirement: str) -> str:
    found = re.match(r"[A-Za-z0-9._-]+", requirement)
    assert found
    return found[0].lower()


# --- Errors and exit codes ----------------------------------------------------------------------


def drawn_tree() -> dict[str, tuple[str, int]]:
    """Return name, parent and exit code of every class in the tree drawn at the top of errors.py."""
    tree: dict[str, tuple[str, int]] = {}
    above: list[tuple[int, str]] = []
    for line in (bearwitness.errors.__doc__ or "").splitlines():
        found = re.match(r"^    ([│ ]*(?:[├└]── )?)(\w+Error) +(\d)  ", line)
        if not found:
            continue
        depth = len(found[1])
        above = [entry for entry in above if entry[0] < depth]
        tree[found[2]] = (above[-1][1] if above else "", int(found[3]))
        above.append((depth, found[2]))
    return tree


def all_errors() -> set[type[BearwitnessError]]:
    """Return every class of the tree, wherever it is defined."""
    for package in (bearwitness, bearwitness_verify):
        for module in pkgutil.walk_packages(package.__path__, package.__name__ + "."):
            if not module.name.endswith("__main__"):
                importlib.import_module(module.name)
    found, pending = set(), [BearwitnessError]
    while pending:
        one = pending.pop()
        found.add(one)
        pending += one.__subclasses__()
    return {one for one in found if one.__module__.startswith("bearwitness")}


def test_the_tree_drawn_in_errors_is_the_tree_of_classes() -> None:
    drawn = drawn_tree()
    told_in_words = {"MalformedError", "ProofError", "SignatureError"}  # in the line of VerifyError
    real = {error.__name__: error for error in all_errors()}
    assert set(drawn) == set(real) - told_in_words
    for name, (parent, code) in drawn.items():
        assert real[name].exit_code == code
        assert not parent or issubclass(real[name], real[parent])


def test_every_error_carries_a_sentence_for_people() -> None:
    for error in all_errors():
        assert inspect.getdoc(error)
        assert re.fullmatch(r"\w+Error", error.__name__)


def test_every_exit_code_in_the_code_is_in_the_document_and_the_reverse() -> None:
    text = (ROOT / "docs/exit-codes.md").read_text()
    told = {int(code) for code in re.findall(r"^\| (\d) \|", text, re.MULTILINE)}
    used = {error.exit_code for error in all_errors()} | {
        output.EXIT_DONE,
        output.EXIT_FAILED,
        output.EXIT_LOSSES,
    }
    assert told == used | {4}  # 4 is the verifier's alone
    verdict = importlib.import_module("bearwitness_verify.report")
    assert "4" in inspect.getsource(verdict)


# --- Dependencies -------------------------------------------------------------------------------


def listed(heading: str) -> set[str]:
    """Return the packages in the first column of a table of docs/dependencies.md."""
    text = (ROOT / "docs/dependencies.md").read_text()
    section = text.partition(f"## {heading}")[2].partition("\n## ")[0]
    rows = re.findall(r"^\| ([\w, .-]+) \|", section, re.MULTILINE)
    return {name.strip().lower() for row in rows for name in row.split(",")} - {"package", "---"}


def test_every_direct_dependency_is_listed_with_its_reason() -> None:
    needed = {name_of(text) for text in PROJECT["project"]["dependencies"]}
    assert needed <= listed("Needed")
    optional = {
        name_of(text) for extra in PROJECT["project"]["optional-dependencies"].values() for text in extra
    }
    tables = re.findall(r"^## (.*)$", (ROOT / "docs/dependencies.md").read_text(), re.MULTILINE)
    everywhere = set().union(*(listed(heading) for heading in tables if heading != "Not taken"))
    assert optional <= everywhere


def test_nothing_is_listed_as_needed_that_is_not() -> None:
    assert listed("Needed") <= {name_of(text) for text in PROJECT["project"]["dependencies"]}


def test_every_dependency_is_locked_with_hashes() -> None:
    lock = (ROOT / "requirements.lock").read_text()
    locked = {name.lower() for name in re.findall(r"^([A-Za-z0-9._-]+)==", lock, re.MULTILINE)}
    extras = PROJECT["project"]["optional-dependencies"].values()
    wanted = [*PROJECT["project"]["dependencies"], *(text for extra in extras for text in extra)]
    assert {name_of(text).replace("_", "-") for text in wanted} <= {name.replace("_", "-") for name in locked}
    for block in re.split(r"\n(?=[A-Za-z0-9])", lock):
        assert "==" not in block.splitlines()[0] or "--hash=sha256:" in block


def test_the_verifier_s_wheel_needs_cryptography_alone() -> None:
    assert [name_of(text) for text in VERIFIER_PROJECT["project"]["dependencies"]] == ["cryptography"]


# --- The repository -----------------------------------------------------------------------------


def committed() -> list[Path]:
    """Return the files git knows; skip where there is no git."""
    if not (ROOT / ".git").exists():
        pytest.skip("this is no git checkout: what is committed can not be seen")
    names = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True).stdout
    return [ROOT / name.decode() for name in names.split(b"\x00") if name]


def test_no_committed_file_names_the_place_it_was_made_at() -> None:
    """No path of the checkout, no home folder, no name of this machine stands in a file of the repository."""
    home, host, files = str(Path.home()), socket.gethostname(), committed()
    ours = {part for path in files for part in path.relative_to(ROOT).parts}
    usual = {"home", "tmp", "root", "usr", "var", "opt", "mnt", "media", "srv", "app", "code", "repo", "data"}
    marks = [f"{ROOT}/"] if len(ROOT.parts) > 2 else []
    marks += [f"/{ROOT.parts[1]}/"] if ROOT.parts[1] not in ours | usual else []
    marks += [f"{home}/"] if len(home) > 5 else []
    marks += [host] if len(host) > 6 and any(letter.isdigit() for letter in host) else []  # no mere word
    found = [
        f"{path.relative_to(ROOT)}: {mark}"
        for path in files
        if path.is_file()
        for mark in marks
        if mark.encode() in path.read_bytes()
    ]
    assert found == []


def test_no_committed_file_holds_footage() -> None:
    """The golden release alone shows a video: six frames of noise, made by its tool."""
    endings = {".mp4", ".mov", ".mkv", ".avi", ".ts", ".jpg", ".jpeg", ".mp3", ".wav"}
    golden = ROOT / "tests/golden"
    found = [path for path in committed() if path.suffix.lower() in endings and golden not in path.parents]
    assert found == []


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_links_between_documents_lead_somewhere(document: Path) -> None:
    text = document.read_text("utf-8")
    for target in re.findall(r"\]\(([^)\s]+)\)", text) + re.findall(r'src="([^"]+)"', text):
        if target.startswith(("http:", "https:", "mailto:")):
            continue
        file, _, anchor = target.partition("#")
        there = (document.parent / file) if file else document
        assert there.exists(), target
        if anchor:
            headings = re.findall(r"^#+ (.*)$", there.read_text("utf-8"), re.MULTILINE)
            slugs = {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}
            assert anchor in slugs, target


def test_the_documents_that_are_named_exist() -> None:
    for document in DOCUMENTS:
        for name in re.findall(
            r"`((?:docs|tests|tools|bench|src)/[\w./-]+\.(?:md|py))`", document.read_text("utf-8")
        ):
            assert (ROOT / name).exists(), f"{document.name} speaks of {name}"


def test_the_version_is_the_same_everywhere() -> None:
    version = PROJECT["project"]["version"]
    assert bearwitness.__version__ == version
    assert f"## {version}" in (ROOT / "CHANGELOG.md").read_text()
