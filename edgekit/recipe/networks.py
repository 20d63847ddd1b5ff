"""What a recipe may say of networks: how one is trained, what it is built from, of what weights. pydantic; no torch."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field

from edgekit.recipe.finding import DATA
from edgekit.recipe.part import Fraction, Part, Positive

START = "train it from these weights, as far as their names and shapes are its own"


class Train(Part):
    """How a network is trained; what is left out takes the default."""

    epochs: Annotated[int, Field(ge=0)] = 10
    batch: Positive = Field(128, description="examples of a step, whatever the number of processes that share them")
    accumulate: Positive = Field(1, description="compute a batch in so many pieces: less memory, the same step")
    optimizer: Literal["sgd", "adam", "adamw", "rmsprop"] = "sgd"
    learning_rate: Annotated[float, Field(gt=0)] = 0.1
    momentum: Fraction = 0.9
    weight_decay: Annotated[float, Field(ge=0)] = 5e-4
    schedule: Literal["one-cycle", "cosine", "step", "constant"] = "one-cycle"
    step_epochs: Positive = Field(10, description="schedule step: after so many epochs the learning rate falls")
    gamma: Annotated[float, Field(gt=0, le=1)] = Field(0.1, description="schedule step: to this part of what it was")
    warmup: Fraction = Field(0.2, description="the part of the training over which the learning rate rises")
    l1: Annotated[float, Field(ge=0)] = Field(
        0.0, description="times the sum of the weights' sizes is added to the loss"
    )
    label_smoothing: Annotated[float, Field(ge=0, lt=1)] = 0.0
    adversarial: Annotated[float, Field(ge=0)] = Field(
        0.0,
        description="of texts: add the gradient with the tokens' vectors moved by so much in all, up the batch's own,"
        " which takes twice the time; 1 is usual, 0 is not at all",
    )
    clip: Annotated[float, Field(ge=0)] = Field(0.0, description="largest norm of the gradient; 0 is no limit")
    precision: Literal["float32", "bfloat16", "float16"] = Field(
        "float32",
        description="bfloat16 is faster where the processor has it (AMX, CUDA), float16 on CUDA alone; a teacher is"
        " asked in its own",
    )
    compile: bool = Field(False, description="have torch.compile make the training's code: needs a C++ compiler")
    average: Annotated[float, Field(ge=0, lt=1)] = Field(
        0.0, description="decay of the running average of the weights that is shipped; 0 ships the last weights"
    )
    validate_every: Annotated[int, Field(ge=0)] = Field(
        0, description="score the validation examples after every so many epochs, for history.jsonl; 0 never"
    )
    patience: Annotated[int, Field(ge=0)] = Field(
        0,
        description="stop after so many epochs without a better validation score, and keep the best: the validation"
        " examples then choose the epoch as well as the candidate, the test examples neither; 0 never",
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
    weights: Weights | None = Field(None, description="it is trained already, to these; without them it is trained")
    start: Weights | None = Field(None, description=START)
    onnx: str | None = Field(
        None, description="an ONNX file instead, that takes what networks are given, or what an app passes"
    )

    @property
    def file(self) -> str:
        """The file it is made from."""
        return self.model or self.onnx or ""

    @property
    def files(self) -> list[str]:
        """All files it names that lie beside the recipe or among the models."""
        named = [self.file, *(each.file for each in (self.weights, self.start) if each)]
        return [file for file in named if not file.startswith(DATA)]


class Teacher(Network):
    """What the student learns from, and what every step is compared with."""

    train: Train = Train()
    also: list[Network] = Field([], description="further trained teachers: the answers of all are averaged")
