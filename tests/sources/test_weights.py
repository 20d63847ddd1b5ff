from __future__ import annotations

import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from edgekit.errors import ModelError
from edgekit.sources import weights


def network() -> nn.Module:
    torch.manual_seed(3)
    return nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2), nn.Flatten(), nn.Linear(8, 2))


STATE = network().state_dict()
PREFIXED = {f"module.model.{name}": value for name, value in STATE.items()}
OLD = {name: value for name, value in STATE.items() if "num_batches" not in name}


@pytest.mark.parametrize(
    ("saved", "notes"),
    [
        (STATE, []),
        ({"state_dict": STATE, "epoch": 3, "optimizer": {"state": {}}}, ['those under "state_dict" of "w.pt"']),
        ({"model": STATE, "epoch": 3}, ['those under "model" of "w.pt"']),
        ({"checkpoint": 1, "model": {"state_dict": STATE}}, ['under "model"', 'under "state_dict"']),
        (PREFIXED, ['prefix "module."', 'prefix "model."']),
        ({"state_dict": PREFIXED}, ['under "state_dict"', 'prefix "module."', 'prefix "model."']),
        (OLD, []),
    ],
    ids=["plain", "nested", "under model", "nested twice", "prefixed", "nested and prefixed", "of an old torch"],
)
def test_a_state_dict_is_understood_however_it_was_saved(tmp_path, saved, notes):
    torch.save(saved, tmp_path / "w.pt")
    module = nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2), nn.Flatten(), nn.Linear(8, 2))
    told = weights.load(module, tmp_path / "w.pt")
    assert all(torch.equal(value, STATE[name]) for name, value in module.state_dict().items())
    assert len(told) == len(notes)
    assert all(note in line for note, line in zip(notes, told, strict=True))


def test_safetensors_are_read(tmp_path):
    save_file(STATE, tmp_path / "w.safetensors")
    module = network()
    nn.init.zeros_(module[3].weight)
    assert weights.load(module, tmp_path / "w.safetensors") == []
    assert torch.equal(module[3].weight, STATE["3.weight"])


def test_weights_that_were_saved_on_a_gpu_are_read_without_one(tmp_path, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(torch.serialization, "location_tag", lambda storage: "cuda:0")
        torch.save(STATE, tmp_path / "w.pt")
    assert b"cuda:0" in (tmp_path / "w.pt").read_bytes()
    state, _ = weights.read(tmp_path / "w.pt")
    assert {str(value.device) for value in state.values()} == {"cpu"}


class Unpickled:
    """What tells if it was ever unpickled."""

    seen = False

    def __setstate__(self, state):
        Unpickled.seen = True


def test_a_pickled_module_is_refused_and_never_run(tmp_path):
    evil = Unpickled()
    evil.x = 1
    torch.save(evil, tmp_path / "w.pt")
    with pytest.raises(ModelError, match=r'holds more than weights, pickled code of ".*Unpickled"') as caught:
        weights.read(tmp_path / "w.pt")
    assert "torch.save(model.state_dict(), FILE)" in caught.value.hint
    assert not Unpickled.seen


@pytest.mark.parametrize(
    ("saved", "said"),
    [([1, 2], "holds a list, not weights by name"), ({"epoch": 3}, 'no weights by name; at its top there is "epoch"')],
    ids=["a list", "no tensors"],
)
def test_what_is_no_state_dict_is_told(tmp_path, saved, said):
    torch.save(saved, tmp_path / "w.pt")
    with pytest.raises(ModelError, match=said):
        weights.read(tmp_path / "w.pt")


@pytest.mark.parametrize("name", ["w.pt", "w.safetensors"])
def test_damaged_and_absent_files_are_told_apart(tmp_path, name):
    with pytest.raises(ModelError, match="there are no weights"):
        weights.read(tmp_path / name)
    (tmp_path / name).write_bytes(b"no such thing")
    with pytest.raises(ModelError, match=r"cannot be read as weights|damaged"):
        weights.read(tmp_path / name)


@pytest.mark.parametrize(
    "content",
    [b"export unet.py", b"a\n", b"\x80\x02}q\x00.", b""],
    ids=["text", "a line", "a pickle", "nothing"],
)
def test_no_content_gives_more_than_an_error_of_ours(tmp_path, content):
    (tmp_path / "w.pt").write_bytes(content)
    with pytest.raises(ModelError):
        weights.read(tmp_path / "w.pt")


@pytest.mark.filterwarnings("ignore:.*torch.jit.*:DeprecationWarning")
def test_a_program_is_told_from_weights(tmp_path):
    torch.jit.save(torch.jit.script(network()), tmp_path / "w.pt")
    with pytest.raises(
        ModelError, match="is a TorchScript program, not weights"
    ):  # and torch's own warning is not seen
        weights.read(tmp_path / "w.pt")
    (tmp_path / "w.pt2").touch()
    with pytest.raises(ModelError, match="a program with its weights") as caught:
        weights.read(tmp_path / "w.pt2")
    assert caught.value.hint.startswith("edgekit export ")


def test_what_does_not_fit_is_counted_and_the_nearest_named(tmp_path):
    other = {f"layer{index}.weight": torch.zeros(1) for index in range(5)}
    other |= {name: value for name, value in STATE.items() if name != "3.weight"} | {"3.weights": torch.zeros(2, 8)}
    torch.save(other, tmp_path / "w.pt")
    with pytest.raises(ModelError) as caught:
        weights.load(network(), tmp_path / "w.pt")
    said = str(caught.value)
    assert '"3.weight" is missing' in said
    assert "in all 1 missing, 6 not in the network" in said
    torch.save({n + "s" * (n == "3.weight"): value for n, value in STATE.items()}, tmp_path / "w.pt")
    with pytest.raises(ModelError, match=r'"3.weights" is not in the network \(nearest: "3.weight"\)'):
        weights.load(network(), tmp_path / "w.pt")
