"""What test_together.py starts once alone and once twice: trains, and writes what came of it."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import torch
from torch import nn

from edgekit.data.batches import Batches
from edgekit.data.dataset import Split
from edgekit.errors import DataError
from edgekit.locks import Device
from edgekit.recipe.data import Augment
from edgekit.recipe.losses import Losses
from edgekit.recipe.networks import Train
from edgekit.training import kept, loop, together
from edgekit.training.batches import ArraySource, LoaderSource
from edgekit.training.objective import Distillation, Supervised
from edgekit.training.teacher import CachedTeacher

kept.SHARD = 8  # examples: several shards of so small a set


def split() -> Split:
    draw = np.random.default_rng(0)
    targets = draw.integers(0, 3, 44)
    pixels = draw.integers(0, 100, (44, 6, 5, 1), dtype=np.uint8)
    for index, target in enumerate(targets):
        pixels[index, 2 * target : 2 * target + 2] += 120
    return Split(pixels, targets)


def network(width: int = 4, norm: bool = False) -> nn.Module:
    torch.manual_seed(7)
    inner = nn.BatchNorm2d(width) if norm else nn.Identity()
    return nn.Sequential(nn.Conv2d(1, width, 3), inner, nn.ReLU(), nn.Flatten(), nn.Linear(width * 12, 3))


def texts() -> tuple[Split, nn.Module]:
    ids = np.random.default_rng(0).integers(0, 9, (44, 4))
    torch.manual_seed(7)
    return Split(ids, ids.sum(1) % 3), nn.Sequential(nn.Embedding(9, 5), nn.Tanh(), nn.Flatten(), nn.Linear(20, 3))


def trained(folder: Path, name: str, objective=None, norm=False, words=False, **said) -> dict:
    """Train on batches that two processes cannot share evenly; return the loss of every step, and sums of weights."""
    batch = said.get("batch", 11)
    examples, module = texts() if words else (split(), network(norm=norm))
    augment = None if words else Augment(flip=True, mixup=0.2)
    source = ArraySource(Batches(examples, batch=batch, seed=3, normalize=None, augment=augment, views=2))
    settings = Train(**{"epochs": 13, "batch": batch, "learning_rate": 0.05, "clip": 1.0, "l1": 1e-4, **said})
    losses = []
    step = loop._Training._step

    def noted(self, *arguments):
        values = step(self, *arguments)
        losses.append(values["loss"])
        return values

    loop._Training._step = noted
    device = Device("cpu")
    loop.fit(
        module, source, objective or Supervised(), settings,
        name=name, folder=folder / name, key=name, seed=3, device=device,
    )  # fmt: skip
    loop._Training._step = step
    state = {key: value.double().sum().item() for key, value in module.state_dict().items()}
    return {"losses": losses, "weights": state}


def taught(folder: Path) -> dict:
    batches = Batches(split(), batch=11, seed=3, normalize=None, augment=Augment(flip=True), views=2)
    teacher = network(8).eval()
    cached = CachedTeacher(teacher, batches, "teacher", Device("cpu"))
    asked = []
    ask = cached._ask
    cached._ask = lambda shard, *rest: (asked.append(list(shard)), ask(shard, *rest))[1]
    cached.fill(2)
    said = Losses.model_validate({"soft-target": {"weight": 0.9, "temperature": 4}, "hard-label": {"weight": 0.1}})
    found = trained(folder, "taught", Distillation(said, cached))
    return found | {"asked": together.gathered(asked)}


def parts_of_epochs() -> dict:
    """Return, by process, which examples each of edgekit's own and of a user's batches gave it."""
    batches = Batches(split(), batch=11, seed=3, normalize=None, augment=None)
    own = [batch.index.tolist() for batch in ArraySource(batches).epoch(0)]
    pairs = [(torch.arange(at, min(at + 5, 11)), torch.zeros(min(5, 11 - at))) for at in range(0, 11, 5)]
    given = [(batch.inputs.tolist(), batch.weight) for batch in LoaderSource(pairs).epoch(0)]
    return {"own": together.gathered(own), "given": together.gathered(given)}


def refused(what: dict[str, str], folder: Path) -> str:
    """Return how this process ends where the processes are not alike; "" where they are."""
    try:
        together.one_and_the_same(what, folder)
    except DataError as error:
        return error.render()
    except SystemExit as end:
        return f"ends with {end.code}, and without a word"
    return ""


def main(folder: Path) -> None:
    with together.joined():
        found = {
            "size": together.here().size,
            "alike": trained(folder, "alike"),
            "in pieces": trained(folder, "in pieces", accumulate=3),
            "adversarial": trained(folder, "adversarial", words=True, adversarial=0.5, accumulate=2),
            "averaged": trained(folder, "averaged", average=0.9),
            "statistics": trained(folder, "statistics", norm=True),
            "one each": trained(folder, "one each", batch=1, epochs=1),
            "taught": taught(folder),
            "parts": parts_of_epochs(),
            "same": refused({"data set": "a"}, folder),
            "other data": refused({"data set": f"{together.here().rank}"}, folder),
            "other disk": refused({"data set": "a"}, folder / f"of-{together.here().rank}"),
            "first": together.first(lambda: together.here().size),
        }
        rank = together.here().rank
        (folder / f"found-{rank}.json").write_text(json.dumps(found))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
