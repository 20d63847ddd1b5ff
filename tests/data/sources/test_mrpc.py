"""MRPC's files as they come, and as GLUE cuts them."""

from __future__ import annotations

from pathlib import Path

import pytest

from edgekit.data.loading import load
from edgekit.data.sources import mrpc
from edgekit.errors import DataError
from edgekit.recipe.data import Data

HEAD = "Quality\t#1 ID\t#2 ID\t#1 String\t#2 String"
ROW = '{}\t{}\t{}\tHe said "no\tHe "refused to say yes .'


def write(path: Path, count: int, head: str = HEAD) -> None:
    """Write pairs as Microsoft does: a byte order mark, line ends of two characters, quotes that never close."""
    rows = [ROW.format(number % 2, 100 + number, 200 + number) for number in range(count)]
    path.write_bytes(("\ufeff" + "\r\n".join([head, *rows]) + "\r\n").encode())


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write(tmp_path / "msr_paraphrase_train.txt", 30)
    write(tmp_path / "msr_paraphrase_test.txt", 12)
    return tmp_path


def test_the_files_as_they_come_have_the_hubs_columns(folder: Path):
    assert mrpc.holds(folder)
    found = mrpc.read(folder)
    assert {split: len(table.columns["label"]) for split, table in found.items()} == {"train": 30, "test": 12}
    train = found["train"]
    assert list(train.columns) == ["label", "idx1", "idx2", "sentence1", "sentence2"]
    assert [cells[1] for cells in train.columns.values()] == [
        "1", "101", "201", 'He said "no', 'He "refused to say yes .'
    ]  # fmt: skip
    assert train.at(1).endswith('msr_paraphrase_train.txt", line 3')


def test_glues_cut_has_a_validation_split_and_its_test_without_labels_is_passed_over(tmp_path: Path):
    write(tmp_path / "train.tsv", 30)
    write(tmp_path / "dev.tsv", 8)
    write(tmp_path / "test.tsv", 9, HEAD.replace("Quality", "index"))
    assert {split: len(table.columns["label"]) for split, table in mrpc.read(tmp_path).items()} == {
        "train": 30, "validation": 8
    }  # fmt: skip


def test_a_folder_of_other_tables_is_not_taken_for_it(tmp_path: Path):
    assert not mrpc.holds(tmp_path)
    (tmp_path / "train.tsv").write_text("text\tlabel\nfine\t1\n")
    assert not mrpc.holds(tmp_path)
    (tmp_path / "train.tsv").write_bytes(b"\xff\xfe\x00")
    assert not mrpc.holds(tmp_path)


def test_a_recipe_reads_the_folder_by_the_hubs_names(folder: Path, tmp_path: Path):
    said = Data(
        source=str(folder),
        columns={"text": ["sentence1", "sentence2"], "label": "label"},
        text={"tokenizer": "train", "length": 32},
        validation_fraction=0.2,
    )
    found = load(said, tmp_path, 0, "class")
    assert found.labels == ["not_equivalent", "equivalent"]
    assert [len(part) for part in (found.train, found.validation, found.test)] == [24, 6, 12]
    assert found.test.targets.tolist() == [0, 1] * 6


def test_a_row_that_is_broken_is_named_by_its_line(folder: Path):
    with (folder / "msr_paraphrase_train.txt").open("a", encoding="utf-8") as file:
        file.write("1\t7\t8\tone sentence\r\n")
    with pytest.raises(DataError, match=r'msr_paraphrase_train.txt", line 32: 4 cells'):
        mrpc.read(folder)
