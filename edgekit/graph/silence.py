"""Keeps onnxruntime's quantizers quiet. Standard library alone."""

from __future__ import annotations

import contextlib
import logging
import warnings
from collections.abc import Iterator


@contextlib.contextmanager
def silenced() -> Iterator[None]:
    """Keep the quantizers quiet: they warn through the root logger, and would set that up for the whole program."""
    root, quiet = logging.getLogger(), logging.NullHandler()
    disabled = root.manager.disable
    root.addHandler(quiet)
    logging.disable(logging.WARNING)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(disabled)
        root.removeHandler(quiet)
