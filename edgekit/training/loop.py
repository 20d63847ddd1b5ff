"""The one training loop: teacher, student, distillation, recovery.

Everything random in an epoch is drawn from the seed and the epoch's number, and the learning rate is a function of the
step, so a training that was killed goes on from its last epoch as if nothing had happened.
"""

from __future__ import annotations

import json
import math
import random
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from edgekit import console, files, locks
from edgekit.errors import TrainingError
from edgekit.recipe.schema import Train
from edgekit.training import checkpoint
from edgekit.training.batches import Source, TorchBatch
from edgekit.training.objective import Objective
from edgekit.training.optimizers import learning_rate, optimizer

HISTORY = "history.jsonl"


def seed_epoch(seed: int, epoch: int) -> None:
    """Seed every generator that models, loaders and losses may draw from, for this epoch."""
    mixed = int(np.random.SeedSequence([seed, epoch]).generate_state(1)[0])
    torch.manual_seed(mixed)
    random.seed(mixed)
    np.random.seed(mixed)


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
) -> None:
    """Train `module` in place; `folder` gets a checkpoint after every epoch and one line of history for each.

    Raises TrainingError where the loss is no longer a number; the checkpoint then holds the last good epoch.
    """
    saved = folder / "checkpoint.pt"
    target = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    module.to(target)
    steps = optimizer(module, settings)
    averaged = (
        AveragedModel(module, multi_avg_fn=get_ema_multi_avg_fn(settings.average), use_buffers=True)  # type: ignore[no-untyped-call]
        if settings.average
        else None
    )
    history: list[dict[str, Any]] = []
    if state := checkpoint.load(saved, key):
        module.load_state_dict(state["module"])
        steps.load_state_dict(state["optimizer"])
        if averaged:
            averaged.load_state_dict(state["averaged"])
        history = json.loads(state["history"])
        console.say(f"{name}: going on after epoch {len(history)} of {settings.epochs}")
    total = settings.epochs * source.steps
    with console.bar(name, total) as bar:
        bar.begin_at(len(history) * source.steps)
        for epoch in range(len(history), settings.epochs):
            began = time.monotonic()
            seed_epoch(seed, epoch)
            module.train()
            sums: dict[str, float] = {}
            for number, batch in enumerate(source.epoch(epoch)):
                step = epoch * source.steps + number
                for group in steps.param_groups:
                    group["lr"] = learning_rate(settings, step, total)
                batch = _placed(batch, target)
                objective.prepare(batch)
                with device.busy():
                    parts = _step(module, batch, objective, steps, settings)
                if averaged:
                    averaged.update_parameters(module)
                if not math.isfinite(parts["loss"]):
                    raise TrainingError(
                        f"{name}: the loss is {parts['loss']} in epoch {epoch + 1}, step {number + 1} of {source.steps};"
                        f' the state after epoch {epoch} is kept in "{saved}"',
                        "lower the learning rate, or limit the gradient with clip: 1.0",
                    )
                for part, value in parts.items():
                    sums[part] = sums.get(part, 0.0) + value
                bar.update(step + 1, f"epoch {epoch + 1}/{settings.epochs}  loss {sums['loss'] / (number + 1):.3f}")
            means = {part: value / source.steps for part, value in sums.items()}
            history.append(
                {
                    "epoch": epoch + 1,
                    "epochs": settings.epochs,
                    "loss": means.pop("loss"),
                    "parts": means,
                    "learning_rate": steps.param_groups[0]["lr"],
                    "seconds": round(time.monotonic() - began, 3),
                }
            )
            state = {"module": module.state_dict(), "optimizer": steps.state_dict(), "history": json.dumps(history)}
            checkpoint.save(saved, key, state | ({"averaged": averaged.state_dict()} if averaged else {}))
            files.write_text(folder / HISTORY, "".join(json.dumps(line) + "\n" for line in history))
    if averaged and settings.epochs:
        module.load_state_dict(averaged.module.state_dict())
    module.to("cpu").eval()


def _placed(batch: TorchBatch, target: torch.device) -> TorchBatch:
    """Put a batch where the model is; images lie channels-last, which convolutions on a CPU read faster."""
    inputs = batch.inputs.to(target)
    if inputs.ndim == 4:
        inputs = inputs.contiguous(memory_format=torch.channels_last)
    return batch._replace(inputs=inputs, targets=batch.targets.to(target))


def _step(
    module: nn.Module, batch: TorchBatch, objective: Objective, steps: torch.optim.Optimizer, settings: Train
) -> dict[str, float]:
    """Take one step down the gradient; return the loss and its parts."""
    low = settings.precision == "bfloat16"
    with torch.autocast(batch.inputs.device.type, torch.bfloat16, enabled=low):
        outputs = module(batch.inputs)
    loss, parts = objective(batch, outputs.float() if low else outputs)
    steps.zero_grad()
    loss.backward()  # type: ignore[no-untyped-call]
    if settings.clip:
        nn.utils.clip_grad_norm_(module.parameters(), settings.clip)
    steps.step()
    return {"loss": loss.item()} | {part: value.item() for part, value in parts.items()}
