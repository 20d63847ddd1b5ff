"""Stages change the model: each makes a candidate from what came before it. The judge decides what becomes of it.

To add a stage, write a module here with `run(settings, context) -> Made`, its settings in `recipe/schema.py`, and name
it in `KINDS`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from edgekit.stages import distill, prune, quantize, supervised
from edgekit.stages.job import Context, Made

# Kind -> the function that makes the candidate, what its row is called, and what it must gain.
KINDS: dict[str, tuple[Callable[[Any, Context], Made], str, str]] = {
    "teacher": (supervised.run, "teacher", "latency"),
    "student": (supervised.run, "student alone", "latency"),
    "distill": (distill.run, "distilled", "accuracy"),
    "prune": (prune.run, "pruned", "latency"),
    "quantize": (quantize.run, "quantized", "latency"),
}
