"""What a recipe may say: its keys, types, ranges and defaults. pydantic; no torch.

Every model forbids unknown keys, and takes values as they are written: "3" is no number, 1 is no truth. Files and
stage order are checked in `consistency`, so that a schema is data alone. Field descriptions become the JSON
Schema's and the hints of errors, so they speak to a person who writes a recipe.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field

from edgekit import tasks
from edgekit.recipe.data import Data
from edgekit.recipe.losses import Losses
from edgekit.recipe.networks import START, Teacher, Train, Weights
from edgekit.recipe.part import Fraction, Part, Positive
from edgekit.recipe.searching import Search


class Budget(Part):
    """What the judge allows a step. A step outside it is undone."""

    max_drop_points: float | None = Field(0.5, description="points of the metric a step may lose; null is no limit")
    min_speedup: Annotated[float, Field(ge=0)] = Field(
        1.0, description="a compression step must be clearly faster than this times what it replaces; 0 lets all pass"
    )
    min_shrink: Annotated[float, Field(ge=1)] | None = Field(
        None, description="a step that is so many times smaller, and not clearly slower, pays as well"
    )
    max_class_drop_points: Annotated[float, Field(ge=0)] | None = Field(
        None, description="points that the class which loses most may lose; null is no limit"
    )
    max_bytes: Positive | None = Field(None, description="the size a model file may have")
    max_memory_mb: Annotated[float, Field(gt=0)] | None = Field(
        None, description="megabytes of memory that opening and running the model may take, as measured"
    )
    keep_anyway: bool = Field(False, description="keep a step that is outside the budget, and record that it was")


class Student(Part):
    """The small network."""

    model: str
    args: dict[str, Any] = Field({}, description="what its function build is given")
    start: Weights | None = Field(None, description=START)
    baseline: bool = Field(True, description="also train it without the teacher, to know what the teacher is worth")
    train: Train | None = Field(None, description="how it is trained without the teacher; as in distill where left out")
    budget: Budget = Field(Budget(max_drop_points=None), description="what the student may lose against its teacher")


class Export(Part):
    """What the exported model takes and answers."""

    input: str = Field(description='such as "image: uint8[N,28,28,1]"; a name is a dynamic dimension')
    output: str | None = Field(
        None, description='"probabilities" or "logits", computed inside the graph; null is what its task answers first'
    )
    min_onnxruntime: str = Field(
        "1.20", pattern=r"^\d+\.\d+$", examples=["1.20"], description="the oldest runtime that must load it"
    )


class Measure(Part):
    """Where and how every candidate is timed."""

    device: str = "cpu"
    threads: Positive = 1
    batch: Positive = 1
    seconds: Annotated[float, Field(gt=0)] = Field(2.0, description="time given to each comparison")


class Stage(Part):
    """What every stage may say."""

    kind: str | None = Field(None, description="the kind of stage, where the stage's id is another word")
    budget: Budget | None = Field(None, description="instead of the recipe's budget")

    @property
    def by_time(self) -> bool:
        """Whether what it makes hangs on times that it measures."""
        return False


class Distill(Stage, Train):
    """Train the student with the teacher's answers."""

    kind: Literal["distill"] | None = None
    teacher_views: Annotated[int, Field(ge=0)] = Field(
        8, description="augmented views for which the teacher's answers are kept; 0 asks it live for every batch"
    )
    losses: Losses = Losses()


class Prune(Stage, Train):
    """Remove channels by importance, then recover with the teacher."""

    kind: Literal["prune"] | None = None
    epochs: Annotated[int, Field(ge=0)] = 5
    learning_rate: Annotated[float, Field(gt=0)] = 0.05
    structure: Literal["channels"] = Field(
        "channels",
        description="whole channels: single weights of 0, or two in each four (2:4), make onnxruntime no faster"
        " (with 50 to 95 % zeros 1.00 [0.99, 1.02] times the speed), and only compress better",
    )
    ratio: Annotated[float, Field(gt=0, lt=1)] = Field(
        0.3, description="the part of the channels to remove; 0.5 removes about half of them"
    )
    target_speedup: Annotated[float, Field(gt=1)] | None = Field(
        None, description="instead of a ratio: how many times faster than what is kept so far it must be, as measured"
    )
    target_p50_ms: Annotated[float, Field(gt=0)] | None = Field(
        None, description="instead of a ratio: the median milliseconds it may take, as measured"
    )
    scope: Literal["uniform", "global"] | None = Field(
        None,
        description="uniform narrows all layers alike, global wherever it costs least importance (for a target: for the"
        " time it saves); null is uniform for a ratio, global for a target",
    )
    importance: Literal["magnitude", "magnitude-l1", "taylor", "bn-scale", "random"] = Field(
        "magnitude", description="what a channel is worth; taylor asks the loss, bn-scale the batch normalisation"
    )
    round_to: Positive | None = Field(
        None, description="channels stay a multiple of this; null is what the device computes at once, 16 or 8"
    )
    steps: Positive = Field(1, description="prune in so many steps, each recovering for its part of the epochs")
    teacher_views: Annotated[int, Field(ge=0)] = 8
    losses: Losses = Losses()

    @property
    def by_time(self) -> bool:
        """Whether the widths are chosen by what is measured."""
        return bool(self.target_speedup or self.target_p50_ms)


class Rounded(Train):
    """How a network is trained in 8 bits: as float32 that is rounded, with the teacher's answers where there is one."""

    epochs: Annotated[int, Field(ge=1)] = 5
    learning_rate: Annotated[float, Field(gt=0)] = 0.01
    precision: Literal["float32"] = Field("float32", description="what is rounded to 8 bits is float32")
    average: Annotated[float, Field(ge=0, le=0)] = Field(0.0, description="ranges and zero points have no average")
    teacher_views: Annotated[int, Field(ge=0)] = 8
    losses: Losses = Losses()


class Quantize(Stage):
    """Turn weights and activations into 8-bit integers, calibrated on training examples."""

    kind: Literal["quantize"] | None = None
    method: Literal["static", "auto", "training"] = Field(
        "static",
        description="auto times every way to quantize, leaves layers in float until the budget holds, and trains where"
        " it does not; training goes there at once",
    )
    train: Rounded = Field(Rounded(), description="of method training, and of auto where nothing else keeps the budget")
    calibration_samples: Annotated[int, Field(ge=8)] = 512
    per_channel: bool = True
    reduce_range: bool | None = Field(None, description="7-bit weights; null asks the processor whether it saturates")

    @property
    def by_time(self) -> bool:
        """Whether the way is chosen by what is measured."""
        return self.method == "auto"

    @property
    def may_train(self) -> bool:
        """Whether the network may be trained in 8 bits."""
        return self.method != "static"


class Targets(Part):
    """What the whole must reach, or the command ends with exit code 3."""

    accuracy: Fraction | None = None
    metric: float | None = Field(
        None, description="what the task's metric must reach, as it is shown: at least, or at most where less is better"
    )
    p50_ms: Annotated[float, Field(gt=0)] | None = None
    speedup: Annotated[float, Field(gt=0)] | None = Field(None, description="over the teacher")
    bytes: Positive | None = None


class Expect(Part):
    """What a run took where it was measured: what `edgekit check` tells before the first run of one's own."""

    seconds: Annotated[float, Field(gt=0)]
    megabytes: Annotated[float, Field(gt=0)] = Field(description="disk space of the run's folder")
    machine: str = Field(description='where it was measured, such as "2 cores with AVX2"')


STAGES: dict[str, type[Stage]] = {"distill": Distill, "prune": Prune, "quantize": Quantize}


class Recipe(Part):
    """From a teacher to a small model that does the job, and what must be true of it."""

    name: str = Field(
        pattern=r"^[a-z0-9][a-z0-9-]*$",
        examples=["fashion-mnist"],
        description="lower-case letters, digits and hyphens: it names the folder of the runs",
    )
    task: str = "image-classification"
    licence: str | None = Field(
        None, min_length=1, examples=["MIT"], description="what the model may be used for: its bundle says so"
    )
    seed: Annotated[int, Field(ge=0)] = 0
    data: Data
    teacher: Teacher | None = None
    student: Student
    export: Export
    measure: Measure = Measure()
    stages: dict[str, Distill | Prune | Quantize] = Field({})
    budget: Budget = Budget()
    targets: Targets = Targets()
    quick: dict[str, Any] = Field({}, description='overrides for --quick, such as "stages.distill.epochs: 1"')
    search: Search | None = None
    expect: Expect | None = None

    @property
    def output(self) -> str:
        """What the exported model answers."""
        return self.export.output or tasks.get(self.task).heads[0]

    @property
    def baseline(self) -> bool:
        """Whether the student is trained without the teacher as well: where there are labels to learn from."""
        return self.student.baseline and tasks.get(self.task).targets != "vector"
