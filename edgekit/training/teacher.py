"""The teacher's answers: asked live, or kept on disk for a fixed number of augmented views.

A kept view is keyed by the teacher's weights, code and precision, the data, the augmentation and the seed, and holds
the logits of every training example in order, and its pooled vector where a loss asks for it; so it serves any student,
batch size, epoch and number of processes that uses the same views. Feature maps are not kept: one of 128 x 7 x 7 fills
as much as 2,500 rows of logits.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
import torch
from torch import nn

from edgekit import console, files, locks
from edgekit.data import augmentation, drawing, mixing, randomness
from edgekit.data import batches as batching
from edgekit.data.batches import Batches
from edgekit.recipe.losses import POOLED
from edgekit.training import placement, together
from edgekit.training.batches import TorchBatch, tensors
from edgekit.training.kept import Kept, Shard
from edgekit.training.listening import listening
from edgekit.training.objective import Answer, Answers

_LOGITS = "logits"


class LiveTeacher:
    """Asks the teacher for every batch, and hears what `layers` say."""

    def __init__(self, module: nn.Module, layers: Iterable[str] = (), precision: str = "float32") -> None:
        self._module = module.eval()
        self._precision = precision
        self._laid_out = False
        self._layers = tuple(layers)

    @torch.no_grad()  # of what inference mode makes, a student's step could keep nothing for its gradient
    def __call__(self, batch: TorchBatch) -> Answer:
        """Return the teacher's logits (b, classes), and what its layers said."""
        self._module.to(batch.inputs.device)
        if not self._laid_out:
            placement.lay_out(self._module, batch.inputs)
            self._laid_out = True
        with listening(self._module, self._layers, "the teacher") as heard:
            logits = placement.run(self._module, batch.inputs, self._precision)
        return Answer(logits, {layer: said.float() for layer, said in heard.items()})


class CachedTeacher:
    """Looks the teacher's answers up by view and example, in the views it was filled with.

    Logits are kept as float32; pooled vectors, with `pooled`, as float16 (an error of 0.05 % at most), or as float32
    where they are too large for it.
    """

    def __init__(
        self,
        network: nn.Module,
        batches: Batches,
        identity: str,
        device: locks.Device,
        pooled: bool = False,
        precision: str = "float32",
    ) -> None:
        self._module = network.eval()
        self._batches = batches
        self._device = device
        self._precision = precision
        self._kinds = (_LOGITS, POOLED) if pooled else (_LOGITS,)
        examples = {part: batches.describe()[part] for part in ("data", "normalize", "augment", "view_seed")}
        rooms = (augmentation, mixing, batching, randomness, drawing)
        code = [files.sha256(Path(module.__file__ or "")) for module in rooms]
        key = files.fingerprint({"teacher": identity, "precision": precision, "examples": examples, "code": code})
        self.folder = files.home() / "teachers" / key[:32]
        self._answers = Kept(self.folder, self._kinds, batches.examples)

    def fill(self, views: int) -> None:
        """Have the answers to the first `views` views at hand: those on disk, and the others from the teacher.

        Several processes share out what is to be asked; another run that needs the same answers waits for them.
        """
        process = together.here()
        with contextlib.ExitStack() as held:
            if process.leads:
                held.enter_context(locks.exclusive(self.folder / ".lock", self._waiting))
            missing = together.first(lambda: self._answers.missing(views))
            mine, done = missing[process.rank :: process.size], 0
            if mine:
                total = sum(len(shard.rows(self._batches.examples)) for shard in mine)
                with console.bar("teacher's answers", total) as bar:
                    for shard in mine:
                        self._answers.keep(shard, self._ask(shard, bar, done))
                        done += len(shard.rows(self._batches.examples))
            together.wait()

    def __call__(self, batch: TorchBatch) -> Answer:
        """Return the teacher's logits (b, classes) float32 for the batch's view of its examples, and pooled (b, n)."""
        assert batch.index is not None
        found = {kind: self._answers.rows(batch.view, kind, batch.index) for kind in self._kinds}
        answers = {kind: torch.from_numpy(rows).to(batch.inputs.device).float() for kind, rows in found.items()}
        return Answer(answers.pop(_LOGITS), answers)

    @torch.no_grad()  # in inference mode the weights that are laid out anew could be differentiated no more
    def _ask(self, shard: Shard, bar: console.Bar, done: int) -> dict[str, np.ndarray]:
        answers: dict[str, list[np.ndarray]] = {kind: [] for kind in self._kinds}
        device = placement.target()
        self._module.to(device)
        batches = map(tensors, self._batches.in_order(shard.view, shard.rows(self._batches.examples)))
        with listening(self._module, self._kinds[1:], "the teacher") as heard:
            for number, batch in enumerate(batches):
                inputs = batch.inputs.to(device)
                if number == 0:
                    placement.lay_out(self._module, inputs)
                with self._device.busy():
                    heard[_LOGITS] = placement.run(self._module, inputs, self._precision)
                    for kind, parts in answers.items():
                        parts.append(heard[kind].float().cpu().numpy())
                done += len(batch.targets)
                bar.update(done, f"view {shard.view + 1}")
        return {kind: _halved(np.concatenate(parts), kind) for kind, parts in answers.items()}

    def _waiting(self) -> None:
        console.say("another run asks the teacher the same; waiting for its answers")


def _halved(rows: np.ndarray, kind: str) -> np.ndarray:
    fits = kind == POOLED and np.abs(rows).max() <= np.finfo(np.float16).max
    return rows.astype(np.float16) if fits else rows


class Averaged:
    """Several teachers as one: the mean of their logits, and the layers of the first.

    The mean of logits is the geometric mean of the probabilities, at every temperature at once, so that each loss may
    have its own (Hinton et al. 2015, arXiv 1503.02531, section 1, allows either mean for an ensemble; You et al. 2017,
    doi 10.1145/3097983.3098135, take the arithmetic one of the softened probabilities, which is of one temperature).
    """

    def __init__(self, teachers: Sequence[Answers]) -> None:
        self._teachers = teachers

    def __call__(self, batch: TorchBatch) -> Answer:
        """Return the mean of the teachers' logits (b, classes), and what the first one's layers said."""
        answered = [teacher(batch) for teacher in self._teachers]
        return answered[0]._replace(logits=torch.stack([each.logits for each in answered]).mean(0))


def answers(
    teachers: Sequence[tuple[nn.Module, str]],
    batches: Batches | None,
    epochs: int,
    device: locks.Device,
    layers: Iterable[str] = (),
    precision: str = "float32",
) -> Answers:
    """Keep the answers of `teachers` where the views are counted and the examples known; else ask them live.

    `teachers`: each with the hash of what it is. `layers` of the first are heard as well: "pooled" is kept, and any
    other is asked for live, and a line says so. Kept are the views that `epochs` look at. In `precision` "bfloat16"
    the answers of the Fashion-MNIST teacher differ by 0.02 in the mean, of logits that spread by 4.6.
    """
    heard = set(layers)
    found = [
        _answers(module, batches, epochs, identity, device, set() if place else heard, precision)
        for place, (module, identity) in enumerate(teachers)
    ]
    return found[0] if len(found) == 1 else Averaged(found)


def _answers(
    module: nn.Module,
    batches: Batches | None,
    epochs: int,
    identity: str,
    device: locks.Device,
    layers: set[str],
    precision: str,
) -> Answers:
    if batches is None or not batches.views:
        return LiveTeacher(module, layers, precision)
    if batches.split.targets.ndim > 1 and batches.split.targets.dtype.kind in "iu":
        console.say("the teacher is asked for every batch: its answers to every token are too large to keep")
        return LiveTeacher(module, layers, precision)
    if maps := sorted(layers - {POOLED}):
        console.say(f"the teacher is asked for every batch: what its {', '.join(maps)} answers is too large to keep")
        return LiveTeacher(module, layers, precision)
    cached = CachedTeacher(module, batches, identity, device, POOLED in layers, precision)
    cached.fill(min(batches.views, epochs))
    return cached
