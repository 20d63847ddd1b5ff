from __future__ import annotations

import numpy as np
import pytest

from edgekit.data.sources import npy
from edgekit.data.writing import write_shards
from edgekit.errors import DataError


@pytest.fixture(autouse=True)
def own_home(tmp_path_factory, monkeypatch):
    monkeypatch.setenv("EDGEKIT_HOME", str(tmp_path_factory.mktemp("home")))


def rows(count: int = 25, start: float = 0, asked: list[int] | None = None):
    for number in range(count):
        if asked is not None:
            asked.append(number)
        yield np.array([number + start, 1], np.float32), number % 2


def content(folder) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.glob("*.npy")}


def test_rows_become_numbered_shards_that_a_recipe_reads(tmp_path):
    assert write_shards(tmp_path, ((x, y, 7) for x, y in rows()), length=10) == 25
    found = npy.read(tmp_path).train
    assert [len(part) for part in found.inputs.parts] == [10, 10, 5]
    assert found.inputs[:, 0].tolist() == list(range(25))
    assert found.targets[:3].tolist() == [0, 1, 0]
    assert set(found.groups[:]) == {7}


def test_train_and_test_lie_in_one_folder(tmp_path):
    for part, count in (("train", 20), ("test", 5)):
        write_shards(tmp_path, rows(count), part=part, length=4)
    found = npy.read(tmp_path)
    assert (len(found.train.inputs), len(found.test.inputs)) == (20, 5)


def test_unless_it_is_said_a_shard_has_as_many_rows_as_fill_32_mib(tmp_path):
    assert write_shards(tmp_path, ((np.zeros(1 << 22, np.uint8), 0) for _ in range(9))) == 9
    assert [len(part) for part in npy.read(tmp_path).train.inputs.parts] == [8, 1]


def test_writing_that_was_stopped_goes_on_and_ends_the_same(tmp_path):
    def killed():
        yield from rows(17)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_shards(tmp_path / "one", killed(), length=5)
    with pytest.raises(DataError, match="were not written to their end"):
        npy.read(tmp_path / "one")
    assert write_shards(tmp_path / "one", rows()) == write_shards(tmp_path / "two", rows(), length=5) == 25
    assert content(tmp_path / "one") == content(tmp_path / "two")


def test_a_whole_set_asks_for_no_rows(tmp_path):
    asked: list[int] = []
    write_shards(tmp_path, rows(), length=5)
    assert write_shards(tmp_path, rows(asked=asked)) == 25
    assert not asked


def remove(path) -> None:
    path.unlink()


def flip(path) -> None:
    damaged = bytearray(path.read_bytes())
    damaged[-1] ^= 1
    path.write_bytes(damaged)


def truncate(path) -> None:
    path.write_bytes(path.read_bytes()[:-3])


@pytest.mark.parametrize(
    ("harm", "said"),
    [(remove, "missing"), (flip, "damaged"), (truncate, "damaged")],
    ids=["missing", "another byte", "truncated"],
)
def test_a_shard_that_is_not_as_it_was_written_is_made_anew_and_said(tmp_path, capsys, harm, said):
    write_shards(tmp_path, rows(), length=5)
    before = content(tmp_path)
    harm(tmp_path / "x-00003.npy")
    with pytest.raises(DataError, match=r"x-00003\.npy") as caught:
        npy.read(tmp_path)
    assert "write_shards" in caught.value.hint
    asked: list[int] = []
    write_shards(tmp_path, rows(asked=asked))
    assert f"shard 3 was {said} (x-00003.npy); it was made anew" in capsys.readouterr().err
    assert content(tmp_path) == before
    assert len(asked) == 20  # and none behind it
    assert len(npy.read(tmp_path).train.inputs) == 25


@pytest.mark.parametrize("given", [rows(25, start=1), rows(12)], ids=["others", "fewer"])
def test_a_shard_is_not_made_anew_of_other_rows(tmp_path, given):
    write_shards(tmp_path, rows(), length=5)
    (tmp_path / "x-00003.npy").unlink()
    with pytest.raises(DataError, match=r"not those that shard \d of"):
        write_shards(tmp_path, given)


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ([(np.zeros(2), 0), (np.zeros(3), 0)], "rows of shard 0: all input arrays must have the same shape"),
        (
            [(np.zeros(2), 0), (np.zeros(2), 0), (np.zeros(3), 0), (np.zeros(3), 0)],
            "shard 1 are float64.*before",
        ),
        ([(np.zeros(2), "cat")] * 3, "rows of shard 0 are"),
        ([np.zeros(4)] * 3, "rows of shard 0 are"),
        ([], "there are no rows"),
    ],
    ids=["two forms", "another form later", "a name", "no pairs", "nothing"],
)
def test_rows_that_make_no_set_are_refused(tmp_path, given, told):
    with pytest.raises(DataError, match=told) as caught:
        write_shards(tmp_path, given, length=2)
    assert caught.value.hint


def test_another_length_than_before_is_refused(tmp_path):
    write_shards(tmp_path, rows(), length=5)
    with pytest.raises(DataError, match="has shards of 5 rows, and 6 are asked for"):
        write_shards(tmp_path, rows(), length=6)
