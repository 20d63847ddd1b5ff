from __future__ import annotations

import numpy as np
import pytest

from edgekit.errors import BundleError
from edgekit.graph.probing import Probe

BRANCHES = """
<ir_version: 8, opset_import: ["": 17]>
g (float[N] x, bool c) => (float[N] y) <float one = {1.0}> {
    a = Add(x, one)
    b = Mul(a, a)
    d = Sub(x, one)
    e = If (c) <then_branch = t () => (float[N] p) { p = Neg(d) }, else_branch = f () => (float[N] q) { q = Abs(b) }>
    unused = Exp(e)
    y = Add(b, e)
}
"""
FEEDS = {"x": np.array([1.0, 2.0], np.float32), "c": np.array(True), "strange": np.zeros(1)}


@pytest.fixture
def probe(parse):
    return Probe(parse(BRANCHES), FEEDS)


@pytest.mark.parametrize(
    ("name", "value"), [("a", [2, 3]), ("d", [0, 1]), ("e", [0, -1]), ("y", [4, 8]), ("unused", np.exp([0, -1]))]
)
def test_any_tensor_can_be_asked_for(probe, name, value):
    np.testing.assert_allclose(probe.value(name), value, rtol=1e-6)


def test_a_tensor_depends_on_what_bodies_take_from_around_them(probe):
    assert probe.ancestors("e") == {"a", "b", "d", "e"}
    assert probe.ancestors("a") == {"a"}
    assert list(probe.nodes) == ["a", "b", "d", "e", "unused", "y"]


def test_what_cannot_be_computed_is_told(parse):
    graph = "g (float[N] x) => (float[N] y) { z = Reshape(x, s)\n y = Neg(z) }"
    model = parse(f'<ir_version: 8, opset_import: ["": 17]> {graph}', s=np.array([3]))
    with pytest.raises(BundleError, match=r'the tensor "z" cannot be computed: .*Reshape'):
        Probe(model, FEEDS).value("z")


def test_several_tensors_are_computed_at_once_for_each_of_several_feeds(probe):
    other = {**FEEDS, "x": np.array([0.0], np.float32)}
    first, second = probe.values(["b", "e"], [FEEDS, other])
    np.testing.assert_allclose(first["b"], [4, 9])
    np.testing.assert_allclose(first["e"], [0, -1])
    np.testing.assert_allclose(second["b"], [1])
