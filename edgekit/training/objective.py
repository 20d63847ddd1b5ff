"""An objective says what a training minimises: from a batch and the model's outputs to one scalar and its parts."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple, Protocol

import torch
from torch import nn

from edgekit.errors import ModelError, RecipeError
from edgekit.recipe.losses import Losses
from edgekit.training.batches import TorchBatch
from edgekit.training.listening import Heard
from edgekit.training.losses import CLASSES, TaskLosses
from edgekit.training.losses.distillation import correlated, decoupled
from edgekit.training.losses.features import attention, attention_map, hint, relational

Parts = dict[str, torch.Tensor]


class Answer(NamedTuple):
    """What a network answers to a batch: logits (b, classes), and what its layers said on the way, by their names."""

    logits: torch.Tensor
    layers: Heard


class Answers(Protocol):
    """Where the teacher's answers to a batch come from: a cache, or the teacher itself."""

    def __call__(self, batch: TorchBatch) -> Answer:
        """Return what the teacher answers to `batch`."""


class Objective(Protocol):
    """What a training minimises. `learned` is what is trained for it beside the model, and not shipped."""

    @property
    def learned(self) -> nn.Module:
        """Return it; it may be empty."""

    def __call__(self, batch: TorchBatch, outputs: torch.Tensor, progress: float = 0.0) -> tuple[torch.Tensor, Parts]:
        """Return the scalar to minimise when the part `progress` (0..1) is done, and its unweighted parts by name."""


class Supervised:
    """The targets alone."""

    def __init__(self, losses: TaskLosses = CLASSES, label_smoothing: float = 0.0) -> None:
        self.learned = nn.Module()
        self._losses = losses
        self._label_smoothing = label_smoothing

    def __call__(self, batch: TorchBatch, outputs: torch.Tensor, progress: float = 0.0) -> tuple[torch.Tensor, Parts]:
        """Return the loss against the targets."""
        loss = self._losses.hard(outputs, batch, self._label_smoothing)
        return loss, {"hard-label": loss.detach()}


_HINTED = (2, 3, 4)  # dimensions of the answers that a hint compares
_FORMS = {2: "(b, n)", 3: "(b, T, n)", 4: "(b, channels, height, width)"}


class Lesson(NamedTuple):
    """What a loss is given: both answers to a batch, the task's losses, `hint`'s projections by the student's layer.

    `real` (b, T) says which tokens of each text are not padding, where the inputs are texts.
    """

    batch: TorchBatch
    student: Answer
    teacher: Answer
    projections: Mapping[str, nn.Module]
    losses: TaskLosses
    real: torch.Tensor | None = None

    @property
    def classes(self) -> torch.Tensor:
        """The class of each example, int64 (b,); of a mixed one, the class that has the larger share of it."""
        targets, share, partners = self.batch.targets, self.batch.share, self.batch.partners
        if targets.is_floating_point() or targets.ndim != 1:
            raise RecipeError("dkd needs the class of each example, and the targets are no class numbers")
        return targets if share is None or partners is None else torch.where(share < 0.5, partners, targets)

    def pairs(self, layers: Mapping[str, str], dimensions: tuple[int, ...]) -> list[tuple[torch.Tensor, torch.Tensor]]:
        """Return what `layers` said, student and teacher; ModelError where it is not of so many `dimensions`."""
        pairs = [(self.student.layers.get(own), self.teacher.layers.get(other)) for own, other in layers.items()]
        for (own, other), (student, teacher) in zip(layers.items(), pairs, strict=True):
            for who, name, said in (("student", own, student), ("teacher", other, teacher)):
                if said is None:
                    raise ModelError(f'the {who}\'s layer "{name}" does not run, or answers no tensor')
                if said.ndim not in dimensions or (student is not None and said.ndim != student.ndim):
                    shapes = " or ".join(_FORMS[each] for each in dimensions)
                    raise ModelError(
                        f'the {who}\'s layer "{name}" answers {list(said.shape)}',
                        f"name layers that answer {shapes}, the student's and the teacher's alike",
                    )
        return [(student, teacher) for student, teacher in pairs if student is not None and teacher is not None]


def _hint(settings: Any, lesson: Lesson) -> torch.Tensor:
    pairs = lesson.pairs(settings.layers, _HINTED)
    named = zip(settings.layers, pairs, strict=True)
    return torch.stack([hint(*pair, lesson.projections[_key(layer)], lesson.real) for layer, pair in named]).mean()


def _attention(settings: Any, lesson: Lesson) -> torch.Tensor:
    return torch.stack([attention(*pair) for pair in lesson.pairs(settings.layers, (4,))]).mean()


def _attention_map(settings: Any, lesson: Lesson) -> torch.Tensor:
    pairs = lesson.pairs(settings.layers, (4,))
    for (own, other), (student, teacher) in zip(settings.layers.items(), pairs, strict=True):
        if student.shape[2:] != teacher.shape[2:]:
            raise ModelError(
                f'the student\'s layer "{own}" answers {list(student.shape)} and the teacher\'s "{other}"'
                f" {list(teacher.shape)}",
                "attention-map compares layers that look at the same tokens",
            )
    return torch.stack([attention_map(*pair, lesson.real) for pair in pairs]).mean()


def _relational(settings: Any, lesson: Lesson) -> torch.Tensor:
    (pair,) = lesson.pairs(settings.compares, (2,))
    return relational(*pair, settings.distance, settings.angle)


# What learns from the teacher, by the recipe's name for it: its settings and the lesson to a scalar.
LOSSES: dict[str, Callable[[Any, Lesson], torch.Tensor]] = {
    "soft-target": lambda say, has: has.losses.soft(has.student.logits, has.teacher.logits, say.temperature),
    "dkd": lambda say, has: decoupled(
        has.student.logits, has.teacher.logits, has.classes, say.alpha, say.beta, say.temperature
    ),
    "dist": lambda say, has: correlated(
        has.student.logits, has.teacher.logits, say.beta, say.gamma, say.temperature
    ),
    "hint": _hint,
    "attention": _attention,
    "attention-map": _attention_map,
    "relational": _relational,
}  # fmt: skip


class Distillation:
    """The teacher's answers and the labels, added by weight.

    `heard` is what the student's layers said in its last run, filled by whoever runs it: `listening`. `pad` is the id
    that pads texts, where inputs are texts.
    """

    def __init__(
        self,
        losses: Losses,
        answers: Answers,
        heard: Heard | None = None,
        of_task: TaskLosses = CLASSES,
        label_smoothing: float = 0.0,
        pad: int | None = None,
    ) -> None:
        self._pad = pad
        self._losses = losses.counting()
        if not self._losses:
            raise RecipeError("losses: all weights are 0: there is nothing to learn from")
        self._hinted = losses.hint.layers if losses.hint and losses.hint.counts else {}
        self._answers = answers
        self._heard = {} if heard is None else heard
        self._of_task = of_task
        self._supervised = Supervised(of_task, label_smoothing)
        self.learned = nn.ModuleDict()

    def begin(self, batches: Iterable[TorchBatch], network: nn.Module) -> None:
        """Make the projections that `hint` learns, as large as both networks' answers to the first batch ask for."""
        if not self._hinted:
            return
        batch = next(iter(batches))
        with torch.no_grad():
            lesson = self._lesson(batch, network.eval()(batch.inputs))
        for layer, (student, teacher) in zip(self._hinted, lesson.pairs(self._hinted, _HINTED), strict=True):
            axis = 1 if student.ndim == 4 else -1
            sizes = student.shape[axis], teacher.shape[axis]
            self.learned[_key(layer)] = nn.Conv2d(*sizes, 1) if student.ndim == 4 else nn.Linear(*sizes)

    def __call__(self, batch: TorchBatch, outputs: torch.Tensor, progress: float = 0.0) -> tuple[torch.Tensor, Parts]:
        """Return the sum of the recipe's losses, each by its weight of this moment."""
        weights = {name: loss.at(progress) for name, loss in self._losses.items()}
        weights = {name: weight for name, weight in weights.items() if weight}
        lesson = self._lesson(batch, outputs) if weights.keys() & LOSSES.keys() else None
        total = outputs.new_zeros(())
        parts: Parts = {}
        for name, weight in weights.items():
            part = LOSSES[name](self._losses[name], lesson) if lesson and name in LOSSES else self._hard(batch, outputs)
            total = total + weight * part
            parts[name] = part.detach()
        return total, parts

    def _hard(self, batch: TorchBatch, outputs: torch.Tensor) -> torch.Tensor:
        return self._supervised(batch, outputs)[0]

    def _lesson(self, batch: TorchBatch, outputs: torch.Tensor) -> Lesson:
        taught = self._answers(batch)
        compared = (each.shape[:1] if self._of_task.any_width else each.shape for each in (taught.logits, outputs))
        if len(set(compared)) > 1:
            raise ModelError(
                f"the teacher answers {list(taught.logits.shape)} and the student {list(outputs.shape)}",
                "give both networks the same outputs",
            )
        real = None if self._pad is None else batch.inputs != self._pad
        return Lesson(batch, Answer(outputs, self._heard), taught, dict(self.learned.items()), self._of_task, real)


def _key(layer: str) -> str:
    """Name a layer's projection: PyTorch allows no dots."""
    return layer.replace(".", "/")
