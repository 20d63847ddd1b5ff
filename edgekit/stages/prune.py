"""Remove channels from the model that is kept so far, then recover with the teacher; in several steps where asked."""

from __future__ import annotations

import copy
import dataclasses
from collections.abc import Callable
from functools import cached_property, partial
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
from edgekit.training import checkpoint, together
from edgekit.training.objective import Supervised
from edgekit.training.onnx_network import OnnxNetwork

_BATCHES = 8  # whose gradients tell an importance


def run(settings: Prune, context: Context) -> Made:
    """Make the pruned network; its changed widths go with it."""
    if context.network is None or isinstance(context.network, OnnxNetwork):
        raise ModelError(f'stage "{context.name}" needs a PyTorch network, and what is kept so far is an ONNX graph')
    network = copy.deepcopy(context.network)
    before = now = sum(p.numel() for p in network.parameters())
    with together.apart():
        stage = _Pruning(settings, context, context.network)
    steps = [_step(settings, context, number) for number in range(1, settings.steps + 1)]
    for number, (part, there) in enumerate(steps, 1):
        network = _as_first(network, context, partial(stage.cut, network, there, number / settings.steps))
        if number == settings.steps:
            removed = pruning.removed(context.network, network)
        had, now = now, sum(p.numel() for p in network.parameters())
        console.say(f"{there.name}: {console.number(had)} parameters became {console.number(now)}")
        learn(network, part, there)
    for _, there in steps[:-1] if together.here().leads else []:
        (there.folder / checkpoint.FILE).unlink(missing_ok=True)
    return Made(network, said={**stage.said, "parameters_before": before, "layers_changed": len(removed)})


def _as_first(network: nn.Module, context: Context, cut: Callable[[], None]) -> nn.Module:
    """Have the first process `cut` channels from `network`, and return the network as it is then in all of them."""

    if together.here().size == 1:
        cut()
        return network

    def told() -> tuple[widths.Widths, dict[str, torch.Tensor]]:
        cut()
        return widths.changed(widths.read(context.origin.make()), widths.read(network)), network.state_dict()

    kept, state = together.first(told)
    if not together.here().leads:
        network = context.origin.make()
        widths.restore(network, kept, state)
    return network


def _step(settings: Prune, context: Context, number: int) -> tuple[Prune, Context]:
    """Return what a step is told and where it works; the last one works in the stage's own folder."""
    first, last = (settings.epochs * at // settings.steps for at in (number - 1, number))
    part = settings.model_copy(update={"epochs": last - first})
    if settings.steps == 1:
        return part, context
    name, key = f"{context.name}, step {number} of {settings.steps}", files.fingerprint([context.key, number])
    folder = context.folder if number == settings.steps else context.folder / f"step-{number}"
    return part, dataclasses.replace(context, name=name, key=key, folder=folder)


class _Pruning:
    """How a stage removes channels; `said` is what is told of it."""

    def __init__(self, settings: Prune, context: Context, before: nn.Module) -> None:
        self.settings, self.context, self.before = settings, context, before
        self.example = next(iter(context.job.source(settings, 0).epoch(0))).inputs[:2]
        self.timed = settings.by_time
        self.said: dict[str, Any] = {} if self.timed else {"ratio": settings.ratio}

    def cut(self, network: nn.Module, context: Context, share: float) -> None:
        """Remove channels from `network`, in place, so that it has gone the part `share` of its way."""
        ratio, round_to = self.settings.ratio * share, self.settings.round_to
        choice = (targets.overall if self.settings.scope == "global" else targets.uniform)(ratio, round_to)
        if self.timed:
            kept = self._widths(network, context, share)
            choice = lambda groups: kept  # noqa: E731
        pruning.prune(network, self.example, choice, self._score(network), self.before)

    def _widths(self, network: nn.Module, context: Context, share: float) -> dict[str, int]:
        """Return the widths that are fast enough: those found before where an interrupted run goes on."""
        path = context.folder / "widths.json"
        known = files.read_sealed(path)
        if not known or known["key"] != context.key:
            console.say(f"{context.name}: timing layers to choose their widths")
            kept, speeds = self._narrowing.find(network, self._score, share)
            known = {"key": context.key, "kept": kept, "speedup": speeds}
            files.write_sealed(path, known)
        asked, predicted, measured = (known["speedup"][name] for name in ("asked", "predicted", "measured"))
        console.say(
            f"{context.name}: {asked:.2f}× the speed is asked, {predicted:.2f}× predicted, {measured:.2f}× measured"
        )
        self.said["speedup"] = known["speedup"]
        widths: dict[str, int] = known["kept"]
        return widths

    @cached_property
    def _narrowing(self) -> Narrowing:
        job, settings = self.context.job, self.settings
        assert self.context.graph  # what is kept so far was exported
        trial = self.context.folder / "trial.onnx"
        clock = Clock(self.context.graph, job.deployment, job.inputs, job.measure, trial, self.context.device.quiet)
        return Narrowing(
            clock, self.before, self.example, speedup=settings.target_speedup, p50_ms=settings.target_p50_ms,
            scope=settings.scope or "global", round_to=settings.round_to,
        )  # fmt: skip

    def _score(self, network: nn.Module) -> Score:
        batches = islice(self.context.job.source(self.settings, 0).epoch(0), _BATCHES)
        objective = Supervised(self.context.job.losses, self.settings.label_smoothing)
        loss = lambda batch, outputs: objective(batch, outputs)[0]  # noqa: E731
        return score(self.settings.importance, network, batches, loss, self.context.job.seed)
