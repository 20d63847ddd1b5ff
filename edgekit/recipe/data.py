"""What a recipe may say of its data: where it lies, what is read, how it is split and made ready. pydantic."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field

from edgekit.recipe.part import Fraction, Part, Positive


def _listed(value: Any) -> Any:
    return [value] if isinstance(value, str) else value


def _measured(value: Any) -> Any:
    return {"measured": True} if value == "auto" else value


Group = Annotated[
    str,
    BeforeValidator(lambda value: str(value) if isinstance(value, int) else value, json_schema_input_type=str | int),
]
Names = Annotated[list[str], BeforeValidator(_listed, json_schema_input_type=str | list[str])]


class Normalize(Part):
    """Mean and standard deviation per channel or feature; of pixels in 0..1. Left out they are 0 and 1."""

    mean: Annotated[list[float], Field(min_length=1)] | None = None
    std: Annotated[list[Annotated[float, Field(gt=0)]], Field(min_length=1)] | None = None
    measured: bool = Field(False, description="instead of both: as measured on the training examples; auto says so")


class Augment(Part):
    """What is done to training images, drawn anew for every view; mixup is for features and windows too."""

    flip: bool = Field(False, description="mirror left and right, half of the time")
    shift: int = Field(0, ge=0, description="move by up to so many pixels in each direction")
    rotate: Annotated[float, Field(ge=0, le=180)] = Field(0.0, description="turn by up to so many degrees either way")
    zoom: Annotated[float, Field(ge=0, le=0.5)] = Field(
        0.0, description="make larger or smaller by up to this part, height and width each for itself"
    )
    erase: Fraction = Field(0.0, description="how often a rectangle is replaced by noise")
    mixup: Fraction = Field(0.0, description="how often an example is blended with another one, and its label too")
    cutmix: Fraction = Field(0.0, description="how often a rectangle is taken from another image, and of its label")


class Columns(Part):
    """Which columns of a table are read, by their names."""

    text: Names | None = Field(None, description="the text, or the two texts of a pair")
    features: list[str] | None = Field(None, min_length=1, description="columns of numbers, in this order")
    label: Names | None = Field(
        None, description="the class, by name or number; the number to be told; or several columns of 0 and 1"
    )
    group: str | None = Field(None, description="what belongs together: a person, a recording, a document")


class Text(Part):
    """How texts become token ids. The tokenizer travels in the bundle."""

    tokenizer: str = Field(
        description='a tokenizer.json, such as "data:minilm/tokenizer.json"; "train" makes one of the training texts'
    )
    length: Positive = Field(128, description="tokens a text is cut to")
    vocabulary: Annotated[int, Field(ge=16)] = Field(8000, description="tokenizer train: how many tokens it may have")


class Window(Part):
    """How long recordings, or one long text, are cut into examples."""

    length: Positive = Field(description="moments of a recording, or characters of a text")
    hop: Positive | None = Field(None, description="how far the next window begins behind the last; null is length")


class SplitRule(Part):
    """How validation and test examples are held out, where the source has none of its own."""

    by: Literal["seed", "hash", "group"] = Field(
        "seed",
        description="seed draws evenly over the classes; hash goes by content, so that equal examples stay together and"
        " further ones move none; group keeps together what belongs together",
    )
    validation: list[Group] | None = Field(None, min_length=1, description="by group: these; null draws by the seed")
    test: list[Group] | None = Field(None, min_length=1, description="by group: these; null draws by the seed")


class Data(Part):
    """Where the examples come from, how they are split, and how they are made ready."""

    seed: Annotated[int, Field(ge=0)] = Field(
        0, description="decides the splits and the augmented views, so that trainings of other seeds share them"
    )
    source: str = Field(
        description="a data set by name, a file (.npz, .csv, .tsv, .jsonl, .txt), a folder (a folder per class, IDX,"
        ' .npy files or shards of them, a data set of Hugging Face), or "hf:NAME"'
    )
    validation: str | None = Field(None, description="where the validation examples come from, if from elsewhere")
    test: str | None = Field(None, description="where the test examples come from, if from elsewhere")
    unlabelled: str | None = Field(None, description="further training examples, which only the teacher answers")
    columns: Columns = Columns()
    text: Text | None = None
    window: Window | None = None
    split: SplitRule = SplitRule()
    validation_fraction: Annotated[float, Field(gt=0, lt=0.9)] = Field(
        0.1, description="the part of the training examples that the judge keeps for itself"
    )
    test_fraction: Annotated[float, Field(gt=0, lt=0.9)] = Field(
        0.2, description="the part held out for the final table, where the source has no test split of its own"
    )
    class_weights: Literal["balanced"] | None = Field(
        None, description="balanced makes every class count the same in the loss, however rare it is"
    )
    normalize: Annotated[
        Normalize | None,
        BeforeValidator(_measured, json_schema_input_type=Normalize | Literal["auto"] | None),
    ] = Field(
        None, description="training uses it, the exported graph contains it; auto measures it on training examples"
    )
    augment: Augment = Augment()
    labels: list[str] | None = Field(None, description="class names, in the order of the class numbers")


# The data sets with a name of their own; data/ knows how to read them.
SOURCES = ("digits", "fashion-mnist", "mnist", "movie-snippets", "exercise", "python-text", "line")
