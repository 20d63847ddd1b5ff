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
    return call(_function(_load(path), path), f'"{path}": build', args, path)


def call(function: Callable[..., Any], name: str, args: Mapping[str, Any], path: Path | None = None) -> nn.Module:
    """Return the module that `function(**args)` makes; `name` is what errors call it, `path` the file it is from."""
    from torch import nn

    _fit(function, name, args)
    try:
        network = function(**args)
    except Exception as error:
        said = ", ".join(f"{name}={value!r}" for name, value in args.items())
        place, _, called = name.rpartition(": ")
        raise ModelError(f"{place}{_line(error, path)}: {called}({said}) failed: {_said(error)}") from error
    if not isinstance(network, nn.Module):
        raise ModelError(f"{name} returned a {type(network).__name__}, not a torch.nn.Module", _SHAPE)
    return network


def _load(path: Path) -> ModuleType:
    """Execute a model file as a module of a flat name, once for each place and content."""
    try:
        source = path.read_bytes()
    except FileNotFoundError:
        raise ModelError(
            f'there is no model file "{path}"',
            "give its path; edgekit list shows those that come with it",
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


def _fit(function: Callable[..., Any], called: str, args: Mapping[str, Any]) -> None:
    """Complain about arguments that `function` does not take, or needs and is not given."""
    try:
        parameters = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):  # it is not written in Python
        return
    known = [each.name for each in parameters if each.kind in (each.POSITIONAL_OR_KEYWORD, each.KEYWORD_ONLY)]
    if not any(each.kind is each.VAR_KEYWORD for each in parameters):
        for name in args:
            if name not in known:
                near = nearest(name, known)
                raise ModelError(
                    f'{called} takes no argument "{name}"',
                    f'did you mean "{near}"?' if near else f"it takes {', '.join(known) or 'none'}",
                )
    for each in parameters:
        if each.name in known and each.default is each.empty and each.name not in args:
            raise ModelError(
                f'{called} needs the argument "{each.name}"', f"give it: --args {each.name}=..., under args in a recipe"
            )


def _line(error: Exception, path: Path | None) -> str:
    """Return ", line 7" where the error came out of the model file, the innermost such line."""
    if isinstance(error, SyntaxError) and error.filename == str(path):
        return f", line {error.lineno}"
    lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == str(path)]
    return f", line {lines[-1]}" if lines else ""


def _said(error: Exception) -> str:
    text = error.msg if isinstance(error, SyntaxError) else str(error)
    return text if isinstance(error, SyntaxError | ImportError) and text else f"{type(error).__name__}: {text}"
