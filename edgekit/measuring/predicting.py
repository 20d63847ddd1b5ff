"""How a session of one real input is asked for whole splits: at once, or token by token where it keeps a state.

numpy and the runtime. Of a step cell (`runtime/states.py`) a window of tokens is read from zero states on, and what is
timed is one step.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

import numpy as np

from edgekit.runtime.session import Session
from edgekit.runtime.states import states

Predict = Callable[[np.ndarray], np.ndarray]
Feeds = dict[str, np.ndarray]


def predict(session: Session) -> Predict:
    """Make a function from a session: a batch of examples to its first output.

    Of a step cell it takes windows of tokens (n, T), each from zero states, and returns the answers to every token
    (n, T, ...).
    """
    output = session.outputs[0].name
    if not states(session.inputs, session.outputs):
        return lambda inputs: session.run(first(session, inputs))[output]
    return lambda inputs: np.concatenate([answers[output] for _, answers in walk(session, inputs)], axis=1)


def first(session: Session, inputs: np.ndarray) -> Feeds:
    """Return what the first call on `inputs` takes: all of them, or their first tokens and zero states."""
    kept = states(session.inputs, session.outputs)
    name = next(tensor.name for tensor in session.inputs if tensor.name not in kept)
    if not kept:
        return {name: np.ascontiguousarray(inputs)}
    feeds = {name: np.ascontiguousarray(inputs[:, :1])}
    for tensor in session.inputs:
        if tensor.name in kept:
            sizes = [dim for dim in tensor.shape[1:] if isinstance(dim, int)]
            feeds[tensor.name] = np.zeros((len(inputs), *sizes), tensor.dtype)
    return feeds


def walk(session: Session, inputs: np.ndarray) -> Iterator[tuple[Feeds, Feeds]]:
    """Yield what each call takes and answers while `inputs` are read: one, or of a step cell one for each token."""
    kept = states(session.inputs, session.outputs)
    feeds = first(session, inputs)
    name = next(iter(feeds))
    answers: Feeds = {}
    for place in range(inputs.shape[1] if kept else 1):
        if place:
            feeds = {name: np.ascontiguousarray(inputs[:, place : place + 1])}
            feeds |= {state: answers[then] for state, then in kept.items()}
        answers = session.run(feeds)
        yield feeds, answers


def calls(session: Session, given: Iterable[Feeds]) -> Iterator[Feeds]:
    """Yield what a session is called with while `given` is read: the same, or of a step cell feeds for every token."""
    for feeds in given:
        (inputs,) = feeds.values()
        yield from (each for each, _ in walk(session, inputs))
