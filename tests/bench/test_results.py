from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from edgekit.errors import EdgekitError

ROOT = Path(__file__).parents[2]


@pytest.fixture
def bench(script: Callable[[str], ModuleType], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The script, with a folder of results of its own."""
    module = script("results")
    monkeypatch.setattr(module, "RESULTS", tmp_path)
    return module


def verdict(stage: str, accuracy: float, decision: str, speedup: float | None = None) -> dict[str, Any]:
    over = {"ratio": speedup, "low": speedup, "high": speedup} if speedup else None
    return {
        "stage": stage, "kind": stage, "label": stage.upper(), "decision": decision, "metric": "accuracy",
        "parameters": 1000, "bytes": 3000, "test": {"value": accuracy, "n": 359}, "latency": {"p50_us": 20.0},
        "speedup_over_teacher": over,
    }  # fmt: skip


def result(bench: ModuleType, seed: int, distilled: float, decision: str = "kept") -> dict[str, Any]:
    verdicts = [
        verdict("teacher", 0.99, "reference"),
        verdict("student", 0.95, "kept", 3.0),
        verdict("distill", distilled, decision, 4.0 + seed),
    ]
    run = {
        "seed": seed,
        "created": "2026-01-02T03:04:05+00:00",
        "seconds": 12.0,
        "machine": {"cpu": "a processor", "cores": 2},
        "versions": {"torch": "2.0", "onnxruntime": "1.0"},
        "data": {"test": 359},
        "stages": [{"id": found["stage"], "verdict": found} for found in verdicts],
        "kept": "distill" if decision == "kept" else "student",
    }
    return {"recipe_sha256": bench.recipe_hash("digits"), "models": bench.model_files("digits"), "run": run}


def keep(folder: Path, *results: dict[str, Any]) -> None:
    (folder / "digits").mkdir(exist_ok=True)
    for found in results:
        path = folder / "digits" / f"seed-{found['run']['seed']}.json"
        path.write_text(json.dumps(found))
        right = {stage["id"]: stage["verdict"]["test"]["value"] for stage in found["run"]["stages"]}
        scores = {f"{stage}/scores/test": np.arange(100) < round(100 * value) for stage, value in right.items()}
        np.savez(path.with_suffix(".npz"), allow_pickle=False, **scores)


def test_a_row_tells_mean_and_range_and_how_often_it_was_kept(bench: ModuleType):
    found = [result(bench, 0, 0.96), result(bench, 1, 0.99, "undone")]
    teacher, student, distilled, shipped = bench.rows(found)
    assert teacher[-1] == "reference"
    assert student[1] == "95.00 % (95.00 to 95.00)"
    assert distilled[0] == "DISTILL"
    assert distilled[1] == "97.50 % (96.00 to 99.00)"
    assert distilled[-2:] == ["4.00× to 5.00×", "1 of 2"]
    assert shipped[:2] == ["shipped (DISTILL 1×, STUDENT 1×)", "95.50 % (95.00 to 96.00)"]


def test_what_the_teacher_is_worth_is_told_with_its_interval_and_seed_by_seed(bench: ModuleType, tmp_path: Path):
    found = [result(bench, 0, 0.94), result(bench, 1, 0.97)]
    keep(tmp_path, *found)
    said = bench.closing("digits", found)
    assert "+0.50 points [" in said
    assert "by seed −1.00 to +2.00" in said
    low, high = re.search(r"\[(.*), (.*)\]", said.replace("−", "-")).groups()
    assert float(low) < 0.5 < float(high)


def test_figures_stand_in_the_unit_of_their_metric(bench: ModuleType, tmp_path: Path):
    found = [result(bench, seed, -1.9 - seed / 100) for seed in (0, 1)]
    for each in found:
        for stage in each["run"]["stages"]:
            stage["verdict"] |= {"metric": "bits per character", "unit": "bits", "sign": -1}
            stage["verdict"]["test"]["groups"] = 7
    assert bench.columns(found)[1] == "test bits per character, less is better"
    assert bench.rows(found)[2][1] == "1.905 bits (1.900 to 1.910)"
    assert "359 test examples of 7 groups" in bench.heading("digits", found)
    for each in found:
        (tmp_path / "digits").mkdir(exist_ok=True)
        arrays = {"distill/scores/test": np.full(9, -1.5), "student/scores/test": np.full(9, -2.0)}
        np.savez(tmp_path / "digits" / f"seed-{each['run']['seed']}.npz", **arrays)
    said = bench.closing("digits", found)
    assert said.endswith("without a teacher: −0.500 bits; by seed −0.500 to −0.500.")


def test_without_a_teacher_there_is_no_speed_over_it(bench: ModuleType):
    alone = result(bench, 0, 0.9)
    alone["run"]["stages"] = [{"id": "distill", "verdict": verdict("distill", 0.9, "reference")}]
    assert bench.columns([alone]) == ["model", "test accuracy", "parameters", "file", "p50 µs", "kept"]
    assert [len(row) for row in bench.rows([alone])] == [6, 6]
    assert bench.closing("digits", [alone]) == ""


def test_a_heading_tells_how_many_seeds_there_are(bench: ModuleType):
    assert "none of 5 seeds" in bench.heading("digits", [])
    assert "2 of 5 seeds (0, 1), 359 test examples" in bench.heading(
        "digits", [result(bench, 0, 0.9), result(bench, 1, 0.9)]
    )


def test_a_result_of_another_recipe_does_not_count(bench: ModuleType, tmp_path: Path):
    keep(tmp_path, result(bench, 0, 0.9), result(bench, 1, 0.9) | {"recipe_sha256": "0" * 64}, result(bench, 9, 0.9))
    assert [found["run"]["seed"] for found in bench.results("digits")] == [0]


def test_a_seed_that_is_there_is_not_run_again(
    bench: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    ran: list[int] = []
    monkeypatch.setattr(bench, "measure", lambda name, seed, path: ran.append(seed))
    keep(tmp_path, result(bench, 0, 0.9), result(bench, 1, 0.9) | {"models": {"resnet.py": "another"}})
    assert [bench.have("digits", seed) for seed in (0, 1, 2)] == [True, True, True]
    assert ran == [2]
    told = capsys.readouterr().err.splitlines()
    assert told[0] == "digits seed 0: measured before, on 2026-01-02"
    assert told[1].endswith("but resnet.py changed since")


def test_a_run_that_fails_leaves_no_result_and_the_next_one_its_turn(
    bench: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(bench.sys, "executable", "false")
    assert bench.have("digits", 3) is False
    assert list(tmp_path.rglob("*.*")) == []


def test_the_tables_go_between_the_marks_and_nothing_else_changes(bench: ModuleType, tmp_path: Path):
    keep(tmp_path, result(bench, 0, 0.9))
    page, beside = tmp_path / "page.md", tmp_path / "results.md"
    page.write_text(f"above\n{bench.BEGIN}\nold\n{bench.END}\nbelow\n")
    bench.write_documents(page, beside)
    once = page.read_text()
    bench.write_documents(page, beside)
    assert page.read_text() == once
    assert once.startswith(f"above\n{bench.BEGIN}\n| recipe |")
    assert "| `digits` | accuracy, n = " in once
    assert "**digits**: 1 of 5 seeds" in beside.read_text()
    assert once.endswith(f"\n{bench.END}\nbelow\n")
    assert "old" not in once


def test_a_page_without_the_marks_is_refused(bench: ModuleType, tmp_path: Path):
    page = tmp_path / "page.md"
    page.write_text(f"only {bench.BEGIN}")
    with pytest.raises(EdgekitError, match="lacks the marks"):
        bench.write_documents(page, tmp_path / "results.md")


@pytest.mark.parametrize(
    ("values", "dtype"),
    [
        pytest.param(np.array([0.0, 1.0]), np.uint8, id="right or wrong"),
        pytest.param(np.array([300, 70_000]), np.uint32, id="nanoseconds"),
        pytest.param(np.array([0.5, 1.0]), np.float64, id="fractions"),
        pytest.param(np.array([1 << 40]), np.int64, id="long times"),
    ],
)
def test_raw_values_are_kept_exactly_in_few_bytes(bench: ModuleType, values: np.ndarray, dtype: type):
    kept = bench.compact(values)
    assert kept.dtype == dtype
    assert np.array_equal(kept, values)


def test_the_documents_show_what_the_results_say(script: Callable[[str], ModuleType]):
    """After a change: python bench/results.py --readme."""
    module = script("results")
    text = (ROOT / "README.md").read_text("utf-8")
    assert f"{module.BEGIN}\n{module.summary()}\n{module.END}" in text
    assert (module.RESULTS / "README.md").read_text("utf-8") == f"{module.TITLE}\n{module.tables()}\n"


def test_no_result_names_a_place_on_the_machine_that_made_it():
    found = sorted((ROOT / "bench" / "results").rglob("*.json"))
    assert found
    assert [path.name for path in found if re.search(r'"(/\w|[A-Z]:\\)', path.read_text("utf-8"))] == []
