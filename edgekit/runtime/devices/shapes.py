"""How large a model's dynamic dimensions get: what TensorRT builds for. Imports errors alone.

`shapes` is checked whatever the device, so that what starts on a CPU also starts where it is used.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from edgekit.errors import UsageError, nearest
from edgekit.signature import Tensor

Range = tuple[int, int, int]  # a dimension's least, usual and greatest size


def check(shapes: Mapping[str, Range], inputs: Sequence[Tensor] | None = None) -> None:
    """Raise UsageError unless `shapes` has the form {"N": (1, 8, 32)}, with names of `inputs` where these are known."""
    form = 'write shapes={"N": (1, 8, 32)}: a dimension\'s least, usual and greatest size'
    if not isinstance(shapes, Mapping):
        raise UsageError(f"shapes is {shapes!r}, not a dict", form)
    for name, said in shapes.items():
        numbers = isinstance(said, (tuple, list)) and len(said) == 3 and all(type(size) is int for size in said)
        if not numbers or not 0 < said[0] <= said[1] <= said[2]:
            raise UsageError(f'shapes says {said!r} of "{name}", which is not 0 < least <= usual <= greatest', form)
        if inputs is not None and name not in names(inputs):
            near = nearest(str(name), names(inputs))
            told = f'shapes names "{name}", which is no dynamic dimension of {", ".join(map(str, inputs))}'
            raise UsageError(told, f'did you mean "{near}"?' if near else "leave it out")


def names(inputs: Sequence[Tensor]) -> list[str]:
    """Return the names of the dynamic dimensions."""
    return list(dict.fromkeys(dim for tensor in inputs for dim in tensor.shape if isinstance(dim, str)))


def settled(shapes: Mapping[str, Range] | None, max_batch: int | None, inputs: Sequence[Tensor]) -> Mapping[str, Range]:
    """Return `shapes`, checked; without them what `max_batch` stands for, where the batch is all that is dynamic."""
    if shapes is not None:
        check(shapes, inputs)
        return shapes
    dynamic = names(inputs)
    return {dynamic[0]: (1, max_batch, max_batch)} if max_batch and len(dynamic) == 1 else {}


def profile(inputs: Sequence[Tensor], shapes: Mapping[str, Range]) -> dict[str, str]:
    """Return TensorRT's options for the shapes it shall build for; {} where every dimension is fixed.

    UsageError where a dimension's sizes are not said: TensorRT would build again, for minutes, at each new size.
    """
    dynamic = names(inputs)
    for name in dynamic:
        if name not in shapes:
            where = ", ".join(map(str, inputs))
            fix = f'write shapes={{"{name}": (1, 8, 32)}}: its least, usual and greatest size'
            raise UsageError(
                f'TensorRT builds for sizes known before, and none is said of "{name}" in {where}',
                f"{fix}, or max_batch=32" if len(dynamic) == 1 else fix,
            )
    return {
        f"trt_profile_{which}_shapes": ",".join(f"{t.name}:{'x'.join(map(str, sizes(t, shapes, at)))}" for t in inputs)
        for at, which in enumerate(("min", "opt", "max"))
        if dynamic
    }


def sizes(tensor: Tensor, shapes: Mapping[str, Range], at: int) -> tuple[int, ...]:
    """Return a tensor's shape with its dynamic dimensions at their least (0), usual (1) or greatest (2) size, or 1."""
    return tuple(dim if isinstance(dim, int) else shapes[dim][at] if dim in shapes else 1 for dim in tensor.shape)
