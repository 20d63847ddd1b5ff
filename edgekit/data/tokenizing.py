"""Texts to token ids, by the very file that the bundle carries: what an app asks later is read as the training was.

Needs `tokenizers`. Truncation and padding are written into the file, so that whoever opens it need know of neither.
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from edgekit import files
from edgekit.data.examples import Examples
from edgekit.errors import DataError
from edgekit.extras import need
from edgekit.recipe.finding import place

if TYPE_CHECKING:
    from edgekit.recipe.data import Text

TRAIN = "train"
_PADS = ("[PAD]", "<pad>")
_SPECIAL = ("[PAD]", "[UNK]", "[CLS]", "[SEP]")
_AT_ONCE = 4096  # texts


def prepared(said: Text | None, folder: Path, train: Examples) -> Path:
    """Return a tokenizer file that cuts and fills up as `said`: the one named there, or one made of `train`'s texts."""
    if said is None:
        raise DataError(
            f'"{train.where}" holds texts', "name a tokenizer under data.text: {tokenizer: tokenizer.json, length: 64}"
        )
    tokenizers = need("tokenizers", "reading texts")
    if said.tokenizer == TRAIN:
        tokenizer = _trained(tokenizers, train, said.vocabulary)
    else:
        written = said.tokenizer
        path = place(folder, written)
        if not path.is_file():
            raise DataError(f'there is no tokenizer "{path}"', "name a tokenizer.json; `make data` brings minilm's")
        try:
            tokenizer = tokenizers.Tokenizer.from_file(str(path))
        except Exception as error:  # what the file's reader raises is no closed set
            raise DataError(f'"{path}" is no tokenizer: {error}', "a tokenizer.json is what is read") from None
    tokenizer.enable_truncation(max_length=said.length)
    padding = tokenizer.padding or {}
    known = [(token, tokenizer.token_to_id(token)) for token in (padding.get("pad_token"), *_PADS) if token]
    pad = next(((token, number) for token, number in known if number is not None), None)
    if pad is None:
        raise DataError("the tokenizer has no token to fill texts up with", f"add {' or '.join(_PADS)} to it")
    tokenizer.enable_padding(pad_token=pad[0], pad_id=pad[1])
    content = tokenizer.to_str()
    kept = files.home() / "tokenizers" / f"{hashlib.sha256(content.encode()).hexdigest()[:32]}.json"
    if not kept.is_file() or kept.read_text(encoding="utf-8") != content:
        files.write_text(kept, content)
    return kept


class Encoder:
    """Reads texts by a tokenizer file. `pad` is the id that short ones are filled up with, `size` how many ids are."""

    def __init__(self, file: Path) -> None:
        self._tokenizer = need("tokenizers", "reading texts").Tokenizer.from_file(str(file))
        self.pad = int(self._tokenizer.padding["pad_id"])
        self.size = max(self._tokenizer.get_vocab().values()) + 1
        self.length = int(self._tokenizer.truncation["max_length"])

    def encoded(self, examples: Examples) -> Examples:
        """Return the examples with ids int64 [n,T] for their texts or pairs, T the longest one's length."""
        parts = []
        for at in range(0, len(examples.inputs), _AT_ONCE):
            texts = list(examples.inputs[at : at + _AT_ONCE])
            try:
                parts.append(np.array([encoding.ids for encoding in self._tokenizer.encode_batch(texts)], np.int64))
            except Exception as error:  # a lone surrogate, or what the tokenizer's own rules cannot take
                raise DataError(f'"{examples.where}": a text among {at} to {at + len(texts) - 1}: {error}') from None
        longest = max(part.shape[1] for part in parts)
        filled = [np.pad(part, ((0, 0), (0, longest - part.shape[1])), constant_values=self.pad) for part in parts]
        return examples._replace(inputs=np.concatenate(filled))


def _trained(tokenizers: Any, train: Examples, vocabulary: int) -> Any:
    """Make a tokenizer of lower-cased texts by byte pairs: the trainer of word pieces makes another one every time."""
    tokenizer = tokenizers.Tokenizer(tokenizers.models.BPE(unk_token="[UNK]"))
    tokenizer.normalizer = tokenizers.normalizers.BertNormalizer(lowercase=True)
    tokenizer.pre_tokenizer = tokenizers.pre_tokenizers.ByteLevel(add_prefix_space=True)
    trainer = tokenizers.trainers.BpeTrainer(vocab_size=vocabulary, special_tokens=list(_SPECIAL), show_progress=False)
    tokenizer.train_from_iterator(
        (part for text in train.inputs for part in (text if isinstance(text, tuple) else (text,))), trainer
    )
    start, end = (tokenizer.token_to_id(token) for token in ("[CLS]", "[SEP]"))
    tokenizer.post_processor = tokenizers.processors.BertProcessing(("[SEP]", end), ("[CLS]", start))
    return tokenizer
