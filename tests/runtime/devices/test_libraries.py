from __future__ import annotations

import sys
import types
from pathlib import Path

import onnxruntime
import pytest

from edgekit.runtime.devices import libraries


def fake_runtime(folder: Path, **more: object) -> types.SimpleNamespace:
    (folder / "capi").mkdir()
    return types.SimpleNamespace(__file__=str(folder / "__init__.py"), **more)


def test_a_provider_without_a_library_of_its_own_has_no_trouble() -> None:
    assert libraries.trouble(onnxruntime, "cpu") is None


def test_the_loaders_own_words_are_returned(tmp_path: Path) -> None:
    runtime = fake_runtime(tmp_path)
    libraries.path_of(runtime, "openvino").write_bytes(b"no library at all")
    said = libraries.trouble(runtime, "openvino")
    assert said is not None and libraries.path_of(runtime, "openvino").name in said


def test_libraries_that_pip_installed_are_loaded_by_onnxruntime_before_giving_up(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    tried = []

    def preload() -> None:
        tried.append(True)
        sys.stdout.write("Failed to load libcublasLt.so.13")

    runtime = fake_runtime(tmp_path, preload_dlls=preload)
    libraries.path_of(runtime, "cuda").write_bytes(b"no library at all")
    assert libraries.trouble(runtime, "cuda")
    assert tried == [True]
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize(
    ("said", "fix"),
    [
        ("libcublasLt.so.12: cannot open shared object file: No such file or directory", "onnxruntime-gpu[cuda,cudnn]"),
        ("libcudnn.so.9: cannot open shared object file", "onnxruntime-gpu[cuda,cudnn]"),
        ("libcuda.so.1: cannot open shared object file", "NVIDIA's driver"),
        ("libnvinfer.so.10: cannot open shared object file", "TensorRT"),
        ("/opt/x/libnvonnxparser.so.10: file too short", "TensorRT"),
        ("libsomething.so: cannot open shared object file", None),
    ],
)
def test_the_missing_library_says_what_to_install(said: str, fix: str | None) -> None:
    told = libraries.advice(said)
    assert (fix in told) if fix and told else fix is told
