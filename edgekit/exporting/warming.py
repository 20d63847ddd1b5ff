"""What a server asks a model before it serves it, tried here first; and whether requests may share a batch. No torch.

A warm-up that fails keeps a model from being served. That rows of one batch do not change each other's answers, no
signature says: sizes that are computed from a whole batch, as in dynamic 8 bits, do.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from typing import Any

import numpy as np

from edgekit.errors import InputError, UsageError
from edgekit.exporting.blame import differs
from edgekit.exporting.cases import Cases, proved_sizes
from edgekit.exporting.triton import Warmup, batched
from edgekit.runtime.model import Model
from edgekit.runtime.states import states

Feeds = dict[str, np.ndarray]


def request(model: Model, examples: Mapping[str, Any] | None) -> tuple[Warmup, dict[str, bytes], Feeds]:
    """Return the request that warms a version up, its raw files by name, and the arrays of it, answered here.

    The first of real `examples`, or zeros, as large as the model was proved on. UsageError where the examples are not
    what the model takes, InputError where it cannot answer.
    """
    together, kept = batched(model.inputs, model.outputs), states(model.inputs, model.outputs)
    given = _first(model, examples, together) if examples else {}
    cases = _cases(model)
    largest = max(cases.all(), key=lambda sizes: sum(sizes.values()))
    made = cases.at({**largest, **({cases.batch: 1} if cases.batch else {})})
    feeds = {name: given.get(name, made[name] if _text(made[name]) else np.zeros_like(made[name])) for name in made}
    _answered(model, feeds)
    shapes = {name: list(array.shape[1:] if together else array.shape) for name, array in feeds.items()}
    names = {name: f"{name.replace('/', '_')}.raw" for name in given if name not in kept}
    raw = {names[name]: _raw(given[name]) for name in names}
    return Warmup({name: shape for name, shape in shapes.items() if name not in kept}, names), raw, feeds


def apart(model: Model, examples: Mapping[str, Any] | None) -> bool:
    """Say whether two rows in one batch are answered as each is alone: examples, or rows made up."""
    whole = examples and all(tensor.name in examples and len(examples[tensor.name]) > 1 for tensor in model.inputs)
    cases = _cases(model, {tensor.name: examples[tensor.name] for tensor in model.inputs} if whole and examples else {})
    largest = max(cases.all(), key=lambda sizes: sum(sizes.values()))
    both = cases.at({**largest, cases.batch or "": 2})
    joined = _answered(model, both)
    for place in range(2):
        alone = _answered(model, {name: array[place : place + 1] for name, array in both.items()})
        if any(differs(joined[name][place : place + 1], values, None) for name, values in alone.items()):
            return False
    return True


def _cases(model: Model, given: Mapping[str, np.ndarray] | None = None) -> Cases:
    parity = model.manifest.parity if model.manifest else {}
    return Cases(model.inputs, given, proved_sizes(model.inputs, parity))


def _first(model: Model, examples: Mapping[str, Any], together: bool) -> Feeds:
    """Return the first row of the examples, or all of them where nothing is joined."""
    found = {}
    for tensor in (each for each in model.inputs if each.name in examples):
        array = np.asarray(examples[tensor.name])
        one = np.ascontiguousarray(array[:1] if together else array)
        fits = len(one.shape) == len(tensor.shape) and all(
            isinstance(asked, str) or asked == has for asked, has in zip(tensor.shape, one.shape, strict=True)
        )
        if not fits or not one.size or (tensor.dtype != "string" and str(one.dtype) != tensor.dtype):
            said = f"{one.dtype}[{','.join(map(str, array.shape))}]"
            raise UsageError(f'the examples of "{tensor.name}" are {said}, and the model takes "{tensor}"')
        found[tensor.name] = one.astype(object) if tensor.dtype == "string" else one
    return found


def _answered(model: Model, feeds: Feeds) -> dict[str, Any]:
    try:
        return model(dict(feeds))
    except InputError as error:
        raise InputError(f'"{model.name}": {error}', error.hint or "give real inputs: --examples FILE.npz") from None


def _text(array: np.ndarray) -> bool:
    return array.dtype.kind == "O"


def _raw(array: np.ndarray) -> bytes:
    """Return an array as the server reads it; a text is its length in four bytes and then its UTF-8."""
    if not _text(array):
        return np.ascontiguousarray(array).astype(array.dtype.newbyteorder("<"), copy=False).tobytes()
    texts = [str(text).encode() for text in array.flat]
    return b"".join(struct.pack("<I", len(text)) + text for text in texts)
