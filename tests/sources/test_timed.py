import sys

import numpy as np
import pytest
import torch
from torch import nn

from edgekit.errors import DeviceError, ModelError, UsageError
from edgekit.signature import Tensor
from edgekit.sources import timed

X = [Tensor.parse("x: float32[N,4]")]
NET = """
from torch import nn

class Net(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.inner = nn.Linear(4, width).half().float()

    def forward(self, x):
        return self.inner(x)

def build(width=2):
    return Net(width)
"""


@pytest.fixture
def net(tmp_path):
    (tmp_path / "net.py").write_text(NET)
    return f"torch:{tmp_path / 'net.py'}"


@pytest.fixture
def threads():
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


def answer(opened, x):
    return opened.prepared({"x": x})()


@pytest.mark.parametrize(
    ("word", "found"),
    [("torch:net.py", True), ("compile:a.b:c", True), ("call:a:b", True), ("net.onnx", False), ("C:/x.onnx", False)],
)
def test_a_source_is_told_from_a_file(word, found):
    assert timed.is_timed(word) is found


def test_a_file_of_that_name_goes_before(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "call:x").write_text("")
    assert not timed.is_timed("call:x")


def test_a_network_is_built_as_asked_and_runs_without_gradients(net, threads):
    subject, notes = timed.subject("n", net, {"width": 3}, X, ())
    assert (subject.kind, subject.precision, subject.own, subject.bytes) == ("torch", "fp32", False, None)
    assert "random unless" in notes[0]
    opened = subject.open("cpu", 1)
    found = answer(opened, np.ones((5, 4), np.float32))
    assert found.shape == (5, 3) and found.is_inference()
    assert opened.options["torch"] == {"inference_mode": "1", "compile": "0", "threads": "1"}


def test_what_it_was_built_with_is_part_of_its_hash(net):
    hashes = {timed.subject("n", net, {"width": width}, X, ())[0].sha256 for width in (2, 2, 3)}
    assert len(hashes) == 2


def test_each_copy_has_weights_of_its_own(net):
    subject, _ = timed.subject("n", net, {}, X, ())
    first, second = (subject.open("cpu", 1) for _ in range(2))
    x = np.ones((1, 4), np.float32)
    before = answer(first, x)
    assert torch.equal(before, answer(second, x))
    places = []
    for opened in (first, second):
        call = opened.prepared({"x": x})
        (module,) = (cell.cell_contents for cell in _cells(call) if isinstance(cell.cell_contents, nn.Module))
        places.append(module.inner.weight.data_ptr())
    assert len(set(places)) == 2


def _cells(call):
    return call.__wrapped__.__closure__


def test_threads_follow_the_setting_from_call_to_call(net, threads):
    subject, _ = timed.subject("n", net, {}, X, ())
    x, seen = np.ones((1, 4), np.float32), []
    calls = [subject.open("cpu", count).prepared({"x": x}) for count in (1, 2, 1)]
    for call in calls:
        call()
        seen.append(torch.get_num_threads())
    assert seen == [1, 2, 1]


def test_a_source_takes_what_was_declared_or_what_the_model_beside_it_does(net):
    like = [Tensor.parse("data: float32[N,4]")]
    assert timed.subject("n", net, {}, X, like)[0].open("cpu", 1).inputs == X
    opened = timed.subject("n", net, {}, (), like)[0].open("cpu", 1)
    assert opened.prepared({"data": np.ones((2, 4), np.float32)})().shape == (2, 2)
    with pytest.raises(UsageError, match="nothing says what"):
        timed.subject("n", net, {}, (), ())


def test_where_the_model_beside_it_takes_pictures_the_network_takes_floats(tmp_path):
    (tmp_path / "conv.py").write_text("from torch import nn\ndef build(): return nn.Conv2d(3, 2, 3)\n")
    like = [Tensor.parse("image: uint8[N,8,6,3]")]
    opened = timed.subject("n", f"torch:{tmp_path / 'conv.py'}", {}, (), like)[0].open("cpu", 1)
    assert opened.inputs == [Tensor.parse("image: float32[N,3,8,6]")]
    assert opened.prepared({"image": np.zeros((2, 3, 8, 6), np.float32)})().shape == (2, 2, 6, 4)


def test_pytorch_is_not_timed_on_a_device_it_does_not_know(net):
    subject, _ = timed.subject("n", net, {}, X, ())
    with pytest.raises(DeviceError, match='not on "openvino"'):
        subject.open("openvino", 1)
    if not torch.cuda.is_available():
        with pytest.raises(DeviceError, match="sees no GPU"):
            subject.open("cuda", 1)


def test_a_function_is_called_as_it_is(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine_timed.py").write_text("def twice(x):\n    return 2 * x\n\nnumber = 3\n")
    subject, _ = timed.subject("f", "call:mine_timed:twice", {}, X, ())
    assert answer(subject.open("cpu", 1), np.ones((1, 4))).tolist() == [[2, 2, 2, 2]]
    with pytest.raises(ModelError, match="is a int, not a function"):
        timed.subject("f", "call:mine_timed:number", {}, X, ())
    with pytest.raises(ModelError, match=r'has no "twce"'):
        timed.subject("f", "call:mine_timed:twce", {}, X, ())
    del sys.modules["mine_timed"]


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # torch's own
def test_a_compiled_network_answers_as_it_is_written(net, threads):
    word = net.replace("torch:", "compile:")
    subject, _ = timed.subject("n", word, {}, X, ())
    plain, _ = timed.subject("n", net, {}, X, ())
    opened = subject.open("cpu", 1)
    assert opened.options["torch"]["compile"] == "1"
    for size in (1, 3):
        x = np.ones((size, 4), np.float32)
        assert answer(opened, x).shape == answer(plain.open("cpu", 1), x).shape
