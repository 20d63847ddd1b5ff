"""One step of a model that keeps a state, over and over, in arrays that are made once. numpy and onnxruntime alone.

There are two sets of arrays for the state, each bound as what a step takes and as what the other step answers: what one
step leaves is what the next one reads, and nothing is copied or made in between.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from edgekit.errors import InputError
from edgekit.runtime.bind import aligned, runner
from edgekit.runtime.reasons import reason

if TYPE_CHECKING:
    from edgekit.runtime.feeds import Array
    from edgekit.runtime.session import Session


class Steps:
    """A model bound for single steps.

    `inputs`: the arrays that are no state, by name, to be written in place before each step; `outputs`: what a step
    answers besides the state, the same arrays each time. It belongs to one thread.
    """

    __slots__ = ("_sets", "_turns", "inputs", "outputs")

    def __init__(self, session: Session, feeds: dict[str, Any], kept: dict[str, str]) -> None:
        """Bind to copies of `feeds`, by input name; `kept`: the output that each state goes on as (`states`)."""
        answers = session.run(feeds)
        self.inputs: dict[str, Array] = {name: aligned(array) for name, array in feeds.items() if name not in kept}
        self.outputs: dict[str, Array] = {
            name: aligned(array) for name, array in answers.items() if name not in kept.values()
        }
        self._sets: tuple[dict[str, Array], dict[str, Array]] = (
            {name: aligned(feeds[name]) for name in kept},
            {name: aligned(feeds[name]) for name in kept},
        )
        turns = []
        for given, left in (self._sets, self._sets[::-1]):
            states = {then: left[name] for name, then in kept.items()}
            turns.append(runner(session, {**self.inputs, **given}, {**self.outputs, **states}))
        self._turns: tuple[Callable[[], object], Callable[[], object]] = (turns[0], turns[1])
        self.restart()

    def restart(self) -> None:
        """Begin anew, from a state of zeros."""
        for state in self._sets[0].values():
            state[...] = 0

    def step(self) -> None:
        """Run on what stands in `inputs` and on the state, and fill `outputs`. InputError where the model cannot."""
        now, after = self._turns
        try:
            now()
        except Exception as error:
            given = ", ".join(f"{name} {array.tolist()}" for name, array in self.inputs.items())
            raise InputError(f"the model cannot take the step {given}: {reason(error)}") from None
        self._turns, self._sets = (after, now), self._sets[::-1]

    @property
    def state(self) -> dict[str, Array]:
        """The state that the next step goes on from, by input name."""
        return self._sets[0]
