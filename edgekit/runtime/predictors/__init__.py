"""What turns people's things into arrays, and a model's arrays into answers. A bundle's task names both halves.

One module for each kind of thing, imported when first used: its `read(model, x)` returns the feeds for one thing or
for many, none where a list was empty, and whether it was many.

| task | is given | answers |
|---|---|---|
| image-classification | paths, PIL images, uint8 arrays | label, probability, top |
| classification | vectors of numbers | label, probability, top |
| text-classification | texts, pairs of texts (with the bundle's tokenizer.json) | label, probability, top |
| sequence-classification | windows (T,C) of numbers | label, probability, top |
| regression | any of these: the model's inputs tell which | value |
| embedding | any of these: the model's inputs tell which | vector |
| multi-label | any of these: the model's inputs tell which | labels, top |

Of classes the head in the graph decides what is answered: argmax leaves the label alone, a threshold labels and top.
A model of the next token answers nothing here, it writes: `Model.generate`.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from edgekit.errors import BundleError
from edgekit.runtime.feeds import NUMBERS
from edgekit.runtime.predictors.prediction import ANSWERS, Answer
from edgekit.runtime.settings import whole
from edgekit.tasks import TASKS

if TYPE_CHECKING:
    from edgekit.runtime.model import Model

TOKENIZER = "tokenizer.json"


def predict(model: Model, x: Any, top: int = 1) -> Answer | list[Answer]:
    """Answer one thing, or a list of things or a batch by a list; `top`: how many of the likeliest labels to tell.

    BundleError where the model does not say what its answers mean, InputError or DataError where `x` is at fault.
    """
    answer = answering(model, top)
    assert model.manifest
    predictor = TASKS[model.manifest.task].predictor
    reader = importlib.import_module(f"{__name__}.{predictor or _thing(model)}")
    feeds, several = reader.read(model, x)
    if not feeds:
        return []
    answers = answer(model(feeds))
    given = len(next(iter(feeds.values())))
    if len(answers) != given:
        raise BundleError(f'"{model.name}" answers {len(answers)} times for {given} examples')
    return answers if several else answers[0]


def answering(model: Model, top: int = 1) -> Callable[[Mapping[str, Any]], list[Answer]]:
    """Return what makes answers for people of a model's outputs, as its task says; errors as `predict`."""
    if model.manifest is None:
        raise BundleError(
            f'"{model.name}" is a bare ONNX file, which does not say what its answers mean',
            "load its bundle to predict, or call the model with arrays",
        )
    if model.manifest.task not in TASKS:
        raise BundleError(
            f'"{model.name}" is for the task "{model.manifest.task}"; this edgekit predicts {", ".join(TASKS)}',
            "pip install --upgrade edgekit-onnx, or call the model with arrays",
        )
    purpose = TASKS[model.manifest.task]
    if purpose.answer not in ANSWERS:
        raise BundleError(
            f'"{model.name}" tells the next token, and writes text',
            'model.generate("..."), or edgekit predict BUNDLE --prompt "..."',
        )
    top = whole("top", top)
    make = ANSWERS[purpose.answer]
    return lambda outputs: make(model, outputs, top)


def _thing(model: Model) -> str:
    """Return the module that reads what a model takes, told by its inputs."""
    if model.manifest and TOKENIZER in model.manifest.files:
        return "texts"
    tensor = model.inputs[0] if len(model.inputs) == 1 else None
    if tensor and tensor.dtype in NUMBERS:
        if tensor.dtype == "uint8" and len(tensor.shape) == 4:
            return "images"
        if len(tensor.shape) in (2, 3):
            return {2: "features", 3: "sequences"}[len(tensor.shape)]
    raise BundleError(
        f'"{model.name}" takes {", ".join(map(str, model.inputs)) or "nothing"}: no image, vector or sequence, '
        f"and no text, for the bundle has no {TOKENIZER}",
        "call the model with arrays",
    )
