"""TensorRT's engines are built once and kept: their folder, the shapes they are built for, and building them ahead.

An engine fits one model, one GPU and one set of versions, and TensorRT notices only some of what changed; so each has a
folder of its own. Imports `files` and the driver's version when asked. Not run on a GPU yet.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from edgekit.errors import UsageError
from edgekit.signature import Tensor

if TYPE_CHECKING:
    from pathlib import Path

Range = tuple[int, int, int]  # a dimension's least, usual and greatest size


def profile(inputs: Sequence[Tensor], shapes: Mapping[str, Range]) -> dict[str, str]:
    """Return TensorRT's options for the shapes it shall build for; {} where every dimension is fixed.

    `shapes`: dimension's name -> (least, usual, greatest) size. UsageError where one is missing or out of order.
    """
    names = list(dict.fromkeys(dim for tensor in inputs for dim in tensor.shape if isinstance(dim, str)))
    if not names:
        return {}
    for name in names:
        if name not in shapes:
            raise UsageError(
                f'shapes does not say how large "{name}" is, of {", ".join(map(str, inputs))}',
                f'write shapes={{"{name}": (1, 8, 32)}}: its least, usual and greatest size',
            )
        least, usual, greatest = shapes[name]
        if not 0 < least <= usual <= greatest:
            raise UsageError(f'shapes says {shapes[name]} of "{name}", which is not least <= usual <= greatest')
    return {
        f"trt_profile_{which}_shapes": ",".join(f"{t.name}:{'x'.join(map(str, sizes(t, shapes, at)))}" for t in inputs)
        for at, which in enumerate(("min", "opt", "max"))
    }


def sizes(tensor: Tensor, shapes: Mapping[str, Range], at: int) -> tuple[int, ...]:
    """Return a tensor's shape with its dynamic dimensions at their least (0), usual (1) or greatest (2) size."""
    return tuple(dim if isinstance(dim, int) else shapes[dim][at] if dim in shapes else 1 for dim in tensor.shape)


def folder(home: Path, model: str, facts: Mapping[str, str]) -> Path:
    """Return the folder of the engines of a model (its SHA-256) under `home`, for versions, GPU and options as `facts`.

    Its name says the facts' hash; `facts.json` in it says the facts.
    """
    import hashlib

    told = "\n".join(f"{key}={value}" for key, value in sorted(facts.items()))
    return home / "engines" / model[:16] / hashlib.sha256(told.encode()).hexdigest()[:16]


def cache(source: str | bytes, facts: Mapping[str, str], given: Mapping[str, str]) -> dict[str, str]:
    """Make the folder for a model (its path, or its bytes) and return the options that have TensorRT use it.

    `given`, the caller's options, are facts too: fp16 builds another engine. StorageError where it cannot be written.
    """
    import hashlib

    from edgekit import files

    model = files.sha256(source) if isinstance(source, str) else hashlib.sha256(source).hexdigest()
    facts = {**facts, **given}
    place = folder(files.home(), model, facts)
    if not (place / "facts.json").is_file():
        files.write_json(place / "facts.json", {"model": model, **facts})
    return {
        "trt_engine_cache_enable": "True",
        "trt_engine_cache_path": str(place),
        "trt_timing_cache_enable": "True",
        "trt_timing_cache_path": str(place),
    }


def prebuild(session: Any, shapes: Mapping[str, Range] | None = None) -> float:
    """Have an open Session build now what it would build late, by runs on zeros; return the seconds it took.

    The shapes are the greatest and the least of `shapes`, and 1 for a dimension it does not name. To be called where an
    image is built, or before a service takes its first request.
    """
    started = time.perf_counter()
    for at in (2, 0):
        session.run({tensor.name: _empty(tensor, sizes(tensor, shapes or {}, at)) for tensor in session.inputs})
    return time.perf_counter() - started


def _empty(tensor: Tensor, size: tuple[int, ...]) -> Any:
    import numpy as np

    return np.full(size, "", object) if tensor.dtype == "string" else np.zeros(size, tensor.dtype)
