from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest


@pytest.fixture
def startup(script: Callable[[str], ModuleType]) -> ModuleType:
    return script("startup")


def test_a_program_is_a_whole_process_and_a_failing_one_is_not_timed(startup: ModuleType, tmp_path: Path):
    startup.process(tmp_path, startup.python("open('made', 'w')"))()
    assert (tmp_path / "made").exists()
    with pytest.raises(startup.subprocess.CalledProcessError):
        startup.process(tmp_path, startup.python("raise SystemExit(1)"))()


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="other systems count it otherwise")
def test_memory_is_what_a_program_has_resident_at_its_end(startup: ModuleType, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(startup, "ROUNDS", 1)
    found = startup.memory({"nothing": "pass", "50 MB": "x = b'x' * 50_000_000"})
    assert 45_000 < found["50 MB"][0] - found["nothing"][0] < 55_000
