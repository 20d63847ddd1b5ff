from __future__ import annotations

import tracemalloc
from collections.abc import Callable, Iterator

import numpy as np
import onnx
import pytest

from edgekit.errors import DataError, EdgekitError, InputError
from edgekit.graph.calibration import ranges

Parse = Callable[..., onnx.ModelProto]
Feeds = dict[str, np.ndarray]


@pytest.fixture
def doubling(parse: Parse) -> onnx.ModelProto:
    return parse(
        """<ir_version: 8, opset_import: ["": 17]>
        g (float[N,2] x) => (float[N,2] y) { d = Add(x, x) n = Neg(d) e = Exp(d) l = Log(x) y = Add(d, l) }"""
    )


def feeds(*rows: tuple[float, float]) -> Feeds:
    return {"x": np.array(rows, np.float32)}


def test_ranges_span_all_batches_whatever_their_size(doubling: onnx.ModelProto) -> None:
    found = ranges(doubling, ["x", "d", "n"], iter([feeds((1, 2), (3, 4)), feeds((5, 1)), feeds((2, 2))]))
    assert found.lowest.tolist() == [1, 2, -10]
    assert found.highest.tolist() == [5, 10, -2]
    assert found.examples == 4


def test_samples_are_taken_one_at_a_time_and_not_kept(doubling: onnx.ModelProto) -> None:
    def stream() -> Iterator[Feeds]:
        for _ in range(40):
            yield {"x": np.ones((50_000, 2), np.float32)}

    ranges(doubling, ["d"], [feeds((1, 1))])
    tracemalloc.start()
    ranges(doubling, ["d"], stream())
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 4 * 50_000 * 2 * 4


@pytest.mark.parametrize(
    ("samples", "error", "says"),
    [
        pytest.param([], DataError, "no calibration samples", id="none"),
        pytest.param([{"z": np.zeros((1, 2))}], InputError, 'has the inputs "z"; the model takes "x"', id="name"),
        pytest.param([{}], InputError, "has the inputs none", id="empty"),
        pytest.param(
            [feeds((1, 1)), {"x": np.zeros((3, 2), np.float64)}],
            InputError,
            r'sample 1: "x" is float64\[3,2\], the model takes "x: float32\[N,2\]"',
            id="dtype",
        ),
        pytest.param([{"x": np.zeros((3, 4), np.float32)}], InputError, r'"x" is float32\[3,4\]', id="shape"),
        pytest.param([{"x": np.zeros(2, np.float32)}], InputError, r'"x" is float32\[2\]', id="rank"),
        pytest.param([feeds((0, np.nan))], DataError, 'sample 0: "x" contains NaN', id="NaN"),
        pytest.param([feeds((0, -np.inf))], DataError, 'sample 0: "x" contains NaN or inf', id="infinity"),
        pytest.param([feeds((80, 0))], DataError, 'tensor "e" reaches', id="overflow inside"),
        pytest.param(
            [feeds((1, 1)), feeds((1, 1), (1, -1))], DataError, "NaN on calibration sample 1", id="NaN inside"
        ),
    ],
)
def test_samples_that_do_not_fit_are_refused_with_what_was_found(
    doubling: onnx.ModelProto, samples: list[Feeds], error: type[EdgekitError], says: str
) -> None:
    with pytest.raises(error, match=says):
        ranges(doubling, ["e"], samples)


def test_a_sample_on_which_the_model_does_not_run_is_refused(parse: Parse) -> None:
    model = parse(
        '<ir_version: 8, opset_import: ["": 17]> g (float[A] x, float[B] z) => (float[C] y) { y = Add(x, z) }'
    )
    sample = {"x": np.ones(2, np.float32), "z": np.ones(3, np.float32)}
    with pytest.raises(InputError, match="does not run on calibration sample 0"):
        ranges(model, ["y"], [sample])
