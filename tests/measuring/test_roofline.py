"""Shares of made-up ceilings, worked out by hand."""

from __future__ import annotations

from typing import Any

import pytest

from edgekit.measuring.roofline import Work, bandwidth, share

# 100 GFLOP/s, 1000 GOP/s; 100 GB/s up to a megabyte, 10 GB/s from a hundred on; 4 us for a run, 0.5 for a node.
CEILINGS: dict[str, Any] = {
    "fp32_gflops": {"value": 100.0},
    "int8_gops": {"value": 1000.0},
    "bandwidths": [{"bytes": 1_000_000, "value": 100.0}, {"bytes": 100_000_000, "value": 10.0}],
    "empty_run_us": {"value": 4.0},
    "node_us": {"value": 0.5},
}


@pytest.mark.parametrize(
    ("work", "us", "compute", "memory", "overhead", "bound"),
    [
        # A million MACs are two million operations: 20 us at 100 GFLOP/s.
        pytest.param(Work(macs=1_000_000, nodes=2), 40.0, 0.5, 0.0, 5 / 40, "compute", id="fp32"),
        pytest.param(Work(macs=1_000_000, int8_macs=1_000_000), 40.0, 0.05, 0.0, 4.5 / 40, "overhead", id="int8"),
        pytest.param(Work(macs=2_000_000, int8_macs=1_000_000), 44.0, 0.5, 0.0, 4.5 / 44, "compute", id="both"),
        # A hundred million bytes of weights come from memory: 10 ms. As values of a hundred nodes they come from cache.
        pytest.param(Work(weights=100_000_000), 20_000.0, 0.0, 0.5, 4.5 / 20_000, "memory", id="weights"),
        pytest.param(Work(values=100_000_000, nodes=100), 2_000.0, 0.0, 0.5, 54 / 2000, "memory", id="values"),
        pytest.param(Work(macs=10_000_000), 100.0, 2.0, 0.0, 0.045, "compute", id="above the limit, as it is"),
    ],
)
def test_a_run_takes_of_each_limit(
    work: Work, us: float, compute: float, memory: float, overhead: float, bound: str
) -> None:
    found = share(work, us, CEILINGS)
    shares = (found["compute_share"], found["bandwidth_share"], found["overhead_share"])
    assert shares == pytest.approx((compute, memory, overhead))
    assert found["bound"] == bound


def test_a_node_pays_for_itself_and_its_weights_come_from_as_far_as_the_models_reach() -> None:
    found = share(Work(weights=1_000_000), 100.0, CEILINGS, run=False, reach=100_000_000)
    assert found["bandwidth_share"] == pytest.approx(1.0)  # 100 us at 10 GB/s
    assert found["overhead_share"] == pytest.approx(0.005)
    assert share(Work(weights=1_000_000), 100.0, CEILINGS, run=False)["bandwidth_share"] == pytest.approx(0.1)


@pytest.mark.parametrize(
    ("size", "rate"),
    [
        pytest.param(10, 100.0, id="smaller than was measured"),
        pytest.param(1_000_000, 100.0, id="as was measured"),
        pytest.param(10_000_000, 31.6228, id="half way, in powers"),
        pytest.param(1e12, 10.0, id="larger than was measured"),
        pytest.param(0, 100.0, id="nothing"),
    ],
)
def test_the_bandwidth_hangs_on_how_much_is_read_in_turn(size: float, rate: float) -> None:
    assert bandwidth(CEILINGS, size) == pytest.approx(rate, rel=1e-5)


def test_work_is_added_up_and_done_again() -> None:
    one, other = Work(10, 5, 100, 20, 1), Work(1, 0, 7, 3, 2)
    assert Work.sum([one, other]) == Work(11, 5, 107, 23, 3)
    assert Work.sum([]) == Work(nodes=0)
    assert one.times(3) == Work(30, 15, 300, 60, 3)
    assert (one.bytes, one.intensity, Work(macs=1).intensity) == (120, 20 / 120, None)
