"""Doubts about a measurement, as data: a closed list, each with what to do about it. Imports nothing of edgekit."""

from __future__ import annotations

from typing import Any, NamedTuple

_ADVICE = {
    "busy-machine": "close other programs and measure again: they slow large models more than small ones",
    "throttled": "raise the container's limit of processors, or ask for fewer threads",
    "drift": "let the machine cool, fix its clock, or close what came and went; the ratios hold all the same",
    "bimodal": "do not trust one median: look at the distribution, and for a thread that moves between cores",
    "outliers": "look at the percentiles; they are what a user meets",
    "coarse-timer": "time a larger batch: --batch",
    "few-cores": "ask for no more threads than there are cores, or give the process more of them",
    "power-saving": 'plug it in, or set the governor "performance"',
    "first-call": "call it once before the first request counts",
    "not-settled": "give it more --seconds",
    "few-samples": "give it more --seconds",
    "late-arrivals": "free a core for whoever sends the queries; until then the rate is the least that it can be",
    "one-copy": "trust no difference below 5 %",
    "nan-outputs": "check the model, and the inputs that were made up for it: --input name=file.npy gives real ones",
    "fallback-nodes": "edgekit inspect says which operators the device lacks",
    "assumed-length": "give the lengths that your texts have: --shape",
    "failed": "mend what the error names, and measure it again",
    "device-lost": "what was measured before is kept; see that the device is there, and measure again",
    "other-model": "time both side by side: edgekit bench OLD NEW",
    "other-shapes": "measure again with the sizes of the baseline: --batch, --shape",
    "other-setting": "measure again with the settings of the baseline",
    "other-versions": "the difference may be theirs; measure again with the same versions to know",
    "other-machine": "read the ratios as those of machines, not of models",
    "other-moment": "what is too close to tell is told by timing both side by side: edgekit bench",
    "other-load": "compare what it bears, in answers a second",
    "unmatched": "measure it in both, or leave it out",
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
