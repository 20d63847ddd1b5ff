from __future__ import annotations

from pathlib import Path

import onnx
import onnx.parser
import pytest

from edgekit.errors import BundleError
from edgekit.graph.cleaning import check, set_metadata, strip

TRACE = 'File "/home/maker/project/train.py", line 12, in forward\n    return self.head(x)'


@pytest.fixture
def traced() -> onnx.ModelProto:
    model = onnx.parser.parse_model(
        """<ir_version: 10, opset_import: ["": 20, "own": 1]>
        g (float[N,2] x, bool c) => (float[N,2] y) <float[2] w = {1, 2}> {
            h = own.twice(x)
            k = Mul(h, w)
            y = If(c) <then_branch = a () => (float[N,2] t) { t = Relu(k) },
                       else_branch = b () => (float[N,2] e) { e = Neg(k) }>
        }
        <domain: "own", opset_import: ["": 20]> twice (v) => (r) { r = Add(v, v) }"""
    )
    graph = model.graph
    branch = graph.node[2].attribute[0].g
    for part in (
        graph, graph.node[0], graph.input[0], graph.output[0], graph.initializer[0], branch, branch.node[0],
        branch.output[0], model.functions[0], model.functions[0].node[0],
    ):  # fmt: skip
        part.doc_string = TRACE
        part.metadata_props.add(key="pkg.torch.onnx.stack_trace", value=TRACE)
    model.doc_string = TRACE
    set_metadata(model, {"task": "image-classification", "trace": TRACE, "place": f"{Path.home()}/model"})
    return model


def test_nothing_of_the_makers_machine_is_left(traced: onnx.ModelProto) -> None:
    assert b"train.py" in traced.SerializeToString()
    left = strip(traced).SerializeToString()
    for trace in (b'File "', b".py", b"stack_trace", b"/home/maker", str(Path.home()).encode() + b"/"):
        assert trace not in left
    assert b"image-classification" in left


def test_stripping_works_on_a_copy_and_leaves_a_valid_model_that_computes_the_same(traced: onnx.ModelProto) -> None:
    before = traced.SerializeToString()
    clean = strip(traced)
    assert traced.SerializeToString() == before
    check(clean)
    assert [node.op_type for node in clean.graph.node] == ["twice", "Mul", "If"]
    assert clean.graph.initializer[0].float_data == traced.graph.initializer[0].float_data
    assert strip(clean) == clean


def test_metadata_replaces_the_same_key_and_keeps_the_others(traced: onnx.ModelProto) -> None:
    model = strip(traced)
    set_metadata(model, {"task": "regression", "labels": "a,b"})
    set_metadata(model, {"seed": "0"})
    found = {entry.key: entry.value for entry in model.metadata_props}
    assert found == {"task": "regression", "labels": "a,b", "seed": "0"}


@pytest.mark.parametrize(
    "body", ["y = Relu(z)", "y = Unheard(x)", "y = MatMul(x, x)"], ids=["no such tensor", "no such operator", "shapes"]
)
def test_a_graph_that_breaks_the_rules_is_refused(body: str) -> None:
    model = onnx.parser.parse_model(
        f'<ir_version: 8, opset_import: ["": 17]> g (float[2,3] x) => (float[2,3] y) {{ {body} }}'
    )
    with pytest.raises(BundleError, match="not valid"):
        check(model)
