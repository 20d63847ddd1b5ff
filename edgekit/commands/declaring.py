"""What a person says of a model on the command line, read: build arguments, inputs, ranges, labels."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from edgekit.errors import DataError, UsageError
from edgekit.signature import Tensor


def declared(
    inputs: Sequence[str] | None,
    outputs: Sequence[str] | None,
    ranges: Sequence[str] | None,
    mean: str,
    std: str,
    as_given: bool,
    resize: str,
    crop: str,
    head: str | None,
    task: str | None,
    labels: str | None,
    min_onnxruntime: str | None,
) -> dict[str, Any]:
    """Return what was said as arguments of `shipping.prepare`; what was not said is left out."""
    tensors = [Tensor.parse(line) for line in inputs or ()]
    said = {
        "inputs": tensors,
        "outputs": list(outputs or ()),
        "ranges": read_ranges(ranges or ()),
        "mean": _numbers("--mean", mean),
        "std": _numbers("--std", std),
        "as_given": as_given,
        "resize": resize,
        "crop": crop,
        "head": head,
        "task": task,
        "labels": read_labels(Path(labels)) if labels else None,
        "min_onnxruntime": min_onnxruntime,
    }
    return {name: value for name, value in said.items() if value}


def arguments(lines: Sequence[str]) -> dict[str, Any]:
    """Read build arguments such as `width=32`, the values as in a recipe."""
    from edgekit.recipe.document import read_value

    read = {}
    for line in lines:
        name, equals, text = line.partition("=")
        if not equals or not name.strip().isidentifier():
            raise UsageError(f'--args "{line}" is no argument', "write it as --args width=32")
        try:
            read[name.strip()] = read_value(text)
        except ValueError as error:
            raise UsageError(f'--args "{line}": {error}', "write it as --args width=32") from None
    return read


def read_ranges(lines: Sequence[str]) -> dict[str, tuple[float, float]]:
    """Read the least and greatest size of a dimension, or value of an input: `T=1..128`."""
    found: dict[str, tuple[float, float]] = {}
    for line in lines:
        name, _, text = line.rpartition("=")
        low, dots, high = text.partition("..")
        try:
            found[name.strip()] = (float(low), float(high))
        except ValueError:
            dots = ""
        if not name or not dots or found[name.strip()][0] > found[name.strip()][1]:
            raise UsageError(f'--range "{line}" is no range', "write it as --range NAME=1..128")
    return found


def _numbers(option: str, text: str) -> tuple[float, ...]:
    try:
        return tuple(float(part) for part in text.split(",")) if text else ()
    except ValueError:
        raise UsageError(f'{option} "{text}" is no number', f"write it as {option} 0.485,0.456,0.406") from None


def read_labels(path: Path) -> list[str]:
    """Read a label from each line of a file."""
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(
            f'the labels "{path}" cannot be read: {error}', "a text file, with a label on each line"
        ) from None
    labels = [line.strip() for line in lines if line.strip()]
    if not labels:
        raise DataError(f'there are no labels in "{path}"', "write one on each line")
    return labels
