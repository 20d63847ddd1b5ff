"""Does a provider's shared library load, and if not, what does the loader say? Imports ctypes when asked.

onnxruntime writes the loader's words to stderr and goes on with the CPU. Here the library is loaded first, as
onnxruntime would a moment later, and its words are caught. Run with CUDA's libraries, and with none; not on a GPU yet.
"""

from __future__ import annotations

import contextlib
import io
import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path

_CUDA = "pip install \"onnxruntime-gpu[cuda,cudnn]\", or put CUDA's libraries on the loader's path (LD_LIBRARY_PATH)"
# How the missing library's name begins, without "lib" -> what brings it. The first that fits is told.
_BRINGS = (
    (("cuda.so", "nvcuda"), "install NVIDIA's driver; in a container, start it with its GPU (docker run --gpus all)"),
    (("nvinfer", "nvonnxparser"), "install TensorRT, and put its libraries on the loader's path (LD_LIBRARY_PATH)"),
    (("cublas", "cudart", "cudnn", "cufft", "curand", "nvrtc", "nvJitLink"), _CUDA),
)


def path_of(ort: Any, kind: str) -> Path:
    """Return where the library of the provider `kind` lies, in the package onnxruntime `ort`."""
    from pathlib import Path

    name = f"onnxruntime_providers_{kind}.dll" if sys.platform == "win32" else f"libonnxruntime_providers_{kind}.so"
    return Path(ort.__file__).parent / "capi" / name


def trouble(ort: Any, kind: str) -> str | None:
    """Return the loader's words against a provider's library; None where it loads, or is no file of its own.

    CUDA's libraries may have been installed by pip, where the loader does not look; then onnxruntime loads them.
    """
    path = path_of(ort, kind)
    if not path.is_file():
        return None
    said = load(path)
    if said and kind in ("cuda", "tensorrt") and hasattr(ort, "preload_dlls"):
        with contextlib.redirect_stdout(io.StringIO()):  # it prints each library it does not find
            ort.preload_dlls()
        said = load(path)
    return said


def load(path: Path) -> str | None:
    """Load a shared library for good; return the loader's words where it does not load."""
    import ctypes

    try:
        ctypes.CDLL(str(path))
    except OSError as error:
        return str(error)
    return None


def advice(said: str) -> str | None:
    """Return what brings the library that the loader's words name; None where that is not known."""
    name = said.partition(":")[0].rpartition("/")[2].removeprefix("lib")
    return next((fix for starts, fix in _BRINGS if name.startswith(starts)), None)
