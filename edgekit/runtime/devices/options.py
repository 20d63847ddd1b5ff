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
        "device_id", "user_compute_stream", "has_user_compute_stream", "gpu_mem_limit", "arena_extend_strategy",
        "cudnn_conv_algo_search", "cudnn_conv_use_max_workspace", "cudnn_conv1d_pad_to_nc1d", "enable_cuda_graph",
        "do_copy_in_default_stream", "enable_skip_layer_norm_strict_mode", "fuse_conv_bias", "prefer_nhwc", "use_tf32",
        "use_ep_level_unified_stream", "tunable_op_enable", "tunable_op_tuning_enable",
        "tunable_op_max_tuning_duration_ms", "sdpa_kernel",
    ),
    "tensorrt": (
        "device_id", "user_compute_stream", "trt_auxiliary_streams", "trt_bf16_enable",
        "trt_build_heuristics_enable", "trt_builder_optimization_level", "trt_context_memory_sharing_enable",
        "trt_cuda_graph_enable", "trt_detailed_build_log", "trt_dla_core", "trt_dla_enable", "trt_dump_subgraphs",
        "trt_engine_cache_enable", "trt_engine_cache_path", "trt_engine_cache_prefix", "trt_engine_hw_compatible",
        "trt_extra_plugin_lib_paths", "trt_force_sequential_engine_build", "trt_fp16_enable", "trt_int8_enable",
        "trt_int8_calibration_table_name", "trt_int8_use_native_calibration_table", "trt_layer_norm_fp32_fallback",
        "trt_max_partition_iterations", "trt_max_workspace_size", "trt_min_subgraph_size", "trt_op_types_to_exclude",
        "trt_profile_min_shapes", "trt_profile_opt_shapes", "trt_profile_max_shapes", "trt_sparsity_enable",
        "trt_tactic_sources", "trt_timing_cache_enable", "trt_timing_cache_path", "trt_force_timing_cache",
        "trt_weight_stripped_engine_enable",
    ),
    "openvino": (
        "device_type", "device_id", "device_luid", "cache_dir", "precision", "load_config", "num_of_threads",
        "num_streams", "model_priority", "layout", "reshape_input", "enable_causallm", "enable_opencl_throttling",
        "enable_qdq_optimizer", "disable_dynamic_shapes",
    ),
}  # fmt: skip
# Options of OpenVINO built in -> keys of OpenVINO itself.
_PLUGIN_KEY = {"num_of_threads": "INFERENCE_NUM_THREADS", "num_streams": "NUM_STREAMS", "cache_dir": "CACHE_DIR"}
_GRAPHS = ("enable_cuda_graph", "trt_cuda_graph_enable")


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
        keys = {"INFERENCE_NUM_THREADS": str(threads)} if "CPU" in kind else {}
        keys |= {_PLUGIN_KEY[name]: value for name, value in given.items() if name in _PLUGIN_KEY}
        return {"load_config": json.dumps({**config, kind: {**keys, **config.get(kind, {})}})}
    except (ValueError, TypeError, AttributeError):
        told = f'the option "load_config" of device "{device}" is no JSON object of objects'
        raise DeviceError(told, 'write it as {"CPU": {"INFERENCE_NUM_THREADS": "2"}}') from None


def written(given: Mapping[str, object] | None) -> dict[str, str]:
    """Return the caller's options as onnxruntime takes them: texts. TensorRT takes True, and neither 1 nor true."""
    return {str(name): str(value) for name, value in (given or {}).items()}


def check(device: Device, given: Mapping[str, str], inputs: Sequence[Tensor] | None, plugin: bool) -> None:
    """Raise DeviceError for options that would be dropped without a word, InputError for those that cannot be met.

    Plugins take any name. CUDA graphs replay one shape.
    """
    if given and device.kind == "cpu":
        raise DeviceError(f'the device "cpu" takes no options: {", ".join(given)}', "leave them out")
    if plugin and device.kind == "openvino":
        for name in given:
            if name not in (*_PLUGIN_KEY, "load_config"):
                raise unknown(device, name, [*_PLUGIN_KEY, "load_config"])
    for name in _GRAPHS:
        if given.get(name, "0").lower() in ("1", "true") and inputs is not None and not fixed(inputs):
            told = ", ".join(map(str, inputs))
            raise InputError(f'"{name}" replays one shape, and the model takes {told}', "export it with fixed shapes")


def unknown(device: Device, name: str, known: Sequence[str] | None = None) -> DeviceError:
    """Return the error for an option that the provider does not know, with the nearest it does."""
    near = nearest(name, list(known or KNOWN.get(device.kind, ())))
    return DeviceError(f'device "{device}" has no option "{name}"', f'did you mean "{near}"?' if near else None)


def fixed(inputs: Sequence[Tensor]) -> bool:
    """Say whether every dimension of every input is a number."""
    return all(isinstance(dim, int) for tensor in inputs for dim in tensor.shape)
