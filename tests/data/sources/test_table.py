from __future__ import annotations

import pytest

from edgekit.data.loading import load
from edgekit.data.sources import table
from edgekit.errors import DataError
from edgekit.recipe.data import Data


def write(folder, name: str, content: str | bytes):
    path = folder / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def test_a_csv_is_quoted_and_its_rows_know_their_lines(tmp_path):
    found = table.read(write(tmp_path, "a.csv", '\ufefftext,y\n"one, ""two""\nlines",1\n\nb,0\n'))
    assert found.columns == {"text": ('one, "two"\nlines', "b"), "y": ("1", "0")}
    assert list(found.lines) == [2, 5]


def test_a_tsv_knows_no_quotes(tmp_path):
    found = table.read(write(tmp_path, "a.tsv", 'Quality\t#1 String\r\n1\tHe said "no\r\n0\tfine\r\n'))
    assert found.columns == {"Quality": ("1", "0"), "#1 String": ('He said "no', "fine")}


def test_lines_of_json_may_have_what_others_lack(tmp_path):
    found = table.read(write(tmp_path, "a.jsonl", '{"text": "a\u2028b", "y": 1}\n\n{"text": "c"}\n'))
    assert found.columns == {"text": ["a\u2028b", "c"], "y": [1, None]}
    assert list(found.lines) == [1, 3]


@pytest.mark.parametrize(
    ("name", "content", "told", "hint"),
    [
        ("a.csv", b"text,y\nfine,1\ncaf\xe9,0\n", "line 3: byte 0xe9 is not UTF-8", "save it as UTF-8"),
        ("a.csv", "text,y\na,1\nb,c,0\n", "line 3: 3 cells, and the first line names 2 columns", "quotes"),
        ("a.csv", 'text,y\n"a"b,1\n', "line 2: ", "quotes"),
        ("a.csv", "y,y\n1,2\n", 'two columns "y"', "a name of its own"),
        ("a.tsv", "text\ty\na 1\n", "line 2: 1 cells", "quotes"),
        ("a.jsonl", '{"a": 1}\n{"a": \n', "line 2: no JSON", "one JSON object"),
        ("a.jsonl", "[1, 2]\n", "line 1: no JSON object", "write each line as"),
    ],
    ids=["an encoding", "a cell too many", "a broken quote", "a name twice", "no tab", "broken JSON", "a list"],
)
def test_refused_with_the_line(tmp_path, name, content, told, hint):
    with pytest.raises(DataError, match=told) as caught:
        table.read(write(tmp_path, name, content))
    assert str(tmp_path / name) in str(caught.value)
    assert hint in caught.value.hint


def rows(count: int, begin: int = 0) -> str:
    return "a,b,kind\n" + "".join(
        f"{number},{-number},{'odd' if number % 2 else 'even'}\n" for number in range(begin, count)
    )


def test_a_file_is_split_into_three(tmp_path):
    write(tmp_path, "mine.csv", rows(100))
    said = Data(source="mine.csv", columns={"features": ["b", "a"], "label": "kind"})
    found = load(said, tmp_path, 0, "class")
    assert [len(part) for part in (found.train, found.validation, found.test)] == [72, 8, 20]
    assert found.labels == ["even", "odd"]
    assert (found.train.inputs[:, 1].astype(int) % 2 == found.train.targets).all()


def test_a_folder_may_hold_a_table_for_each_split(tmp_path):
    for name, begin, end in (("train", 0, 50), ("dev", 50, 60), ("test", 60, 80)):
        write(tmp_path, f"{name}.csv", rows(end, begin))
    said = Data(source=str(tmp_path), columns={"features": ["a"], "label": "kind"})
    found = load(said, tmp_path, 0, "class")
    assert [len(part) for part in (found.train, found.validation, found.test)] == [50, 10, 20]


def test_a_test_file_with_a_label_that_training_lacks_is_refused(tmp_path):
    write(tmp_path, "mine.csv", rows(40))
    write(tmp_path, "more.csv", "a,b,kind\n1,2,evne\n")
    said = Data(source="mine.csv", test="more.csv", columns={"features": ["a"], "label": "kind"})
    with pytest.raises(DataError, match=r'more\.csv", line 2: the label "evne" is no known class') as caught:
        load(said, tmp_path, 0, "class")
    assert caught.value.hint == 'did you mean "even"?'


def test_numbers_are_told_from_features(tmp_path):
    write(tmp_path, "mine.csv", rows(40))
    found = load(Data(source="mine.csv", columns={"features": ["a"], "label": "b"}), tmp_path, 0, "number")
    assert (found.train.targets == -found.train.inputs[:, 0]).all()


def test_a_table_of_moments_becomes_windows_split_by_group(tmp_path):
    lines = "".join(f"{who},{moment},{'run' if who % 2 else 'walk'}\n" for who in range(12) for moment in range(10))
    write(tmp_path, "series.csv", "who,x,act\n" + lines)
    said = Data(
        source="series.csv", columns={"features": ["x"], "label": "act", "group": "who"},
        window={"length": 4, "hop": 3}, split={"by": "group", "test": [0, 1], "validation": [2, 3]},
    )  # fmt: skip
    found = load(said, tmp_path, 0, "class")
    assert found.train.inputs.shape == (8 * 3, 4, 1)
    assert found.test.inputs[:, :, 0].tolist() == [[0, 1, 2, 3], [3, 4, 5, 6], [6, 7, 8, 9]] * 2
    assert found.test.groups.tolist() == [0, 0, 0, 1, 1, 1]
    assert found.test.targets.tolist() == [1, 1, 1, 0, 0, 0]


def test_a_group_in_two_files_would_be_on_both_sides(tmp_path):
    for name, who in (("train", "ann"), ("dev", "bob"), ("test", "ann")):
        write(tmp_path, f"{name}.csv", f"x,y,who\n1,0,{who}\n2,1,{who}\n")
    said = Data(
        source=str(tmp_path), columns={"features": ["x"], "label": "y", "group": "who"}, split={"by": "group"}
    )  # fmt: skip
    with pytest.raises(DataError, match=r'group "ann" is on both sides: training ".*train\.csv" and test') as caught:
        load(said, tmp_path, 0, "class")
    assert caught.value.hint
