from __future__ import annotations

import copy
import json
import random

import numpy as np
import pytest
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from edgekit.data.batches import Batches
from edgekit.errors import DataError, TrainingError
from edgekit.recipe.schema import Augment, Losses, Train
from edgekit.training import checkpoint
from edgekit.training.batches import ArraySource, LoaderSource
from edgekit.training.loop import HISTORY, fit
from edgekit.training.objective import Distillation, Supervised
from edgekit.training.teacher import CachedTeacher


class Net(nn.Module):
    """A few hundred weights, with all that a resumed training must bring back: statistics and a dropout."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(7)
        self.conv = nn.Conv2d(1, 4, 3)
        self.norm = nn.BatchNorm2d(4)
        self.drop = nn.Dropout(0.2)
        self.head = nn.Linear(4 * 4 * 3, 3)

    def forward(self, x):
        return self.head(self.drop(torch.relu(self.norm(self.conv(x)))).flatten(1))


class Interrupted:
    """A source that fails in the middle of an epoch, as if the process had been killed there."""

    def __init__(self, source, epoch: int) -> None:
        self.source, self.at, self.steps = source, epoch, source.steps

    def epoch(self, number: int):
        for step, batch in enumerate(self.source.epoch(number)):
            if number == self.at and step == 1:
                raise KeyboardInterrupt
            yield batch


def settings(**said) -> Train:
    return Train(**{"epochs": 3, "batch": 12, "learning_rate": 0.05, **said})


@pytest.fixture
def train(tmp_path, device):
    """Train and return the history without its seconds."""

    def run(module, source, said: Train, objective=None, folder="stage", key="key"):
        objective = objective or Supervised()
        place = tmp_path / folder
        fit(module, source, objective, said, name="net", folder=place, key=key, seed=3, device=device)
        lines = [json.loads(line) for line in (place / HISTORY).read_text().splitlines()]
        return [{name: value for name, value in line.items() if name != "seconds"} for line in lines]

    return run


@pytest.fixture
def arrays(split):
    return lambda: ArraySource(
        Batches(split, batch=12, seed=3, normalize=None, augment=Augment(flip=True, erase=0.2), views=2)
    )


def loader(split, generator=None) -> LoaderSource:
    data = TensorDataset(torch.from_numpy(split.inputs).permute(0, 3, 1, 2) / 255, torch.from_numpy(split.targets))
    return LoaderSource(DataLoader(data, batch_size=12, shuffle=True, generator=generator))


def equal(one: nn.Module, other: nn.Module) -> bool:
    pairs = zip(one.state_dict().values(), other.state_dict().values(), strict=True)
    return all(torch.equal(*pair) for pair in pairs)


def test_the_loss_falls_and_what_was_learned_is_right(train, arrays, split):
    module = Net()
    history = train(module, arrays(), settings(epochs=15))
    assert history[-1]["loss"] < history[0]["loss"] / 3
    assert not module.training
    examples = ArraySource(Batches(split, batch=44, seed=0, normalize=None, augment=None))
    batch = next(examples.epoch(0))
    assert (module(batch.inputs).argmax(1) == batch.targets).float().mean() > 0.9


def test_the_history_has_a_line_for_every_epoch(train, arrays, split, device):
    teacher = CachedTeacher(Net(), arrays().batches, "t", device)
    history = train(Net(), arrays(), settings(), Distillation(Losses(), teacher))
    assert [line["epoch"] for line in history] == [1, 2, 3]
    for line in history:
        assert line.keys() == {"epoch", "epochs", "loss", "parts", "learning_rate"}
        assert line["epochs"] == 3
        parts = line["parts"]
        assert line["loss"] == pytest.approx(0.9 * parts["soft-target"] + 0.1 * parts["hard-label"])


@pytest.mark.parametrize("epoch", [0, 1, 2])
@pytest.mark.parametrize(
    "said",
    [
        {"optimizer": "sgd"},
        {"optimizer": "adamw", "learning_rate": 0.01},
        {"optimizer": "sgd", "average": 0.9},
        {"optimizer": "adamw", "learning_rate": 0.01, "average": 0.9, "clip": 1.0, "precision": "bfloat16"},
    ],
    ids=["sgd", "adamw", "sgd averaged", "adamw averaged in bfloat16"],
)
def test_a_training_that_was_interrupted_ends_as_one_that_was_not(train, arrays, capsys, said, epoch):
    whole, resumed = Net(), Net()
    history = train(whole, arrays(), settings(**said), folder="whole")
    with pytest.raises(KeyboardInterrupt):
        train(resumed, Interrupted(arrays(), epoch), settings(**said))
    again = Net()
    torch.rand(5)  # another process, another random state
    assert train(again, arrays(), settings(**said)) == history
    assert equal(again, whole)
    assert not equal(resumed, whole)
    assert ("going on after epoch" in capsys.readouterr().err) == (epoch > 0)


@pytest.mark.parametrize("generator", [None, torch.Generator], ids=["torch's generator", "a generator of its own"])
def test_the_same_with_a_loader_that_shuffles(train, split, generator):
    def source():
        return loader(split, generator and generator())

    whole, resumed = Net(), Net()
    history = train(whole, source(), settings(), folder="whole")
    with pytest.raises(KeyboardInterrupt):
        train(Net(), Interrupted(source(), 1), settings())
    assert train(resumed, source(), settings()) == history
    assert equal(resumed, whole)


def test_every_epoch_is_drawn_anew(train, split):
    seen = []

    def loss(outputs, targets):
        seen.append(targets.tolist())
        return nn.functional.cross_entropy(outputs, targets)

    train(Net(), loader(split), settings(epochs=2), Supervised(loss))
    assert seen[: len(seen) // 2] != seen[len(seen) // 2 :]


def test_a_training_killed_between_its_last_history_and_checkpoint_ends_alike(train, arrays, monkeypatch):
    whole, resumed = Net(), Net()
    history = train(whole, arrays(), settings(), folder="whole")
    saves = []

    def killed_the_third_time(*args):
        saves.append(args)
        if len(saves) == 3:
            raise KeyboardInterrupt
        save(*args)

    save = checkpoint.save
    monkeypatch.setattr(checkpoint, "save", killed_the_third_time)
    with pytest.raises(KeyboardInterrupt):
        train(Net(), arrays(), settings())
    monkeypatch.undo()
    assert train(resumed, arrays(), settings()) == history
    assert equal(resumed, whole)


def test_a_finished_training_that_is_started_again_takes_no_step(train, arrays):
    whole, again = Net(), Net()
    history = train(whole, arrays(), settings(average=0.9))
    (folder := arrays()).epoch = lambda number: pytest.fail("nothing is left to train")
    assert train(again, folder, settings(average=0.9)) == history
    assert equal(again, whole)


@pytest.mark.parametrize(
    ("spoil", "key", "said"),
    [
        (lambda content: content[:-7] + bytes([content[-7] ^ 4]) + content[-6:], "key", "damaged"),
        (lambda content: content, "another key", "other settings or code"),
    ],
    ids=["a flipped bit", "another key"],
)
def test_a_checkpoint_that_cannot_be_used_is_said_and_the_training_starts_again(
    train, arrays, tmp_path, capsys, spoil, key, said
):
    whole, again = Net(), Net()
    history = train(whole, arrays(), settings(), folder="whole")
    with pytest.raises(KeyboardInterrupt):
        train(Net(), Interrupted(arrays(), 2), settings())
    saved = tmp_path / "stage" / checkpoint.FILE
    saved.write_bytes(spoil(saved.read_bytes()))
    assert train(again, arrays(), settings(), key=key) == history
    assert equal(again, whole)
    told = capsys.readouterr().err
    assert said in told
    assert "going on" not in told


def nan_at(call: int):
    calls = []

    def loss(outputs, targets):
        calls.append(1)
        return nn.functional.cross_entropy(outputs, targets) * (float("nan") if len(calls) == call else 1)

    return Supervised(loss)


def test_a_loss_that_is_no_number_stops_and_keeps_the_last_good_epoch(train, arrays, tmp_path):
    module = Net()
    with pytest.raises(TrainingError) as caught:
        train(module, arrays(), settings(), nan_at(3 + 2))
    assert "net: the loss is nan in epoch 2, step 2 of 3; the state after epoch 1 is kept in" in str(caught.value)
    assert "learning rate" in caught.value.hint
    assert all(value.isfinite().all() for value in module.state_dict().values())
    state = checkpoint.load(tmp_path / "stage" / checkpoint.FILE, "key")
    assert len(json.loads(state["history"])) == 1
    first = Net()
    first.load_state_dict(state["module"])
    whole = Net()
    assert train(module, arrays(), settings())[0]["epoch"] == 1  # it can be gone on with
    train(whole, arrays(), settings(), folder="whole")
    assert equal(module, whole)


def test_a_loss_that_is_no_number_at_once_keeps_nothing_and_says_no_more(train, arrays, tmp_path):
    with pytest.raises(TrainingError, match=r"the loss is nan in epoch 1, step 1 of 3$"):
        train(Net(), arrays(), settings(), nan_at(1))
    assert not (tmp_path / "stage").exists()


def test_weights_that_are_no_numbers_are_never_kept(train, arrays, tmp_path):
    said = settings(epochs=1, learning_rate=1e38, schedule="constant", warmup=0.0, momentum=0.0)
    batch = next(arrays().epoch(0))
    source = LoaderSource([(batch.inputs, batch.targets)])
    with pytest.raises(TrainingError, match=r'"conv.weight" holds numbers that are not finite in epoch 1, step 1 of 1'):
        train(Net(), source, said, Supervised(lambda outputs, targets: 1e9 * outputs.square().sum()))
    assert not (tmp_path / "stage").exists()


def test_clip_limits_the_step(train, arrays):
    plain = {
        "epochs": 1,
        "learning_rate": 1.0,
        "schedule": "constant",
        "warmup": 0.0,
        "momentum": 0.0,
        "weight_decay": 0.0,
    }
    batch = next(arrays().epoch(0))
    source = LoaderSource([(batch.inputs, batch.targets)])
    moved = []
    for clip in (0.0, 0.01):
        module, before = Net(), Net()
        train(module, source, settings(**plain, clip=clip), folder=str(clip))
        pairs = zip(module.parameters(), before.parameters(), strict=True)
        moved.append(torch.stack([(a - b).norm() for a, b in pairs]).norm().item())
    assert moved[0] > 0.02
    assert moved[1] == pytest.approx(0.01, rel=1e-3)


def test_the_average_is_shipped_and_not_the_last_weights(train, arrays):
    averaged, last = Net(), Net()
    train(averaged, arrays(), settings(average=0.99), folder="averaged")
    train(last, arrays(), settings(), folder="last")
    assert not torch.equal(averaged.conv.weight, last.conv.weight)
    assert averaged.norm.running_mean.abs().sum() > 0


def test_bfloat16_trains_weights_of_float32(train, arrays):
    seen = []
    module = Net()
    module.head.register_forward_hook(lambda layer, inputs, output: seen.append(output.dtype))
    history = train(module, arrays(), settings(precision="bfloat16", epochs=8))
    assert seen.count(torch.bfloat16) == 8 * 3
    assert {value.dtype for value in module.parameters()} == {torch.float32}
    assert history[-1]["loss"] < history[0]["loss"]


def test_nothing_is_left_behind_in_the_callers_process(train, arrays):
    torch.manual_seed(0), random.seed(0), np.random.seed(0)
    module = Net()
    before = torch.get_rng_state(), random.getstate(), np.random.get_state()[1].tolist()
    train(module, loader_of(arrays()), settings(epochs=1))
    after = torch.get_rng_state(), random.getstate(), np.random.get_state()[1].tolist()
    assert torch.equal(before[0], after[0])
    assert before[1:] == after[1:]
    assert module.conv.weight.stride() == Net().conv.weight.stride()


def loader_of(source: ArraySource) -> LoaderSource:
    return LoaderSource([(batch.inputs, batch.targets) for batch in source.epoch(0)])


def test_batches_given_are_not_changed(train, arrays):
    source = loader_of(arrays())
    before = copy.deepcopy(source.loader)
    train(Net(), source, settings(epochs=1))
    assert all(
        torch.equal(a, b)
        for one, other in zip(source.loader, before, strict=True)
        for a, b in zip(one, other, strict=True)
    )


def test_no_epochs_leave_the_network_as_it_was(device, tmp_path, arrays):
    module = Net()
    fit(
        module,
        arrays(),
        Supervised(),
        settings(epochs=0, average=0.9),
        name="n",
        folder=tmp_path,
        key="k",
        seed=0,
        device=device,
    )
    assert equal(module, Net())
    assert not module.training
    assert list(tmp_path.glob("*.pt")) == []


class Uneven:
    """A loader whose length is not what it yields."""

    def __init__(self, batches, length: int) -> None:
        self.batches, self.length = batches, length

    def __len__(self) -> int:
        return self.length

    def __iter__(self):
        return iter(self.batches)


@pytest.mark.parametrize("length", [2, 5], ids=["more than its length", "fewer"])
def test_a_loader_that_yields_another_number_than_its_length_is_averaged_over_what_came(train, arrays, length):
    batches = loader_of(arrays()).loader
    frozen = settings(epochs=2, learning_rate=1e-12, weight_decay=0.0)
    history = train(Net(), LoaderSource(Uneven(batches, length)), frozen, Supervised(lambda o, t: 0 * o.sum() + 2))
    assert [line["loss"] for line in history] == [2.0, 2.0]


@pytest.mark.parametrize("batches", [[], iter([])], ids=["empty", "exhausted"])
def test_a_loader_that_yields_nothing_is_an_error(train, batches):
    with pytest.raises(DataError, match="net: there is no batch in epoch 1"):
        train(Net(), LoaderSource(Uneven(batches, 0)), settings())


def test_a_label_out_of_range_is_an_error_that_says_so(train, arrays):
    inputs, targets = loader_of(arrays()).loader[0]
    with pytest.raises(DataError, match="a label is 7, and the network answers 3 classes"):
        train(Net(), LoaderSource([(inputs, torch.full_like(targets, 7))]), settings())


def test_the_device_is_asked_for_anew_at_every_step(arrays, device, tmp_path):
    asked = []

    class Counting:
        def busy(self):
            asked.append(1)
            return device.busy()

    said = {"name": "n", "folder": tmp_path, "key": "k", "seed": 0, "device": Counting()}
    fit(Net(), arrays(), Supervised(), settings(epochs=2), **said)
    assert len(asked) == 2 * 3
