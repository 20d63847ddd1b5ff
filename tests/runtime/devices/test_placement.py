from __future__ import annotations

import types
from typing import Any

import onnxruntime

from edgekit.runtime.devices.placement import Placement, no_record, read


def node(operator: str, domain: str = "") -> Any:
    return types.SimpleNamespace(op_type=operator, domain=domain)


class Recorded:
    """A session with a record of these providers' nodes."""

    def __init__(self, *parts: tuple[str, list[Any]]) -> None:
        self.parts = parts

    def get_provider_graph_assignment_info(self) -> list[Any]:
        return [types.SimpleNamespace(ep_name=name, get_nodes=lambda nodes=nodes: nodes) for name, nodes in self.parts]


def test_nodes_are_counted_by_device_and_operator() -> None:
    session = Recorded(
        ("CUDAExecutionProvider", [node("Conv"), node("Conv"), node("Gelu", "com.microsoft")]),
        ("CPUExecutionProvider", [node("NonZero")]),
        ("CUDAExecutionProvider", [node("Conv")]),
    )
    placed = read(session, "cuda:1", "CUDAExecutionProvider")
    assert placed.nodes == {"cuda": {"Conv": 3, "com.microsoft:Gelu": 1}, "cpu": {"NonZero": 1}}
    assert placed.total == 5
    assert placed.left_behind() == {"cpu": {"NonZero": 1}}
    assert str(placed) == "cuda: 4 nodes; cpu: 1 node (NonZero)"


def test_a_plugins_provider_is_called_by_the_device_it_stands_for() -> None:
    session = Recorded(("MLXThing", [node("Conv")]), ("SomeOther", [node("TopK"), node("TopK")]))
    placed = read(session, "mlx", "MLXThing")
    assert placed.nodes == {"mlx": {"Conv": 1}, "SomeOther": {"TopK": 2}}
    assert str(placed) == "SomeOther: 2 nodes; mlx: 1 node (Conv)"


def test_what_tensorrt_may_leave_to_cuda_is_not_left_behind() -> None:
    placed = Placement("tensorrt", {"tensorrt": {"Conv": 4}, "cuda": {"NonZero": 1}, "cpu": {"Shape": 2}})
    assert placed.left_behind(["cuda"]) == {"cpu": {"Shape": 2}}
    assert set(placed.left_behind()) == {"cuda", "cpu"}


def test_a_graph_without_nodes_has_none() -> None:
    placed = read(Recorded(), "cpu", "CPUExecutionProvider")
    assert placed.total == 0 and str(placed) == "no nodes"


def test_an_onnxruntime_without_the_record_says_so() -> None:
    error = no_record()
    assert onnxruntime.__version__ in str(error) and "1.24" in str(error.hint)
