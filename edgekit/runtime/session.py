"""One onnxruntime session that is what it was asked to be. numpy and onnxruntime alone.

Nothing here checks feeds: `model.py` does that once for callers, and what measures wants the bare run.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal

from edgekit.errors import BundleError, DeviceError, InputError, UsageError
from edgekit.runtime import kinds, shortcut
from edgekit.runtime.devices.naming import candidates
from edgekit.runtime.devices.opening import Opened, Opening
from edgekit.runtime.devices.placement import Placement, no_record
from edgekit.runtime.feeds import describe
from edgekit.runtime.reasons import reason, refusal
from edgekit.signature import Tensor

if TYPE_CHECKING:
    from edgekit.runtime.devices.shapes import Range
    from edgekit.runtime.tuned import Tuned


class Session:
    """An open model.

    `inputs`, `outputs`: Tensors. `device`: where it really runs ("auto" is resolved). `refused`: the devices tried
    before it, each with the reason it does not run. `threads`: how many it may use within an operator. `shapes`: how
    large its dynamic dimensions get, as far as that was said. `tuned`: the settings that were found for it here, None
    where none were. `metadata`: the key-value pairs written into the ONNX file. Safe to run from several threads.

    `_session` is the `onnxruntime.InferenceSession`, for what in this folder must be quicker than `run`.
    """

    __slots__ = (
        "_graphs",
        "_names",
        "_placement",
        "_run",
        "_session",
        "device",
        "inputs",
        "metadata",
        "outputs",
        "refused",
        "shapes",
        "threads",
        "tuned",
    )

    def __init__(self, opened: Opened, refused: Mapping[str, DeviceError], tuned: Tuned | None = None) -> None:
        self._session = session = opened.session
        self._graphs = opened.graphs
        self._run = shortcut.runner(session, shortcut.replaying(-1) if opened.graphs else None)
        self._placement = opened.placement
        self.device = opened.device
        self.refused = {device: str(error) for device, error in refused.items()}
        self.threads = opened.threads
        self.shapes = opened.shapes
        self.tuned = tuned
        self.metadata: dict[str, str] = dict(session.get_modelmeta().custom_metadata_map)
        self.inputs = [kinds.tensor(node) for node in session.get_inputs()]
        self.outputs = [kinds.tensor(node) for node in session.get_outputs()]
        self._names = [tensor.name for tensor in self.outputs]

    def run(self, feeds: Mapping[str, Any]) -> dict[str, Any]:
        """Run on arrays by input name and return arrays by output name. InputError where the model cannot."""
        try:
            return dict(zip(self._names, self._run(self._names, feeds), strict=True))
        except (MemoryError, UsageError):
            raise
        except Exception as error:
            given = ", ".join(f"{name}: {describe(value)}" for name, value in feeds.items())
            raise InputError(f"the model cannot run on {given or 'no inputs'}: {reason(error)}") from None

    def placement(self) -> Placement:
        """Return which device runs which nodes; DeviceError where this onnxruntime keeps no record of it."""
        if self._placement is None:
            raise no_record()
        return self._placement

    def options(self) -> dict[str, dict[str, str]]:
        """Return what each of its providers was set to, by onnxruntime's names."""
        return {name: dict(said) for name, said in self._session.get_provider_options().items()}

    def end_trace(self) -> str:
        """End the record of the runs of a session that was opened with `trace`, and return its file."""
        return str(self._session.end_profiling())

    def close(self) -> None:
        """Let go of the model and its memory, once the runs under way are done; a run after it is a UsageError."""
        self._session, self._run = None, _closed

    def where(self) -> str:
        """Tell where it runs, with how many threads, how it was tuned, and why not on the devices tried before."""
        why = "".join(f", not {device!r}: {said}" for device, said in self.refused.items())
        tuned = f", {self.tuned.said}" if self.tuned and self.tuned.said else ""
        return f"device={self.device!r}, threads={self.threads}{tuned}{why}"

    def __repr__(self) -> str:
        signature = f"{', '.join(map(str, self.inputs))} -> {', '.join(map(str, self.outputs))}"
        return f"Session({signature}, {self.where()})"


def open_session(
    source: str | os.PathLike[str] | bytes,
    device: str = "cpu",
    threads: int | None = None,
    optimize: bool = True,
    *,
    fallback: Sequence[str] = (),
    placement: Literal["any", "strict", "gpu"] = "any",
    options: Mapping[str, object] | None = None,
    spinning: bool = True,
    shapes: Mapping[str, Range] | None = None,
    max_batch: int | None = None,
    inputs: Sequence[Tensor] | None = None,
    tuned: Tuned | None = None,
    trace: str | None = None,
) -> Session:
    """Open an ONNX file, or one's bytes, on exactly the device asked for.

    `threads` None takes every processor this process may use (`threads.usable`); `spinning` False has them sleep
    between calls. `optimize` False runs the graph as it is written, to compare with.

    `fallback`: devices to try, in order, where `device` does not run; "auto" is cuda, openvino, cpu. `placement`
    "strict" refuses a device that leaves any node to another; "gpu" too, but TensorRT may leave nodes to CUDA.
    `options`: the provider's own, for `device` alone, as {"gpu_mem_limit": 2 << 30} or {"trt_fp16_enable": True}.
    `shapes`: what TensorRT builds for, as {"N": (1, 8, 32)}, the least, usual and greatest size; `max_batch` says it
    where the batch is all that is dynamic. `inputs`: what is known of the model's before it is opened. `tuned`: the
    cpu's settings, over all the others. `trace`: a folder for onnxruntime's own record of every run (`tracing`).

    BundleError where the model does not open, DeviceError where the device is not what would run.
    """
    content: str | bytes = source if isinstance(source, bytes) else os.fspath(source)
    name = "the model" if isinstance(content, bytes) else f'"{content}"'
    if isinstance(content, str) and not os.path.isfile(content):
        raise BundleError(f"{name} is no file", "name an ONNX file")
    if placement not in ("any", "strict", "gpu"):
        told = "any; strict: no node off the device; or gpu: as strict, but TensorRT may leave nodes to CUDA"
        raise UsageError(f'placement is "{placement}"', told)
    if options and device == "auto":
        raise UsageError('options are one provider\'s, and device "auto" may be any', "name the device")
    asked = candidates(device, fallback, _plugins)
    if placement == "gpu" and asked[0].kind not in ("cuda", "tensorrt"):
        raise UsageError(f'placement is "gpu", and the device "{device}"', 'write placement="strict"')
    if shapes is not None:
        from edgekit.runtime.devices.shapes import check

        check(shapes, inputs)
    opening = Opening(
        content=content,
        name=name,
        threads=threads,
        optimize=optimize,
        spinning=spinning,
        strict=placement != "any",
        cuda_helps=placement != "strict",
        shapes=shapes,
        max_batch=max_batch,
        inputs=inputs,
        tuned=tuned,
        trace=trace,
    )
    refused: dict[str, DeviceError] = {}
    for one in asked:
        try:
            return Session(opening.on(one, options if one == asked[0] else None), refused, tuned)
        except DeviceError as error:
            refused[str(one)] = error
        except UnicodeDecodeError as error:  # names and metadata are read after the model has opened
            raise refusal(name, error, "") from None
    first = next(iter(refused.values()))
    raise first if len(refused) == 1 else DeviceError("; ".join(map(str, refused.values())), first.hint)


def _plugins() -> list[str]:
    from edgekit.runtime.devices import plugins

    return plugins.names()


def _closed(names: Sequence[str], feeds: Mapping[str, Any]) -> list[Any]:
    raise UsageError("the model is closed", "load it again")
