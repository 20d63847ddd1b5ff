from __future__ import annotations

import dataclasses
import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import onnx
import onnx.parser
import pytest
import torch
from torch import nn

from edgekit.errors import ExportError, StorageError
from edgekit.exporting import ladder
from edgekit.exporting.deployment import Deployed, Deployment
from edgekit.exporting.origin import Origin
from edgekit.graph.slimming import Slimmed
from edgekit.runtime.session import open_session
from edgekit.signature import Tensor

FEATURES = Deployment(Tensor.parse("x: float32[N,4]"), "logits")
INPUTS = np.random.default_rng(0).normal(size=(9, 4)).astype(np.float32)


def exporting() -> bool:
    return torch.compiler.is_exporting() or torch.onnx.is_in_onnx_export()


class Otherwise(nn.Linear):
    def forward(self, x):
        return super().forward(x) * (2 if exporting() else 1)


class Refusing(nn.Linear):
    def forward(self, x):
        assert not exporting()
        return super().forward(x)


class OneSize(nn.Linear):
    def forward(self, x):
        return super().forward(x.reshape(2, 4) if exporting() else x)


class Unknown(nn.Linear):
    def forward(self, x):
        return super().forward(torch.linalg.matrix_exp(x.view(-1, 2, 2)).flatten(1))


@pytest.fixture(scope="module")
def exported(small, images, of_images, tmp_path_factory):
    """Export the small network once: the newest exporter, an image of uint8, probabilities."""
    path = tmp_path_factory.mktemp("exported") / "model.onnx"
    return ladder.export(small, of_images, images, path), path


def test_an_export_tells_how_it_was_made(exported):
    done, path = exported
    model = onnx.load(path)
    assert done.method == "dynamo"
    assert done.failures == []
    assert done.seconds > 0
    assert done.parity.max_abs < 1e-5
    assert {each.domain: each.version for each in model.opset_import} == {"": done.opset}
    assert model.ir_version == done.ir == 10


def test_the_exported_model_takes_and_answers_what_the_deployment_says(exported):
    session = open_session(exported[1])
    assert [str(each) for each in session.inputs] == ["image: uint8[N,6,5,3]"]
    assert [str(each) for each in session.outputs] == ["probabilities: float32[N,5]"]


@pytest.mark.parametrize("size", [1, 2, 7, 33])
def test_the_batch_is_free(exported, small, images, of_images, size):
    answer = open_session(exported[1]).run({"image": images[:size]})["probabilities"]
    with torch.inference_mode():
        expected = Deployed(small, of_images)(torch.from_numpy(images[:size])).numpy()
    np.testing.assert_allclose(answer, expected, atol=1e-6)
    np.testing.assert_allclose(answer.sum(1), 1, atol=1e-6)


def test_the_graph_normalises_as_training_did(images, tmp_path):
    said = Deployment(Tensor.parse("image: uint8[N,6,5,3]"), "logits", (), (0.1, 0.5, 0.3), (0.2, 0.3, 0.4))
    ladder.export(nn.Identity(), said, images, tmp_path / "a.onnx")
    given = open_session(tmp_path / "a.onnx").run({"image": images})["logits"]
    expected = ((images / 255 - said.mean) / said.std).transpose(0, 3, 1, 2)
    np.testing.assert_allclose(given, expected, atol=1e-6)


def test_features_go_in_as_they_are_and_logits_come_out(tmp_path):
    network = nn.Linear(4, 3)
    ladder.export(network, FEATURES, INPUTS, tmp_path / "a.onnx")
    answer = open_session(tmp_path / "a.onnx").run({"x": INPUTS})["logits"]
    np.testing.assert_allclose(answer, network(torch.from_numpy(INPUTS)).detach().numpy(), atol=1e-5)


def test_the_tracer_makes_the_same_model(exported, small, images, of_images, tmp_path, monkeypatch):
    def broken(*args):
        raise NotImplementedError("not today\nand a long tale") from ValueError("the cause")

    monkeypatch.setattr(ladder, "RUNGS", {"dynamo": broken, "tracer": ladder.RUNGS["tracer"]})
    done = ladder.export(small, of_images, images, tmp_path / "a.onnx")
    assert done.method == "tracer"
    assert done.failures == ["dynamo: ValueError: the cause"]
    ours, theirs = (open_session(path) for path in (tmp_path / "a.onnx", exported[1]))
    assert (ours.inputs, ours.outputs) == (theirs.inputs, theirs.outputs)
    for size in (1, 33):
        answers = [s.run({"image": images[:size]})["probabilities"] for s in (ours, theirs)]
        np.testing.assert_allclose(*answers, atol=1e-6)


@pytest.mark.parametrize("method", ["dynamo", "tracer"])
def test_no_trace_of_the_makers_machine_is_in_the_file(small, images, of_images, tmp_path, monkeypatch, method):
    monkeypatch.setattr(ladder, "RUNGS", {method: ladder.RUNGS[method]})
    path = tmp_path / "a.onnx"
    ladder.export(small, of_images, images, path)
    content = path.read_bytes()
    for trace in (
        ".py",
        "/work",
        "site-packages",
        "return self.head",
        str(Path.home()) + "/",
        str(Path(__file__).parent),
    ):
        assert trace.encode() not in content, trace


@pytest.mark.parametrize(
    ("method", "minimum", "ir"),
    [
        ("dynamo", "1.14", 8),
        ("dynamo", "1.17.1", 9),
        ("dynamo", "1.20", 10),
        ("tracer", "1.14", 8),
        ("tracer", "1.20", 8),
    ],
)
def test_the_file_is_no_newer_than_the_oldest_runtime_reads(tmp_path, monkeypatch, method, minimum, ir):
    monkeypatch.setattr(ladder, "RUNGS", {method: ladder.RUNGS[method]})
    said = dataclasses.replace(FEATURES, min_onnxruntime=minimum)
    done = ladder.export(nn.Linear(4, 3), said, INPUTS, tmp_path / "a.onnx")
    model = onnx.load(tmp_path / "a.onnx")
    assert model.ir_version == done.ir == ir
    assert done.opset == model.opset_import[0].version == 18


def test_an_older_runtime_is_refused_before_any_work(tmp_path):
    said = dataclasses.replace(FEATURES, min_onnxruntime="1.13")
    with pytest.raises(ExportError, match=r"1\.13 is older than the oldest that edgekit exports for, 1\.14$"):
        ladder.export(nn.Linear(4, 3), said, INPUTS, tmp_path / "a.onnx")


@pytest.mark.parametrize(
    ("network", "reasons"),
    [
        (
            Otherwise,
            [r'dynamo.*: output "logits"\[\d, \d\] at batch 1 is', r'tracer: output "logits"\[\d, \d\] at batch 1 is'],
        ),
        (Refusing, ["dynamo.*: AssertionError", "tracer: AssertionError"]),
        (OneSize, ['dynamo.*: .*dimension "N" became a constant', 'tracer: .*dimension "N" became a constant']),
        (Unknown, ["dynamo.*: .*no ONNX for the operator .*matrix_exp", "tracer: .*matrix_exp.*not supported"]),
    ],
    ids=["answers otherwise", "an empty message", "one batch size", "an unknown operator"],
)
def test_an_export_that_no_exporter_can_make_says_why_for_each(tmp_path, capfd, network, reasons):
    torch.manual_seed(0)
    path = tmp_path / "a.onnx"
    path.write_text("an older export")
    with pytest.raises(ExportError) as caught:
        ladder.export(network(4, 3), FEATURES, INPUTS, path)
    for reason in reasons:
        assert re.search(reason, str(caught.value)), str(caught.value)
    first, *others = str(caught.value).splitlines()
    assert first == "no exporter made a file that answers as PyTorch does"
    rungs = [name for line in others for name in line.strip().partition(": ")[0].split(", ")]
    assert sorted(rungs) == ["decomposed", "dynamo", "strict", "tracer"]  # each once: those of one reason share a line
    assert "\x1b" not in str(caught.value)
    assert not path.exists()
    assert capfd.readouterr() == ("", "")  # the exporters' own pages of text are nobody's news


def test_what_pytorch_itself_refuses_is_told_in_its_words(tmp_path):
    with pytest.raises(
        ExportError, match=r"PyTorch itself fails on an input x: float32\[N,4\] where N = 1: .*1x4 and 5x3"
    ) as caught:
        ladder.export(nn.Linear(5, 3), FEATURES, INPUTS, tmp_path / "a.onnx")
    assert caught.value.hint


class Two(nn.Linear):
    def forward(self, x):
        return super().forward(x), x


@pytest.mark.parametrize(
    ("network", "change", "inputs", "said"),
    [
        (Two(4, 3), {}, INPUTS, "answers 2 tensors, not one alone"),
        (nn.Linear(4, 3), {}, INPUTS[:6], "the proof needs 7 examples, and there are 6"),
        (nn.Linear(4, 3), {"input": Tensor.parse("x: float32[1,4]")}, INPUTS, r'"x: float32\[1,4\]" has no batch'),
    ],
    ids=["two outputs", "too few examples", "a fixed batch"],
)
def test_what_cannot_be_proved_is_refused_before_any_work(tmp_path, network, change, inputs, said):
    with pytest.raises(ExportError, match=said):
        ladder.export(network, dataclasses.replace(FEATURES, **change), inputs, tmp_path / "a.onnx")


def test_a_full_disk_is_no_fault_of_the_exporter(tmp_path, monkeypatch):
    def full(model, path):
        raise StorageError("no room")

    monkeypatch.setattr(ladder.storage, "save", full)
    with pytest.raises(StorageError, match="no room"):
        ladder.export(nn.Linear(4, 3), FEATURES, INPUTS, tmp_path / "a.onnx")


def test_what_is_printed_on_the_way_is_not_seen_and_what_comes_after_is(capfd, tmp_path, monkeypatch):
    def chatters(*args):
        sys.stdout.write("never")
        sys.stderr.write("never")
        subprocess.run(["echo", "never"], check=True)
        raise NotImplementedError

    monkeypatch.setattr(ladder, "RUNGS", {"chatters": chatters})
    with pytest.raises(ExportError):
        ladder.export(nn.Linear(4, 3), FEATURES, INPUTS, tmp_path / "a.onnx")
    sys.stdout.write("after")
    os.write(2, b"below")
    assert capfd.readouterr() == ("after", "below")


FAT = """<ir_version: 8, opset_import: ["": 18]>
g (float[N,4] x) => (float[N,4] logits) { same = Identity(x)  there = Neg(same)  logits = Neg(there) }"""


@pytest.fixture
def fat(monkeypatch):
    """Have the ladder find one exporter, whose file has a node too many."""
    model = onnx.parser.parse_model(FAT)
    monkeypatch.setattr(ladder, "RUNGS", {"fat": lambda program, example: Origin(model)})


def test_a_graph_is_slimmed(fat, tmp_path):
    done = ladder.export(nn.Identity(), FEATURES, INPUTS, tmp_path / "a.onnx")
    assert done.slimmed.nodes == (3, 2)
    assert len(onnx.load(tmp_path / "a.onnx").graph.node) == 2


def test_a_slimmed_graph_that_answers_otherwise_is_not_taken(fat, tmp_path, monkeypatch):
    spoiled = onnx.parser.parse_model(FAT.replace("there = Neg(same)", "there = Abs(same)"))
    monkeypatch.setattr(ladder.slimming, "slim", lambda model: Slimmed(spoiled, (3, 2), (9, 8)))
    done = ladder.export(nn.Identity(), FEATURES, INPUTS, tmp_path / "a.onnx")
    assert done.slimmed is None
    assert [node.op_type for node in onnx.load(tmp_path / "a.onnx").graph.node] == ["Identity", "Neg", "Neg"]
