"""The proof: an ONNX file must answer as the PyTorch model does, on real batches of several sizes."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from edgekit.errors import ParityError
from edgekit.runtime.session import open_session

BATCHES = (1, 2, 7)
ATOL, RTOL = 1e-4, 1e-3  # float32, summed in another order


@dataclass(frozen=True)
class Parity:
    """How near two models answer, over all batches: absolute errors, cosine of all outputs, equal argmax."""

    batches: tuple[int, ...]
    max_abs: float
    mean_abs: float
    cosine: float
    argmax_agreement: float
    atol: float
    rtol: float

    def to_dict(self) -> dict[str, Any]:
        """Give the figures as JSON-ready values."""
        return asdict(self) | {"batches": list(self.batches)}


def prove(module: nn.Module, graph: Path, inputs: np.ndarray) -> Parity:
    """Compare `module` with the ONNX file `graph` on the first 1, 2 and 7 of `inputs`.

    Raises ParityError that names the output, the batch size and the two values where they differ most.
    """
    session = open_session(graph)
    name, output = session.inputs[0].name, session.outputs[0].name
    wanted, got = [], []
    for size in BATCHES:
        batch = np.ascontiguousarray(inputs[:size])
        with torch.inference_mode():
            expected = module(torch.from_numpy(batch)).numpy()
        actual = session.run({name: batch})[output]
        if actual.shape != expected.shape:
            raise ParityError(
                f'output "{output}" is {list(actual.shape)} at batch {size}; PyTorch gives {list(expected.shape)}'
            )
        outside = ~(np.abs(actual - expected) <= ATOL + RTOL * np.abs(expected))
        if outside.any():
            at = np.unravel_index(int(np.argmax(np.where(outside, np.abs(actual - expected), -1))), actual.shape)
            raise ParityError(
                f'output "{output}"{[int(i) for i in at]} at batch {size} is {actual[at]:.6g}; PyTorch gives'
                f" {expected[at]:.6g}, and {ATOL:g} + {RTOL:g} of it is allowed"
            )
        wanted.append(expected)
        got.append(actual)
    return compare(np.concatenate(got), np.concatenate(wanted))


def compare(actual: np.ndarray, expected: np.ndarray) -> Parity:
    """Measure how near `actual` is to `expected`, both (n, ...) float."""
    apart = np.abs(actual.astype(np.float64) - expected)
    norms = float(np.linalg.norm(actual) * np.linalg.norm(expected))
    return Parity(
        batches=BATCHES,
        max_abs=float(apart.max()),
        mean_abs=float(apart.mean()),
        cosine=float(np.vdot(actual, expected)) / norms if norms else 1.0,
        argmax_agreement=float(np.mean(actual.argmax(-1) == expected.argmax(-1))),
        atol=ATOL,
        rtol=RTOL,
    )
