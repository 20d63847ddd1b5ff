from __future__ import annotations

import numpy as np
import onnx
import onnx.parser
import onnxruntime
import pytest

from edgekit.compression.post_training import Asked, search
from edgekit.compression.scoring import metric
from edgekit.compression.ways import Workshop, batches
from edgekit.graph import storage
from edgekit.graph.original import Original
from edgekit.latency.samples import Samples
from edgekit.runtime.session import open_session

TEXT = """<ir_version: 8, opset_import: ["": 17]> g (float[N,8,6,6] x) => (float[N,4] y) {
    [one] p = Conv<pads=[1,1,1,1]>(x, a, bias)
    q = Relu(p)
    [two] r = Conv<pads=[1,1,1,1]>(q, b, bias)
    s = Relu(r)
    [three] t = Conv<pads=[1,1,1,1]>(s, c)
    u = GlobalAveragePool(t)
    v = Flatten(u)
    [head] y = Gemm(v, d)
}"""


@pytest.fixture(scope="module")
def workshop(tmp_path_factory):
    """Make a network of which 8 bits spoil one layer, and all that is needed to quantize it."""
    rng = np.random.default_rng(0)
    model = onnx.parser.parse_model(TEXT)
    weights = {name: rng.standard_normal((8, 8, 3, 3)).astype(np.float32) * 0.2 for name in "abc"}
    weights["d"] = rng.standard_normal((8, 4)).astype(np.float32)
    weights["bias"] = rng.standard_normal(8).astype(np.float32) * 0.1
    # In every channel of b one weight that all others vanish beside, for a channel of a that is always 0.
    weights["b"][:, 0, 0, 0], weights["a"][0], weights["bias"][0] = 20.0, 0.0, 0.0
    model.graph.initializer.extend(onnx.numpy_helper.from_array(value, name) for name, value in weights.items())
    path = tmp_path_factory.mktemp("float") / "model.onnx"
    storage.save(model, path)
    return Workshop(Original(path), batches(examples(0), 16))


def examples(seed):
    rng = np.random.default_rng(seed)
    return {
        "x": rng.standard_normal((128, 8, 6, 6)).astype(np.float32)
        + 2 * rng.standard_normal((128, 8, 1, 1)).astype("f")
    }


def timed(**times):
    """Make a timer in which a way takes so many microseconds, and a layer in float one more."""

    def timer(named):
        found = {}
        for name in named:
            way, _, floats = name.rpartition("-")
            us = times["other"] if name == "float" else times.get(way, times["other"]) + int(floats)
            found[name] = Samples(name, np.full(200, us * 1000), np.arange(200) // 5)
        return found

    return timer


def run(workshop, tmp_path, timer, **asked):
    judged = batches(examples(1), 32)
    name, score = metric(open_session(workshop.original.source), judged, None)
    assert name == "agreement"
    seen: list[str] = []
    return search(workshop, score, timer, Asked(**asked), tmp_path, seen.append)


def test_the_fastest_way_within_the_budget_is_taken(workshop, tmp_path):
    outcome = run(workshop, tmp_path, timed(u8s8=50, u8s7=60, other=100), max_drop_points=100)
    assert outcome.chosen is not None and outcome.chosen.way == "u8s8" and outcome.chosen.floats == ()
    assert outcome.chosen.speed["ratio"] == pytest.approx(2)
    assert {each.way for each in outcome.attempts} == {"u8s8", "u8s7", "s8s8", "u8u8"}
    assert {each.way for each in outcome.attempts if each.change} == {"u8s8", "u8s7"}, "slow ones are not scored"


def test_of_ways_as_fast_as_each_other_the_one_that_answers_nearest_is_taken(workshop, tmp_path):
    for times in ({"u8s8": 50, "u8s7": 49}, {"u8s8": 49, "u8s7": 50}):
        outcome = run(workshop, tmp_path, timed(**times, other=100), max_drop_points=100)
        both = {each.way: each.divergence for each in outcome.attempts if each.change}
        assert outcome.chosen is not None and outcome.chosen.way == min(both, key=both.__getitem__)
        assert len(set(both.values())) == 2


def test_where_nothing_is_faster_nothing_is_chosen(workshop, tmp_path):
    outcome = run(workshop, tmp_path, timed(u8s8=120, other=110))
    assert outcome.chosen is None and "faster" in outcome.reason


def test_layers_go_back_to_float_until_the_budget_holds(workshop, tmp_path):
    whole = run(workshop, tmp_path, timed(u8s8=50, other=100), max_drop_points=100).chosen
    assert whole is not None and whole.drop > 0
    outcome = run(workshop, tmp_path, timed(u8s8=50, other=100), max_drop_points=whole.drop - 0.1)
    assert next(iter(outcome.sensitivity)) == "two"
    assert outcome.chosen is not None and outcome.chosen.floats[0] == "two"
    assert outcome.chosen.drop < whole.drop and outcome.chosen.divergence < whole.divergence


def test_a_budget_that_nothing_keeps_is_told_with_what_came_nearest(workshop, tmp_path):
    outcome = run(workshop, tmp_path, timed(u8s8=50, other=100), max_drop_points=-50)
    assert outcome.chosen is None and "budget" in outcome.reason
    assert outcome.nearest.drop == min(each.drop for each in outcome.attempts)


def test_for_another_processor_the_times_of_this_one_undo_nothing(workshop, tmp_path):
    asked = {"max_drop_points": 100, "ways": ("s8s8",)}
    assert run(workshop, tmp_path, timed(s8s8=200, other=100), **asked).chosen is None
    assert run(workshop, tmp_path, timed(s8s8=200, other=100), must_pay=False, **asked).chosen is not None


def test_a_layer_left_in_float_stays_so_in_the_session_too(workshop):
    twin = workshop.rough("u8s8", ["two"])
    options = onnxruntime.SessionOptions()
    options.optimized_model_filepath = str(workshop.original.source.with_name("optimized.onnx"))
    options.log_severity_level = 3
    onnxruntime.InferenceSession(twin.SerializeToString(), options)
    kept = {
        node.op_type: [tensor.data_type for tensor in optimized.graph.initializer if tensor.name == node.input[1]]
        for optimized in [onnx.load(options.optimized_model_filepath)]
        for node in optimized.graph.node
        if "Conv" in node.op_type and "QLinear" not in node.op_type
    }
    assert list(kept.values()) == [[onnx.TensorProto.FLOAT]]


def test_what_is_smaller_and_not_slower_pays_where_size_is_asked_for(workshop, tmp_path):
    same = timed(other=100)
    asked = {"max_drop_points": 100, "ways": ("u8s8", "fp16")}
    assert run(workshop, tmp_path, same, **asked).chosen is None
    outcome = run(workshop, tmp_path, same, min_shrink=1.2, **asked)
    assert outcome.chosen is not None and outcome.chosen.bytes * 1.2 <= workshop.original.source.stat().st_size
    assert run(workshop, tmp_path, same, min_shrink=100, **asked).chosen is None
    assert run(workshop, tmp_path, timed(u8s8=200, fp16=200, other=100), min_shrink=1.2, **asked).chosen is None
    assert run(workshop, tmp_path, timed(u8s8=200, fp16=200, other=100), min_speedup=0, **asked).chosen is not None


def test_float16_is_tried_where_size_is_asked_for(workshop, tmp_path):
    outcome = run(workshop, tmp_path, timed(other=100), max_drop_points=100, min_shrink=1.2)
    assert "fp16" in {each.way for each in outcome.attempts}
