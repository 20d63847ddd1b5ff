"""Bad input through the command line: an error of two lines, exit code 1, no traceback, and nothing lost."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edgekit import cli

Edit = Callable[[Path], None]


def arrays(**changes: Any) -> Edit:
    def edit(folder: Path) -> None:
        held = dict(np.load(folder / "shapes.npz"))
        held |= {name: change(held[name]) for name, change in changes.items()}
        np.savez(folder / "shapes.npz", **held)

    return edit


def cut(name: str, least: int) -> Edit:
    return lambda folder: (folder / name).write_bytes((folder / name).read_bytes()[:least]) and None


def text(name: str, old: str, new: str) -> Edit:
    def edit(folder: Path) -> None:
        before = (folder / name).read_text()
        assert old in before
        (folder / name).write_text(before.replace(old, new))

    return edit


def whole(name: str, content: str) -> Edit:
    return lambda folder: (folder / name).write_text(content) and None


def relabelled(number: int) -> Edit:
    return arrays(y=lambda y: np.where(np.arange(len(y)) == 7, number, y))


CASES: dict[str, tuple[Edit, str]] = {
    "no recipe": (lambda folder: (folder / "tiny.yaml").unlink(), "there is no file"),
    "no yaml": (whole("tiny.yaml", "name: [tiny"), "tiny.yaml:1: this is not YAML"),
    "an unknown key": (text("tiny.yaml", "seconds:", "secnds:"), 'measure.secnds: unknown key; did you mean "seconds"'),
    "no data": (lambda folder: (folder / "shapes.npz").unlink(), 'there is no data source "shapes.npz"'),
    "truncated data": (cut("shapes.npz", 900), 'shapes.npz" cannot be read'),
    "empty data": (cut("shapes.npz", 0), 'shapes.npz" cannot be read'),
    "objects as data": (arrays(x=lambda x: np.array([{}] * len(x))), 'shapes.npz" cannot be read'),
    "other arrays": (lambda folder: np.savez(folder / "shapes.npz", a=np.ones(3)), 'shapes.npz" holds a'),
    "images of another size": (
        text("tiny.yaml", "[N,6,6,1]", "[N,8,8,1]"),
        'export.input says "image: uint8[N,8,8,1]"; the examples of "shapes.npz" are uint8',
    ),
    "features, not images": (
        arrays(x=lambda x: x.reshape(len(x), -1).astype(np.float32)),
        'export.input says "image: uint8[N,6,6,1]"; the examples of "shapes.npz" are float32',
    ),
    "fewer labels than images": (arrays(y=lambda y: y[:-1]), "has 240 examples and 239 labels"),
    "a label too high": (relabelled(99_999), 'the label of example 7 is "99999"'),
    "a negative label": (relabelled(-1), 'the label of example 7 is "-1"'),
    "labels that are no integers": (arrays(y=lambda y: y.astype(float)), "the labels are float64 [240]"),
    "a class without examples": (arrays(y=lambda y: np.where(y == 2, 3, y)), 'no training example of class "2"'),
    "fewer names than classes": (
        text("tiny.yaml", "source: shapes.npz,", "source: shapes.npz, labels: [a, b],"),
        'the label of example 2 is "2"',
    ),
    "more classes than outputs": (
        arrays(y=lambda y: np.arange(len(y)) % 4),
        "the teacher, net.py, answers 3 classes, and the data has 4",
    ),
    "a model file with a syntax error": (whole("net.py", "def build(:\n"), 'net.py", line 1: invalid syntax'),
    "a model file without build": (whole("net.py", "def biuld(): ..."), 'has no function "build", but "biuld"'),
    "a model file that needs what is not there": (whole("net.py", "import nowhere"), "No module named 'nowhere'"),
    "an argument that build does not take": (
        text("tiny.yaml", "args: {width: 8}", "args: {widht: 8}"),
        'build takes no argument "widht"',
    ),
    "an argument of the wrong kind": (
        text("tiny.yaml", "args: {width: 8}", "args: {width: wide}"),
        "build(width='wide') failed: TypeError",
    ),
    "a network that does not fit its data": (
        text("net.py", "nn.Conv2d(1,", "nn.Conv2d(3,"),
        "the teacher, net.py, fails on inputs float32[8,1,6,6] at net.py, line 17: RuntimeError",
    ),
    "weights that are not there": (
        text("tiny.yaml", "args: {width: 16},", "args: {width: 16}, weights: {file: w.safetensors},"),
        'teacher.weights.file: there is no weights file "w.safetensors"',
    ),
    "a device that is not there": (
        text("tiny.yaml", "{seconds: 0.05}", "{seconds: 0.05, device: cuda}"),
        'asked for device "cuda", but this onnxruntime offers only: cpu',
    ),
}


@pytest.mark.parametrize(("edit", "said"), CASES.values(), ids=CASES.keys())
def test_bad_input_is_told_before_anything_is_written(edgekit: Any, edit: Edit, said: str) -> None:
    edit(edgekit.recipe.parent)
    assert edgekit() == 1
    assert said in edgekit.error
    assert edgekit.out == ""
    assert not edgekit.runs.exists()


@pytest.mark.parametrize(
    ("tensors", "said"),
    [
        ({"head.bias": np.zeros(3, np.float32)}, 'do not fit the network: "first.weight" is missing'),
        (None, "is damaged, or no safetensors file at all"),
    ],
    ids=["other", "damaged"],
)
def test_weights_that_do_not_fit_are_told(edgekit: Any, tensors: dict[str, Any] | None, said: str) -> None:
    from safetensors.numpy import save_file

    path = edgekit.recipe.parent / "w.safetensors"
    if tensors:
        save_file(tensors, path)
    else:
        path.write_bytes(b"not what it should be")
    text("tiny.yaml", "args: {width: 16},", "args: {width: 16}, weights: {file: w.safetensors},")(edgekit.recipe.parent)
    assert edgekit() == 1
    assert said in edgekit.error
    assert edgekit("--dry-run", verb="train") == 0  # which makes them anew


def test_an_unknown_recipe_and_an_unknown_override_are_told_with_the_nearest_name(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert cli.run(["distill", "digist"]) == 1
    assert capsys.readouterr().err.startswith('error: there is no recipe "digist"\nhint: did you mean "digits"?')
    assert cli.run(["distill", "digits", "stages.prune.rtio=0.5"]) == 1
    assert 'stages.prune.rtio: unknown key; did you mean "ratio"?' in capsys.readouterr().err


DIVERGING = ["teacher.train.learning_rate=1e9", "teacher.train.epochs=9", "teacher.train.warmup=1"]


def test_a_loss_that_is_no_number_stops_the_training_and_says_what_is_kept_where(edgekit: Any) -> None:
    assert edgekit("teacher.train.learning_rate=1e9") == 1
    assert edgekit.error.startswith("teacher: the loss is nan in epoch 1, step ")
    assert edgekit("teacher.train.learning_rate=1e3", *DIVERGING[1:]) == 1
    (checkpoint,) = edgekit.runs.glob("tiny/*/teacher/checkpoint.pt")
    message, _, hint = edgekit.error.partition("\nhint: ")
    assert message.endswith(f'is kept in "{checkpoint}"')
    assert hint == "lower the learning rate, or limit the gradient with clip: 1.0\n"
    epochs = len((checkpoint.parent / "history.jsonl").read_text().splitlines())
    assert f"the state after epoch {epochs} is kept" in message

    content = bytearray(checkpoint.read_bytes())
    assert edgekit("teacher.train.learning_rate=1e3", *DIVERGING[1:]) == 1
    assert f"teacher: going on after epoch {epochs} of 9" in edgekit.err
    content[len(content) // 2] ^= 1
    checkpoint.write_bytes(content)
    assert edgekit("teacher.train.learning_rate=1e3", *DIVERGING[1:]) == 1
    assert f"{checkpoint}: the checkpoint is damaged; starting this training again" in edgekit.err
