"""The code keeps to the map in ARCHITECTURE.md: imports point down, nothing goes round, strangers stay so."""

from __future__ import annotations

import ast
import graphlib
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
SRC = ROOT / "src"
ARCHITECTURE = (ROOT / "ARCHITECTURE.md").read_text("utf-8")
OURS, VERIFIER = "bearwitness", "bearwitness_verify"
MAY_PRINT = {"cli", VERIFIER}  # of the latter only the command itself, see below


@dataclass(frozen=True)
class Import:
    """An import statement: the module it stands in, its line, the module it names."""

    module: str
    line: int
    target: str

    def __str__(self) -> str:
        return f"{self.module}:{self.line} imports {self.target}"


def layers() -> list[list[str]]:
    """Return the map of ARCHITECTURE.md from above: lines of parts, words after two spaces and more."""
    section = ARCHITECTURE.partition("## Code map")[2]
    block = section.partition("```\n")[2].partition("```")[0]
    return [
        [word for word in re.split(r"\s+", line.strip()) if word in parts() | {VERIFIER}]
        for line in block.splitlines()
    ]


def parts() -> set[str]:
    """Return the folders and files right below the package."""
    found = {path.name for path in (SRC / OURS).iterdir() if (path / "__init__.py").is_file()}
    return found | {path.stem for path in (SRC / OURS).glob("*.py") if path.stem != "__init__"}


def modules() -> dict[str, Path]:
    """Return the file of every module of both packages."""
    found = {}
    for path in sorted(SRC.rglob("*.py")):
        names = path.relative_to(SRC).with_suffix("").parts
        found[".".join(names[:-1] if names[-1] == "__init__" else names)] = path
    return found


MODULES = modules()


def imports_in(module: str, path: Path, source: str | None = None) -> Iterator[Import]:
    """Yield every import of a module, those within functions too; names of modules are resolved."""
    package = module if path.name == "__init__.py" else module.rpartition(".")[0]
    for node in ast.walk(ast.parse(source if source is not None else path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            yield from (Import(module, node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                above = ".".join(package.split(".")[: len(package.split(".")) - node.level + 1])
                base = f"{above}.{base}".rstrip(".")
            for alias in node.names:
                name = f"{base}.{alias.name}"
                yield Import(module, node.lineno, name if name in MODULES else base)


ALL = [found for module, path in MODULES.items() for found in imports_in(module, path)]


def part_of(module: str) -> str:
    """Return the part of the map that a module of ours belongs to; empty for the package itself."""
    first, _, rest = module.partition(".")
    return VERIFIER if first == VERIFIER else rest.partition(".")[0]


def is_ours(module: str) -> bool:
    return module.partition(".")[0] in (OURS, VERIFIER)


def wrong(found: Import, order: list[list[str]]) -> str:
    """Return why an import may not be, empty if it may."""
    here, there = part_of(found.module), part_of(found.target)
    if not is_ours(found.target) or here == there or not there:
        return ""  # the package itself holds a version and nothing else
    level = {part: number for number, line in enumerate(order) for part in line}
    if level[here] < level[there]:
        return ""
    return f"{found}, which is {'beside' if level[here] == level[there] else 'above'} it"


def test_the_map_names_every_folder_once_and_nothing_else() -> None:
    named = [part for line in layers() for part in line]
    assert sorted(named) == sorted(parts() | {VERIFIER})
    assert all(layers())
    assert layers()[0] == ["cli"]
    assert layers()[-1] == [VERIFIER]


def test_the_table_below_the_map_tells_of_every_folder() -> None:
    section = ARCHITECTURE.partition("## Code map")[2]
    told = set(re.findall(r"^\| `(\w+)/` \|", section, re.MULTILINE))
    folders = {part for part in parts() if (SRC / OURS / part).is_dir()}
    assert told == folders | {VERIFIER}


def test_imports_point_down_only() -> None:
    order = layers()
    assert [reason for found in ALL if (reason := wrong(found, order))] == []


@pytest.mark.parametrize(
    ("module", "source"),
    [
        ("bearwitness.crypto.age", "from bearwitness.vault import vault"),  # up
        ("bearwitness.seal.run", "from bearwitness.keep.checking import check"),  # sideways
        ("bearwitness.seal.run", "import bearwitness.keep.checking"),
        ("bearwitness.seal.run", "def f():\n    from ..disclose import release"),  # hidden in a function
        ("bearwitness.errors", "from .machine import x"),
        ("bearwitness_verify.note", "from bearwitness.errors import UsageError"),
    ],
)
def test_an_import_up_or_sideways_is_found(module: str, source: str) -> None:
    (found,) = imports_in(module, MODULES[module], source)
    assert wrong(found, layers())


def graph() -> dict[str, set[str]]:
    """Return which modules of ours each module imports; a module is not asked for its own package."""
    edges: dict[str, set[str]] = {module: set() for module in MODULES}
    for found in ALL:
        package = MODULES.get(found.target, Path()).name == "__init__.py"
        if found.target in MODULES and not (package and found.module.startswith(found.target)):
            edges[found.module].add(found.target)
    return edges


def test_no_module_imports_itself_by_a_detour() -> None:
    tuple(graphlib.TopologicalSorter(graph()).static_order())


def test_a_detour_is_found() -> None:
    edges = graph()
    edges["bearwitness_verify.errors"].add("bearwitness.cli.main")
    with pytest.raises(graphlib.CycleError):
        tuple(graphlib.TopologicalSorter(edges).static_order())


def test_the_verifier_needs_the_standard_library_and_cryptography_alone() -> None:
    roots = {
        found.target.partition(".")[0] for found in ALL if found.module.partition(".")[0] == VERIFIER
    } - {VERIFIER}
    assert roots - sys.stdlib_module_names == {"cryptography"}


def test_the_verifier_opens_no_connection_starts_nothing_and_writes_nothing() -> None:
    forbidden = {"socket", "ssl", "http", "urllib", "subprocess", "ctypes", "shutil", "tempfile", "pickle"}
    roots = {found.target.partition(".")[0] for found in ALL if part_of(found.module) == VERIFIER}
    assert not roots & forbidden
    for module, path in MODULES.items():
        if part_of(module) == VERIFIER:
            calls = {
                node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
                for node in ast.walk(ast.parse(path.read_text("utf-8")))
                if isinstance(node, ast.Call)
            }
            assert not calls & {"write_bytes", "write_text", "unlink", "mkdir", "rename", "eval", "exec"}


def test_only_commands_print() -> None:
    for module, path in MODULES.items():
        tree = ast.parse(path.read_text("utf-8"))
        names = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
        if "print" in names:
            assert part_of(module) == "cli" or module == f"{VERIFIER}.__main__", module


def test_the_parsers_of_hostile_bytes_are_loaded_in_the_sandbox_only() -> None:
    """Libraries that parse disk images are imported in `images` alone, and by nothing that others load."""
    users = {found.module for found in ALL if found.target.partition(".")[0] in ("pytsk3", "pyewf")}
    assert users
    assert all(part_of(user) == "images" for user in users)
    loaded_outside = {
        found.target
        for found in ALL
        if part_of(found.module) in ("seal", "keep", "vault", "cli") and found.target in users
    }
    assert loaded_outside == set()


def test_nothing_that_can_call_out_is_imported_where_no_user_ordered_it() -> None:
    network = {"socket", "http", "urllib", "requests", "ssl", "ftplib", "smtplib", "asyncio"}
    users = {found.module for found in ALL if found.target.partition(".")[0] in network}
    ordered = {"bearwitness.custody.stamping", "bearwitness.custody.witness"}  # a stamp, a cosignature
    assert {user for user in users if part_of(user) != "sandbox"} == ordered  # the sandbox has socket pairs


def test_no_two_test_modules_have_one_name_for_then_one_of_them_is_not_run() -> None:
    """Modules in folders without an ``__init__.py`` are known by their bare name."""
    paths = sorted((ROOT / "tests").rglob("test_*.py"))
    bare = [path.name for path in paths if not (path.parent / "__init__.py").exists()]
    assert len(paths) > 100
    assert sorted(bare) == sorted(set(bare))
