"""The study that all workers of a search share: its trials as Optuna keeps them, and which of them are lost.

What a trial is to edgekit stands in its attributes: "overrides", "worker", "lock", "estimate", "rungs", and "outcome"
once it has ended. A trial that failed without an outcome was lost: its worker was killed.
"""

from __future__ import annotations

import datetime
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edgekit import files, locks
from edgekit.errors import StorageError
from edgekit.search import space, storage
from edgekit.search.asking import JOURNAL, WORKERS, Plan

if TYPE_CHECKING:
    from optuna import Study
    from optuna.trial import FrozenTrial

_NEWBORN = 60.0  # seconds within which a trial says whose it is
DIRECTIONS = ["maximize", "minimize", "minimize"]  # the score, milliseconds, bytes


@contextmanager
def opened(plan: Plan, data: str | None = None) -> Iterator[Study]:
    """Open the plan's study, with whatever its storage raises told as StorageError.

    `data`: the hash of the examples here, which must be those of the study that is there, if one is.
    """
    url, journal = plan.asked.storage, plan.folder / JOURNAL
    kept = storage.opened(url, journal)
    import optuna

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    with storage.reached(url, journal), warnings.catch_warnings():
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        name = f"edgekit {plan.recipe.name} {plan.folder.name}"
        names = optuna.get_all_study_names(kept)
        if url is None and names and name not in names:
            raise StorageError(
                f'"{journal}" holds the study "{names[0]}", of another recipe', "remove it, or give another --runs"
            )
        study = optuna.create_study(storage=kept, study_name=name, directions=DIRECTIONS, load_if_exists=True)
        if data is not None and study.user_attrs.get("data", data) != data:
            raise StorageError(
                f'the study "{name}" was begun with other data than lie here',
                "workers of one study must have the same examples; another storage begins a study of its own",
            )
        if data is not None:
            note(study, {"data": data})
        yield study


def note(study: Study, values: dict[str, Any]) -> None:
    """Note what the study does not know of itself so far: what was noted first holds for all machines."""
    known = study.user_attrs
    for key, value in values.items():
        if key not in known:
            study.set_user_attr(key, value)


def own(study: Study, plan: Plan) -> None:
    """See to it that there is a trial of the recipe's own values: before all others, and again where it was lost."""
    if not any(trial.user_attrs.get("own") and state(trial) != "lost" for trial in trials(study)):
        study.enqueue_trial(space.fixed(plan.dimensions, plan.own), user_attrs={"own": True})


def sampler(study: Study, seed: int) -> None:
    """Give the study the sampler of its next trial; what it draws hangs on the seed and on what was measured."""
    from optuna.samplers import TPESampler

    drawn = int(files.fingerprint([seed, len(trials(study))])[:8], 16)
    study.sampler = TPESampler(multivariate=True, group=True, constant_liar=True, seed=drawn)


def trials(study: Study) -> list[FrozenTrial]:
    """Return all trials, not to be changed."""
    return list(study.get_trials(deepcopy=False))


def state(trial: FrozenTrial) -> str:
    """Return "complete", "stopped", "infeasible", "failed", "lost", "running", or "waiting"."""
    if outcome := trial.user_attrs.get("outcome"):
        return str(outcome["state"])
    return "lost" if trial.state.is_finished() else trial.state.name.lower()


def counted(study: Study) -> int:
    """Return how many trials have ended; those that were lost do not count."""
    return sum(trial.state.is_finished() and state(trial) != "lost" for trial in trials(study))


def over(study: Study, wanted: int) -> bool:
    """Tell whether as many as are wanted have ended, the recipe's own among them."""
    return counted(study) >= wanted and not _waiting(study)


def enough(study: Study, wanted: int) -> bool:
    """Tell whether those that have ended and those that run make up what is wanted."""
    return counted(study) + _of(study, "running") >= wanted and not _waiting(study)


def _waiting(study: Study) -> bool:
    return _of(study, "waiting") > 0


def _of(study: Study, word: str) -> int:
    return sum(state(trial) == word for trial in trials(study))


def lose(study: Study, folder: Path) -> None:
    """End the trials whose worker is gone: of this machine by its lock, of others by the silence of their hearts."""
    from optuna.storages import fail_stale_trials
    from optuna.trial import TrialState

    fail_stale_trials(study)
    for trial in trials(study):
        if trial.state != TrialState.RUNNING:
            continue
        lock = trial.user_attrs.get("lock")
        if lock is None:
            began = trial.datetime_start or datetime.datetime.now()
            gone = (datetime.datetime.now() - began).total_seconds() > _NEWBORN
        else:
            path = folder / WORKERS / lock
            gone = path.exists() and not locks.held(path)
        if gone:
            study.tell(trial.number, state=TrialState.FAIL, skip_if_finished=True)
