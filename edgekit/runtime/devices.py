"""A device's name into onnxruntime's execution providers, strictly: what was asked for runs, or a DeviceError says why.

onnxruntime alone falls back to the CPU without a word, and the list of what a build offers proves nothing: the GPU
build lists CUDA on machines that have none. So the list is asked before a session is made, and the session after.
"cuda" and "tensorrt" have not been run on a GPU yet. Imports errors alone.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from edgekit.errors import DeviceError

_PROVIDER = {
    "cpu": "CPUExecutionProvider",
    "cuda": "CUDAExecutionProvider",
    "tensorrt": "TensorrtExecutionProvider",
    "openvino": "OpenVINOExecutionProvider",
}
_EXTRA = {"cpu": "cpu", "cuda": "gpu", "tensorrt": "gpu", "openvino": "openvino"}
# TensorRT is left out of "auto": building its engines takes minutes, which nobody expects of a default.
_AUTO = ("cuda", "openvino", "cpu")
# Checked here: a type OpenVINO does not know, or knows in capitals only, it runs on the CPU without a word.
_OPENVINO_TYPE = re.compile(r"(CPU|GPU|NPU)(\.\d+)?|(AUTO|HETERO|MULTI)(:[A-Z0-9.,]+)?")
_FORMS = "cpu, cuda, cuda:1, tensorrt, openvino, openvino:NPU, or auto: the first of cuda, openvino and cpu that runs"


def providers(device: str, offered: Sequence[str]) -> list[tuple[str, dict[str, str]]]:
    """Return the execution providers, with their options, that `device` asks for.

    `offered` is what this onnxruntime lists (`onnxruntime.get_available_providers()`). DeviceError where the name is
    not a device's, or the build does not offer it.
    """
    if device == "auto":
        return [(_PROVIDER[kind], {}) for kind in _AUTO if _PROVIDER[kind] in offered]
    kind, options = _parse(device)
    if _PROVIDER[kind] not in offered:
        known = [name for name, provider in _PROVIDER.items() if provider in offered]
        raise DeviceError(
            f'asked for device "{device}", but this onnxruntime offers only: {", ".join(known)}',
            f'pip install "edgekit-onnx[{_EXTRA[kind]}]" in a clean environment, or ask for device "cpu"',
        )
    asked = [(_PROVIDER[kind], options)]
    if kind == "tensorrt" and _PROVIDER["cuda"] in offered:
        asked.append((_PROVIDER["cuda"], options))  # what TensorRT cannot take stays on the GPU
    return asked


def is_cpu(asked: list[tuple[str, dict[str, str]]]) -> bool:
    """Say whether what `providers` returned is the CPU alone."""
    return asked[0][0] == _PROVIDER["cpu"]


def check(session: Any, device: str) -> str:
    """Return the device that `session` really came up on; DeviceError where it is not the one asked for.

    `session` is an `onnxruntime.InferenceSession`: anything with `get_providers()`.
    """
    came = session.get_providers()[0]
    found = next((kind for kind, provider in _PROVIDER.items() if provider == came), came)
    if device == "auto":
        return found
    kind, _ = _parse(device)
    if kind != found:
        raise DeviceError(
            f'asked for device "{device}", but the session came up on "{found}"',
            "onnxruntime wrote the cause to stderr: a library, a driver or the device itself is missing; "
            f'mend that, or ask for device "{found}"',
        )
    return device


def _parse(device: str) -> tuple[str, dict[str, str]]:
    """Split "cuda:1" into its kind and the options of its provider."""
    kind, colon, part = str(device).partition(":")
    if kind not in _PROVIDER:
        raise DeviceError(f'there is no device "{device}"', _FORMS)
    if not colon:
        return kind, {}
    if kind == "openvino" and _OPENVINO_TYPE.fullmatch(part):
        return kind, {"device_type": part}
    if kind in ("cuda", "tensorrt") and part.isdecimal():
        return kind, {"device_id": part}
    raise DeviceError(f'there is no device "{device}": "{kind}" takes no "{part}" after the colon', _FORMS)
