"""edgekit: a PyTorch model made small, proved against the original, measured, and embedded as ONNX.

The public names are found when first used, so that `import edgekit` costs nothing and `edgekit.load` needs only
numpy and onnxruntime.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

__version__ = "0.7.0"

if TYPE_CHECKING:
    from edgekit.compression.quantizing import quantize as quantize
    from edgekit.errors import EdgekitError as EdgekitError
    from edgekit.exporting.shipping import export as export
    from edgekit.library import distill as distill
    from edgekit.measuring.benching import bench as bench
    from edgekit.runtime.batcher import Batcher as Batcher
    from edgekit.runtime.bundle import load as load

_HOMES = {
    "Batcher": "edgekit.runtime.batcher",
    "EdgekitError": "edgekit.errors",
    "bench": "edgekit.measuring.benching",
    "distill": "edgekit.library",
    "export": "edgekit.exporting.shipping",
    "load": "edgekit.runtime.bundle",
    "quantize": "edgekit.compression.quantizing",
}

# What is asked for at the door, before a long import ends without it.
_NEEDS = {
    "bench": ["onnxruntime", "onnx"],
    "distill": ["onnxruntime", "onnx", "pydantic", "torch", "safetensors"],
    "export": ["onnxruntime", "onnx", "torch", "onnxscript"],
    "quantize": ["onnxruntime", "onnx"],
}

__all__ = ["Batcher", "EdgekitError", "__version__", "bench", "distill", "export", "load", "quantize"]


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        import importlib

        if name in _NEEDS:
            from edgekit.extras import need_all

            need_all(_NEEDS[name])
        return getattr(importlib.import_module(_HOMES[name]), name)
    raise AttributeError(f"module 'edgekit' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
