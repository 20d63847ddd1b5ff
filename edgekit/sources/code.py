"""A module from code: a model file with `build`, or `package.module:callable`. Both run what they name."""

from __future__ import annotations

from pathlib import Path

from torch import nn

from edgekit import files, modelfile
from edgekit.errors import ModelError, UsageError
from edgekit.recipe import finding
from edgekit.sources import importing, weights
from edgekit.sources.source import Asked, Source

_RANDOM = "no weights were given: they are those that building it gave, random unless it loads its own"


def from_file(asked: Asked) -> Source:
    """Build the network of a model file: one of the user's, or one that comes with edgekit (models/resnet.py)."""
    path = Path(asked.name)
    if not path.exists() and (shipped := finding.shipped("models") / path.name).is_file():
        path = shipped
    network = modelfile.build(path, asked.args)
    return _weighted(network, path.stem, {"model": path.name, "sha256": files.sha256(path)}, asked)


def from_package(asked: Asked) -> Source:
    """Call `package.module:callable`, or take it as it is where it is a module."""
    package, _, name = asked.name.partition(":")
    found = importing.find(asked.name)
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
