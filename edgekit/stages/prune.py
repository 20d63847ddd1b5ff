"""Remove channels from the model that is kept so far, then recover with the teacher; in several steps where asked."""

from __future__ import annotations

import copy
import dataclasses
from collections.abc import Callable
from itertools import islice
from typing import Any

import torch
from torch import nn

from edgekit import console, files
from edgekit.compression import pruning, targets, widths
from edgekit.compression.groups import Score
from edgekit.compression.importance import score
from edgekit.compression.timed import Clock, Narrowing
from edgekit.errors import ModelError
from edgekit.recipe.schema import Prune
from edgekit.stages.distill import learn
from edgekit.stages.job import Context, Made
from edgekit.training import checkpoint
from edgekit.training.objective import Supervised
from edgekit.training.onnx_network import OnnxNetwork

_BATCHES = 8  # whose gradients tell an importance


def run(settings: Prune, context: Context) -> Made:
    """Make the pruned network; its changed widths go with it."""
    if context.network is None or isinstance(context.network, OnnxNetwork):
        raise ModelError(f'stage "{context.name}" needs a PyTorch network, and what is kept so far is an ONNX graph')
    pruning.check(context.network)
    network = copy.deepcopy(context.network)
    example = next(iter(context.job.source(settings, 0).epoch(0))).inputs[:2]
    worth = _worth(settings, context)
    choosing = _by_time(settings, context, example, worth) if _target(settings) else _by_ratio(settings)
    before = sum(p.numel() for p in network.parameters())
    told: dict[str, Any] = {}
    for step in range(1, settings.steps + 1):
        part, part_settings = _step(settings, context, step)
        plan = part.folder / "widths.json"
        known = files.read_sealed(plan)
        if not known or known["key"] != part.key:  # what is timed anew may be narrowed otherwise
            kept, told = choosing(network, step / settings.steps)
            known = {"key": part.key, "kept": kept, "told": told}
        found, told = known["kept"], known["told"]
        chosen = pruning.prune(
            network, example, targets.uniform_or(found, settings), worth(network), context.network
        )
        files.write_sealed(plan, {"key": part.key, "kept": chosen, "told": told})
