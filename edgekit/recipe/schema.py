"""What a recipe may say: its keys, types, ranges and defaults. pydantic; no torch.

Every model forbids unknown keys, and takes values as they are written: "3" is no number, 1 is no truth. Files and
stage order are checked in `consistency`, so that a schema is data alone. Field descriptions become the JSON
Schema's and the hints of errors, so they speak to a person who writes a recipe.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field

from edgekit.recipe.losses import Losses
from edgekit.recipe.part import Fraction, Part, Positive


class Normalize(Part):
    """Mean and standard deviation per channel, of pixels in 0..1."""

    mean: list[float] = Field(min_length=1)
    std: list[Annotated[float, Field(gt=0)]] = Field(min_length=1)


class Augment(Part):
    """What is done to training images, drawn anew for every view."""

    flip: bool = Field(False, description="mirror left and right, half of the time")
    shift: int = Field(0, ge=0, description="move by up to so many pixels in each direction")
    erase: Fraction = Field(0.0, description="how often a rectangle is replaced by noise")
    mixup: Fraction = Field(0.0, description="how often an image is blended with another one, and its label too")
    cutmix: Fraction = Field(0.0, description="how often a rectangle is taken from another image, and of its label")


class Data(Part):
    """Where the examples come from, and how they are split."""

    seed: Annotated[int, Field(ge=0)] = Field(
        0, description="decides the splits and the augmented views, so that trainings of other seeds share them"
    )
    source: str = Field(description='"digits", "fashion-mnist", a .npz file, or a folder with a folder per class')
    validation_fraction: Annotated[float, Field(gt=0, lt=0.9)] = Field(
        0.1, description="the part of the training examples that the judge keeps for itself"
    )
    test_fraction: Annotated[float, Field(gt=0, lt=0.9)] = Field(
        0.2, description="the part held out for the final table, where the source has no test split of its own"
    )
    normalize: Normalize | None = Field(None, description="training uses it, the exported graph contains it")
    augment: Augment = Augment()
    labels: list[str] | None = Field(None, description="class names, in the order of the class numbers")


class Train(Part):
    """How a network is trained; what is left out takes the default."""

    epochs: Annotated[int, Field(ge=0)] = 10
    batch: Positive = 128
    optimizer: Literal["sgd", "adam", "adamw", "rmsprop"] = "sgd"
    learning_rate: Annotated[float, Field(gt=0)] = 0.1
    momentum: Fraction = 0.9
    weight_decay: Annotated[float, Field(ge=0)] = 5e-4
    schedule: Literal["one-cycle", "cosine", "constant"] = "one-cycle"
    warmup: Fraction = Field(0.2, description="the part of the training over which the learning rate rises")
    label_smoothing: Annotated[float, Field(ge=0, lt=1)] = 0.0
    clip: Annotated[float, Field(ge=0)] = Field(0.0, description="largest norm of the gradient; 0 is no limit")
    precision: Literal["float32", "bfloat16"] = Field(
        "float32",
        description="bfloat16 is faster where the processor has it (AMX, CUDA); a teacher is asked in its own",
    )
    average: Annotated[float, Field(ge=0, lt=1)] = Field(
        0.0, description="decay of the running average of the weights that is shipped; 0 ships the last weights"
    )


class Weights(Part):
    """A safetensors file with a network's weights, and what it must hash to."""

    file: str
    sha256: str | None = Field(
        None, pattern=r"^[0-9a-f]{64}$", description="64 hexadecimal digits, as sha256sum prints"
    )


class Network(Part):
    """A network: a plain PyTorch file with a function `build(**args)`, or an ONNX file, which is trained already."""

    model: str | None = Field(
        None, description="a Python file, looked for beside the recipe and then among edgekit's models"
    )
    args: dict[str, Any] = Field({}, description="what its function build is given")
    weights: Weights | None = Field(None, description="start from these weights; without them it is trained")
    onnx: str | None = Field(
        None, description="an ONNX file instead, that takes what networks are given, or what an app passes"
    )

    @property
    def file(self) -> str:
        """The file it is made from."""
        return self.model or self.onnx or ""

    @property
    def files(self) -> list[str]:
        """All files it names."""
        return [self.file, *([self.weights.file] if self.weights else [])]


class Teacher(Network):
    """What the student learns from, and what every step is compared with."""

    train: Train = Train()
    also: list[Network] = Field([], description="further trained teachers: the answers of all are averaged")


class Budget(Part):
    """What the judge allows a step. A step outside it is undone."""

    max_drop_points: float | None = Field(0.5, description="points of the metric a step may lose; null is no limit")
    min_speedup: Annotated[float, Field(ge=0)] = Field(
        1.0, description="a compression step must be clearly faster than this times what it replaces; 0 lets all pass"
    )
    min_shrink: Annotated[float, Field(ge=1)] | None = Field(
        None, description="a step that is so many times smaller, and not clearly slower, pays as well"
    )


class Student(Part):
    """The small network."""

    model: str
    args: dict[str, Any] = Field({}, description="what its function build is given")
    baseline: bool = Field(True, description="also train it without the teacher, to know what the teacher is worth")
    train: Train | None = Field(None, description="how it is trained without the teacher; as in distill where left out")
    budget: Budget = Field(Budget(max_drop_points=None), description="what the student may lose against its teacher")


class Export(Part):
    """What the exported model takes and answers."""

    input: str = Field(description='such as "image: uint8[N,28,28,1]"; a name is a dynamic dimension')
    output: str = Field("probabilities", description='"probabilities" or "logits", computed inside the graph')
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


class Quantize(Stage):
    """Turn weights and activations into 8-bit integers, calibrated on training examples."""

    kind: Literal["quantize"] | None = None
    method: Literal["static", "auto"] = Field(
        "static", description="auto times every way to quantize, and leaves layers in float until the budget holds"
    )
    calibration_samples: Annotated[int, Field(ge=8)] = 512
    per_channel: bool = True
    reduce_range: bool | None = Field(None, description="7-bit weights; null asks the processor whether it saturates")

    @property
    def by_time(self) -> bool:
        """Whether the way is chosen by what is measured."""
        return self.method == "auto"


class Targets(Part):
    """What the whole must reach, or the command ends with exit code 3."""

    accuracy: Fraction | None = None
    p50_ms: Annotated[float, Field(gt=0)] | None = None
    speedup: Annotated[float, Field(gt=0)] | None = Field(None, description="over the teacher")
    bytes: Positive | None = None


class Expect(Part):
    """What a run took where it was measured: what `edgekit check` tells before the first run of one's own."""

    seconds: Annotated[float, Field(gt=0)]
    megabytes: Annotated[float, Field(gt=0)] = Field(description="disk space of the run's folder")
    machine: str = Field(description='where it was measured, such as "2 cores with AVX2"')


# The data sets with a name of their own; data/ knows how to read them.
SOURCES = ("digits", "fashion-mnist")
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
    stages: dict[str, Distill | Prune | Quantize] = Field(min_length=1)
    budget: Budget = Budget()
    targets: Targets = Targets()
    quick: dict[str, Any] = Field({}, description='overrides for --quick, such as "stages.distill.epochs: 1"')
    expect: Expect | None = None
