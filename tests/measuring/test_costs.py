import numpy as np
import onnx.parser
import pytest

from edgekit.measuring import costs


@pytest.fixture(scope="module")
def large(tmp_path_factory):
    """A model of 8 MB of weights."""
    path = tmp_path_factory.mktemp("large") / "large.onnx"
    model = onnx.parser.parse_model(
        '<ir_version: 8, opset_import: ["": 17]> g (float[N,1000] x) => (float[N,2000] y) { y = MatMul(x, w) }'
    )
    weights = np.random.default_rng(0).standard_normal((1000, 2000)).astype(np.float32)
    model.graph.initializer.append(onnx.numpy_helper.from_array(weights, "w"))
    path.write_bytes(model.SerializeToString())
    return path


def test_loading_and_the_memory_of_the_model_alone_are_found(large):
    found = costs.costs(large, [large], {"x": np.ones((1, 1000), np.float32)}, "cpu", 1)
    assert found["load_cold_ms"] > 0 and found["load_warm_ms"] > 0 and found["dropped"] is True
    assert 8_000_000 <= found["peak_bytes"] < 40_000_000  # onnxruntime itself, of 50 MB, is not among them


def test_a_tiny_model_takes_next_to_nothing(model):
    path = model()
    assert costs.costs(path, [path], {"x": np.ones((1, 4), np.float32)}, "cpu", 1)["peak_bytes"] < 2_000_000


def test_texts_reach_the_process(model):
    path = model(text="g (string[N] s) => (string[N] y) { y = Identity(s) }")
    found = costs.costs(path, [path], {"s": np.array(["a", "b"], object)}, "cpu", 1)
    assert "error" not in found


def test_a_process_that_dies_is_told_with_its_last_words(tmp_path):
    found = costs.costs(tmp_path / "gone.onnx", [], {}, "cpu", 1)
    assert list(found) == ["error"] and "gone.onnx" in found["error"]


def test_the_current_folder_is_not_on_its_path(tmp_path, monkeypatch, model):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "numpy.py").write_text("raise SystemExit")
    path = model()
    assert "error" not in costs.costs(path, [path], {"x": np.ones((1, 4), np.float32)}, "cpu", 1)


def test_a_process_that_hangs_is_told(tmp_path, monkeypatch):
    monkeypatch.setattr(costs, "_PATIENCE", 0.001)
    assert "longer than" in costs.costs(tmp_path / "m.onnx", [], {}, "cpu", 1)["error"]


def test_energy_is_that_of_one_request(monkeypatch):
    class Fake:
        joules = 0.0

        def read(self):
            return [self.joules]

        def between(self, before, after):
            return after[0] - before[0]

    meter = Fake()

    def call():
        meter.joules += 0.25

    monkeypatch.setattr(costs, "_ENERGY_SECONDS", 0.001)
    assert costs._energy(meter, call) == pytest.approx(250)
