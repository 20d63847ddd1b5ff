"""What is shipped around a network: pictures resized and normalised on the way in, a head on the way out."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import nn

from edgekit.exporting.heads import Head
from edgekit.exporting.resizing import Resizing
from edgekit.exporting.structure import by_name, flatten, nest
from edgekit.signature import Tensor


@dataclass(frozen=True)
class Deployment:
    """How a network meets its app.

    `input` is the tensor an app passes, its first dimension the batch. A uint8 input of four dimensions is an image
    (N, H, W, C): it becomes float in 0..1, is laid (N, C, H, W), and brought to size by `resizing`. What has a `mean`
    and `std` (one value for all, or one per channel or feature) is normalised by them. With `as_given` the network
    takes what the app passes, whatever it is. `output` names the head (`heads.py`), as a recipe does by "probabilities"
    or "logits".
    """

    input: Tensor
    output: str
    labels: tuple[str, ...] = ()
    mean: tuple[float, ...] = ()
    std: tuple[float, ...] = ()
    min_onnxruntime: str = "1.20"
    as_given: bool = False
    resizing: Resizing = field(default_factory=Resizing)

    @property
    def head(self) -> Head:
        """What becomes of the network's first answer."""
        return Head.read(self.output)

    @property
    def is_image(self) -> bool:
        """Whether the input is uint8 pixels that the graph makes floats of."""
        return self.input.dtype == "uint8" and len(self.input.shape) == 4 and not self.as_given

    @property
    def is_normalized(self) -> bool:
        """Whether the graph normalises the input."""
        return bool(self.mean or self.std) and not self.as_given

    def sides(self) -> dict[str, tuple[int, int]]:
        """Return between which sizes the sides of a picture are proved that may have any, where nobody says."""
        if not self.resizing:
            return {}
        return dict.fromkeys((dim for dim in self.input.shape[1:3] if isinstance(dim, str)), self.resizing.likely())

    def preprocessing(self) -> dict[str, Any]:
        """Say for the manifest what the graph does to its input."""
        said: dict[str, Any] = {}
        if self.is_image:
            said |= {"layout": "NHWC", "color": "L" if self.input.shape[-1] == 1 else "RGB", "scale": 1 / 255}
            said |= self.resizing.said()
        if self.is_normalized:
            said |= {"mean": list(self.mean), "std": list(self.std)}
        return said | {"in_graph": True} if said else {}


class Deployed(nn.Module):
    """A network with its deployment around it: what is exported, and what the proof compares with.

    `inputs` are all that go in, where there are more than the deployment's: those are passed on as they are.
    """

    scale: torch.Tensor
    offset: torch.Tensor

    def __init__(self, network: nn.Module, deployment: Deployment, inputs: Iterable[Tensor] = ()) -> None:
        super().__init__()
        self.network = network
        self.image = deployment.is_image
        self.normalized = deployment.is_normalized
        self.resizing = deployment.resizing
        self.head = deployment.head
        self.names = [tensor.name for tensor in inputs] or [deployment.input.name]
        self.prepared = self.names.index(deployment.input.name)
        self.by_name = by_name(network, self.names)
        # (pixel / 255 - mean) / std as one factor and one offset, the very ones that training used.
        mean, std = (
            torch.tensor(v or d, dtype=torch.float64) for v, d in ((deployment.mean, (0.0,)), (deployment.std, (1.0,)))
        )
        form = (-1, 1, 1) if self.image else (-1,)
        self.register_buffer("scale", (1 / std / (255 if self.image else 1)).float().view(form), persistent=False)
        self.register_buffer("offset", (-mean / std).float().view(form), persistent=False)

    def forward(self, *tensors: torch.Tensor) -> Any:
        """Map an app's inputs to an app's outputs: one tensor, or a tuple of those that the network's answer holds."""
        answers = self.finish([answer for _, answer in self.answers(*tensors)])
        return answers[0] if len(answers) == 1 else answers

    def finish(self, answers: Sequence[torch.Tensor]) -> tuple[torch.Tensor, ...]:
        """Put the head on what the network answers."""
        return (*self.head.of(answers[0]), *answers[1:])

    def told(self, answers: Sequence[torch.Tensor]) -> tuple[torch.Tensor, ...]:
        """Return what is compared in a proof: of an argmax also the scores, last (`telling.py`)."""
        return (*self.finish(answers), *(answers[:1] if self.head.kind == "argmax" else ()))

    def answers(self, *tensors: torch.Tensor) -> list[tuple[str, torch.Tensor]]:
        """Return what the network answers to an app's inputs, each tensor with the name that it has there."""
        given = list(tensors)
        given[self.prepared] = self._prepare(given[self.prepared])
        nested = nest(self.names, given)
        return list(flatten(self.network(**nested) if self.by_name else self.network(*nested.values())))

    def _prepare(self, x: torch.Tensor) -> torch.Tensor:
        if self.image:
            x = x.permute(0, 3, 1, 2).to(torch.float32, memory_format=torch.contiguous_format)
            x = self.resizing.of(x) * self.scale
        elif self.normalized:
            x = x * self.scale
        return x + self.offset if self.normalized else x
