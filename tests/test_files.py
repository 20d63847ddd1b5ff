from __future__ import annotations

import errno
import hashlib
import os
from pathlib import Path

import pytest

from edgekit import files
from edgekit.errors import StorageError


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_file_is_replaced_in_one_step_and_nothing_else_is_left(tmp_path):
    target = tmp_path / "deep" / "er" / "value.json"
    files.write_text(target, "old")
    with files.atomic(target) as temporary:
        temporary.write_text("new")
        assert target.read_text() == "old"
        assert temporary.parent == target.parent
        assert temporary.suffix == target.suffix
    assert target.read_text() == "new"
    assert names(target.parent) == ["value.json"]


def test_what_raises_leaves_the_old_file_and_no_temporary_one(tmp_path):
    target = tmp_path / "value.txt"
    files.write_text(target, "old")
    with pytest.raises(RuntimeError, match="killed"), files.atomic(target) as temporary:
        temporary.write_text("half")
        raise RuntimeError("killed")
    assert target.read_text() == "old"
    assert names(tmp_path) == ["value.txt"]


def test_a_file_gets_the_permissions_of_any_new_file(tmp_path):
    files.write_text(tmp_path / "atomic", "")
    (tmp_path / "plain").touch()
    assert (tmp_path / "atomic").stat().st_mode == (tmp_path / "plain").stat().st_mode


def test_a_folder_takes_the_place_of_the_old_one_whole(tmp_path):
    target = tmp_path / "bundle"
    for content in ("first", "second"):
        with files.atomic_folder(target) as temporary:
            (temporary / content).write_text(content)
    assert names(target) == ["second"]
    assert names(tmp_path) == ["bundle"]
    (tmp_path / "plain").mkdir()
    assert target.stat().st_mode == (tmp_path / "plain").stat().st_mode


def test_a_folder_whose_writing_raises_leaves_the_old_one(tmp_path):
    target = tmp_path / "bundle"
    with files.atomic_folder(target) as temporary:
        (temporary / "model").write_text("whole")
    with pytest.raises(RuntimeError), files.atomic_folder(target) as temporary:
        (temporary / "model").write_text("half")
        raise RuntimeError
    assert (target / "model").read_text() == "whole"
    assert names(tmp_path) == ["bundle"]


def test_a_folder_that_cannot_be_put_in_its_place_leaves_the_old_one(tmp_path, monkeypatch):
    target = tmp_path / "bundle"
    target.mkdir()
    (target / "model").write_text("whole")
    replace = Path.replace

    def fails_for_the_new(path: Path, where: Path) -> Path:
        if (path / "new").exists():
            raise OSError(errno.EIO, "Input/output error")
        return replace(path, where)

    monkeypatch.setattr(Path, "replace", fails_for_the_new)
    with pytest.raises(OSError, match="Input/output"), files.atomic_folder(target) as temporary:
        (temporary / "new").touch()
    assert names(tmp_path) == ["bundle"]
    assert names(target) == ["model"]


def test_a_folder_does_not_swallow_a_file_of_its_name(tmp_path):
    (tmp_path / "bundle").write_text("mine")
    with pytest.raises(StorageError, match="cannot write"), files.atomic_folder(tmp_path / "bundle"):
        pass
    assert (tmp_path / "bundle").read_text() == "mine"


@pytest.mark.parametrize("writing", [files.atomic, files.atomic_folder])
@pytest.mark.parametrize(
    ("number", "said"),
    [(errno.ENOSPC, "no room"), (errno.EDQUOT, "no room"), (errno.EACCES, "permission"), (errno.EROFS, "permission")],
    ids=["disk full", "quota", "no permission", "read-only"],
)
def test_a_disk_that_refuses_is_an_error_with_a_hint_and_nothing_half_written(tmp_path, writing, number, said):
    target = tmp_path / "big.npy"
    with pytest.raises(StorageError, match=said) as caught, writing(target):
        raise OSError(number, os.strerror(number))
    assert "big.npy" in str(caught.value)
    assert caught.value.hint
    assert names(tmp_path) == []


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full")
def test_a_device_that_is_full_in_truth_says_so(tmp_path):
    with pytest.raises(StorageError, match="no room"), files.atomic(tmp_path / "a"), open("/dev/full", "w") as full:  # noqa: PTH123
        full.write("x" * 100_000)


def test_a_file_in_the_way_of_a_folder_is_named(tmp_path):
    (tmp_path / "runs").touch()
    with pytest.raises(StorageError, match="runs"):
        files.write_text(tmp_path / "runs" / "digits" / "run.json", "{}")


@pytest.mark.skipif(not Path("/proc").exists(), reason="no /proc")
@pytest.mark.parametrize("way", [files.atomic, files.atomic_folder])
def test_a_place_where_nothing_can_be_made_is_named(way):
    with pytest.raises(StorageError, match='"/proc/nowhere" cannot be made'), way(Path("/proc/nowhere/bundle")):
        pass


def test_other_errors_pass_as_they_are(tmp_path):
    with pytest.raises(FileNotFoundError), files.atomic(tmp_path / "a"):
        (tmp_path / "absent").read_text()
    with pytest.raises(FileNotFoundError), files.disk_errors(tmp_path):
        (tmp_path / "absent").read_text()


def test_json_comes_back_as_it_was_and_nan_is_refused(tmp_path):
    path = tmp_path / "a.json"
    files.write_json(path, {"é": [1, None, 0.5]})
    assert files.read_json(path) == {"é": [1, None, 0.5]}
    with pytest.raises(ValueError, match="JSON"):
        files.write_json(path, float("nan"))
    assert files.read_json(path) == {"é": [1, None, 0.5]}


@pytest.mark.parametrize("content", [None, b"{", b"\xff\xfe"], ids=["absent", "cut short", "no text"])
def test_json_that_cannot_be_read_is_none(tmp_path, content):
    path = tmp_path / "a.json"
    if content is not None:
        path.write_bytes(content)
    assert files.read_json(path) is None


def test_a_file_hashes_as_its_bytes_do(tmp_path):
    content = os.urandom(3 << 20)
    (tmp_path / "a").write_bytes(content)
    assert files.sha256(tmp_path / "a") == hashlib.sha256(content).hexdigest()


def test_a_fingerprint_is_the_same_whatever_the_order_of_the_keys():
    one = {"a": 1, "b": {"c": [1, 2], "d": None}}
    other = {"b": {"d": None, "c": [1, 2]}, "a": 1}
    assert files.fingerprint(one) == files.fingerprint(other)
    assert len(files.fingerprint(one)) == 64


@pytest.mark.parametrize(
    "other", [{"a": [2, 1]}, {"a": [1, 2.5]}, {"a": ["1", 2]}, {"b": [1, 2]}, {"a": [1, 2], "b": None}],
    ids=["order", "value", "type", "key", "more"],
)  # fmt: skip
def test_a_fingerprint_tells_values_apart(other):
    assert files.fingerprint({"a": [1, 2]}) != files.fingerprint(other)


def test_places_follow_the_environment(monkeypatch, tmp_path):
    monkeypatch.delenv("EDGEKIT_DATA", raising=False)
    monkeypatch.setenv("EDGEKIT_HOME", str(tmp_path))
    assert files.home() == tmp_path
    assert files.data_home() == tmp_path / "data"
    monkeypatch.setenv("EDGEKIT_DATA", "/elsewhere")
    assert files.data_home() == Path("/elsewhere")
    monkeypatch.delenv("EDGEKIT_HOME")
    monkeypatch.setenv("HOME", "/someone")
    assert files.home() == Path("/someone/.cache/edgekit")


def test_a_sweep_removes_what_killed_writes_left_and_nothing_else(tmp_path: Path):
    for name in (".lock", "run.json", ".hidden.json", "deadbeef.txt"):
        (tmp_path / name).touch()
    with files.atomic(tmp_path / "stage" / "model.onnx") as temporary:
        left = temporary.with_name(temporary.name)
        temporary.write_bytes(b"half")
        content = left.read_bytes()
    left.write_bytes(content)
    with files.atomic_folder(tmp_path / "bundle") as temporary:
        pass
    temporary.mkdir()
    files.sweep(tmp_path)
    assert not left.exists() and not temporary.exists()
    assert sorted(path.name for path in tmp_path.rglob("*")) == [
        ".hidden.json", ".lock", "bundle", "deadbeef.txt", "model.onnx", "run.json", "stage",
    ]  # fmt: skip
