"""Make bundles with the PyTorch that is here, for other onnxruntimes to load: `tests/wheels.py` runs it.

    python tests/bundles.py FOLDER

Each lies in FOLDER/NAME/bundle; beside it inputs.npz, and expected.npz with what PyTorch answered to them.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

import edgekit
from edgekit import cli
from edgekit.exporting import shipping
from edgekit.exporting.structure import flatten
from edgekit.sources.opening import open_source
from edgekit.sources.source import Asked


class Conv(nn.Module):
    """Padding that differs from side to side, two branches, a pooling."""

    def __init__(self) -> None:
        super().__init__()
        self.pad = nn.ZeroPad2d((0, 1, 2, 1))
        self.first = nn.Conv2d(3, 8, 3, stride=2)
        self.second = nn.Conv2d(8, 8, (5, 1), padding=(2, 0), groups=4)
        self.norm = nn.BatchNorm2d(8)
        self.head = nn.Linear(16, 5)

    def forward(self, x):
        x = torch.relu(self.first(self.pad(x)))
        y = nn.functional.gelu(self.norm(self.second(x)))
        return self.head(torch.cat([x.mean((2, 3)), y.amax((2, 3))], 1))


class Voice(nn.Module):
    """A recurrent network with its state in and out."""

    def __init__(self) -> None:
        super().__init__()
        self.cell = nn.LSTM(4, 6, num_layers=2, batch_first=True)

    def forward(self, x, state):
        y, state = self.cell(x, state)
        return {"y": y, "state": state}


class Reader(nn.Module):
    """Attention over token numbers, with a mask."""

    def __init__(self) -> None:
        super().__init__()
        self.table = nn.Embedding(50, 16)
        self.three = nn.Linear(16, 48)
        self.norm = nn.LayerNorm(16)
        self.head = nn.Linear(16, 3)

    def forward(self, ids, attention_mask):
        x = self.table(ids)
        q, k, v = self.three(self.norm(x)).unflatten(-1, (3, 2, 8)).permute(2, 0, 3, 1, 4)
        hidden = attention_mask[:, None, None, :].bool()
        x = x + nn.functional.scaled_dot_product_attention(q, k, v, attn_mask=hidden).transpose(1, 2).flatten(2)
        return self.head(x[:, 0])


def main(folder: Path) -> None:
    """Make all of them."""
    torch.manual_seed(0)
    draw = np.random.default_rng(0)

    def normal(*shape: int) -> np.ndarray:
        return draw.standard_normal(shape).astype(np.float32)

    conv, voice, image = Conv(), Voice(), nn.Sequential(nn.Conv2d(3, 4, 3), nn.Flatten(), nn.LazyLinear(4))
    image(torch.zeros(1, 3, 8, 8))
    pixels = draw.integers(0, 256, (3, 8, 8, 3), np.uint8)
    state = {f"state.{at}": normal(2, 3, 6) for at in (0, 1)}
    words = {"ids": draw.integers(0, 50, (3, 9)), "attention_mask": (np.arange(9) < [[9], [4], [1]]).astype(np.int64)}
    make(folder / "conv", conv, {"x": normal(3, 3, 11, 13)}, inputs=["x: float32[N,3,11,13]"])
    make(folder / "fp16", conv, {"x": normal(3, 3, 11, 13)}, inputs=["x: float32[N,3,11,13]"], precision="fp16")
    make(folder / "mobile", conv, {"x": normal(3, 3, 11, 13)}, inputs=["x: float32[N,3,11,13]"], format="ort")
    lines = ["x: float32[N,T,4]", "state.0: float32[2,N,6]", "state.1: float32[2,N,6]"]
    make(folder / "voice", voice, {"x": normal(3, 7, 4), **state}, inputs=lines)
    lines = ["ids: int64[N,T]", "attention_mask: int64[N,T]"]
    make(folder / "reader", Reader(), words, inputs=lines, ranges={"ids": (0, 49)})
    said: dict[str, Any] = {
        "inputs": ["image: uint8[N,8,8,3]"],
        "mean": [0.4, 0.5, 0.6],
        "std": [0.2],
        "head": "softmax",
    }
    make(folder / "image", image, {"image": pixels}, **said, labels=list("abcd"), task="image-classification")
    digits(folder / "digits")


def make(folder: Path, module: nn.Module, feeds: dict[str, np.ndarray], **said: Any) -> None:
    """Export `module`, and keep what it answers."""
    written = shipping.export(module, None, folder / "bundle", **said)
    form = {key: said.pop(key) for key in ("precision", "format") if key in said}
    with shipping.evaluating(module):
        program = shipping.prepare(module, None, **said).program
    keep(folder, program, feeds, form)
    sys.stdout.write(f"{folder.name}: {written.exported.method}\n")


def keep(folder: Path, program: Any, feeds: dict[str, np.ndarray], form: dict[str, str]) -> None:
    """Write the inputs, and PyTorch's answers by the names of the outputs."""
    with torch.inference_mode():
        said = program.module.eval()(*(torch.from_numpy(array) for array in feeds.values()))
    found = [tensor.numpy() for _, tensor in flatten(said)]
    np.savez(folder / "inputs.npz", **feeds)
    np.savez(folder / "expected.npz", **{t.name: array for t, array in zip(program.outputs, found, strict=True)})
    (folder / "form.json").write_text(json.dumps(form))


def digits(folder: Path) -> None:
    """Distil the digits for a short while: the bundle of a run, against the network of its stage."""
    from sklearn.datasets import load_digits

    if cli.run(["distill", "digits", "--quick", "--until", "distill", "--runs", str(folder / "runs")]):
        raise SystemExit("failed: edgekit distill digits")
    (run,) = folder.glob("runs/digits/*/")
    (run / "bundle").rename(folder / "bundle")
    kept = edgekit.load(folder / "bundle").manifest
    assert kept is not None
    opened = open_source(Asked(str(run / kept.provenance["kept"])))
    program = shipping.prepare(opened.module, None, **opened.known).program
    images = load_digits().images[:7, :, :, None] * (255 / 16)
    keep(folder, program, {"image": images.astype(np.uint8)}, {})


if __name__ == "__main__":
    main(Path(sys.argv[1]))
