"""Nothing in the project tells of the machine it was written on, or of work left undone."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
# Written so that this file is not found by itself.
TRACES = re.compile(rb"/[w]ork/|/[r]oot/|/[t]mp/lab|\b[T]ODO\b|\b[F]IXME\b")


@pytest.fixture(scope="module")
def tracked() -> list[Path]:
    """Every file that git tracks, or would: what .gitignore names is left out."""
    if not (ROOT / ".git").exists():
        pytest.skip("not a checkout: there is no list of the project's own files")
    listing = ["git", "-c", "safe.directory=*", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    done = subprocess.run(listing, cwd=ROOT, capture_output=True, check=True)
    return [path for name in done.stdout.decode().split("\0") if name and (path := ROOT / name).is_file()]


def test_no_file_holds_a_trace(tracked: list[Path]):
    assert len(tracked) > 100
    found = [(str(path.relative_to(ROOT)), TRACES.findall(path.read_bytes())) for path in tracked]
    assert [(name, traces) for name, traces in found if traces] == []


def test_no_run_or_built_thing_is_tracked(tracked: list[Path]):
    built = {"runs", "dist", "build", "__pycache__", ".venv", "_bundled"}
    assert [str(path) for path in tracked if built & set(path.relative_to(ROOT).parts)] == []
