"""The optional packages: what the code imports, what extras.py says, pyproject.toml and constraints.txt agree."""

from __future__ import annotations

import ast
import re
import sys
import tomllib
from pathlib import Path

import edgekit
from edgekit.extras import EXTRA_OF

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
# Where the module's name is not the distribution's.
DISTRIBUTION = {"PIL": "pillow", "yaml": "pyyaml", "sklearn": "scikit-learn", "torch_pruning": "torch-pruning"}
# Modules that come with another package, and are only imported beside it.
BROUGHT_BY = {"markupsafe": "jinja2", "huggingface_hub": "transformers", "sqlalchemy": "optuna", "google": "onnx"}
# Used where they are found, and needed nowhere: what they ask of other packages is theirs to say.
USED_WHERE_FOUND = {"optimum"}
# Wanted by another package only: its own choice, so nobody pins it here.
UNPINNED = {"edgekit-onnx", "onnxruntime-gpu", "onnxruntime-openvino", "datasets", "transformers", "types-pyyaml"}


def name_of(requirement: str) -> str:
    return re.split(r"[\[<>=]", requirement)[0].lower()


def extra(name: str) -> set[str]:
    return {name_of(requirement) for requirement in PROJECT["optional-dependencies"][name]}


def imported() -> set[str]:
    """Return every package that edgekit imports anywhere and Python does not have."""
    found: set[str] = set()
    for path in (ROOT / "edgekit").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Import):
                found |= {alias.name.split(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom):
                found.add((node.module or "").split(".")[0])
    return found - set(sys.stdlib_module_names) - {"edgekit", "numpy"}


def test_every_package_that_is_imported_has_an_extra():
    assert {BROUGHT_BY.get(name, name) for name in imported()} - set(EXTRA_OF) == USED_WHERE_FOUND


def test_extras_bring_what_the_hints_promise():
    wrong = {module: name for module, name in EXTRA_OF.items() if DISTRIBUTION.get(module, module) not in extra(name)}
    assert wrong == {}


def test_numpy_is_all_the_base_needs():
    assert [name_of(requirement) for requirement in PROJECT["dependencies"]] == ["numpy"]


def test_every_package_that_is_asked_for_is_pinned():
    pins = {line.partition("==")[0].lower() for line in (ROOT / "constraints.txt").read_text("utf-8").splitlines()}
    asked = set().union(*(extra(name) for name in PROJECT["optional-dependencies"]))
    assert asked - UNPINNED - pins == set()


def test_the_changelog_begins_with_this_version():
    (newest, *_) = re.findall(r"^## (\S+)", (ROOT / "CHANGELOG.md").read_text("utf-8"), re.M)
    assert newest == edgekit.__version__
