"""What turns people's things into arrays, and a model's arrays into answers: one module for each kind of thing.

A predictor has `predict(model, x, top)`, which returns a Prediction for one thing and a list of them for many. A task
names its predictor. Each is imported when first used.
"""

from __future__ import annotations

import importlib
from typing import Any


def get(name: str) -> Any:
    """Return the predictor a task names, such as "images"."""
    return importlib.import_module(f"{__name__}.{name}")
