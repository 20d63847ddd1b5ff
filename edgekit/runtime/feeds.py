"""What a caller gives, checked against the model's signature before the run. numpy alone.

An array has a dtype, and another one than the model's is refused unless `cast` was asked for: int32 for int64 is more
often a mistake than a wish. A list or a plain number has none, and takes the model's where its values fit.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from edgekit.errors import InputError, nearest
from edgekit.signature import DTYPES, Tensor

Array = np.ndarray[Any, Any]
NUMBERS = frozenset(DTYPES) - {"bool", "string"}
_DTYPES = {name: np.dtype(object if name == "string" else name) for name in DTYPES}
# The kind of dtype wanted -> the kinds whose values it can hold without losing a fraction or a meaning.
_HOLDS = {"f": "fiu", "i": "iu", "u": "iu", "b": "b", "O": "OU"}


class Feeds:
    """Turns what was given into the arrays a session takes, or raises InputError saying what was expected.

    Inputs that are no plain tensors (sequences, optional values) and dtypes numpy lacks are left to onnxruntime.
    """

    __slots__ = ("_cast", "_inputs", "_plan")

    def __init__(self, inputs: list[Tensor], cast: bool = False) -> None:
        self._inputs = {tensor.name: tensor for tensor in inputs}
        self._cast = cast
        self._plan = [
            (
                tensor.name,
                _DTYPES.get(tensor.dtype),
                len(tensor.shape),
                [(axis, size) for axis, size in enumerate(tensor.shape) if isinstance(size, int)],
            )
            for tensor in inputs
        ]

    def __call__(self, given: Any) -> dict[str, Any]:
        """Return arrays by input name. `given` is a dict of them, or one value for a model of one input."""
        feeds = given if isinstance(given, Mapping) else self._named(given)
        if len(feeds) != len(self._plan):
            raise self._wrong_names(feeds)
        arrays = {}
        for name, dtype, rank, fixed in self._plan:
            try:
                value = feeds[name]
            except KeyError:
                raise self._wrong_names(feeds) from None
            if dtype is not None:
                if type(value) is not np.ndarray or value.dtype != dtype:
                    value = self._converted(name, value, dtype)
                shape = value.shape
                if rank and len(shape) != rank:  # onnxruntime calls a scalar and an unknown rank by the same []
                    raise self._wrong_shape(name, value)
                for axis, size in fixed:
                    if shape[axis] != size:
                        raise self._wrong_shape(name, value)
            arrays[name] = value
        return arrays

    def _named(self, value: Any) -> dict[str, Any]:
        if len(self._inputs) != 1:
            raise InputError(
                f"one value was given; the model has {len(self._inputs)} inputs", f"pass a dict of {self._expected()}"
            )
        return dict.fromkeys(self._inputs, value)

    def _expected(self) -> str:
        return ", ".join(map(str, self._inputs.values())) or "no inputs"

    def _wrong_names(self, feeds: Mapping[str, Any]) -> InputError:
        for name in feeds:
            if name not in self._inputs:
                near = nearest(str(name), list(self._inputs))
                hint = f'did you mean "{near}"?' if near else f"the model takes {self._expected()}"
                return InputError(f'the model has no input "{name}"', hint)
        missing = next(name for name in self._inputs if name not in feeds)
        return InputError(f'the input "{missing}" was not given', f"the model takes {self._expected()}")

    def _converted(self, name: str, value: Any, dtype: np.dtype[Any]) -> Array:
        try:
            array = np.asarray(value)
        except ValueError:
            raise InputError(f'input "{name}": the lists in it have different lengths') from None
        if array.dtype == dtype:
            return array
        holds = array.dtype.kind in _HOLDS[dtype.kind] or not array.size
        free = self._cast or isinstance(value, (list, tuple, int, float, str)) or array.dtype.kind == "U"
        if holds and free:
            return held(name, array, dtype)
        raise InputError(
            f'input "{name}": given {describe(array)}, expected {_shape_of(self._inputs[name])}',
            f'x.astype("{dtype}"), or load the model with cast=True' if holds else None,
        )

    def _wrong_shape(self, name: str, array: Array) -> InputError:
        tensor = self._inputs[name]
        hint = None
        if array.ndim == len(tensor.shape) - 1 and isinstance(tensor.shape[0], str):
            hint = f'x[None] makes it a batch: "{tensor.shape[0]}" is any number of them'
        return InputError(f'input "{name}": given {describe(array)}, expected {_shape_of(tensor)}', hint)


def held(name: str, array: Array, dtype: np.dtype[Any]) -> Array:
    """Return `array` as `dtype`; InputError where a value does not fit."""
    try:
        with np.errstate(over="raise"):
            fitted = array.astype(dtype)
    except FloatingPointError:
        fitted = None
    if fitted is None or (dtype.kind in "iu" and not np.array_equal(fitted, array)):
        raise InputError(f'input "{name}": some of its values do not fit {dtype}')
    return fitted


def describe(value: Any) -> str:
    """Return what a value is, as `float32[2,3]` for an array and its type's name for the rest."""
    if isinstance(value, np.ndarray):
        dtype = "string" if value.dtype.kind == "U" else value.dtype
        return f"{dtype}[{','.join(map(str, value.shape))}]"
    return type(value).__name__


def _shape_of(tensor: Tensor) -> str:
    return str(tensor).removeprefix(f"{tensor.name}: ")
