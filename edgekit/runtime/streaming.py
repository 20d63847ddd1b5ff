"""Windows of a time series while it is measured: an answer each time enough samples have come. numpy alone.

One window is kept, in the array that the model reads, and nothing grows however long a sensor measures. The answers are
those to the same windows cut out of the whole recording.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from edgekit.errors import BundleError, InputError, UsageError
from edgekit.runtime.feeds import NUMBERS, describe, held
from edgekit.runtime.predictors import answering
from edgekit.runtime.settings import whole

if TYPE_CHECKING:
    from edgekit.runtime.feeds import Array
    from edgekit.runtime.model import Model
    from edgekit.runtime.predictors.prediction import Answer


class Stream:
    """Answers about the last `length` samples, every `hop` of them, from the first full window on.

    `length`, `hop`: in samples. `waiting`: how many samples the next answer needs. It belongs to one thread.
    """

    def __init__(self, model: Model, hop: int | None = None, length: int | None = None, top: int = 1) -> None:
        """Begin with no samples; what `hop` and `length` leave open is the model's, or its manifest's "window"."""
        tensor = model.inputs[0] if len(model.inputs) == 1 else None
        if model.manifest is None or tensor is None or len(tensor.shape) != 3 or tensor.dtype not in NUMBERS:
            raise BundleError(
                f'"{model.name}" takes {", ".join(map(str, model.inputs))}; '
                "a stream needs a bundle of one numeric input [N,T,C], windows of T samples",
                "call the model with arrays",
            )
        said = model.manifest.preprocessing.get("window") or {}
        fixed, channels = tensor.shape[1:]
        self.length = _chosen("length", length, fixed if isinstance(fixed, int) else said.get("length"))
        self.hop = _chosen("hop", hop, said.get("hop"))
        if isinstance(fixed, int) and self.length != fixed:
            raise UsageError(f'length is {self.length}, and "{model.name}" takes windows of {fixed}', "leave it out")
        if not isinstance(channels, int):
            raise BundleError(f'"{model.name}" does not say how many channels a sample of "{tensor}" has')
        self._answer = answering(model, top)
        self._bound = model.bind(np.zeros((1, self.length, channels), tensor.dtype))
        self._window = self._bound.inputs[tensor.name][0]
        self._filled = 0  # samples of the window that are there; below 0: how many are passed over before it begins

    @property
    def waiting(self) -> int:
        """How many samples the next answer needs."""
        return self.length - self._filled

    def feed(self, samples: Any) -> list[Answer]:
        """Take samples as they come, one (C,) or several (n,C), and return the answers that they complete.

        InputError where they are of another form, or hold what the model's numbers cannot.
        """
        array = self._checked(samples)
        answers: list[Answer] = []
        while len(array):
            if self._filled < 0:
                taken = min(len(array), -self._filled)
            else:
                taken = min(len(array), self.waiting)
                self._window[self._filled : self._filled + taken] = array[:taken]
            self._filled += taken
            array = array[taken:]
            if not self.waiting:
                answers += self._answer(self._bound.run())
                if self.hop < self.length:
                    self._window[: -self.hop] = self._window[self.hop :].copy()
                self._filled -= self.hop
        return answers

    def restart(self) -> None:
        """Forget the samples that came, as where another recording begins."""
        self._filled = 0

    def _checked(self, samples: Any) -> Array:
        channels = self._window.shape[1]
        try:
            array = np.asarray(samples)
        except ValueError:
            raise InputError("the samples have different numbers of channels") from None
        if array.shape[:1] == (0,) and array.ndim <= 2:
            return np.empty((0, channels), self._window.dtype)
        if array.dtype.kind not in "fiu" or array.ndim not in (1, 2) or array.shape[-1] != channels:
            raise InputError(f"given {describe(array)} for samples", f"give numbers ({channels},) or (n,{channels})")
        return held("samples", np.atleast_2d(array), self._window.dtype)


def _chosen(name: str, asked: int | None, known: Any) -> int:
    if asked is not None:
        return whole(name, asked)
    if type(known) is not int or known < 1:
        raise UsageError(f"the bundle does not say the {name} of its windows", f"say it: stream({name}=50)")
    return known
