import pytest
import torch
from torch import nn

from edgekit import files
from edgekit.compression.layers import layers


@pytest.fixture
def pruning(script):
    return script("pruning")


def test_macs_are_those_of_the_layers(pruning):
    network = nn.Sequential(nn.Conv2d(4, 8, 3, 2, 1, groups=2), nn.Flatten(), nn.Linear(128, 10))
    found = [pruning.macs(each) for same in layers(network, torch.zeros(1, 4, 8, 8)).values() for each in same]
    assert found == [16 * 8 * 2 * 9, 128 * 10]


def test_a_record_of_the_same_kind_is_gone_on_with_and_no_other(pruning, tmp_path):
    path = tmp_path / "pruning.json"
    record = pruning.begun(path, {"seconds": 2.0})
    record["results"] = {"resnet": {"ratio 0.5": {}}}
    pruning.write(path, record)
    assert pruning.begun(path, {"seconds": 2.0}) == record == files.read_json(path)
    assert pruning.begun(path, {"seconds": 1.0})["results"] == {}


def test_what_is_there_is_not_measured_again(pruning, tmp_path):
    rows = {way: {} for way in [f"ratio {ratio}" for ratio in pruning.RATIOS[:2]]}
    said = pruning.argparse.Namespace(seconds=1, most=2)
    pruning.measured("resnet, 8 layers of 32", rows, said, lambda: pytest.fail("something was measured"))


def test_the_error_is_that_of_the_predicted_speed_up(pruning, capsys):
    row = {"predicted_speedup": 2.2, "speedup": {"ratio": 2.0, "low": 1.9, "high": 2.1}, "macs": 10,
           "macs_before": 30, "p50_us": {"trial": 100.0}}  # fmt: skip
    pruning.print_table({"resnet": {"ratio 0.5": row}})
    told = " ".join(capsys.readouterr().out.split())
    assert "1 networks: median error 10.0%, largest 10.0%; by MACs the median error is 50.0%" in told
