from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest

from edgekit.errors import BundleError, DataError, ModelError
from edgekit.graph import storage
from edgekit.graph.quantization import quantize_static

Parse = Callable[..., onnx.ModelProto]


def images(count: int = 24, batch: int = 8) -> Iterator[dict[str, np.ndarray]]:
    rng = np.random.default_rng(1)
    for _ in range(count // batch):
        yield {"image": rng.integers(0, 256, (batch, 8, 8, 1), np.uint8)}


def answer(path: Path, optimized: Path | None = None) -> np.ndarray:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    if optimized:
        options.log_severity_level = 3
        options.optimized_model_filepath = str(optimized)
    session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    return np.concatenate([session.run(None, feeds)[0] for feeds in images()])


@pytest.fixture
def source(cnn: onnx.ModelProto, tmp_path: Path) -> Path:
    storage.save(cnn, tmp_path / "float.onnx")
    return tmp_path / "float.onnx"


def test_the_8_bit_twin_answers_nearly_the_same_and_runs_on_8_bit_kernels(source: Path, tmp_path: Path) -> None:
    before = source.read_bytes()
    # Reduced range, because the full one saturates on processors without VNNI.
    done = quantize_static(source, tmp_path / "int8.onnx", images(), reduce_range=True)
    assert done == {
        "operators": {"Conv": 2, "Relu": 2, "Add": 1, "GlobalAveragePool": 1, "Flatten": 1, "Gemm": 1},
        "float": {"stem": "it has fewer than 4 input channels"},
        "weights": "int8",
        "activations": "uint8",
        "per_channel": True,
        "reduce_range": True,
        "calibration": {"method": "min-max", "examples": 24},
    }
    expected, found = answer(source), answer(tmp_path / "int8.onnx", tmp_path / "optimized.onnx")
    assert np.abs(found - expected).max() < 0.1
    assert not np.array_equal(found, expected)
    kernels = Counter(node.op_type for node in onnx.load(tmp_path / "optimized.onnx").graph.node)
    assert {name: kernels[name] for name in ("QLinearConv", "QLinearAdd", "QGemm", "Conv", "Gemm", "Add")} == {
        "QLinearConv": 2, "QLinearAdd": 1, "QGemm": 1, "Conv": 1, "Gemm": 0, "Add": 0,
    }  # fmt: skip
    assert source.read_bytes() == before
    assert {path.name for path in tmp_path.iterdir() if path.is_file()} == {
        "float.onnx", "int8.onnx", "optimized.onnx",
    }  # fmt: skip


def test_weights_are_int8_by_channel_and_activations_uint8(source: Path, tmp_path: Path) -> None:
    quantize_static(source, tmp_path / "int8.onnx", images())
    model = onnx.load(tmp_path / "int8.onnx")
    kinds = {tensor.name: (tensor.data_type, list(tensor.dims)) for tensor in model.graph.initializer}
    assert kinds["w1_quantized"] == (onnx.TensorProto.INT8, [8, 8, 3, 3])
    assert kinds["w1_scale"] == (onnx.TensorProto.FLOAT, [8])
    for node in model.graph.node:
        if node.op_type == "QuantizeLinear":
            assert kinds[node.input[2]] == (onnx.TensorProto.UINT8, [])
    assert not {"logits", "x", "pixels"} & {
        name for node in model.graph.node if node.op_type == "QuantizeLinear" for name in node.input
    }


def test_reduced_range_keeps_weights_to_seven_bits(source: Path, tmp_path: Path) -> None:
    for reduce_range, limit in ((True, 64), (False, 127)):
        quantize_static(source, tmp_path / "int8.onnx", images(), reduce_range=reduce_range)
        (weight,) = (t for t in onnx.load(tmp_path / "int8.onnx").graph.initializer if t.name == "w1_quantized")
        assert np.abs(onnx.numpy_helper.to_array(weight).astype(int)).max() == limit


def test_one_scale_for_all_channels_can_be_asked_for(source: Path, tmp_path: Path) -> None:
    quantize_static(source, tmp_path / "int8.onnx", images(), per_channel=False)
    (scale,) = (t for t in onnx.load(tmp_path / "int8.onnx").graph.initializer if t.name == "w1_scale")
    assert list(scale.dims) == []


def test_the_same_samples_give_the_same_bytes(source: Path, tmp_path: Path) -> None:
    for name in ("a.onnx", "b.onnx"):
        quantize_static(source, tmp_path / name, images())
    assert (tmp_path / "a.onnx").read_bytes() == (tmp_path / "b.onnx").read_bytes()


def test_what_the_file_says_of_itself_is_kept_and_nothing_is_added(
    cnn: onnx.ModelProto, source: Path, tmp_path: Path
) -> None:
    onnx.helper.set_model_props(cnn, {"task": "image-classification"})
    cnn.graph.node[3].metadata_props.add(key="trace", value='File "maker.py"')
    storage.save(cnn, source)
    quantize_static(source, tmp_path / "int8.onnx", images())
    model = onnx.load(tmp_path / "int8.onnx")
    assert {entry.key: entry.value for entry in model.metadata_props} == {"task": "image-classification"}
    assert [entry.domain for entry in model.opset_import] == [""]
    assert not model.graph.value_info
    assert b"maker.py" not in model.SerializeToString()


def test_the_quantizer_leaves_the_programs_logging_alone(
    cnn: onnx.ModelProto,
    source: Path,
    tmp_path: Path,
    capfd: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    cnn.graph.node[5].input[2] = "b2"  # a bias that two layers share: onnxruntime has something to say of it
    storage.save(cnn, source)
    monkeypatch.setattr(logging.getLogger(), "handlers", [])
    quantize_static(source, tmp_path / "int8.onnx", images())
    assert logging.getLogger().handlers == []
    assert logging.getLogger().manager.disable == 0
    assert capfd.readouterr() == ("", "")


def test_an_old_file_with_batch_normalisation_and_weights_among_its_inputs_is_quantized(
    parse: Parse, tmp_path: Path
) -> None:
    rng = np.random.default_rng(0)
    weights = {
        "w": rng.standard_normal((8, 4, 3, 3)).astype(np.float32),
        **{name: np.full(8, 1.5, np.float32) for name in ("gain", "shift", "mean", "variance")},
        "v": rng.standard_normal((8, 3)).astype(np.float32),
        "bias": np.ones(3, np.float32),
        "shape": np.array([-1, 8], np.int64),
    }
    declared = "float[8,4,3,3] w, float[8] gain, float[8] shift, float[8] mean, float[8] variance, float[8,3] v, "
    model = parse(
        f"""<ir_version: 3, opset_import: ["": 7]>
        g (float[N,4,3,3] x, {declared} float[3] bias, int64[2] shape) => (float[N,3] y) {{
            c = Conv(x, w)
            n = BatchNormalization(c, gain, shift, mean, variance)
            r = Relu(n)
            f = Reshape(r, shape)
            [product] m = MatMul(f, v)
            y = Add(m, bias)
        }}""",
        **weights,
    )
    storage.save(model, tmp_path / "old.onnx")
    samples = [{"x": rng.standard_normal((16, 4, 3, 3)).astype(np.float32)}]
    done = quantize_static(tmp_path / "old.onnx", tmp_path / "int8.onnx", samples, reduce_range=True)
    assert done["operators"] == {"Conv": 1, "Relu": 1, "Reshape": 1, "Gemm": 1}
    old, new = (
        onnxruntime.InferenceSession(tmp_path / name).run(None, samples[0])[0] for name in ("old.onnx", "int8.onnx")
    )
    assert np.abs(new - old).max() < 0.05 * np.abs(old).max()
    done = quantize_static(tmp_path / "old.onnx", tmp_path / "int8.onnx", samples, exclude=["product"])
    assert done["float"] == {"product/MatMulAddFusion": "excluded"}


@pytest.mark.parametrize(
    "between",
    [
        "b = MaxPool<kernel_shape=[2,2]>(a)",
        "b = AveragePool<kernel_shape=[2,2]>(a)",
        "b = Concat<axis=1>(a, a)",
        "b = Clip(a, low, high)",
        "b = Transpose<perm=[0,1,3,2]>(a)",
        "b = Pad(a, pads)",
        "s = Squeeze(a, axis) b = Unsqueeze(s, axis)",
    ],
    ids=["MaxPool", "AveragePool", "Concat", "Clip", "Transpose", "Pad", "Squeeze and Unsqueeze"],
)
def test_every_joining_operator_runs_in_8_bits(parse: Parse, tmp_path: Path, between: str) -> None:
    rng = np.random.default_rng(0)
    channels = 16 if "Concat" in between else 8
    model = parse(
        f"""<ir_version: 8, opset_import: ["": 17]> g (float[1,8,6,6] x) => (float[1,4,H,W] y)
        <float low = {{0}}, float high = {{6}}, int64[8] pads = {{0,0,1,1,0,0,1,1}}, int64[1] axis = {{0}}> {{
            a = Conv(x, w)
            {between}
            y = Conv(b, v)
        }}""",
        w=rng.standard_normal((8, 8, 3, 3)).astype(np.float32),
        v=rng.standard_normal((4, channels, 1, 1)).astype(np.float32),
    )
    storage.save(model, tmp_path / "float.onnx")
    samples = [{"x": rng.standard_normal((1, 8, 6, 6)).astype(np.float32)} for _ in range(4)]
    quantize_static(tmp_path / "float.onnx", tmp_path / "int8.onnx", samples)
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    options.optimized_model_filepath = str(tmp_path / "optimized.onnx")
    onnxruntime.InferenceSession(tmp_path / "int8.onnx", options)
    kernels = Counter(node.op_type for node in onnx.load(tmp_path / "optimized.onnx").graph.node)
    assert (kernels["QLinearConv"], kernels["QuantizeLinear"], kernels["DequantizeLinear"]) == (2, 1, 1)


def test_a_model_that_is_quantized_already_is_refused(source: Path, tmp_path: Path) -> None:
    quantize_static(source, tmp_path / "int8.onnx", images())
    with pytest.raises(ModelError, match=r'int8\.onnx" is quantized already: it contains DequantizeLinear'):
        quantize_static(tmp_path / "int8.onnx", tmp_path / "again.onnx", images())
    assert not (tmp_path / "again.onnx").exists()


def test_a_name_that_no_node_has_is_refused_with_the_nearest(source: Path, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match='no node "secnod"') as caught:
        quantize_static(source, tmp_path / "int8.onnx", images(), exclude=["secnod"])
    assert caught.value.hint == 'did you mean "second"?'


def test_a_model_with_nothing_to_quantize_says_why(source: Path, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="nothing to quantize") as caught:
        quantize_static(source, tmp_path / "int8.onnx", images(), exclude=["first", "second", "head"])
    assert "stem: it has fewer than 4 input channels; first: excluded" in str(caught.value.hint)


def test_a_model_that_onnxruntime_cannot_load_is_refused_with_its_reason(parse: Parse, tmp_path: Path) -> None:
    model = parse('<ir_version: 8, opset_import: ["": 17]> g (float[N,4] x) => (float[N,4] y) { y = Unheard(x) }')
    storage.save(model, tmp_path / "model.onnx")
    with pytest.raises(ModelError, match=r"onnxruntime does not load .*Unheard"):
        quantize_static(tmp_path / "model.onnx", tmp_path / "int8.onnx", images())


def test_what_is_wrong_with_samples_or_source_leaves_nothing_behind(source: Path, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no calibration samples"):
        quantize_static(source, tmp_path / "int8.onnx", [])
    (tmp_path / "text.onnx").write_text("hello")
    with pytest.raises(BundleError, match="not an ONNX file"):
        quantize_static(tmp_path / "text.onnx", tmp_path / "int8.onnx", images())
    assert {path.name for path in tmp_path.iterdir() if path.is_file()} == {"float.onnx", "text.onnx"}
