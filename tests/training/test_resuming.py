from __future__ import annotations

import pytest
import torch

from edgekit.recipe.losses import Losses
from edgekit.training import checkpoint
from edgekit.training.listening import listening
from edgekit.training.objective import Distillation
from edgekit.training.randomness import seeded
from edgekit.training.teacher import LiveTeacher


class Interrupted:
    """A source that fails in the middle of an epoch, as if the process had been killed there."""

    def __init__(self, source, epoch: int) -> None:
        self.source, self.at, self.steps = source, epoch, source.steps

    def epoch(self, number: int):
        for step, batch in enumerate(self.source.epoch(number)):
            if number == self.at and step == 1:
                raise KeyboardInterrupt
            yield batch


@pytest.mark.parametrize("epoch", [0, 1, 2])
@pytest.mark.parametrize(
    "said",
    [
        {"optimizer": "sgd"},
        {"optimizer": "adamw", "learning_rate": 0.01},
        {"optimizer": "sgd", "average": 0.9},
        {"optimizer": "adamw", "learning_rate": 0.01, "average": 0.9, "clip": 1.0, "precision": "bfloat16"},
        {"optimizer": "rmsprop", "learning_rate": 0.01, "schedule": "step", "step_epochs": 1, "gamma": 0.5, "l1": 1e-4},
    ],
    ids=["sgd", "adamw", "sgd averaged", "adamw averaged in bfloat16", "rmsprop by steps with l1"],
)
def test_a_training_that_was_interrupted_ends_as_one_that_was_not(
    network, train, arrays, capsys, said, epoch, settings, equal
):
    whole, resumed = network(), network()
    history = train(whole, arrays(), settings(**said), folder="whole")
    with pytest.raises(KeyboardInterrupt):
        train(resumed, Interrupted(arrays(), epoch), settings(**said))
    again = network()
    torch.rand(5)  # another process, another random state
    assert train(again, arrays(), settings(**said)) == history
    assert equal(again, whole)
    assert not equal(resumed, whole)
    assert ("going on after epoch" in capsys.readouterr().err) == (epoch > 0)


@pytest.mark.parametrize("generator", [None, torch.Generator], ids=["torch's generator", "a generator of its own"])
def test_the_same_with_a_loader_that_shuffles(network, train, generator, settings, equal, loader):
    def source():
        return loader(generator and generator())

    whole, resumed = network(), network()
    history = train(whole, source(), settings(), folder="whole")
    with pytest.raises(KeyboardInterrupt):
        train(network(), Interrupted(source(), 1), settings())
    assert train(resumed, source(), settings()) == history
    assert equal(resumed, whole)


def test_a_training_killed_between_its_last_history_and_checkpoint_ends_alike(
    network, train, arrays, monkeypatch, settings, equal
):
    whole, resumed = network(), network()
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
        train(network(), arrays(), settings())
    monkeypatch.undo()
    assert train(resumed, arrays(), settings()) == history
    assert equal(resumed, whole)


def test_a_finished_training_that_is_started_again_takes_no_step(network, train, arrays, settings, equal):
    whole, again = network(), network()
    history = train(whole, arrays(), settings(average=0.9))
    source = arrays()
    source.epoch = lambda number: pytest.fail("nothing is left to train")
    assert train(again, source, settings(average=0.9)) == history
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
    network, train, arrays, tmp_path, capsys, spoil, key, said, settings, equal
):
    whole, again = network(), network()
    history = train(whole, arrays(), settings(), folder="whole")
    with pytest.raises(KeyboardInterrupt):
        train(network(), Interrupted(arrays(), 2), settings())
    saved = tmp_path / "stage" / checkpoint.FILE
    saved.write_bytes(spoil(saved.read_bytes()))
    assert train(again, arrays(), settings(), key=key) == history
    assert equal(again, whole)
    told = capsys.readouterr().err
    assert said in told
    assert "going on" not in told


class Deep(torch.nn.Module):
    """A teacher with more channels than the student."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(1)
        self.first, self.head = torch.nn.Conv2d(1, 6, 3, stride=2), torch.nn.Linear(6, 3)

    def forward(self, x):
        return self.head(self.first(x).relu().mean((2, 3)))


def test_a_projection_that_is_learned_with_the_student_comes_back_with_it(network, train, arrays, settings, equal):
    said = {"hint": {"layers": {"conv": "first", "pooled": "pooled"}}}

    def learn(source, folder="stage"):
        torch.rand(3)  # another process, another random state
        module, teacher = network(), LiveTeacher(Deep(), ["first", "pooled"])
        with listening(module, ["conv", "pooled"], "the student") as heard:
            objective = Distillation(Losses.model_validate(said), teacher, heard)
            with seeded(0, 0):
                objective.begin(source.epoch(0), module)
            before = [each.clone() for each in objective.learned.parameters()]
            history = train(module, source, settings(average=0.9, clip=1.0), objective, folder)
        moved = [not torch.equal(*pair) for pair in zip(before, objective.learned.parameters(), strict=True)]
        return module, objective.learned, history, all(moved)

    whole, projection, history, moved = learn(arrays(), "whole")
    assert moved
    assert history[-1]["parts"]["hint"] < history[0]["parts"]["hint"]
    with pytest.raises(KeyboardInterrupt):
        learn(Interrupted(arrays(), 2))
    again, other, same, _ = learn(arrays())
    assert same == history
    assert equal(again, whole)
    assert equal(other, projection)
    assert set(whole.state_dict()) == set(network().state_dict())  # nothing of it is shipped
