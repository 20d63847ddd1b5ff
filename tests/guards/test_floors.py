"""The floors of CONTRIBUTING.md, read from its table, hold for every import in edgekit/, also those inside functions.

Imports under TYPE_CHECKING are not followed, nor the lazy public names of edgekit/__init__.
"""

from __future__ import annotations

import ast
import graphlib
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "edgekit"
NO_TORCH = ("runtime", "latency", "graph", "recipe", "data", "measuring", "reporting", "tasks", "commands")

Imports = list[tuple[str, bool]]  # the dotted name, and whether it stands at the top: outside every function


class Home(NamedTuple):
    """Where a file or folder of edgekit/ stands: its floor, its place there, and what its top may import."""

    floor: int
    place: int
    is_folder: bool
    packages: set[str]


def read_table() -> dict[str, Home]:
    """Read `| floor | files and folders | packages | ... |`."""
    homes: dict[str, Home] = {}
    rows = re.findall(r"^\| (\d+) \| (.+?) \| (.*?) ?\| .+\|$", (ROOT / "CONTRIBUTING.md").read_text("utf-8"), re.M)
    for floor, names, packages in rows:
        for name in re.findall(r"`([\w/]+)`", names):
            assert name.rstrip("/") not in homes, f"{name} stands twice"
            homes[name.rstrip("/")] = Home(int(floor), len(homes), name.endswith("/"), set(packages.split()))
    return homes


def read_imports(node: ast.AST, top: bool = True) -> Iterator[tuple[str, bool]]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.Import):
            yield from ((alias.name, top) for alias in child.names)
        elif isinstance(child, ast.ImportFrom):
            yield from ((f"{'.' * child.level}{child.module}.{alias.name}", top) for alias in child.names)
        elif isinstance(child, ast.If) and ast.unparse(child.test) == "TYPE_CHECKING":
            for other in child.orelse:
                yield from read_imports(other, top)
        else:
            yield from read_imports(child, top and not isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef))


def module_of(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


IMPORTS: dict[str, Imports] = {
    module_of(path): list(read_imports(ast.parse(path.read_text("utf-8"))))
    for path in sorted(PACKAGE.rglob("*.py"))
    if "_bundled" not in path.parts
}
HOMES = read_table()


def unit(module: str) -> str:
    """Return the file or folder of edgekit/ that a module is or lies in; "" for edgekit itself."""
    return module.split(".")[1] if "." in module else ""


def own(name: str) -> str | None:
    """Return the module of edgekit that an imported name leads to: itself, or the one it stands in."""
    if not name.startswith("edgekit"):
        return None
    while name not in IMPORTS:
        name = name.rpartition(".")[0]
    return name


def allowed(importer: str, imported: str) -> bool:
    here, there = HOMES[importer], HOMES[imported]
    beside = here.floor == there.floor and not here.is_folder and not there.is_folder and there.place < here.place
    return there.floor < here.floor or beside


def test_the_table_names_every_file_and_folder_once():
    there = {path.name + "/" for path in PACKAGE.iterdir() if (path / "__init__.py").exists()}
    there |= {path.stem for path in PACKAGE.glob("*.py") if path.stem != "__init__"}
    assert {name + "/" * home.is_folder for name, home in HOMES.items()} == there


def test_the_table_reads_from_the_roof_down():
    floors = [home.floor for home in HOMES.values()]
    assert sorted(floors) == floors and set(floors) == set(range(max(floors) + 1))


@pytest.mark.parametrize("module", [name for name in IMPORTS if name != "edgekit"])
def test_a_file_imports_from_its_own_folder_or_a_lower_floor(module: str):
    here = unit(module)
    for name, _ in IMPORTS[module]:
        assert not name.startswith("."), f"{module} imports {name}: write the whole name"
        there = unit(own(name) or "")
        assert there in ("", here) or allowed(here, there), f"{module} imports {name}, which is not below it"


def test_no_imports_go_in_a_circle():
    graph = {module: {own(name) for name, _ in names} - {None, module} for module, names in IMPORTS.items()}
    graph["edgekit"] = set()
    list(graphlib.TopologicalSorter(graph).static_order())


@pytest.mark.parametrize("module", IMPORTS)
def test_the_top_of_a_file_imports_only_the_packages_of_its_floor(module: str):
    packages = HOMES[unit(module)].packages if unit(module) else set()
    known = {"edgekit", *packages, *sys.stdlib_module_names}
    assert [name for name, top in IMPORTS[module] if top and name.split(".")[0] not in known] == []


@pytest.mark.parametrize("module", [name for name in IMPORTS if unit(name) in NO_TORCH])
def test_what_must_work_without_torch_never_names_it(module: str):
    assert [name for name, _ in IMPORTS[module] if name.split(".")[0].startswith("torch")] == []


@pytest.mark.parametrize("module", [name for name in IMPORTS if unit(name) == "commands"])
def test_a_verb_imports_typer_alone_until_it_runs(module: str):
    verb = any(name == "typer" for name, _ in IMPORTS[module])
    if verb:
        tops = {name.split(".")[0] for name, top in IMPORTS[module] if top}
        assert tops <= {"typer", "typing", "__future__"}
