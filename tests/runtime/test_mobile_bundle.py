"""A bundle says by the files it lists which of them is its model: model.onnx, or model.ort."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pytest

from edgekit.errors import BundleError
from edgekit.hashing import sha256
from edgekit.manifest import MOBILE, MODEL
from edgekit.runtime.bundle import load

Edited = Callable[[Callable[[dict[str, Any]], object]], Path]
X = np.array([[0, 1, 2], [5, 4, 3]], np.float32)


def test_a_bundle_whose_manifest_lists_model_ort_has_that_for_its_model(edited: Edited) -> None:
    def change(said: dict[str, Any]) -> None:
        listed = said["files"].pop(MODEL)
        said["files"][MOBILE] = listed | {"sha256": sha256(mobile), "bytes": mobile.stat().st_size}

    folder = edited(lambda said: None)
    mobile = folder / MOBILE
    options = onnxruntime.SessionOptions()
    options.optimized_model_filepath = str(mobile)
    options.add_session_config_entry("session.save_model_format", "ORT")
    options.log_severity_level = 3
    onnxruntime.InferenceSession(str(folder / MODEL), options, providers=["CPUExecutionProvider"])
    (folder / MODEL).unlink()
    edited(change)
    np.testing.assert_allclose(load(folder)(X)["probabilities"].sum(1), 1, rtol=1e-6)
    mobile.write_bytes(mobile.read_bytes()[:-8] + bytes(8))
    with pytest.raises(BundleError, match=r"model\.ort\" was altered"):
        load(folder)
    mobile.unlink()
    with pytest.raises(BundleError, match=r"model\.ort\" is missing"):
        load(folder)
