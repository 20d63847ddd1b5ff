"""Small models, written as text, and bundles made of them."""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnx.parser
import pytest

from edgekit import files
from edgekit.errors import InputError
from edgekit.manifest import FILE, MODEL, Manifest
from edgekit.runtime.feeds import Feeds
from edgekit.signature import Tensor


def _graph(text: str, ir: int = 10, opset: int = 20) -> bytes:
    head = f'<ir_version: {ir}, opset_import: ["" : {opset}]> graph '
    return onnx.parser.parse_model(head + text).SerializeToString()


@pytest.fixture
def graph() -> Callable[..., bytes]:
    """Make an ONNX file's bytes from a graph's text, as `graph("(float[N] x) => (float[N] y) { y = Neg(x) }")`."""
    return _graph


@pytest.fixture
def bundle(tmp_path: Path) -> Callable[..., Path]:
    """Make a bundle of a graph's text; more of its manifest is said by keyword."""

    def make(text: str, task: str, inputs: list[str], outputs: list[str], **said: Any) -> Path:
        folder = tmp_path / "bundle"
        folder.mkdir()
        (folder / MODEL).write_bytes(_graph(text))
        card = Manifest("tiny", task, [Tensor.parse(i) for i in inputs], [Tensor.parse(o) for o in outputs], **said)
        content = (folder / MODEL).read_bytes()
        card.files = {MODEL: {"sha256": hashlib.sha256(content).hexdigest(), "bytes": len(content)}}
        files.write_sealed(folder / FILE, card.to_dict())
        return folder

    return make


@pytest.fixture
def vectors(bundle: Callable[..., Path]) -> Path:
    """A bundle that takes vectors of three numbers and answers their softmax."""
    return bundle(
        "(float[N,3] x) => (float[N,3] probabilities) { probabilities = Softmax<axis = 1>(x) }",
        "classification",
        ["x: float32[N,3]"],
        ["probabilities: float32[N,3]"],
        labels=["ant", "bee", "cow"],
    )


@pytest.fixture
def edited(vectors: Path) -> Callable[[Callable[[dict[str, Any]], object]], Path]:
    """Change what the manifest of the bundle of vectors says, by a function that alters the dict, and seal it anew."""

    def edit(change: Callable[[dict[str, Any]], object]) -> Path:
        said = json.loads((vectors / FILE).read_text(encoding="utf-8"))
        del said["seal"]
        change(said)
        files.write_sealed(vectors / FILE, said)
        return vectors

    return edit


class Gate:
    """A model that answers once its gate is open; `runs`: what it was run on. It doubles, but for 13."""

    name = "gate"

    def __init__(self) -> None:
        self.inputs = [Tensor.parse("x: float32[N,M]")]
        self.outputs = [Tensor.parse("y: float32[N,M]")]
        self.check = Feeds(self.inputs)
        self.answer: Callable[[np.ndarray], np.ndarray] = lambda x: x * 2
        self.runs: list[list[float]] = []
        self.open, self.begun = threading.Event(), threading.Event()

    def __call__(self, feeds: dict[str, Any]) -> dict[str, Any]:
        self.begun.set()
        assert self.open.wait(5)
        self.runs.append(feeds["x"][:, 0].tolist())
        if 13 in feeds["x"]:
            raise InputError("the model cannot run on 13")
        return {"y": self.answer(feeds["x"])}

    def busy(self, batcher: Any) -> Any:
        """Send a first request of 0 in, so that the next ones wait before the gate; return its future."""
        first = batcher.submit(np.zeros((1, 1), np.float32))
        assert self.begun.wait(5)
        return first


@pytest.fixture
def gate() -> Iterator[Gate]:
    gate = Gate()
    yield gate
    gate.open.set()
