import pytest

from edgekit.errors import DataError, StorageError, UsageError
from edgekit.measuring.journal import Journal, beside, check_place


@pytest.fixture
def path(tmp_path):
    return beside(tmp_path / "new" / "record.json")


def test_what_was_added_is_found_again(path):
    journal = Journal.begun(path, {"settings": {"seconds": 5.0}})
    journal.add(sitting=0, times={"m": [1, 2]})
    assert path.name == "record.part.jsonl"
    again = Journal.opened(path)
    assert again.head["settings"] == {"seconds": 5.0}
    assert again.lines == [{"sitting": 0, "times": {"m": [1, 2]}}]


def test_a_line_is_on_the_disk_when_it_was_added(path):
    journal = Journal.begun(path, {})
    journal.add(sitting=0)
    assert path.read_text().splitlines()[1] == '{"sitting": 0}'


def test_a_line_that_was_cut_short_is_dropped_and_the_next_stands_whole(path):
    journal = Journal.begun(path, {})
    journal.add(sitting=0)
    with path.open("a") as stream:
        stream.write('{"sitting": 1, "tim')
    again = Journal.opened(path)
    assert again.lines == [{"sitting": 0}]
    again.add(sitting=1)
    assert Journal.opened(path).lines == [{"sitting": 0}, {"sitting": 1}]


def test_nothing_is_there_before_the_first_line_is_whole(path):
    assert Journal.opened(path) is None
    path.parent.mkdir()
    path.write_text('{"journal": 1')
    assert Journal.opened(path) is None
    assert Journal.begun(path, {"a": 1}).head == Journal.opened(path).head == {"journal": 1, "a": 1}


@pytest.mark.parametrize(
    "text", ['{"a": 1}\n', "[]\n", "nothing\n", '{"journal": 1}\nx\n{}\n', '{"journal": 1}\n3\n', '{"journal": 9}\n'],
    ids=["another file", "a list", "no JSON", "a line inside", "a number inside", "another version"],
)  # fmt: skip
def test_a_damaged_journal_is_refused_by_its_name(path, text):
    path.parent.mkdir()
    path.write_text(text)
    with pytest.raises(DataError, match=r"record\.part\.jsonl") as caught:
        Journal.opened(path)
    assert caught.value.hint == "remove it, and measure again"


def test_other_settings_are_refused_by_what_changed(path):
    head = {"models": {"m": "ab"}, "settings": {"x": (1, 2)}}
    journal = Journal.begun(path, {"created": "now", **head})
    journal.check(head)
    Journal.opened(path).check(head)
    with pytest.raises(UsageError, match=r"with other models$"):
        Journal.opened(path).check(head | {"models": {"m": "cd"}})
    with pytest.raises(UsageError, match=r"with other models and settings$"):
        Journal.opened(path).check({"models": {}, "settings": {}})


def test_where_nothing_can_be_written_the_disk_is_named(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageError):
        Journal.begun(beside(tmp_path / "file" / "record.json"), {})


def test_where_nothing_can_be_written_is_told_before_anything_is_measured(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "file").touch()
    for place, why in ((".", '"." is a folder'), ("file/r.json", r"cannot be written: .* is no folder")):
        with pytest.raises(UsageError, match=why):
            check_place(tmp_path.__class__(place))
    check_place(tmp_path / "new" / "folder" / "r.json")
    check_place(tmp_path / "file")
