from __future__ import annotations

import pickle

import pytest
import torch

from edgekit.training import checkpoint


def state() -> dict:
    return {"module": {"w": torch.arange(6.0).view(2, 3)}, "optimizer": {"lr": [0.1, 0.2]}, "history": "[]"}


def test_a_checkpoint_comes_back_as_it_was(tmp_path, capsys):
    path = tmp_path / "deep" / "checkpoint.pt"
    checkpoint.save(path, "key", state())
    back = checkpoint.load(path, "key")
    assert torch.equal(back["module"]["w"], state()["module"]["w"])
    assert back["optimizer"] == state()["optimizer"]
    assert [each.name for each in path.parent.iterdir()] == ["checkpoint.pt"]
    assert capsys.readouterr().err == ""


def test_no_checkpoint_is_none_without_a_word(tmp_path, capsys):
    assert checkpoint.load(tmp_path / "absent.pt", "key") is None
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize("place", [0, 31, 32, 500, -1], ids=["digest", "its end", "first byte", "middle", "last byte"])
def test_a_flipped_bit_is_found_wherever_it_is(tmp_path, capsys, place):
    path = tmp_path / "checkpoint.pt"
    checkpoint.save(path, "key", state())
    content = bytearray(path.read_bytes())
    content[place] ^= 1
    path.write_bytes(content)
    assert checkpoint.load(path, "key") is None
    assert "checkpoint.pt: the checkpoint is damaged" in capsys.readouterr().err


@pytest.mark.parametrize("length", [0, 10, 32, 400])
def test_a_checkpoint_cut_short_is_damaged(tmp_path, capsys, length):
    path = tmp_path / "checkpoint.pt"
    checkpoint.save(path, "key", state())
    path.write_bytes(path.read_bytes()[:length])
    assert checkpoint.load(path, "key") is None
    assert "damaged" in capsys.readouterr().err


def test_a_checkpoint_of_another_key_is_not_used_and_said(tmp_path, capsys):
    path = tmp_path / "checkpoint.pt"
    checkpoint.save(path, "one", state())
    assert checkpoint.load(path, "other") is None
    assert "other settings or code" in capsys.readouterr().err


class Opened:
    """What runs code when it is unpickled."""

    def __reduce__(self):
        return print, ("code was run",)


def test_a_checkpoint_never_runs_code(tmp_path, capsys):
    path = tmp_path / "checkpoint.pt"
    checkpoint.save(path, "key", {"module": Opened()})
    with pytest.raises(pickle.UnpicklingError):
        checkpoint.load(path, "key")
    assert "code was run" not in capsys.readouterr().out
