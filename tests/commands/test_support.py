"""What is told of a device: what came of trying it, and nothing else."""

from __future__ import annotations

from pathlib import Path

import onnx
import onnx.parser
import pytest

from edgekit.commands.support import Support, try_devices
from edgekit.runtime.devices import placement, providers
from edgekit.runtime.devices.naming import PROVIDER_OF, Device


@pytest.fixture
def model(tmp_path: Path) -> Path:
    text = """<ir_version: 8, opset_import: ["": 17]>
    g (float[N,3] x, float[3,3] w) => (float[N,3] y) { h = MatMul(x, w) y = Relu(h) }"""
    onnx.save(onnx.parser.parse_model(text), tmp_path / "model.onnx")
    return tmp_path / "model.onnx"


def by_name(model: Path) -> dict[str, Support]:
    return {each.device: each for each in try_devices(model, model.stat().st_size)}


def test_the_cpu_takes_every_operator_and_what_is_not_here_is_unknown(model: Path) -> None:
    found = by_name(model)
    assert list(found) == list(PROVIDER_OF)
    assert found["cpu"] == Support("cpu", True, "every operator", {"cpu": {"MatMul": 1, "Relu": 1}})
    for kind, each in found.items():
        if not providers.offered(Device(kind)):
            assert each == Support(kind, None, "not in this onnxruntime", {})


def test_a_device_that_takes_a_part_does_not_run_the_model(model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shared = placement.Placement("cpu", {"cpu": {"MatMul": 1}, "other": {"Relu": 1}})
    monkeypatch.setattr(placement, "read", lambda *_: shared)
    cpu = by_name(model)["cpu"]
    assert (cpu.runs, cpu.said, cpu.nodes) == (False, str(shared), shared.nodes)


def test_an_onnxruntime_without_the_record_says_that_the_model_opens(
    model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(placement, "recorded", lambda: False)
    cpu = by_name(model)["cpu"]
    assert cpu.runs is True
    assert "1.24 and newer" in cpu.said


def test_engines_that_take_minutes_are_not_built(model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(providers, "offered", lambda device: device.kind in ("cpu", "tensorrt"))
    assert by_name(model)["tensorrt"].said == "not tried: building its engines takes minutes"


def test_what_is_too_large_to_be_opened_in_passing_is_not(model: Path) -> None:
    found = {each.device: each for each in try_devices(model, 14_000_000_000)}
    assert (found["cpu"].runs, found["cpu"].said) == (None, "not tried: 14.0 GB would be read into memory")


def test_a_device_that_does_not_come_up_says_why(model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(providers, "offered", lambda device: device.kind in ("cpu", "openvino"))
    found = by_name(model)["openvino"]
    if found.runs is not True:  # here it is not installed
        assert found.runs is False
        assert found.said.startswith('asked for device "openvino"')
