import json
import re

import numpy as np
import onnx
import pytest

from edgekit import cli, files
from edgekit.manifest import FILE, MODEL, Manifest
from edgekit.runtime.bundle import load

TEXT = """<ir_version: 8, opset_import: ["": 17]> g (float[N,8,6,6] x) => (float[N,4] logits) {
    p = Conv<pads=[1,1,1,1]>(x, a, bias)
    q = Relu(p)
    u = GlobalAveragePool(q)
    v = Flatten(u)
    logits = Gemm(v, d)
}"""


@pytest.fixture
def model(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(0)
    graph = onnx.parser.parse_model(TEXT)
    weights = {"a": (8, 8, 3, 3), "bias": (8,), "d": (8, 4)}
    graph.graph.initializer.extend(
        onnx.numpy_helper.from_array(rng.standard_normal(shape).astype(np.float32), name)
        for name, shape in weights.items()
    )
    onnx.save(graph, tmp_path / "float.onnx")
    x = rng.standard_normal((96, 8, 6, 6)).astype(np.float32)
    np.savez(tmp_path / "data.npz", x=x, y=np.arange(96) % 4)
    np.save(tmp_path / "x.npy", x)
    return tmp_path / "float.onnx"


def quantize(*words):
    return cli.run(["quantize", "float.onnx", "--seconds", "0.1", "--method", "u8s8", *words])


def test_a_twin_is_written_beside_the_untouched_original_and_all_that_was_tried_is_recorded(model, capsys):
    before = files.sha256(model)
    words = ["--data", "x.npy", "-o", "int8.onnx", "--keep-anyway", "--record", "tried.json", "--max-drop-points", "90"]
    assert quantize(*words) == 0
    out = capsys.readouterr().out
    assert files.sha256(model) == before and "written: int8.onnx" in out
    assert "fused kernels answer up to" in out
    assert "QuantizeLinear" in {node.op_type for node in onnx.load("int8.onnx").graph.node}
    tried = json.loads((model.parent / "tried.json").read_text())
    assert tried["metric"] == {"name": "agreement", "n": 48}
    assert [each["way"] for each in tried["attempts"]][:1] == ["u8s8"] and tried["raw"]["float"]["times_ns"]
    assert tried["machine"]["cpu"] and tried["calibration"]["examples"] == 48


def test_what_keeps_no_budget_writes_nothing_and_ends_with_3(model, capsys):
    assert quantize("--data", "data.npz", "-o", "int8.onnx", "--min-speedup", "100") == 3
    printed = capsys.readouterr()
    assert "nothing was written" in printed.out
    assert re.search(r"the nearest is u8s8: [+−]\d+\.\d\d points at", printed.err)
    assert "the float model is best here" in printed.err
    assert not (model.parent / "int8.onnx").exists()


def test_for_another_processor_it_is_marked_as_not_measured_there(model, capsys):
    words = ["--data", "x.npy", "-o", "arm.onnx", "--target", "arm", "--max-drop-points", "90", "--json"]
    assert cli.run(["quantize", "float.onnx", "--seconds", "0.1", *words]) == 0
    told = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert told["kept"]["way"] == "s8s8" and "not measured there" in told["notes"][0]


def test_a_bundle_becomes_a_bundle_whose_card_says_what_was_done(model, tmp_path, capsys):
    folder = tmp_path / "bundle"
    folder.mkdir()
    (folder / MODEL).write_bytes(model.read_bytes())
    (folder / "words.txt").write_text("beside")
    opened = load(model)
    listed = {
        path.name: {"sha256": files.sha256(path), "bytes": path.stat().st_size} for path in sorted(folder.iterdir())
    }
    card = Manifest("tiny", "custom", opened.inputs, opened.outputs, metrics={"accuracy": {"value": 0.9}}, files=listed)
    files.write_sealed(folder / FILE, card.to_dict())
    words = ["--data", "x.npy", "-o", "small", "--method", "u8s8", "--seconds", "0.1", "--keep-anyway"]
    assert cli.run(["quantize", "bundle", *words]) == 0
    small = load(tmp_path / "small")
    assert small.manifest.provenance["quantized"]["way"] == "u8s8"
    assert small.manifest.provenance["before"]["metrics"] == {"accuracy": {"value": 0.9}}
    assert small.manifest.metrics["agreement_against_float"]["kind_of_cpu"]
    assert "words.txt" in small.manifest.files
    assert small({"x": np.zeros((1, 8, 6, 6), np.float32)})["logits"].shape == (1, 4)


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (["--data", "gone.npz", "-o", "a.onnx"], 'there is no file "gone.npz"'),
        (["--data", "x.npy", "-o", "float.onnx"], "is the original"),
        (["--data", "x.npy", "-o", "small"], "does not end in .onnx"),
        (["--data", "x.npy", "-o", "a.onnx", "--target", "vnnni"], 'there is no target "vnnni"'),
        (["--data", "x.npy", "-o", "a.onnx", "--calibration", "minmax"], 'did you mean "min-max"?'),
        (["--data", "x.npy", "-o", "a.onnx", "--exclude", "nothing"], 'no node "nothing"'),
        (["--data", "shape.npy", "-o", "a.onnx"], 'float32[96,8,5,6], and the model takes "x: float32[N,8,6,6]"'),
        (["--data", "dtype.npy", "-o", "a.onnx"], 'int64[96,8,6,6], and the model takes "x: float32[N,8,6,6]"'),
        (["--data", "few.npy", "-o", "a.onnx"], "there are 31 examples, and 32 are the fewest"),
        (["--data", "constant.npy", "-o", "a.onnx"], "are 3 throughout"),
        (["--data", "nan.npy", "-o", "a.onnx"], "contain NaN or infinities"),
        (["--data", "x.npy", "-o", "a.onnx", "--method", "dynamic"], 'nothing that "dynamic" could change'),
    ],
    ids=[
        "no data", "over itself", "no file", "no target", "no calibration", "no node", "another shape",
        "another dtype", "too few", "constant", "NaN", "no such kernel",
    ],
)  # fmt: skip
def test_bad_input_is_one_error_that_says_what_to_do(model, capsys, words, complaint):
    before = files.sha256(model)
    x = np.load("x.npy")
    spoiled = {"shape": x[:, :, :5], "dtype": x.astype(np.int64), "few": x[:31], "constant": np.full_like(x, 3)}
    for name, array in (spoiled | {"nan": np.where(x > 2, np.float32(np.nan), x)}).items():
        np.save(f"{name}.npy", array)
    assert quantize(*words) in (1, 2)
    assert complaint in capsys.readouterr().err
    assert not (model.parent / "a.onnx").exists() and files.sha256(model) == before


def test_a_model_in_8_bits_is_not_quantized_again(model, capsys):
    assert quantize("--data", "x.npy", "-o", "int8.onnx", "--keep-anyway") == 0
    before = files.sha256("int8.onnx")
    assert cli.run(["quantize", "int8.onnx", "--data", "x.npy", "-o", "again.onnx"]) == 1
    assert '"int8.onnx" is quantized already' in capsys.readouterr().err
    assert files.sha256("int8.onnx") == before and not (model.parent / "again.onnx").exists()
