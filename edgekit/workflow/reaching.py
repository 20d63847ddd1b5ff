"""Tries networks at the ends of what they may be given: the last token of all, and the longest text.

A few examples have neither, and training or an app may meet them hours later.
"""

from __future__ import annotations

import torch
from torch import nn

from edgekit import tasks
from edgekit.data.tokenizing import Encoder
from edgekit.errors import ModelError
from edgekit.runtime.predictors import TOKENIZER
from edgekit.stages.job import Job

_SHORT = 8  # tokens of a text that any network takes


def check(job: Job, name: str, module: nn.Module) -> None:
    """Raise ModelError where `module` fails on a token or a text as long as it may be given; `name` says whose it is.

    Passes over jobs without tokens, and over networks that fail on any text: they tell of more than this.
    """
    reach = _reach(job)
    if reach is None or _fault(module, torch.ones(1, min(_SHORT, reach[1]), dtype=torch.int64)):
        return
    tokens, length = reach
    last = torch.ones(1, min(_SHORT, length), dtype=torch.int64)
    last[0, -1] = tokens - 1
    if fault := _fault(module, last):
        raise ModelError(
            f"{name} fails on token {tokens - 1}, and there are {tokens}, numbered from 0: {fault}",
            "give the network an embedding for every token, or take the tokenizer it was made for",
        )
    if fault := _fault(module, torch.ones(1, length, dtype=torch.int64)):
        raise ModelError(
            f"{name} fails on {length} tokens, which an example may have: {fault}",
            "make data.text.length or data.window.length smaller, or give the network more positions",
        )


def _reach(job: Job) -> tuple[int, int] | None:
    """Return how many tokens there are, and how many of them an example may have."""
    task = tasks.TASKS.get(job.task)
    if task and task.targets == "token":
        return len(job.deployment.labels), job.inputs.shape[1]
    if TOKENIZER not in job.beside:
        return None
    encoder, fixed = Encoder(job.beside[TOKENIZER]), job.deployment.input.shape[1]
    return encoder.size, fixed if isinstance(fixed, int) else encoder.length


def _fault(module: nn.Module, ids: torch.Tensor) -> str | None:
    try:
        with torch.no_grad():
            module(ids)
    except Exception as error:  # a network may raise anything
        return f"{type(error).__name__}: {error}".partition("\n")[0]
    return None
