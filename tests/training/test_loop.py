from __future__ import annotations

import copy
import json
import random

import numpy as np
import pytest
import torch
from torch import nn

from edgekit.data.batches import Batches
from edgekit.errors import DataError, TrainingError
from edgekit.recipe.losses import Losses
from edgekit.training import checkpoint
from edgekit.training.batches import ArraySource, LoaderSource
from edgekit.training.loop import fit
from edgekit.training.losses import own
from edgekit.training.objective import Distillation, Supervised
from edgekit.training.teacher import CachedTeacher


def test_the_loss_falls_and_what_was_learned_is_right(network, train, arrays, split, settings):
    module = network()
    history = train(module, arrays(), settings(epochs=15))
    assert history[-1]["loss"] < history[0]["loss"] / 3
    assert not module.training
    examples = ArraySource(Batches(split, batch=44, seed=0, normalize=None, augment=None))
    batch = next(examples.epoch(0))
    assert (module(batch.inputs).argmax(1) == batch.targets).float().mean() > 0.9


def test_the_history_has_a_line_for_every_epoch(network, train, arrays, device, settings):
    teacher = CachedTeacher(network(), arrays().batches, "t", device)
    teacher.fill(settings().epochs)
    history = train(network(), arrays(), settings(), Distillation(Losses(), teacher))
    assert [line["epoch"] for line in history] == [1, 2, 3]
    for line in history:
        assert line.keys() == {"epoch", "epochs", "loss", "parts", "learning_rate"}
        assert line["epochs"] == 3
        parts = line["parts"]
        assert line["loss"] == pytest.approx(0.9 * parts["soft-target"] + 0.1 * parts["hard-label"])


def test_every_epoch_is_drawn_anew(network, train, settings, loader):
    seen = []

    def loss(outputs, targets):
        seen.append(targets.tolist())
        return nn.functional.cross_entropy(outputs, targets)

    train(network(), loader(), settings(epochs=2), Supervised(own(loss)))
    assert seen[: len(seen) // 2] != seen[len(seen) // 2 :]


def nan_at(call: int):
    calls = []

    def loss(outputs, targets):
        calls.append(1)
        return nn.functional.cross_entropy(outputs, targets) * (float("nan") if len(calls) == call else 1)

    return Supervised(own(loss))


def test_a_loss_that_is_no_number_stops_and_keeps_the_last_good_epoch(
    network, train, arrays, tmp_path, settings, equal
):
    module = network()
    with pytest.raises(TrainingError) as caught:
        train(module, arrays(), settings(), nan_at(3 + 2))
    assert "net: the loss is nan in epoch 2, step 2 of 3; the state after epoch 1 is kept in" in str(caught.value)
    assert "learning rate" in caught.value.hint
    assert all(value.isfinite().all() for value in module.state_dict().values())
    state = checkpoint.load(tmp_path / "stage" / checkpoint.FILE, "key")
    assert len(json.loads(state["history"])) == 1
    first = network()
    first.load_state_dict(state["module"])
    whole = network()
    assert train(module, arrays(), settings())[0]["epoch"] == 1  # it can be gone on with
    train(whole, arrays(), settings(), folder="whole")
    assert equal(module, whole)


def test_a_loss_that_is_no_number_at_once_keeps_nothing_and_says_no_more(network, train, arrays, tmp_path, settings):
    with pytest.raises(TrainingError, match=r"the loss is nan in epoch 1, step 1 of 3$"):
        train(network(), arrays(), settings(), nan_at(1))
    assert not (tmp_path / "stage").exists()


def test_weights_that_are_no_numbers_are_never_kept(network, train, arrays, tmp_path, settings):
    said = settings(epochs=1, learning_rate=1e38, schedule="constant", warmup=0.0, momentum=0.0)
    batch = next(arrays().epoch(0))
    source = LoaderSource([(batch.inputs, batch.targets)])
    with pytest.raises(TrainingError, match=r'"conv.weight" holds numbers that are not finite in epoch 1, step 1 of 1'):
        train(network(), source, said, Supervised(own(lambda outputs, targets: 1e9 * outputs.square().sum())))
    assert not (tmp_path / "stage").exists()


def test_clip_limits_the_step(network, train, arrays, settings):
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
        module, before = network(), network()
        train(module, source, settings(**plain, clip=clip), folder=str(clip))
        pairs = zip(module.parameters(), before.parameters(), strict=True)
        moved.append(torch.stack([(a - b).norm() for a, b in pairs]).norm().item())
    assert moved[0] > 0.02
    assert moved[1] == pytest.approx(0.01, rel=1e-3)


def test_the_average_is_shipped_and_not_the_last_weights(network, train, arrays, settings):
    averaged, last = network(), network()
    train(averaged, arrays(), settings(average=0.99), folder="averaged")
    train(last, arrays(), settings(), folder="last")
    assert not torch.equal(averaged.conv.weight, last.conv.weight)
    assert averaged.norm.running_mean.abs().sum() > 0


def test_bfloat16_trains_weights_of_float32(network, train, arrays, settings):
    seen = []
    module = network()
    module.head.register_forward_hook(lambda layer, inputs, output: seen.append(output.dtype))
    history = train(module, arrays(), settings(precision="bfloat16", epochs=8))
    assert seen.count(torch.bfloat16) == 8 * 3
    assert {value.dtype for value in module.parameters()} == {torch.float32}
    assert history[-1]["loss"] < history[0]["loss"]


def test_nothing_is_left_behind_in_the_callers_process(network, train, arrays, settings):
    module = network()
    before = torch.get_rng_state(), random.getstate(), np.random.get_state()[1].tolist()
    train(module, loader_of(arrays()), settings(epochs=1))
    after = torch.get_rng_state(), random.getstate(), np.random.get_state()[1].tolist()
    assert torch.equal(before[0], after[0])
    assert before[1:] == after[1:]
    assert module.conv.weight.stride() == network().conv.weight.stride()


def loader_of(source: ArraySource) -> LoaderSource:
    return LoaderSource([(batch.inputs, batch.targets) for batch in source.epoch(0)])


def test_batches_given_are_not_changed(network, train, arrays, settings):
    source = loader_of(arrays())
    before = copy.deepcopy(source.loader)
    train(network(), source, settings(epochs=1))
    assert all(
        torch.equal(a, b)
        for one, other in zip(source.loader, before, strict=True)
        for a, b in zip(one, other, strict=True)
    )


def test_no_epochs_leave_the_network_as_it_was(network, device, tmp_path, arrays, settings, equal):
    module = network()
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
    assert equal(module, network())
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
def test_a_loader_that_yields_another_number_than_its_length_is_averaged_over_what_came(
    network, train, arrays, length, settings
):
    batches = loader_of(arrays()).loader
    frozen = settings(epochs=2, learning_rate=1e-12, weight_decay=0.0)
    history = train(
        network(), LoaderSource(Uneven(batches, length)), frozen, Supervised(own(lambda o, t: 0 * o.sum() + 2))
    )
    assert [line["loss"] for line in history] == [2.0, 2.0]


@pytest.mark.parametrize("batches", [[], iter([])], ids=["empty", "exhausted"])
def test_a_loader_that_yields_nothing_is_an_error(network, train, batches, settings):
    with pytest.raises(DataError, match="net: there is no batch in epoch 1"):
        train(network(), LoaderSource(Uneven(batches, 0)), settings())


def test_a_label_out_of_range_is_an_error_that_says_so(network, train, arrays, settings):
    inputs, targets = loader_of(arrays()).loader[0]
    with pytest.raises(DataError, match="a label is 7, and the network answers 3 classes"):
        train(network(), LoaderSource([(inputs, torch.full_like(targets, 7))]), settings())


def test_the_device_is_asked_for_anew_at_every_step(network, arrays, device, tmp_path, settings):
    asked = []

    class Counting:
        def busy(self):
            asked.append(1)
            return device.busy()

    said = {"name": "n", "folder": tmp_path, "key": "k", "seed": 0, "device": Counting()}
    fit(network(), arrays(), Supervised(), settings(epochs=2), **said)
    assert len(asked) == 2 * 3
