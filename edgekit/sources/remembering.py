"""A decoder of transformers that takes what it knows of the tokens before as tensors, and answers them with the new.

transformers keeps them in a cache, which no ONNX file takes: `past_key_values.0.key` goes in, `present.0.key`
comes out.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import nn


class Remembering(nn.Module):
    """A causal language model. Keys and values are float32[N,H,P,D] for each layer; P, the tokens before, may be 0."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward(self, **inputs: Any) -> dict[str, Any]:
        """Return the logits float32[N,T,V], and keys and values of all P + T tokens as `present`."""
        from transformers import DynamicCache

        cache = DynamicCache()
        for layer, each in enumerate(inputs.pop("past_key_values", ())):
            cache.update(each["key"], each["value"], layer)
        answer = self.model(**inputs, past_key_values=cache, use_cache=True, return_dict=True)
        present = [{"key": layer.keys, "value": layer.values} for layer in answer.past_key_values.layers]
        return {"logits": answer.logits, "present": present}


def layers(model: nn.Module) -> list[tuple[int, int]]:
    """Return heads H and their width D for each layer, found by asking; [] for what does not remember that way."""
    try:
        with torch.inference_mode():
            present = Remembering(model)(input_ids=torch.zeros(1, 2, dtype=torch.int64))["present"]
        shapes = [tuple(each[part].shape) for each in present for part in ("key", "value")]
    except Exception:  # what takes no cache, or another kind, says so in any way
        return []
    if any(len(shape) != 4 or (shape[0], shape[2]) != (1, 2) for shape in shapes) or shapes[::2] != shapes[1::2]:
        return []
    return [(shape[1], shape[3]) for shape in shapes[::2]]
