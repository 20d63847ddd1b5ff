"""What every source gives: a module, and what is known of its inputs and purpose without being told."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from torch import nn


@dataclass(frozen=True)
class Source:
    """A module to export.

    `said` is for the manifest: where it came from, without the maker's folders. `known` are arguments of
    `shipping.prepare` that hold where a person says nothing else. `beside` are files for the bundle, `preprocessing` is
    what an app must do before, `examples` are inputs that are like real ones. `notes` are lines for the person.
    """

    module: nn.Module
    name: str
    said: Mapping[str, Any]
    known: Mapping[str, Any] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    beside: Mapping[str, Path] = field(default_factory=dict)
    preprocessing: Mapping[str, Any] = field(default_factory=dict)
    examples: Mapping[str, np.ndarray] = field(default_factory=dict)


@dataclass(frozen=True)
class Asked:
    """What a person says of the source: its name, build arguments, a weights file, a task."""

    name: str
    args: Mapping[str, Any] = field(default_factory=dict)
    weights: Path | None = None
    task: str | None = None
