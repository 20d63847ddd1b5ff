"""Several workers on one study: one is killed, all are stopped, and the same command goes on. Real processes."""

from __future__ import annotations

import json
import os
import pwd
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

SECTION = """
search:
  space: {student.args.width: {low: 4, high: 16}, stages.distill.learning_rate: {low: 0.01, high: 0.1}}
  rungs: [1]
"""
_BINARIES = ["", *(f"{path}/" for path in sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True))]


def binary(name: str) -> str | None:
    return next((found for folder in _BINARIES if (found := shutil.which(folder + name))), None)


@pytest.fixture
def postgresql() -> Iterator[str]:
    """Start a PostgreSQL of its own on the loopback; yield the URL of a database in it."""
    if not (initdb := binary("initdb")) or not (server := binary("postgres")):
        pytest.skip("no PostgreSQL server is installed: apt-get install postgresql")
    pytest.importorskip("psycopg")
    account: dict[str, Any] = {}
    if os.getuid() == 0:  # which PostgreSQL refuses to run as
        account = {"user": "postgres", "cwd": "/"}
    folder = Path(tempfile.mkdtemp(prefix="edgekit-pg-"))
    try:
        if account:
            os.chown(folder, pwd.getpwnam("postgres").pw_uid, -1)
        data = str(folder / "data")
        (folder / "word").write_text("hush")
        (folder / "word").chmod(0o644)
        made = [initdb, "-D", data, "-U", "searcher", "-A", "scram-sha-256", f"--pwfile={folder / 'word'}"]
        subprocess.run(made, check=True, capture_output=True, **account)
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        told = [server, "-D", data, "-p", str(port), "-c", "listen_addresses=127.0.0.1", "-k", str(folder)]
        with (folder / "log").open("wb") as log, subprocess.Popen(told, stdout=log, stderr=log, **account) as running:
            try:
                wait(lambda: b"ready to accept" in (folder / "log").read_bytes(), 30)
                yield f"postgresql+psycopg://searcher:hush@127.0.0.1:{port}/postgres"
            finally:
                running.send_signal(signal.SIGINT)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def wait(until: Any, seconds: float) -> Any:
    ends = time.monotonic() + seconds
    while not (found := until()):
        assert time.monotonic() < ends, "it did not come to that"
        time.sleep(0.1)
    return found


class Conductor:
    """The command in a process of its own, as a person starts it."""

    def __init__(self, recipe: Path, runs: Path, *options: str) -> None:
        self.runs = runs
        command = [sys.executable, "-m", "edgekit", "search", str(recipe), "--runs", str(runs), *options]
        self.process = subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True)

    @property
    def record(self) -> dict[str, Any]:
        found = list(self.runs.glob("*/search-*/search.json"))
        return dict(json.loads(found[0].read_text())) if found else {"trials": []}

    def workers(self) -> list[int]:
        listed = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text().split()
        return [int(pid) for pid in listed if b"search.worker" in Path(f"/proc/{pid}/cmdline").read_bytes()]

    def states(self) -> list[str]:
        return [trial["state"] for trial in self.record["trials"]]


@pytest.mark.slow
@pytest.mark.parametrize("kept", ["journal", "postgresql"])
def test_a_killed_worker_loses_its_trial_and_a_stopped_search_goes_on(
    kept: str, plan: Any, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    url = request.getfixturevalue("postgresql") if kept == "postgresql" else None
    recipe = plan(section=SECTION).loaded.path
    options = ["--trials", "6", "--jobs", "2", *(["--storage", url] if url else [])]
    first = Conductor(recipe, tmp_path / "runs", *options)
    wait(lambda: "complete" in first.states() and len(first.workers()) == 2, 120)
    os.kill(first.workers()[0], signal.SIGKILL)
    wait(lambda: "lost" in first.states() and len(first.workers()) == 2, 120)
    workers = first.workers()
    first.process.send_signal(signal.SIGINT)
    _, said = first.process.communicate(timeout=60)
    assert first.process.returncode == 130 and "the same command goes on" in said and "hush" not in said
    assert not any(Path(f"/proc/{pid}").exists() for pid in workers)
    record = first.record
    assert record["status"] == "stopped" and record["storage"] == kept and "hush" not in json.dumps(record)
    whole = {trial["number"]: trial for trial in record["trials"] if trial["state"] == "complete"}

    again = Conductor(recipe, tmp_path / "runs", *options)
    _, said = again.process.communicate(timeout=240)
    assert again.process.returncode == 0, said
    record = again.record
    assert record["status"] == "finished" and record["chosen"]
    ended = [trial for trial in record["trials"] if trial["state"] not in ("lost", "running")]
    assert len(ended) == 6 and sum(trial["own"] for trial in ended) == 1
    by_number = {trial["number"]: trial for trial in record["trials"]}
    assert all(by_number[number] == trial for number, trial in whole.items()), "what was found is kept"


@pytest.mark.slow
def test_no_worker_outlives_a_conductor_that_is_killed(plan: Any, tmp_path: Path) -> None:
    recipe = plan(section=SECTION).loaded.path
    conductor = Conductor(recipe, tmp_path / "runs", "--trials", "50", "--jobs", "2")
    workers = wait(lambda: len(found := conductor.workers()) == 2 and found, 120)
    conductor.process.kill()
    conductor.process.communicate()
    wait(lambda: not any(Path(f"/proc/{pid}").exists() for pid in workers), 40)


@pytest.mark.slow
def test_a_worker_that_cannot_start_is_told_with_what_it_said(
    edgekit: Any, plan: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan(section=SECTION)
    monkeypatch.setenv("PYTHONHASHSEED", "nonsense")
    assert edgekit(verb="search") == 1
    assert "3 workers in a row ended without a trial" in edgekit.error
    (log,) = edgekit.runs.glob("tiny/search-*/workers/1.log")
    assert str(log) in edgekit.error and "PYTHONHASHSEED" in log.read_text()
