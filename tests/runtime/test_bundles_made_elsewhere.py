"""Bundles made with today's PyTorch answer as it did, in an old onnxruntime too: `make test-wheels` has one.

`tests/bundles.py` makes them, `tests/wheels.py` says where they are.
"""

from __future__ import annotations

import json
import os
from pathlib import Path

import numpy as np
import onnxruntime
import pytest

from edgekit.errors import BundleError
from edgekit.manifest import Manifest
from edgekit.runtime.bundle import load

HERE = Path(os.environ.get("EDGEKIT_BUNDLES", ""))
pytestmark = pytest.mark.skipif(
    "EDGEKIT_BUNDLES" not in os.environ, reason="make test-wheels makes the bundles, with PyTorch, elsewhere"
)
NAMES = ["conv", "voice", "reader", "image", "digits", "fp16", "mobile"]
TOLERANCES = {"fp16": 1e-2}


def newer(said: str) -> bool:
    wanted, here = ([int(part) for part in each.split(".")[:2]] for each in (said, onnxruntime.__version__))
    return wanted > here


def test_all_that_were_made_are_looked_at():
    assert sorted(path.name for path in HERE.iterdir()) == sorted(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_a_bundle_answers_as_pytorch_did(name):
    folder = HERE / name
    with np.load(folder / "inputs.npz") as inputs, np.load(folder / "expected.npz") as expected:
        feeds, wanted = dict(inputs), dict(expected)
    if newer(Manifest.read(folder / "bundle").requires["onnxruntime"]):
        assert json.loads((folder / "form.json").read_text()) == {"format": "ort"}
        with pytest.raises(BundleError, match=r"needs onnxruntime .* or newer; this is"):
            load(folder / "bundle")
        return
    answer = load(folder / "bundle")(feeds)
    assert answer.keys() == wanted.keys()
    for output, array in wanted.items():
        np.testing.assert_allclose(answer[output], array, atol=TOLERANCES.get(name, 1e-4), rtol=1e-3)
