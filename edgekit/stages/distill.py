"""Train the student with the teacher's answers; also how a pruned or rounded network recovers."""

from __future__ import annotations

import torch
from torch import nn

from edgekit.recipe.schema import Distill, Prune, Rounded
from edgekit.stages.job import Context, Made
from edgekit.training.batches import ArraySource
from edgekit.training.listening import listening
from edgekit.training.loop import fit
from edgekit.training.objective import Distillation, Objective, Supervised
from edgekit.training.randomness import seeded
from edgekit.training.teacher import answers


def run(settings: Distill, context: Context) -> Made:
    """Make the distilled student, from the same start as the student alone."""
    torch.manual_seed(context.job.seed)
    network = context.origin.make()
    learn(network, settings, context)
    return Made(network)


def learn(network: nn.Module, settings: Distill | Prune | Rounded, context: Context) -> None:
    """Train `network` in place with the teacher's answers where there is a teacher, else with the labels."""
    job, losses = context.job, settings.losses
    taught = context.teacher is not None
    source = job.source(settings, settings.teacher_views if taught else 0, taught)
    layers = losses.layers() if context.teacher is not None else []
    with listening(network, [own for own, _ in layers], "the student") as heard:
        objective: Objective
        if context.teacher is None:
            objective = Supervised(job.losses, settings.label_smoothing)
        else:
            batches = source.batches if isinstance(source, ArraySource) and settings.teacher_views else None
            asked = {other for _, other in layers}
            further = [(network.trained(), network.digest()) for network in job.also]
            teachers = [(context.teacher, context.teacher_key), *further]
            precision = job.teacher.train.precision if job.teacher else "float32"
            replies = answers(teachers, batches, settings.epochs, context.device, asked, precision)
            objective = lesson = Distillation(losses, replies, heard, job.losses, settings.label_smoothing, job.pad)
            with seeded(job.seed, 0):
                lesson.begin(source.epoch(0), network)
        fit(
            network,
            source,
            objective,
            settings,
            name=context.name,
            folder=context.folder,
            key=context.key,
            seed=job.seed,
            device=context.device,
            validate=job.validate,
        )
