from __future__ import annotations

import shutil
import subprocess
import types
from pathlib import Path
from typing import Any

import pytest

from edgekit.errors import DeviceError
from edgekit.runtime.devices import nvidia

# A driver's library as its documentation says: two GPUs, or as many as it is built with, of compute capability 8.9.
DRIVER = """
#include <string.h>
int cuInit(unsigned flags) { return CODE; }
int cuDeviceGetCount(int *count) { *count = COUNT; return 0; }
int cuDeviceGet(int *device, int number) { *device = number + 10; return 0; }
int cuDeviceGetName(char *name, int length, int device) { strncpy(name, device == 10 ? "First" : "Second", length); return 0; }
int cuDeviceGetAttribute(int *value, int attribute, int device) { *value = attribute == 75 ? 8 : 9; return 0; }
"""  # noqa: E501


def build(folder: Path, **defined: int) -> Any:
    """Build a driver's library with the machine's compiler, and load it."""
    import ctypes

    compiler = shutil.which("cc")
    if compiler is None:
        pytest.skip("there is no C compiler")
    (folder / "driver.c").write_text(DRIVER)
    library = folder / "driver.so"
    flags = [f"-D{name}={value}" for name, value in {"CODE": 0, "COUNT": 2, **defined}.items()]
    subprocess.run([compiler, "-shared", "-fPIC", *flags, "-o", library, folder / "driver.c"], check=True)
    return ctypes.CDLL(str(library))


def test_the_driver_names_its_gpus(tmp_path: Path) -> None:
    assert [str(gpu) for gpu in nvidia.gpus(build(tmp_path))] == ["First 8.9", "Second 8.9"]


@pytest.mark.parametrize(
    ("defined", "said"), [({"CODE": 100}, "CUDA error 100"), ({"COUNT": 0}, "shows none")], ids=["error", "none"]
)
def test_a_driver_without_a_gpu_says_so(tmp_path: Path, defined: dict[str, int], said: str) -> None:
    with pytest.raises(DeviceError, match=said):
        nvidia.gpus(build(tmp_path, **defined))


def test_a_machine_without_the_driver_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(nvidia, "_LIBRARY", "libnvidia-is-not-here.so")
    with pytest.raises(DeviceError, match="driver does not load: libnvidia-is-not-here"):
        nvidia.gpus()


def test_versions_are_empty_where_nothing_tells_them(monkeypatch: pytest.MonkeyPatch) -> None:
    assert nvidia.tensorrt_version(types.SimpleNamespace(getInferLibVersion=lambda: 101304)) == "101304"
    assert nvidia.tensorrt_version(types.SimpleNamespace()) == ""
    assert nvidia.tensorrt_version("libnvinfer-is-not-here.so") == ""


@pytest.mark.parametrize(
    ("text", "version"),
    [
        ("NVRM version: NVIDIA UNIX x86_64 Kernel Module  535.183.01  Sun May 12 19:39:15 UTC 2024\n", "535.183.01"),
        ("NVRM version: NVIDIA UNIX Open Kernel Module for x86_64  580.65.06\nGCC version: 12.3", "580.65.06"),
        ("", ""),
    ],
    ids=["closed", "open", "nothing"],
)  # fmt: skip
def test_the_drivers_version_is_read_from_the_system(
    text: str, version: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(nvidia, "_DRIVER", str(tmp_path / "version"))
    assert nvidia.driver_version() == ""
    (tmp_path / "version").write_text(text)
    assert nvidia.driver_version() == version
