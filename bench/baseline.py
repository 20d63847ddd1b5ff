"""Measures small models made from seeds, to be held against what they took before on the same machine.

    python bench/baseline.py                      writes bench/baselines/<machine>.json anew
    python bench/baseline.py --output new.json    writes a record to compare with it:
    edgekit compare new.json --baseline <machine> --gate 10%

The models are the same bytes everywhere, so that records of several machines and versions can be compared, too.
"""

from __future__ import annotations

import argparse
import contextlib
import tempfile
from pathlib import Path

import small_models
from recording import machine_name

import edgekit
from edgekit import console
from edgekit.commands.compare import print_records
from edgekit.latency.standing import stand

BASELINES = Path(__file__).parent / "baselines"
MODELS = ("dense, 26 KB", "dense, 1 MB", "resnet", "mobilenet", "attention", "recurrent")


def main() -> None:
    """Make the models, time them side by side, and write the record."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--output", type=Path, default=BASELINES / f"{machine_name()}.json")
    parser.add_argument("--seconds", type=float, default=12.0, help="for all together")
    asked = parser.parse_args()
    path = asked.output.resolve()
    with tempfile.TemporaryDirectory() as folder, contextlib.chdir(folder):
        made = {name: Path(f"{name.replace(', ', '-').replace(' ', '-')}.onnx") for name in MODELS}
        for name, file in made.items():
            file.write_bytes(small_models.MODELS[name]().SerializeToString())
        record = edgekit.bench(made, seconds=asked.seconds, output=path)
    print_records(stand({path.stem: record}))
    console.answer(f"record: {path}")


if __name__ == "__main__":
    main()
