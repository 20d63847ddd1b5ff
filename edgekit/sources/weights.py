"""Weights as people keep them: safetensors, or state dicts saved by torch, wherever they were saved, nested or not.

Nothing is unpickled but tensors and plain values: a pickled module is code, and is refused.
"""

from __future__ import annotations

import pickle
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import nn

from edgekit.compression import widths
from edgekit.errors import ModelError

State = dict[str, torch.Tensor]
_NESTS = ("state_dict", "model_state_dict", "model", "module", "net", "network", "params", "weights")
_PREFIXES = ("module.", "model.", "_orig_mod.", "network.", "net.")
_SAVE = (
    "where it was made: torch.save(model.state_dict(), FILE), or safetensors.torch.save_file(model.state_dict(), FILE)"
)


def load(network: nn.Module, path: Path) -> list[str]:
    """Load the weights in `path` into `network`; return a line for each thing that had to be understood.

    Raises ModelError that counts and names what is missing, unexpected or of another shape.
    """
    state, notes = read(path)
    own = network.state_dict()
    state, stripped = _stripped(state, own)
    notes += [f'the prefix "{prefix}" of every weight was left out' for prefix in stripped]
    for name, value in own.items():
        if name.endswith("num_batches_tracked"):  # which no inference needs, and old files lack
            state.setdefault(name, value)
    widths.fit(network, state, f'the weights in "{path}"')
    return notes


def read(path: Path) -> tuple[State, list[str]]:
    """Read a state dict from a .safetensors, .pt, .pth or .bin file, and say where in the file it was found."""
    if not path.is_file():
        raise ModelError(f'there are no weights "{path}"', "give a .safetensors, .pt or .pth file")
    if path.suffix == ".pt2":
        raise ModelError(f'"{path}" is a program with its weights, not weights', f"edgekit export {path}")
    if path.suffix == ".safetensors":
        try:
            return load_file(path), []
        except (SafetensorError, OSError) as error:
            raise ModelError(f'"{path}" is damaged, or no safetensors file at all: {error}', "get it again") from None
    return _state(_unpickled(path), path)


def _unpickled(path: Path) -> Any:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # torch's, on its way to refusing a TorchScript program
            return torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        said = str(error)
        found = said.partition("Unsupported global: GLOBAL ")[2].split(" ")[0] or said.partition("\n")[0]
        raise ModelError(
            f'"{path}" holds more than weights, pickled code of "{found}": loading it could run anything', _SAVE
        ) from None
    except Exception as error:  # what is no pickle is taken for one, and ends in any error
        said = str(error).partition("\n")[0]
        if "TorchScript" in said or "torch.jit" in said:
            raise ModelError(f'"{path}" is a TorchScript program, not weights', _SAVE) from None
        raise ModelError(f'"{path}" cannot be read as weights: {said}', "get it again, or save it again") from None


def _state(found: Any, path: Path) -> tuple[State, list[str]]:
    if not isinstance(found, Mapping):
        raise ModelError(f'"{path}" holds a {type(found).__name__}, not weights by name', _SAVE)
    tensors = {str(name): value for name, value in found.items() if isinstance(value, torch.Tensor)}
    if tensors:
        return tensors, []
    inside = [name for name in _NESTS if isinstance(found.get(name), Mapping)]
    for name in inside:
        try:
            state, notes = _state(found[name], path)
        except ModelError:
            continue
        more = [f'"{other}"' for other in inside if other != name]
        return state, [f'the weights are those under "{name}" of "{path.name}"' + _beside(more), *notes]
    keys = ", ".join(f'"{key}"' for key in list(found)[:6]) or "nothing"
    raise ModelError(f'"{path}" holds no weights by name; at its top there is {keys}', _SAVE)


def _beside(others: list[str]) -> str:
    return f", not those under {', '.join(others)}" if others else ""


def _stripped(state: State, own: State) -> tuple[State, list[str]]:
    """Leave out the prefixes that wrappers gave every name, where the network does not have them."""
    left_out: list[str] = []
    while not state.keys() & own.keys():
        prefix = next((each for each in _PREFIXES if state and all(name.startswith(each) for name in state)), None)
        if prefix is None:
            break
        state = {name.removeprefix(prefix): value for name, value in state.items()}
        left_out.append(prefix)
    return state, left_out
