"""What the sets' packages hold is read by what can run nothing, and kept only where it is what it should be."""

from __future__ import annotations

import hashlib
import importlib
import pickle
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from edgekit.errors import DataError


@pytest.fixture
def sets(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(str(Path(__file__).parents[3] / "bench"))
    for name in ("keeping", "exercise"):
        importlib.import_module(f"sets.{name}")
    return importlib.import_module("sets")


def test_a_pickle_of_arrays_is_read_and_one_that_runs_anything_is_refused(sets: ModuleType, tmp_path: Path):
    import io

    held = {"X": [np.arange(6.0).reshape(2, 3)], "y": np.array([1])}
    read = sets.exercise._Arrays(io.BytesIO(pickle.dumps(held))).load()
    assert np.array_equal(read["X"][0], held["X"][0])
    told = pickle.dumps(Path(tmp_path).touch)
    with pytest.raises(DataError, match="which no array needs"):
        sets.exercise._Arrays(io.BytesIO(told)).load()


def test_files_are_made_once_and_made_again_where_they_were_changed(sets: ModuleType, tmp_path: Path):
    sha256 = {"a.txt": hashlib.sha256(b"right").hexdigest()}
    made: list[int] = []

    def make() -> dict[str, bytes]:
        made.append(1)
        return {"a.txt": b"right"}

    assert "made" in sets.keeping.kept(tmp_path, sha256, make)
    assert "there already" in sets.keeping.kept(tmp_path, sha256, make)
    (tmp_path / "a.txt").write_bytes(b"wrong")
    sets.keeping.kept(tmp_path, sha256, make)
    assert (tmp_path / "a.txt").read_bytes() == b"right"
    assert len(made) == 2


def test_what_is_not_what_it_should_be_is_not_kept(sets: ModuleType, tmp_path: Path):
    with pytest.raises(DataError, match=r'"a\.txt" hashes to'):
        sets.keeping.kept(tmp_path, {"a.txt": "0" * 64}, lambda: {"a.txt": b"other"})
    assert not list(tmp_path.iterdir())
