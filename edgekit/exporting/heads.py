"""Heads: what becomes of a network's first answer inside the graph, so that an app needs no arithmetic. Imports torch.

| head | answers | of the network's answer [..., C] |
|---|---|---|
| none | what the network answers | |
| softmax | `probabilities` [..., C] | one of C classes |
| topK, as top5 | `top_probabilities` and `top_classes` int64 [..., K], the likeliest first | one of C classes |
| argmax | `class` int64 [...] | one of C classes |
| threshold=P | `probabilities` [..., C] by sigmoid, and `decisions` bool [..., C], true above P | any of C labels |

Classes are numbered from 0. Of equal scores the first class wins under argmax; under topK either may come first.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

import torch

from edgekit.errors import UsageError, nearest
from edgekit.signature import Tensor

_WORDS = ["none", "softmax", "top5", "argmax", "threshold=0.5"]
# A recipe says what the output is, and so what head it has.
_OUTPUTS = {"probabilities": "softmax", "logits": "none", "value": "none", "vector": "none"}


@dataclass(frozen=True)
class Head:
    """`kind`: none, softmax, top, argmax or threshold; `count`: the K of topK; `threshold`: the P of threshold=P."""

    kind: str = "none"
    count: int = 0
    threshold: float = 0.0

    @classmethod
    def read(cls, text: str) -> Head:
        """Read a head as it is written above, or a recipe's output; UsageError where there is no such head."""
        text = _OUTPUTS.get(text, text)
        if text in ("none", "softmax", "argmax"):
            return cls(text)
        if re.fullmatch(r"top[1-9]\d*", text):
            return cls("top", int(text[3:]))
        if found := re.fullmatch(r"threshold=(0?\.\d+)", text):
            return cls("threshold", threshold=float(found[1]))
        near = nearest(text, _WORDS)
        if text.startswith("threshold"):
            raise UsageError(f'"{text}" is no threshold between 0 and 1', "write it as threshold=0.5")
        raise UsageError(
            f'there is no head "{text}"', f'did you mean "{near}"?' if near else f"one of {', '.join(_WORDS)}"
        )

    def __str__(self) -> str:
        return {"top": f"top{self.count}", "threshold": f"threshold={self.threshold:g}"}.get(self.kind, self.kind)

    @property
    def choice(self) -> int | None:
        """The place among the outputs of the one that holds classes or decisions, which are chosen by scores."""
        return {"top": 1, "argmax": 0, "threshold": 1}.get(self.kind)

    def answered(self, scores: Tensor) -> list[Tensor]:
        """Return the outputs for a network's first answer `scores`; UsageError where the head cannot be put on it."""
        if self.kind == "none":
            return [scores]
        if not scores.dtype.startswith("float") or not scores.shape:
            found = f"{scores.dtype}[{','.join(map(str, scores.shape))}]"
            raise UsageError(
                f"the head {self} takes scores, floats along a last axis, and the network answers {found}",
                "leave the head out, or let the network answer its logits first",
            )
        *before, classes = scores.shape
        if self.kind == "top" and isinstance(classes, int) and self.count > classes:
            raise UsageError(f"the head {self} of {classes} classes has none to answer", f"top{classes} at most")
        if self.kind == "argmax":
            return [Tensor("class", "int64", tuple(before))]
        if self.kind == "top":
            form = (*before, self.count)
            return [Tensor("top_probabilities", scores.dtype, form), Tensor("top_classes", "int64", form)]
        probabilities = Tensor("probabilities", scores.dtype, scores.shape)
        return [probabilities] + [Tensor("decisions", "bool", scores.shape)] * (self.kind == "threshold")

    def scores(self, answer: torch.Tensor) -> torch.Tensor:
        """Return what the head chooses by: probabilities, or the answer itself."""
        if self.kind in ("softmax", "top"):
            return torch.softmax(answer, -1)
        return torch.sigmoid(answer) if self.kind == "threshold" else answer

    def of(self, answer: torch.Tensor) -> tuple[torch.Tensor, ...]:
        """Return what the head answers for the network's answer."""
        scores = self.scores(answer)
        if self.kind == "top":
            return tuple(torch.topk(scores, self.count, -1))
        if self.kind == "argmax":
            return (torch.argmax(scores, -1),)
        return (scores, scores > self.threshold) if self.kind == "threshold" else (scores,)
