"""`edgekit.quantize`: the engine of the verb, from Python."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnx.parser
import pytest

import edgekit
from edgekit import files
from edgekit.errors import DataError, EdgekitError, UsageError

TEXT = """<ir_version: 8, opset_import: ["": 17]> g (float[N,8,6,6] x) => (float[N,4] logits) {
    [one] p = Conv<pads=[1,1,1,1]>(x, a, bias)
    q = Relu(p)
    u = GlobalAveragePool(q)
    v = Flatten(u)
    [head] logits = Gemm(v, d)
}"""
RNG = np.random.default_rng(0)
EXAMPLES = RNG.standard_normal((96, 8, 6, 6)).astype(np.float32)
LABELS = np.arange(96) % 4


@pytest.fixture
def model(tmp_path: Path) -> Path:
    rng = np.random.default_rng(0)
    graph = onnx.parser.parse_model(TEXT)
    weights = {"a": (8, 8, 3, 3), "bias": (8,), "d": (8, 4)}
    graph.graph.initializer.extend(
        onnx.numpy_helper.from_array(rng.standard_normal(shape).astype(np.float32), name)
        for name, shape in weights.items()
    )
    onnx.save(graph, tmp_path / "float.onnx")
    return tmp_path / "float.onnx"


def quantize(model: Path, data: Any = EXAMPLES, **said: Any) -> Any:
    """Quantize by one way, whatever it gains, unless told otherwise."""
    asked = {"method": "u8s8", "seconds": 0.1, "min_speedup": 0, "max_drop_points": None} | said
    return edgekit.quantize(model, data, model.with_name("int8.onnx"), **asked)


def test_an_array_of_examples_quantizes_a_file_and_what_came_of_it_can_be_asked(model: Path) -> None:
    before = files.sha256(model)
    done = quantize(model)
    assert done.path == model.with_name("int8.onnx") and files.sha256(model) == before
    assert done.way == "u8s8" and done.speedup > 0 and done.reason == ""
    assert done.drop_points == -done.best["change"]["points"]
    assert [each["way"] for each in done.attempts] == ["u8s8"]
    assert done.record["metric"] == {"name": "agreement", "n": 48} and done.record["calibration"]["examples"] == 48
    assert done.load()({"x": EXAMPLES[:2]})["logits"].shape == (2, 4)


@pytest.mark.parametrize("form", ["dictionary", "one that holds y", "file"])
def test_examples_come_as_arrays_by_name_or_a_file_and_labels_score_them(model: Path, form: str) -> None:
    np.savez(model.with_name("data.npz"), x=EXAMPLES, y=LABELS)
    given = {"dictionary": {"x": EXAMPLES}, "one that holds y": {"x": EXAMPLES, "y": LABELS}}
    data = given.get(form, model.with_name("data.npz"))
    done = quantize(model, data, labels=LABELS.tolist() if form == "dictionary" else None)
    assert done.record["metric"]["name"] == "accuracy"


def test_where_nothing_is_kept_nothing_is_written_and_the_answer_says_why(model: Path) -> None:
    done = quantize(model, min_speedup=100)
    assert done.path is None and not model.with_name("int8.onnx").exists()
    assert "the nearest is u8s8" in done.reason and done.way == "u8s8"
    with pytest.raises(UsageError, match="nothing was written"):
        done.load()
    assert quantize(model, min_speedup=100, keep_anyway=True).path == model.with_name("int8.onnx")


def test_float16_is_a_way_for_size_and_stays_float32_where_a_node_is_excluded(model: Path) -> None:
    done = quantize(model, method="fp16", exclude=["head"])
    twin = onnx.load(done.path)
    halved = {tensor.name for tensor in twin.graph.initializer if tensor.data_type == onnx.TensorProto.FLOAT16}
    assert "a" in halved and "d" not in halved
    assert done.best["bytes"] < done.record["float"]["bytes"] and done.best["saturation"] is None


@pytest.mark.parametrize(
    ("said", "error", "complaint"),
    [
        ({"data": EXAMPLES[:31]}, DataError, "there are 31 examples"),
        ({"data": {"image": EXAMPLES}}, DataError, 'no examples of "x"'),
        ({"data": "gone.npz"}, DataError, 'there is no file "gone.npz"'),
        ({"labels": LABELS[:9]}, DataError, "the numbers of examples differ"),
        ({"labels": LABELS / 2}, DataError, "the labels are float64"),
        ({"method": "u8s9"}, UsageError, 'there is no method "u8s9"'),
        ({"samples": 3}, UsageError, "samples is 3, and 16 is the least"),
        ({"seconds": 0}, UsageError, "nothing can be timed"),
    ],
    ids=["too few", "another name", "no file", "too few labels", "no classes", "no way", "no calibration", "no time"],
)
def test_bad_arguments_are_one_error_that_says_what_is_wrong(
    model: Path, said: dict[str, Any], error: type[EdgekitError], complaint: str
) -> None:
    with pytest.raises(error, match=complaint):
        quantize(model, **said)
    assert not model.with_name("int8.onnx").exists()
