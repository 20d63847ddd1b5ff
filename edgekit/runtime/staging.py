"""A bound call on a GPU: buffers that lie in its memory, filled from and copied to the ones in ours. numpy alone.

The addresses stay from run to run, as a CUDA graph needs them. What is here has run with buffers in the processor's own
memory, where the calls are the same; it has not been run on a GPU yet.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from edgekit.runtime.feeds import Array

# Of a device's name, what onnxruntime calls the memory that its provider computes in, where that is not ours.
_MEMORY = {"cuda": "cuda", "tensorrt": "cuda"}


def memory(device: str) -> tuple[str, int]:
    """Return the kind of memory that `device`, as "cuda:1", computes in, and its index."""
    kind, _, part = device.partition(":")
    return (_MEMORY[kind], int(part or 0)) if kind in _MEMORY else ("cpu", 0)


def runner(
    session: Any, binding: Any, inputs: Mapping[str, Array], outputs: Mapping[str, Array], place: tuple[str, int]
) -> Callable[[], None]:
    """Bind to buffers in the memory `place`; return what copies `inputs` there, runs, and fills `outputs`.

    `session` is an `onnxruntime.InferenceSession`, `binding` its `io_binding()`.
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
        session.run_with_iobinding(binding)
        binding.synchronize_outputs()
        for name, value in answers.items():
            np.copyto(outputs[name], value.numpy())

    return run
