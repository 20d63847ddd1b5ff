"""Keeps what exporters print from the user, in Python and below it. Python's own library alone."""

from __future__ import annotations

import contextlib
import logging
import os
import sys
import warnings
from collections.abc import Iterator
from pathlib import Path


@contextlib.contextmanager
def silence(verbose: bool = False) -> Iterator[None]:
    """Let nothing be seen of what is printed on the way, in Python or below it; with `verbose` let it pass."""
    if verbose:
        yield
        return
    sys.stdout.flush()
    sys.stderr.flush()
    kept = {number: os.dup(number) for number in (1, 2)}
    disabled = logging.root.manager.disable  # a logger keeps the stream that it found, which a notebook's may be
    logging.disable()
    try:
        with Path(os.devnull).open("w") as nowhere, warnings.catch_warnings():
            warnings.simplefilter("ignore")
            for number in kept:
                os.dup2(nowhere.fileno(), number)
            with contextlib.redirect_stdout(nowhere), contextlib.redirect_stderr(nowhere):
                yield
    finally:
        logging.disable(disabled)
        for number, real in kept.items():
            os.dup2(real, number)
            os.close(real)
