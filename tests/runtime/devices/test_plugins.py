from __future__ import annotations

import types
from importlib import metadata
from typing import Any

import onnxruntime
import pytest

from edgekit.errors import DeviceError
from edgekit.runtime.devices import plugins
from edgekit.runtime.devices.naming import Device


def found(kind: str, own: str = "") -> Any:
    """An `OrtEpDevice` of onnxruntime's kind, and of the plugin's own where it has one."""
    hardware = types.SimpleNamespace(type=types.SimpleNamespace(name=kind))
    return types.SimpleNamespace(ep_metadata={"ov_device": own} if own else {}, device=hardware)


@pytest.mark.parametrize(
    ("part", "chosen"),
    [("", 0), ("0", 0), ("2", 2), ("4", None), ("NPU", 3), ("GPU", 1), ("GPU.1", 2), ("CPU.9", None)],
)
def test_a_plugins_device_is_chosen_by_number_or_by_kind(part: str, chosen: int | None) -> None:
    offered = [found("CPU"), found("GPU"), found("GPU", "GPU.1"), found("NPU", "NPU")]
    assert plugins.choose(Device("openvino", part), offered) is (None if chosen is None else offered[chosen])


def test_plugins_are_found_by_the_names_of_their_packages(monkeypatch: pytest.MonkeyPatch) -> None:
    names = ["onnxruntime", "onnxruntime-ep-mlx", "onnxruntime_ep_nv_tensorrt_rtx", "numpy", None]
    monkeypatch.setattr(metadata, "distributions", lambda: [types.SimpleNamespace(metadata={"Name": n}) for n in names])
    assert plugins.names() == ["mlx", "nv-tensorrt-rtx"]


def test_a_plugin_that_does_not_load_is_refused_with_its_words() -> None:
    if not plugins.supported(onnxruntime):
        with pytest.raises(DeviceError, match=r"needs onnxruntime 1.23 or newer"):
            plugins.find(Device("nothing"))
        return
    with pytest.raises(DeviceError, match="onnxruntime-ep-nothing does not load: No module named"):
        plugins.find(Device("nothing"))
    assert not plugins.registered("nothing")


def test_an_installed_plugin_is_registered_once_and_knows_its_devices() -> None:
    if not plugins.supported(onnxruntime) or "openvino" not in plugins.names():
        pytest.skip("onnxruntime-ep-openvino is not installed")
    provider, device = plugins.find(Device("openvino", "CPU"))
    assert provider == device.ep_name == "OpenVINOExecutionProvider"
    assert plugins.find(Device("openvino"))[0] == provider
    assert plugins.registered("openvino")
    with pytest.raises(DeviceError, match=r'no device "openvino:GPU.7" here: .* finds openvino:CPU'):
        plugins.find(Device("openvino", "GPU.7"))
