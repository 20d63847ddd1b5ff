"""Word embeddings under convolutions side by side, or a bag of them: the least that tells one text from another.

TextCNN (Kim 2014, arXiv 1408.5882): each of `kernels` looks at so many tokens in a row with `filters` filters, and what
each finds most of, anywhere, decides. Without kernels the words alone do, whatever their order. Mean beside maximum,
since how often counts too. `embeddings.word_embeddings.weight` has the name it has in Hugging Face's BertModel, whose
embeddings it may start from; `factor` narrows them before anything else looks. Input (N, T) int64: ids, padded at the
right with `pad`, which change no answer. Output (N, classes) logits.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import nn
from torch.nn import functional as F


class TextCNN(nn.Module):
    def __init__(
        self, vocabulary: int, width: int, factor: int, kernels: Sequence[int], filters: int, classes: int, pad: int,
        dropout: float,
    ) -> None:  # fmt: skip
        super().__init__()
        if any(size % 2 == 0 for size in kernels):
            raise ValueError(f"kernels {list(kernels)}: even ones have no middle")
        self.pad = pad
        self.embeddings = nn.ModuleDict({"word_embeddings": nn.Embedding(vocabulary, width)})
        nn.init.normal_(self.embeddings["word_embeddings"].weight, std=0.05)
        self.narrow = nn.Linear(width, factor, bias=False) if factor else nn.Identity()
        inputs = factor or width
        self.convolutions = nn.ModuleList(nn.Conv1d(inputs, filters, size, padding=size // 2) for size in kernels)
        self.dropout = nn.Dropout(dropout)
        self.classifier = nn.Linear(2 * (filters * len(kernels) or inputs), classes)

    def forward(self, ids: torch.Tensor) -> torch.Tensor:
        kept = (ids != self.pad)[:, None].to(self.classifier.weight.dtype)
        x = self.dropout(self.narrow(self.embeddings["word_embeddings"](ids))).transpose(1, 2) * kept
        if self.convolutions:
            x = torch.cat([F.relu(convolution(x)) for convolution in self.convolutions], 1) * kept
        pooled = torch.cat([x.amax(2), x.sum(2) / kept.sum(2).clamp_min(1)], 1)
        return self.classifier(self.dropout(pooled))


def build(
    vocabulary: int = 30522,
    width: int = 384,
    factor: int = 0,
    kernels: Sequence[int] = (1, 3, 5),
    filters: int = 128,
    classes: int = 2,
    pad: int = 0,
    dropout: float = 0.3,
) -> TextCNN:
    """Build a TextCNN of `filters` for each of `kernels`; without kernels a bag of words of `factor` or `width`."""
    return TextCNN(vocabulary, width, factor, kernels, filters, classes, pad, dropout)
