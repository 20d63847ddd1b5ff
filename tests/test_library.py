from __future__ import annotations

import copy
import random
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

import edgekit
from edgekit.judging import Predict
from edgekit.library import Run
from edgekit.reporting import record
from edgekit.stages.job import Job
from edgekit.workflow import running

GENERATOR = torch.Generator().manual_seed(0)
INPUTS = torch.randn(200, 6, generator=GENERATOR)
TARGETS = (INPUTS @ torch.randn(6, 3, generator=GENERATOR)).argmax(1)
HELD_OUT, ANSWERS = INPUTS[120:].numpy(), TARGETS[120:].numpy()
FREE = {"max_drop_points": None, "min_speedup": 0}  # what is kept is then the same on every machine
LABELS = ["low", "middle", "high"]


def network(width: int, outputs: int = 3, seed: int = 0) -> nn.Module:
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return nn.Sequential(nn.Linear(6, width), nn.BatchNorm1d(width), nn.ReLU(), nn.Linear(width, outputs))


def loader() -> DataLoader[Any]:
    return DataLoader(TensorDataset(INPUTS[:120], TARGETS[:120]), 24, shuffle=True)


def correct(predict: Predict) -> np.ndarray:
    return np.asarray(predict(HELD_OUT).argmax(1) == ANSWERS)


def given(folder: Path, **changes: Any) -> dict[str, Any]:
    """Give the arguments of a short distillation, with changes."""
    arguments: dict[str, Any] = {
        "teacher": network(32), "student": network(16, seed=1), "train": loader(), "evaluate": correct,
        "stages": {"distill": {"epochs": 1}}, "baseline": False, "budget": FREE, "student_budget": FREE,
        "measure": {"seconds": 0.05}, "folder": folder,
    }  # fmt: skip
    return arguments | changes


WHOLE: dict[str, Any] = {
    "stages": {
        "distill": {"epochs": 2},
        "prune": {"ratio": 0.5, "epochs": 1},
        "quantize": {"calibration_samples": 40},
    },
    "baseline": True,
    "teacher_training": {"epochs": 2},
    "labels": LABELS,
    "output": "probabilities",
    "test": lambda predict: correct(predict)[:60],
}
_MADE: list[tuple[Path, Run]] = []


@pytest.fixture
def whole(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Run]:
    """A whole run, made once for all tests of this file, and the folder of its runs."""
    if not _MADE:
        folder = tmp_path_factory.mktemp("whole")
        _MADE.append((folder, edgekit.distill(**given(folder, **WHOLE))))
    return _MADE[0]


def test_modules_and_a_loader_give_the_same_candidates_and_bundle_as_a_recipe(
    whole: tuple[Path, Run],
) -> None:
    _, run = whole
    told = record.read(run.folder)
    assert [stage.id for stage in told.stages] == ["teacher", "student", "distill", "prune", "quantize"]
    assert [verdict.decision for verdict in told.verdicts][:2] == ["reference", "kept"]
    assert (told.finished, told.missing, told.bundle, told.report) == (True, [], "bundle", "report.html")
    assert [verdict.test.n for verdict in told.verdicts] == [60] * 5
    assert {verdict.change.n for verdict in told.verdicts if verdict.change} == {80}
    assert (run.record["data"]["train"], run.record["data"]["validation"]) == (120, 80)
    assert run.report.is_file()
    model = run.load()
    assert model.labels == LABELS
    answers = model(HELD_OUT)["probabilities"]
    assert np.allclose(answers.sum(1), 1, atol=1e-5)
    kept = told.verdict(told.kept)
    assert kept is not None
    assert (answers.argmax(1) == ANSWERS)[:60].mean() == kept.test.value
    assert model.predict(HELD_OUT[0].tolist()).label in LABELS
    assert model.manifest.provenance["recipe"]["stages"]["prune"]["ratio"] == 0.5
    assert model.manifest.metrics["accuracy"]["kind_of_cpu"], "what was kept is in 8 bits"


def test_started_again_a_run_is_not_repeated_whatever_the_random_state(
    whole: tuple[Path, Run], capsys: pytest.CaptureFixture[str]
) -> None:
    folder, run = whole
    torch.manual_seed(12345)
    again = edgekit.distill(**given(folder, **WHOLE))
    assert again.folder == run.folder
    assert again.record["stages"] == run.record["stages"]
    assert capsys.readouterr().err.count("finished before") == 5


def test_what_an_interruption_left_is_gone_on_with_and_the_teacher_serves_another_student(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    asked = 0

    def interrupted(predict: Predict) -> np.ndarray:
        nonlocal asked
        asked += 1
        if asked == 9:  # before the run, for each of 3 classes in both splits, the teacher, the student
            raise KeyboardInterrupt
        return correct(predict)

    with pytest.raises(KeyboardInterrupt):
        edgekit.distill(**given(tmp_path, evaluate=interrupted))
    capsys.readouterr()
    run = edgekit.distill(**given(tmp_path))
    assert [path.name for path in (tmp_path / "distilled").iterdir()] == [run.folder.name]
    assert capsys.readouterr().err.count("finished before") == 2
    assert run.record["status"] == "finished"

    other = edgekit.distill(**given(tmp_path, student=network(8)))
    assert other.folder != run.folder
    assert f"teacher: the same was made in run {run.folder.name}; taken from there" in capsys.readouterr().err


class Pixels(nn.Module):
    """Takes uint8 pixels (b, 2, 4, 4) as they are, and makes floats of them itself."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.first, self.head = nn.Conv2d(2, width, 3), nn.Linear(width, 3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y: torch.Tensor = self.head(self.first(x.float() / 255).relu().mean((2, 3)))
        return y


def test_modules_state_and_pixels_are_left_as_they_are_and_one_number_is_a_score(tmp_path: Path) -> None:
    pixels = torch.randint(0, 256, (48, 2, 4, 4), dtype=torch.uint8, generator=GENERATOR)
    classes = torch.arange(48) % 3
    modules = Pixels(8).train(), Pixels(4).eval()
    before = [copy.deepcopy(module.state_dict()) for module in modules]
    states = torch.get_rng_state(), np.random.get_state()[1].copy(), random.getstate()  # type: ignore[index,union-attr]

    def share(predict: Predict) -> float:
        return float((predict(pixels.numpy()).argmax(1) == classes.numpy()).mean())

    batches = [(pixels[at : at + 12], classes[at : at + 12]) for at in range(0, 48, 12)]
    run = edgekit.distill(
        **given(tmp_path, teacher=modules[0], student=modules[1], train=batches, evaluate=share, metric="share")
    )
    assert [module.training for module in modules] == [True, False]
    for module, state in zip(modules, before, strict=True):
        assert all(torch.equal(value, state[name]) for name, value in module.state_dict().items())
    assert torch.equal(states[0], torch.get_rng_state())
    assert np.array_equal(states[1], np.random.get_state()[1])  # type: ignore[index]
    assert states[2] == random.getstate()

    student = run.record["stages"][1]["verdict"]
    assert (student["metric"], student["test"]["n"], student["change"]["low"]) == ("share", None, None)
    model = run.load()
    assert str(model.inputs[0]) == "input: uint8[N,2,4,4]"
    with torch.no_grad():
        expected = modules[0](pixels[:5]).numpy()  # a teacher that is said to be trained stays what it is
    taught = edgekit.load(run.folder / "teacher" / "model.onnx")(pixels[:5].numpy())["logits"]
    assert np.allclose(taught, expected, atol=1e-5)


def test_a_regression_with_a_loss_of_its_own_is_distilled_and_quantized(tmp_path: Path) -> None:
    values = INPUTS.sum(1, keepdim=True)
    batches = [(INPUTS[at : at + 24], values[at : at + 24]) for at in range(0, 120, 24)]
    asked = []

    def squared(outputs: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        asked.append(tuple(outputs.shape))
        return ((outputs - targets) ** 2).mean()

    def closeness(predict: Predict) -> np.ndarray:
        apart: np.ndarray = np.abs(predict(INPUTS[120:]) - values[120:].numpy())[:, 0]
        return np.exp(-apart)

    run = edgekit.distill(
        **given(
            tmp_path,
            teacher=network(32, 1),
            student=network(16, 1, seed=1),
            train=batches,
            evaluate=closeness,
            loss=squared,
            metric="closeness",
            stages={
                "distill": {
                    "epochs": 8,
                    "learning_rate": 0.02,
                    "losses": {"soft-target": {"weight": 0}, "hard-label": {"weight": 1}},
                },
                "quantize": {"calibration_samples": 50},
            },
        )
    )
    scores = {stage["id"]: stage["verdict"]["test"]["value"] for stage in run.record["stages"]}
    assert scores["distill"] > scores["teacher"] + 0.1  # the teacher was told to be trained, and was not
    assert (24, 1) in asked
    assert run.load()(INPUTS[:3].numpy())["logits"].shape == (3, 1)


class Stopped(Exception):
    """Raised where the run would begin."""


@pytest.fixture
def place(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Callable[..., Path]]:
    """A function from changed arguments to the folder that their run would have."""

    def stop(job: Job, folder: Path) -> None:
        raise Stopped(folder)

    def find(**changes: Any) -> Path:
        with pytest.raises(Stopped) as stopped:
            edgekit.distill(**given(tmp_path, **changes))
        found: Path = stopped.value.args[0]
        return found

    monkeypatch.setattr(running, "run", stop)
    yield find
    assert not list(tmp_path.glob("distilled"))


def changed_data() -> DataLoader[Any]:
    targets = TARGETS[:120].clone()
    targets[119] = (targets[119] + 1) % 3
    return DataLoader(TensorDataset(INPUTS[:120], targets), 24, shuffle=True)


def changed_forward() -> nn.Module:
    class Other(nn.Sequential):
        def forward(self, input: torch.Tensor) -> torch.Tensor:  # Sequential's own word
            answer: torch.Tensor = super().forward(input)
            return 2 * answer

    Other.__name__ = Other.__qualname__ = "Sequential"
    return Other(*network(16, seed=1).children())  # type: ignore[call-overload,no-any-return]


@pytest.mark.parametrize(
    "change",
    [
        {"teacher": network(32, seed=7)},
        {"student": changed_forward()},
        {"train": changed_data()},
        {"evaluate": lambda predict: 1.0 - correct(predict)},
        {"evaluate": lambda predict: correct(predict).mean()},
        {"test": lambda predict: predict(HELD_OUT[1:]).argmax(1) == ANSWERS[1:]},
        {"loss": lambda outputs, targets: 2 * nn.functional.cross_entropy(outputs, targets)},
        {"metric": "share"},
        {"labels": LABELS},
        {"output": "probabilities"},
        {"stages": {"distill": {"epochs": 2}}},
        {"teacher_training": {"epochs": 1}},
        {"baseline": True},
        {"budget": {}},
        {"student_budget": {}},
        {"measure": {"seconds": 0.06}},
        {"targets": {"accuracy": 0.1}},
        {"seed": 1},
    ],
    ids=lambda change: " ".join(change),
)
def test_whatever_changes_what_comes_out_has_a_run_of_its_own(
    place: Callable[..., Path], change: dict[str, Any]
) -> None:
    assert place() == place() != place(**change)
