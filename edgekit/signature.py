"""A tensor in one line: `image: uint8[N,28,28,1]`; a name in the shape is a dynamic dimension. Imports errors alone.

`P+T` is a dimension as large as two others together: a mask over what went before and what is new.
"""

from __future__ import annotations

import re

from edgekit.errors import InputError

DTYPES = (
    "float16", "float32", "float64", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64", "bool",
    "string",
)  # fmt: skip
_LINE = re.compile(r"^\s*(\S+?)\s*:\s*([a-z0-9]+)\s*\[([^\]]*)\]\s*$")


class Tensor:
    """Name, dtype and shape of an input or output; a `str` in the shape is a dynamic dimension's name."""

    __slots__ = ("dtype", "name", "shape")

    def __init__(self, name: str, dtype: str, shape: tuple[int | str, ...]) -> None:
        self.name = name
        self.dtype = dtype
        self.shape = shape

    @classmethod
    def parse(cls, line: str) -> Tensor:
        """Read `name: dtype[dim,dim,...]`; raise InputError that says what is wrong with the line."""
        match = _LINE.match(line)
        if not match:
            raise InputError(f'"{line}" is not a tensor', 'write it as "image: uint8[N,28,28,1]"; N is any batch')
        name, dtype, dims = match.groups()
        if dtype not in DTYPES:
            raise InputError(f'"{line}": there is no dtype "{dtype}"', f"one of {', '.join(DTYPES)}")
        shape: list[int | str] = []
        for dim in (part.strip() for part in dims.split(",")) if dims.strip() else ():
            if dim.isdecimal() and int(dim) > 0:
                shape.append(int(dim))
            elif all(part.strip().isidentifier() for part in dim.split("+")):
                shape.append("+".join(part.strip() for part in dim.split("+")))
            else:
                raise InputError(
                    f'"{line}": "{dim}" is no dimension', "a positive integer, or a name for a dynamic one"
                )
        return cls(name, dtype, tuple(shape))

    def __str__(self) -> str:
        return f"{self.name}: {self.dtype}[{','.join(map(str, self.shape))}]"

    def __repr__(self) -> str:
        return f"Tensor({str(self)!r})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Tensor) and str(self) == str(other)

    def __hash__(self) -> int:
        return hash(str(self))
