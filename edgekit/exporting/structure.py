"""Nested arguments and answers laid out flat, by names with dots: `state.0` is the first of the tuple `state`.

An ONNX file takes and answers tensors, a PyTorch module also tuples, dicts and dataclasses of them.
"""

from __future__ import annotations

import dataclasses
import inspect
import re
import typing
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import torch
from torch import nn

from edgekit.errors import ExportError, UsageError, nearest
from edgekit.signature import Tensor

_FORM = re.compile(r"\s*\w+\s*\[.*\]\s*$")  # other texts may stand there for other readers
_ANY_NUMBER = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)


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
            f"{where} is of type {type(value).__name__}, and an ONNX file knows tensors alone",
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

    Raises UsageError where it knows some and not others, or needs one more.
    """
    heads = list(dict.fromkeys(name.partition(".")[0] for name in names))
    by_position, by_keyword, more, any_other = _parameters(network)
    known = by_position + by_keyword
    if more and heads[: len(by_position)] == by_position:
        return False
    strange = [name for name in heads if name not in known]
    unnamed = len(strange) == len(heads) and not (any_other and not known)
    if strange and not unnamed and not any_other:
        near = nearest(strange[0], known)
        raise UsageError(
            f'forward of {type(network).__name__} has no parameter "{strange[0]}"',
            f'did you mean "{near}"?' if near else f"it takes {', '.join(known)}",
        )
    given = by_position[: len(heads)] if unnamed else heads
    if missing := [name for name in _needed(network) if name not in given]:
        raise UsageError(
            f'forward of {type(network).__name__} needs "{missing[0]}", which is not declared',
            f"declare an input for each of {', '.join(known)}",
        )
    return not unnamed and heads != by_position[: len(heads)]


def annotated(network: nn.Module) -> list[Tensor]:
    """Return the inputs that `forward` declares, `x: Annotated[Tensor, "float32[N,3,32,32]"]`; [] where it does not.

    Two texts and more are the parts of a tuple: `Annotated[tuple[Tensor, Tensor], "float32[1,N,6]", "float32[1,N,6]"]`.
    Raises UsageError where a parameter that is needed says nothing.
    """
    try:
        hints = typing.get_type_hints(network.forward, include_extras=True)
    except Exception:  # annotations are expressions, which may raise anything
        return []
    parameters = inspect.signature(network.forward).parameters
    forms = {name: _forms(hints.get(name)) for name in parameters}
    if not any(forms.values()):
        return []
    declared = []
    for name, parameter in parameters.items():
        parts = forms[name]
        if not parts and parameter.default is parameter.empty and parameter.kind not in _ANY_NUMBER:
            raise UsageError(
                f'forward of {type(network).__name__} says nothing of "{name}"',
                "annotate it too, or declare all inputs",
            )
        names = [name] if len(parts) == 1 else [f"{name}.{index}" for index in range(len(parts))]
        declared += [Tensor.parse(f"{part}: {form}") for part, form in zip(names, parts, strict=True)]
    return declared


def _forms(hint: Any) -> list[str]:
    return [each for each in getattr(hint, "__metadata__", ()) if isinstance(each, str) and _FORM.match(each)]


def _needed(network: nn.Module) -> list[str]:
    """Name the parameters that `forward` has no default for."""
    try:
        found = inspect.signature(network.forward).parameters.values()
    except (TypeError, ValueError):  # forward is not written in Python
        return []
    return [each.name for each in found if each.default is each.empty and each.kind not in _ANY_NUMBER]


def _parameters(network: nn.Module) -> tuple[list[str], list[str], bool, bool]:
    """Name the parameters of `forward`, those by keyword alone apart; does it take more by position, or by keyword?"""
    try:
        found = inspect.signature(network.forward).parameters.values()
    except (TypeError, ValueError):  # forward is not written in Python
        return [], [], False, False
    named = [each.name for each in found if each.kind == each.POSITIONAL_OR_KEYWORD]
    alone = [each.name for each in found if each.kind == each.KEYWORD_ONLY]
    kinds = {each.kind for each in found}
    more = inspect.Parameter.VAR_POSITIONAL in kinds
    return named, alone, more, inspect.Parameter.VAR_KEYWORD in kinds and not more
