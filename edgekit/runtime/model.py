"""A model that answers: arrays in and out for programs, and `predict` for people. numpy and onnxruntime alone.

The predictors, and what they need, are imported by the first `predict`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from edgekit.errors import BundleError, InputError
from edgekit.runtime.feeds import Feeds
from edgekit.runtime.session import Session
from edgekit.signature import Tensor

if TYPE_CHECKING:
    from edgekit.manifest import Manifest
    from edgekit.runtime.predictors.prediction import Prediction


class Model:
    """An open bundle or ONNX file.

    `inputs`, `outputs`: Tensors. `labels`: class names, or empty. `manifest`: what the bundle says of itself; None
    for a bare ONNX file. `session`: the Session that runs it. `name`: the bundle's, or the file's.
    """

    __slots__ = ("_feeds", "inputs", "labels", "manifest", "name", "outputs", "session")

    def __init__(self, name: str, session: Session, manifest: Manifest | None, cast: bool = False) -> None:
        self.name = name
        self.session = session
        self.manifest = manifest
        self.inputs: list[Tensor] = manifest.inputs if manifest else session.inputs
        self.outputs: list[Tensor] = manifest.outputs if manifest else session.outputs
        self.labels: list[str] = manifest.labels if manifest else []
        self._feeds = Feeds(self.inputs, cast)

    def __call__(self, feeds: Any) -> dict[str, Any]:
        """Run on a dict of arrays by input name, or on one array for a model of one input.

        Return arrays by output name. Names, dtypes, ranks and fixed dimensions are checked before the run: InputError
        says what was given and what was expected.
        """
        return self.session.run(self._feeds(feeds))

    def predict(self, x: Any, top: int = 1) -> Prediction | list[Prediction]:
        """Answer for people: a Prediction for one thing, a list of them for a list or a batch.

        What `x` may be is the task's: for images a path, a PIL image, or a uint8 array; for feature vectors anything
        numpy reads as numbers. `top` is how many of the likeliest labels each answer carries.
        """
        from edgekit.runtime import predictors
        from edgekit.tasks import TASKS

        if self.manifest is None:
            raise BundleError(
                f'"{self.name}" is a bare ONNX file, which does not say what its answers mean',
                "load its bundle to predict, or call the model with arrays",
            )
        if self.manifest.task not in TASKS:
            raise BundleError(
                f'"{self.name}" is for the task "{self.manifest.task}"; this edgekit predicts {", ".join(TASKS)}',
                "pip install --upgrade edgekit-onnx, or call the model with arrays",
            )
        if top < 1:
            raise InputError(f"top is {top}, not a positive number")
        predictor = predictors.get(TASKS[self.manifest.task].predictor)
        answer: Prediction | list[Prediction] = predictor.predict(self, x, top)
        return answer

    def __repr__(self) -> str:
        task = f", {self.manifest.task}" if self.manifest else ""
        signature = f"{', '.join(map(str, self.inputs))} -> {', '.join(map(str, self.outputs))}"
        return (
            f"Model({self.name!r}{task}, {signature}, device={self.session.device!r}, threads={self.session.threads})"
        )
