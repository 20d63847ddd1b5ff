from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from edgekit import cli, files, locks


@pytest.fixture
def runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return Path("runs")


def make(folder: Path, age: float, status: str | None = "finished") -> Path:
    """Make what a run leaves: its lock, its record where it got so far, a stage's folder with 1,000 bytes."""
    (folder / "teacher").mkdir(parents=True)
    (folder / "teacher" / "model.onnx").write_bytes(bytes(1000))
    marks = [folder / ".lock"]
    marks[0].touch()
    if status:
        marks.append(folder / "run.json")
        marks[1].write_text(json.dumps({"status": status}))
    for mark in marks:
        os.utime(mark, (1e9 - age, 1e9 - age))
    return folder


def clean(*arguments: str) -> int:
    return cli.run(["clean", *arguments])


def test_old_runs_are_shown_with_their_size_and_stay(runs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    old, new = make(runs / "digits/00000001", 2), make(runs / "digits/00000002", 1)
    assert clean() == 0
    shown = capsys.readouterr().out
    assert "old run   runs/digits/00000001   1.0 KB" in shown
    assert str(new) not in shown
    assert shown.endswith("nothing was removed; --yes removes 1.0 KB\n")
    assert old.exists()
    assert new.exists()


def test_yes_removes_all_but_the_newest_of_each_recipe(runs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    gone = [make(runs / "digits/00000001", 3), make(runs / "digits/0000000a", 2), make(runs / "tiny/00000002", 9)]
    kept = [make(runs / "digits/00000003", 1), make(runs / "tiny/00000001", 8)]
    assert clean("--yes") == 0
    assert capsys.readouterr().out.count("removed") == 3
    assert [path for path in gone if path.exists()] == []
    assert [path for path in kept if not path.exists()] == []


def test_a_finished_run_is_kept_though_an_unfinished_one_is_newer_and_that_one_too(runs: Path) -> None:
    kept = [make(runs / "digits/00000001", 4), make(runs / "digits/00000002", 1, "running")]
    gone = [make(runs / "digits/00000003", 5), make(runs / "digits/00000004", 2, "running")]
    gone.append(make(runs / "digits/00000005", 3, None))
    assert clean("--yes") == 0
    assert [path for path in gone if path.exists()] == []
    assert [path for path in kept if not path.exists()] == []


def test_of_searches_the_newest_is_kept_beside_the_newest_run(runs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def search(name: str, age: float, status: str) -> Path:
        folder = make(runs / f"digits/search-{name}", age, None)
        (folder / "search.json").write_text(json.dumps({"status": status}))
        os.utime(folder / "search.json", (1e9 - age, 1e9 - age))
        return folder

    kept = [make(runs / "digits/00000001", 9), search("00000001", 2, "finished"), search("00000002", 1, "stopped")]
    gone = [search("00000003", 3, "finished"), search("00000004", 4, "running")]
    with locks.exclusive(gone[1] / ".lock"):
        assert clean("--yes") == 0
    said = capsys.readouterr().out
    assert "old search" in said
    assert "unfinished search" in said and "at work: left alone" in said
    assert not gone[0].exists()
    assert gone[1].exists()
    assert [path for path in kept if not path.exists()] == []


def test_keeping_none_removes_all_and_the_empty_folder_of_the_recipe(
    runs: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    make(runs / "digits/00000001", 2)
    make(runs / "digits/00000002", 1)
    assert clean("--keep", "0", "--yes") == 0
    assert [*runs.iterdir()] == []
    capsys.readouterr()
    assert clean("--keep", "0", "--yes") == 0
    assert capsys.readouterr().out == "nothing to remove\n"


def test_without_a_folder_of_runs_there_is_nothing_to_remove(runs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert clean("--caches", "--yes") == 0
    assert capsys.readouterr() == ("nothing to remove\n", "")


def test_a_run_at_work_is_left_alone(runs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    work, idle = make(runs / "digits/00000001", 2), make(runs / "digits/00000002", 1)
    with locks.exclusive(work / ".lock"):
        assert clean("--keep", "0", "--yes") == 0
    assert "at work: left alone" in capsys.readouterr().out
    assert (work / "teacher" / "model.onnx").exists()
    assert not idle.exists()


def test_json_says_what_was_found_and_what_became_of_it(runs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    work, idle = make(runs / "digits/00000001", 2), make(runs / "digits/00000002", 1, "running")
    with locks.exclusive(work / ".lock"):
        assert clean("--keep", "0", "--yes", "--json") == 0
    shown = capsys.readouterr()
    assert shown.err == ""
    found = json.loads(shown.out)
    sizes = [entry.pop("bytes") for entry in found]
    assert all(1000 < size < 1100 for size in sizes)
    assert found == [
        {"what": "unfinished run", "path": str(idle), "at_work": False, "removed": True},
        {"what": "old run", "path": str(work), "at_work": True, "removed": False},
    ]


def test_the_teachers_answers_go_only_where_they_are_asked_for(runs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    answers = files.home() / "teachers" / "0123"
    answers.mkdir(parents=True)
    (answers / "view-0.npy").write_bytes(bytes(2500))
    data = files.data_home() / "digits"
    data.mkdir(parents=True)
    assert clean("--yes") == 0
    assert answers.exists()
    assert clean("--caches") == 0
    assert answers.exists()
    capsys.readouterr()
    assert clean("--caches", "--yes", "--json") == 0
    assert [(entry["what"], entry["bytes"]) for entry in json.loads(capsys.readouterr().out)] == [
        ("teacher's answers", 2500)
    ]
    assert not answers.exists()
    assert data.exists()


def test_a_models_engines_are_a_cache_too(runs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    engines = files.home() / "engines" / "0123"
    (engines / "4567").mkdir(parents=True)
    (engines / "4567" / "model.engine").write_bytes(bytes(2500))
    assert clean("--yes") == 0
    assert engines.exists()
    capsys.readouterr()
    assert clean("--caches", "--yes", "--json") == 0
    (entry,) = json.loads(capsys.readouterr().out)
    assert (entry["what"], entry["path"], entry["bytes"]) == ("TensorRT's engines", str(engines), 2500)
    assert not engines.exists()


def unlocked(project: Path) -> Path:
    folder = make(project / "package/00000001", 1)
    (folder / ".lock").unlink()
    return folder


def named_otherwise(project: Path) -> Path:
    return make(project / "package/commands", 1)


def linked_run(project: Path) -> Path:
    folder = make(project.parent / "elsewhere/00000001", 1)
    (project / "digits").mkdir(parents=True)
    (project / "digits" / "00000001").symlink_to(folder.absolute())
    return folder


def linked_recipe(project: Path) -> Path:
    folder = make(project.parent / "elsewhere/00000001", 1)
    project.mkdir()
    (project / "digits").symlink_to(folder.parent.absolute())
    return folder


def linked_inside(project: Path) -> Path:
    folder = project.parent / "elsewhere"
    (folder / "teacher").mkdir(parents=True)
    (make(project / "digits/00000001", 1) / "data").symlink_to(folder.absolute())
    return folder


@pytest.mark.parametrize("put", [unlocked, named_otherwise, linked_run, linked_recipe, linked_inside])
def test_what_is_no_run_or_lies_elsewhere_is_not_touched(runs: Path, put: Callable[[Path], Path]) -> None:
    folder = put(runs)
    inside = sorted(folder.rglob("*"))
    assert clean("--keep", "0", "--yes") == 0
    assert sorted(folder.rglob("*")) == inside != []


def test_the_settings_found_for_a_model_are_a_cache_too(runs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    settings = files.home() / "tuned" / "0123456789abcdef"
    settings.mkdir(parents=True)
    (settings / "1.32.0-6.1.1-2-cores-all-threads.json").write_bytes(bytes(700))
    assert clean("--caches", "--yes", "--json") == 0
    (entry,) = json.loads(capsys.readouterr().out)
    assert (entry["what"], entry["path"], entry["bytes"]) == ("tuned settings", str(settings), 700)
    assert not settings.exists()


def test_the_limits_of_the_machine_are_a_cache_too(runs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    limits = files.home() / "ceilings"
    limits.mkdir(parents=True)
    (limits / "0123456789abcdef.json").write_bytes(bytes(700))
    assert clean("--caches", "--yes", "--json") == 0
    (entry,) = json.loads(capsys.readouterr().out)
    assert (entry["what"], entry["path"], entry["bytes"]) == ("limits of the machine", str(limits), 700)
    assert not limits.exists()


def test_a_search_and_the_runs_of_its_trials_are_left_alone(runs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    search = runs / "digits/search-0a1b2c3d"
    trials = [make(search / "trials" / name, 9) for name in ("00000001", "00000002")]
    new = make(runs / "digits/00000003", 1)
    assert clean("--yes") == 0
    assert "nothing to remove" in capsys.readouterr().out
    assert all(path.exists() for path in [*trials, new])
