"""Reads how onnxruntime describes what goes in and out: `float32`, `seq(tensor(float))`, `optional(tensor(int64))`.

Imports errors and signature alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from edgekit.errors import BundleError
from edgekit.signature import DTYPES, Tensor

_NUMPY = {"float": "float32", "double": "float64"}  # onnxruntime's names that are not numpy's


class Kind(NamedTuple):
    """`form`: tensor, sequence (of tensors) or other (maps and what is nested deeper); `dtype` of the tensors in it."""

    form: str
    dtype: str
    optional: bool


def read(name: str) -> Kind:
    """Read onnxruntime's type, with or without the `tensor(...)` around a plain dtype."""
    inner, optional = _unwrapped(name, "optional")
    inner, sequence = _unwrapped(inner, "seq")
    inner, _ = _unwrapped(inner, "tensor")
    form = "other" if "(" in inner else "sequence" if sequence else "tensor"
    dtype = inner.rstrip(")").rpartition("(")[2]
    return Kind(form, _NUMPY.get(dtype, dtype), optional)


def tensor(node: Any) -> Tensor:
    """Read onnxruntime's description of an input or output; "_" is a dimension that has no name."""
    kind = read(node.type)
    dtype = kind.dtype if kind.form == "tensor" and not kind.optional else node.type
    return Tensor(node.name, dtype, tuple(_dim(dim) for dim in node.shape))


def check(where: str, inputs: Sequence[Tensor], outputs: Sequence[Tensor]) -> None:
    """Raise BundleError where a value would be of a dtype that numpy lacks, such as bfloat16 or int4."""
    for way, tensors in (("takes", inputs), ("answers", outputs)):
        for tensor in tensors:
            dtype = read(tensor.dtype).dtype
            if dtype not in DTYPES:
                raise BundleError(
                    f'"{where}" {way} "{tensor}", and numpy has no {dtype}', "let the graph cast it to float32 or int8"
                )


def _dim(dim: Any) -> int | str:
    """Keep a size, or a name: "2*s0" is no name that a manifest could hold."""
    if isinstance(dim, str):
        return dim if dim.isidentifier() else "_"
    return dim if isinstance(dim, int) and dim >= 0 else "_"


def _unwrapped(name: str, around: str) -> tuple[str, bool]:
    """Return what stands in the brackets of `around(...)`, and whether it is around `name`."""
    if name.startswith(f"{around}("):
        return name[len(around) + 1 : -1], True
    return name, False
