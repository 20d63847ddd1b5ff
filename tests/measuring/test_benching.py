import numpy as np
import pytest

import edgekit
from edgekit.errors import UsageError
from edgekit.latency.record import Record


def test_models_and_functions_are_timed_from_python(model, tmp_path):
    seen = []
    path = tmp_path / "record.json"
    record = edgekit.bench(
        {"file": model(), "text": str(model("other.onnx")), "mine": lambda: seen.append(1)},
        threads=[1, 2], batch=[1, 3], seconds=0.1, costs=False, output=path,
    )  # fmt: skip
    found = [(entry.name, entry.threads, entry.batch) for entry in record.models]
    assert found[:3] == [("file", 1, 1), ("text", 1, 1), ("mine", 0, 1)] and len(found) == 9
    assert len(seen) > 64 and Record.read(path).to_dict()["models"][0]["summary"]["n"] >= 64


def test_arrays_ranges_and_sizes_are_fed(model, tmp_path):
    text = "g (float[N,T] x, int64[N] s) => (float[N,T] y) { f = Cast <to = 1> (s) a = Constant <value_ints = [1]> ()"
    path = model("t.onnx", text + " u = Unsqueeze(f, a) y = Add(x, u) }")
    record = edgekit.bench(
        {"m": path}, shapes=["T=2,5"], inputs={"s": np.array([7, 8])}, ranges={"x": (0, 1)}, batch=2,
        seconds=0.05, costs=False, output=tmp_path / "r.json",
    )  # fmt: skip
    assert [entry.inputs["x"] for entry in record.models] == ["float32[2,2]", "float32[2,5]"]


def test_without_a_model_there_is_nothing_to_time():
    with pytest.raises(UsageError, match="no model"):
        edgekit.bench({})
