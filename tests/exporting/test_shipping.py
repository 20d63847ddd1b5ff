from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

import edgekit
from edgekit.errors import EdgekitError, ExportError, StorageError, UsageError
from edgekit.exporting import ladder, shipping
from edgekit.exporting.conversion import convert
from edgekit.exporting.formats import Form
from edgekit.graph import storage, versions
from edgekit.manifest import Manifest


@dataclass
class Answer:
    logits: torch.Tensor
    hidden: torch.Tensor | None = None


class Reader(nn.Module):
    """Token numbers and a mask in, a dataclass out; one input is left untouched."""

    def __init__(self) -> None:
        super().__init__()
        self.table = nn.Embedding(50, 6)
        self.head = nn.Linear(6, 3)

    def forward(self, ids, mask, spare):
        hidden = self.table(ids) * mask[..., None]
        return Answer(self.head(hidden.sum(1)), hidden)


class Voice(nn.Module):
    """A recurrent network with its state in and out."""

    def __init__(self) -> None:
        super().__init__()
        self.cell = nn.LSTM(4, 6, batch_first=True)

    def forward(self, x, state):
        y, state = self.cell(x, state)
        return {"y": y, "state": state}


class Plain(nn.Module):
    """A plain recurrent network: the current exporter makes its dynamic time a constant."""

    def __init__(self) -> None:
        super().__init__()
        self.cell = nn.RNN(4, 6, batch_first=True)

    def forward(self, x):
        return self.cell(x)[0]


VOICE = ["x: float32[N,T,4]", "state.0: float32[1,N,6]", "state.1: float32[1,N,6]"]


@pytest.fixture(autouse=True)
def same_weights():
    torch.manual_seed(0)


def test_a_module_and_an_example_make_a_bundle_that_answers_alike(tmp_path):
    network = nn.Sequential(nn.Linear(4, 8), nn.Dropout(0.5), nn.ReLU(), nn.Linear(8, 2))
    network[1].eval()
    done = edgekit.export(network, torch.randn(1, 4), tmp_path / "bundle")
    assert [each.training for each in network.modules()] == [True, True, False, True, True]
    assert done.exported.method == "dynamo" and done.exported.failures == []
    assert set(done.phases) == {"PyTorch", "export", "clean", "proof", "bundle"}
    x = np.random.default_rng(0).normal(size=(5, 4)).astype(np.float32)
    answer = edgekit.load(done.folder)({"input": x})["output"]
    np.testing.assert_allclose(answer, network.eval()(torch.from_numpy(x)).detach(), atol=1e-5)
    card = Manifest.read(done.folder)
    assert card.provenance["export"]["method"] == "dynamo"
    assert card.provenance["source"] == {"module": "Sequential"}
    assert card.parity["batches"] == [1, 2, 7]


def test_several_inputs_and_a_dataclass_come_through_and_an_untouched_input_stays(tmp_path):
    lines = ["ids: int64[N,T]", "mask: float32[N,T]", "spare: float32[N,2]"]
    ranges = {"ids": (0, 49), "T": (2, 5)}
    done = edgekit.export(Reader(), folder=tmp_path / "bundle", inputs=lines, ranges=ranges, outputs=["a", "b"])
    model = edgekit.load(done.folder)
    assert [str(each) for each in model.inputs] == lines
    assert [str(each) for each in model.outputs] == ["a: float32[N,3]", "b: float32[N,T,6]"]
    assert {case["T"] for case in done.card.parity["cases"]} == {2, 5}
    feeds = {"ids": np.full((3, 4), 49), "mask": np.ones((3, 4), np.float32), "spare": np.ones((3, 2), np.float32)}
    assert model(feeds)["b"].shape == (3, 4, 6)


def test_a_recurrent_network_has_its_state_in_and_out_and_any_length(tmp_path, monkeypatch):
    monkeypatch.setattr(ladder, "RUNGS", {"tracer": ladder.RUNGS["tracer"]})  # whose turn comes late
    network = Voice()
    done = edgekit.export(network, folder=tmp_path / "bundle", inputs=VOICE, ranges={"T": (2, 4)})
    model = edgekit.load(done.folder)
    assert [str(each) for each in model.outputs] == [
        "y: float32[N,T,6]", "state.0_out: float32[1,N,6]", "state.1_out: float32[1,N,6]"
    ]  # fmt: skip
    x, zeros = torch.randn(2, 13, 4), torch.zeros(1, 2, 6)
    expected = network.eval()(x, (zeros, zeros))
    answer = model({"x": x.numpy(), "state.0": zeros.numpy(), "state.1": zeros.numpy()})
    np.testing.assert_allclose(answer["y"], expected["y"].detach(), atol=1e-5)
    np.testing.assert_allclose(answer["state.1_out"], expected["state"][1].detach(), atol=1e-5)


def test_a_time_that_became_constant_is_caught_and_the_ladder_goes_on(tmp_path):
    network = Plain()
    done = edgekit.export(network, folder=tmp_path / "bundle", inputs=["x: float32[N,T,4]"], ranges={"T": (2, 4)})
    assert done.exported.method == "tracer"
    assert 'the dynamic dimension "T" became a constant' in done.exported.failures[0]
    # The rungs between would write out every step of a recurrent layer, for minutes.
    assert [failure.partition(":")[0] for failure in done.exported.failures] == ["dynamo"]
    assert done.card.provenance["export"]["failures"] == done.exported.failures
    x = torch.randn(2, 21, 4)
    answer = edgekit.load(done.folder)({"x": x.numpy()})["output"]
    np.testing.assert_allclose(answer, network(x).detach(), atol=1e-5)


def prepared(module, *example, **said) -> shipping.Prepared:
    with shipping.evaluating(module):
        return shipping.prepare(module, *example, **said)


def test_an_image_is_normalised_in_the_graph_also_beside_other_inputs():
    class Both(nn.Module):
        def forward(self, number, image):
            return image + number[:, None, None, None]

    lines = ["number: float32[N]", "image: uint8[N,2,2,1]"]
    found = prepared(Both(), inputs=lines, mean=[0.5], std=[0.25])
    answer = found.program.module(torch.ones(1), torch.full((1, 2, 2, 1), 255, dtype=torch.uint8))
    torch.testing.assert_close(answer, torch.full((1, 1, 2, 2), (1 - 0.5) / 0.25 + 1))
    assert found.deployment.preprocessing()["mean"] == [0.5]


NET = nn.Linear(4, 2)
X = "x: float32[N,4]"


@pytest.mark.parametrize(
    ("said", "complaint"),
    [
        ({}, "no inputs are declared"),
        ({"inputs": ["x: float32[N,5]"]}, r"PyTorch itself fails on an input x: float32\[N,5\] where N = 1: .*shapes"),
        ({"inputs": ["x: float33[N,5]"]}, 'there is no dtype "float33"'),
        ({"inputs": [X, X]}, 'two inputs have the name "x"'),
        ({"inputs": [X], "task": "classificaton"}, 'there is no task "classificaton"'),
        ({"inputs": [X], "labels": ["a", "b", "c"]}, r"3 labels, and the first output is \[N,2\]"),
        ({"inputs": [X], "outputs": ["a", "b"]}, "2 outputs are named, and the module answers 1"),
        ({"inputs": [X], "outputs": ["a b"]}, '"a b" is no name for an output'),
        ({"inputs": [X], "mean": [1.0, 2.0]}, "mean has 2 values for 4 channels"),
        ({"inputs": [X], "std": [0.0]}, "a standard deviation is 0"),
        ({"inputs": [X], "as_given": True, "mean": [1.0]}, "passed on as given are not normalised"),
        ({"inputs": [X], "ranges": {"T": (1, 2)}}, '"T"'),
        ({"inputs": [X], "min_onnxruntime": "new"}, '"new" is no version of onnxruntime'),
        ({"inputs": [X], "min_onnxruntime": "1.13"}, "older than the oldest"),
        ({"inputs": [X], "min_onnxruntime": "99.1"}, "is newer than this one"),
        ({"inputs": [X], "min_onnxruntime": "1.20", "format": "ort"}, "for the onnxruntime that writes it"),
        ({"inputs": [X], "format": "tflite"}, 'there is no format "tflite"'),
        ({"inputs": [X], "precision": "fp16"}, "in fp16 it is no smaller"),
        ({"inputs": X}, 'inputs are one text, "x: float32'),
        ({"inputs": [X], "labels": "no"}, 'labels are one text, "no"'),
    ],
    ids=lambda value: "" if isinstance(value, dict) else value[:30],
)
def test_what_does_not_fit_is_told_and_nothing_is_written(tmp_path, said, complaint):
    with pytest.raises(EdgekitError, match=complaint):
        shipping.export(NET, None, tmp_path / "bundle", **said)
    assert list(tmp_path.iterdir()) == []


class Talker(nn.Module):
    def forward(self, x):
        return {"y": x, "loss": 0.5}


def test_an_answer_that_is_no_tensor_is_refused():
    with pytest.raises(ExportError, match='"loss" is of type float'):
        prepared(Talker(), torch.zeros(2, 3))


@pytest.mark.parametrize(
    ("answer", "dtype", "hint"),
    [(torch.fft.fft, "complex64", "view_as_real"), (torch.Tensor.bfloat16, "bfloat16", "float32")],
    ids=["complex", "bfloat16"],
)
def test_an_answer_of_a_dtype_that_no_app_takes_is_refused_before_exporting(answer, dtype, hint):
    module = Talker()
    module.forward = lambda x: {"y": answer(x)}
    with pytest.raises(ExportError, match=f'the answer "y" is {dtype}') as caught:
        prepared(module, inputs=["x: float32[N,4]"])
    assert hint in caught.value.hint


def test_a_folder_of_the_users_is_never_replaced(tmp_path):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("years of work")
    for folder in (tmp_path / "mine", tmp_path / "mine" / "thesis.txt"):
        with pytest.raises(StorageError, match="is there, and is no bundle"):
            shipping.export(NET, torch.zeros(1, 4), folder)
    assert (tmp_path / "mine" / "thesis.txt").read_text() == "years of work"


def test_two_images_are_one_too_many():
    with pytest.raises(UsageError, match="two inputs are images"):
        prepared(NET, inputs=["a: uint8[N,2,2,1]", "b: uint8[N,2,2,1]"])


def wide() -> nn.Sequential:
    return nn.Sequential(nn.Linear(16, 64), nn.ReLU(), nn.Linear(64, 4))


def test_the_first_export_may_be_in_onnxruntimes_own_format(tmp_path):
    network = wide()
    done = shipping.export(network, torch.randn(2, 16), tmp_path / "bundle", format="ort")
    assert sorted(done.card.files) == ["model.ort", "required_operators.config"]
    assert done.card.requires["onnxruntime"] == versions.here()
    assert done.card.parity["batches"] == [1, 2, 7] and "with" not in done.card.parity
    assert done.card.provenance["form"] == {"format": "ort"}
    x = torch.randn(5, 16)
    np.testing.assert_allclose(edgekit.load(done.folder)(x.numpy())["output"], network(x).detach(), atol=1e-5)


def test_large_weights_go_from_pytorch_to_a_bundle_in_a_file_of_their_own(tmp_path, monkeypatch):
    monkeypatch.setattr(storage, "LIMIT", 1000)
    network = wide().append(nn.ReLU()).append(nn.Linear(4, 4))
    network[4].weight.data[0, 0] = 1e5
    done = shipping.export(network, torch.randn(2, 16), tmp_path / "bundle", precision="fp16")
    assert sorted(done.card.files) == ["model.onnx", "model.onnx.data"]
    assert done.phases.keys() >= {"export", "fp16", "bundle"}
    kept = done.card.provenance["form"]["kept_fp32"]
    assert [each["operator"] for each in kept] == ["Gemm"] and '"network.4.weight" reaches 1e+05' in kept[0]["reason"]
    assert done.card.parity["outputs"]["output"]["atol"] == 1e-2
    x = torch.ones(1, 16)
    np.testing.assert_allclose(edgekit.load(done.folder)(x.numpy())["output"], network(x).detach(), rtol=1e-2)


@pytest.mark.parametrize("form", [{"format": "ort"}, {"precision": "fp16"}], ids=["ort", "fp16"])
def test_a_class_alone_is_proved_by_its_scores_in_another_form_too(tmp_path, form):
    network = wide()
    done = shipping.export(network, torch.randn(2, 16), tmp_path / "bundle", head="argmax", **form)
    assert [str(tensor) for tensor in edgekit.load(done.folder).outputs] == ["class: int64[N]"]
    assert set(done.card.parity["outputs"]) == {"class", "scores of class"}
    again = convert(done.folder, tmp_path / "again", Form("ort")) if "precision" in form else done
    assert set(again.card.parity["outputs"]) == {"class", "scores of class"}


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 40 KB, which is nearly full."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=40k", "tmpfs", str(disk)]
    if not shutil.which("mount") or os.geteuid() or subprocess.run(mount, capture_output=True).returncode:
        pytest.skip("mounting a small disk takes root")
    (disk / "filler").write_bytes(bytes(30_000))
    yield disk
    subprocess.run(["umount", str(disk)], check=True)


@pytest.mark.parametrize("form", [{}, {"format": "ort"}], ids=["onnx", "ort"])
def test_a_full_disk_and_a_read_only_one_are_told_and_nothing_half_written_stays(small_disk, form):
    network = nn.Linear(16, 256)
    with pytest.raises(StorageError, match="no room on the disk for"):
        shipping.export(network, torch.randn(2, 16), small_disk / "bundle", **form)
    assert [path.name for path in small_disk.iterdir()] == ["filler"]
    subprocess.run(["mount", "-o", "remount,ro", str(small_disk)], check=True)
    with pytest.raises(StorageError, match="no permission for"):
        shipping.export(network, torch.randn(2, 16), small_disk / "bundle", **form)
    assert [path.name for path in small_disk.iterdir()] == ["filler"]
