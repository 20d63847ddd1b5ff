from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from edgekit.errors import ExportError
from edgekit.exporting import shipping


class Counts(nn.Module):
    """Answers otherwise each time it is asked."""

    calls = 0

    def forward(self, x):
        self.calls += 1
        return x * self.calls


class Grows(nn.Linear):
    """Changes its own weights while it answers, at which exporters have crashed."""

    def forward(self, x):
        self.bias.data.add_(1.0)
        return super().forward(x)


class Does(nn.Module):
    def __init__(self, what):
        super().__init__()
        self.what = what

    def forward(self, x):
        return self.what(x)


def prepared(module, *inputs, **said) -> shipping.Prepared:
    with shipping.evaluating(module):
        return shipping.prepare(module, inputs=inputs or ["x: float32[N,4]"], **said)


@pytest.mark.parametrize(
    "module",
    [Counts(), Grows(4, 4), Does(lambda x: x + torch.rand_like(x)), Does(lambda x: F.dropout(x))],
    ids=["counts its calls", "changes its weights", "draws a number", "dropout that is never off"],
)
def test_a_module_that_answers_otherwise_when_asked_again_is_refused_before_exporting(module):
    with pytest.raises(ExportError, match=r'asked the same again: "output"\[\d, \d\] is') as caught:
        prepared(module)
    assert "training=self.training" in caught.value.hint


@pytest.mark.parametrize(
    "module",
    [Does(lambda x: x - x.mean(0, keepdim=True)), Does(lambda x: F.batch_norm(x, None, None, training=True, eps=1.0))],
    ids=["a mean over the batch", "batch norm by the batch"],
)
def test_an_answer_that_depends_on_the_rest_of_the_batch_is_noted(module):
    (note,) = prepared(module, "x: float32[N,4,3]").notes
    assert note.startswith('an example\'s answer depends on the rest of its batch: "output"[0, ')


def test_the_note_goes_with_the_bundle(tmp_path):
    done = shipping.export(Does(lambda x: x - x.mean(0)), torch.randn(7, 4), tmp_path / "bundle")
    (note,) = done.exported.notes
    assert done.card.provenance["export"]["notes"] == [note]


@pytest.mark.parametrize(
    ("module", "inputs"),
    [
        (nn.Sequential(nn.Linear(4, 4), nn.Dropout(), nn.BatchNorm1d(4)), ["x: float32[N,4]"]),
        (nn.GRU(4, 3, batch_first=True), ["input: float32[N,T,4]", "hx: float32[1,N,3]"]),
        (Does(lambda x: (x.sum(), x.log())), ["x: float32[N,4]"]),
        (Does(lambda x: x - x.mean(0)), ["x: float32[7,4]"]),
    ],
    ids=["in evaluation mode", "the batch on a later axis", "no number, and no batch", "no batch declared"],
)
def test_what_is_steady_is_not_noted(module, inputs):
    assert prepared(module, *inputs).notes == ()
