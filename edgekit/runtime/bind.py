"""A call whose arrays are made once: written in place, run, read in place. numpy and onnxruntime alone.

Nothing is checked or allocated between the runs, so it is the quickest call there is, and the least forgiving. On a GPU
there are buffers in its memory too; that has not been run on one yet.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from itertools import count
from types import MappingProxyType, TracebackType
from typing import TYPE_CHECKING, Any

import numpy as np

from edgekit.errors import InputError, UsageError, nearest
from edgekit.runtime import shortcut
from edgekit.runtime.feeds import NUMBERS, Array, describe
from edgekit.runtime.reasons import reason
from edgekit.signature import Tensor

if TYPE_CHECKING:
    from edgekit.runtime.session import Session

_NUMERIC = NUMBERS | {"bool"}
# Of a device's kind, what onnxruntime calls the memory that its provider computes in, where that is not ours.
_MEMORY = {"cuda": "cuda", "tensorrt": "cuda"}
_graphs = count(1)  # 0 is onnxruntime's own
_ALIGNED = 64  # bytes: a cache line, so that where an array comes to lie does not change how fast it is read


class Bound:
    """Arrays bound to a model, of sizes that stay: `with model.bind(batch=4) as bound`.

    `inputs`: arrays by name, to be written in place, as `bound.inputs["image"][:] = pixels`; numpy's rules hold there,
    which cast without a word. `run()` fills `outputs`, the same arrays each time: copy what must outlive the next run.

    It belongs to the thread that made it, and `run` in another is a UsageError; each thread binds its own to the one
    model. The arrays are plain memory of this process, and stay yours after the end of the `with`; on a GPU each run
    copies them to buffers of its own there, and back. With CUDA graphs it has one of its own, recorded by its first run
    and kept until the model is closed.
    """

    __slots__ = ("_owner", "_run", "inputs", "outputs")

    def __init__(self, session: Session, arrays: Mapping[str, Array]) -> None:
        """Bind to copies of `arrays`, by input name; the model runs twice on them, to learn the answers' shapes."""
        _check_numbers([*session.inputs, *session.outputs])
        self._owner = threading.get_ident()
        inputs = {name: aligned(array) for name, array in arrays.items()}
        outputs = {name: aligned(array) for name, array in session.run(inputs).items()}
        self.inputs: Mapping[str, Array] = MappingProxyType(inputs)
        self.outputs: Mapping[str, Array] = MappingProxyType(outputs)
        self._run: Callable[[], object] = runner(session, inputs, outputs)

    def run(self) -> Mapping[str, Array]:
        """Run on what stands in `inputs`, and return `outputs`. InputError where the model cannot."""
        if threading.get_ident() != self._owner:
            raise UsageError("a bound call was run in another thread than it was made in", "bind in each thread")
        try:
            self._run()
        except (MemoryError, UsageError):
            raise
        except Exception as error:
            given = ", ".join(f"{name}: {describe(array)}" for name, array in self.inputs.items())
            raise InputError(
                f"the bound model cannot run on {given or 'no inputs'}: {reason(error)}",
                "where the sizes of its answers hang on values, call the model instead",
            ) from None
        return self.outputs

    def close(self) -> None:
        """Let go of the model; the arrays stay."""
        self._run = _closed

    def __enter__(self) -> Bound:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()


def blank(inputs: list[Tensor], batch: int | None, shapes: Mapping[str, tuple[int, ...]]) -> dict[str, Array]:
    """Return zeros by input name, in the model's dtypes.

    `shapes` by input name; a dimension's name has the same size everywhere, and `batch` is the size of the first.
    InputError where a size is missing or does not fit, UsageError where an input is not of numbers.
    """
    _check_numbers(inputs)
    sizes = _sizes(inputs, batch, shapes)
    arrays = {}
    for tensor in inputs:
        shape: tuple[int | str, ...] = shapes.get(tensor.name) or tuple(sizes.get(dim, dim) for dim in tensor.shape)
        missing = [dim for dim in shape if isinstance(dim, str)]
        if missing:
            example = tuple(1 if isinstance(dim, str) else dim for dim in shape)
            named = f"{tensor.name}={example}" if tensor.name.isidentifier() else f"**{{{tensor.name!r}: {example}}}"
            hint = "bind(batch=1)" if missing == [*tensor.shape[:1]] else f"bind({named})"
            raise InputError(f'input "{tensor}": "{missing[0]}" has no size', f"give one, as {hint}")
        arrays[tensor.name] = np.zeros(tuple(map(int, shape)), tensor.dtype)
    return arrays


def _check_numbers(tensors: list[Tensor]) -> None:
    for tensor in tensors:
        if tensor.dtype not in _NUMERIC:
            raise UsageError(f'"{tensor}" cannot be bound, only numbers', "call the model instead")


def _sizes(inputs: list[Tensor], batch: int | None, shapes: Mapping[str, tuple[int, ...]]) -> dict[Any, int]:
    """Return the size of every dimension's name that is known."""
    known = {tensor.name: tensor for tensor in inputs}
    sizes: dict[Any, int] = {}
    if batch is not None:
        if isinstance(batch, bool) or not isinstance(batch, int) or batch < 0:
            raise InputError(f"batch is {batch!r}, not a number of rows")
        sizes = {tensor.shape[0]: batch for tensor in inputs if tensor.shape and isinstance(tensor.shape[0], str)}
        if not sizes:
            raise InputError(f"no input takes a batch: {', '.join(map(str, inputs)) or 'there is none'}")
    for name, shape in shapes.items():
        if name not in known:
            near = nearest(name, list(known))
            hint = (
                f'did you mean "{near}"?' if near else f"the model takes {', '.join(map(str, inputs)) or 'no inputs'}"
            )
            raise InputError(f'the model has no input "{name}"', hint)
        if not isinstance(shape, tuple) or not all(isinstance(size, int) and size >= 0 for size in shape):
            raise InputError(f'the shape of input "{name}" is {shape!r}', f"write it as bind({name}=(4, 3))")
        sizes |= {dim: size for dim, size in zip(known[name].shape, shape, strict=False) if dim != "_"}
    return sizes


def runner(session: Session, inputs: Mapping[str, Array], outputs: Mapping[str, Array]) -> Callable[[], object]:
    """Bind to the arrays, or to buffers on the GPU that `session` computes on; return what runs and fills `outputs`."""
    binding = session._session.io_binding()
    kind, _, part = session.device.partition(":")
    if kind in _MEMORY:
        options = shortcut.replaying(next(_graphs)) if session._graphs else None
        return _staged(session._session, binding, inputs, outputs, (_MEMORY[kind], int(part or 0)), options)
    for bind, bound in ((binding.bind_input, inputs), (binding.bind_output, outputs)):
        for name, array in bound.items():
            bind(name, "cpu", 0, array.dtype.type, array.shape, array.ctypes.data)
    return shortcut.bound_runner(session._session, binding)


def _staged(
    session: Any,
    binding: Any,
    inputs: Mapping[str, Array],
    outputs: Mapping[str, Array],
    place: tuple[str, int],
    options: Any,
) -> Callable[[], None]:
    """Bind to buffers in the memory `place`; return what copies `inputs` there, runs, and fills `outputs`.

    Their addresses stay from run to run, as a CUDA graph needs them. `options`: the `onnxruntime.RunOptions`.
    """
    from onnxruntime import OrtValue

    given = {name: OrtValue.ortvalue_from_numpy(array, *place) for name, array in inputs.items()}
    answers = {
        name: OrtValue.ortvalue_from_shape_and_type(list(array.shape), array.dtype.type, *place)
        for name, array in outputs.items()
    }
    for name, value in given.items():
        binding.bind_ortvalue_input(name, value)
    for name, value in answers.items():
        binding.bind_ortvalue_output(name, value)

    def run() -> None:
        for name, value in given.items():
            value.update_inplace(inputs[name])
        binding.synchronize_inputs()
        session.run_with_iobinding(binding, options)
        binding.synchronize_outputs()
        for name, value in answers.items():
            np.copyto(outputs[name], value.numpy())

    return run


def aligned(array: Array) -> Array:
    """Return a contiguous copy that begins at the start of a cache line."""
    room = np.empty(array.nbytes + _ALIGNED, np.uint8)
    skip = -room.ctypes.data % _ALIGNED
    copy = room[skip : skip + array.nbytes].view(array.dtype).reshape(array.shape)
    copy[...] = array
    return copy


def _closed() -> None:
    raise UsageError("the bound call is closed", "run it inside its with")
