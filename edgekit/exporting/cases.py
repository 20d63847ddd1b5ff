"""The cases of a proof: batch sizes, the ends of every dynamic dimension, and arrays to feed. numpy alone.

Real examples are preferred: cut or repeated along an axis they are still pixels, token numbers and masks. Where there
are none, arrays are made up within the declared ranges.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from edgekit.errors import ExportError, InputError, UsageError, nearest
from edgekit.signature import DTYPES, Tensor

if TYPE_CHECKING:
    from edgekit.exporting.scoring import Labelled

BATCHES = (1, 2, 7)
UNSAID = (2, 9)  # the ends of a dynamic dimension of which nothing is said

Ends = tuple[int, int]
Range = tuple[float, float]


class Cases:
    """What two models are asked, to compare their answers.

    `inputs`: the declared signature; a name in a shape is a dynamic dimension, and the first one that begins a shape is
    the batch. `given`: real examples by input name, none or all of them. `sizes`: the smallest and largest size of a
    dynamic dimension. `ranges`: the least and greatest value of an input, both inclusive; of what is not said, uint8
    goes from 0 to 255, other integers from 0 to 1, and floats are normal. A mask (by its name)
    shows the first places of each row, one at least, for what is hidden whole has no defined answer.
    """

    def __init__(
        self,
        inputs: Sequence[Tensor],
        given: Mapping[str, np.ndarray] | None = None,
        sizes: Mapping[str, Ends] | None = None,
        ranges: Mapping[str, Range] | None = None,
        seed: int = 0,
        between: Collection[str] = (),
        labelled: Labelled | None = None,
    ) -> None:
        self.inputs = [_named(tensor) for tensor in inputs]
        self.given = dict(given or {})
        self.ranges = dict(ranges or {})
        self.labelled = labelled
        self._seed = seed
        self._between = between
        firsts = [tensor.shape[0] for tensor in self.inputs if tensor.shape]
        self.batch = next((dim for dim in firsts if isinstance(dim, str)), None)
        self.ends = {name: (sizes or {}).get(name) or self._unsaid(name) for name in self._names()}
        self._check(sizes or {})

    def all(self) -> list[dict[str, int]]:
        """List the cases: every batch with all dimensions smallest and largest, then each one smallest, and odd."""
        small, large = ({name: ends[at] for name, ends in self.ends.items() if name != self.batch} for at in (0, 1))
        others = [small, large, *({**large, name: small[name]} for name in small if len(small) > 1)]
        if self._between:
            others.append({**large, **{name: sum(self.ends[name]) // 2 | 1 for name in self._between}})
        if self.batch is None:
            found = others
        else:
            found = [{self.batch: size, **other} for size in self._batches() for other in others[:2]]
            found += [{self.batch: min(2, self.ends[self.batch][1]), **other} for other in others[2:]]
        return [dict(each) for each in dict.fromkeys(tuple(case.items()) for case in found)]

    def at(self, sizes: Mapping[str, int]) -> dict[str, np.ndarray]:
        """Return the arrays of one case, by input name in the declared order."""
        rng = np.random.default_rng(self._seed)
        feeds = {}
        for tensor in self.inputs:
            shape = tuple(extent(dim, sizes) for dim in tensor.shape)
            real = self.given.get(tensor.name)
            feeds[tensor.name] = _fit(real, shape) if real is not None else self._made(tensor, shape, rng)
        return feeds

    def _batches(self) -> list[int]:
        assert self.batch
        low, high = self.ends[self.batch]
        return sorted({min(max(size, low), high) for size in BATCHES} | ({low, high} if low > 1 else set()))

    def _names(self) -> list[str]:
        return list(dict.fromkeys(name for tensor in self.inputs for name in names(tensor)))

    def _unsaid(self, name: str) -> Ends:
        if name == self.batch:
            return 1, max(BATCHES)
        for tensor in self.inputs:
            if name in tensor.shape and tensor.name in self.given:
                size = self.given[tensor.name].shape[tensor.shape.index(name)]
                return min(UNSAID[0], size), size
        return UNSAID

    def _check(self, sizes: Mapping[str, Ends]) -> None:
        for name in sizes:
            if name not in self.ends:
                known = f"the dynamic dimensions are {', '.join(self.ends)}" if self.ends else "none is dynamic"
                raise InputError(f'no input has a dynamic dimension "{name}"', known)
        for name, (low, high) in self.ends.items():
            if not 0 <= low <= high > 0:
                raise InputError(f'the dimension "{name}" cannot go from {low} to {high}', "such as 1 to 128")
        missing = [tensor.name for tensor in self.inputs if tensor.name not in self.given]
        if self.given and missing:
            raise InputError(f'there are no examples of the input "{missing[0]}"', "give an array for every input")
        for tensor in self.inputs:
            if tensor.dtype not in DTYPES:
                raise ExportError(f'nothing can be compared on the input "{tensor}"', "it takes plain tensors alone")
            real = self.given.get(tensor.name)
            if real is not None and (real.ndim != len(tensor.shape) or real.size == 0 or real.dtype != tensor.dtype):
                found = f"{real.dtype}[{','.join(map(str, real.shape))}]"
                raise InputError(f'the examples of "{tensor}" are {found}', "give arrays of that dtype and rank")

    def _made(self, tensor: Tensor, shape: tuple[int, ...], rng: np.random.Generator) -> np.ndarray:
        low, high = self.ranges.get(tensor.name, (None, None))
        if tensor.dtype == "string":
            return np.full(shape, "", dtype=object)
        if tensor.dtype.startswith("float"):
            made = rng.standard_normal(shape) if low is None or high is None else rng.uniform(low, high, shape)
            return made.astype(tensor.dtype)
        if low is None and "mask" in tensor.name and shape and tensor.dtype.startswith(("int", "bool")):
            shown = np.arange(shape[-1]) < rng.integers(1, max(1, shape[-1]), (*shape[:-1], 1), endpoint=True)
            # Of truth values "padding_mask" says, in PyTorch's own layers, what is hidden.
            return (~shown if tensor.dtype == "bool" and "padding" in tensor.name else shown).astype(tensor.dtype)
        least, greatest = (0 if low is None else int(low)), int(high) if high is not None else _greatest(tensor.dtype)
        return rng.integers(least, greatest, shape, endpoint=True).astype(tensor.dtype)


def split_ranges(ranges: Mapping[str, Range], inputs: Sequence[Tensor]) -> tuple[dict[str, Ends], dict[str, Range]]:
    """Tell the sizes of dynamic dimensions from the values of inputs, by their names."""
    inputs = [_named(tensor) for tensor in inputs]
    dims = {name for tensor in inputs for name in names(tensor)}
    known = [tensor.name for tensor in inputs]
    for name, (low, high) in ranges.items():
        if name not in dims and name not in known:
            near = nearest(name, [*dims, *known])
            hint = f'did you mean "{near}"?' if near else f"there are {', '.join(map(str, inputs))}"
            raise UsageError(f'a range is given for "{name}", which is no dynamic dimension and no input', hint)
        if name in dims and not (low == int(low) >= 0 and high == int(high) >= max(low, 1)):
            raise UsageError(f'the dimension "{name}" cannot go from {low:g} to {high:g}', "such as T=1..128")
    sizes = {name: (int(low), int(high)) for name, (low, high) in ranges.items() if name in dims}
    return sizes, {name: span for name, span in ranges.items() if name not in dims}


def proved_sizes(inputs: Sequence[Tensor], parity: Mapping[str, Any]) -> dict[str, Ends]:
    """Return between which sizes a card's `parity` says that a model was proved, the batch left out."""
    found: dict[str, Ends] = {}
    dims = (dim for tensor in inputs for dim in tensor.shape[1:] if isinstance(dim, str))
    for name in (name for dim in dims for name in dim.split("+")):
        if seen := [case[name] for case in parity.get("cases", []) if name in case]:
            found[name] = (min(seen), max(seen))
    return found


def names(tensor: Tensor) -> list[str]:
    """Return the names of a tensor's dynamic dimensions; those of "P+T" are P and T."""
    return [name for dim in tensor.shape if isinstance(dim, str) for name in dim.split("+")]


def extent(dim: int | str, sizes: Mapping[str, int]) -> int:
    """Return how large a dimension is where the named ones have `sizes`."""
    return sum(sizes[name] for name in dim.split("+")) if isinstance(dim, str) else dim


def _greatest(dtype: str) -> int:
    # An integer may number the rows of a table, and no table that is worth one has fewer than two.
    return 255 if dtype == "uint8" else 1


def _fit(real: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """Cut `real` to `shape`, or repeat it from its beginning."""
    for axis, size in enumerate(shape):
        if real.shape[axis] != size:
            real = np.take(real, np.arange(size) % real.shape[axis], axis)
    return np.ascontiguousarray(real)


def _named(tensor: Tensor) -> Tensor:
    """Give dynamic dimensions without a name one of their own: "_" in two places need not be one size."""
    shape = tuple(
        ("batch" if axis == 0 else f"{tensor.name}.{axis}") if dim == "_" else dim
        for axis, dim in enumerate(tensor.shape)
    )
    return Tensor(tensor.name, tensor.dtype, shape)
