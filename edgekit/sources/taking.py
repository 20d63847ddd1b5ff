"""What a model of transformers takes, as arguments of `shipping.prepare`: told by the model, or by optimum's tables."""

from __future__ import annotations

import importlib.util
import inspect
from collections.abc import Mapping
from typing import Any

from torch import nn

from edgekit.exporting.cases import BATCHES
from edgekit.sources import remembering

_LONGEST = 32  # tokens that are tried, where the model takes more
_EXTRA = ("pixel_values", "input_features", "input_values", "decoder_input_ids", "bbox")  # beside texts: not known here


def past(network: nn.Module) -> dict[str, Any]:
    """Say what a decoder takes: new tokens [N,T], and keys and values of the P tokens before; {} for others."""
    from transformers.models.auto.modeling_auto import MODEL_FOR_CAUSAL_LM_MAPPING_NAMES

    if type(network).__name__ not in MODEL_FOR_CAUSAL_LM_MAPPING_NAMES.values():
        return {}
    if not (layers := remembering.layers(network)):
        return {}
    most = _most(network.config)
    lines = ["input_ids: int64[N,T]", "attention_mask: int64[N,P+T]"]
    ranges = {**_tokens(network.config), "T": (1, max(1, most // 2)), "P": (0, max(1, most // 2))}
    if "position_ids" in inspect.signature(network.forward).parameters:
        lines.append("position_ids: int64[N,T]")
        ranges["position_ids"] = (0, most - 1)
    for layer, (heads, width) in enumerate(layers):
        form = f"float32[N,{heads},P,{width}]"
        lines += [f"past_key_values.{layer}.{part}: {form}" for part in ("key", "value")]
    return {"inputs": lines, "ranges": ranges}


def known(network: nn.Module, config: Any, pictures: Mapping[str, Any]) -> dict[str, Any]:
    """Say what `network` takes, by its main input; {} where that is of no kind known here.

    `pictures` is the folder's preprocessor_config.json: where it tells mean and deviation, the graph takes uint8.
    """
    taken = inspect.signature(network.forward).parameters
    main = getattr(network, "main_input_name", "input_ids")
    if main == "pixel_values" and (sides := _sides(config, pictures)):
        height, width = sides
        channels = getattr(config, "num_channels", 3)
        if pictures.get("do_rescale", True) and abs(pictures.get("rescale_factor", 1 / 255) * 255 - 1) < 1e-6:
            normalised = pictures.get("do_normalize", True) and pictures.get("image_mean")
            said = {"mean": pictures["image_mean"], "std": pictures["image_std"]} if normalised else {}
            if said or pictures.get("do_normalize") is False:
                return {"inputs": [f"pixel_values: uint8[N,{height},{width},{channels}]"], **said}
        return {"inputs": [f"pixel_values: float32[N,{channels},{height},{width}]"]}
    if main == "input_features" and hasattr(config, "num_mel_bins") and hasattr(config, "max_source_positions"):
        return {"inputs": [f"input_features: float32[N,{config.num_mel_bins},{2 * config.max_source_positions}]"]}
    if main != "input_ids" or any(name in taken for name in _EXTRA):
        return {}
    names = ["input_ids", "attention_mask"]
    if "token_type_ids" in taken and getattr(config, "type_vocab_size", 0) > 1:
        names.append("token_type_ids")
    lines = [f"{name}: int64[N,T]" for name in names if name in taken]
    return {"inputs": lines, "ranges": {**_tokens(config), "T": (2, _most(config))}}


def by_optimum(network: nn.Module) -> dict[str, Any]:
    """Say what `network` takes by optimum's table of architectures, with examples; {} where it is not there."""
    if importlib.util.find_spec("optimum") is None:
        return {}
    try:
        import optimum.exporters.onnx.model_configs  # noqa: F401  (it fills the table)
        from optimum.exporters.tasks import TasksManager

        task = TasksManager.infer_task_from_model(network, library_name="transformers")
        made = TasksManager.get_exporter_config_constructor("onnx", network, task=task, library_name="transformers")
        table = made(network.config)
        arrays = {
            name: each.numpy() for name, each in table.generate_dummy_inputs("pt", batch_size=max(BATCHES)).items()
        }
    except (ImportError, KeyError, ValueError, NotImplementedError, AttributeError, RuntimeError):
        return {}  # it knows no such architecture, or is not made for this transformers
    lines, ranges = [], {}
    for name, axes in table.inputs.items():
        shape = list(map(str, arrays[name].shape))
        for axis, called in axes.items():
            dim = called.replace(" ", "")
            if axis == 0 or "sequence" in dim:  # colours, heights and widths are what the configuration says
                shape[axis] = dim
            if axis and "sequence" in dim:
                ranges[dim] = (max(1, arrays[name].shape[axis] // 2), arrays[name].shape[axis])
        lines.append(f"{name}: {arrays[name].dtype}[{','.join(shape)}]")
    return {"inputs": lines, "ranges": ranges, "examples": {name: arrays[name] for name in table.inputs}}


def _tokens(config: Any) -> dict[str, tuple[int, int]]:
    return {"input_ids": (0, config.vocab_size - 1)}


def _most(config: Any) -> int:
    return min(getattr(config, "max_position_embeddings", None) or _LONGEST, _LONGEST)


def _sides(config: Any, pictures: Mapping[str, Any]) -> tuple[int, int] | None:
    """Return height and width of the pictures, from the model's configuration or their preprocessor's."""
    for said in (getattr(config, "image_size", None), pictures.get("crop_size"), pictures.get("size")):
        if isinstance(said, Mapping):
            said = said.get("shortest_edge") or (said.get("height"), said.get("width"))
        pair = (said, said) if isinstance(said, int) else tuple(said or ())
        if len(pair) == 2 and all(isinstance(side, int) for side in pair):
            return pair[0], pair[1]
    return None
