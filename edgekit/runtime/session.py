"""One onnxruntime session that is what it was asked to be. numpy and onnxruntime alone.

Nothing here checks feeds: `model.py` does that once for callers, and what measures wants the bare run.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from edgekit.errors import BundleError, DeviceError, InputError, UsageError
from edgekit.extras import need
from edgekit.runtime import devices
from edgekit.runtime.feeds import describe
from edgekit.runtime.reasons import reason, refusal
from edgekit.signature import Tensor

ort = need("onnxruntime", "running a model")

_ERRORS_ONLY = 3  # onnxruntime's severity: its warnings are about things the caller cannot mend
_DTYPES = {"float": "float32", "double": "float64"}  # onnxruntime's names that are not numpy's


class Session:
    """An open model.

    `inputs`, `outputs`: Tensors. `device`: where it really runs ("auto" is resolved). `threads`: how many it may use
    within an operator. `metadata`: the key-value pairs written into the ONNX file. Safe to run from several threads.
    """

    __slots__ = ("_names", "_session", "device", "inputs", "metadata", "outputs", "threads")

    def __init__(self, session: Any, device: str, threads: int) -> None:
        self._session = session
        self.device = devices.check(session, device)
        self.threads = threads
        self.metadata: dict[str, str] = dict(session.get_modelmeta().custom_metadata_map)
        self.inputs = [_tensor(node) for node in session.get_inputs()]
        self.outputs = [_tensor(node) for node in session.get_outputs()]
        self._names = [tensor.name for tensor in self.outputs]

    def run(self, feeds: Mapping[str, Any]) -> dict[str, Any]:
        """Run on arrays by input name and return arrays by output name. InputError where the model cannot."""
        try:
            return dict(zip(self._names, self._session.run(self._names, feeds), strict=True))
        except MemoryError:
            raise
        except Exception as error:
            given = ", ".join(f"{name}: {describe(value)}" for name, value in feeds.items())
            raise InputError(f"the model cannot run on {given or 'no inputs'}: {reason(error)}") from None

    def __repr__(self) -> str:
        signature = f"{', '.join(map(str, self.inputs))} -> {', '.join(map(str, self.outputs))}"
        return f"Session({signature}, device={self.device!r}, threads={self.threads})"


def open_session(
    source: str | os.PathLike[str] | bytes, device: str = "cpu", threads: int | None = None, optimize: bool = True
) -> Session:
    """Open an ONNX file, or one's bytes, on exactly the device asked for.

    `threads` None takes every processor this process may use. `optimize` False runs the graph as it is written, to
    compare with. BundleError where the model does not open, DeviceError where the device is not what would run.
    """
    content: str | bytes = source if isinstance(source, bytes) else os.fspath(source)
    name = "the model" if isinstance(content, bytes) else f'"{content}"'
    if isinstance(content, str) and not Path(content).is_file():
        raise BundleError(f"{name} is no file")
    if threads is None:
        threads = _usable_processors()
    elif threads < 1:
        raise UsageError(f"threads is {threads}, not a positive number", "leave it out to use every processor")
    asked = devices.providers(device, ort.get_available_providers())
    options = ort.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = _ERRORS_ONLY
    if not optimize:
        options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_DISABLE_ALL
    try:
        return Session(ort.InferenceSession(content, options, asked, enable_fallback=0), device, threads)
    except DeviceError:
        raise
    except Exception as error:
        if devices.is_cpu(asked):
            raise refusal(name, error, ort.__version__) from None
        # Whose fault was it? What opens on the CPU is a sound model, and the device could not take it.
        on_cpu = open_session(content, "cpu", threads, optimize)
        if device == "auto":
            return on_cpu
        fault = f'{name} opens on the CPU, but not on device "{device}": {reason(error)}'
        raise DeviceError(fault, 'ask for device "cpu"') from None


def _usable_processors() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _tensor(node: Any) -> Tensor:
    """Read onnxruntime's description of an input or output; "_" is a dimension without a name."""
    dtype = node.type
    if dtype.startswith("tensor("):
        dtype = dtype[len("tensor(") : -1]
        dtype = _DTYPES.get(dtype, dtype)
    shape = tuple(dim if isinstance(dim, str) or (isinstance(dim, int) and dim >= 0) else "_" for dim in node.shape)
    return Tensor(node.name, dtype, shape)
