"""Train a network from the labels alone, or load the weights it is said to have: the teacher, the student alone."""

from __future__ import annotations

import torch

from edgekit import console
from edgekit.compression import widths
from edgekit.recipe.schema import Train
from edgekit.stages.job import Context, Made
from edgekit.training.loop import fit
from edgekit.training.objective import Supervised


def run(settings: Train, context: Context) -> Made:
    """Make the network that learned from labels."""
    origin = context.origin
    torch.manual_seed(context.job.seed)
    network = origin.make()
    if origin.weights:
        from safetensors.torch import load_file

        console.say(f"{context.name}: weights from {origin.weights.name}")
        widths.fit(network, load_file(origin.weights), f'the weights in "{origin.weights}"')
        return Made(network.eval(), said={"weights": origin.weights.name})
    fit(
        network,
        context.job.source(settings, 0),
        Supervised(context.job.loss, settings.label_smoothing),
        settings,
        name=context.name,
        folder=context.folder,
        key=context.key,
        seed=context.job.seed,
        device=context.device,
    )
    return Made(network)
