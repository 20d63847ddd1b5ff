import numpy as np
import onnx.parser
import pytest

import edgekit
from edgekit.errors import UsageError
from edgekit.measuring import batches
from edgekit.measuring.batches import TRIED, Batches, chosen

TEXT = """<ir_version: 8, opset_import: ["": 17]>
tiny (float[{batch},4] x) => (float[{batch},4] y) {{ y = Relu(x) }}"""
ROW = {"x": np.zeros((1, 4), np.float32)}


class Clock:
    now = 0

    def __call__(self):
        return self.now


def found(**takes_ms):
    """Choose among calls that take exactly so many ms, by the number they join."""
    clock = Clock()

    def call(ms):
        def wait():
            clock.now += round(ms * 1e6)

        return wait

    return chosen({number: call(takes_ms.get(f"n{number}", 1)) for number in TRIED}, 1, clock)


def test_the_number_that_is_clearly_faster_is_chosen():
    assert found(n8=0.9, n64=0.8) == Batches(64, {"ratio": 1.25, "low": 1.25, "high": 1.25})


def test_the_usual_number_stays_where_none_is_clearly_faster():
    assert found(n8=0.995).best is None
    assert found(n8=1.2, n16=1.1, n64=1.1) == Batches(None, None)


@pytest.fixture
def model(tmp_path):
    def make(batch):
        path = tmp_path / "m.onnx"
        path.write_bytes(onnx.parser.parse_model(TEXT.format(batch=batch)).SerializeToString())
        return edgekit.load(path, threads=1)

    return make


def test_a_model_that_is_too_slow_for_the_time_is_left_as_it_is(model):
    assert batches.best(model("N"), ROW, 0.001) == Batches(None, None)


def test_a_model_is_measured_behind_real_batchers(model):
    got = batches.best(model("N"), ROW, 2)
    assert got.best in (None, 8, 16, 64) and (got.best is None or got.speed["low"] > 1)


def test_a_model_of_fixed_batch_cannot_be_joined(model):
    with pytest.raises(UsageError, match="a Batcher needs"):
        batches.best(model(1), ROW, 1)
