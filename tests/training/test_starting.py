from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from edgekit.errors import ModelError
from edgekit.training.starting import started


@pytest.fixture
def weights(tmp_path: Path) -> Path:
    path = tmp_path / "other.safetensors"
    save_file({"0.weight": torch.ones(3, 2), "1.weight": torch.ones(9, 9), "2.bias": torch.ones(2)}, path)
    return path


def network() -> nn.Module:
    return nn.Sequential(nn.Linear(2, 3), nn.Linear(3, 4), nn.Linear(4, 2))


def test_what_has_the_same_name_and_shape_starts_from_there_and_the_rest_as_it_was(
    weights: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    torch.manual_seed(0)
    fresh = network().state_dict()
    torch.manual_seed(0)
    found = started(network(), weights).state_dict()
    assert found["0.weight"].eq(1).all() and found["2.bias"].eq(1).all()
    assert all(torch.equal(found[name], fresh[name]) for name in fresh if name not in ("0.weight", "2.bias"))
    started(network(), weights)
    assert capsys.readouterr().err.count("2 of 6 weights start from other.safetensors") == 1


def test_weights_that_fit_nowhere_and_files_that_are_none_are_refused(weights: Path) -> None:
    with pytest.raises(ModelError, match=r"of its 3 weights, as 0.weight, 1.weight…, none has name and shape"):
        started(nn.Linear(2, 3), weights)
    weights.write_bytes(b"no weights")
    with pytest.raises(ModelError, match="damaged, or no safetensors file"):
        started(network(), weights)
