"""Before anything is trained, all of a job is tried on a few examples, so that what does not fit shows at once."""

from __future__ import annotations

import traceback
from pathlib import Path

import torch
from torch import nn

from edgekit import tasks
from edgekit.compression import pruning
from edgekit.errors import EdgekitError, ModelError, RecipeError
from edgekit.recipe.losses import Losses
from edgekit.recipe.networks import Train
from edgekit.recipe.schema import Distill, Prune, Quantize, Rounded
from edgekit.runtime.devices import naming, plugins, providers
from edgekit.runtime.feeds import describe
from edgekit.runtime.session import open_session
from edgekit.stages import quantize
from edgekit.stages.job import Job, Network
from edgekit.training import adversarial, placement
from edgekit.training.batches import TorchBatch
from edgekit.training.listening import listening
from edgekit.training.objective import LOSSES, Distillation, Supervised
from edgekit.training.randomness import seeded
from edgekit.training.teacher import LiveTeacher
from edgekit.workflow import reaching

_TRIED = 8  # examples
_ANSWERED = {"number": "numbers", "labels": "labels", "token": "tokens"}
_OF_PROBABILITIES = {"soft-target", "dkd", "dist"}


def rehearse(job: Job) -> dict[str, torch.Tensor]:
    """Have the job's networks answer a few examples, and its loss judge them; return the answers (b, ...) by network.

    Raises DeviceError where the device to measure on is not there, ModelError where a network or the loss fails or
    answers what cannot be used, RecipeError where a loss cannot teach what the networks answer.
    """
    if job.measure.device != "auto":
        providers.check(naming.parse(job.measure.device, plugins.names))
    networks = {who: network for who, network in (("teacher", job.teacher), ("student", job.student)) if network}
    trainings = _trainings(job, networks)
    for settings in trainings.values():
        placement.check(settings)
    settings = next(reversed(networks.values())).train
    with seeded(job.seed, 0):
        batch = next(iter(job.source(settings, 0).epoch(0)))
    partners, share = (None if part is None else part[:_TRIED] for part in (batch.partners, batch.share))
    batch = TorchBatch(batch.inputs[:_TRIED], batch.targets[:_TRIED], None, batch.view, partners, share)
    modules = {who: network.trained() for who, network in networks.items()}
    for place, settings in trainings.items():
        if settings.epochs and settings.adversarial:
            _check_tokens(place, modules.get(place, next(reversed(modules.values()))))
    answers = {who: _answer(job, who, network, modules[who], batch) for who, network in networks.items()}
    if any(isinstance(stage, Prune) for stage in job.stages.values()):
        pruning.check(next(reversed(modules.values())))
    for stage in job.stages.values():
        if isinstance(stage, Quantize) and stage.may_train:
            quantize.check(stage, job, next(reversed(modules.values())), batch.inputs)
    for network in job.also:
        _answer(job, "further teacher", network, network.trained(), batch)
    if job.teacher and job.teacher.graph:
        _check_reference(job, job.teacher.graph)
    _check_loss(job, batch, next(reversed(answers.values())))
    _check_teaching(job, batch, modules, answers)
    return answers


def _trainings(job: Job, networks: dict[str, Network]) -> dict[str, Train]:
    """Return every training the job may take, by where the recipe speaks of it."""
    found = {who: network.train for who, network in networks.items()}
    for name, stage in job.stages.items():
        if isinstance(stage, Quantize) and stage.may_train:
            found[f"stages.{name}"] = stage.train
        elif isinstance(stage, Train):
            found[f"stages.{name}"] = stage
    return found


def _check_tokens(place: str, module: nn.Module) -> None:
    try:
        adversarial.table(module)
    except ModelError as error:
        raise ModelError(f"{place}: {error}", error.hint) from None


def _answer(job: Job, who: str, network: Network, module: nn.Module, batch: TorchBatch) -> torch.Tensor:
    identity, inputs = network.identity, batch.inputs
    name = f"the {who}, {identity.get('model') or identity.get('onnx') or identity['class']},"
    to_train = network.train.epochs and not network.graph
    if to_train and not any(parameter.requires_grad for parameter in module.parameters()):
        raise ModelError(f"{name} has no parameter to train", "unfreeze some, or train it for 0 epochs")
    if not network.graph:
        reaching.check(job, name, module)
    try:
        with torch.no_grad():
            answer = module(inputs)
    except EdgekitError:
        raise
    except Exception as error:  # a network may raise anything
        raise ModelError(
            f"{name} fails on inputs {describe(inputs.numpy())}{_place(error)}: {_said(error)}",
            "the network's arguments are wrong, or it is not made for data of this form",
        ) from error
    if not isinstance(answer, torch.Tensor) or answer.ndim < 2 or len(answer) != len(inputs):
        told = describe(answer.numpy()) if isinstance(answer, torch.Tensor) else f"a {type(answer).__name__}"
        raise ModelError(f"{name} answers {told} to {len(inputs)} inputs", "let it return one tensor, a row per input")
    wanted, what = _wanted(job, batch)
    if wanted and answer.shape[-1] != wanted:
        raise ModelError(
            f"{name} answers {answer.shape[-1]} {what}, and the data has {wanted}",
            f"give the network as many outputs as there are {what}",
        )
    return answer


def _wanted(job: Job, batch: TorchBatch) -> tuple[int, str]:
    """Return how many outputs a network must have, 0 where nothing says so, and what they are."""
    targets = tasks.get(job.task).targets if job.task in tasks.TASKS else "class"
    if targets == "number":
        return batch.targets[0].numel(), _ANSWERED[targets]
    return len(job.deployment.labels), _ANSWERED.get(targets, "classes")


def _check_reference(job: Job, graph: Path) -> None:
    """The file is scored and timed as it is, beside what an app will run: it must take what an app passes."""
    (taken,), asked = open_session(graph, threads=1).inputs, job.deployment.input
    pairs = list(zip(taken.shape, asked.shape, strict=False))
    sizes = all(one == other for one, other in pairs if isinstance(one, int) and isinstance(other, int))
    fits = sizes and taken.dtype == asked.dtype and len(taken.shape) == len(asked.shape)
    if not fits or isinstance(taken.shape[0], int):
        raise ModelError(
            f'the teacher "{graph.name}" takes {taken}, and what it is compared with takes {asked}',
            "as the reference it must take what an app passes, a batch of any size; any other may teach under also",
        )


def _check_teaching(
    job: Job, batch: TorchBatch, modules: dict[str, nn.Module], answers: dict[str, torch.Tensor]
) -> None:
    for name, stage in job.stages.items():
        train = stage.train if isinstance(stage, Quantize) and stage.may_train else stage
        if len(modules) < 2 or not isinstance(train, Distill | Prune | Rounded):
            continue
        losses = train.losses
        taught, learned = (list(answers[who].shape[1:]) for who in ("teacher", "student"))
        if taught != learned and not job.losses.any_width and losses.counting().keys() & LOSSES.keys():
            raise ModelError(
                f"the teacher answers {taught} to an input, and the student {learned}",
                "give both networks the same outputs",
            )
        if learned == [1] and job.losses.of_classes and losses.counting().keys() & _OF_PROBABILITIES:
            raise RecipeError(
                f"stages.{name}: soft-target teaches nothing to networks that answer a single number",
                "losses: {soft-target: {weight: 0}, hard-label: {weight: 1}}",
            )
        _try_losses(f"stages.{name}.losses", job, losses, batch, modules["teacher"], modules["student"])


def _try_losses(
    place: str, job: Job, losses: Losses, batch: TorchBatch, teacher: nn.Module, student: nn.Module
) -> None:
    """Try all losses on a batch, so that layers that are not there or do not fit show now."""
    layers = losses.layers()
    try:
        with listening(student, [own for own, _ in layers], "the student") as heard, torch.no_grad():
            asked = LiveTeacher(teacher, [other for _, other in layers])
            objective = Distillation(losses, asked, heard, job.losses, pad=job.pad)
            objective.begin([batch], student)
            objective(batch, student(batch.inputs))
    except EdgekitError as error:
        raise type(error)(f"{place}: {error}", error.hint) from None


def _check_loss(job: Job, batch: TorchBatch, answer: torch.Tensor) -> None:
    given = f"outputs {describe(answer.numpy())} and targets {describe(batch.targets.numpy())}"
    wanted = "it takes outputs and targets, and returns the mean loss: a tensor of one number, with its gradient"
    try:
        loss, _ = Supervised(job.losses)(batch, answer.clone().requires_grad_())
        loss.item()
    except EdgekitError:
        raise
    except Exception as error:  # as may a loss
        raise ModelError(f"the loss fails on {given}{_place(error)}: {_said(error)}", wanted) from error
    if not loss.requires_grad:
        raise ModelError(f"the loss of {given} cannot be differentiated", wanted)


def _place(error: Exception) -> str:
    """Say where in the user's own code an error was raised."""
    frames = [each for each in traceback.extract_tb(error.__traceback__) if each.filename != __file__]
    own = [each for each in frames if not {"torch", "edgekit"} & set(Path(each.filename).parts)]
    return f" at {Path(own[-1].filename).name}, line {own[-1].lineno}" if own else ""


def _said(error: Exception) -> str:
    return f"{type(error).__name__}: {error}".partition("\n")[0]
