"""What must be quick to start loads nothing heavy: proved in a fresh interpreter."""

from __future__ import annotations

import subprocess
import sys

import pytest

from edgekit.cli import VERBS

HEAVY = {"torch", "onnx", "onnxruntime", "numpy", "pydantic", "rich", "yaml", "matplotlib", "PIL"}


def loaded(code: str) -> set[str]:
    """Run `code` in a fresh interpreter and return the heavy packages it loaded."""
    names = "{name.partition('.')[0] for name in sys.modules}"
    done = subprocess.run(
        [sys.executable, "-c", f"import sys\n{code}\nprint('loaded', *{names})"],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    return HEAVY & set(done.stdout.splitlines()[-1].split())


@pytest.mark.parametrize(
    "code",
    [
        pytest.param("import edgekit, edgekit.errors; edgekit.EdgekitError", id="import edgekit"),
        pytest.param("from edgekit.cli import run; assert run(['--help']) == 0", id="edgekit --help"),
    ],
)
def test_nothing_heavy_is_loaded_by(code: str):
    assert loaded(code) == set()


@pytest.mark.parametrize("verb", VERBS)
def test_a_verb_loads_nothing_heavy_to_give_its_help(verb: str):
    # typer reads arguments with pydantic where that is installed.
    assert loaded(f"from edgekit.cli import run; assert run(['{verb}', '--help']) == 0") <= {"pydantic"}


def test_the_runtime_needs_numpy_and_onnxruntime_alone():
    assert loaded("import edgekit; edgekit.load; import onnxruntime") <= {"numpy", "onnxruntime"}
