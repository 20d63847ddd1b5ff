"""What may teach from Python: a module, an ONNX file, several of both."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import onnx
import pytest
import torch
from torch import nn

import edgekit
from edgekit.errors import ModelError, UsageError

INPUTS = torch.randn(160, 6, generator=torch.Generator().manual_seed(0))
TARGETS = INPUTS[:, :3].argmax(1)


def given(folder: Path, **changes: Any) -> dict[str, Any]:
    """Give the arguments of a short distillation, with changes."""
    arguments: dict[str, Any] = {
        "student": nn.Sequential(nn.Linear(6, 4), nn.ReLU(), nn.Linear(4, 3)),
        "train": [(INPUTS[at : at + 30], TARGETS[at : at + 30]) for at in range(0, 120, 30)],
        "evaluate": lambda predict: predict(INPUTS[120:].numpy()).argmax(1) == TARGETS[120:].numpy(),
        "stages": {"distill": {"epochs": 1}}, "baseline": False, "measure": {"seconds": 0.05}, "folder": folder,
        "budget": {"max_drop_points": None, "min_speedup": 0},
        "student_budget": {"max_drop_points": None, "min_speedup": 0},
    }  # fmt: skip
    return arguments | changes


def exported(network: nn.Module, path: Path) -> Path:
    """Write a linear network as an ONNX file whose input has a name of its own."""
    weight, bias = (each.detach().numpy() for each in (network.weight, network.bias))
    rows = [", ".join(f"{value:.9g}" for value in each.reshape(-1)) for each in (weight, bias)]
    text = f"""<ir_version: 8, opset_import: ["": 17]> agraph (float[N,6] features) => (float[N,3] scores)
    <float[3,6] w = {{{rows[0]}}}, float[3] b = {{{rows[1]}}}>
    {{ scores = Gemm<transB=1>(features, w, b) }}"""
    onnx.save(onnx.parser.parse_model(text), path)
    return path


def learned(run: Any) -> float:
    """Return what the student had to learn from its teachers in the first epoch."""
    history = (run.folder / "distill" / "history.jsonl").read_text().splitlines()
    return float(json.loads(history[0])["parts"]["soft-target"])


def test_an_onnx_file_teaches_alone_or_beside_a_module(tmp_path: Path) -> None:
    linear, student = nn.Linear(6, 3), given(tmp_path)["student"]
    path = exported(linear, tmp_path / "linear.onnx")
    run = edgekit.distill(**given(tmp_path, teacher=path, student=student))
    first, second = (stage["verdict"] for stage in run.record["stages"])
    assert (first["decision"], first["parity"], first["parameters"]) == ("reference", None, 21)
    assert second["speedup_over_teacher"]
    same = edgekit.distill(**given(tmp_path, teacher=linear, also=[str(path)], student=student))
    assert learned(same) == pytest.approx(learned(run), rel=1e-4)
    other = edgekit.distill(**given(tmp_path, teacher=linear, also=[nn.Linear(6, 3)], student=student))
    assert other.folder != same.folder
    assert learned(other) != pytest.approx(learned(run), rel=1e-2)


def test_a_path_that_is_no_onnx_file_and_a_training_of_one_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r'no ONNX file "nowhere\.onnx"'):
        edgekit.distill(**given(tmp_path, teacher="nowhere.onnx"))
    path = exported(nn.Linear(6, 3), tmp_path / "linear.onnx")
    with pytest.raises(UsageError, match="trained already"):
        edgekit.distill(**given(tmp_path, teacher=path, teacher_training={"epochs": 1}))
