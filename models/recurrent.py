"""Recurrent networks that tell the next token: Elman's (1990), GRU (arXiv 1406.1078), LSTM (Hochreiter 1997).

`forward(ids)` reads whole windows, int64 (N, T), from a state of zeros and answers logits (N, T, tokens): so it learns.
`forward(ids, *states)` takes one step, ids (N, 1), and answers logits (N, 1, tokens) and the states after it: so it is
shipped. That step is written out in linear layers, on the same weights, because what exporters make of a recurrent
layer's single step is slower and needs more of a runtime. `states` names each state and its shape behind the batch.
"""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional as F

CELLS = {"rnn": nn.RNN, "gru": nn.GRU, "lstm": nn.LSTM}


class Recurrent(nn.Module):
    def __init__(self, cell: str, tokens: int, embedding: int, width: int, layers: int, dropout: float) -> None:
        super().__init__()
        self.embedding = nn.Embedding(tokens, embedding)
        between = dropout if layers > 1 else 0.0
        self.cells = CELLS[cell](embedding, width, layers, batch_first=True, dropout=between)
        self.dropout = nn.Dropout(dropout)
        self.head = nn.Linear(width, tokens)
        self.step = {"rnn": self._rnn, "gru": self._gru, "lstm": self._lstm}[cell]
        self.states = dict.fromkeys(("h", "c") if cell == "lstm" else ("h",), (layers, width))

    def forward(self, ids: torch.Tensor, *states: torch.Tensor) -> torch.Tensor | tuple[torch.Tensor, ...]:
        if not states:
            return self.head(self.dropout(self.cells(self.embedding(ids))[0]))
        x, after = self.embedding(ids[:, 0]), []
        for layer in range(self.cells.num_layers):
            after.append(self.step(layer, x, *(state[:, layer] for state in states)))
            x = after[-1][0]
        return self.head(x)[:, None], *(torch.stack(each, 1) for each in zip(*after, strict=True))

    def _linear(self, layer: int, name: str, x: torch.Tensor) -> torch.Tensor:
        """Apply the weights for the input ("ih") or for the state ("hh") of a layer."""
        return F.linear(x, getattr(self.cells, f"weight_{name}_l{layer}"), getattr(self.cells, f"bias_{name}_l{layer}"))

    def _rnn(self, layer: int, x: torch.Tensor, h: torch.Tensor) -> tuple[torch.Tensor, ...]:
        return (torch.tanh(self._linear(layer, "ih", x) + self._linear(layer, "hh", h)),)

    def _gru(self, layer: int, x: torch.Tensor, h: torch.Tensor) -> tuple[torch.Tensor, ...]:
        given, kept = (self._linear(layer, *each).chunk(3, -1) for each in (("ih", x), ("hh", h)))
        reset, update = (torch.sigmoid(a + b) for a, b in zip(given[:2], kept[:2], strict=True))
        new = torch.tanh(given[2] + reset * kept[2])
        return (new + update * (h - new),)

    def _lstm(self, layer: int, x: torch.Tensor, h: torch.Tensor, c: torch.Tensor) -> tuple[torch.Tensor, ...]:
        into, forget, new, out = (self._linear(layer, "ih", x) + self._linear(layer, "hh", h)).chunk(4, -1)
        c = torch.sigmoid(forget) * c + torch.sigmoid(into) * torch.tanh(new)
        return torch.sigmoid(out) * torch.tanh(c), c


def build(
    cell: str = "gru", tokens: int = 97, embedding: int = 32, width: int = 128, layers: int = 1, dropout: float = 0.0
) -> Recurrent:
    """Build `layers` of `cell` ("rnn", "gru" or "lstm"); `dropout` is between them and before the last."""
    return Recurrent(cell, tokens, embedding, width, layers, dropout)
