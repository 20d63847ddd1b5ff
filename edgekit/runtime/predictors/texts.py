"""Texts for a model, by the tokenizer.json its bundle carries. numpy; tokenizers, when the first text is read.

Truncation and padding are the tokenizer file's own. What it leaves open is told by the manifest's preprocessing
(`max_length`, `pad_token`) and by the graph, where that has a fixed length. There `texts` says whether the model takes
pairs, where that is known.
"""

from __future__ import annotations

import functools
import os
from typing import TYPE_CHECKING, Any

import numpy as np

from edgekit.errors import BundleError, InputError
from edgekit.extras import need
from edgekit.runtime.feeds import describe
from edgekit.runtime.predictors import TOKENIZER

if TYPE_CHECKING:
    from edgekit.runtime.model import Model

# What a model may take, by the names transformers gave them -> what an encoding holds.
_PARTS = {"input_ids": "ids", "attention_mask": "attention_mask", "token_type_ids": "type_ids"}
_PADS = ("[PAD]", "<pad>")


def read(model: Model, x: Any) -> tuple[dict[str, Any], bool]:
    """Return the feeds of one text or pair (a tuple of two), or of a list of those, and whether it was a list.

    A text longer than the limit is cut, as the tokenizer file says; several are padded to the longest.
    """
    tokenizer = _tokenizer(model)
    several = isinstance(x, (list, np.ndarray))
    count = model.manifest.preprocessing.get("texts") if model.manifest else None
    texts = [_text(text, count) for text in (x if several else [x])]
    if not texts:
        return {}, several
    try:
        encodings = tokenizer.encode_batch(texts)
    except Exception as error:  # a lone surrogate, or what the tokenizer's own rules cannot take
        raise InputError(f"a text cannot be read: {error}") from None
    for index, encoding in enumerate(encodings):
        if not any(encoding.attention_mask):
            raise InputError(f"text {index} has no tokens", "leave empty texts out")
    fixed = model.inputs[0].shape[1]
    lengths = {len(encoding) for encoding in encodings} | ({fixed} if isinstance(fixed, int) else set())
    if len(lengths) > 1:
        raise BundleError(
            f'{TOKENIZER} of "{model.name}" does not say how texts of different lengths are padded',
            'name the "pad_token" in the preprocessing of the manifest',
        )
    return {
        tensor.name: np.array(
            [getattr(encoding, _PARTS.get(tensor.name, "ids")) for encoding in encodings], np.dtype(tensor.dtype)
        )
        for tensor in model.inputs
    }, several


def _text(x: Any, count: Any) -> str | tuple[str, str]:
    """Return a text or pair, of which the model takes `count`, 1 or 2; anything else says nothing."""
    pair = isinstance(x, tuple) and len(x) == 2 and all(isinstance(part, str) for part in x)
    if not pair and not isinstance(x, str):
        raise InputError(
            f"given {describe(x)} for a text", "a text is a string, or a tuple of two; many are a list of those"
        )
    if pair and count == 1:
        raise InputError("given a pair, and the model takes single texts", "several texts are a list of strings")
    if not pair and count == 2:
        raise InputError("given a single text, and the model takes pairs", "a pair is a tuple of two strings")
    return x if pair else str(x)


def _tokenizer(model: Model) -> Any:
    """Return the bundle's tokenizer, set to the model's limits; it is opened once."""
    assert model.manifest and model.folder
    names = [tensor.name for tensor in model.inputs]
    fits = all(len(tensor.shape) == 2 and tensor.dtype in ("int64", "int32") for tensor in model.inputs)
    if not fits or not ("input_ids" in names or len(names) == 1) or (len(names) > 1 and set(names) - set(_PARTS)):
        raise BundleError(
            f'"{model.name}" takes {", ".join(map(str, model.inputs))}; texts are predicted by models that take '
            f"int64[N,T] or int32[N,T] called {', '.join(_PARTS)}, or one of any name",
            "call the model with arrays",
        )
    if TOKENIZER not in model.manifest.files:
        raise BundleError(f'"{model.name}" is for texts, but its manifest lists no {TOKENIZER}')
    said = model.manifest.preprocessing
    limit, pad = said.get("max_length"), said.get("pad_token")
    if not (limit is None or (type(limit) is int and limit > 0)) or not (pad is None or isinstance(pad, str)):
        raise BundleError(f'"{model.name}" says max_length {limit!r} and pad_token {pad!r} for its texts')
    length = model.inputs[0].shape[1]
    sha256 = model.manifest.files[TOKENIZER]["sha256"]
    return _opened(
        os.path.join(model.folder, TOKENIZER), sha256, limit, pad, length if isinstance(length, int) else None
    )


@functools.lru_cache(maxsize=8)
def _opened(path: str, sha256: str, limit: int | None, pad: str | None, length: int | None) -> Any:
    """Open a tokenizer file. `limit`: the most tokens of a text; `length`: how many the graph takes, if fixed."""
    tokenizers = need("tokenizers", "reading texts")
    try:
        tokenizer = tokenizers.Tokenizer.from_file(path)
        truncation = tokenizer.truncation or {}
        limits = [most for most in (limit, length, truncation.get("max_length")) if most is not None]
        if limits:
            tokenizer.enable_truncation(**{**truncation, "max_length": min(limits)})
        padding = tokenizer.padding or {}
        if pad or not padding:
            known = [(token, tokenizer.token_to_id(token)) for token in ([pad] if pad else _PADS)]
            padding |= next(({"pad_token": token, "pad_id": id} for token, id in known if id is not None), {})
            if pad and padding.get("pad_token") != pad:
                raise ValueError(f'its vocabulary has no "{pad}"')
        if padding:
            exact = {"length": length, "pad_to_multiple_of": None} if length else {}
            tokenizer.enable_padding(**{**padding, **exact})
    except Exception as error:  # what the file's reader raises is no closed set
        raise BundleError(f'"{path}" cannot be used: {error}', "copy the bundle again from where it was made") from None
    return tokenizer
