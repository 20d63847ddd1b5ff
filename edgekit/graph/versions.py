"""Which onnxruntime reads which file: opsets and IR versions, by onnxruntime's own table. Imports onnxruntime."""

from __future__ import annotations

from typing import NamedTuple

import onnx
import onnxruntime

from edgekit.errors import ExportError, UsageError
from edgekit.graph import tensors

DEFAULT = "1.20"  # two years old, and what edgekit's runtime asks for


class Reads(NamedTuple):
    """The newest opset and IR version that an onnxruntime reads."""

    opset: int
    ir: int


# The first onnxruntime that reads so much.
_SINCE = {
    (1, 14): Reads(18, 8), (1, 15): Reads(19, 8), (1, 16): Reads(19, 9), (1, 17): Reads(20, 9), (1, 18): Reads(21, 10),
    (1, 21): Reads(22, 10),
}  # fmt: skip


def here() -> str:
    """Return the version of this onnxruntime, as a manifest requires it: "1.32"."""
    return ".".join(str(onnxruntime.__version__).split(".")[:2])


def reads(minimum: str) -> Reads:
    """Return what onnxruntime `minimum` reads.

    UsageError where that is no version, ExportError where it is older than any that is served, or newer than this one.
    """
    try:
        wanted = tuple(int(part) for part in minimum.split("."))
    except ValueError:
        raise UsageError(f'"{minimum}" is no version of onnxruntime', 'such as "1.20"') from None
    if wanted[:2] > tuple(map(int, here().split("."))):
        raise ExportError(
            f"onnxruntime {minimum} is newer than this one, {here()}, and nothing could be proved for it",
            "ask for an older one, or upgrade onnxruntime",
        )
    served = [found for version, found in _SINCE.items() if version <= wanted]
    if not served:
        oldest = ".".join(map(str, min(_SINCE)))
        raise ExportError(f"onnxruntime {minimum} is older than the oldest that edgekit exports for, {oldest}")
    return max(served)


def fit(model: onnx.ModelProto, minimum: str | None, name: str) -> str:
    """Give `model` an IR version that onnxruntime `minimum` reads, in place, and return what it requires.

    None asks for `DEFAULT`, or for what the opset takes. ExportError where the opset is newer than `minimum` reads.
    """
    opset = max((e.version for e in model.opset_import if e.domain in tensors.STANDARD_NAMES), default=1)
    known = reads(minimum or DEFAULT)
    if opset > known.opset:
        since = next((".".join(map(str, version)) for version, found in _SINCE.items() if found.opset >= opset), here())
        if minimum:
            raise ExportError(
                f'"{name}" has opset {opset}, and onnxruntime {minimum} reads up to {known.opset}',
                f"it loads from onnxruntime {since} on; for older ones export it anew, from PyTorch",
            )
        minimum, known = since, reads(since)
    model.ir_version = min(model.ir_version, known.ir)
    return minimum or DEFAULT
