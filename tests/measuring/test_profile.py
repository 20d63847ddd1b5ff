"""Where the time goes: first of made-up runs, worked out by hand, then of tiny models that really run."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnx.parser
import pytest

from edgekit.latency.samples import Samples
from edgekit.measuring import profile as profiling
from edgekit.measuring.nodes import Task
from edgekit.measuring.profile import Traced, profile, told, trace, work
from edgekit.measuring.roofline import Work
from edgekit.measuring.traces import Event

# 1 GFLOP/s, 10 GOP/s, 1 GB/s; 4 us for an empty run and 1 for a node.
CEILINGS: dict[str, Any] = {
    "fp32_gflops": {"value": 1.0},
    "int8_gops": {"value": 10.0},
    "bandwidths": [{"bytes": 1, "value": 1.0}],
    "empty_run_us": {"value": 4.0},
    "node_us": {"value": 1.0},
}


def event(name: str, us: float, op: str = "Relu", provider: str = "CPUExecutionProvider") -> Event:
    return Event((name,), op, provider, us, (), ())


def traced(runs: list[list[Event]], plain: float, watched: float, device: str = "cpu", **works: Work) -> Traced:
    tasks = {(name,): Task(work, None) for name, work in works.items()}
    return Traced(runs, plain, watched, tasks, device)


def us(found: dict[str, Any]) -> dict[str, float]:
    return {node["name"]: pytest.approx(node["us"]) for node in found["nodes"]}


def test_what_the_profiler_costs_is_taken_off_each_node_alike() -> None:
    # 100 us without the profiler, 4 of them around the nodes: the two take 96, and not 100 as was written down.
    found = told(traced([[event("a", 70.0), event("b", 30.0)]] * 8, 100.0, 110.0), CEILINGS)
    assert us(found) == {"a": 68.0, "b": 28.0}
    assert (found["profiler_us"], found["outside_us"]) == (pytest.approx(2.0), pytest.approx(4.0))
    assert [node["share"] for node in found["nodes"]] == pytest.approx([0.68, 0.28])


def test_no_more_is_taken_off_than_profiling_cost_and_what_is_left_shows() -> None:
    found = told(traced([[event("a", 120.0), event("b", 30.0)]] * 8, 100.0, 110.0), CEILINGS)
    assert us(found) == {"a": 115.0, "b": 25.0}
    assert found["outside_us"] == pytest.approx(-40.0)


def test_nothing_is_added_where_the_nodes_take_less_than_the_run() -> None:
    found = told(traced([[event("a", 50.0)]] * 8, 100.0, 110.0), CEILINGS)
    assert (us(found), found["profiler_us"], found["outside_us"]) == ({"a": 50.0}, 0.0, pytest.approx(50.0))


def test_a_node_takes_its_mean_over_the_runs_that_took_about_as_long_as_most() -> None:
    times = [(1000.0, 5.0), (10.5, 5.0), (11.5, 4.0), (10.5, 6.0), (11.5, 5.0), (0.5, 5.0), (9.5, 4.0), (5.0, 900.0)]
    runs = [[event("a", one), event("b", other)] for one, other in times]
    assert us(told(traced(runs, 20.0, 20.0), None)) == {"a": 11.0, "b": 5.0}


def test_a_node_called_often_takes_all_its_calls_and_does_as_much_work() -> None:
    runs = [[event("a", 10.0), event("a", 12.0)]] * 4
    ((node,),) = [told(traced(runs, 40.0, 40.0, a=Work(macs=5, weights=100, values=20)), None)["nodes"]]
    assert (node["us"], node["calls"], node["macs"], node["bytes"]) == (22.0, 2.0, 10, 240)


def test_nodes_stand_by_their_time_with_their_part_of_the_nearest_limit() -> None:
    runs = [[event("view", 0.5, "Reshape"), event("conv", 40.0, "Conv"), event("add", 50.0, "Add")]] * 4
    works = {"conv": Work(macs=10_000, weights=1000), "add": Work(values=40_000), "view": Work()}
    found = told(traced(runs, 100.0, 100.0, **works), CEILINGS)
    add, conv, view = found["nodes"]
    assert (add["name"], add["gflops"], add["bound"]) == ("add", 0.0, "memory")
    assert add["ceiling_share"] == pytest.approx(40 / 50)
    assert (conv["gflops"], conv["bound"], conv["ceiling_share"]) == (pytest.approx(0.5), "compute", pytest.approx(0.5))
    # Of what takes less than the profiler tells apart, nothing is said.
    assert (view["name"], view["gflops"], view["bound"], view["ceiling_share"]) == ("view", None, None, None)
    assert Work(**found["work"]) == Work(10_000, 0, 1000, 40_000, 3)


def test_weights_come_from_as_far_as_those_of_the_whole_model_reach() -> None:
    # A thousand bytes alone would come at 1 GB/s; among a hundred thousand they come at 0.1.
    far = {**CEILINGS, "bandwidths": [{"bytes": 1000, "value": 1.0}, {"bytes": 100_000, "value": 0.1}]}
    runs = [[event("small", 20.0), event("large", 1000.0)]] * 4
    found = told(traced(runs, 2000.0, 2000.0, small=Work(weights=1000), large=Work(weights=99_000)), far)
    (small,) = [node for node in found["nodes"] if node["name"] == "small"]
    assert (small["bound"], small["ceiling_share"]) == ("memory", pytest.approx(0.5))


def test_operators_are_added_up_8_bit_ones_apart() -> None:
    runs = [[event("a", 10.0, "Conv"), event("b", 20.0, "Conv"), event("c", 25.0, "Conv"), event("d", 1.5)]] * 4
    works = {"a": Work(macs=100), "b": Work(macs=200), "c": Work(macs=300, int8_macs=300)}
    kinds = told(traced(runs, 100.0, 100.0, **works), CEILINGS)["operators"]
    assert [(kind["op"], kind["int8"], kind["nodes"], kind["us"], kind["macs"]) for kind in kinds] == [
        ("Conv", False, 2, 30.0, 300), ("Conv", True, 1, 25.0, 300), ("Relu", False, 1, 1.5, None),
    ]  # fmt: skip
    assert "name" not in kinds[0]


def test_nodes_on_another_device_than_asked_stand_out() -> None:
    runs = [[event("a", 10.0, provider="CUDAExecutionProvider"), event("b", 20.0)]] * 4
    found = told(traced(runs, 100.0, 100.0, "cuda:1"), None)
    assert [(node["name"], node["device"], node["fallback"]) for node in found["nodes"]] == [
        ("b", "cpu", True), ("a", "cuda", False),
    ]  # fmt: skip
    assert {node["ceiling_share"] for node in found["nodes"]} == {None}


@pytest.mark.parametrize(
    ("name", "label"),
    [
        ("relu_3_nchwc", "relu_3"),
        ("/blocks/0/Relu_output_0_nchwc", "/blocks/0/Relu"),
        ("node_Conv_141_token_15", "node_Conv_141"),
        ("head", "head"),
        ("_nchwc", "_nchwc"),
    ],
)
def test_a_node_is_called_by_its_name_without_what_was_added_to_it(name: str, label: str) -> None:
    (node,) = told(traced([[event(name, 5.0)]], 10.0, 10.0), None)["nodes"]
    assert (node["name"], node["label"]) == (name, label)


def test_the_runs_of_the_warm_up_are_left_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def timed(calls: dict[str, Any], **_: Any) -> dict[str, Samples]:
        for _ in range(7):
            calls["traced"]()
        return {name: Samples(name, np.full(3, 1000 + index), np.arange(3)) for index, name in enumerate(calls)}

    monkeypatch.setattr(profiling, "interleave", timed)
    path = saved(tmp_path, "g (float[2] x) => (float[2] y) { y = Exp(x) }")
    found = trace(path, {"x": np.ones(2, np.float32)}, device="cpu", threads=1, seconds=0.0)
    assert (len(found.runs), found.plain_us, found.traced_us) == (3, 1.0, 1.001)


def saved(folder: Path, text: str, **weights: np.ndarray) -> Path:
    model = onnx.parser.parse_model(f'<ir_version: 9, opset_import: ["": 18]> {text}')
    model.graph.initializer.extend(onnx.numpy_helper.from_array(value, name) for name, value in weights.items())
    onnx.save(model, folder / "model.onnx")
    return folder / "model.onnx"


def weight(*shape: int) -> np.ndarray:
    return np.random.default_rng(0).standard_normal(shape).astype(np.float32)


def test_a_network_that_runs_is_told_of_whole(tmp_path: Path) -> None:
    path = saved(
        tmp_path,
        """g (float[N,16,16,16] x) => (float[N,5] y) {
            [conv] c = Conv<pads=[1,1,1,1]>(x, w) [relu] r = Relu(c)
            [pool] p = GlobalAveragePool(r) [flat] f = Flatten(p) [head] y = MatMul(f, v)
        }""",
        w=weight(16, 16, 3, 3), v=weight(16, 5),
    )  # fmt: skip
    feeds = {"x": np.ones((2, 16, 16, 16), np.float32)}
    found = profile(path, feeds, seconds=0.05, ceilings=CEILINGS)
    macs = 2 * 16 * 256 * 16 * 9 + 2 * 16 * 5
    assert found["work"]["macs"] == found["file_macs"] == macs
    assert found["nodes"][0]["op"] == "Conv"
    assert found["nodes"][0]["bytes"] == 4 * (16 * 16 * 9 + 2 * 2 * 16 * 256)
    total = sum(node["us"] for node in found["nodes"]) + found["outside_us"]
    assert total == pytest.approx(found["p50_us"])
    assert all(node["calls"] == 1 and node["device"] == "cpu" and not node["fallback"] for node in found["nodes"])
    done = work(path, feeds)
    assert dataclasses.asdict(done) == found["work"]


def test_channels_that_are_filled_up_are_counted_as_they_are_computed(tmp_path: Path) -> None:
    path = saved(
        tmp_path,
        "g (float[1,3,8,8] x) => (float[1,17,8,8] y) { [conv] y = Conv<pads=[1,1,1,1]>(x, w) }",
        w=weight(17, 3, 3, 3),
    )
    found = profile(path, {"x": np.ones((1, 3, 8, 8), np.float32)}, seconds=0.02)
    assert found["file_macs"] == 17 * 64 * 27
    assert found["work"]["macs"] >= found["file_macs"]


@pytest.mark.parametrize(
    ("text", "feeds", "weights", "macs", "int8"),
    [
        pytest.param(
            "g (float[3,1,4] x) => (float h) { a, h = LSTM<hidden_size=5>(x, w, r) }",
            {"x": np.ones((3, 1, 4), np.float32)},
            {"w": weight(1, 20, 4), "r": weight(1, 20, 5)},
            3 * 20 * 9, 0, id="LSTM without names",
        ),
        pytest.param(
            "g (uint8[2,4] x) => (int32 y) { y = MatMulInteger(x, w) }",
            {"x": np.ones((2, 4), np.uint8)},
            {"w": np.ones((4, 3), np.int8)},
            24, 24, id="int8",
        ),
        pytest.param(
            """g (float[2,4] x, int64 n, bool c) => (float[2,4] y) {
                y = Loop(n, c, x) <body = b (int64 i, bool ci, float[2,4] v) => (bool co, float[2,4] o)
                { co = Identity(ci) o = MatMul(v, w) }>
            }""",
            {"x": np.ones((2, 4), np.float32), "n": np.array(3), "c": np.array(True)},
            {"w": weight(4, 4)},
            3 * 32, 0, id="three times round a loop",
        ),
    ],
)  # fmt: skip
def test_the_work_of_a_model_that_runs(
    tmp_path: Path, text: str, feeds: dict[str, np.ndarray], weights: dict[str, np.ndarray], macs: int, int8: int
) -> None:
    found = profile(saved(tmp_path, text, **weights), feeds, seconds=0.02)
    assert (found["work"]["macs"], found["work"]["int8_macs"]) == (macs, int8)
