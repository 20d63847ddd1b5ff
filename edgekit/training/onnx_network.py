"""An ONNX file that answers as a network does: a teacher of which there is no PyTorch. onnxruntime when first run."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import nn

from edgekit.errors import ModelError

if TYPE_CHECKING:
    from edgekit.runtime.session import Session

_TINY = 1e-12  # of a probability: what float32 makes of the softmax of logits 27 apart


class OnnxNetwork(nn.Module):
    """Answers logits (b, classes) float32 to what networks are given, whatever of the two the file takes.

    Either the networks' own inputs, in dtype and shape; or uint8 pixels (b, h, w, c), as a bundle does: the networks'
    float inputs (b, c, h, w) are then brought back to pixels by `mean` and `std` of pixels in 0..1, which is exact.
    Of several outputs the first counts; probabilities become their logarithms, which are logits as good as any.
    """

    def __init__(self, path: Path, mean: Sequence[float] = (), std: Sequence[float] = ()) -> None:
        super().__init__()
        self.path, self._mean, self._std = path, tuple(mean), tuple(std)
        self._opened: Session | None = None

    def __deepcopy__(self, memo: dict[int, Any]) -> OnnxNetwork:
        return OnnxNetwork(self.path, self._mean, self._std)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Run the file on `x`. Raises ModelError where it has not one input, InputError where it does not take it."""
        session = self._session()
        (tensor,) = session.inputs
        given = self._pixels(x) if tensor.dtype == "uint8" and x.is_floating_point() else x
        answer = session.run({tensor.name: np.ascontiguousarray(given.detach().cpu().numpy())})
        logits = torch.from_numpy(answer[session.outputs[0].name]).float()
        if (logits >= 0).all() and torch.allclose(logits.sum(-1), torch.ones(logits.shape[:-1]), atol=1e-3):
            logits = logits.clamp_min(_TINY).log()
        return logits.to(x.device)

    def _session(self) -> Session:
        if self._opened is None:
            from edgekit.runtime.session import open_session

            self._opened = open_session(self.path, threads=torch.get_num_threads())
            if len(self._opened.inputs) != 1:
                named = ", ".join(map(str, self._opened.inputs))
                raise ModelError(f'"{self.path}" takes {named}, and a teacher takes one input')
        return self._opened

    def _pixels(self, x: torch.Tensor) -> torch.Tensor:
        mean, std = (torch.tensor(each or (neutral,)) for each, neutral in ((self._mean, 0.0), (self._std, 1.0)))
        pixels = (x.cpu() * std.view(-1, 1, 1) + mean.view(-1, 1, 1)) * 255
        return pixels.round().clamp(0, 255).to(torch.uint8).permute(0, 2, 3, 1)
