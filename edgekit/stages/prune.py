"""Remove channels from the model that is kept so far, then recover with the teacher."""

from __future__ import annotations

import copy

from edgekit import console
from edgekit.compression import pruning, widths
from edgekit.errors import ModelError
from edgekit.recipe.schema import Prune
from edgekit.stages.distill import learn
from edgekit.stages.job import Context, Made
from edgekit.training.onnx_network import OnnxNetwork


def run(settings: Prune, context: Context) -> Made:
    """Make the pruned network; its changed widths go with it."""
    if context.network is None or isinstance(context.network, OnnxNetwork):
        raise ModelError(f'stage "{context.name}" needs a PyTorch network, and what is kept so far is an ONNX graph')
    network = copy.deepcopy(context.network)
    example = next(iter(context.job.source(settings, 0).epoch(0))).inputs[:2]
    before = sum(p.numel() for p in network.parameters())
    pruning.prune(network, example, settings.ratio, settings.round_to)
    after = sum(p.numel() for p in network.parameters())
    console.say(f"{context.name}: {console.number(before)} parameters became {console.number(after)}")
    learn(network, settings, context)
    removed = widths.changed(widths.read(context.network), widths.read(network))
    return Made(network, said={"ratio": settings.ratio, "parameters_before": before, "layers_changed": len(removed)})
