from __future__ import annotations

import pytest

from edgekit.errors import DeviceError
from edgekit.runtime import devices

CPU = ["AzureExecutionProvider", "CPUExecutionProvider"]
GPU = ["TensorrtExecutionProvider", "CUDAExecutionProvider", "CPUExecutionProvider"]
OPENVINO = ["OpenVINOExecutionProvider", "CPUExecutionProvider"]


class CameUp:
    """A session that came up on these providers."""

    def __init__(self, *providers: str) -> None:
        self._providers = list(providers)

    def get_providers(self) -> list[str]:
        return self._providers


@pytest.mark.parametrize(
    ("device", "offered", "asked"),
    [
        ("cpu", CPU, [("CPUExecutionProvider", {})]),
        ("cuda", GPU, [("CUDAExecutionProvider", {})]),
        ("cuda:1", GPU, [("CUDAExecutionProvider", {"device_id": "1"})]),
        ("tensorrt:1", GPU, [(name, {"device_id": "1"}) for name in GPU[:2]]),
        ("openvino", OPENVINO, [("OpenVINOExecutionProvider", {})]),
        ("openvino:NPU", OPENVINO, [("OpenVINOExecutionProvider", {"device_type": "NPU"})]),
        ("openvino:AUTO:GPU,CPU", OPENVINO, [("OpenVINOExecutionProvider", {"device_type": "AUTO:GPU,CPU"})]),
        ("auto", CPU, [("CPUExecutionProvider", {})]),
        ("auto", GPU, [("CUDAExecutionProvider", {}), ("CPUExecutionProvider", {})]),
        ("auto", OPENVINO, [("OpenVINOExecutionProvider", {}), ("CPUExecutionProvider", {})]),
    ],
)
def test_a_device_asks_for_its_provider_with_its_options(
    device: str, offered: list[str], asked: list[tuple[str, dict[str, str]]]
) -> None:
    assert devices.providers(device, offered) == asked


@pytest.mark.parametrize(
    ("device", "extra"), [("cuda", "gpu"), ("cuda:1", "gpu"), ("tensorrt", "gpu"), ("openvino:GPU", "openvino")]
)
def test_a_device_this_build_does_not_offer_is_refused_with_what_it_offers_and_the_pip_line(
    device: str, extra: str
) -> None:
    with pytest.raises(DeviceError) as caught:
        devices.providers(device, CPU)
    assert str(caught.value) == f'asked for device "{device}", but this onnxruntime offers only: cpu'
    assert f'pip install "edgekit-onnx[{extra}]" in a clean environment' in str(caught.value.hint)


NO_DEVICES = ["gpu", "", "cuda:", "cuda:x", "cuda:-1", "cpu:0", "openvino:", "openvino:npu", "auto:0", None]


@pytest.mark.parametrize("device", NO_DEVICES)
def test_what_is_no_device_is_refused_with_those_there_are(device: str) -> None:
    with pytest.raises(DeviceError, match="there is no device") as caught:
        devices.providers(device, GPU)
    assert "openvino:NPU" in str(caught.value.hint)


@pytest.mark.parametrize("device", ["cuda", "cuda:1", "tensorrt"])
def test_a_session_that_silently_came_up_on_the_cpu_is_refused(device: str) -> None:
    with pytest.raises(DeviceError, match=f'asked for device "{device}", but the session came up on "cpu"'):
        devices.check(CameUp("CPUExecutionProvider"), device)


def test_a_session_that_came_up_as_asked_passes() -> None:
    assert devices.check(CameUp("CUDAExecutionProvider", "CPUExecutionProvider"), "cuda:1") == "cuda:1"


def test_auto_says_what_came_up() -> None:
    assert devices.check(CameUp("CUDAExecutionProvider", "CPUExecutionProvider"), "auto") == "cuda"
    assert devices.check(CameUp("CPUExecutionProvider"), "auto") == "cpu"
