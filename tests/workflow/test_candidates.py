from __future__ import annotations

import dataclasses
import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import nn

from edgekit.errors import DeviceError, EdgekitError, ModelError, RecipeError
from edgekit.recipe.loading import load
from edgekit.recipe.networks import Train
from edgekit.recipe.schema import Distill, Measure
from edgekit.stages.job import Job, Made, Network
from edgekit.training.losses import own
from edgekit.workflow import candidates, preparing, rehearsal


def network(width: int = 4) -> Network:
    return Network(lambda: nn.Sequential(nn.Linear(3, width), nn.Linear(width, 2)), {"class": "Two"}, Train())


@pytest.fixture
def stage(tmp_path: Path) -> Path:
    """A stage's folder in a run, with a history as a training leaves it."""
    folder = tmp_path / "tiny" / "11111111" / "distill"
    folder.mkdir(parents=True)
    (folder / "history.jsonl").write_text('{"epoch": 1, "loss": 0.5}\n')
    return folder


@pytest.fixture
def made(stage: Path) -> nn.Module:
    """A network narrower than its model file makes it, kept in the stage's folder under the key "key"."""
    narrow = network(3).make()
    (stage / "checkpoint.pt").touch()
    candidates.keep(stage, "key", Made(narrow, said={"ratio": 0.25}), network(), 1.234)
    return narrow


def test_a_kept_network_is_found_by_its_key_and_built_again(stage: Path, made: nn.Module) -> None:
    record = candidates.find(stage, "key")
    assert record is not None
    assert (record["seconds"], record["said"], record["parameters"]) == (1.23, {"ratio": 0.25}, 20)
    assert set(record["files"]) == {"weights.safetensors", "history.jsonl"}
    again = candidates.restore(record, stage, network())
    assert again is not None
    assert not again.training
    inputs = torch.ones(2, 3)
    assert torch.equal(again(inputs), made(inputs))
    assert candidates.find(stage, "other") is None


def test_the_checkpoint_goes_once_the_candidate_is_whole(stage: Path, made: nn.Module) -> None:
    assert not (stage / "checkpoint.pt").exists()


def test_a_graph_is_kept_as_the_file_it_is(stage: Path) -> None:
    (stage / "model.onnx").write_bytes(b"graph")
    candidates.keep(stage, "key", Made(graph=stage / "model.onnx"), network(), 1.0)
    record = candidates.find(stage, "key")
    assert record is not None
    assert "model.onnx" in record["files"]
    assert candidates.restore(record, stage, network()) is None


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-9])


def flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def change_a_figure(path: Path) -> None:
    path.write_text(json.dumps(json.loads(path.read_text()) | {"parameters": 21}))


@pytest.mark.parametrize("damage", [cut, flip, lambda path: path.write_text("[]"), lambda path: path.write_text("{}")])
@pytest.mark.parametrize("name", ["candidate.json", "weights.safetensors", "history.jsonl"])
def test_whatever_is_damaged_is_not_found_and_it_says_so(
    stage: Path, made: nn.Module, capsys: pytest.CaptureFixture[str], name: str, damage: Callable[[Path], None]
) -> None:
    damage(stage / name)
    assert candidates.find(stage, "key") is None
    assert capsys.readouterr().err == f"{stage / name}: damaged or gone; making it again\n"


@pytest.mark.parametrize(
    "damage", [change_a_figure, lambda path: path.write_text(path.read_text().replace("1.23", "NaN"))]
)
def test_a_record_that_can_be_read_and_says_another_figure_is_damaged(
    stage: Path, made: nn.Module, damage: Callable[[Path], None]
) -> None:
    damage(stage / "candidate.json")
    assert candidates.find(stage, "key") is None


def test_missing_weights_are_told_and_a_missing_record_is_no_news(
    stage: Path, made: nn.Module, capsys: pytest.CaptureFixture[str]
) -> None:
    (stage / "weights.safetensors").unlink()
    assert candidates.find(stage, "key") is None
    assert "weights.safetensors: damaged or gone" in capsys.readouterr().err
    (stage / "candidate.json").unlink()
    assert candidates.find(stage, "key") is None
    assert capsys.readouterr().err == ""


def test_the_same_candidate_is_taken_from_a_sibling_run_unless_it_is_damaged_there(
    stage: Path, made: nn.Module, capsys: pytest.CaptureFixture[str]
) -> None:
    runs = stage.parent.parent
    shutil.copytree(stage.parent, runs / "00000000")
    cut(runs / "00000000" / "distill" / "weights.safetensors")
    target = runs / "22222222" / "distill"
    assert candidates.find(target, "other") is None
    assert not target.exists()
    assert candidates.find(target, "key") == candidates.find(stage, "key")
    assert (target / "weights.safetensors").read_bytes() == (stage / "weights.safetensors").read_bytes()
    assert capsys.readouterr().err == "distill: the same was made in run 11111111; taken from there\n"


def test_a_sibling_that_is_removed_while_it_is_read_is_passed_over(
    stage: Path, made: nn.Module, monkeypatch: pytest.MonkeyPatch
) -> None:
    def vanish(source: Path, target: Path) -> None:
        shutil.rmtree(stage)
        raise FileNotFoundError(source)

    monkeypatch.setattr(shutil, "copy2", vanish)
    target = stage.parent.parent / "22222222" / "distill"
    assert candidates.find(target, "key") is None
    assert not target.exists()


@pytest.fixture
def job(tiny: Path) -> Job:
    return preparing.prepare(load(tiny))


def answering(make: Callable[[], nn.Module], epochs: int = 1) -> Network:
    return Network(make, {"model": "net.py"}, Train(epochs=epochs))


def classes(count: int) -> nn.Module:
    return nn.Sequential(nn.Flatten(), nn.Linear(36, count))


class Nothing(nn.Module):
    """Answers three classes, and has nothing to learn with."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x.flatten(1)[:, :3]


class Pair(nn.Module):
    """Answers two things."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(6, 3)

    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        return self.layer(x), x


def test_a_rehearsal_gives_what_the_networks_answer_and_leaves_random_state_and_the_data_alone(job: Job) -> None:
    assert job.teacher
    job = dataclasses.replace(job, teacher=answering(lambda: teacher), student=answering(lambda: student))
    teacher, student = classes(3), classes(3)
    before = torch.get_rng_state()
    answers, again = rehearsal.rehearse(job), rehearsal.rehearse(job)
    assert torch.equal(before, torch.get_rng_state())
    assert list(answers) == ["teacher", "student"]
    assert {tuple(answer.shape) for answer in answers.values()} == {(8, 3)}
    assert not torch.equal(answers["teacher"], answers["student"])
    assert all(torch.equal(answers[who], again[who]) for who in answers)


@pytest.mark.parametrize(
    ("student", "said"),
    [
        (answering(lambda: classes(5)), "the student, net.py, answers 5 classes, and the data has 3"),
        (answering(lambda: nn.Linear(7, 3)), r"the student, net.py, fails on inputs float32\[8,1,6,6\]: RuntimeError"),
        (answering(Pair), "the student, net.py, answers a tuple to 8 inputs"),
        (answering(lambda: nn.Flatten(0)), "the student, net.py, has no parameter to train"),
        (answering(lambda: nn.Flatten(0), 0), r"the student, net.py, answers float32\[288\] to 8 inputs"),
        (answering(Nothing), "the student, net.py, has no parameter to train"),
    ],
    ids=["classes", "shape", "tuple", "frozen", "rows", "parameters"],
)
def test_a_network_that_does_not_fit_is_told_before_anything_is_trained(job: Job, student: Network, said: str) -> None:
    with pytest.raises(ModelError, match=said):
        rehearsal.rehearse(dataclasses.replace(job, student=student))


def test_an_error_in_the_users_own_code_is_told_with_its_line(tiny: Path) -> None:
    path = tiny.parent / "net.py"
    lines = path.read_text().replace("nn.Linear(2 * width, 3)", "nn.Linear(3 * width, 3)").splitlines()
    path.write_text("\n".join(lines))
    where = 1 + next(number for number, line in enumerate(lines) if "self.head(" in line)
    with pytest.raises(ModelError, match=f"at net.py, line {where}: RuntimeError: mat1 and mat2"):
        rehearsal.rehearse(preparing.prepare(load(tiny)))


def test_teacher_and_student_must_answer_alike_where_one_teaches_the_other(job: Job) -> None:
    free = dataclasses.replace(job, deployment=dataclasses.replace(job.deployment, labels=()))
    free = dataclasses.replace(free, student=answering(lambda: classes(4)))
    with pytest.raises(ModelError, match=r"the teacher answers \[3\] to an input, and the student \[4\]"):
        rehearsal.rehearse(free)
    rehearsal.rehearse(dataclasses.replace(free, stages={}))


def test_soft_targets_of_a_single_number_are_refused(job: Job) -> None:
    one = dataclasses.replace(
        job,
        deployment=dataclasses.replace(job.deployment, labels=()),
        teacher=answering(lambda: classes(1)),
        student=answering(lambda: classes(1)),
        losses=own(lambda outputs, targets: ((outputs[:, 0] - targets) ** 2).mean()),
        stages={"distill": Distill()},
    )
    with pytest.raises(RecipeError, match=r"stages\.distill: soft-target teaches nothing"):
        rehearsal.rehearse(one)
    losses = {"soft-target": {"weight": 0}, "hard-label": {"weight": 1}}
    rehearsal.rehearse(dataclasses.replace(one, stages={"distill": Distill.model_validate({"losses": losses})}))


@pytest.mark.parametrize(
    ("loss", "said"),
    [
        (lambda outputs, targets: nn.functional.mse_loss(outputs, targets), "the loss fails on outputs"),
        (lambda outputs, targets: outputs.mean(1), "the loss fails on outputs"),
        (lambda outputs, targets: 3.0, "the loss fails on outputs"),
        (lambda outputs, targets: outputs.detach().mean(), "cannot be differentiated"),
    ],
    ids=["shapes", "vector", "float", "detached"],
)
def test_a_loss_that_cannot_be_trained_on_is_refused(job: Job, loss: object, said: str) -> None:
    with pytest.raises(ModelError, match=said):
        rehearsal.rehearse(dataclasses.replace(job, losses=own(loss)))  # type: ignore[arg-type]


def test_a_device_that_is_not_there_is_told_before_anything_is_trained(job: Job) -> None:
    with pytest.raises(DeviceError, match='asked for device "cuda"'):
        rehearsal.rehearse(dataclasses.replace(job, measure=Measure(device="cuda")))


@pytest.mark.parametrize("content", [b"", b"no weights", b"\xff" * 40], ids=["empty", "text", "bytes"])
def test_weights_that_cannot_be_read_are_told(job: Job, tiny: Path, content: bytes) -> None:
    assert job.teacher
    path = tiny.parent / "teacher.safetensors"
    path.write_bytes(content)
    teacher = dataclasses.replace(job.teacher, weights=path)
    with pytest.raises(EdgekitError, match=r'teacher\.safetensors" is damaged, or no safetensors file at all'):
        rehearsal.rehearse(dataclasses.replace(job, teacher=teacher))


def distilling(job: Job, **losses: object) -> Job:
    return dataclasses.replace(job, stages={"distill": Distill.model_validate({"losses": losses})})


@pytest.mark.parametrize(
    ("losses", "said"),
    [
        ({"hint": {"layers": {"secnd": "second"}}}, 'the student has no layer "secnd"'),
        ({"attention": {"layers": {"second": "thrid"}}}, 'the teacher has no layer "thrid"'),
        ({"attention": {"layers": {"second": "head"}}}, r'the teacher\'s layer "head" answers \[8, 3\]'),
        ({"hint": {"layers": {"second": "pooled"}}}, r'the teacher\'s layer "pooled" answers \[8, 32\]'),
    ],
    ids=["no layer of the student", "no layer of the teacher", "a vector", "a map and a vector"],
)
def test_layers_that_do_not_fit_are_told_before_anything_is_trained(job: Job, losses: dict, said: str) -> None:
    with pytest.raises(EdgekitError, match=rf"stages\.distill\.losses: {said}"):
        rehearsal.rehearse(distilling(job, **losses))


def test_losses_that_fit_are_tried_and_leave_nothing_behind(job: Job) -> None:
    rehearsal.rehearse(
        distilling(job, dkd={}, dist={}, hint={}, attention={"layers": {"first": "second"}}, relational={})
    )


def test_mixed_images_are_rehearsed(tiny: Path) -> None:
    rehearsal.rehearse(preparing.prepare(load(tiny, ["data.augment={mixup: 1}", "stages.distill.losses.dkd={}"])))


def test_a_further_teacher_is_rehearsed_as_well(job: Job) -> None:
    other = dataclasses.replace(answering(lambda: classes(5), 0), identity={"model": "other.py"})
    with pytest.raises(ModelError, match=r"the further teacher, other\.py, answers 5 classes, and the data has 3"):
        rehearsal.rehearse(dataclasses.replace(job, also=(other,)))
