"""PyTorch modules and a user's own functions as subjects that are timed beside ONNX models. torch where it is needed.

`torch:SOURCE` as PyTorch runs it, `compile:SOURCE` through torch.compile, `call:package.module:function` as it is. A
source is what `edgekit export` takes; what it is built with stands behind it: `torch:resnet.py?depth=8&width=16`.
"""

from __future__ import annotations

import copy
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edgekit import files
from edgekit.errors import DeviceError, ModelError, UsageError
from edgekit.extras import need_all
from edgekit.measuring.subjects import Call, Feeds, Opened, Subject, of_call
from edgekit.signature import Tensor
from edgekit.sources import importing

if TYPE_CHECKING:
    import torch
    from torch import nn

KINDS = ("torch", "compile", "call")
_PRECISIONS = {"float64": "fp64", "float32": "fp32", "float16": "fp16", "bfloat16": "bf16", "int8": "int8"}
_RECOMPILED = 64  # shapes that one module may be compiled for; torch gives up after 8 and runs eagerly


def is_timed(word: str) -> bool:
    """Tell whether a person means a source by `word`, and not a file."""
    return word.partition(":")[0] in KINDS and not Path(word).exists()


def subject(
    name: str, word: str, args: Mapping[str, Any], declared: Sequence[Tensor], like: Sequence[Tensor]
) -> tuple[Subject, Sequence[str]]:
    """Make a subject of `word`, called `name`, and return it with what must be said of it.

    `args`: what the module is built with. It takes what was `declared`, else what its source says, else what the model
    beside it does (`like`).
    """
    kind, _, place = word.partition(":")
    if kind == "call":
        function = importing.find(place)
        if not callable(function):
            raise ModelError(f'"{place}" is a {type(function).__name__}, not a function')
        return of_call(name, function, declared or like), ()
    need_all(["torch", "safetensors"])
    from edgekit.sources.opening import open_source
    from edgekit.sources.source import Asked

    source = open_source(Asked(place, args))
    known = [Tensor.parse(each) if isinstance(each, str) else each for each in source.known.get("inputs", ())]
    around = "mean" in source.known or not known  # what an export puts around the network is not in it
    inputs = declared or [_inside(tensor) if around else tensor for tensor in known or like]
    if not inputs:
        raise UsageError(f'nothing says what "{word}" takes', 'such as --input "x: float32[N,3,32,32]"')
    network, compiled = source.module.eval(), kind == "compile"
    made = Subject(
        name,
        "torch",
        lambda device, threads: _opened(network, inputs, device, threads, compiled),
        sha256=files.fingerprint(dict(source.said)),
        files=[Path(place)] if Path(place).is_file() else (),
        precision=_precision(network),
        rows={name: int(most) + 1 for name, (_, most) in source.known.get("ranges", {}).items()},
    )
    return made, source.notes


def _inside(tensor: Tensor) -> Tensor:
    """Return what the network itself takes where a model takes a picture, uint8 [N,H,W,C]: floats [N,C,H,W]."""
    if tensor.dtype != "uint8" or len(tensor.shape) != 4 or tensor.shape[3] not in (1, 3, 4):
        return tensor
    batch, height, width, channels = tensor.shape
    return Tensor(tensor.name, "float32", (batch, channels, height, width))


def _opened(network: nn.Module, inputs: Sequence[Tensor], device: str, threads: int, compiled: bool) -> Opened:
    import torch

    kind = device.partition(":")[0]
    if kind not in ("cpu", "cuda"):
        raise DeviceError(f'PyTorch is timed on cpu or cuda, not on "{device}"')
    if kind == "cuda" and not torch.cuda.is_available():
        raise DeviceError('asked for device "cuda", but this PyTorch sees no GPU', "pass --device cpu")
    module: Any = copy.deepcopy(network).to(device)
    if compiled:
        torch._dynamo.config.recompile_limit = _RECOMPILED  # type: ignore[attr-defined]
        module = torch.compile(module, dynamic=False)

    def prepared(feeds: Feeds) -> Call:
        values = {tensor.name: torch.from_numpy(feeds[tensor.name]).to(device) for tensor in inputs}
        return _call(network, module, values, threads, torch.cuda.synchronize if kind == "cuda" else None)

    said = {"inference_mode": "1", "compile": str(int(compiled)), "threads": str(threads)}
    return Opened(inputs, prepared, device, threads, options={"torch": said})


def _call(
    network: nn.Module,
    module: Any,
    values: Mapping[str, torch.Tensor],
    threads: int,
    wait: Callable[[], None] | None,
) -> Call:
    """Return the call that is timed: without gradients, with as many threads, and until a GPU is done."""
    import torch

    from edgekit.exporting.structure import by_name

    by_keyword = by_name(network, list(values))
    given: Sequence[torch.Tensor] = () if by_keyword else list(values.values())
    named = values if by_keyword else {}

    @torch.inference_mode()
    def call() -> object:
        if torch.get_num_threads() != threads:  # those of all PyTorch, which others set, too
            torch.set_num_threads(threads)
        answer = module(*given, **named)
        if wait:
            wait()
        return answer

    return call


def _precision(network: nn.Module) -> str | None:
    held: Counter[str] = Counter()
    for parameter in network.parameters():
        dtype = str(parameter.dtype).removeprefix("torch.")
        held[_PRECISIONS.get(dtype, dtype)] += parameter.numel()
    return held.most_common(1)[0][0] if held else None
