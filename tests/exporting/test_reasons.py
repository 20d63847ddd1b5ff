from __future__ import annotations

import re

import pytest
import torch
from torch import nn

from edgekit.errors import ExportError
from edgekit.exporting import shipping
from edgekit.exporting.reasons import way_out, why


class Inner(nn.Module):
    def forward(self, x):
        return torch.linalg.matrix_exp(x.view(-1, 2, 2)).flatten(1)


class Outer(nn.Module):
    def __init__(self, inner):
        super().__init__()
        self.body = nn.Sequential(nn.Linear(4, 4), inner)

    def forward(self, x):
        return self.body(x)


def test_an_operator_that_onnx_lacks_is_named_with_its_module(tmp_path):
    with pytest.raises(ExportError) as caught:
        shipping.export(Outer(Inner()), None, tmp_path / "bundle", inputs=["x: float32[N,4]"])
    assert re.search(
        r"there is no ONNX for the operator aten\.linalg_matrix_exp, in body\.1 \(Inner\)", str(caught.value)
    )
    assert caught.value.hint == "write aten.linalg_matrix_exp in body.1 (Inner) with other operations"
    assert list(tmp_path.iterdir()) == []


class Failing(nn.Module):
    def forward(self, x):
        raise ValueError("first line\nsecond line") from KeyError("cause")


def test_the_module_that_was_running_is_named_with_the_cause():
    module = Outer(Failing())
    with pytest.raises(ValueError, match="first line") as caught:
        module(torch.zeros(1, 4))
    assert why(caught.value, module) == "KeyError: 'cause', in body.1 (Failing)"
    assert why(caught.value) == "KeyError: 'cause'"
    assert why(ValueError("first line\nsecond line")) == "ValueError: first line"


@pytest.mark.parametrize(
    ("failure", "said"),
    [
        ('strict: the dynamic dimension "T" became a constant: 9', "use operations on the whole of that dimension"),
        ("strict: Unsupported: Python decides by a tensor's value", "with torch.where, or with torch.cond"),
        (
            "dynamo: there is no ONNX for the operator aten.svd, in head (Svd)",
            "write aten.svd in head (Svd) with other",
        ),
        ("dynamo: there is no ONNX for the operator prims.bessel_j0", "write prims.bessel_j0 with other operations"),
        ("dynamo: ValueError: no", "in plain operations on tensors"),
    ],
    ids=["a constant", "a branch", "an operator in a module", "an operator somewhere", "anything"],
)
def test_the_way_out_is_told_by_what_failed(failure, said):
    assert said in way_out(["dynamo: ValueError: no", failure])


def test_what_python_decides_is_said_shortly():
    long = ValueError("Could not guard on data-dependent expression Eq(u0, 1) (unhinted: Eq(u0, 1)).")
    assert why(long) == "ValueError: Python decides by a tensor's value"
