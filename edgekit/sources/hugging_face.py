"""A module from a Hugging Face folder, or from the hub by its id, through transformers' own Auto classes.

What goes in is told by the model: the parameters of its `forward`, and its configuration. A tokenizer travels in the
bundle; a picture's normalisation goes into the graph.
"""

from __future__ import annotations

import inspect
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from torch import nn

from edgekit import extras
from edgekit.errors import ModelError, UsageError
from edgekit.exporting.cases import BATCHES
from edgekit.sources.source import Asked, Source

_CLASSES = {
    "text-classification": "AutoModelForSequenceClassification",
    "image-classification": "AutoModelForImageClassification",
}
_TOKENIZER, _PICTURES = "tokenizer.json", "preprocessor_config.json"
_LONGEST = 32  # tokens that are tried, where the model takes more


def from_hub(asked: Asked) -> Source:
    """Load `hf:FOLDER`, or `hf:OWNER/NAME` from the hub, as the class for the task, else as the one it was saved as.

    Of what has an encoder and a decoder the encoder is taken. Code that comes with weights is not run.
    """
    extras.need("transformers", "loading a Hugging Face model")
    if asked.args or asked.weights:
        raise UsageError("a Hugging Face folder has its weights and arguments", "leave --args and --weights out")
    place = asked.name.removeprefix("hf:")
    folder = Path(place)
    if not (folder / "config.json").is_file() and (folder.exists() or not _is_id(place)):
        raise ModelError(f'"{place}" is no Hugging Face folder: it has no config.json', "hf:FOLDER, or hf:OWNER/NAME")
    model = _loaded(place, asked.task)
    config = model.config
    notes = ["loaded by transformers directly, and exported by edgekit's own ladder, not by optimum"]
    network: nn.Module = model
    if config.is_encoder_decoder:
        network = model.get_encoder()
        notes.append(f"{type(model).__name__} has an encoder and a decoder: the encoder alone is exported")
    network.eval().requires_grad_(False)
    config.use_cache = False
    known: dict[str, Any] = {"task": asked.task} if asked.task else {}
    known |= _inputs(network, config, _read(place, _PICTURES))
    if asked.task in _CLASSES:
        known["labels"] = [str(config.id2label[index]) for index in range(config.num_labels)]
    tokenizer = _fetched(place, _TOKENIZER)
    said = {"hugging_face": folder.name, "class": type(model).__name__, "transformers": _version()}
    return Source(
        _First(network), folder.name, said, known, tuple(notes),
        beside={_TOKENIZER: tokenizer} if tokenizer else {},
        preprocessing=_texts(place, config) if tokenizer else {},
        examples=_made_up(known["inputs"], known["ranges"]) if "ranges" in known else {},
    )  # fmt: skip


class _First(nn.Module):
    """A model of transformers, asked for nothing that changes from call to call."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward(self, **inputs: Any) -> Any:
        """Return the model's answer, a dict of tensors."""
        return self.model(**inputs, return_dict=True)


def _is_id(place: str) -> bool:
    return place.count("/") <= 1 and not place.startswith((".", "/", "~"))


def _loaded(place: str, task: str | None) -> Any:
    import transformers

    transformers.utils.logging.set_verbosity_error()
    try:
        config = transformers.AutoConfig.from_pretrained(place)
        saved_as = (config.architectures or [None])[0]
        if task in _CLASSES:
            kind = getattr(transformers, _CLASSES[task])
        else:
            kind = getattr(transformers, saved_as or "", transformers.AutoModel)
        model, loading = kind.from_pretrained(place, output_loading_info=True)
    except (OSError, ValueError, KeyError, ImportError) as error:
        said = " ".join(str(error).split())[:300]
        raise ModelError(
            f'transformers cannot load "{place}": {said}', "see that config.json and weights are there"
        ) from None
    if missing := sorted(loading["missing_keys"]):
        raise ModelError(
            f'"{place}" holds a {saved_as}, which has no weights for {len(missing)} tensors of {type(model).__name__}:'
            f" {', '.join(missing[:3])}",
            "ask for the task it was trained for, or leave --task out",
        )
    return model


def _inputs(network: nn.Module, config: Any, pictures: Mapping[str, Any]) -> dict[str, Any]:
    """Say what `network` takes, by its main input; nothing where that is of no kind known here."""
    taken = inspect.signature(network.forward).parameters
    main = getattr(network, "main_input_name", "input_ids")
    if main == "pixel_values" and isinstance(config.image_size, int):
        side, channels = config.image_size, config.num_channels
        if pictures.get("do_rescale", True) and pictures.get("image_mean"):
            line = f"pixel_values: uint8[N,{side},{side},{channels}]"
            return {"inputs": [line], "mean": pictures["image_mean"], "std": pictures["image_std"]}
        return {"inputs": [f"pixel_values: float32[N,{channels},{side},{side}]"]}
    if main == "input_features" and hasattr(config, "num_mel_bins"):
        return {"inputs": [f"input_features: float32[N,{config.num_mel_bins},{2 * config.max_source_positions}]"]}
    if main != "input_ids":
        return {}
    names = ["input_ids", "attention_mask"]
    if "token_type_ids" in taken and getattr(config, "type_vocab_size", 0) > 1:
        names.append("token_type_ids")
    most = min(getattr(config, "max_position_embeddings", None) or _LONGEST, _LONGEST)
    return {
        "inputs": [f"{name}: int64[N,T]" for name in names if name in taken],
        "ranges": {"input_ids": (0, config.vocab_size - 1), "T": (2, most)},
    }


def _made_up(lines: list[str], ranges: Mapping[str, tuple[int, int]]) -> dict[str, np.ndarray]:
    """Make up texts of several lengths: a mask that hides the first token of a text leaves some models nothing."""
    rng, count, longest = np.random.default_rng(0), max(BATCHES), ranges["T"][1]
    lengths = rng.integers(1, longest, count, endpoint=True)
    made = {
        "input_ids": rng.integers(*ranges["input_ids"], (count, longest), endpoint=True),
        "attention_mask": (np.arange(longest) < lengths[:, None]).astype(np.int64),
        "token_type_ids": rng.integers(0, 1, (count, longest), endpoint=True),
    }
    return {name: made[name] for name in (line.partition(":")[0] for line in lines)}


def _texts(place: str, config: Any) -> dict[str, Any]:
    """Say how texts of several lengths become a batch, for whoever reads them."""
    said = _read(place, "tokenizer_config.json")
    pad, most = said.get("pad_token"), getattr(config, "max_position_embeddings", None)
    pad = pad.get("content") if isinstance(pad, dict) else pad
    return ({"pad_token": pad} if pad else {}) | ({"max_length": most} if most else {})


def _read(place: str, name: str) -> dict[str, Any]:
    path = _fetched(place, name)
    try:
        found = json.loads(path.read_text(encoding="utf-8")) if path else {}
    except ValueError as error:
        raise ModelError(f'"{path}" is damaged: {error}', "get it again") from None
    return found if isinstance(found, dict) else {}


def _fetched(place: str, name: str) -> Path | None:
    """Return a file of the folder, or of the hub's; None where there is none."""
    if Path(place).is_dir():
        return Path(place, name) if Path(place, name).is_file() else None
    from transformers.utils import cached_file

    found = cached_file(place, name, _raise_exceptions_for_missing_entries=False)
    return Path(found) if found else None


def _version() -> str:
    import transformers

    return str(transformers.__version__)
