"""A worker: a process that takes trials from the study until there are enough.

It is started as `python -m edgekit.search.worker PARENT`, and reads what was asked from stdin, so that no password
stands among the processes. It ends when it is told to, or when its parent is gone; a lock file that the kernel lets go
of tells others that it lives.
"""

from __future__ import annotations

import os
import secrets
import signal
import socket
import sys
import threading
import time
from contextlib import ExitStack
from functools import partial
from typing import TYPE_CHECKING, Any

from edgekit import console, locks
from edgekit.errors import EdgekitError
from edgekit.search import space, study, trial
from edgekit.search.asking import WORKERS, Asked, Plan
from edgekit.search.front import Point

if TYPE_CHECKING:
    from optuna import Study, Trial

_DRAWING = "drawing.lock"
_PATIENCE = 20.0  # seconds to end in once it is told to


class _Failed(Exception):
    """The trial found nothing; its outcome says why."""


def work(plan: Plan) -> None:
    """Take trials until as many as were asked for have ended or are at work."""
    name = f"{socket.gethostname()}:{os.getpid()}"
    lock = f"{name.replace(':', '-')}-{secrets.token_hex(4)}.lock"
    with study.opened(plan) as shared, locks.exclusive(plan.folder / WORKERS / lock):
        going = True
        while going:
            with ExitStack() as drawing:
                drawing.enter_context(locks.exclusive(plan.folder / WORKERS / _DRAWING))
                if going := not study.enough(shared, plan.asked.trials):
                    study.sampler(shared, plan.recipe.seed)
                    told = {"worker": name, "lock": lock}
                    taken = partial(_objective, plan=plan, shared=shared, told=told, drawn=drawing)
                    shared.optimize(taken, n_trials=1, catch=(_Failed,))


def _objective(drawn_trial: Trial, plan: Plan, shared: Study, told: dict[str, str], drawn: ExitStack) -> Any:
    import optuna

    own = bool(drawn_trial.user_attrs.get("own"))
    for key, value in told.items():
        drawn_trial.set_user_attr(key, value)
    values = space.draw(drawn_trial, plan.dimensions) if not own else plan.own
    for each in plan.dimensions if own else ():
        if each.fixed(plan.own.get(each.key)):
            each.draw(drawn_trial)
    drawn_trial.set_user_attr("overrides", values)
    drawn.close()  # the next may draw
    console.say(f"trial {drawn_trial.number}: {' '.join(space.written(values))}")
    sight = trial.Sight(
        teacher=shared.user_attrs.get("teacher"),
        finished=_finished(shared),
        peers=partial(_peers, shared, drawn_trial.number),
        note=drawn_trial.set_user_attr,
        own=own,
    )
    outcome = trial.take(plan, values, sight)
    for name, over in outcome.get("excess", {}).items():
        drawn_trial.set_constraint(name, over)
    drawn_trial.set_user_attr("outcome", outcome)
    console.say(f"trial {drawn_trial.number}: {outcome['state']} {outcome['why']}".rstrip())
    if "score" in outcome:
        return outcome["score"], outcome["p50_ms"], outcome["bytes"]
    if outcome["state"] == "failed":
        raise _Failed(outcome["why"])
    raise optuna.TrialPruned


def _finished(shared: Study) -> dict[str, tuple[int, dict[str, Any]]]:
    """Return the outcomes of the trials that have ended, by run: none of them need be trained again."""
    found: dict[str, tuple[int, dict[str, Any]]] = {}
    for each in study.trials(shared):
        outcome = each.user_attrs.get("outcome")
        if outcome and "run" in each.user_attrs:
            found.setdefault(each.user_attrs["run"], (each.number, outcome))
    return found


def _peers(shared: Study, number: int, epoch: int) -> list[Point]:
    """Return what all other trials were at this rung; of each figure less is better."""
    found: list[Point] = []
    for each in study.trials(shared):
        score, sizes = each.user_attrs.get("rungs", {}).get(str(epoch)), each.user_attrs.get("estimate")
        if each.number != number and score is not None and sizes:
            found.append((-score, sizes["p50_ms"], sizes["bytes"]))
    return found


def _end_with(parent: int) -> None:
    """End this process once the one that started it is gone."""
    while os.getppid() == parent:
        time.sleep(1)
    console.say("whoever started this worker is gone")
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(_PATIENCE)
    os._exit(1)


def main() -> None:
    """Work at what stands on stdin, a line of JSON, for the process whose number is the argument."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    threading.Thread(target=_end_with, args=(int(sys.argv[1]),), daemon=True).start()
    plan = Plan(Asked.read(sys.stdin.readline()))
    import torch

    torch.set_num_threads(int(os.environ.get("OMP_NUM_THREADS", "1")))
    work(plan)


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        sys.exit(130)
    except EdgekitError as error:
        console.say(error.render())
        sys.exit(error.exit_code)
