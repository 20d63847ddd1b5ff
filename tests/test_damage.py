"""A disk that is full, and files that are damaged: told in two lines or made again, and nothing is lost."""

from __future__ import annotations

import errno
import json
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 400 KB, which a run fits on."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=400k", "tmpfs", str(disk)]
    if not shutil.which("mount") or os.geteuid() or subprocess.run(mount, capture_output=True).returncode:
        pytest.skip("mounting a small disk takes root")
    yield disk
    subprocess.run(["umount", str(disk)], check=True)


SHORT = ["student.baseline=false", "--until", "distill", "--json"]


def test_a_full_disk_stops_the_run_and_with_more_room_it_goes_on(edgekit: Any, small_disk: Path) -> None:
    edgekit.runs = small_disk / "runs"
    filler = small_disk / "filler"
    filler.write_bytes(bytes(300_000))
    assert edgekit(*SHORT) == 1
    assert edgekit.error.startswith(f'no room on the disk for "{small_disk}/runs/tiny/')
    assert edgekit.error.endswith("\nhint: free some space (edgekit clean shows what it keeps) and run again\n")
    (run,) = edgekit.runs.glob("tiny/*")
    assert [path for path in run.rglob(".*") if path.name != ".lock"] == []  # no half-written file stays
    filler.unlink()
    assert edgekit(*SHORT) == 0
    assert [stage["id"] for stage in json.loads(edgekit.out)["stages"]] == ["teacher", "distill"]


def test_a_read_only_folder_is_told(edgekit: Any, small_disk: Path) -> None:
    subprocess.run(["mount", "-o", "remount,ro", str(small_disk)], check=True)
    edgekit.runs = small_disk / "runs"
    assert edgekit(*SHORT) == 1
    assert (
        edgekit.error
        == f'no permission for "{edgekit.runs}": Read-only file system\nhint: choose a folder of your own\n'
    )


def test_a_disk_that_is_full_at_any_write_stops_the_run_which_goes_on_afterwards(
    edgekit: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    replace, left = Path.replace, 0

    def fail(self: Path, target: Path) -> Path:
        nonlocal left
        left -= 1
        if left < 0:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return replace(self, target)

    monkeypatch.setattr(Path, "replace", fail)
    reached = []
    for left in (0, 5, 10):  # noqa: B007  # so many writes succeed
        assert edgekit(*SHORT) == 1
        assert edgekit.error.startswith("no room on the disk for ")
        reached.append(sum(1 for path in edgekit.runs.rglob("*") if path.is_file()))
    assert reached == sorted(set(reached))
    monkeypatch.undo()
    assert edgekit(*SHORT) == 0


def test_a_folder_of_runs_that_cannot_be_is_told(edgekit: Any) -> None:
    edgekit.runs.write_text("a file stands here")
    assert edgekit("--until", "teacher") == 1
    assert edgekit.error.startswith(f'cannot write "{edgekit.runs}/tiny')
    assert edgekit.runs.read_text() == "a file stands here"


_MADE: list[tuple[Path, str]] = []


@pytest.fixture
def finished(edgekit: Any, own_home: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a finished run, made once for all tests and copied for each, with edgekit's home."""
    if not _MADE:
        assert edgekit(*SHORT) == 0, edgekit.err
        kept = tmp_path_factory.mktemp("finished")
        shutil.copytree(edgekit.runs, kept / "runs")
        shutil.copytree(own_home, kept / "home")
        _MADE.append((kept, edgekit.out))
    kept, edgekit.out = _MADE[0]
    shutil.copytree(kept / "runs", edgekit.runs, dirs_exist_ok=True)
    shutil.copytree(kept / "home", own_home, dirs_exist_ok=True)
    (run,) = edgekit.runs.glob("tiny/*")
    return run


def outcome(printed: str) -> list[Any]:
    """Give what must not depend on what was damaged: keys, scores and models, no times."""
    return [
        [stage["key"], *(stage["verdict"][name] for name in ("decision", "test", "validation", "model"))]
        for stage in json.loads(printed)["stages"]
    ]


def halve(content: bytes) -> bytes:
    return content[: len(content) // 2]


def flip(content: bytes) -> bytes:
    middle = len(content) // 2
    return content[:middle] + bytes([content[middle] ^ 1]) + content[middle + 1 :]


@pytest.mark.parametrize(
    ("name", "damage", "said"),
    [
        ("distill/weights.safetensors", flip, "weights.safetensors: damaged or gone; making it again"),
        ("distill/candidate.json", flip, "candidate.json: damaged or gone; making it again"),
        ("distill/candidate.json", lambda _: b"{}", "candidate.json: damaged or gone; making it again"),
        ("teacher/candidate.json", halve, "candidate.json: damaged or gone; making it again"),
        ("distill/model.onnx", flip, "distilled: what was judged is damaged or gone; judging again"),
        ("distill/verdict.json", flip, "distilled: what was judged is damaged or gone; judging again"),
        ("distill/verdict.json", lambda _: b"[]", "distilled: what was judged is damaged or gone; judging again"),
        ("distill/scores.npz", flip, "distilled: what was judged is damaged or gone; judging again"),
        ("distill/scores.npz", halve, "distilled: what was judged is damaged or gone; judging again"),
        ("distill/scores.npz", lambda _: b"", "distilled: what was judged is damaged or gone; judging again"),
        ("run.json", halve, ""),
        ("run.json", lambda _: b"[]", ""),
        ("bundle/model.onnx", flip, ""),
        ("bundle/manifest.json", halve, ""),
        ("report.html", halve, ""),
    ],
    ids=lambda value: value.__name__ if callable(value) else value.split(":")[0],
)
def test_what_is_damaged_in_a_run_is_made_again_and_the_run_ends_the_same(
    edgekit: Any, finished: Path, name: str, damage: Callable[[bytes], bytes], said: str
) -> None:
    before = outcome(edgekit.out)
    path = finished / name
    content = path.read_bytes()
    path.write_bytes(damage(content))
    assert edgekit(*SHORT) == 0
    assert outcome(edgekit.out) == before
    assert said in edgekit.err
    assert path.read_bytes() != damage(content)
    assert json.loads((finished / "run.json").read_text()) == json.loads(edgekit.out)


def test_kept_answers_of_the_teacher_that_are_damaged_are_asked_again(
    edgekit: Any, finished: Path, own_home: Path
) -> None:
    before = outcome(edgekit.out)
    shutil.rmtree(finished / "distill")
    views = sorted(own_home.glob("teachers/*/view-*.npy"))
    assert len(views) == 2
    views[0].write_bytes(flip(views[0].read_bytes()))
    views[1].with_suffix(".sha256").write_text("")
    assert edgekit(*SHORT) == 0
    for view in views:
        assert f"{view}: the kept answers are damaged; asking the teacher again" in edgekit.err
    assert outcome(edgekit.out) == before
