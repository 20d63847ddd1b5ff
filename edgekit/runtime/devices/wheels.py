"""Which of the wheels that all bring the module `onnxruntime` is installed, and the pip line that mends it.

They write the same files, so the last one installed wins and its neighbour's providers vanish. Imports no onnxruntime:
the doctor asks here where it does not load. Reading what is installed costs some milliseconds, so only errors do.
"""

from __future__ import annotations

from edgekit import hardware

WHEEL_OF = {
    "cpu": "onnxruntime",
    "cuda": "onnxruntime-gpu",
    "tensorrt": "onnxruntime-gpu",
    "openvino": "onnxruntime-openvino",
}
_EXTRA_OF = {"onnxruntime": "cpu", "onnxruntime-gpu": "gpu", "onnxruntime-openvino": "openvino"}


def installed() -> dict[str, str]:
    """Return the version of each installed wheel that brings onnxruntime: one, where all is well."""
    return {wheel: version or "?" for wheel, version in hardware.versions(hardware.onnxruntime_wheels()).items()}


def tell(wheels: dict[str, str]) -> str:
    """Name wheels with their versions."""
    return ", ".join(f"{wheel} {version}" for wheel, version in wheels.items())


def install(wheel: str) -> str:
    """Return the pip line that brings a wheel."""
    return f'pip install "edgekit-onnx[{_EXTRA_OF.get(wheel, "cpu")}]"'


def mend(wheels: dict[str, str], wanted: str | None = None) -> str:
    """Return the command after which one wheel is left: `wanted`, or the one of `wheels` that can do most."""
    wanted = wanted or next((wheel for wheel in wheels if wheel != "onnxruntime" and wheel in _EXTRA_OF), "onnxruntime")
    away = [wheel for wheel in wheels if wheel != wanted or len(wheels) > 1]
    return f"pip uninstall -y {' '.join(away)} && {install(wanted)}" if away else install(wanted)
