from __future__ import annotations

import pytest

from edgekit.graph.bisection import first_wrong
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


@pytest.fixture
def probe(parse):
    return Probe(parse(BRANCHES), {})


@pytest.fixture
def chain(parse):
    body = "\n".join(f"t{i + 1} = Neg(t{i})" for i in range(64))
    return Probe(parse(f'<ir_version: 8, opset_import: ["": 17]> g (float[N] t0) => (float[N] t64) {{ {body} }}'), {})


@pytest.mark.parametrize("fault", [1, 2, 33, 63, 64])
def test_the_first_wrong_tensor_of_a_chain_is_found_with_few_looks(chain, fault):
    looks = []

    def right(name: str) -> bool:
        looks.append(name)
        return int(name[1:]) < fault

    assert first_wrong(chain, set(chain.nodes), right, "t64") == f"t{fault}"
    assert len(looks) == len(set(looks)) <= 8


def test_of_tensors_that_cannot_be_looked_at_the_next_one_is_found(chain):
    known = {"t10", "t20", "t30", "t64"}
    assert first_wrong(chain, known, lambda name: int(name[1:]) < 15, "t64") == "t20"


@pytest.mark.parametrize(
    ("wrong", "found"), [({"d", "e", "y"}, "d"), ({"a", "b", "e", "y"}, "a"), ({"e", "y"}, "e"), ({"y"}, "y")]
)
def test_what_a_wrong_tensor_depends_on_is_right_whatever_the_branch(probe, wrong, found):
    assert first_wrong(probe, set(probe.nodes), lambda name: name not in wrong, "y") == found


def test_a_fault_in_a_short_branch_is_not_lost_behind_a_long_one(parse):
    short = "\n".join(f"s{i + 1} = Neg(s{i})" for i in range(3))
    long = "\n".join(f"t{i + 1} = Neg(t{i})" for i in range(7))
    graph = f"g (float[N] s0, float[N] t0) => (float[N] y) {{ {short}\n{long}\ny = Add(s3, t7) }}"
    probe = Probe(parse(f'<ir_version: 8, opset_import: ["": 17]> {graph}'), {})
    assert first_wrong(probe, set(probe.nodes), lambda name: name not in ("s2", "s3"), "y") == "s2"
