"""Train a network from the labels alone, or take it as it is said to be trained: the teacher, the student alone."""

from __future__ import annotations

import torch

from edgekit import console
from edgekit.graph import storage
from edgekit.graph.naming import with_input
from edgekit.recipe.networks import Train
from edgekit.stages.job import Context, Made
from edgekit.training import together
from edgekit.training.loop import fit
from edgekit.training.objective import Supervised


def run(settings: Train, context: Context) -> Made:
    """Make the network that learned from labels."""
    origin = context.origin
    if origin.graph:
        console.say(f"{context.name}: {origin.graph.name}, as it is")
        if together.here().leads:
            storage.save(with_input(origin.graph, context.job.deployment.input.name), context.folder / "model.onnx")
        return Made(origin.make(), context.folder / "model.onnx", {"onnx": origin.graph.name})
    if origin.weights:
        console.say(f"{context.name}: weights from {origin.weights.name}")
        return Made(origin.trained(), said={"weights": origin.weights.name})
    torch.manual_seed(context.job.seed)
    network = origin.make()
    fit(
        network,
        context.job.source(settings, 0),
        Supervised(context.job.losses, settings.label_smoothing),
        settings,
        name=context.name,
        folder=context.folder,
        key=context.key,
        seed=context.job.seed,
        device=context.device,
        validate=context.job.validate,
    )
    return Made(network)
