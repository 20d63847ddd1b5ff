"""Records of nodes joined with the graph that ran, both made up."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx.parser

from edgekit.measuring.nodes import Task, tasks
from edgekit.measuring.roofline import Work
from edgekit.measuring.traces import Event, Shaped


def graph(text: str, **weights: np.ndarray) -> onnx.GraphProto:
    head = '<ir_version: 9, opset_import: ["": 18, "com.microsoft": 1, "com.microsoft.nchwc": 1]>'
    found = onnx.parser.parse_model(f"{head} {text}").graph
    found.initializer.extend(onnx.numpy_helper.from_array(value, name) for name, value in weights.items())
    return found


def event(*path: str, op: str, inputs: tuple[Shaped, ...] = (), outputs: tuple[Shaped, ...] = ()) -> Event:
    return Event(path, op, "CPUExecutionProvider", 1.0, inputs, outputs)


def floats(*shape: int) -> Shaped:
    return "float", shape


X = {"x": np.zeros((2, 4), np.float32)}
WEIGHT = np.zeros((4, 3), np.float32)


def test_weights_that_were_laid_out_anew_are_known_from_the_graph() -> None:
    # onnxruntime leaves them out of the record: the inputs alone would not tell the work.
    found = tasks(
        [event("dense", op="MatMul", inputs=(floats(2, 4),), outputs=(floats(2, 3),))],
        graph("g (float[N,4] x) => (float y) { [dense] y = MatMul(x, w) }", w=WEIGHT), X,
    )  # fmt: skip
    assert found == {("dense",): Task(Work(24, 0, 48, 32 + 24), None)}


def test_a_value_after_such_weights_is_not_taken_for_them() -> None:
    made = graph("g (float[N,4] x) => (float y) { [first] y = MatMul(w, x) }", w=WEIGHT)
    shapes = {"inputs": (floats(3, 9),), "outputs": (floats(4, 9),)}
    assert tasks([event("first", op="MatMul", **shapes)], made, {})["first",].work == Work(4 * 3 * 9, 0, 48, 108 + 144)


def test_shapes_are_those_of_the_run_and_not_of_the_file() -> None:
    found = tasks(
        [
            event("up", op="Relu", inputs=(floats(7, 4),), outputs=(floats(7, 4),)),
            event("dense", op="MatMul", outputs=(floats(7, 3),)),
        ],
        graph("g (float[N,4] x) => (float y) { [up] r = Relu(x) [dense] y = MatMul(r, w) }", w=WEIGHT),
        {"x": np.zeros((7, 4), np.float32)},
    )
    assert found["dense",].work == Work(7 * 4 * 3, 0, 48, 7 * 4 * 4 + 7 * 3 * 4)


def test_nodes_without_a_name_are_told_apart_by_their_order() -> None:
    found = tasks(
        [
            event("Relu_7", op="Relu", inputs=(floats(2, 4),), outputs=(floats(2, 4),)),
            event("named", op="Relu", inputs=(floats(2, 4),), outputs=(floats(2, 4),)),
            event("Relu_3", op="Relu", inputs=(floats(2, 5),), outputs=(floats(2, 5),)),
        ],
        graph("g (float[2,4] x, float[2,5] z) => (float y) { a = Relu(x) [named] b = Relu(a) y = Relu(z) }"), X,
    )  # fmt: skip
    assert {path: task.work and task.work.values for path, task in found.items()} == {
        ("Relu_7",): 64, ("named",): 64, ("Relu_3",): 80,
    }  # fmt: skip


def test_a_node_of_which_the_graph_knows_nothing_is_left_out() -> None:
    assert (
        tasks(
            [event("gone", op="Relu"), event("Relu_1", op="Relu")], graph("g (float x) => (float y) { y = Neg(x) }"), X
        )
        == {}
    )


def test_a_node_of_unknown_work_has_none() -> None:
    made = graph("g (float[2,4] x) => (float y) { [odd] y = com.microsoft.NewThing(x) }")
    shapes = {"inputs": (floats(2, 4),), "outputs": (floats(2, 4),)}
    assert tasks([event("odd", op="NewThing", **shapes)], made, X) == {("odd",): Task(None, None)}


def test_blocked_convolutions_are_named_after_the_module_of_their_bias() -> None:
    weights = {
        "reorder_token_3": np.zeros((16, 4, 3, 3), np.float32),
        "net.0.conv.weight_bias": np.zeros(16, np.float32),
    }
    made = graph(
        "g (float[1,4,8,8] x) => (float y) { [r_nchwc] y = com.microsoft.nchwc.Conv(x, reorder_token_3, bias) }",
        **weights,
    )
    made.node[0].input[2] = "net.0.conv.weight_bias"  # the text form has no dots in names
    shapes: dict[str, Any] = {"inputs": (floats(1, 4, 8, 8), floats(16)), "outputs": (floats(1, 16, 6, 6),)}
    (found,) = tasks([event("r_nchwc", op="Conv", **shapes)], made, {}).values()
    assert found.layer == "net.0.conv"
    assert found.work and found.work.macs == 16 * 36 * 4 * 9


def test_8_bit_multiplications_are_told_apart() -> None:
    made = graph(
        "g (uint8[2,4] x) => (int32 y) { [dense] y = MatMulInteger(x, w) }", w=np.zeros((4, 3), np.int8)
    )  # fmt: skip
    found = tasks(
        [event("dense", op="MatMulInteger", outputs=(("int32", (2, 3)),))], made, {"x": np.zeros((2, 4), np.uint8)}
    )
    assert found["dense",].work == Work(24, 24, 12, 8 + 24)


def test_nodes_in_a_body_are_found_in_it_and_see_what_is_around_it() -> None:
    made = graph(
        """g (float[2,4] x, bool c) => (float y) {
            [choose] y = If(c) <then_branch = t () => (float a) { [dense] a = MatMul(x, w) },
                                else_branch = e () => (float b) { [other] b = Neg(x) }>
        }""",
        w=WEIGHT,
    )
    events = [
        event("choose", op="If", outputs=(floats(2, 3),)),
        event("choose", "dense", op="MatMul", inputs=(floats(2, 4),), outputs=(floats(2, 3),)),
    ]
    found = tasks(events, made, X)
    assert found["choose", "dense"].work == Work(24, 0, 48, 32 + 24)
    assert found["choose",].work == Work()
