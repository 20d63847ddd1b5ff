"""A module from code: a model file with `build`, or `package.module:callable`. Both run what they name."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path

from torch import nn

from edgekit import files, modelfile
from edgekit.errors import ModelError, UsageError, nearest
from edgekit.recipe import finding
from edgekit.sources import weights
from edgekit.sources.source import Asked, Source

_RANDOM = "no --weights: the weights are those that building it gave, random unless it loads its own"


def from_file(asked: Asked) -> Source:
    """Build the network of a model file: one of the user's, or one that comes with edgekit (models/resnet.py)."""
    path = Path(asked.name)
    if not path.exists() and (shipped := finding.shipped("models") / path.name).is_file():
        path = shipped
    network = modelfile.build(path, asked.args)
    return _weighted(network, path.stem, {"model": path.name, "sha256": files.sha256(path)}, asked)


def from_package(asked: Asked) -> Source:
    """Call `package.module:callable`, which is found as `python -m` would find it: in the current folder, too."""
    package, _, name = asked.name.partition(":")
    here = str(Path.cwd())
    sys.path.insert(0, here)
    try:
        found = importlib.import_module(package)
    except ImportError as error:
        raise ModelError(
            f'"{package}" cannot be imported: {error}', "install it, or stand in the folder it lies in"
        ) from error
    except Exception as error:  # a module may raise anything while it is imported
        raise ModelError(f'"{package}" fails when it is imported: {type(error).__name__}: {error}') from error
    finally:
        sys.path.remove(here)
    for part in name.split("."):
        known = [each for each in dir(found) if not each.startswith("_")]
        if not hasattr(found, part):
            near = nearest(part, known)
            raise ModelError(f'"{package}" has no "{name}"', f'did you mean "{near}"?' if near else None)
        found = getattr(found, part)
    if isinstance(found, nn.Module):
        if asked.args:
            raise UsageError(f'"{asked.name}" is a module already, and takes no arguments', "leave --args out")
        return _weighted(found, name.rpartition(".")[2].lower(), {"callable": asked.name}, asked)
    if callable(found):
        network = modelfile.call(found, f'"{package}": {name}', asked.args)
    else:
        raise ModelError(f'"{asked.name}" is a {type(found).__name__}, not a module or what makes one')
    return _weighted(network, name.rpartition(".")[2].lower(), {"callable": asked.name}, asked)


def _weighted(network: nn.Module, name: str, said: dict[str, object], asked: Asked) -> Source:
    said = said | ({"args": dict(asked.args)} if asked.args else {})
    if asked.weights is None:
        notes = [_RANDOM] if any(True for _ in network.parameters()) else []
    else:
        notes = weights.load(network, asked.weights)
        said |= {"weights": {"file": asked.weights.name, "sha256": files.sha256(asked.weights)}}
    return Source(network.eval(), name, said, notes=tuple(notes))
