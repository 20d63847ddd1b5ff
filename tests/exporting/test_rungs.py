"""Networks as people write them: recurrent, deciding, padded oddly, with masks. One rung each, for time."""

from __future__ import annotations

import logging
import re

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn

import edgekit
from edgekit.errors import ExportError
from edgekit.exporting import ladder, shipping
from edgekit.exporting.silence import silence


@pytest.fixture(autouse=True)
def same_weights():
    torch.manual_seed(0)


@pytest.fixture
def export(tmp_path, monkeypatch):
    """Export by the rungs that are named, and return what was shipped and the bundle, opened."""

    def by(rungs: str, module: nn.Module, *inputs: str, **said):
        monkeypatch.setattr(ladder, "RUNGS", {name: ladder.RUNGS[name] for name in rungs.split()})
        done = shipping.export(module, None, tmp_path / "bundle", inputs=inputs, **said)
        return done, edgekit.load(done.folder)

    return by


class Voice(nn.Module):
    """Tells speech from silence in a piece of sound, with its state in and out, as the public ones do."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv1d(1, 8, 16, stride=8)
        self.cell = nn.LSTM(8, 6, 2, batch_first=True)
        self.head = nn.Linear(6, 1)

    def forward(self, sound, h, c, rate):
        x = F.pad(sound[:, None], (8, 7))
        if rate == 8000:
            x = x * 2
        y, (h, c) = self.cell(F.relu(self.conv(x)).transpose(1, 2), (h, c))
        return {"speech": torch.sigmoid(self.head(y[:, -1]))[:, 0], "h": h, "c": c}


VOICE = ("sound: float32[N,S]", "h: float32[2,N,6]", "c: float32[2,N,6]", "rate: int64[]")


def test_a_voice_model_has_its_state_in_and_out_and_says_what_was_decided_while_tracing(export):
    network = Voice()
    done, model = export("tracer", network, *VOICE, ranges={"S": (64, 200), "rate": (16000, 16001)})
    assert [str(each) for each in model.outputs] == [
        "speech: float32[N]", "h_out: float32[2,N,6]", "c_out: float32[2,N,6]"
    ]  # fmt: skip
    expected = (
        "the module itself (Voice) makes a Python boolean of a tensor: the graph keeps what it was for one example"
    )
    assert done.exported.notes == (expected,)
    assert done.card.provenance["export"]["notes"] == [expected]
    sound, state = torch.randn(3, 512), torch.randn(2, 3, 6)
    said = model({"sound": sound.numpy(), "h": state.numpy(), "c": state.numpy(), "rate": np.int64(16000)})
    with torch.inference_mode():
        right = network(sound, state, state, torch.tensor(16000))
    np.testing.assert_allclose(said["speech"], right["speech"], atol=1e-5)
    np.testing.assert_allclose(said["c_out"], right["c"], atol=1e-5)


class Recurrent(nn.Module):
    def __init__(self, kind, **more) -> None:
        super().__init__()
        self.cell = kind(4, 6, **more)

    def forward(self, x, *state):
        return self.cell(x, *state)


@pytest.mark.parametrize(
    ("network", "inputs"),
    [
        (Recurrent(nn.RNN, batch_first=True), ["x: float32[N,T,4]"]),
        (Recurrent(nn.RNN, num_layers=2, bidirectional=True), ["x: float32[T,N,4]"]),
        (Recurrent(nn.GRU, batch_first=True), ["x: float32[N,T,4]", "h: float32[1,N,6]"]),
        (Recurrent(nn.LSTM, bidirectional=True, bias=False), ["x: float32[T,N,4]"]),
    ],
    ids=["plain", "plain, time first, both ways", "gated, with its state", "long memory, both ways"],
)
def test_recurrent_layers_stay_one_operator_for_any_length(export, network, inputs):
    done, model = export("strict tracer", network, *inputs)
    assert done.exported.method == "tracer"
    assert done.exported.failures == []  # it goes before those that write each step out
    x, state = torch.randn(5, 5, 4), torch.zeros(1, 5, 6)
    given = [x, state][: len(inputs)]
    said = model({each.name: array.numpy() for each, array in zip(model.inputs, given, strict=True)})
    with torch.inference_mode():
        np.testing.assert_allclose(next(iter(said.values())), network(*given)[0], atol=1e-5)


class Packed(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.cell = nn.LSTM(4, 6, batch_first=True)

    def forward(self, x, lengths):
        packed = nn.utils.rnn.pack_padded_sequence(x, lengths, batch_first=True, enforce_sorted=False)
        return nn.utils.rnn.pad_packed_sequence(self.cell(packed)[0], batch_first=True)[0]


def test_packed_sequences_fail_with_the_layer_and_the_dimension(export):
    ranges = {"lengths": (1, 2), "T": (2, 9)}
    with pytest.raises(ExportError, match='tracer: the dynamic dimension "T" became a constant') as caught:
        export("decomposed tracer", Packed(), "x: float32[N,T,4]", "lengths: int64[N]", ranges=ranges)
    assert re.search(r"decomposed: .* in cell \(LSTM\)$", str(caught.value), re.MULTILINE)


class Deciding(nn.Module):
    def forward(self, x):
        return x * 2 if x.sum() > 0 else x + 1


class Holding(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.inner = Deciding()

    def forward(self, x):
        return self.inner(x)


def test_a_branch_that_values_decide_is_no_export_and_the_way_out_is_told(export):
    with pytest.raises(ExportError) as caught:
        export("decomposed tracer", Holding(), "x: float32[N,4]")
    said = str(caught.value)
    assert "Python decides by a tensor's value, in inner (Deciding)" in said
    assert 'it begins at Mul "/network/inner/Mul" in network.inner (Deciding)' in said
    assert caught.value.hint == "write that branch with torch.where, or with torch.cond"


class Conditional(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(4, 4)

    def forward(self, x):
        return torch.cond(x.sum() > 0, lambda x: self.layer(x).sin(), lambda x: self.layer(x).cos(), (x,))


def test_a_branch_that_the_exporter_knows_is_in_the_graph(export):
    network = Conditional()
    done, model = export("dynamo", network, "x: float32[N,4]")
    assert done.exported.failures == []
    for x in (torch.ones(3, 4), -torch.ones(3, 4)):
        np.testing.assert_allclose(model({"x": x.numpy()})["output"], network(x).detach(), atol=1e-5)


class OddlyPadded(nn.Module):
    """Pads as TensorFlow's "same" does, more below than above, and pools up to the edge."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Conv2d(3, 8, 3, stride=2)
        self.second = nn.Conv2d(8, 8, 5, stride=2, groups=8)
        self.third = nn.Conv2d(8, 8, (1, 5), padding="same")
        self.most = nn.MaxPool2d(3, 2, ceil_mode=True)
        self.mean = nn.AvgPool2d(2, 2, padding=1, ceil_mode=True, count_include_pad=False)

    def same(self, x, layer):
        spare = [max((-(-n // 2) - 1) * 2 + k - n, 0) for n, k in zip(x.shape[-2:], layer.kernel_size, strict=True)]
        down, across = spare
        return layer(F.pad(x, (across // 2, across - across // 2, down // 2, down - down // 2)))

    def forward(self, x):
        x = F.hardswish(self.same(F.relu6(self.same(x, self.first)), self.second))
        return self.mean(self.most(F.pad(self.third(x), (0, 1, 0, 1)))).mean((2, 3))


def test_padding_that_is_not_the_same_on_all_sides_is_kept(export):
    done, _ = export("dynamo", OddlyPadded(), "x: float32[N,3,33,46]")
    assert done.exported.parity.max_abs < 1e-5


def test_a_padding_that_an_exporter_rounds_otherwise_is_caught_at_its_layer(export):
    with pytest.raises(ExportError, match=r'it begins at Conv "/network/first/Conv" in (network\.)?first \(Conv2d\)'):
        export("tracer", OddlyPadded(), "x: float32[N,3,33,46]")


class Attending(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.table = nn.Embedding(20, 8)
        self.body = nn.TransformerEncoder(nn.TransformerEncoderLayer(8, 2, 16, batch_first=True), 1)

    def forward(self, ids, padding_mask):
        return self.body(self.table(ids), src_key_padding_mask=padding_mask)


def test_attention_is_exported_in_plain_operations_and_the_switch_is_put_back(export):
    fast = torch.backends.mha.get_fastpath_enabled()
    _, model = export("tracer", Attending(), "ids: int64[N,9]", "padding_mask: bool[N,9]", ranges={"ids": (0, 19)})
    assert [str(each) for each in model.outputs] == ["output: float32[N,9,8]"]
    assert torch.backends.mha.get_fastpath_enabled() == fast


class Placed(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.places = nn.Parameter(torch.randn(16, 8))

    def forward(self, x):
        return x + self.places[: x.shape[1]]


def test_a_length_that_has_an_end_needs_no_range(export):
    _, model = export("strict", Placed(), "x: float32[N,T,8]")
    assert [str(each) for each in model.outputs] == ["output: float32[N,T,8]"]
    assert model({"x": np.zeros((2, 16, 8), np.float32)})["output"].shape == (2, 16, 8)


class Remembering(nn.Module):
    def forward(self, x, past, mask):
        seen = torch.cat([past, x], 1)
        weights = torch.matmul(x, seen.transpose(1, 2)).masked_fill(mask[:, None] == 0, -1e9)
        return {"y": torch.matmul(torch.softmax(weights, -1), seen), "present": seen}


def test_what_went_before_may_be_nothing_and_a_mask_covers_old_and_new(export):
    lines = ["x: float32[N,T,4]", "past: float32[N,P,4]", "mask: int64[N,P+T]"]
    done, model = export("dynamo", Remembering(), *lines, ranges={"P": (0, 9), "T": (1, 5)})
    assert [str(each) for each in done.card.inputs] == lines
    assert {(case["P"], case["T"]) for case in done.card.parity["cases"]} == {(0, 1), (9, 5), (0, 5), (9, 1)}
    x = np.ones((2, 3, 4), np.float32)
    said = model({"x": x, "past": np.zeros((2, 0, 4), np.float32), "mask": np.ones((2, 3), np.int64)})
    np.testing.assert_array_equal(said["present"], x)


def test_no_logger_is_heard_while_exporting(caplog):
    loud = logging.getLogger("loud")
    with silence():
        loud.critical("never")
    loud.critical("after")
    assert [each.message for each in caplog.records] == ["after"]
