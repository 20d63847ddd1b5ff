"""Every model file builds with its defaults, learns, and agrees with its ONNX; it imports torch alone."""

from __future__ import annotations

import ast
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from edgekit import modelfile
from edgekit.exporting import ladder
from edgekit.exporting.deployment import Deployed, Deployment
from edgekit.measuring.predicting import predict
from edgekit.runtime.session import open_session
from edgekit.signature import Tensor

ROOT = Path(__file__).parents[2]
FILES = {path.name: path for path in sorted((ROOT / "models").rglob("*.py"))}
# What each file's network takes when it is built with its defaults, or small where those are large.
INPUTS = {
    "bert.py": "ids: int64[N,T]",
    "cnn.py": "image: uint8[N,28,28,1]",
    "linear.py": "features: float32[N,1]",
    "mlp.py": "image: uint8[N,28,28,1]",
    "mobilenet.py": "image: uint8[N,28,20,1]",
    "recurrent.py": "ids: int64[N,T]",
    "resnet.py": "image: uint8[N,20,28,1]",
    "sensor.py": "window: float32[N,T,6]",
    "text_cnn.py": "ids: int64[N,T]",
}
SMALL: dict[str, dict[str, Any]] = {
    "bert.py": {"layers": [0, 1], "width": 24, "heads": 2, "intermediate": 48, "vocabulary": 120, "positions": 32},
    "text_cnn.py": {"vocabulary": 120, "width": 24, "filters": 8},
}
LENGTH = 20  # of texts and windows
TOKENS = 97


def deployment(file: str) -> Deployment:
    return Deployment(Tensor.parse(INPUTS[file]), "logits")


def examples(file: str, count: int) -> np.ndarray:
    tensor, random = deployment(file).input, np.random.default_rng(0)
    shape = [count, *(size if isinstance(size, int) else LENGTH for size in tensor.shape[1:])]
    if tensor.dtype == "float32":
        return random.normal(size=shape).astype(np.float32)
    return random.integers(1, TOKENS if tensor.dtype == "int64" else 256, shape).astype(tensor.dtype)


def test_every_model_file_is_tested_here():
    assert set(FILES) == set(INPUTS)


@pytest.mark.parametrize("file", FILES)
def test_it_imports_torch_alone(file: str):
    nodes = list(ast.walk(ast.parse(FILES[file].read_text("utf-8"))))
    names = [alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names]
    names += [node.module or "." for node in nodes if isinstance(node, ast.ImportFrom)]
    assert {name.split(".")[0] for name in names} <= {"torch", *sys.stdlib_module_names}


@pytest.mark.parametrize("file", FILES)
def test_every_parameter_gets_a_gradient(file: str):
    torch.manual_seed(0)
    network = modelfile.build(FILES[file], SMALL.get(file, {})).train()
    outputs = Deployed(network, deployment(file))(torch.from_numpy(examples(file, 4)))
    assert len(outputs) == 4
    (outputs * torch.randn_like(outputs)).sum().backward()
    dull = [name for name, value in network.named_parameters() if value.grad is None or not value.grad.abs().sum() > 0]
    assert dull == []


@pytest.mark.parametrize("file", FILES)
def test_its_onnx_answers_as_it_does(file: str, tmp_path: Path):
    check(file, SMALL.get(file, {}), tmp_path / "model.onnx")


@pytest.mark.parametrize("cell", ["rnn", "gru", "lstm"])
def test_every_cell_reads_step_by_step_what_it_reads_at_once(cell: str, tmp_path: Path):
    check("recurrent.py", {"cell": cell, "layers": 2, "width": 24}, tmp_path / "model.onnx")


def check(file: str, args: dict[str, Any], target: Path) -> None:
    torch.manual_seed(0)
    network = modelfile.build(FILES[file], args)
    ladder.export(network, deployment(file), examples(file, 8), target)
    inputs = examples(file, 5)  # a batch of a size that the export did not try
    with torch.inference_mode():
        wanted = Deployed(network, deployment(file)).eval()(torch.from_numpy(inputs)).numpy()
    np.testing.assert_allclose(predict(open_session(target))(inputs), wanted, rtol=1e-3, atol=1e-4)
