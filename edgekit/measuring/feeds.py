"""Feeds made up from a model's signature, for measuring: the right shapes, dtypes and ranges, and no meaning.

Nothing is constant where it need not be: zeros are quicker to multiply on some devices, and one row of a table that is
read again and again lies in the nearest cache. numpy and the lowest floors alone.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from edgekit import hardware
from edgekit.errors import InputError, nearest
from edgekit.signature import DTYPES, Tensor

Shapes = Mapping[str, tuple[int, ...]]
Ranges = Mapping[str, tuple[float, float]]
_WIDEST = 8  # bytes of a value while it is made up


def random_feeds(
    inputs: Sequence[Tensor],
    batch: int = 1,
    shapes: Shapes | None = None,
    seed: int = 0,
    *,
    ranges: Ranges | None = None,
    rows: Mapping[str, int] | None = None,
    arrays: Mapping[str, np.ndarray] | None = None,
) -> dict[str, Any]:
    """Return arrays by input name: `arrays` where given, else made up.

    A dynamic first dimension takes `batch`, and so does one of the same name elsewhere; other dynamic dimensions need
    a size in `shapes`: {"tokens": (1, 128)} is an input's whole shape, {"length": (128,)} one dimension's size.

    Floats are standard normal; uint8 has its full range; integers that number the `rows` of a table stay within it;
    other integers are 0 or 1, and 1 alone where the name says it is a mask. `ranges` say the least and greatest value
    of an input instead. InputError where a size is missing, or something given does not fit.
    """
    rng = np.random.default_rng(seed)
    said = shapes or {}
    _check_batch(inputs, batch, said)
    feeds = {}
    for tensor in inputs:
        if arrays and tensor.name in arrays:
            feeds[tensor.name] = _fitted(arrays[tensor.name], tensor, batch)
            continue
        span = (ranges or {}).get(tensor.name) or _span(tensor, (rows or {}).get(tensor.name))
        feeds[tensor.name] = _array(tensor, _shape(tensor, batch, said), span, rng)
    return feeds


def parse_shapes(lines: Sequence[str], inputs: Sequence[Tensor]) -> list[dict[str, tuple[int, ...]]]:
    """Read lines such as `tokens=1,128`, an input's shape, or `length=16,64`, sizes of a dynamic dimension.

    An input that is given again, and a dimension of several sizes, are measured with each: one mapping for every
    combination, as `random_feeds` takes it. InputError says which line is wrong, and how.
    """
    names = list(dict.fromkeys(tensor.name for tensor in inputs))
    dims = list(dict.fromkeys(dim for tensor in inputs for dim in tensor.shape if isinstance(dim, str) and dim != "_"))
    found: dict[str, list[tuple[int, ...]]] = {}
    for line in lines:
        name, _, text = line.rpartition("=")
        parts = [part.strip() for part in text.split(",")]
        if not name or not all(part.isdecimal() and int(part) > 0 for part in parts):
            raise InputError(f'--shape "{line}" is no shape', "write it as --shape tokens=1,128 or --shape length=128")
        sizes = tuple(map(int, parts))
        if name in names:
            found.setdefault(name, []).append(sizes)
        elif name in dims:
            found.setdefault(name, []).extend((size,) for size in sizes)
        else:
            near = nearest(name, [*names, *dims])
            known = f"the inputs are {', '.join(dict.fromkeys(map(str, inputs)))}"
            hint = f'did you mean "{near}"?' if near else known
            raise InputError(f'--shape "{line}": no model has an input or a dimension "{name}"', hint)
    return [dict(zip(found, each, strict=True)) for each in itertools.product(*found.values())]


def batch_of(inputs: Sequence[Tensor], batch: int | None, shapes: Shapes) -> int:
    """Return the batch that is meant: the one asked for, or that of a shape, or the one that is fixed, or 1.

    A shape tells it where it is given whole, or sizes a first dimension. InputError where it contradicts `batch`.
    """
    told = {shapes[each.name][0] for each in inputs if each.name in shapes and each.shape and _dynamic(each.shape[0])}
    first = [each.shape[0] for each in inputs if len(each.shape) > 1 and each.name not in shapes]
    named = {dim: shapes[dim][0] for dim in first if isinstance(dim, str) and dim in shapes}
    for dim, size in named.items():
        if batch not in (None, size):
            raise InputError(f"--shape {dim}={size} is a batch of {size}, not of {batch}", "leave one of them out")
    told |= {*named.values()}
    if batch is None and not told and not any(map(_dynamic, first)):
        told = {size for size in first[:1] if isinstance(size, int)}
    if batch is not None and told - {batch}:
        given = next(each for each in inputs if each.name in shapes)
        line = f"{given.name}={','.join(map(str, shapes[given.name]))}"
        others = [dim for dim in given.shape[1:] if _dynamic(dim) and dim != "_"]
        hint = f"give the other dimensions alone, as --shape {others[0]}=128" if others else "leave --batch out"
        raise InputError(f"--shape {line} is a batch of {shapes[given.name][0]}, not of {batch}", hint)
    return batch if batch is not None else min(told, default=1)


def _dynamic(dim: int | str) -> bool:
    return isinstance(dim, str)


def _shape(tensor: Tensor, batch: int, shapes: Shapes) -> tuple[int, ...]:
    if given := shapes.get(tensor.name):
        fits = len(given) == len(tensor.shape) and all(
            isinstance(dim, str) or dim == size for dim, size in zip(tensor.shape, given, strict=True)
        )
        if not fits:
            raise InputError(
                f'the shape {",".join(map(str, given))} does not fit the input "{tensor}"',
                "give every dimension a size, the batch too, and those that are fixed their own",
            )
        return given
    batched = {dim for dim in tensor.shape[:1] if isinstance(dim, str) and dim != "_"}
    sizes = []
    for axis, dim in enumerate(tensor.shape):
        if not isinstance(dim, str):
            sizes.append(dim)
        elif dim in shapes:
            sizes.append(shapes[dim][0])
        elif not axis or dim in batched:
            sizes.append(batch)
        else:
            raise _unknown_size(tensor, axis, dim, batch)
    return tuple(sizes)


def _unknown_size(tensor: Tensor, axis: int, dim: str, batch: int) -> InputError:
    if dim != "_":
        return InputError(
            f'input "{tensor}": the dimension "{dim}" has no size', f"give it one, such as --shape {dim}=128"
        )
    sizes = (size if isinstance(size, int) else 128 if place else batch for place, size in enumerate(tensor.shape))
    example = f"{tensor.name}={','.join(map(str, sizes))}"
    return InputError(f'input "{tensor}": dimension {axis} has no size', f"give it one, such as --shape {example}")


def _check_batch(inputs: Sequence[Tensor], batch: int, shapes: Shapes) -> None:
    """Raise InputError where every input's first dimension is fixed, and none to `batch`."""
    first = [tensor.shape[0] for tensor in inputs if len(tensor.shape) > 1 and tensor.name not in shapes]
    if first and not any(isinstance(dim, str) or dim == batch for dim in first):
        raise InputError(
            f'the input "{next(t for t in inputs if len(t.shape) > 1)}" does not take a batch of {batch}',
            f"--batch {first[0]}, or export the model with a dynamic batch",
        )


def _fitted(array: np.ndarray, tensor: Tensor, batch: int) -> np.ndarray:
    """Fit a given array: floats take the model's precision; of a dynamic batch the first rows, again from the top."""
    if array.dtype.kind == "f" and tensor.dtype.startswith("float"):
        array = array.astype(tensor.dtype)
    fits = array.dtype == tensor.dtype and array.ndim == len(tensor.shape) and array.size
    if not fits or any(not _dynamic(dim) and dim != size for dim, size in zip(tensor.shape, array.shape, strict=True)):
        found = f"{array.dtype}[{','.join(map(str, array.shape))}]"
        raise InputError(f'the array for the input "{tensor}" is {found}', "give one of that dtype and shape")
    if tensor.shape and _dynamic(tensor.shape[0]):
        array = np.take(array, np.arange(batch) % len(array), 0)
    return np.ascontiguousarray(array)


def _span(tensor: Tensor, rows: int | None) -> tuple[float, float] | None:
    """Return the least and greatest value where nothing is said; None for floats, which are normal."""
    if tensor.dtype.startswith("float"):
        return None
    if tensor.dtype == "uint8" and rows is None:
        return 0, 255
    if "mask" in tensor.name.lower():
        return 1, 1
    return 0, 1 if rows is None else rows - 1


def _array(tensor: Tensor, shape: tuple[int, ...], span: tuple[float, float] | None, rng: np.random.Generator) -> Any:
    if tensor.dtype not in DTYPES:
        raise InputError(
            f'nothing can be made up for the input "{tensor}"',
            "measure a model that takes plain tensors, or a call: of it",
        )
    free, asked = hardware.free_memory(), _WIDEST * math.prod(shape)
    if free is not None and asked > free:
        raise InputError(
            f'values for the input "{tensor}" of shape {",".join(map(str, shape))} do not fit into the memory '
            f"that is free, {free / 1e9:.1f} GB",
            "ask for a smaller --batch or --shape",
        )
    if tensor.dtype == "string":
        return np.full(shape, "", dtype=object)
    if tensor.dtype.startswith("float"):
        made = rng.standard_normal(shape) if span is None else rng.uniform(*span, shape)
        return made.astype(tensor.dtype)
    low, high = map(int, span or (0, 1))
    limits = np.iinfo(tensor.dtype) if tensor.dtype != "bool" else None
    if limits and not limits.min <= low <= high <= limits.max:
        raise InputError(
            f'the input "{tensor}" does not hold values from {low} to {high}',
            f"--range {tensor.name}={limits.min}..{limits.max} is all that it holds",
        )
    return rng.integers(low, high, shape, np.int64, endpoint=True).astype(tensor.dtype)
