"""The options each provider is given: those edgekit sets, and the caller's own over them. Imports errors alone.

Option names are onnxruntime's; a provider refuses one it does not know, and the nearest is named (`unknown`). The names
are those of onnxruntime-gpu 1.31 and onnxruntime-openvino 1.24, whose own parsers have read them, with the values that
edgekit writes; what they do on a GPU has not been run yet.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from edgekit.errors import DeviceError, InputError, nearest
from edgekit.runtime.devices.naming import Device
from edgekit.signature import Tensor

KNOWN: dict[str, tuple[str, ...]] = {
    "cuda": (
        "user_compute_stream", "has_user_compute_stream", "gpu_mem_limit", "arena_extend_strategy",
        "cudnn_conv_algo_search", "cudnn_conv_use_max_workspace", "cudnn_conv1d_pad_to_nc1d", "enable_cuda_graph",
        "do_copy_in_default_stream", "enable_skip_layer_norm_strict_mode", "fuse_conv_bias", "prefer_nhwc", "use_tf32",
        "use_ep_level_unified_stream", "tunable_op_enable", "tunable_op_tuning_enable",
        "tunable_op_max_tuning_duration_ms", "sdpa_kernel",
    ),
    "tensorrt": (
        "user_compute_stream", "trt_auxiliary_streams", "trt_bf16_enable",
        "trt_build_heuristics_enable", "trt_builder_optimization_level", "trt_context_memory_sharing_enable",
        "trt_detailed_build_log", "trt_dla_core", "trt_dla_enable", "trt_dump_subgraphs",
        "trt_engine_cache_enable", "trt_engine_cache_path", "trt_engine_cache_prefix", "trt_engine_hw_compatible",
        "trt_extra_plugin_lib_paths", "trt_force_sequential_engine_build", "trt_fp16_enable", "trt_int8_enable",
        "trt_int8_calibration_table_name", "trt_int8_use_native_calibration_table", "trt_layer_norm_fp32_fallback",
        "trt_max_partition_iterations", "trt_max_workspace_size", "trt_min_subgraph_size", "trt_op_types_to_exclude",
        "trt_sparsity_enable",
        "trt_tactic_sources", "trt_timing_cache_enable", "trt_timing_cache_path", "trt_force_timing_cache",
        "trt_weight_stripped_engine_enable",
    ),
    "openvino": (
        "cache_dir", "precision", "load_config",
        "num_streams", "model_priority", "layout", "reshape_input", "enable_causallm", "enable_opencl_throttling",
        "enable_qdq_optimizer", "disable_dynamic_shapes",
    ),
}  # fmt: skip
# Options of OpenVINO built in -> keys of OpenVINO itself.
_PLUGIN_KEY = {"num_streams": "NUM_STREAMS", "cache_dir": "CACHE_DIR"}
_THREADS_KEY = "INFERENCE_NUM_THREADS"
# Options that have a word of their own in `load`: two would contradict each other.
_OURS = {
    **dict.fromkeys(("device_id", "device_luid", "device_type"), 'device="{}"'),
    **dict.fromkeys(("num_of_threads", _THREADS_KEY), "threads=8"),
    **{f"trt_profile_{which}_shapes": 'shapes={{"N": (1, 8, 32)}}' for which in ("min", "opt", "max")},
}


def cuda(device: Device, given: Mapping[str, str], inputs: Sequence[Tensor] | None) -> dict[str, str]:
    """Return the options of CUDA.

    cuDNN tries out its algorithms for every new shape: where a dimension is dynamic (or `inputs` is not known), that
    is left to its heuristic. Under `gpu_mem_limit` the arena grows by what is asked for, not to the next power of 2.
    """
    ours = {"cudnn_conv_algo_search": "EXHAUSTIVE" if inputs is not None and fixed(inputs) else "HEURISTIC"}
    if device.part:
        ours["device_id"] = device.part
    if "gpu_mem_limit" in given:
        ours["arena_extend_strategy"] = "kSameAsRequested"
    return ours | dict(given)


def tensorrt(device: Device, given: Mapping[str, str], engines: Mapping[str, str]) -> dict[str, str]:
    """Return the options of TensorRT: `engines` are those of its caches and profiles (`engines.py`)."""
    return ({"device_id": device.part} if device.part else {}) | dict(engines) | dict(given)


def openvino(device: Device, given: Mapping[str, str], threads: int) -> dict[str, str]:
    """Return the options of OpenVINO built in, which takes no notice of onnxruntime's own number of threads.

    Its type is the CPU where none was asked for.
    """
    kind = device.part or "CPU"
    return {"device_type": kind, **({"num_of_threads": str(threads)} if "CPU" in kind else {}), **given}


def openvino_plugin(device: Device, given: Mapping[str, str], threads: int) -> dict[str, str]:
    """Return the options of OpenVINO as a plugin: one, `load_config`, with OpenVINO's own keys by type of device.

    What the built-in provider calls otherwise is put there too: the plugin would ignore it.
    """
    import json

    try:
        config = json.loads(given.get("load_config", "{}"))
        kind = device.part or "CPU"
        keys = {_THREADS_KEY: str(threads)} if "CPU" in kind else {}
        keys |= {_PLUGIN_KEY[name]: value for name, value in given.items() if name in _PLUGIN_KEY}
        return {"load_config": json.dumps({**config, kind: {**keys, **config.get(kind, {})}})}
    except (ValueError, TypeError, AttributeError):
        told = f'the option "load_config" of device "{device}" is no JSON object of objects'
        raise DeviceError(told, 'write it as {"CPU": {"NUM_STREAMS": "2"}}') from None


def written(given: Mapping[str, object] | None) -> dict[str, str]:
    """Return the caller's options as onnxruntime takes them: texts. TensorRT takes True, and neither 1 nor true."""
    return {str(name): str(value) for name, value in (given or {}).items()}


def check(device: Device, given: Mapping[str, str], inputs: Sequence[Tensor] | None, plugin: bool) -> None:
    """Raise DeviceError for options that would be dropped or contradicted, InputError for those that cannot be met.

    Plugins take any name. CUDA graphs replay one shape, at the addresses of their recording: onnxruntime can be told
    which graph a run is for, or none (`shortcut.replaying`), but TensorRT's provider does not listen.
    """
    if given and device.kind == "cpu":
        raise DeviceError(f'the device "cpu" takes no options: {", ".join(given)}', "leave them out")
    for name, way in _OURS.items():
        if name in given or (name == _THREADS_KEY and name in given.get("load_config", "")):
            part = "openvino:GPU.1" if device.kind == "openvino" else f"{device.kind}:1"
            raise DeviceError(f'"{name}" is no option to be given', f"say it as {way.format(part)}")
    if plugin and device.kind == "openvino":
        for name in given:
            if name not in (*_PLUGIN_KEY, "load_config"):
                raise unknown(device, name, [*_PLUGIN_KEY, "load_config"])
    if _on(given, "trt_cuda_graph_enable"):
        told = '"trt_cuda_graph_enable" has TensorRT replay one graph, with the answers of another run'
        raise DeviceError(told, 'leave it out; device="cuda" has "enable_cuda_graph", which can tell runs apart')
    if graphs(given) and inputs is not None and not fixed(inputs):
        told = f'"enable_cuda_graph" replays one shape, and the model takes {", ".join(map(str, inputs))}'
        raise InputError(told, "export it with fixed shapes")


def graphs(given: Mapping[str, str]) -> bool:
    """Say whether the options have CUDA record a graph of a run and replay it."""
    return _on(given, "enable_cuda_graph")


def _on(given: Mapping[str, str], name: str) -> bool:
    return given.get(name, "0").lower() in ("1", "true")


def unknown(device: Device, name: str, known: Sequence[str] | None = None) -> DeviceError:
    """Return the error for an option that the provider does not know, with the nearest it does."""
    near = nearest(name, list(known or KNOWN.get(device.kind, ())))
    return DeviceError(f'device "{device}" has no option "{name}"', f'did you mean "{near}"?' if near else None)


def fixed(inputs: Sequence[Tensor]) -> bool:
    """Say whether every dimension of every input is a number."""
    return all(isinstance(dim, int) for tensor in inputs for dim in tensor.shape)
