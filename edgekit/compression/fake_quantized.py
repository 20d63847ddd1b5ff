"""A network that rounds its weights and values to 8 bits while it trains, by torchao's pt2e flow.

    network -> captured (torch.export), batch norm folded -> rounded (prepare_qat_pt2e) -> trained -> converted

Batch norm is folded before the training, as it will be in the ONNX graph: torchao, told to train it, puts it back with
an eps of 1e-5 and a momentum of 0.1 whatever they were (seen in 0.18). Dropout is left out. torchao waits inside
functions: it takes seconds to import.
"""

from __future__ import annotations

import contextlib
import copy
import operator
from collections.abc import Iterable, Iterator
from typing import Any

import torch
from torch import nn
from torch.fx import GraphModule, Node

from edgekit.compression.annotation import Quantizer, choose
from edgekit.errors import ModelError
from edgekit.exporting.reasons import why
from edgekit.exporting.silence import silence
from edgekit.extras import need
from edgekit.graph.schemes import Scheme

POST = "quantize it after training: method: static"


class FakeQuantized(nn.Module):
    """What a network becomes to be trained in 8 bits; it takes and answers what the network does.

    In training mode the ranges of values follow what is seen; in evaluation mode they stay, so that it always answers
    the same. The weights' ranges are always those of the weights. `layers` counts what became 8-bit.

    `example`: a batch of two at least. `network` itself stays as it is. Raises ModelError for a network that cannot be
    captured, or has nothing to round.
    """

    def __init__(self, network: nn.Module, example: torch.Tensor, scheme: Scheme) -> None:
        super().__init__()
        with silence():
            need("torchao", "training for 8 bits")
        if recurrent := [name for name, part in network.named_modules() if isinstance(part, nn.RNNBase)]:
            raise ModelError(f'"{recurrent[0]}" is a recurrent layer, which is not trained for 8 bits here', POST)
        self._capture = _captured(copy.deepcopy(network).cpu().eval(), example)
        self.layers = len(choose(self._capture).layers)
        if not self.layers:
            raise ModelError(
                f"a {type(network).__name__} has nothing to train for 8 bits: no convolution or linear layer of four"
                " inputs at least",
                POST,
            )
        with silence():
            from torchao.quantization.pt2e.quantize_pt2e import prepare_qat_pt2e

            try:
                self.program: GraphModule = _plain(prepare_qat_pt2e(self._capture, Quantizer(scheme)))
            except Exception as error:  # torchao's own, of graphs that it does not take
                raise ModelError(f"torchao cannot prepare a {type(network).__name__}: {why(error)}", POST) from error
        del self._capture
        self._of_weights = {
            str(node.target): str(node.all_input_nodes[0].target)
            for node in self.program.graph.nodes
            if node.op == "call_module" and node.all_input_nodes[0].op == "get_attr"
        }
        self._of_values = [name for name, _ in self._rounding() if name not in self._of_weights]

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        """Answer as the network does, rounded."""
        (answer,) = torch.utils._pytree.tree_leaves(self.program(inputs))
        assert isinstance(answer, torch.Tensor)
        return answer

    def train(self, mode: bool = True) -> FakeQuantized:
        """Let the ranges follow what is seen, or hold them."""
        super().train(mode)
        for name in self._of_values:
            self.program.get_submodule(name).enable_observer(mode)  # type: ignore[operator]
        return self

    @torch.no_grad()
    def calibrate(self, batches: Iterable[torch.Tensor]) -> None:
        """Find the first ranges, from what the network answers unrounded to `batches`."""
        self.train()
        with self.unrounded():
            for batch in batches:
                self.program(batch)

    @contextlib.contextmanager
    def unrounded(self) -> Iterator[None]:
        """Let nothing be rounded for as long as this lasts."""
        rounding: list[Any] = [each for _, each in self._rounding()]
        for each in rounding:
            each.disable_fake_quant()
        try:
            yield
        finally:
            for each in rounding:
                each.enable_fake_quant()

    @contextlib.contextmanager
    def watched(self) -> Iterator[list[torch.Tensor]]:
        """Collect the 8-bit values of every run, uint8, in the order in which they are computed."""
        seen: list[torch.Tensor] = []

        def see(rounding: Any, _: Any, value: torch.Tensor) -> None:
            seen.append((value / rounding.scale + rounding.zero_point).round().to(torch.uint8))

        hooks = [self.program.get_submodule(name).register_forward_hook(see) for name in self._of_values]
        try:
            yield seen
        finally:
            for hook in hooks:
                hook.remove()

    @torch.no_grad()
    def settle(self) -> None:
        """End the training: round the weights of the last step, and the biases as the kernels' sums do, to integers."""
        self.eval()
        for name, weights in self._of_weights.items():
            self.program.get_submodule(name)(operator.attrgetter(weights)(self.program))
        for node in self.program.graph.nodes:
            taken, weight, bias = [*node.args, None, None, None][:3]
            if not (isinstance(bias, Node) and bias.op == "get_attr" and all(map(_rounds, (taken, weight)))):
                continue
            scales: list[Any] = [self.program.get_submodule(str(each.target)).scale for each in (taken, weight)]
            scale, values = (scales[0] * scales[1]).double(), operator.attrgetter(str(bias.target))(self.program)
            values.copy_((values / scale).round() * scale)

    def converted(self) -> nn.Module:
        """Return a twin with integer weights, each value quantized and dequantized: what is exported; it settles."""
        from torchao.quantization.pt2e.quantize_pt2e import convert_pt2e

        self.settle()
        twin = copy.deepcopy(self)
        twin._of_values = []
        with silence():
            twin.program = _plain(convert_pt2e(twin.program))
        return twin

    def _rounding(self) -> Iterator[tuple[str, nn.Module]]:
        from torchao.quantization.pt2e import FakeQuantize

        return ((name, each) for name, each in self.program.named_modules() if isinstance(each, FakeQuantize))


def _rounds(node: Any) -> bool:
    return isinstance(node, Node) and node.op == "call_module"


def _captured(network: nn.Module, example: torch.Tensor) -> GraphModule:
    """Capture what `network` computes of a batch of any size, its batch norms inside its convolutions."""
    with silence():
        from torchao.quantization.pt2e.utils import _fuse_conv_bn_, _fuse_linear_bn_

        try:
            dynamic = ({0: torch.export.Dim.DYNAMIC},)
            captured = torch.export.export(network, (example,), dynamic_shapes=dynamic).module(check_guards=False)
        except Exception as error:  # torch.export may raise anything
            said = f"torch.export cannot capture a {type(network).__name__}: {why(error, network)}"
            raise ModelError(said, POST) from error
        assert isinstance(captured, GraphModule)
        _fuse_conv_bn_(captured)
        _fuse_linear_bn_(captured)
        # Tensors in, a tuple of tensors out: what torch.export puts around that warns whenever it is copied.
        captured.graph.set_codegen(torch.fx.graph.CodeGen())
        captured.recompile()
    return captured


def _plain(program: GraphModule) -> GraphModule:
    """Take back that torchao forbids to call train and eval, of which its graph knows nothing."""
    for name in ("train", "eval"):
        vars(program).pop(name, None)
    return program
