from __future__ import annotations

from typing import Any

import pytest

from edgekit.commands.profile_table import ceilings_line, print_profile

CEILINGS: dict[str, Any] = {
    "threads": 2,
    "runtime": "onnxruntime",
    "fp32_gflops": {"value": 100.0},
    "int8_gops": {"value": 1234.0},
    "bandwidth_gbs": {"value": 10.0},
    "bandwidths": [{"bytes": 1_000_000, "value": 80.0}, {"bytes": 100_000_000, "value": 10.0}],
    "empty_run_us": {"value": 4.0},
    "node_us": {"value": 0.25},
    "measured": "2026-03-01T00:00:00+00:00",
    "kept": True,
}


def node(label: str, us: float, **more: Any) -> dict[str, Any]:
    return {
        "name": label, "label": label, "op": "Conv", "device": "cpu", "fallback": False, "us": us, "share": us / 100,
        "calls": 1, "macs": 1_000_000, "int8": False, "bytes": 1000, "gflops": 50.0, "ceiling_share": 0.5,
        "bound": "compute",
    } | more  # fmt: skip


def profiled(*nodes: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {
        "nodes": list(nodes),
        "operators": [{**each, "nodes": 1} for each in nodes],
        "p50_us": 100.0,
        "outside_us": 100 - sum(each["us"] for each in nodes),
        "traced_us": 150.0,
        "profiler_us": 2.5,
        "runs": 50,
        "work": {"macs": 2_000_000, "int8_macs": 0, "weights": 1000, "values": 1000, "nodes": len(nodes)},
        "file_macs": 2_000_000,
    } | more


def printed(capsys: pytest.CaptureFixture[str], profile: dict[str, Any], ceilings: Any = CEILINGS) -> list[str]:
    print_profile(profile, "student.onnx", ceilings)
    return capsys.readouterr().out.splitlines()


def row(lines: list[str], first: str) -> list[str]:
    return next(line.split() for line in lines if line.strip().startswith(first))


def test_a_node_has_its_time_its_part_of_it_and_of_the_nearest_limit(capsys: pytest.CaptureFixture[str]) -> None:
    lines = printed(capsys, profiled(node("stem", 60.0), node("head", 30.0, op="Gemm", macs=0, gflops=0.0, int8=True)))
    assert row(lines, "stem") == ["stem", "Conv", "60.0", "60", "%", "1.0", "M", "50.0", "50", "%", "fp32"]
    assert row(lines, "head") == ["head", "Gemm", "30.0", "30", "%", "50", "%", "int8"]
    assert row(lines, "outside the nodes") == ["outside", "the", "nodes", "10.0", "10", "%"]
    assert row(lines, "all of it") == ["all", "of", "it", "100", "100", "%", "2.0", "M", "40.0", "40", "%", "compute"]


def test_what_the_profiler_cannot_tell_is_not_told(capsys: pytest.CaptureFixture[str]) -> None:
    short = node("view", 0.4, ceiling_share=None, bound=None, gflops=None, macs=None)
    assert row(printed(capsys, profiled(node("stem", 90.0), short)), "view") == ["view", "Conv", "<", "1", "?"]


def test_slow_models_are_told_in_milliseconds(capsys: pytest.CaptureFixture[str]) -> None:
    profile = profiled(node("stem", 15_000.0), p50_us=20_000.0, outside_us=5_000.0, traced_us=20_300.0)
    lines = printed(capsys, profile)
    assert row(lines, "stem")[2] == "15.0"
    assert any(" ms " in line for line in lines)


def test_twenty_nodes_at_most_have_a_row_and_the_rest_share_one(capsys: pytest.CaptureFixture[str]) -> None:
    lines = printed(capsys, profiled(*(node(f"layer{index}", 3.0) for index in range(30))))
    assert sum(line.strip().startswith("layer") for line in lines) == 20
    assert row(lines, "10 nodes more") == ["10", "nodes", "more", "30.0", "30", "%"]


def test_nodes_that_take_next_to_nothing_have_no_row_beyond_the_fifth(capsys: pytest.CaptureFixture[str]) -> None:
    small = [node(f"small{index}", 0.5) for index in range(9)]
    lines = printed(capsys, profiled(node("stem", 90.0), *small))
    assert sum(line.strip().startswith("small") for line in lines) == 4
    assert row(lines, "5 nodes more") == ["5", "nodes", "more", "2.50", "2", "%"]


def test_it_fits_a_hundred_columns(capsys: pytest.CaptureFixture[str]) -> None:
    long = "a_very_long_name_of_a_module." * 5
    operator = "QLinearGlobalAveragePoolOfSomebody"
    nodes = [node(f"{long}{index}", 1234.5, op=operator, fallback=True, device="openvino") for index in range(3)]
    lines = printed(capsys, profiled(*nodes, node("odd", 3.0, ceiling_share=12.3, bound="overhead")))
    tables = [line for line in lines if not line.startswith(("note", "where"))]
    assert max(map(len, (line.rstrip() for line in tables))) <= 100


def test_nodes_elsewhere_than_asked_stand_out(capsys: pytest.CaptureFixture[str]) -> None:
    lines = printed(capsys, profiled(node("a", 60.0, device="cuda"), node("b", 9.0, op="TopK", fallback=True)), None)
    assert row(lines, "b ")[1:5] == ["!", "TopK", "on", "cpu"]
    assert any("not on the device that was asked for: TopK on cpu" in line for line in lines)


@pytest.mark.parametrize(
    ("more", "told"),
    [
        pytest.param({}, "a run took 150 µs with the profiler, 100 without; 2.50 µs of that", id="the profiler's cost"),
        pytest.param({"outside_us": -9.0}, "trust their shares alone", id="nodes that take longer than the run"),
        pytest.param({"file_macs": 1_000_000}, "2.00 times the file's MACs are made", id="channels filled up"),
    ],
)
def test_what_one_must_know_is_a_note(capsys: pytest.CaptureFixture[str], more: dict[str, Any], told: str) -> None:
    assert any(told in line for line in printed(capsys, profiled(node("stem", 90.0), **more)))


def test_a_share_above_the_limit_is_told_and_explained(capsys: pytest.CaptureFixture[str]) -> None:
    lines = printed(capsys, profiled(node("stem", 90.0, ceiling_share=1.3, bound="memory")))
    assert row(lines, "stem")[-3:] == ["130", "%", "memory"]
    assert any(line.startswith("note: above 100 %") for line in lines)
    assert not any("above 100" in line for line in printed(capsys, profiled(node("stem", 90.0))))


def test_of_a_graph_that_a_device_compiled_the_file_tells_the_work(capsys: pytest.CaptureFixture[str]) -> None:
    whole = node("subgraph", 90.0, device="openvino", macs=None, bytes=None, gflops=None, ceiling_share=None)
    nothing = {"macs": 0, "int8_macs": 0, "weights": 0, "values": 0, "nodes": 1}
    lines = printed(capsys, profiled(whole, work=nothing), None)
    assert row(lines, "all of it") == ["all", "of", "it", "100", "100", "%", "2.0", "M", "40.0"]
    assert any("the device compiled the graph into nodes of its own" in line for line in lines)


def test_without_ceilings_there_is_no_share_of_them(capsys: pytest.CaptureFixture[str]) -> None:
    lines = printed(capsys, profiled(node("stem", 90.0, ceiling_share=None, bound=None)), None)
    assert row(lines, "all of it") == ["all", "of", "it", "100", "100", "%", "2.0", "M", "40.0"]


def test_the_limits_are_told_with_where_they_come_from_and_when() -> None:
    assert ceilings_line(CEILINGS) == (
        "limits of 2 threads through onnxruntime, kept from 2026-03-01: 100 GFLOP/s in fp32, 1,234 GOP/s in int8, "
        "80.0 GB/s from cache, 10.0 from memory, 4.00 µs for an empty run"
    )
    fresh = ceilings_line({**CEILINGS, "kept": False, "busy": True, "threads": 1})
    assert fresh.startswith("limits of 1 thread through onnxruntime, measured just now:")
    assert fresh.endswith("on a busy machine: they may be higher")
