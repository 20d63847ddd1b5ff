"""Which GPUs NVIDIA's driver shows to this process, asked of the driver itself. Imports ctypes when asked.

Not run on a GPU yet: tried against libraries that answer as the driver's documentation says.
"""

from __future__ import annotations

import re
import sys
from typing import Any, NamedTuple

from edgekit.errors import DeviceError
from edgekit.runtime.devices.libraries import advice

_LIBRARY = "nvcuda.dll" if sys.platform == "win32" else "libcuda.so.1"
_DRIVER = "/proc/driver/nvidia/version"
_MAJOR, _MINOR = 75, 76  # CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_*


class Gpu(NamedTuple):
    """A GPU as the driver names it, with its compute capability, as "8.9"."""

    name: str
    capability: str

    def __str__(self) -> str:
        return f"{self.name} {self.capability}"


def gpus(driver: Any = None) -> list[Gpu]:
    """Return the GPUs that CUDA_VISIBLE_DEVICES leaves to this process; DeviceError where there is none.

    `driver` stands in for the driver's library.
    """
    import ctypes

    try:
        driver = driver or ctypes.CDLL(_LIBRARY)
    except OSError as error:
        raise DeviceError(f"NVIDIA's driver does not load: {error}", advice(str(error))) from None
    count = ctypes.c_int()
    code = driver.cuInit(0) or driver.cuDeviceGetCount(ctypes.byref(count))
    if code or not count.value:
        told = f"it answers with CUDA error {code}" if code else "it shows none to this process"
        hint = "see what nvidia-smi says, and whether CUDA_VISIBLE_DEVICES hides it"
        raise DeviceError(f"NVIDIA's driver has no GPU here: {told}", hint)
    return [_read(driver, index) for index in range(count.value)]


def driver_version() -> str:
    """Return the driver's version, as "580.65.06"; "" where the system does not tell."""
    try:
        with open(_DRIVER, encoding="utf-8", errors="replace") as stream:
            text = stream.read()
    except OSError:
        return ""
    found = re.search(r"\b(\d{3,}\.[\d.]+)\b", text)
    return found[1] if found else ""


def tensorrt_version(library: Any = None) -> str:
    """Return the version of the TensorRT that is loaded, as "101304"; "" where there is none."""
    import ctypes

    for name in (library,) if library else ("libnvinfer.so.10", "nvinfer_10.dll", "libnvinfer.so"):
        try:
            return str((ctypes.CDLL(name) if isinstance(name, str) else name).getInferLibVersion())
        except (OSError, AttributeError):
            continue
    return ""


def _read(driver: Any, index: int) -> Gpu:
    import ctypes

    device, number = ctypes.c_int(), ctypes.c_int()
    name = ctypes.create_string_buffer(256)
    driver.cuDeviceGet(ctypes.byref(device), index)
    driver.cuDeviceGetName(name, len(name), device)
    parts = []
    for attribute in (_MAJOR, _MINOR):
        driver.cuDeviceGetAttribute(ctypes.byref(number), attribute, device)
        parts.append(str(number.value))
    return Gpu(name.value.decode(errors="replace"), ".".join(parts))
