"""Feeds made up from a model's signature, for measuring: the right shapes and dtypes, and no meaning.

Imports signature and errors alone.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from edgekit.errors import InputError, nearest
from edgekit.signature import DTYPES, Tensor

Shapes = Mapping[str, tuple[int, ...]]


def random_feeds(
    inputs: Sequence[Tensor], batch: int = 1, shapes: Shapes | None = None, seed: int = 0
) -> dict[str, Any]:
    """Return arrays by input name: uint8 over its full range, floats from the standard normal, else zeros.

    A dynamic first dimension takes `batch`, and so does one of the same name elsewhere; other dynamic dimensions need
    their input's shape in `shapes`. Zeros, because an integer may index a table. InputError where a size is missing.
    """
    rng = np.random.default_rng(seed)
    _check_batch(inputs, batch, shapes or {})
    return {tensor.name: _array(tensor, _shape(tensor, batch, shapes or {}), rng) for tensor in inputs}


def parse_shapes(lines: Sequence[str], inputs: Sequence[Tensor]) -> dict[str, tuple[int, ...]]:
    """Read lines such as `tokens=1,128`, each for one of `inputs`; InputError says which line is wrong, and how."""
    known = [tensor.name for tensor in inputs]
    shapes = {}
    for line in lines:
        name, _, sizes = line.rpartition("=")
        dims = [part.strip() for part in sizes.split(",")]
        if not name or not all(dim.isdecimal() and int(dim) > 0 for dim in dims):
            raise InputError(f'--shape "{line}" is no shape', "write it as --shape tokens=1,128")
        if name not in known:
            near = nearest(name, known)
            hint = f'did you mean "{near}"?' if near else f"the inputs are {', '.join(known)}"
            raise InputError(f'--shape "{line}": no model has an input "{name}"', hint)
        shapes[name] = tuple(map(int, dims))
    return shapes


def _shape(tensor: Tensor, batch: int, shapes: Shapes) -> tuple[int, ...]:
    if given := shapes.get(tensor.name):
        fits = len(given) == len(tensor.shape) and all(
            isinstance(dim, str) or dim == size for dim, size in zip(tensor.shape, given, strict=True)
        )
        if not fits:
            raise InputError(f'the shape {",".join(map(str, given))} does not fit the input "{tensor}"')
        return given
    batched = {dim for dim in tensor.shape[:1] if isinstance(dim, str) and dim != "_"}
    sizes = []
    for axis, dim in enumerate(tensor.shape):
        if isinstance(dim, str) and axis and dim not in batched:
            example = ",".join(
                str(d) if isinstance(d, int) else str(batch) if a == 0 else "128" for a, d in enumerate(tensor.shape)
            )
            what = f'the dimension "{dim}"' if dim != "_" else f"dimension {axis}"
            raise InputError(
                f'input "{tensor}": {what} has no size', f"give one, such as --shape {tensor.name}={example}"
            )
        sizes.append(batch if isinstance(dim, str) else dim)
    return tuple(sizes)


def _check_batch(inputs: Sequence[Tensor], batch: int, shapes: Shapes) -> None:
    """Raise InputError where every input's first dimension is fixed, and none to `batch`."""
    first = [tensor.shape[0] for tensor in inputs if len(tensor.shape) > 1 and tensor.name not in shapes]
    if first and not any(isinstance(dim, str) or dim == batch for dim in first):
        raise InputError(
            f'the input "{next(t for t in inputs if len(t.shape) > 1)}" does not take a batch of {batch}',
            f"--batch {first[0]}, or export the model with a dynamic batch",
        )


def _array(tensor: Tensor, shape: tuple[int, ...], rng: np.random.Generator) -> Any:
    if tensor.dtype not in DTYPES:
        raise InputError(f'nothing can be made up for the input "{tensor}"', "measure a model that takes plain tensors")
    if tensor.dtype == "uint8":
        return rng.integers(256, size=shape, dtype=np.uint8)
    if tensor.dtype.startswith("float"):
        return rng.standard_normal(shape).astype(tensor.dtype)
    if tensor.dtype == "string":
        return np.full(shape, "", dtype=object)
    return np.zeros(shape, tensor.dtype)
