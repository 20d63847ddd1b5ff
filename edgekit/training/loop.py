"""The one training loop: teacher, student, distillation, recovery.

Everything random in an epoch is drawn from the seed and the epoch's number, and the learning rate is a function of the
step, so a training that was killed goes on from its last epoch as if nothing had happened. Several processes take each
step together: a batch is what the settings say whatever their number, and any number goes on where another stopped.
"""

from __future__ import annotations

import contextlib
import json
import math
import time
from pathlib import Path
from typing import Any

import torch
from torch import nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from edgekit import console, files, locks
from edgekit.errors import DataError, TrainingError
from edgekit.recipe.networks import Train
from edgekit.training import adversarial, checkpoint, parallel, placement, together
from edgekit.training.batches import Source, TorchBatch
from edgekit.training.objective import Objective
from edgekit.training.optimizers import l1, learning_rate, optimizer
from edgekit.training.randomness import seeded
from edgekit.training.watching import Validate, Watch

HISTORY = "history.jsonl"


def fit(
    module: nn.Module,
    source: Source,
    objective: Objective,
    settings: Train,
    *,
    name: str,
    folder: Path,
    key: str,
    seed: int,
    device: locks.Device,
    validate: Validate | None = None,
) -> None:
    """Train `module` in place; `folder` gets one line of history for each epoch, and a checkpoint after it.

    `validate(module)` scores it on validation examples, where the settings ask for that; more is better. The caller's
    random state is left as it was. Of several processes the first one writes. Raises TrainingError where the loss or
    the weights are no longer numbers, and the checkpoint then holds the last good epoch; DataError where the source
    yields nothing.
    """
    saved = folder / checkpoint.FILE
    training = _Training(module, source, objective, settings, name, device, saved, Watch(validate, settings))
    history: list[dict[str, Any]] = []
    if state := together.first(lambda: checkpoint.load(saved, key)):
        history = training.resume(state)
        console.say(f"{name}: going on after epoch {len(history)} of {settings.epochs}")
    with parallel.batch_statistics(module, name), console.bar(name, settings.epochs * source.steps) as bar:
        bar.begin_at(len(history) * source.steps)
        for epoch in range(len(history), settings.epochs):
            if training.watch.over(history):
                console.say(f"{name}: no better on validation for {settings.patience} epochs; the best are kept")
                break
            with seeded(seed, epoch):
                line = training.epoch(epoch, bar)
                history.append(line | training.watch.look(training.shipped, history, epoch))
            if together.here().leads:
                # The history first: whatever a kill leaves between the two is written again.
                files.write_text(folder / HISTORY, "".join(json.dumps(line) + "\n" for line in history))
                checkpoint.save(saved, key, training.state(history))
    training.finish()


class _Step(nn.Module):
    """From a batch to the scalar that a step goes down, and its parts: what several processes compute in parallel."""

    def __init__(self, module: nn.Module, objective: Objective, settings: Train) -> None:
        super().__init__()
        self.trained = nn.ModuleList([module, objective.learned])
        self.module, self.objective, self.settings = module, objective, settings
        self.answer = torch.compile(module) if settings.compile else module

    def forward(self, batch: TorchBatch, progress: float) -> tuple[torch.Tensor, dict[str, torch.Tensor]]:
        outputs = placement.run(self.answer, batch.inputs, self.settings.precision)
        loss, parts = self.objective(batch, outputs, progress)
        if self.settings.l1:
            parts["l1"] = l1(self.module)
            loss = loss + self.settings.l1 * parts["l1"]
        return loss, {"loss": loss.detach()} | parts


class _Training:
    """What a training changes from step to step: the weights, also the objective's, their average, the optimizer."""

    def __init__(
        self,
        module: nn.Module,
        source: Source,
        objective: Objective,
        settings: Train,
        name: str,
        device: locks.Device,
        saved: Path,
        watch: Watch,
    ) -> None:
        self.module, self.source, self.objective, self.settings = module, source, objective, settings
        self.name, self.device, self.saved, self.watch = name, device, saved, watch
        placement.check(settings)
        self.target = placement.target()
        self.step = _Step(module, objective, settings).to(self.target)
        self.optimizer = optimizer(self.step.trained, settings)
        self.average = (
            AveragedModel(module, multi_avg_fn=get_ema_multi_avg_fn(settings.average), use_buffers=True)  # type: ignore[no-untyped-call]
            if settings.average
            else None
        )
        self.tokens = adversarial.table(module) if settings.adversarial else None
        self.shared: nn.Module | None = None
        self.scaler = torch.amp.GradScaler(enabled=settings.precision == "float16")  # type: ignore[attr-defined]

    def state(self, history: list[dict[str, Any]]) -> dict[str, Any]:
        """Give everything that a resumed training needs."""
        learned = self.objective.learned.state_dict()
        state = {"module": self.module.state_dict(), "learned": learned, "optimizer": self.optimizer.state_dict()}
        if self.average:
            state["average"] = self.average.state_dict()
        if self.watch.best:
            state["best"] = self.watch.best
        return state | {"scaler": self.scaler.state_dict(), "history": json.dumps(history)}

    def resume(self, state: dict[str, Any]) -> list[dict[str, Any]]:
        """Take over what `state` gave, and return the history of the epochs before."""
        self.module.load_state_dict(state["module"])
        self.objective.learned.load_state_dict(state["learned"])
        self.optimizer.load_state_dict(state["optimizer"])
        if self.average:
            self.average.load_state_dict(state["average"])
        self.scaler.load_state_dict(state["scaler"])
        self.watch.best = state.get("best", {})
        history: list[dict[str, Any]] = json.loads(state["history"])
        return history

    def epoch(self, epoch: int, bar: console.Bar) -> dict[str, Any]:
        """Train for one epoch, counted from 0, and return its line of history."""
        began, number, sums = time.monotonic(), 0, dict[str, float]()
        self.module.train()
        for number, batch in enumerate(self.source.epoch(epoch), 1):
            if number == 1:  # by now the order is drawn, the same in all processes
                together.own_randomness()
            for part, value in self._step(placement.placed(batch, self.target), epoch, number).items():
                sums[part] = sums.get(part, 0.0) + value
            done = epoch * self.source.steps + number
            bar.update(done, f"epoch {epoch + 1}/{self.settings.epochs}  loss {sums['loss'] / number:.3f}")
        if not number:
            raise DataError(
                f"{self.name}: there is no batch in epoch {epoch + 1}",
                "give a loader that is not empty, and begins anew for every epoch",
            )
        for name, weights in self.module.named_parameters():
            if not weights.isfinite().all():
                raise self._diverged(f'"{name}" holds numbers that are not finite', epoch, number)
        parallel.even_out(self.module, self.average)
        means = {part: value / number for part, value in sums.items()}
        size = together.here().size
        return {
            "epoch": epoch + 1,
            "epochs": self.settings.epochs,
            "loss": means.pop("loss"),
            "parts": means,
            "learning_rate": self.optimizer.param_groups[0]["lr"],
            "seconds": round(time.monotonic() - began, 3),
        } | ({"processes": size} if size > 1 else {})

    @property
    def shipped(self) -> nn.Module:
        """What is shipped as things stand: the weights, or their average."""
        return self.average.module if self.average else self.module

    def finish(self) -> None:
        """Leave in the module what is shipped."""
        if self.watch.best:
            self.module.load_state_dict(self.watch.best)
        elif self.average and self.settings.epochs:
            self.module.load_state_dict(self.average.module.state_dict())
        placement.take_back(self.module)

    def _step(self, batch: TorchBatch, epoch: int, number: int) -> dict[str, float]:
        """Take step `number` (from 1) of `epoch` (from 0) down the gradient; return the loss and its parts."""
        settings, steps = self.settings, self.source.steps
        step, total = epoch * steps + number - 1, settings.epochs * steps
        if self.shared is None:
            placement.lay_out(self.module, batch.inputs)
            changing = any(True for _ in self.objective.learned.parameters())
            self.shared = parallel.shared(self.step, batch, 0.0, changing=changing)
        for group in self.optimizer.param_groups:
            group["lr"] = learning_rate(settings, step, total)
        with self.device.busy():
            self.optimizer.zero_grad()
            progress = min(step / max(total - 1, 1), 1.0)  # a loader may yield more than its length says
            values = self._gradient(self.shared, batch, progress)
            if not math.isfinite(values["loss"]):
                raise self._diverged(f"the loss is {values['loss']}", epoch, number)
            if settings.clip:
                self.scaler.unscale_(self.optimizer)
                nn.utils.clip_grad_norm_(self.step.trained.parameters(), settings.clip)
            self.scaler.step(self.optimizer)
            self.scaler.update()
            if self.average:
                self.average.update_parameters(self.module)
        return values

    def _gradient(self, shared: nn.Module, batch: TorchBatch, progress: float) -> dict[str, float]:
        """Add up the gradient of `batch`, also where its tokens are moved; return the loss and its parts."""
        values = self._added(shared, batch, progress)
        if self.tokens is not None:
            with adversarial.moved(self.tokens, self.settings.adversarial):
                values["adversarial"] = self._added(shared, batch, progress)["loss"]
        return values

    def _added(self, shared: nn.Module, batch: TorchBatch, progress: float) -> dict[str, float]:
        """Add the gradient of `batch`, piece by piece; return the loss and its parts, of all processes together."""
        pieces = list(batch.pieces(self.settings.accumulate)) if self.settings.accumulate > 1 else [batch]
        sums: dict[str, torch.Tensor] = {}
        for piece in pieces:
            with contextlib.nullcontext() if piece is pieces[-1] else parallel.no_exchange(shared):
                loss, parts = shared(piece, progress)
                self.scaler.scale(loss if piece.weight == 1 else loss * piece.weight).backward()  # type: ignore[no-untyped-call]
            for name, value in parts.items():
                sums[name] = sums.get(name, 0.0) + value.detach() * piece.weight
        values = together.mean(torch.stack([value.double() for value in sums.values()]))
        return dict(zip(sums, values.tolist(), strict=True))

    def _diverged(self, what: str, epoch: int, number: int) -> BaseException:
        kept = f'; the state after epoch {epoch} is kept in "{self.saved}"' if epoch else ""
        return together.alike(
            TrainingError(
                f"{self.name}: {what} in epoch {epoch + 1}, step {number} of {self.source.steps}{kept}",
                "lower the learning rate, or limit the gradient with clip: 1.0",
            )
        )
