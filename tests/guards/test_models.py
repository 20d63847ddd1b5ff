"""Every model file builds with its defaults, learns, and agrees with its ONNX; it imports torch alone."""

from __future__ import annotations

import ast
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from edgekit import modelfile
from edgekit.exporting import ladder
from edgekit.exporting.deployment import Deployed, Deployment
from edgekit.runtime.session import open_session
from edgekit.signature import Tensor

ROOT = Path(__file__).parents[2]
FILES = {path.name: path for path in sorted((ROOT / "models").rglob("*.py"))}
# What each file's network takes when it is built with its defaults.
INPUTS = {"mobilenet.py": "image: uint8[N,28,20,1]", "resnet.py": "image: uint8[N,20,28,1]"}


def deployment(file: str) -> Deployment:
    return Deployment(Tensor.parse(INPUTS[file]), "logits")


def examples(file: str, count: int) -> np.ndarray:
    shape = [size for size in deployment(file).input.shape if isinstance(size, int)]
    return np.random.default_rng(0).integers(0, 256, (count, *shape)).astype(deployment(file).input.dtype)


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
    network = modelfile.build(FILES[file], {}).train()
    outputs = Deployed(network, deployment(file))(torch.from_numpy(examples(file, 4)))
    assert len(outputs) == 4
    torch.nn.functional.cross_entropy(outputs, torch.arange(4)).backward()
    dull = [name for name, value in network.named_parameters() if value.grad is None or not value.grad.abs().sum() > 0]
    assert dull == []


@pytest.mark.parametrize("file", FILES)
def test_its_onnx_answers_as_it_does(file: str, tmp_path: Path):
    network = modelfile.build(FILES[file], {})
    ladder.export(network, deployment(file), examples(file, 8), tmp_path / "model.onnx")
    inputs = examples(file, 5)  # a batch of a size that the export did not try
    with torch.inference_mode():
        wanted = Deployed(network, deployment(file)).eval()(torch.from_numpy(inputs)).numpy()
    session = open_session(tmp_path / "model.onnx")
    answered = session.run({"image": inputs})[session.outputs[0].name]
    np.testing.assert_allclose(answered, wanted, rtol=1e-3, atol=1e-4)
