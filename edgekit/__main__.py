"""The command `edgekit`, and `python -m edgekit`."""

from __future__ import annotations

import os
import sys


def main() -> None:
    """Run the command line; without typer, say which pip line brings it."""
    # PyTorch's threads spin while they wait for each other, and beside another busy process that makes a training take
    # many times as long. After a short spin they sleep.
    os.environ.setdefault("GOMP_SPINCOUNT", "10000")
    try:
        from edgekit.cli import run
    except ModuleNotFoundError as error:
        if error.name != "typer":
            raise
        sys.exit('error: the command line needs the package "typer"\nhint: pip install "edgekit-onnx[tools]"')
    sys.exit(run())


if __name__ == "__main__":
    main()
