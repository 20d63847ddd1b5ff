import onnx.parser
import pytest

from edgekit import files, hardware
from edgekit.errors import InputError
from edgekit.latency.record import Record
from edgekit.manifest import FILE, MODEL, Manifest
from edgekit.measuring.single_stream import SingleStream
from edgekit.signature import Tensor

TEXT = """<ir_version: 8, opset_import: ["": 17]>
tiny (float[N,4] x) => (float[N,4] y) {{ y = {operator}(x) }}"""


@pytest.fixture
def model(tmp_path):
    def make(name, operator="Relu"):
        path = tmp_path / name
        path.write_bytes(onnx.parser.parse_model(TEXT.format(operator=operator)).SerializeToString())
        return path

    return make


@pytest.fixture
def bundle(tmp_path, model):
    folder = tmp_path / "bundle"
    folder.mkdir()
    path = model("bundle/" + MODEL)
    tensors = [Tensor.parse(f"{name}: float32[N,4]") for name in "xy"]
    said = {MODEL: {"sha256": files.sha256(path), "bytes": path.stat().st_size}}
    files.write_sealed(
        folder / FILE, Manifest("tiny", "classification", tensors[:1], tensors[1:], files=said).to_dict()
    )
    return folder


def test_a_measurement_becomes_a_whole_record(model, bundle, tmp_path):
    models = {"file": model("sigmoid.onnx", "Sigmoid"), "bundle": bundle}
    record = SingleStream(models, batch=2).measure(0.05)
    first, second = record.models
    assert (first.name, second.name) == ("file", "bundle")
    assert first.file == str(tmp_path / "sigmoid.onnx") and second.file == str(bundle / MODEL)
    assert second.sha256 == files.sha256(bundle / MODEL) and second.bytes == (bundle / MODEL).stat().st_size
    assert (first.device, first.threads, first.batch) == ("cpu", 1, 2)
    assert first.inputs == {"x": "float32[2,4]"}
    assert len(first.samples) >= 64 and first.samples.p50 > 0
    assert record.settings["scenario"] == "single-stream" and record.settings["seconds"] == 0.05
    assert record.machine == hardware.machine() and record.versions["onnxruntime"]
    record.write(tmp_path / "record.json")
    assert Record.read(tmp_path / "record.json").to_dict() == record.to_dict()


def test_more_threads_than_cores_is_noted(model):
    threads = int(hardware.usable_cores()) + 1
    record = SingleStream({"m": model("m.onnx")}, threads=threads).measure(0.01)
    assert "few-cores" in [note.kind for note in record.notes]
    assert record.models[0].threads == threads


def test_a_shape_is_for_an_input_of_any_of_the_models(model):
    assert SingleStream({"m": model("m.onnx")}, shapes=["x=7,4"]).feeds["m"]["x"].shape == (7, 4)
    with pytest.raises(InputError, match='no model has an input "z"'):
        SingleStream({"m": model("m.onnx")}, shapes=["z=7,4"])
