"""The condition a module is asked in: on the CPU, in plain operations; and what is wrong with it where it cannot be.

What is the user's stays as it is: a copy is moved, a switch is put back.
"""

from __future__ import annotations

import contextlib
import copy
from collections.abc import Iterator
from itertools import chain

import torch
from torch import nn

from edgekit.errors import ExportError, UsageError


def on_cpu(module: nn.Module) -> nn.Module:
    """Return `module`, or a copy on the CPU where any part lies elsewhere. ExportError where a weight has no values.

    UsageError for what is no module, or TorchScript's, which exporters cannot look into.
    """
    if isinstance(module, torch.jit.ScriptModule) or not isinstance(module, nn.Module):
        what = "a TorchScript program" if isinstance(module, torch.jit.ScriptModule) else type(module).__name__
        raise UsageError(f"what is exported is a torch.nn.Module, not {what}", "pass the module it was made of")
    tensors = list(chain(module.named_parameters(), module.named_buffers()))
    if empty := [name for name, tensor in tensors if tensor.device.type == "meta"]:
        raise ExportError(
            f'"{empty[0]}" and {len(empty) - 1} more of {type(module).__name__} have no values: the device is "meta"',
            "load the weights first, with module.load_state_dict(state, assign=True)",
        )
    if all(tensor.device.type == "cpu" for _, tensor in tensors):
        return module
    try:
        return copy.deepcopy(module).cpu()
    except Exception as error:  # what a module holds may refuse to be copied in any way
        raise ExportError(
            f"{type(module).__name__} lies on another device, and cannot be copied: {error}", "pass module.cpu()"
        ) from error


@contextlib.contextmanager
def plainly() -> Iterator[None]:
    """Have torch.nn's transformer layers compute in plain operations for as long as this lasts.

    Their fused ones have no ONNX; they answer zeros where a text is padded, and less than the whole of it.
    """
    fused = torch.backends.mha.get_fastpath_enabled()
    torch.backends.mha.set_fastpath_enabled(False)
    try:
        yield
    finally:
        torch.backends.mha.set_fastpath_enabled(fused)


def advice(module: nn.Module) -> str:
    """Say what to look at where PyTorch itself fails."""
    kinds = {str(each.dtype).removeprefix("torch.") for each in module.parameters() if each.is_floating_point()}
    if low := sorted(kinds & {"bfloat16", "float16"}):
        # numpy has float16 and no bfloat16, and an app could not pass it.
        return f"the weights are {' and '.join(low)}: export module.float()" + (
            ", or declare float16 inputs" if kinds == {"float16"} else ""
        )
    return "the input's shape or dtype, or the model's arguments, are wrong"
