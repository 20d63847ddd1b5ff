"""Everything that can go wrong on the user's side, as a tree. Imports nothing.

    EdgekitError                   exit code 1, no traceback
    ├── UsageError                 exit code 2: the command was used wrongly
    ├── TargetMissed               exit code 3: a recipe's targets or a gate were missed
    ├── MissingExtra               an optional package is absent
    ├── RecipeError                a recipe does not say what it must
    ├── DataError                  data is missing, damaged or not what was declared
    ├── ModelError                 a model file or its weights
    ├── BundleError                a bundle or ONNX file is damaged, foreign or too new
    ├── InputError                 feeds that do not fit the model's signature
    ├── BusyError                  a batcher takes no more requests: ask again later
    ├── DeadlineError              the answer did not come in time; a TimeoutError too
    ├── DeviceError                the device asked for is not what would run
    ├── ExportError                PyTorch to ONNX failed
    │   ├── ParityError            it succeeded, and the answers differ
    │   └── DimensionError         it succeeded, and a dynamic dimension became a constant
    ├── TrainingError              a training that cannot go on
    └── StorageError               no room, no permission, a lock

A message says what was found and where; a hint says what to do. A bug is anything else, and keeps its traceback.
"""

from __future__ import annotations


class EdgekitError(Exception):
    """What the user can mend: `str(error)` says what was found and where, `error.hint` what to do."""

    exit_code = 1

    def __init__(self, message: str, hint: str | None = None) -> None:
        super().__init__(message)
        self.hint = hint

    def render(self) -> str:
        """Give the two lines a terminal shows."""
        return f"error: {self}" + (f"\nhint: {self.hint}" if self.hint else "")


class UsageError(EdgekitError):
    """The command was used wrongly."""

    exit_code = 2


class TargetMissed(EdgekitError):
    """A recipe's targets or a gate were missed; everything was written."""

    exit_code = 3


class MissingExtra(EdgekitError):
    """An optional package is absent; the hint is the pip line that brings it."""


class RecipeError(EdgekitError):
    """A recipe does not say what it must; `faults` holds every (place, complaint) found."""

    def __init__(self, message: str, hint: str | None = None, faults: list[tuple[str, str]] | None = None) -> None:
        super().__init__(message, hint)
        self.faults = faults or []


class DataError(EdgekitError):
    """Data is missing, damaged or not what was declared."""


class ModelError(EdgekitError):
    """A model file does not build, or its weights do not fit."""


class BundleError(EdgekitError):
    """A bundle or an ONNX file is damaged, foreign or too new."""


class InputError(EdgekitError):
    """The feeds do not fit the model's signature."""


class BusyError(EdgekitError):
    """A batcher takes no more requests, for its queue is full: ask again later."""


class DeadlineError(EdgekitError, TimeoutError):
    """The answer did not come within the time the caller gave."""


class DeviceError(EdgekitError):
    """The device asked for is not what would run."""


class ExportError(EdgekitError):
    """PyTorch to ONNX failed."""


class ParityError(ExportError):
    """The ONNX model answers differently from the PyTorch model."""


class DimensionError(ExportError):
    """A dimension that was declared dynamic is a constant in the ONNX model."""


class TrainingError(EdgekitError):
    """A training cannot go on; its last good state is kept."""


class StorageError(EdgekitError):
    """No room on disk, no permission, or a lock that another process holds."""


def nearest(word: str, known: list[str]) -> str | None:
    """Return the known word nearest to `word`, or None where none is near."""
    import difflib

    found = difflib.get_close_matches(word, known, 1, 0.5)
    return found[0] if found else None
