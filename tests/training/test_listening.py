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
