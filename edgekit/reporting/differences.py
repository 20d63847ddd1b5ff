"""Where the model in the bundle and its teacher part, as run.json tells it. pydantic; no matplotlib.

A run of an edgekit that did not compare them yet has none of this, and its page says so.
"""

from __future__ import annotations

from pydantic import BaseModel

from edgekit.reporting.figures import Change


class Counts(BaseModel):
    """The test examples by who is right; `lost`: the teacher alone, `won`: the model alone, `apart`: neither, apart."""

    both: int
    lost: int
    won: int
    alike: int
    apart: int

    @property
    def n(self) -> int:
        """All of them."""
        return self.both + self.lost + self.won + self.alike + self.apart


class ClassAccuracy(BaseModel):
    """The part of one class's `n` examples that each stage's model names rightly; the model against the teacher."""

    label: int
    n: int
    accuracy: dict[str, float]
    change: Change


class Pair(BaseModel):
    """How often the teacher and the model take an example of class `label` for the class `said`."""

    label: int
    said: int
    teacher: int
    model: int


class Bin(BaseModel):
    """Examples of about one confidence: how many, their mean confidence, the part that is right."""

    n: int
    confidence: float
    correct: float


class Calibration(BaseModel):
    """The expected calibration error, what chance alone makes of it, and the bins behind it."""

    ece: float
    chance: float
    n: int
    bins: list[Bin]

    @property
    def excess(self) -> float:
        """How far the mean confidence lies above the accuracy."""
        return sum(each.n * (each.confidence - each.correct) for each in self.bins) / self.n


class Answer(BaseModel):
    """The class that a model named, and the probability it gave it."""

    said: int
    confidence: float


class Shown(BaseModel):
    """A test example to look at, and the answers it got."""

    kind: str
    example: int
    label: int
    teacher: Answer
    model: Answer


class Map(BaseModel):
    """How class-activation maps were made: by which method, at which layer, of which stage's network."""

    method: str
    layer: str
    stage: str


class Pictures(BaseModel):
    """The file of images and maps, in the order of `shown`; `maps` by "teacher" and "model"."""

    file: str
    shown: list[Shown]
    maps: dict[str, Map]


class Differences(BaseModel):
    """All of it; `teacher` and `model` are stages. `pictures` is None where the examples are no images."""

    teacher: str
    model: str
    total: Change
    counts: Counts
    classes: list[ClassAccuracy]
    pairs: list[Pair]
    calibration: dict[str, Calibration]
    pictures: Pictures | None


class NotCompared(BaseModel):
    """Why the two could not be compared."""

    missing: str
