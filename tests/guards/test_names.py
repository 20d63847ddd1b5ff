"""Names and sizes: files that fit a head, no drawers for everything, no function that hides a submodule."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

import edgekit

ROOT = Path(__file__).parents[2]
FILES = [path for top in ("edgekit", "models", "bench", "tests") for path in sorted((ROOT / top).rglob("*.py"))]
PACKAGES = sorted(path.parent for path in (ROOT / "edgekit").rglob("__init__.py"))
DRAWERS = {"util", "utils", "common", "base", "manager", "handler", "helper", "helpers", "misc"}


def label(path: Path) -> str:
    return str(path.relative_to(ROOT))


@pytest.mark.parametrize("path", FILES, ids=label)
def test_a_file_has_at_most_300_lines(path: Path):
    assert len(path.read_text("utf-8").splitlines()) <= 300


def test_nothing_is_named_after_a_drawer():
    assert [label(path) for path in FILES if DRAWERS & {*path.relative_to(ROOT).with_suffix("").parts}] == []


def test_the_public_names_are_sorted_and_told_by_dir():
    assert edgekit.__all__ == sorted(edgekit.__all__) == dir(edgekit)


@pytest.mark.parametrize("name", edgekit.__all__)
def test_a_public_name_resolves_twice(name: str):
    assert getattr(edgekit, name) is getattr(edgekit, name)


def test_type_checkers_see_the_same_names():
    tree = ast.parse((ROOT / "edgekit/__init__.py").read_text("utf-8"))
    (block,) = (node for node in tree.body if isinstance(node, ast.If))
    seen = {alias.asname for node in block.body if isinstance(node, ast.ImportFrom) for alias in node.names}
    assert seen | {"__version__"} == set(edgekit.__all__)


@pytest.mark.parametrize("folder", PACKAGES, ids=label)
def test_no_function_of_a_package_shares_the_name_of_a_submodule(folder: Path):
    submodules = {path.stem for path in folder.glob("*.py")} | {path.name for path in folder.iterdir() if path.is_dir()}
    package = ".".join(folder.relative_to(ROOT).parts)
    names = set(edgekit.__all__) if package == "edgekit" else set()
    for node in ast.parse((folder / "__init__.py").read_text("utf-8")).body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            names.add(node.name)
        elif isinstance(node, ast.ImportFrom) and node.module != package:
            names |= {alias.asname or alias.name for alias in node.names}
    assert names & submodules == set()
