from __future__ import annotations

import pytest

from edgekit.errors import DeviceError, UsageError
from edgekit.runtime.devices.naming import Device, candidates, parse


@pytest.mark.parametrize(
    ("name", "device"),
    [
        ("cpu", Device("cpu")),
        ("cuda", Device("cuda")),
        ("cuda:1", Device("cuda", "1")),
        ("tensorrt:0", Device("tensorrt", "0")),
        ("openvino:NPU", Device("openvino", "NPU")),
        ("openvino:GPU.1", Device("openvino", "GPU.1")),
        ("openvino:AUTO:GPU,CPU", Device("openvino", "AUTO:GPU,CPU")),
    ],
)
def test_a_device_is_a_kind_and_a_part_and_is_written_as_it_was(name: str, device: Device) -> None:
    assert parse(name) == device
    assert str(device) == name


def test_the_first_gpu_is_meant_where_no_number_is_said() -> None:
    assert [parse(name).number for name in ("cuda", "cuda:0", "cuda:3")] == [0, 0, 3]


NO_DEVICES = [
    "gpu", "", "cuda:", "cuda:x", "cuda:-1", "cpu:0", "openvino:", "openvino:npu", "openvino:AUTO", "auto:0", None,
]  # fmt: skip


@pytest.mark.parametrize("name", NO_DEVICES)
def test_what_is_no_device_is_refused_with_those_there_are(name: str) -> None:
    with pytest.raises(DeviceError, match="there is no device") as caught:
        parse(name)
    assert "openvino:NPU" in str(caught.value.hint)


def test_a_plugin_makes_a_device_of_its_name_and_is_named_where_another_is_asked_for() -> None:
    assert parse("mlx:0", lambda: ["mlx"]) == Device("mlx", "0")
    for name in ("webgpu", "mlx:"):
        with pytest.raises(DeviceError, match="there is no device") as caught:
            parse(name, lambda: ["mlx"])
        assert "plugins installed: mlx" in str(caught.value.hint)


def test_plugins_are_looked_for_only_where_the_name_is_no_other_device() -> None:
    def asked() -> list[str]:
        raise AssertionError("listing what is installed costs milliseconds")

    parse("cuda:1", asked)


def test_only_the_device_asked_for_is_tried_unless_others_were_written() -> None:
    assert candidates("cuda") == [Device("cuda")]
    assert candidates("cuda", ["openvino:NPU", "cpu"]) == [Device("cuda"), Device("openvino", "NPU"), Device("cpu")]
    assert [str(device) for device in candidates("auto")] == ["cuda", "openvino", "cpu"]


def test_a_slip_in_a_fallback_is_found_at_once() -> None:
    with pytest.raises(DeviceError, match='no device "cuda:x"'):
        candidates("cpu", ["cuda:x"])
    with pytest.raises(UsageError, match='fallback is "cpu", not a list') as caught:
        candidates("cuda", "cpu")
    assert caught.value.hint == 'write fallback=["cpu"]'
    with pytest.raises(UsageError, match="auto"):
        candidates("auto", ["cpu"])
