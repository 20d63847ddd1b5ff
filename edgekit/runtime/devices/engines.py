"""TensorRT's engines are built once and kept: their folder, and building them ahead.

An engine fits one model, one GPU and one set of versions, and TensorRT notices only some of what changed; so each has a
folder of its own. Imports `files` and the driver's version when asked. Not run on a GPU yet.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from edgekit.runtime import external
from edgekit.runtime.devices.shapes import Range, sizes
from edgekit.signature import Tensor

if TYPE_CHECKING:
    from pathlib import Path


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
    from edgekit import files

    model = _digest(source)
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


def prebuild(run: Callable[[dict[str, Any]], object], inputs: Sequence[Tensor], shapes: Mapping[str, Range]) -> float:
    """Have a session build now what it would build late, by runs on zeros; return the seconds it took.

    They have the greatest and the least of `shapes`, and 1 for a dimension it does not name.
    """
    started = time.perf_counter()
    for at in (2, 0):
        run({tensor.name: _empty(tensor, sizes(tensor, shapes, at)) for tensor in inputs})
    return time.perf_counter() - started


def _digest(source: str | bytes) -> str:
    """Return the SHA-256 of a model: of the file, and of the files that it reads its weights from."""
    import hashlib

    from edgekit import files

    if isinstance(source, bytes):
        return hashlib.sha256(source).hexdigest()
    others = [os.path.join(os.path.dirname(source), name) for name in sorted(set(external.files(source)))]
    digests = [files.sha256(path) for path in (source, *others)]
    return hashlib.sha256("".join(digests).encode()).hexdigest() if others else digests[0]


def _empty(tensor: Tensor, size: tuple[int, ...]) -> Any:
    import numpy as np

    return np.full(size, "", object) if tensor.dtype == "string" else np.zeros(size, tensor.dtype)
