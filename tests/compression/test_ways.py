"""Which ways fit a model, and what each of them changes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import onnx.parser
import pytest

from edgekit.compression.ways import Workshop, batches
from edgekit.errors import ModelError
from edgekit.graph import storage
from edgekit.graph.original import Original

PRODUCTS = """<ir_version: 8, opset_import: ["": 17]> g (float[N,32] x) => (float[N,4] y) {
    [one] p = MatMul(x, a)
    q = Relu(p)
    [two] r = MatMul(q, b)
    s = Relu(r)
    [head] y = Gemm(s, c)
}"""
GEMMS = """<ir_version: 8, opset_import: ["": 17]> g (float[N,32] x) => (float[N,4] y) {
    [one] p = Gemm(x, a)
    q = Relu(p)
    [head] y = Gemm(q, c)
}"""


def workshop(text: str, folder: Path) -> Workshop:
    """Calibrate a network in whose product "two" one row of weights makes all the others vanish."""
    rng = np.random.default_rng(0)
    model = onnx.parser.parse_model(text)
    weights = {"a": (32, 32), "b": (32, 32), "c": (32, 4)}
    values = {name: rng.standard_normal(shape).astype(np.float32) for name, shape in weights.items() if name in text}
    if "b" in values:
        values["a"][:, 0], values["b"][0] = 0.0, 500.0
    model.graph.initializer.extend(onnx.numpy_helper.from_array(value, name) for name, value in values.items())
    storage.save(model, folder / "model.onnx")
    return Workshop(Original(folder / "model.onnx"), batches({"x": rng.standard_normal((64, 32), np.float32)}, 16))


def test_the_dynamic_way_is_found_sensitive_as_it_rounds_itself_and_in_its_own_layers_alone(tmp_path: Path) -> None:
    made = workshop(PRODUCTS, tmp_path)
    found = made.sensitivity("dynamic", 2)
    assert list(found) == ["two", "one"], "the Gemm stays in float, so it is no layer of this way"
    static = made.sensitivity("u8s8", 2)
    assert set(static) == {"one", "two", "head"}
    assert static["one"] != found["one"]


def test_a_way_that_is_asked_for_and_has_nothing_to_change_is_refused(tmp_path: Path) -> None:
    made = workshop(GEMMS, tmp_path)
    assert made.ways() == ["u8s8", "u8s7", "s8s8", "u8u8"] and made.ways(("s8s8",)) == ["s8s8"]
    with pytest.raises(ModelError, match='nothing that "dynamic" could change') as refused:
        made.ways(("dynamic",))
    assert "u8s8" in str(refused.value.hint)


def test_float16_is_among_the_ways_only_where_it_is_wanted_or_asked_for(tmp_path: Path) -> None:
    made = workshop(GEMMS, tmp_path)
    assert "fp16" not in made.ways() and made.ways(half=True)[-1] == "fp16" and made.ways(("fp16",)) == ["fp16"]
