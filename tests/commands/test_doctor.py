import json
import sys
import types

import pytest

from edgekit import cli, hardware
from edgekit.commands import doctor
from edgekit.data.sources import idx

MACHINE = {"cpu": "some processor", "architecture": "x86_64", "flags": [], "cores": 4, "usable_cores": 4.0}


@pytest.mark.parametrize(("version", "status"), [((3, 10, 9), "fail"), ((3, 11, 0), "ok"), ((3, 14, 1), "ok")])
def test_an_old_python_fails(version, status):
    assert doctor.python(version).status == status


@pytest.mark.parametrize(
    ("versions", "status", "advice"),
    [
        ({}, "fail", 'pip install "edgekit-onnx[cpu]"'),
        ({"onnxruntime": "1.23.0"}, "ok", None),
        ({"onnxruntime-gpu": "1.23.0"}, "ok", None),
        ({"onnxruntime": "1.9.0"}, "fail", 'pip install --upgrade "edgekit-onnx[cpu]"'),
        (
            {"onnxruntime": "1.23.0", "onnxruntime-gpu": "1.22.0"},
            "fail",
            'pip uninstall -y onnxruntime onnxruntime-gpu && pip install "edgekit-onnx[gpu]"',
        ),
        (
            {"onnxruntime": "1.23.0", "onnxruntime-openvino": "1.22.0"},
            "fail",
            'pip uninstall -y onnxruntime onnxruntime-openvino && pip install "edgekit-onnx[openvino]"',
        ),
    ],
    ids=["none", "one", "the gpu one", "too old", "clash with gpu", "clash with openvino"],
)
def test_onnxruntime_must_come_from_one_wheel_new_enough(versions, status, advice):
    check = doctor.runtime_wheels(versions)
    assert (check.status, check.advice) == (status, advice)
    assert all(wheel in check.found for wheel in versions)


def test_the_devices_that_are_offered_come_up():
    checks = doctor.devices()
    assert checks[0] == doctor.Check("device cpu", "ok", "offered, and comes up")


def test_without_onnx_the_trial_of_devices_is_left_out_with_its_reason(monkeypatch):
    monkeypatch.setitem(sys.modules, "onnx", None)
    monkeypatch.delitem(sys.modules, "onnx.parser", raising=False)
    (check,) = doctor.devices()
    assert check.status == "warn" and "not tried" in check.found and "CPUExecutionProvider" in check.found
    assert check.advice == 'pip install "edgekit-onnx[tools]"'


def test_a_device_that_is_offered_and_does_not_come_up_is_a_warning_with_the_cause(monkeypatch):
    import onnxruntime

    monkeypatch.setattr(
        onnxruntime, "get_available_providers", lambda: ["CUDAExecutionProvider", "CPUExecutionProvider"]
    )
    cpu, cuda = doctor.devices()
    assert cpu.status == "ok"
    assert cuda.name == "device cuda" and cuda.status == "warn" and cuda.found.startswith("offered, but ")


def test_the_shell_that_a_removed_wheel_leaves_is_recognised(monkeypatch):
    monkeypatch.setitem(sys.modules, "onnxruntime", types.ModuleType("onnxruntime"))
    (check,) = doctor.devices()
    assert check.status == "fail" and "does not load" in check.found and "--force-reinstall" in check.advice


def test_without_onnxruntime_no_device_can_be_used(monkeypatch):
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    (check,) = doctor.devices()
    assert check.status == "fail" and check.advice == 'pip install "edgekit-onnx[cpu]"'


@pytest.mark.parametrize(
    ("check", "status", "said"),
    [
        (lambda: doctor.extra("train", []), "ok", "all installed"),
        (lambda: doctor.extra("train", ["torch", "sklearn"]), "warn", "torch, sklearn"),
        (lambda: doctor.torch("2.13.0"), "ok", "2.13.0"),
        (lambda: doctor.torch(None), "warn", "distill and train need it"),
        (lambda: doctor.processor(MACHINE, True), "ok", "7 bits"),
        (lambda: doctor.processor({**MACHINE, "flags": ["avx_vnni"]}, False), "ok", "VNNI, full range"),
        (lambda: doctor.processor({**MACHINE, "flags": ["asimddp"]}, False), "ok", "dot products, full range"),
        (lambda: doctor.processor({**MACHINE, "flags": ["asimd"]}, False), "ok", "without special instructions"),
        (lambda: doctor.cores(MACHINE), "ok", "4 usable of 4"),
        (lambda: doctor.cores({**MACHINE, "usable_cores": 0.5}), "warn", "0.5 usable of 4"),
    ],
    ids=["extra", "no extra", "torch", "no torch", "saturates", "vnni", "arm", "old arm", "cores", "half a core"],
)
def test_each_check_says_how_it_is(check, status, said):
    found = check()
    assert found.status == status and said in found.found
    assert (found.advice is None) == (status == "ok")


def test_a_home_that_cannot_be_written_fails(tmp_path):
    (tmp_path / "file").write_text("in the way")
    check = doctor.disk(tmp_path / "file" / "home")
    assert check.status == "fail" and "EDGEKIT_HOME" in check.advice


def test_little_room_on_the_disk_is_a_warning(tmp_path, monkeypatch):
    assert doctor.disk(tmp_path).status in ("ok", "warn")
    monkeypatch.setattr(doctor, "_LITTLE_ROOM", 1e18)
    assert doctor.disk(tmp_path).status == "warn"


def test_a_data_set_is_found_in_the_data_folder(tmp_path, monkeypatch):
    from edgekit.data.sources import fashion_mnist

    monkeypatch.setattr(fashion_mnist, "DEBIAN", tmp_path / "nowhere")
    monkeypatch.setenv("EDGEKIT_DATA", str(tmp_path))
    assert doctor.data()[1].status == "warn"
    (tmp_path / "fashion-mnist").mkdir()
    for pair in idx.FILES:
        for name in pair:
            (tmp_path / "fashion-mnist" / f"{name}.gz").touch()
    check = doctor.data()[1]
    assert check.status == "ok" and check.found == str(tmp_path / "fashion-mnist")


def test_where_nothing_fails_the_exit_code_is_0(capsys, monkeypatch):
    checks = [doctor.Check("a", "ok", "good"), doctor.Check("b", "warn", "so so", "do this")]
    monkeypatch.setattr(doctor, "examine", lambda: checks)
    assert cli.run(["doctor"]) == 0
    assert "→ do this" in capsys.readouterr().out


def test_where_something_fails_the_exit_code_is_1(capsys, monkeypatch):
    monkeypatch.setattr(hardware, "onnxruntime_wheels", lambda: ["onnxruntime", "onnxruntime-gpu"])
    assert cli.run(["doctor", "--json"]) == 1
    told = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert told["ok"] is False and told["machine"]["cpu"]
    (failed,) = [check for check in told["checks"] if check["status"] == "fail"]
    assert failed["name"] == "onnxruntime" and failed["advice"].startswith("pip uninstall -y")
