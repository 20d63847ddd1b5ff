"""Profiles as onnxruntime writes them, made up here."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from edgekit.errors import DataError
from edgekit.measuring.traces import Event, read

Said = dict[str, Any]


def node(name: str, operator: str, began: int, took: int, **about: Any) -> Said:
    args = {"op_name": operator, "provider": "CPUExecutionProvider", **about}
    return {"cat": "Node", "name": f"{name}_kernel_time", "ts": began, "dur": took, "args": args}


def run(began: int, took: int) -> list[Said]:
    return [
        {"cat": "Session", "name": "SequentialExecutor::Execute", "ts": began, "dur": took, "args": {}},
        {"cat": "Session", "name": "model_run", "ts": began, "dur": took, "args": {}},
    ]


@pytest.fixture
def profile(tmp_path: Path) -> Callable[..., Path]:
    def write(*said: Said) -> Path:
        path = tmp_path / "profile.json"
        path.write_text(json.dumps([{"cat": "Session", "name": "session_initialization", "ts": 0, "dur": 5}, *said]))
        return path

    return write


def test_each_run_has_its_nodes_in_the_order_they_began(profile: Callable[..., Path]) -> None:
    path = profile(node("b", "Relu", 9, 2), node("a", "Conv", 5, 3), *run(4, 8), node("a", "Conv", 25, 4), *run(24, 6))
    first, second = read(path)
    assert [(event.path, event.operator) for event in first] == [(("a",), "Conv"), (("b",), "Relu")]
    assert [event.us for event in first] == [3.5, 2.5]  # whole microseconds were cut off: half of one is added
    assert [event.us for event in second] == [4.5]


def test_shapes_come_along(profile: Callable[..., Path]) -> None:
    shapes = {"input_type_shape": [{"float": [1, 3]}, {"int64": []}], "output_type_shape": [{"uint8": [2]}]}
    ((event,),) = read(profile(node("a", "Conv", 5, 3, **shapes), *run(4, 8)))
    expected = (("float", (1, 3)), ("int64", ())), (("uint8", (2,)),)
    assert event == Event(("a",), "Conv", "CPUExecutionProvider", 3.5, *expected)


def test_a_loop_has_the_time_that_its_inner_nodes_leave_and_they_lie_in_it(profile: Callable[..., Path]) -> None:
    inner = [node("n", "Neg", 12, 4), node("n", "Neg", 20, 4)]
    path = profile(*inner, node("l", "Loop", 10, 20), node("m", "Neg", 30, 2), *run(9, 30))
    (found,) = read(path)
    assert [event.path for event in found] == [("l",), ("l", "n"), ("l", "n"), ("m",)]
    assert [event.us for event in found] == [20.5 - 4.5 - 4.5, 4.5, 4.5, 2.5]


def test_loops_within_loops(profile: Callable[..., Path]) -> None:
    path = profile(node("n", "Neg", 14, 2), node("i", "Loop", 12, 6), node("o", "Loop", 10, 20), *run(9, 30))
    (found,) = read(path)
    assert [(event.path, event.us) for event in found] == [
        (("o",), 14.0), (("o", "i"), 4.0), (("o", "i", "n"), 2.5)
    ]  # fmt: skip


def test_nodes_that_touch_do_not_lie_in_each_other(profile: Callable[..., Path]) -> None:
    (found,) = read(profile(node("a", "Relu", 10, 2), node("b", "Relu", 12, 0), *run(9, 4)))
    assert [event.path for event in found] == [("a",), ("b",)]


@pytest.mark.parametrize(
    "text",
    [
        pytest.param('[{"cat": "Node", "na', id="cut short"),
        pytest.param('[{"cat": "Node", "name": "a_kernel_time"}, {"name": "model_run"}]', id="without times"),
        pytest.param("7", id="something else"),
    ],
)
def test_a_damaged_profile_is_an_error_with_a_reason(tmp_path: Path, text: str) -> None:
    (tmp_path / "profile.json").write_text(text)
    with pytest.raises(DataError, match="onnxruntime's profile cannot be read"):
        read(tmp_path / "profile.json")
