"""A BERT encoder: answers classes for a text or a pair of texts, or a vector for it.

The network of Devlin et al. 2018 (arXiv 1810.04805), with the names of Hugging Face's BertModel, so that its weights
load by name: layers keep the number they have in the file, and a student of `layers` [0, 5] takes those two. Input
(N, T) int64: ids, padded at the right with `pad`; the mask, and after a `separator` the segment, follow from them.
Output (N, classes) logits, from the mean over the tokens or from the first token's vector through BertModel's pooler;
of 0 classes that vector itself, of length 1, which with the mean is what sentence-transformers takes.

For losses that look inside: a layer answers (N, T, width) as `encoder.layer.5`, and its attention scores before the
softmax, which TinyBERT compares (Jiao et al. 2019, arXiv 1909.10351, equation 7), are (N, heads, T, T) as
`encoder.layer.5.attention.self.scores`, which runs only while a hook listens to it.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import nn
from torch.nn import functional as F

EPSILON = 1e-12  # of BERT's layer normalisation
BLOCKED = -1e4  # added to the score of a padded token: nothing is left of it, in half precision too


class Scores(nn.Module):
    """How much each token looks at each other, in every head."""

    def forward(self, query: torch.Tensor, key: torch.Tensor) -> torch.Tensor:
        return query @ key.transpose(2, 3) / query.shape[3] ** 0.5


class SelfAttention(nn.Module):
    def __init__(self, width: int, heads: int, dropout: float) -> None:
        super().__init__()
        self.query = nn.Linear(width, width)
        self.key = nn.Linear(width, width)
        self.value = nn.Linear(width, width)
        self.scores = Scores()
        self.heads = heads
        self.dropout = dropout

    def forward(self, x: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        query, key, value = (
            linear(x).unflatten(2, (self.heads, -1)).transpose(1, 2) for linear in (self.query, self.key, self.value)
        )
        if self.scores._forward_hooks:  # what is not heard need not be computed
            self.scores(query, key)
        dropout = self.dropout if self.training else 0.0
        return F.scaled_dot_product_attention(query, key, value, mask, dropout).transpose(1, 2).flatten(2)


class Added(nn.Module):
    """A linear layer whose answer is added to what the block was given, and normalised."""

    def __init__(self, inputs: int, width: int, dropout: float) -> None:
        super().__init__()
        self.dense = nn.Linear(inputs, width)
        self.LayerNorm = nn.LayerNorm(width, EPSILON)
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: torch.Tensor, given: torch.Tensor) -> torch.Tensor:
        return self.LayerNorm(self.dropout(self.dense(x)) + given)


class Layer(nn.Module):
    def __init__(self, width: int, heads: int, intermediate: int, dropout: float) -> None:
        super().__init__()
        attention = {"self": SelfAttention(width, heads, dropout), "output": Added(width, width, dropout)}
        self.attention = nn.ModuleDict(attention)
        self.intermediate = nn.ModuleDict({"dense": nn.Linear(width, intermediate)})
        self.output = Added(intermediate, width, dropout)

    def forward(self, x: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        x = self.attention["output"](self.attention["self"](x, mask), x)
        return self.output(F.gelu(self.intermediate["dense"](x)), x)


class Embeddings(nn.Module):
    def __init__(self, vocabulary: int, positions: int, width: int, separator: int, dropout: float) -> None:
        super().__init__()
        self.word_embeddings = nn.Embedding(vocabulary, width)
        self.position_embeddings = nn.Embedding(positions, width)
        self.token_type_embeddings = nn.Embedding(2, width)
        self.LayerNorm = nn.LayerNorm(width, EPSILON)
        self.dropout = nn.Dropout(dropout)
        self.separator = separator

    def forward(self, ids: torch.Tensor, kept: torch.Tensor) -> torch.Tensor:
        ends = (ids == self.separator).long()
        second = ((ends.cumsum(1) - ends) > 0) & kept  # what follows a separator, the last one included
        x = self.word_embeddings(ids) + self.token_type_embeddings(second.long())
        return self.dropout(self.LayerNorm(x + self.position_embeddings.weight[: ids.shape[1]]))


class Bert(nn.Module):
    def __init__(
        self,
        layers: Sequence[int],
        width: int,
        heads: int,
        intermediate: int,
        vocabulary: int,
        positions: int,
        classes: int,
        pooling: str,
        pad: int,
        separator: int,
        dropout: float,
    ) -> None:
        super().__init__()
        if pooling not in ("mean", "first"):
            raise ValueError(f'pooling "{pooling}" is neither "mean" nor "first"')
        if width % heads:
            raise ValueError(f"a width of {width} cannot be parted among {heads} heads")
        self.pad = pad
        self.embeddings = Embeddings(vocabulary, positions, width, separator, dropout)
        made = {str(number): Layer(width, heads, intermediate, dropout) for number in layers}
        self.encoder = nn.ModuleDict({"layer": nn.ModuleDict(made)})
        self.pooler = nn.ModuleDict({"dense": nn.Linear(width, width)} if pooling == "first" else {})
        self.dropout = nn.Dropout(dropout)
        self.classifier = nn.Linear(width, classes) if classes else None
        for module in self.modules():
            if isinstance(module, (nn.Linear, nn.Embedding)):
                nn.init.normal_(module.weight, std=0.02)
            if isinstance(module, nn.Linear):
                nn.init.zeros_(module.bias)

    def forward(self, ids: torch.Tensor) -> torch.Tensor:
        kept = ids != self.pad
        x = self.embeddings(ids, kept)
        mask = ((~kept) * BLOCKED).to(x.dtype)[:, None, None, :]
        for layer in self.encoder["layer"].values():
            x = layer(x, mask)
        if self.pooler:
            vector = self.pooler["dense"](x[:, 0]).tanh()
        else:
            share = kept[:, :, None].to(x.dtype)
            vector = (x * share).sum(1) / share.sum(1).clamp_min(1)
        return self.classifier(self.dropout(vector)) if self.classifier else F.normalize(vector, dim=1)


def build(
    layers: Sequence[int] = (0, 1, 2, 3, 4, 5),
    width: int = 384,
    heads: int = 12,
    intermediate: int = 1536,
    vocabulary: int = 30522,
    positions: int = 512,
    classes: int = 2,
    pooling: str = "mean",
    pad: int = 0,
    separator: int = 102,
    dropout: float = 0.1,
) -> Bert:
    """Build a BERT of the `layers` with these numbers in its weights' file; the defaults are MiniLM-L6's sizes."""
    return Bert(layers, width, heads, intermediate, vocabulary, positions, classes, pooling, pad, separator, dropout)
