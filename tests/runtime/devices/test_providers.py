from __future__ import annotations

import json
from pathlib import Path

import pytest

from edgekit.errors import DeviceError, UsageError
from edgekit.runtime.devices import libraries, nvidia, plugins, providers, wheels
from edgekit.runtime.devices.naming import PROVIDER_OF, parse
from edgekit.signature import Tensor

CPU = ["AzureExecutionProvider", "CPUExecutionProvider"]
GPU = ["TensorrtExecutionProvider", "CUDAExecutionProvider", "CPUExecutionProvider"]
OPENVINO = ["OpenVINOExecutionProvider", "CPUExecutionProvider"]
INPUTS = [Tensor.parse("x: float32[N,3]")]


@pytest.fixture
def built(monkeypatch: pytest.MonkeyPatch):
    """Have onnxruntime offer these providers, whose libraries load, with two GPUs and these wheels and no plugin."""

    def build(offered: list[str], there: dict[str, str] | None = None) -> None:
        monkeypatch.setattr(providers.ort, "get_available_providers", lambda: offered)
        monkeypatch.setattr(libraries, "trouble", lambda ort, kind: None)
        monkeypatch.setattr(nvidia, "gpus", lambda: [nvidia.Gpu("NVIDIA L4", "8.9"), nvidia.Gpu("NVIDIA T4", "7.5")])
        monkeypatch.setattr(wheels, "installed", lambda: there or {"onnxruntime": "1.32.0"})
        monkeypatch.setattr(nvidia, "driver_version", lambda: "580.65.06")
        monkeypatch.setattr(nvidia, "tensorrt_version", lambda: "101304")
        monkeypatch.setattr(providers.ort, "__version__", "1.31.1")
        monkeypatch.setattr(plugins, "names", list)
        monkeypatch.setattr(plugins, "_registered", {})

    return build


def ask(device: str, given: dict[str, object] | None = None, **more: object) -> providers.Request:
    settings = {"threads": 3, "inputs": None, "shapes": None, "max_batch": None, "cuda_helps": True, **more}
    return providers.request(parse(device), b"a model", given, **settings)


@pytest.mark.parametrize(
    ("device", "offered", "asked"),
    [
        ("cpu", CPU, [("CPUExecutionProvider", {})]),
        ("cuda", GPU, [("CUDAExecutionProvider", {"cudnn_conv_algo_search": "HEURISTIC"})]),
        (
            "cuda:1",
            GPU,
            [("CUDAExecutionProvider", {"cudnn_conv_algo_search": "HEURISTIC", "device_id": "1"})],
        ),
        ("openvino", OPENVINO, [("OpenVINOExecutionProvider", {"device_type": "CPU", "num_of_threads": "3"})]),
        ("openvino:NPU", OPENVINO, [("OpenVINOExecutionProvider", {"device_type": "NPU"})]),
    ],
)
def test_a_device_asks_for_its_provider_with_its_options(device, offered, asked, built) -> None:
    built(offered)
    request = ask(device)
    assert request == providers.Request(asked[0][0], asked, None)


def test_tensorrt_asks_for_kept_engines_of_the_shapes_said_and_for_cuda_beside_it(built, own_home: Path) -> None:
    built(GPU)
    request = ask("tensorrt:1", {"trt_fp16_enable": True}, inputs=INPUTS, shapes={"N": (1, 8, 32)})
    (tensorrt, made), (cuda, also) = request.built_in or []
    assert (request.provider, tensorrt, cuda) == ("TensorrtExecutionProvider", *GPU[:2])
    assert made["device_id"] == also["device_id"] == "1"
    assert made["trt_fp16_enable"] == made["trt_engine_cache_enable"] == made["trt_timing_cache_enable"] == "True"
    assert made["trt_profile_max_shapes"] == "x:32x3"
    facts = json.loads((Path(made["trt_engine_cache_path"]) / "facts.json").read_text())
    assert facts == {
        "model": facts["model"],
        "onnxruntime": "1.31.1",
        "tensorrt": "101304",
        "driver": "580.65.06",
        "gpu": "NVIDIA T4 7.5",
        "trt_fp16_enable": "True",
        "trt_profile_min_shapes": "x:1x3",
        "trt_profile_opt_shapes": "x:8x3",
        "trt_profile_max_shapes": "x:32x3",
    }
    other = ask("tensorrt:1", {"trt_fp16_enable": True}, inputs=INPUTS, shapes={"N": (1, 8, 64)})
    assert (other.built_in or [])[0][1]["trt_engine_cache_path"] != made["trt_engine_cache_path"]


def test_tensorrt_builds_for_the_greatest_batch_where_that_is_all_that_was_said(built, own_home: Path) -> None:
    built(GPU)
    made = (ask("tensorrt", inputs=INPUTS, max_batch=16).built_in or [])[0][1]
    assert [made[f"trt_profile_{which}_shapes"] for which in ("min", "opt", "max")] == ["x:1x3", "x:16x3", "x:16x3"]


def test_tensorrt_is_not_opened_where_it_would_build_again_at_each_size(built) -> None:
    built(GPU)
    with pytest.raises(UsageError, match='none is said of "N" in x: float32'):
        ask("tensorrt", inputs=INPUTS)


def test_cuda_says_whether_it_records_graphs(built) -> None:
    built(GPU)
    fixed = [Tensor.parse("x: float32[1,3]")]
    assert ask("cuda", {"enable_cuda_graph": True}, inputs=fixed).graphs
    assert not ask("cuda", {"enable_cuda_graph": False}, inputs=fixed).graphs


def test_tensorrt_stands_alone_where_cuda_may_not_help(built, own_home: Path) -> None:
    built(GPU)
    assert [name for name, _ in ask("tensorrt", cuda_helps=False).built_in or []] == ["TensorrtExecutionProvider"]


@pytest.mark.parametrize(
    ("device", "extra"), [("cuda", "gpu"), ("cuda:1", "gpu"), ("tensorrt", "gpu"), ("openvino:GPU", "openvino")]
)
def test_a_provider_this_build_lacks_is_refused_with_what_it_offers_and_the_wheel_that_has_it(
    device: str, extra: str, built, monkeypatch: pytest.MonkeyPatch
) -> None:
    built(CPU)
    monkeypatch.setattr(plugins, "supported", lambda ort: False)
    assert not providers.offered(parse(device))
    with pytest.raises(DeviceError) as caught:
        ask(device)
    assert str(caught.value) == f'asked for device "{device}", but this onnxruntime offers only: cpu'
    fix = f'pip uninstall -y onnxruntime && pip install "edgekit-onnx[{extra}]" (it brings onnxruntime-{extra})'
    assert str(caught.value.hint).startswith(fix)


def test_openvino_comes_as_a_plugin_to_an_onnxruntime_that_takes_plugins(built, monkeypatch) -> None:
    built(CPU)
    monkeypatch.setattr(plugins, "supported", lambda ort: True)
    with pytest.raises(DeviceError) as caught:
        ask("openvino")
    assert str(caught.value.hint).startswith("pip install onnxruntime-ep-openvino")


def test_two_wheels_that_write_the_same_files_are_the_cause_that_is_told(built) -> None:
    built(CPU, {"onnxruntime": "1.32.0", "onnxruntime-gpu": "1.31.1"})
    with pytest.raises(DeviceError) as caught:
        ask("cuda")
    assert "onnxruntime 1.32.0, onnxruntime-gpu 1.31.1 are both installed" in str(caught.value)
    assert caught.value.hint == 'pip uninstall -y onnxruntime onnxruntime-gpu && pip install "edgekit-onnx[gpu]"'


def test_a_library_that_does_not_load_is_told_in_the_loaders_words(built, monkeypatch) -> None:
    built(GPU)
    said = "libcublasLt.so.12: cannot open shared object file: No such file or directory"
    monkeypatch.setattr(libraries, "trouble", lambda ort, kind: said if kind == "cuda" else None)
    with pytest.raises(DeviceError) as caught:
        ask("cuda")
    assert str(caught.value) == f'asked for device "cuda", but its provider does not load: {said}'
    assert "onnxruntime-gpu[cuda,cudnn]" in str(caught.value.hint)


@pytest.mark.parametrize("device", ["cuda:2", "tensorrt:7"])
def test_a_gpu_that_is_not_there_is_refused_with_those_that_are(device: str, built) -> None:
    built(GPU)
    with pytest.raises(DeviceError) as caught:
        ask(device)
    kind = device.partition(":")[0]
    assert str(caught.value) == (
        f'there is no device "{device}": the driver shows {kind}:0 (NVIDIA L4 8.9), {kind}:1 (NVIDIA T4 7.5)'
    )


def test_what_is_offered_is_what_is_built_in_or_brought_by_a_plugin(built, monkeypatch) -> None:
    built(OPENVINO)
    assert [kind for kind in PROVIDER_OF if providers.offered(parse(kind))] == ["cpu", "openvino"]
    monkeypatch.setattr(plugins, "names", lambda: ["cuda"])
    assert providers.offered(parse("cuda"))
