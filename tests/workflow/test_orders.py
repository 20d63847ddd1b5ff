"""The sensible orders of stages: each run starts from what the one before it kept."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from edgekit.recipe.loading import load
from edgekit.workflow import preparing, running

SHORT = {"epochs": 1, "batch": 32, "learning_rate": 0.02, "teacher_views": 1}
DISTILL = {"distill": SHORT}
PRUNE = {"prune": {"ratio": 0.5, **SHORT}}
AGAIN = {"again": {"kind": "prune", "ratio": 0.5, "round_to": 1, **SHORT}}
QUANTIZE = {"quantize": {"calibration_samples": 32}}
ORDERS = {
    "distil, quantize": DISTILL | QUANTIZE,
    "prune, quantize": PRUNE | QUANTIZE,
    "distil, prune, prune, quantize": DISTILL | PRUNE | AGAIN | QUANTIZE,
    "quantize alone": QUANTIZE,
}


@pytest.mark.slow
@pytest.mark.parametrize("stages", ORDERS.values(), ids=ORDERS)
def test_an_order_runs_to_its_end_each_stage_on_what_was_kept(tiny: Path, tmp_path: Path, stages: dict) -> None:
    said = yaml.safe_load(tiny.read_text()) | {"stages": stages, "quick": {}}
    said["teacher"]["train"]["epochs"] = 1
    tiny.write_text(yaml.safe_dump(said, sort_keys=False))
    job = preparing.prepare(load(tiny))
    record = running.run(job, preparing.run_folder(job, tmp_path / "runs"))
    ran = {stage["id"]: stage["verdict"] for stage in record["stages"]}
    assert list(ran) == ["teacher", "student", *stages] and record["kept"] == "quantize"
    for before, after in zip(["student", *stages], stages, strict=False):
        fewer = ran[after]["parameters"] < ran[before]["parameters"]
        assert fewer == (after in ("prune", "again")), (before, after)
    assert ran["quantize"]["bytes"] > 0
