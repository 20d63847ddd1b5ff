"""The study that workers share: who is lost, what counts, and that no other study is taken for it."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import optuna
import pytest

from edgekit import locks
from edgekit.errors import StorageError
from edgekit.search import space, study
from edgekit.search.asking import WORKERS

DATA = "ab"


def asked(shared: Any, **notes: Any) -> Any:
    trial = shared.ask()
    for key, value in notes.items():
        trial.set_user_attr(key, value)
    return trial


def test_the_first_trial_is_of_the_recipes_own_values(plan: Any) -> None:
    given = plan()
    with study.opened(given, DATA) as shared:
        study.own(shared, given)
        study.own(shared, given)
        trial = shared.ask()
        assert trial.user_attrs == {"own": True}
        assert space.draw(trial, given.dimensions) == given.own
        assert "own" not in shared.ask().user_attrs
        shared.tell(0, state=optuna.trial.TrialState.FAIL)
        study.own(shared, given)
        assert shared.ask().user_attrs == {"own": True}, "it was lost, and comes again"


def test_what_a_study_notes_is_written_once_and_other_data_are_refused(plan: Any) -> None:
    with study.opened(plan(), DATA) as shared:
        study.note(shared, {"limits": {}})
    with study.opened(plan(), DATA) as shared:
        study.note(shared, {"limits": {"bytes": 1}, "counts": {}})
        assert shared.user_attrs == {"data": DATA, "limits": {}, "counts": {}}
    with pytest.raises(StorageError, match="other data"), study.opened(plan(), "cd"):
        pass


def test_a_journal_of_another_recipe_is_refused(plan: Any) -> None:
    with study.opened(plan()):
        pass
    other = plan()
    journal = other.folder / "study.journal"
    journal.write_text(journal.read_text().replace("edgekit tiny", "edgekit other"))
    with pytest.raises(StorageError, match="of another recipe"), study.opened(other):
        pass


def test_equal_studies_draw_equal_values(plan: Any, tmp_path: Path) -> None:
    found = []
    for name in "ab":
        given = plan()
        given.asked = replace(given.asked, folder=str(tmp_path / name))
        with study.opened(given, DATA) as shared:
            for _ in range(3):
                study.sampler(shared, 7)
                trial = shared.ask()
                found.append(space.draw(trial, given.dimensions))
                shared.tell(trial, [0.5, 1.0, 10.0])
    assert found[:3] == found[3:]
    assert len({str(values) for values in found}) > 1


def test_a_trial_whose_worker_is_gone_is_lost_and_does_not_count(plan: Any) -> None:
    given = plan()
    workers = given.folder / WORKERS
    hold = "import fcntl, sys; f = open(sys.argv[1], 'ab'); fcntl.flock(f, 2); print(flush=True); sys.stdin.read()"
    with study.opened(given, DATA) as shared, locks.exclusive(workers / "own.lock"):
        command = [sys.executable, "-c", hold, str(workers / "w.lock")]
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as worker:
            assert worker.stdout and worker.stdout.readline()
            asked(shared, lock="w.lock")
            asked(shared, lock="of-another-machine.lock")
            asked(shared)  # drawn a moment ago
            done = asked(shared, lock="w.lock", outcome={"state": "complete"})
            shared.tell(done, [0.5, 1.0, 10.0])
            study.lose(shared, given.folder)
            assert [study.state(each) for each in study.trials(shared)] == ["running"] * 3 + ["complete"]
            assert study.enough(shared, 4) and not study.enough(shared, 5)
            worker.kill()
        study.lose(shared, given.folder)
        assert [study.state(each) for each in study.trials(shared)] == ["lost"] + ["running"] * 2 + ["complete"]
        assert study.counted(shared) == 1 and not study.enough(shared, 4)
