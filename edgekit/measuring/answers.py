"""What a model answered, kept while it is scored: asking again would cost as much as scoring did.

numpy alone; knows nothing of metrics or of targets.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np


class Noted:
    """Answers as `predict` does, and keeps of every example the class it named and how sure it was.

    `output` says what `predict` returns: "probabilities" or "logits", (n, classes). Nothing is kept of other forms.
    """

    def __init__(self, predict: Callable[[np.ndarray], np.ndarray], output: str) -> None:
        self._predict, self._logits = predict, output == "logits"
        self._of_classes = output in ("logits", "probabilities")
        self._classes: list[np.ndarray] = []
        self._confidence: list[np.ndarray] = []

    def __call__(self, inputs: np.ndarray) -> np.ndarray:
        """Answer a batch of inputs."""
        outputs = self._predict(inputs)
        if self._of_classes and outputs.ndim == 2 and outputs.shape[1] > 1 and np.isfinite(outputs).all():
            highest = outputs.max(axis=1)
            if self._logits:
                highest = 1 / np.exp(outputs - highest[:, None]).sum(axis=1)
            self._classes.append(outputs.argmax(axis=1).astype(np.int32))
            self._confidence.append(np.clip(highest, 0, 1).astype(np.float32))
        return outputs

    def last(self, count: int) -> dict[str, np.ndarray]:
        """Return {"class": int32, "confidence": float32}, both (count,), of the last answers; {} where they are fewer.

        The confidence is the probability of the class that was named.
        """
        if sum(map(len, self._classes)) < count or not count:
            return {}
        parts = {"class": self._classes, "confidence": self._confidence}
        return {name: np.concatenate(kept)[-count:] for name, kept in parts.items()}
