"""Train the student with the teacher's answers; also how a pruned network recovers."""

from __future__ import annotations

import torch
from torch import nn

from edgekit.recipe.schema import Distill, Prune
from edgekit.stages.job import Context, Made
from edgekit.training.batches import ArraySource
from edgekit.training.loop import fit
from edgekit.training.objective import Distillation, Objective, Supervised
from edgekit.training.teacher import answers


def run(settings: Distill, context: Context) -> Made:
    """Make the distilled student, from the same start as the student alone."""
    torch.manual_seed(context.job.seed)
    network = context.origin.make()
    learn(network, settings, context)
    return Made(network)


def learn(network: nn.Module, settings: Distill | Prune, context: Context) -> None:
    """Train `network` in place with the teacher's answers where there is a teacher, else with the labels."""
    job, teacher = context.job, context.teacher
    source = job.source(settings, settings.teacher_views if teacher is not None else 0)
    objective: Objective
    if teacher is None:
        objective = Supervised(job.loss, settings.label_smoothing)
    else:
        batches = source.batches if isinstance(source, ArraySource) and settings.teacher_views else None
        replies = answers(teacher, batches, settings.epochs, context.teacher_key, context.device)
        objective = Distillation(settings.losses, replies, job.loss, settings.label_smoothing)
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
    )
