"""Where a training computes, and how its tensors lie in memory there."""

from __future__ import annotations

import copy
import os
import shutil
from collections.abc import Callable
from typing import Any

import torch
from torch import nn

from edgekit.errors import RecipeError
from edgekit.recipe.networks import Train
from edgekit.training import together
from edgekit.training.batches import TorchBatch
from edgekit.training.randomness import seeded


def target() -> torch.device:
    """Return the device that trainings use: a CUDA device for each process, or the CPU where there is none."""
    return torch.device("cuda", together.here().local_rank) if torch.cuda.is_available() else torch.device("cpu")


def placed(batch: TorchBatch, device: torch.device) -> TorchBatch:
    """Put a batch where the model is."""

    def move(part: torch.Tensor | None) -> torch.Tensor | None:
        return None if part is None else part.to(device)

    inputs, targets = batch.inputs.to(device), batch.targets.to(device)
    return batch._replace(inputs=inputs, targets=targets, partners=move(batch.partners), share=move(batch.share))


def lay_out(module: nn.Module, inputs: torch.Tensor) -> None:
    """Lay the weights of 2-D convolutions channels-last, so that a CPU trains them a quarter faster.

    What convolutions then answer lies channels-last as well, and a `view` of it may fail: whether `module` can be laid
    so is tried on a copy, with two of `inputs`.
    """
    if inputs.device.type != "cpu" or not any(isinstance(layer, nn.Conv2d) for layer in module.modules()):
        return
    attempt = copy.deepcopy(module).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    try:
        with seeded(0, 0), torch.no_grad():
            attempt(inputs[:2])
    except Exception:  # whatever is wrong with the module itself, the training is about to say
        return
    module.to(memory_format=torch.channels_last)  # type: ignore[call-overload]


def check(settings: Train) -> None:
    """Raise RecipeError where this machine cannot train as `settings` say: float16 without CUDA, no C++ compiler."""
    if settings.precision == "float16" and target().type != "cuda":
        raise RecipeError("precision float16 trains on CUDA alone, and there is none here", "precision: bfloat16")
    compiler = os.environ.get("CXX") or "g++"
    if settings.compile and target().type == "cpu" and not shutil.which(compiler):
        said = f'compile needs a C++ compiler, and there is no "{compiler}"'
        raise RecipeError(said, "install one, or leave compile out")


def run(module: Callable[..., Any], inputs: torch.Tensor, precision: str = "float32") -> torch.Tensor:
    """Return what `module` answers to `inputs`, float32 again where `precision` computes in less."""
    low = precision != "float32"
    with torch.autocast(inputs.device.type, getattr(torch, precision), enabled=low):
        outputs: torch.Tensor = module(inputs)
    return outputs.float() if low else outputs


def take_back(module: nn.Module) -> None:
    """Put `module` where and as an app finds it: on the CPU, contiguous, ready to answer."""
    module.to("cpu", memory_format=torch.contiguous_format).eval()  # type: ignore[call-overload]
