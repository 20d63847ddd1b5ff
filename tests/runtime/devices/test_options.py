from __future__ import annotations

import json

import onnxruntime
import pytest

from edgekit.errors import DeviceError, InputError
from edgekit.runtime.devices import libraries, options
from edgekit.runtime.devices.naming import Device, parse
from edgekit.signature import Tensor

FIXED = [Tensor.parse("x: float32[1,3,8,8]")]
DYNAMIC = [Tensor.parse("x: float32[N,3,8,8]")]


@pytest.mark.parametrize(
    ("device", "given", "inputs", "made"),
    [
        ("cuda", {}, FIXED, {"cudnn_conv_algo_search": "EXHAUSTIVE"}),
        ("cuda", {}, DYNAMIC, {"cudnn_conv_algo_search": "HEURISTIC"}),
        ("cuda:1", {}, None, {"cudnn_conv_algo_search": "HEURISTIC", "device_id": "1"}),
        (
            "cuda",
            {"gpu_mem_limit": "1000"},
            FIXED,
            {
                "cudnn_conv_algo_search": "EXHAUSTIVE",
                "gpu_mem_limit": "1000",
                "arena_extend_strategy": "kSameAsRequested",
            },
        ),
        ("cuda", {"cudnn_conv_algo_search": "DEFAULT"}, DYNAMIC, {"cudnn_conv_algo_search": "DEFAULT"}),
    ],
    ids=["fixed", "dynamic", "unknown", "limit", "own"],
)
def test_cuda_searches_once_where_shapes_are_fixed_and_its_arena_keeps_to_a_limit(
    device: str, given: dict[str, str], inputs: list[Tensor] | None, made: dict[str, str]
) -> None:
    assert options.cuda(parse(device), given, inputs) == made


def test_tensorrt_takes_its_caches_and_the_callers_own_options_over_them() -> None:
    engines = {"trt_engine_cache_enable": "True", "trt_engine_cache_path": "/a"}
    assert options.tensorrt(Device("tensorrt", "1"), {"trt_fp16_enable": "True"}, engines) == {
        "device_id": "1",
        "trt_fp16_enable": "True",
        **engines,
    }
    own = options.tensorrt(Device("tensorrt"), {"trt_engine_cache_path": "/b"}, engines)
    assert own == {"trt_engine_cache_enable": "True", "trt_engine_cache_path": "/b"}


@pytest.mark.parametrize(
    ("part", "made"),
    [
        ("", {"device_type": "CPU", "num_of_threads": "3"}),
        ("CPU", {"device_type": "CPU", "num_of_threads": "3"}),
        ("HETERO:GPU,CPU", {"device_type": "HETERO:GPU,CPU", "num_of_threads": "3"}),
        ("NPU", {"device_type": "NPU"}),
    ],
)
def test_openvino_takes_the_threads_that_onnxruntime_would_have(part: str, made: dict[str, str]) -> None:
    assert options.openvino(Device("openvino", part), {}, 3) == made


def test_openvinos_plugin_takes_everything_by_openvinos_own_keys() -> None:
    def config(part: str, given: dict[str, str]) -> object:
        made = options.openvino_plugin(Device("openvino", part), given, 3)
        assert list(made) == ["load_config"]
        return json.loads(made["load_config"])

    assert config("", {"cache_dir": "/a"}) == {"CPU": {"INFERENCE_NUM_THREADS": "3", "CACHE_DIR": "/a"}}
    assert config("NPU", {"num_streams": "2"}) == {"NPU": {"NUM_STREAMS": "2"}}
    own = '{"CPU": {"CACHE_DIR": "/b", "X": "y"}, "GPU": {}}'
    merged = {"CPU": {"INFERENCE_NUM_THREADS": "3", "CACHE_DIR": "/b", "X": "y"}, "GPU": {}}
    assert config("CPU", {"load_config": own, "cache_dir": "/a"}) == merged
    for wrong in ("no", "[]", '{"CPU": 1}'):
        with pytest.raises(DeviceError, match="no JSON object of objects"):
            config("CPU", {"load_config": wrong})


def test_options_are_written_as_onnxruntime_reads_them() -> None:
    given = {"trt_fp16_enable": True, "use_tf32": False, "gpu_mem_limit": 2 << 30, "arena_extend_strategy": "kX"}
    assert options.written(given) == {
        "trt_fp16_enable": "True",
        "use_tf32": "False",
        "gpu_mem_limit": "2147483648",
        "arena_extend_strategy": "kX",
    }
    assert options.written(None) == {}


def test_an_unknown_option_is_refused_with_the_nearest() -> None:
    error = options.unknown(Device("tensorrt"), "trt_fp16_enabled")
    assert str(error) == 'device "tensorrt" has no option "trt_fp16_enabled"'
    assert error.hint == 'did you mean "trt_fp16_enable"?'
    assert options.unknown(Device("cuda"), "zzz").hint is None


def test_options_that_nobody_would_read_are_refused() -> None:
    with pytest.raises(DeviceError, match='"cpu" takes no options: gpu_mem_limit'):
        options.check(Device("cpu"), {"gpu_mem_limit": "1"}, None, plugin=False)
    with pytest.raises(DeviceError, match='no option "num_threads"'):
        options.check(Device("openvino"), {"num_threads": "1"}, None, plugin=True)
    options.check(Device("openvino"), {"num_threads": "1"}, None, plugin=False)  # the provider itself will refuse it
    options.check(Device("mlx"), {"anything": "1"}, None, plugin=True)  # a plugin of which nothing is known


@pytest.mark.parametrize("plugin", [True, False])
@pytest.mark.parametrize(
    ("device", "given", "fix"),
    [
        ("cuda", {"device_id": "1"}, 'say it as device="cuda:1"'),
        ("tensorrt", {"device_id": "0"}, 'say it as device="tensorrt:1"'),
        ("openvino", {"device_type": "GPU"}, 'say it as device="openvino:GPU.1"'),
        ("openvino", {"device_luid": "abc"}, 'say it as device="openvino:GPU.1"'),
        ("openvino", {"num_of_threads": "8"}, "say it as threads=8"),
        ("openvino", {"load_config": '{"CPU": {"INFERENCE_NUM_THREADS": "8"}}'}, "say it as threads=8"),
        ("tensorrt", {"trt_profile_opt_shapes": "x:1x3"}, 'say it as shapes={"N": (1, 8, 32)}'),
    ],
    ids=["cuda", "tensorrt", "type", "luid", "threads", "config", "profile"],
)
def test_what_has_a_word_of_its_own_is_no_option(device: str, given: dict[str, str], fix: str, plugin: bool) -> None:
    with pytest.raises(DeviceError, match="is no option to be given") as caught:
        options.check(Device(device), given, FIXED, plugin=plugin)
    assert caught.value.hint == fix
    assert not {*given} - {"load_config"} & {*options.KNOWN[device]}


def test_a_cuda_graph_is_refused_where_shapes_change() -> None:
    with pytest.raises(InputError, match=r"one shape.*float32\[N,3,8,8\]"):
        options.check(Device("cuda"), {"enable_cuda_graph": "True"}, DYNAMIC, plugin=False)
    options.check(Device("cuda"), {"enable_cuda_graph": "0"}, DYNAMIC, plugin=False)
    options.check(Device("cuda"), {"enable_cuda_graph": "1"}, FIXED, plugin=False)
    assert options.graphs({"enable_cuda_graph": "1"}) and options.graphs({"enable_cuda_graph": "True"})
    assert not options.graphs({"enable_cuda_graph": "False"}) and not options.graphs({})


def test_a_cuda_graph_of_tensorrt_is_refused_since_its_runs_cannot_be_told_apart() -> None:
    with pytest.raises(DeviceError, match="with the answers of another run"):
        options.check(Device("tensorrt"), {"trt_cuda_graph_enable": "True"}, FIXED, plugin=False)
    options.check(Device("tensorrt"), {"trt_cuda_graph_enable": "False"}, FIXED, plugin=False)


@pytest.mark.parametrize("kind", list(options.KNOWN))
def test_the_names_of_options_stand_in_the_providers_library(kind: str) -> None:
    path = libraries.path_of(onnxruntime, kind)
    if not path.is_file():
        pytest.skip(f"this onnxruntime has no {kind}")
    content = path.read_bytes()
    assert [name for name in options.KNOWN[kind] if name.encode() not in content] == []
