from __future__ import annotations

from types import SimpleNamespace

import pytest
import torch
from torch import nn

from edgekit.errors import ExportError, UsageError
from edgekit.exporting import asking, shipping


class Elsewhere(nn.Linear):
    """A layer that says it lies on a GPU, until it is moved."""

    here = False

    def named_parameters(self, *args, **kwargs):
        device = torch.device("cpu" if self.here else "cuda")
        return iter([("weight", SimpleNamespace(device=device))])

    def cpu(self):
        self.here = True
        return self


def test_what_lies_on_another_device_is_copied_and_left_there():
    module = Elsewhere(2, 2)
    copy = asking.on_cpu(module)
    assert copy is not module and copy.here and not module.here
    assert asking.on_cpu(copy) is copy


def test_weights_without_values_are_refused_by_name(tmp_path):
    module = nn.Sequential(nn.Linear(4, 2), nn.Linear(2, 2, device="meta"))
    with pytest.raises(ExportError, match=r'"1\.weight" and 1 more of Sequential have no values: the device is "meta"'):
        shipping.export(module, torch.zeros(1, 4), tmp_path / "bundle")
    assert module[1].weight.device.type == "meta"


@pytest.mark.parametrize(
    ("dtype", "hint"),
    [
        (torch.bfloat16, "the weights are bfloat16: export module.float()"),
        (torch.float16, "the weights are float16: export module.float(), or declare float16 inputs"),
        (torch.float32, "the input's shape or dtype, or the model's arguments, are wrong"),
    ],
    ids=str,
)
def test_weights_of_half_the_width_are_named_where_the_input_does_not_fit_them(tmp_path, dtype, hint):
    module = nn.Linear(4, 2).to(dtype)
    with pytest.raises(ExportError, match="PyTorch itself fails") as caught:
        shipping.export(module, None, tmp_path / "bundle", inputs=["x: float64[N,4]"])
    assert caught.value.hint == hint
    assert module.weight.dtype == dtype


@pytest.mark.filterwarnings("ignore:.*torch.jit.script:DeprecationWarning")
@pytest.mark.parametrize(
    ("make", "said"),
    [(lambda _: torch.relu, "not builtin_function_or_method"), (torch.jit.script, "not a TorchScript program")],
    ids=["a function", "TorchScript"],
)
def test_what_is_no_module_is_refused(tmp_path, make, said):
    with pytest.raises(UsageError, match=said):
        shipping.export(make(nn.Linear(4, 2)), torch.ones(7, 4), tmp_path / "bundle")


def test_half_precision_is_exported_as_it_is(tmp_path):
    done = shipping.export(nn.Linear(4, 2).half(), torch.randn(7, 4).half(), tmp_path / "bundle")
    assert [str(each) for each in done.card.outputs] == ["output: float16[N,2]"]
