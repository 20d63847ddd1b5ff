from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest
import torch
from torch import nn


@pytest.fixture
def export(script: Callable[[str], ModuleType]) -> ModuleType:
    return script("export")


def test_a_round_exports_in_both_ways_and_tells_every_phase(export: ModuleType, tmp_path: Path) -> None:
    subject = export.Subject(nn.Linear(3, 2).eval(), torch.rand(2, 3), {0: "N"}, "x: float32[N,3]")
    found = export.both(subject, tmp_path / "linear")
    assert {"PyTorch", "export", "clean", "proof", "bundle"} <= set(found["phases"])
    assert sum(found["phases"].values()) <= found["whole"]
    assert found["ratio"] == found["whole"] / (found["bare"] + found["phases"]["proof"])


def test_its_models_answer_their_examples(export: ModuleType) -> None:
    for subject in export.subjects().values():
        assert not subject.module.training
        assert len(subject.module(subject.example)) == 2


def test_the_ratio_is_the_median_with_its_interval(export: ModuleType, capsys: pytest.CaptureFixture[str]) -> None:
    found = export.summary([1.3, 1.0, 1.2, 1.1, 1.4])
    assert found["value"] == 1.2 and found["low"] <= 1.2 <= found["high"]
    rounds = [{"bare": 1.0, "whole": 2.0, "phases": {"proof": 0.5}}] * 5
    export.print_table({"net": {"rounds": rounds, "ratio": found}})
    assert "1.20 [" in capsys.readouterr().out
