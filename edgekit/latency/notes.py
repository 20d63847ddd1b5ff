"""Doubts about a measurement, as data: a closed list, each with what to do about it. Imports nothing of edgekit."""

from __future__ import annotations

from typing import Any, NamedTuple

_ADVICE = {
    "busy-machine": "close other programs, or trust the ratios, which were measured side by side, over the times",
    "few-cores": "ask for no more threads than there are cores, or give the process more of them",
    "not-settled": "give it more --seconds",
}
KINDS = tuple(_ADVICE)


class Note(NamedTuple):
    """One doubt: its kind (one of KINDS), what was found, and what to do."""

    kind: str
    text: str
    advice: str

    @classmethod
    def of(cls, kind: str, text: str) -> Note:
        """Make the note of `kind`, which brings its advice."""
        return cls(kind, text, _ADVICE[kind])

    def to_dict(self) -> dict[str, Any]:
        """Give the note as JSON-ready values."""
        return self._asdict()

    def __str__(self) -> str:
        return f"{self.text}: {self.advice}"


def doubts(*, load: float | None, cores: float, threads: int, unsettled: list[str]) -> list[Note]:
    """Return the notes that apply.

    `load`: how many programs wanted a core in the minute before, None where unknown; `cores`: how many may be used;
    `unsettled`: names of what was still getting faster when its warm-up ended.
    """
    found = []
    if load is not None and load > cores:
        found.append(Note.of("busy-machine", f"{load:.1f} programs wanted the {cores:g} cores in the minute before"))
    if threads > cores:
        found.append(Note.of("few-cores", f"{threads} threads were asked for, and {cores:g} cores may be used"))
    for name in unsettled:
        found.append(Note.of("not-settled", f'"{name}" was still getting faster when its warm-up ended'))
    return found
