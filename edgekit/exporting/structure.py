"""Nested arguments and answers laid out flat, by names with dots: `state.0` is the first of the tuple `state`.

An ONNX file takes and answers tensors, a PyTorch module also tuples, dicts and dataclasses of them.
"""

from __future__ import annotations

import dataclasses
import inspect
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import torch
from torch import nn

from edgekit.errors import ExportError, UsageError, nearest


def flatten(value: Any, name: str = "") -> Iterator[tuple[str, torch.Tensor]]:
    """Yield the tensors of `value` in order, each with its name: keys, fields and positions joined by dots.

    What is None is left out. Raises ExportError where something is no tensor, and no tuple, list, dict or dataclass.
    """
    if isinstance(value, torch.Tensor):
        yield name, value
    elif value is None:
        return
    elif (parts := _parts(value)) is not None:
        for key, part in parts:
            yield from flatten(part, f"{name}.{key}" if name else key)
    else:
        where = f'"{name}"' if name else "what it answers"
        raise ExportError(
            f"{where} is a {type(value).__name__}, and an ONNX file knows tensors alone",
            "let the module answer tensors, in tuples, dicts or dataclasses if need be",
        )


def _parts(value: Any) -> list[tuple[str, Any]] | None:
    if isinstance(value, Mapping):
        return [(str(key), part) for key, part in value.items()]
    if isinstance(value, tuple) and hasattr(value, "_fields"):
        return list(zip(value._fields, value, strict=True))
    if isinstance(value, (tuple, list)):
        return [(str(index), part) for index, part in enumerate(value)]
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return [(field.name, getattr(value, field.name)) for field in dataclasses.fields(value)]
    return None


def nest(names: Sequence[str], tensors: Sequence[Any]) -> dict[str, Any]:
    """Put `tensors` together as their names say: `state.0`, `state.1` the tuple `state`, `past.key` a dict `past`."""
    values: dict[str, Any] = {}
    for name, tensor in zip(names, tensors, strict=True):
        *path, last = name.split(".")
        place = values
        for part in path:
            place = place.setdefault(part, {})
        place[last] = tensor
    return {name: _whole(value) for name, value in values.items()}


def _whole(value: Any) -> Any:
    if not isinstance(value, dict):
        return value
    parts = {key: _whole(part) for key, part in value.items()}
    return tuple(parts.values()) if list(parts) == [str(index) for index in range(len(parts))] else parts


def by_name(network: nn.Module, names: Sequence[str]) -> bool:
    """Whether `forward` takes inputs of these names as keywords: where it knows none of them, they go by position.

    Raises UsageError where it knows some and not others.
    """
    heads = list(dict.fromkeys(name.partition(".")[0] for name in names))
    known, any_other = _parameters(network)
    strange = [name for name in heads if name not in known]
    if heads == known[: len(heads)] or (len(strange) == len(heads) and not (any_other and not known)):
        return False
    if strange and not any_other:
        near = nearest(strange[0], known)
        raise UsageError(
            f'forward of {type(network).__name__} has no parameter "{strange[0]}"',
            f'did you mean "{near}"?' if near else f"it takes {', '.join(known)}",
        )
    return True


def _parameters(network: nn.Module) -> tuple[list[str], bool]:
    """Return the names of the parameters of `forward`, and whether it takes any other keyword, and by keyword alone."""
    try:
        found = inspect.signature(network.forward).parameters.values()
    except (TypeError, ValueError):  # forward is not written in Python
        return [], False
    named = [each.name for each in found if each.kind in (each.POSITIONAL_OR_KEYWORD, each.KEYWORD_ONLY)]
    kinds = {each.kind for each in found}
    return named, inspect.Parameter.VAR_KEYWORD in kinds and inspect.Parameter.VAR_POSITIONAL not in kinds
