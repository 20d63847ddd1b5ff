"""The ranges of a graph's tensors over calibration samples, in constant memory. Imports onnx and onnxruntime.

The graph is given a ReduceMin and a ReduceMax beside each tensor, so a batch leaves two numbers a tensor, and nothing
is kept but the range so far, and a histogram where a range is cut by it. onnxruntime's own calibrator keeps the numbers
of every batch; its option against that, CalibMaxIntermediateOutputs, throws batches away uncounted (seen in 1.32).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper

from edgekit.errors import DataError, InputError
from edgekit.graph import tensors
from edgekit.graph.histograms import Histogram, Method
from edgekit.signature import Tensor

Sample = Mapping[str, np.ndarray[Any, Any]]


class Ranges:
    """The lowest and highest value of each tensor, and how many examples (rows of the first input) were seen."""

    def __init__(self, names: Sequence[str]) -> None:
        self.names = names
        self.lowest = np.full(len(names), np.inf, np.float32)
        self.highest = np.full(len(names), -np.inf, np.float32)
        self.examples = 0

    def widen(self, lows_and_highs: Sequence[Any], examples: int) -> None:
        """Take in one batch: low and high of every tensor in turn."""
        seen = np.asarray(lows_and_highs, np.float32).reshape(-1, 2)
        np.minimum(self.lowest, seen[:, 0], out=self.lowest)
        np.maximum(self.highest, seen[:, 1], out=self.highest)
        self.examples += examples


def ranges(
    model: onnx.ModelProto, names: Sequence[str], samples: Iterable[Sample], method: Method = "min-max"
) -> Ranges:
    """Run `samples` (feeds, one batch each) through `model` and return the ranges of the float32 tensors `names`.

    `method`: how outliers are cut off, as `histograms` has it.

    Raises InputError for feeds that do not fit the model, DataError where there are none, or NaN or infinities.
    """
    watched = onnx.ModelProto()
    watched.CopyFrom(model)
    answers = []
    for index, name in enumerate(names):
        for operator in ("ReduceMin", "ReduceMax"):
            answers.append(f"{operator}:{index}:{name}")
            watched.graph.node.append(helper.make_node(operator, [name], answers[-1:], keepdims=0))
            watched.graph.output.append(helper.make_tensor_value_info(answers[-1], TensorProto.FLOAT, []))
    histograms = [] if method == "min-max" else [Histogram() for _ in names]
    whole = list(names) if histograms else []
    present = {tensor.name for tensor in (*model.graph.output, *model.graph.input)}
    watched.graph.output.extend(helper.make_empty_tensor_value_info(name) for name in whole if name not in present)
    fed = {tensor.name for tensor in model.graph.input}
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(watched.SerializeToString(), options, providers=["CPUExecutionProvider"])
    outputs = [tensor.name for tensor in tensors.outputs(model) if tensor.dtype == "float32"]
    found = Ranges(names)
    for index, (feeds, rows) in enumerate(_checked(samples, tensors.inputs(model))):
        try:
            results = session.run(answers + outputs + [name for name in whole if name not in fed], feeds)
        except Exception as error:  # onnxruntime's errors have no common type below Exception
            raise InputError(f"the model does not run on calibration sample {index}: {error}") from None
        # onnxruntime's reductions may pass over a NaN; what the model answers shows it.
        if any(np.isnan(result).any() for result in results):
            raise DataError(f"the model computes NaN on calibration sample {index}", "look at the sample and the model")
        found.widen(results[: len(answers)], rows)
        values = iter(results[len(answers) + len(outputs) :])
        for index, (name, histogram) in enumerate(zip(whole, histograms, strict=True)):
            taken = feeds[name] if name in fed else next(values)
            if np.isfinite((found.lowest[index], found.highest[index])).all():
                histogram.add(taken)
    if not found.examples:
        raise DataError("there are no calibration samples", "give at least a few dozen real examples")
    for name, low, high in zip(names, found.lowest, found.highest, strict=True):
        if not (np.isfinite(low) and np.isfinite(high)):
            raise DataError(
                f'tensor "{name}" reaches {low} .. {high} on the calibration samples',
                "the model overflows on them: look at the samples, or exclude the nodes around that tensor",
            )
    for index, histogram in enumerate(histograms):
        cut = histogram.cut(method, float(found.lowest[index]), float(found.highest[index]))
        found.lowest[index], found.highest[index] = cut
    return found


def _checked(samples: Iterable[Sample], inputs: list[Tensor]) -> Iterator[tuple[Sample, int]]:
    """Yield each sample that fits `inputs` with its number of examples; raise for the first that does not."""
    names = [tensor.name for tensor in inputs]
    for index, sample in enumerate(samples):
        if sorted(sample) != sorted(names):
            raise InputError(
                f"calibration sample {index} has the inputs {_listed(sample)}; the model takes {_listed(names)}"
            )
        for tensor in inputs:
            array = sample[tensor.name]
            if not _fits(array, tensor):
                shape = ",".join(map(str, array.shape))
                raise InputError(
                    f'calibration sample {index}: "{tensor.name}" is {array.dtype}[{shape}], the model takes "{tensor}"'
                )
            if array.dtype.kind == "f" and not np.isfinite(array).all():
                raise DataError(f'calibration sample {index}: "{tensor.name}" contains NaN or infinities')
        first = sample[names[0]]
        yield sample, len(first) if first.ndim else 1


def _fits(array: np.ndarray[Any, Any], tensor: Tensor) -> bool:
    if array.dtype.name != tensor.dtype:
        return False
    if "..." in tensor.shape:
        return True
    return array.ndim == len(tensor.shape) and all(
        isinstance(want, str) or have == want for have, want in zip(array.shape, tensor.shape, strict=True)
    )


def _listed(names: Iterable[str]) -> str:
    return ", ".join(f'"{name}"' for name in names) or "none"
