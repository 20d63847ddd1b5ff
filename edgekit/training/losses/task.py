"""What the losses of a task are. A module beside this one has those of each kind of targets."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch

from edgekit.training.batches import TorchBatch

TaskLoss = Callable[[torch.Tensor, torch.Tensor], torch.Tensor]
Hard = Callable[[torch.Tensor, TorchBatch, float], torch.Tensor]
Soft = Callable[[torch.Tensor, torch.Tensor, float], torch.Tensor]


@dataclass(frozen=True)
class TaskLosses:
    """`hard(outputs, batch, smoothing)` against the targets, `soft(student, teacher, temperature)` against a teacher.

    Both give a scalar, the mean over the examples. An example without a target counts in `soft` alone; where a batch
    has no target at all `hard` is 0. With `of_classes` outputs are logits (b, classes), which dkd and dist ask for;
    with `any_width` student and teacher may answer vectors of different lengths.
    """

    hard: Hard
    soft: Soft
    of_classes: bool = False
    any_width: bool = False
