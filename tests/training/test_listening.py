from __future__ import annotations

import copy

import pytest
import torch
from torch import nn

from edgekit.errors import RecipeError
from edgekit.training.listening import listening

INPUTS = torch.randn(2, 1, 6, 5, generator=torch.Generator().manual_seed(0))


def hooks(network: nn.Module) -> int:
    return sum(len(module._forward_hooks) + len(module._forward_pre_hooks) for module in network.modules())


def test_layers_are_heard_by_name_and_what_the_last_linear_one_takes_as_pooled(network):
    module = network().eval()
    with listening(module, ["conv", "pooled"], "the student") as heard:
        outputs = module(INPUTS)
    assert torch.equal(heard["conv"], module.conv(INPUTS))
    assert torch.equal(module.head(heard["pooled"]), outputs)
    assert hooks(module) == 0


def test_the_gradient_goes_through_what_was_heard(network):
    module = network()
    with listening(module, ["norm"], "the student") as heard:
        module(INPUTS)
    heard["norm"].square().sum().backward()
    assert module.conv.weight.grad.abs().sum() > 0
    assert module.head.weight.grad is None


def test_an_error_leaves_no_hook_behind(network):
    module = network()
    with pytest.raises(ZeroDivisionError), listening(module, ["conv"], "the student"):
        raise ZeroDivisionError
    with pytest.raises(RecipeError), listening(module, ["conv", "cnov"], "the student"):
        pass
    assert hooks(module) == 0


def test_low_precision_is_heard_as_float32(network):
    module = network()
    with listening(module, ["conv"], "it") as heard, torch.autocast("cpu", torch.bfloat16):
        module(INPUTS)
    assert heard["conv"].dtype == torch.float32


def test_a_copy_of_the_network_speaks_to_the_same_ears(network):
    module = network()
    with listening(module, ["conv"], "it") as heard:
        copy.deepcopy(module)(INPUTS)
        assert "conv" in heard


@pytest.mark.parametrize(
    ("layer", "said", "hint"),
    [
        ("nrom", 'the student has no layer "nrom"', 'did you mean "norm"?'),
        ("blocks.2", 'the student has no layer "blocks.2"', "its layers are conv, norm, drop, head"),
    ],
    ids=["nearly one", "none like it"],
)
def test_a_layer_that_is_not_there_is_an_error_with_the_nearest(network, layer, said, hint):
    with pytest.raises(RecipeError) as caught, listening(network(), [layer], "the student"):
        pass
    assert (str(caught.value), caught.value.hint) == (said, hint)


def test_without_a_linear_layer_there_is_no_pooled_vector():
    with pytest.raises(RecipeError, match=r"no nn\.Linear"), listening(nn.Conv2d(1, 2, 3), ["pooled"], "the teacher"):
        pass


class Streams(nn.Module):
    """A window (b, T, 3) by convolutions along time, by a recurrent layer, and by a block of both kinds."""

    def __init__(self) -> None:
        super().__init__()
        self.along = nn.Sequential(nn.Conv1d(3, 4, 3, padding=1), nn.ReLU())
        self.bent = nn.Tanh()
        self.cell = nn.LSTM(4, 5, batch_first=True)
        self.mixed = nn.ModuleDict({"conv": nn.Conv1d(3, 3, 1), "gate": nn.Linear(3, 3)})
        self.mixed.forward = lambda x: self.mixed["gate"](self.mixed["conv"](x).transpose(1, 2))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        self.mixed(x.transpose(1, 2))
        maps = self.bent(self.along(x.transpose(1, 2)))
        return self.cell(maps.transpose(1, 2))[0].mean(1)


def test_maps_along_time_are_heard_moment_by_moment_whatever_layer_makes_them():
    module, window = Streams(), torch.randn(2, 7, 3)
    with listening(module, ["along", "along.1", "bent", "mixed.gate"], "it") as heard:
        module(window)
    assert torch.equal(heard["along"], module.along(window.transpose(1, 2)).transpose(1, 2))
    assert heard["along.1"].shape == heard["bent"].shape == (2, 7, 4)
    assert heard["mixed.gate"].shape == (2, 7, 3)


def test_a_layer_of_both_kinds_does_not_say_which_dimension_is_time():
    module = Streams()
    with listening(module, ["mixed"], "it"), pytest.raises(RecipeError, match="which is time") as caught:
        module(torch.randn(2, 7, 3))
    assert caught.value.hint and "within it" in caught.value.hint
