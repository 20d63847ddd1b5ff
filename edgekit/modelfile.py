"""Loads a plain PyTorch file by its path and builds its network. Imports torch when a network is built, not before.

A model file is code: loading one runs it. It is found by path alone and never becomes importable by its own name, so
that a user's `resnet.py` and a shipped one live side by side.
"""

from __future__ import annotations

import hashlib
import inspect
import sys
import traceback
from collections.abc import Callable, Mapping
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

from edgekit.errors import ModelError, nearest
from edgekit.extras import need

if TYPE_CHECKING:
    from torch import nn

_SHAPE = "a model file has a function such as: def build(width: int = 16, classes: int = 10) -> torch.nn.Module"


def build(path: Path, args: Mapping[str, Any]) -> nn.Module:
    """Run the file at `path` and return what its `build(**args)` makes; raise ModelError that says what failed."""
    need("torch", "building a network")
    from torch import nn

    function = _function(_load(path), path)
    _fit(function, path, args)
    try:
        network = function(**args)
    except Exception as error:
        call = ", ".join(f"{name}={value!r}" for name, value in args.items())
        raise ModelError(f'"{path}"{_line(error, path)}: build({call}) failed: {_said(error)}') from error
    if not isinstance(network, nn.Module):
        raise ModelError(f'"{path}": build returned a {type(network).__name__}, not a torch.nn.Module', _SHAPE)
    return network


def _load(path: Path) -> ModuleType:
    """Execute a model file as a module of a flat name, once for each place and content."""
    try:
        source = path.read_bytes()
    except FileNotFoundError:
        raise ModelError(
            f'there is no model file "{path}"', "a recipe's model is looked for beside the recipe"
        ) from None
    except OSError as error:
        raise ModelError(f'"{path}" cannot be read: {error.strerror}') from None
    digest = hashlib.sha256(str(path.resolve()).encode() + source).hexdigest()[:8]
    name = f"edgekit_model_{path.stem}_{digest}"
    if name in sys.modules:
        return sys.modules[name]
    module = ModuleType(name)
    module.__file__ = str(path)
    # Registered before it runs: dataclasses and torch look a class's module up by name.
    sys.modules[name] = module
    try:
        exec(compile(source, str(path), "exec"), vars(module))
    except Exception as error:
        del sys.modules[name]
        hint = None
        if isinstance(error, ModuleNotFoundError):
            hint = "install it, or keep the model in one file: files beside it are not on Python's path"
        raise ModelError(f'"{path}"{_line(error, path)}: {_said(error)}', hint) from error
    return module


def _function(module: ModuleType, path: Path) -> Callable[..., Any]:
    function = getattr(module, "build", None)
    if callable(function):
        return function  # type: ignore[no-any-return]
    own = [
        name
        for name, value in vars(module).items()
        if inspect.isfunction(value) and value.__module__ == module.__name__
    ]
    near = nearest("build", own)
    raise ModelError(f'"{path}" has no function "build"' + (f', but "{near}"' if near else ""), _SHAPE)


def _fit(function: Callable[..., Any], path: Path, args: Mapping[str, Any]) -> None:
    """Complain about arguments that `build` does not take, or needs and is not given."""
    parameters = inspect.signature(function).parameters.values()
    known = [each.name for each in parameters if each.kind in (each.POSITIONAL_OR_KEYWORD, each.KEYWORD_ONLY)]
    if not any(each.kind is each.VAR_KEYWORD for each in parameters):
        for name in args:
            if name not in known:
                near = nearest(name, known)
                raise ModelError(
                    f'"{path}": build takes no argument "{name}"',
                    f'did you mean "{near}"?' if near else f"it takes {', '.join(known) or 'none'}",
                )
    for each in parameters:
        if each.name in known and each.default is each.empty and each.name not in args:
            raise ModelError(f'"{path}": build needs the argument "{each.name}"', "give it under args in the recipe")


def _line(error: Exception, path: Path) -> str:
    """Return ", line 7" where the error came out of the model file, the innermost such line."""
    if isinstance(error, SyntaxError) and error.filename == str(path):
        return f", line {error.lineno}"
    lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == str(path)]
    return f", line {lines[-1]}" if lines else ""


def _said(error: Exception) -> str:
    text = error.msg if isinstance(error, SyntaxError) else str(error)
    return text if isinstance(error, SyntaxError | ImportError) and text else f"{type(error).__name__}: {text}"
