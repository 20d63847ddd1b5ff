"""What a caller may write for a device, and the order in which devices are tried. Imports errors alone.

"cuda:1" is a kind and a part. Kinds are those below, and the names of installed plugins: the package
onnxruntime-ep-NAME brings the device NAME. Whether a device is there is for `providers.py` to find out.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from edgekit.errors import DeviceError, UsageError

PROVIDER_OF = {
    "cpu": "CPUExecutionProvider",
    "cuda": "CUDAExecutionProvider",
    "tensorrt": "TensorrtExecutionProvider",
    "openvino": "OpenVINOExecutionProvider",
}
# TensorRT is left out of "auto": building its engines takes minutes, which nobody expects of a default.
AUTO = ("cuda", "openvino", "cpu")
# What may follow the colon. With a type that OpenVINO does not know, or knows in capitals only, it runs on the CPU
# without a word; and so it does with AUTO alone.
_PARTS = {
    "cuda": r"\d+",
    "tensorrt": r"\d+",
    "openvino": r"(CPU|GPU|NPU)(\.\d+)?|(AUTO|HETERO|MULTI):[A-Z0-9.,]+",
}
_FORMS = "cpu, cuda, cuda:1, tensorrt, openvino, openvino:NPU, or auto: the first of cuda, openvino and cpu that runs"


class Device(NamedTuple):
    """A device asked for: its kind, and what stands after the colon ("" where nothing does)."""

    kind: str
    part: str = ""

    @property
    def number(self) -> int:
        """Which of several GPUs: the first where nothing was said."""
        return int(self.part or 0)

    def __str__(self) -> str:
        return f"{self.kind}:{self.part}" if self.part else self.kind


class Request(NamedTuple):
    """What onnxruntime is asked for: providers with their options, or a plugin's `OrtEpDevice` with its options.

    `provider` is the one the session must come up on. `graphs`: it records CUDA graphs and replays them.
    """

    provider: str
    built_in: list[tuple[str, dict[str, str]]] | None
    plugin: tuple[Any, dict[str, str]] | None = None
    graphs: bool = False


def parse(name: str, plugins: Callable[[], Sequence[str]] = tuple) -> Device:
    """Read "cuda:1". DeviceError where that is no device, whatever is installed.

    `plugins` tells the names of installed plugins; it is asked only for what is no other device.
    """
    kind, colon, part = str(name).partition(":")
    if kind in PROVIDER_OF:
        if not colon or (kind in _PARTS and re.fullmatch(_PARTS[kind], part)):
            return Device(kind, part)
        raise DeviceError(f'there is no device "{name}": "{kind}" takes no "{part}" after the colon', _FORMS)
    known = plugins()
    if kind in known and (part or not colon):
        return Device(kind, part)
    more = f"; of the plugins installed: {', '.join(known)}" if known else ""
    raise DeviceError(f'there is no device "{name}"', _FORMS + more)


def candidates(device: str, fallback: Sequence[str] = (), plugins: Callable[[], Sequence[str]] = tuple) -> list[Device]:
    """Return the devices to try, in order: the one asked for, and no other unless it was written.

    All names are read at once: a slip in a fallback must not wait for the day it is needed.
    """
    if isinstance(fallback, str):
        raise UsageError(f'fallback is "{fallback}", not a list', f'write fallback=["{fallback}"]')
    if device == "auto":
        if fallback:
            raise UsageError('device "auto" takes no fallback: it ends with the cpu', "leave one of the two out")
        return [Device(kind) for kind in AUTO]
    return [parse(name, plugins) for name in (device, *fallback)]
