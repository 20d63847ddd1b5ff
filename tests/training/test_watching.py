from __future__ import annotations

import json

import pytest
import torch

from edgekit.errors import RecipeError, TrainingError
from edgekit.training.loop import HISTORY, fit
from edgekit.training.losses import own
from edgekit.training.objective import Supervised
from edgekit.training.watching import Watch


class Scores:
    """Gives these scores in turn, and remembers the weights that it was asked about."""

    def __init__(self, *scores: float) -> None:
        self.scores, self.seen = list(scores), []

    def __call__(self, network):
        assert not network.training
        self.seen.append({name: value.clone() for name, value in network.state_dict().items()})
        return self.scores[len(self.seen) - 1]


@pytest.fixture
def learn(tmp_path, device):
    def run(module, source, said, validate, objective=None):
        objective = objective or Supervised()
        named = {"name": "net", "folder": tmp_path, "key": "key", "seed": 3, "device": device}
        fit(module, source, objective, said, **named, validate=validate)
        return [json.loads(line) for line in (tmp_path / HISTORY).read_text().splitlines()]

    return run


def same(one, other):
    return all(torch.equal(one[name], other[name]) for name in one)


def test_training_stops_after_so_many_epochs_without_a_better_score_and_keeps_the_best(
    network, arrays, settings, learn
):
    scores, module = Scores(0.2, 0.7, 0.7, 0.5, 0.9), network()
    history = learn(module, arrays(), settings(epochs=5, patience=2), scores)
    assert [line["score"] for line in history] == [0.2, 0.7, 0.7, 0.5]
    assert same(module.state_dict(), scores.seen[1]) and not same(scores.seen[1], scores.seen[3])


def test_scores_alone_stop_nothing_and_what_is_scored_changes_no_training(network, arrays, settings, learn, train):
    module, plain = network(), network()
    history = learn(module, arrays(), settings(epochs=3, validate_every=2), Scores(0.9, 0.1))
    assert [line.get("score") for line in history] == [None, 0.9, 0.1]  # the last epoch is always scored
    train(plain, arrays(), settings(epochs=3))
    assert same(module.state_dict(), plain.state_dict())


def test_of_averaged_weights_the_average_is_scored_and_kept(network, arrays, settings, learn):
    scores, module = Scores(0.5, 0.1, 0.2), network()
    learn(module, arrays(), settings(epochs=3, patience=9, average=0.9), scores)
    assert same(module.state_dict(), scores.seen[0])


@pytest.mark.parametrize("killed", [1, 2, 3])
def test_a_training_that_goes_on_stops_where_one_that_was_never_killed_does(network, arrays, settings, learn, killed):
    class Killed(Exception):
        pass

    said, all_scores = settings(epochs=6, patience=2, average=0.5), (0.2, 0.7, 0.5, 0.7, 0.9)

    def fall(module):
        if len(first.seen) == killed:
            raise Killed
        return first(module)

    first, module = Scores(*all_scores), network()
    with pytest.raises(Killed):
        learn(module, arrays(), said, fall)
    second, again = Scores(*all_scores[killed:]), network()
    history = learn(again, arrays(), said, second)
    assert [line["score"] for line in history] == [0.2, 0.7, 0.5, 0.7]
    best = [*first.seen, *second.seen][1]
    assert same(again.state_dict(), best)


def test_without_validation_examples_they_cannot_be_asked_for(settings):
    with pytest.raises(RecipeError, match="patience and validate_every need validation examples"):
        Watch(None, settings(patience=1))
    assert not Watch(None, settings()).look(torch.nn.Linear(1, 1), [], 0)


def test_l1_is_added_to_the_loss_and_told(network, arrays, settings, train):
    flat = Supervised(own(lambda outputs, targets: 0 * outputs.sum()))
    module, said = network(), {"epochs": 1, "schedule": "constant", "warmup": 0.0, "weight_decay": 0.0}
    before = sum(p.abs().sum() for p in module.parameters() if p.ndim > 1).item()
    (line,) = train(module, arrays(), settings(l1=0.01, learning_rate=1e-9, **said), flat)
    assert line["parts"]["l1"] == pytest.approx(before, rel=1e-5)
    assert line["loss"] == pytest.approx(0.01 * before, rel=1e-5)


def test_float16_without_cuda_is_refused(network, arrays, settings, train):
    if torch.cuda.is_available():
        pytest.skip("there is CUDA here")
    with pytest.raises((RecipeError, TrainingError), match="float16 trains on CUDA alone"):
        train(network(), arrays(), settings(precision="float16"))


def test_compiling_without_a_compiler_is_refused(network, arrays, settings, train, monkeypatch):
    monkeypatch.setenv("CXX", "no-such-compiler")
    with pytest.raises(RecipeError, match='compile needs a C\\+\\+ compiler, and there is no "no-such-compiler"'):
        train(network(), arrays(), settings(compile=True))
