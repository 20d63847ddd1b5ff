"""What a caller gives, checked against the model's signature before the run. numpy alone.

An array has a dtype, and another one than the model's is refused unless `cast` was asked for: int32 for int64 is more
often a mistake than a wish. A list or a plain number has none, and takes the model's where its values fit. onnxruntime
alone would take an array of the other byte order for one of its own, and make the text "None" of None.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from edgekit.errors import InputError, nearest
from edgekit.runtime import kinds
from edgekit.signature import DTYPES, Tensor

Array = np.ndarray[Any, Any]
NUMBERS = frozenset(DTYPES) - {"bool", "string"}
_DTYPES = {name: np.dtype(object if name == "string" else name) for name in DTYPES}
# The kind of dtype wanted -> the kinds whose values it can hold without losing a fraction or a meaning.
_HOLDS = {"f": "fiu", "i": "iu", "u": "iu", "b": "b", "O": "OUT"}
_MOST_SHAPES = 64


class Feeds:
    """Turns what was given into the arrays a session takes, or raises InputError saying what was expected."""

    __slots__ = ("_cast", "_fitting", "_inputs", "_kinds", "_plain")

    def __init__(self, inputs: list[Tensor], cast: bool = False) -> None:
        self._inputs = {tensor.name: tensor for tensor in inputs}
        self._kinds = {tensor.name: kinds.read(tensor.dtype) for tensor in inputs}
        self._cast = cast
        # What needs no more than a look: arrays of the very dtype, in shapes that were found to fit before.
        self._plain = [
            (name, _DTYPES.get(kind.dtype) if kind.form == "tensor" and kind.dtype != "string" else None)
            for name, kind in self._kinds.items()
        ]
        self._fitting: set[tuple[tuple[int, ...], ...]] = set()

    def __call__(self, given: Any) -> dict[str, Any]:
        """Return arrays by input name. `given` is a dict of them, or one value for a model of one input."""
        if not isinstance(given, Mapping):
            given = self._named(given)
        if type(given) is dict and len(given) == len(self._plain):
            shapes = []
            for name, dtype in self._plain:
                value = given.get(name)
                if type(value) is not np.ndarray or value.dtype is not dtype:
                    break
                shapes.append(value.shape)
            else:
                if tuple(shapes) in self._fitting:
                    return given
        return self._checked(given)

    def _checked(self, feeds: Mapping[str, Any]) -> dict[str, Any]:
        self._check_names(feeds)
        arrays: dict[str, Any] = {}
        sizes: dict[str, tuple[int, str]] = {}  # dimension's name -> its size, and the input that set it
        plain = True
        for name, dtype in self._plain:
            if name in feeds:
                value = arrays[name] = self._value(name, feeds[name])
                if isinstance(value, np.ndarray):
                    self._check_shape(name, value, sizes, arrays)
            plain &= dtype is not None and type(arrays.get(name)) is np.ndarray
        if plain:
            if len(self._fitting) >= _MOST_SHAPES:
                self._fitting.clear()
            self._fitting.add(tuple(value.shape for value in arrays.values()))
        return arrays

    def _value(self, name: str, given: Any) -> Any:
        kind = self._kinds[name]
        if (given is None and kind.optional) or kind.form == "other":
            return given
        dtype = _DTYPES.get(kind.dtype)
        if dtype is None:
            raise InputError(f'input "{name}" is {kind.dtype}, which numpy lacks', "let the graph cast it")
        if kind.form == "tensor":
            return self._array(name, given, dtype)
        if not isinstance(given, (list, tuple)):
            raise InputError(f'input "{name}": given {describe(given)}, expected {self._wanted(name)}')
        return [self._array(name, each, dtype) for each in given]

    def _array(self, name: str, given: Any, dtype: np.dtype[Any]) -> Array:
        array = given if type(given) is np.ndarray and given.dtype == dtype else self._converted(name, given, dtype)
        if dtype.kind == "O":
            for text in array.flat:
                if not isinstance(text, str):
                    raise InputError(f'input "{name}": {describe(text)} among its texts', "decode or fill it first")
        return array

    def _converted(self, name: str, value: Any, dtype: np.dtype[Any]) -> Array:
        try:
            array = np.asarray(value)
        except ValueError:
            raise InputError(f'input "{name}": the lists in it have different lengths') from None
        except Exception as error:  # what another library's arrays raise is no closed set
            raise InputError(f'input "{name}": {describe(value)} does not become an array: {error}') from None
        if array.dtype == dtype:
            return array
        holds = array.dtype.kind in _HOLDS[dtype.kind] or not array.size
        free = self._cast or isinstance(value, (list, tuple, int, float, str)) or array.dtype.kind in "UT"
        if holds and free:
            return held(name, array, dtype)
        hint = f'x.astype("{dtype}"), or load the model with cast=True' if holds else None
        if array.dtype.kind == "f" and dtype.kind in "iu":
            hint = f'fractions are not cut off: x.round().astype("{dtype}") where the values are meant to be whole'
        shown = describe(value if array.dtype.kind == "O" and not array.ndim else array)
        raise InputError(f'input "{name}": given {shown}, expected {self._wanted(name)}', hint)

    def _named(self, value: Any) -> dict[str, Any]:
        if len(self._inputs) != 1:
            raise InputError(
                f"one value was given; the model has {len(self._inputs)} inputs", f"pass a dict of {self._expected()}"
            )
        return dict.fromkeys(self._inputs, value)

    def _expected(self) -> str:
        return ", ".join(map(str, self._inputs.values())) or "no inputs"

    def _check_names(self, feeds: Mapping[str, Any]) -> None:
        for name in feeds:
            if name not in self._inputs:
                near = nearest(str(name), list(self._inputs))
                hint = f'did you mean "{near}"?' if near else f"the model takes {self._expected()}"
                raise InputError(f'the model has no input "{name}"', hint)
        for name, kind in self._kinds.items():
            if name not in feeds and not kind.optional:
                raise InputError(f'the input "{name}" was not given', f"the model takes {self._expected()}")

    def _check_shape(self, name: str, array: Array, sizes: dict[str, tuple[int, str]], arrays: dict[str, Any]) -> None:
        """Raise InputError unless rank and sizes are the model's, and a dimension's name stands for one size."""
        expected, given = self._inputs[name].shape, array.shape
        if not expected:  # onnxruntime calls a scalar and an unknown rank by the same []
            return
        if len(given) != len(expected):
            raise self._wrong_shape(name, array)
        for size, dim in zip(given, expected, strict=True):
            if isinstance(dim, int):
                if size != dim:
                    raise self._wrong_shape(name, array)
            elif dim not in ("", "_"):
                known, first = sizes.setdefault(dim, (size, name))
                if known != size:
                    said = ", ".join(dict.fromkeys(f"{each}: {describe(arrays[each])}" for each in (first, name)))
                    raise InputError(f'the dimension "{dim}" has two sizes: given {said}, expected {self._expected()}')

    def _wrong_shape(self, name: str, array: Array) -> InputError:
        tensor = self._inputs[name]
        hint = None
        if array.ndim == len(tensor.shape) - 1 and isinstance(tensor.shape[0], str):
            hint = f'x[None] makes it a batch: "{tensor.shape[0]}" is any number of them'
        return InputError(f'input "{name}": given {describe(array)}, expected {self._wanted(name)}', hint)

    def _wanted(self, name: str) -> str:
        kind, tensor = self._kinds[name], self._inputs[name]
        if kind.form == "sequence":
            return f"a list of {kind.dtype} arrays"
        return f"{kind.dtype}[{','.join(map(str, tensor.shape))}]"


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
    """Return what a value is: `float32[2,3]` for an array, `None`, and its type's name for the rest."""
    if isinstance(value, np.ndarray):
        texts = value.dtype.kind in "UT" or (value.size and all(isinstance(each, str) for each in value.flat))
        return f"{'string' if texts else value.dtype}[{','.join(map(str, value.shape))}]"
    return "None" if value is None else type(value).__name__
