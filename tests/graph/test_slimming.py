from __future__ import annotations

import sys

import numpy as np
import onnx
import onnx.parser
import onnxruntime as ort
import pytest

from edgekit.graph import slimming
from edgekit.graph.slimming import slim

FAT = """
<ir_version: 8, opset_import: ["": 17], metadata_props: ["edgekit.task": "custom"]>
g (float[N,3] x) => (float[N,3] y) <float[3] ramp = {1, 2, 3}, float[3] unused = {1, 1, 1}> {
    same = Identity(x)
    folded = Add(ramp, ramp)
    dead = Neg(same)
    there = Transpose <perm = [1, 0]> (same)
    back = Transpose <perm = [1, 0]> (there)
    one = Mul(back, folded)
    two = Mul(back, folded)
    y = Add(one, two)
}
"""


@pytest.fixture
def fat() -> onnx.ModelProto:
    return onnx.parser.parse_model(FAT)


def answer(model: onnx.ModelProto) -> np.ndarray:
    session = ort.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    return session.run(None, {"x": np.arange(6, dtype=np.float32).reshape(2, 3)})[0]


def test_constants_are_folded_and_dead_double_and_idle_nodes_go(fat):
    before = fat.SerializeToString()
    slimmed = slim(fat)
    assert [node.op_type for node in slimmed.model.graph.node] == ["Mul", "Add"]
    assert slimmed.nodes == (8, 2)
    assert slimmed.bytes == (len(before), len(slimmed.model.SerializeToString()))
    assert slimmed.bytes[1] < slimmed.bytes[0]
    np.testing.assert_array_equal(answer(slimmed.model), answer(fat))
    assert fat.SerializeToString() == before


def test_slimming_twice_changes_nothing(fat):
    assert slim(slim(fat).model) is None


def test_what_it_is_and_what_goes_in_and_out_stay(fat):
    slimmed = slim(fat).model
    assert slimmed.ir_version == 8
    assert [(each.domain, each.version) for each in slimmed.opset_import] == [("", 17)]
    assert {each.key: each.value for each in slimmed.metadata_props} == {"edgekit.task": "custom"}
    assert (list(slimmed.graph.input), list(slimmed.graph.output)) == (list(fat.graph.input), list(fat.graph.output))
    assert list(slimmed.graph.value_info) == []  # the shapes that OnnxSlim looked up do not ship


def test_shapes_that_were_told_are_told_still(fat):
    fat.graph.value_info.append(onnx.helper.make_tensor_value_info("one", onnx.TensorProto.FLOAT, ["N", 3]))
    slimmed = slim(fat).model
    assert [value.name for value in slimmed.graph.value_info] in (["one"], [])


class Faulty:
    """Stands for an OnnxSlim that does something it should not."""

    def __init__(self, what: str) -> None:
        self.what = what
        self.rounds = 0

    def slim(self, model: onnx.ModelProto) -> onnx.ModelProto | None:
        sys.stdout.write("never seen")
        if self.what == "raises":
            raise IndexError(3)
        if self.what == "nothing":
            return None
        if len(model.graph.node) > 7 or self.what == "never ends":
            del model.graph.node[2]
        if self.what == "renames":
            model.graph.input[0].name = model.graph.node[0].input[0] = "z"
        if self.what == "never ends":
            self.rounds += 1
            model.graph.node[0].name = str(self.rounds)
        if self.what == "breaks":
            model.graph.node[0].input[0] = "nowhere"
        if self.what == "newer":
            model.opset_import[0].version = 18
        return model


@pytest.mark.parametrize("what", ["raises", "nothing", "renames", "never ends", "breaks", "newer"])
def test_what_it_spoils_is_not_taken(fat, monkeypatch, capsys, what):
    faulty = Faulty(what)
    monkeypatch.setattr(slimming, "need", lambda module, purpose: faulty)
    if what == "never ends":
        fat.graph.node.extend([onnx.helper.make_node("Neg", ["x"], [f"dead{i}"]) for i in range(20)])
    assert slim(fat) is None
    assert capsys.readouterr() == ("", "")
