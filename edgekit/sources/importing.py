"""What `package.module:callable` names. Python's own alone: a function can be timed where there is no PyTorch."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path
from typing import Any

from edgekit.errors import ModelError, nearest


def find(name: str) -> Any:
    """Import `package.module:callable`, which is found as `python -m` would find it: in the current folder, too."""
    package, _, path = name.partition(":")
    here = str(Path.cwd())
    sys.path.insert(0, here)
    try:
        found = importlib.import_module(package)
    except ImportError as error:
        raise ModelError(
            f'"{package}" cannot be imported: {error}', "install it, or stand in the folder it lies in"
        ) from error
    except Exception as error:  # a module may raise anything while it is imported
        raise ModelError(f'"{package}" fails when it is imported: {type(error).__name__}: {error}') from error
    finally:
        sys.path.remove(here)
    for part in path.split("."):
        known = [each for each in dir(found) if not each.startswith("_")]
        if not hasattr(found, part):
            near = nearest(part, known)
            raise ModelError(f'"{package}" has no "{path}"', f'did you mean "{near}"?' if near else None)
        found = getattr(found, part)
    return found
