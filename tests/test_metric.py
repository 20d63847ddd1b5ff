"""Each metric in its own unit, and the right way round."""

from __future__ import annotations

import pytest

from edgekit.metric import Metric, of

ACCURACY, BITS, R2 = Metric("accuracy"), Metric("bits per character", "bits", -1), Metric("r2", "")


@pytest.mark.parametrize(
    ("metric", "figures", "says"),
    [
        pytest.param(ACCURACY, (0.981, 0.96, 0.991), "98.1 % [96.0, 99.1]", id="a share, in percent"),
        pytest.param(ACCURACY, (0.5, None, None), "50.0 %", id="no interval"),
        pytest.param(BITS, (-1.93, -1.95, -1.905), "1.930 bits [1.905, 1.950]", id="less is better"),
        pytest.param(R2, (0.9976, 0.997, 0.998), "0.998 [0.997, 0.998]", id="no unit"),
        pytest.param(R2, (-0.25, -0.5, -0.0001), "−0.250 [−0.500, 0.000]", id="below nothing"),
    ],
)
def test_an_estimate_is_written_in_the_unit_of_its_metric(
    metric: Metric, figures: tuple[float, float | None, float | None], says: str
) -> None:
    assert metric.estimate(*figures) == says


@pytest.mark.parametrize(
    ("metric", "points", "says"),
    [
        pytest.param(ACCURACY, (-0.2, -0.9, 0.5), "−0.2 points [−0.9, +0.5]", id="points of percent"),
        pytest.param(ACCURACY, (-0.04, None, None), "0.0 points", id="nothing has no sign"),
        pytest.param(BITS, (-3.1, -5.2, -1.0), "+0.031 bits [+0.010, +0.052]", id="more bits are a loss"),
        pytest.param(R2, (-1.2, -1.5, 0.1), "−0.012 [−0.015, +0.001]", id="no unit"),
    ],
)
def test_a_change_is_written_in_the_unit_of_its_metric(
    metric: Metric, points: tuple[float, float | None, float | None], says: str
) -> None:
    assert metric.changed(*points) == says


def test_what_may_be_lost_is_said_in_the_same_unit() -> None:
    assert [metric.loss(0.5) for metric in (ACCURACY, BITS, R2)] == ["0.5", "0.005 bits", "0.005"]


def test_the_metric_of_an_older_verdict_is_a_share() -> None:
    assert of({"metric": "accuracy"}) == ACCURACY
    assert of({"metric": "bits per character", "unit": "bits", "sign": -1}) == BITS
