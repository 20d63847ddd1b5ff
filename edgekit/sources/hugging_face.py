"""A module from a Hugging Face folder, or from the hub by its id, through transformers' own Auto classes.

What goes in is told by the model (`taking.py`). A tokenizer travels in the bundle; a picture's normalisation goes into
the graph.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from torch import nn

from edgekit import extras
from edgekit.errors import ModelError, UsageError
from edgekit.sources import taking
from edgekit.sources.remembering import Remembering
from edgekit.sources.source import Asked, Source

_CLASSES = {
    "text-classification": "AutoModelForSequenceClassification",
    "image-classification": "AutoModelForImageClassification",
    "text-generation": "AutoModelForCausalLM",
}
_TOKENIZER, _PICTURES = "tokenizer.json", "preprocessor_config.json"


def from_hub(asked: Asked) -> Source:
    """Load `hf:FOLDER`, or `hf:OWNER/NAME` from the hub, as the class for the task, else as the one it was saved as.

    Of what has an encoder and a decoder the encoder is taken; a decoder alone has its past as inputs and outputs. Code
    that comes with weights is not run.
    """
    extras.need("transformers", "loading a Hugging Face model")
    if asked.args or asked.weights:
        raise UsageError("a Hugging Face folder has its weights and arguments", "leave --args and --weights out")
    place = asked.name.removeprefix("hf:")
    folder = Path(place)
    if not (folder / "config.json").is_file() and (folder.exists() or not _is_id(place)):
        raise ModelError(f'"{place}" is no Hugging Face folder: it has no config.json', "hf:FOLDER, or hf:OWNER/NAME")
    model = _loaded(place, asked.task)
    config, network, notes = model.config, model, []
    if config.is_encoder_decoder:
        network = model.get_encoder()
        notes.append(f"{type(model).__name__} has an encoder and a decoder: the encoder alone is exported")
    network.eval().requires_grad_(False)
    config.use_cache = False
    module: nn.Module = _First(network)
    if found := taking.past(network):
        module = Remembering(network)
    else:
        found = taking.known(network, config, _read(place, _PICTURES))
    if found:
        notes.insert(0, "loaded by transformers directly, and exported by edgekit's own ladder, not by optimum")
    elif found := taking.by_optimum(network):
        notes.insert(0, "loaded by transformers; what goes in is told by optimum, edgekit's own ladder exports it")
    else:
        notes.append(f"what {type(network).__name__} takes is not known here: pip install optimum-onnx, or say --input")
    known = found | ({"task": asked.task} if asked.task else {})
    if asked.task in ("text-classification", "image-classification"):
        known["labels"] = [str(config.id2label[index]) for index in range(config.num_labels)]
    examples = known.pop("examples", {})
    tokenizer = _fetched(place, _TOKENIZER)
    said = {"hugging_face": folder.name, "class": type(model).__name__, "transformers": _version()}
    return Source(
        module, folder.name, said, known, tuple(notes),
        beside={_TOKENIZER: tokenizer} if tokenizer else {},
        preprocessing=_texts(place, config) if tokenizer else {},
        examples=examples,
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
    import huggingface_hub
    import transformers

    huggingface_hub.logging.set_verbosity_error()  # it tells of every attempt to reach the hub, and makes six
    transformers.utils.logging.set_verbosity_error()
    transformers.utils.logging.disable_progress_bar()
    try:
        config = transformers.AutoConfig.from_pretrained(place)
        saved_as = (config.architectures or [None])[0]
        if task in _CLASSES:
            kind = getattr(transformers, _CLASSES[task])
        else:
            kind = getattr(transformers, saved_as or "", transformers.AutoModel)
        # Attention in plain operations: the fused one answers what no exporter writes where a whole row is hidden.
        model, loading = kind.from_pretrained(place, output_loading_info=True, attn_implementation="eager")
    except (OSError, ValueError, KeyError, ImportError) as error:
        said = " ".join(str(error).split()).partition(". ")[0].removesuffix(".")[:300]  # more is advice
        hint = "see that config.json and weights are there"
        if not Path(place).is_dir():
            hint = "it is neither in transformers' cache nor on the hub, or there is no network; hf:FOLDER needs none"
        raise ModelError(f'transformers cannot load "{place}": {said}', hint) from None
    if missing := sorted(loading["missing_keys"]):
        raise ModelError(
            f'"{place}" holds a {saved_as}, which has no weights for {len(missing)} tensors of {type(model).__name__}:'
            f" {', '.join(missing[:3])}",
            "ask for the task it was trained for, or leave --task out",
        )
    return model.float()


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

    found = cached_file(
        place, name, _raise_exceptions_for_missing_entries=False, _raise_exceptions_for_connection_errors=False
    )
    return Path(found) if found else None


def _version() -> str:
    import transformers

    return str(transformers.__version__)
