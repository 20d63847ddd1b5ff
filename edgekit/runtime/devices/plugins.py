"""Provider plugins: the package onnxruntime-ep-NAME brings a provider to an onnxruntime that was built without it.

Tried with onnxruntime-ep-openvino on a CPU alone. Imports onnxruntime and the plugin when one is asked for.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import Any

from edgekit.errors import DeviceError
from edgekit.runtime.devices.naming import Device

_PREFIX = "onnxruntime-ep-"
_guard = threading.Lock()
_registered: dict[str, str] = {}  # a plugin's name -> its provider's name; a library can be registered once


def names() -> list[str]:
    """Return the names of the installed plugins: "openvino" for onnxruntime-ep-openvino."""
    from importlib import metadata

    found = {str(one.metadata["Name"] or "").lower().replace("_", "-") for one in metadata.distributions()}
    return sorted(name.removeprefix(_PREFIX) for name in found if name.startswith(_PREFIX))


def registered(kind: str) -> bool:
    """Say whether the provider of `kind` came from a plugin: onnxruntime lists it among its own from then on."""
    return kind in _registered


def supported(ort: Any) -> bool:
    """Say whether this onnxruntime takes plugins: 1.23 and newer do."""
    return hasattr(ort, "register_execution_provider_library")


def find(device: Device) -> tuple[str, Any]:
    """Return the name of a plugin's provider and its `OrtEpDevice` for `device`.

    DeviceError where the plugin does not load, or knows no such device.
    """
    import onnxruntime as ort

    package = _PREFIX + device.kind
    if not supported(ort):
        raise DeviceError(f"{package} needs onnxruntime 1.23 or newer, not {ort.__version__}", "upgrade onnxruntime")
    provider = _register(ort, device.kind, package)
    offered = [one for one in ort.get_ep_devices() if one.ep_name == provider]
    chosen = choose(device, offered)
    if chosen is None:
        known = ", ".join(f"{device.kind}:{_kind(one)}" for one in offered) or "none"
        raise DeviceError(f'there is no device "{device}" here: {package} finds {known}')
    return provider, chosen


def choose(device: Device, offered: Sequence[Any]) -> Any:
    """Return the one of `offered` (`OrtEpDevice`s) that `device` names: by number, or by kind, as NPU or GPU.1."""
    if not device.part:
        return next(iter(offered), None)
    if device.part.isdecimal():
        return offered[device.number] if device.number < len(offered) else None
    return next((one for one in offered if _kind(one) == device.part), None)


def _kind(one: Any) -> str:
    """Return what a plugin calls a device: OpenVINO says "GPU.1" itself, others have onnxruntime's CPU, GPU or NPU."""
    return str(one.ep_metadata.get("ov_device") or one.device.type.name)


def _register(ort: Any, kind: str, package: str) -> str:
    import importlib

    with _guard:
        if kind not in _registered:
            try:
                module = importlib.import_module(package.replace("-", "_"))
                ort.register_execution_provider_library(package, module.get_library_path())
                _registered[kind] = module.get_ep_name()
            except Exception as error:  # of the plugin's own kind, or onnxruntime's, which share no class
                said = " ".join(str(error).split())
                fix = f"pip install --force-reinstall {package}"
                raise DeviceError(f"the plugin {package} does not load: {said}", fix) from None
        return _registered[kind]
