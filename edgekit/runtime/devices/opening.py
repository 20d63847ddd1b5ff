"""One attempt at one device: a session that came up where it was asked to, or the reason why not.

What can be told before is told by `providers.py`. Here the session is made, and then asked: onnxruntime falls back to
the CPU without a word.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING, Any, NamedTuple

from edgekit.errors import DeviceError
from edgekit.extras import need
from edgekit.runtime import kinds, threads
from edgekit.runtime.devices import placement
from edgekit.runtime.devices.naming import PROVIDER_OF, Device, Request
from edgekit.runtime.reasons import listening, reason, refusal, unknown_option
from edgekit.signature import Tensor

if TYPE_CHECKING:
    from edgekit.runtime.devices.shapes import Range
    from edgekit.runtime.tuned import Tuned

ort = need("onnxruntime", "running a model")

# onnxruntime's severities. Its warnings are about things the caller cannot mend, and what it fails on is raised here in
# other words; but what it says of a device that does not come up it says on stderr alone, where `listening` reads it.
_ERRORS, _NOTHING = 3, 4


class Opened(NamedTuple):
    """An `onnxruntime.InferenceSession`, where it runs, and with how many threads.

    `shapes`: how large its dynamic dimensions get, as far as that was said. `graphs`: it records CUDA graphs, so each
    run must say which one is its own (`shortcut.replaying`).
    """

    session: Any
    device: str
    threads: int
    placement: placement.Placement | None
    shapes: Mapping[str, Range]
    graphs: bool


class Opening(NamedTuple):
    """How a model is to be opened, whatever the device.

    `content`: a path or an ONNX file's bytes; `name`: what errors call it. `strict`: no node off the device;
    `cuda_helps`: TensorRT may leave nodes to CUDA all the same. The rest is as in `session.open_session`.
    """

    content: str | bytes
    name: str
    threads: int | None
    optimize: bool
    spinning: bool
    strict: bool
    cuda_helps: bool
    shapes: Mapping[str, Range] | None
    max_batch: int | None
    inputs: Sequence[Tensor] | None
    tuned: Tuned | None = None
    trace: str | None = None

    def on(self, device: Device, given: Mapping[str, object] | None = None) -> Opened:
        """Open on `device` with the provider's options `given`. BundleError, DeviceError."""
        settings = ort.SessionOptions()
        count = threads.settle(settings, self.threads, self.spinning)
        asked = self._ask(device, given, count)
        self._write(settings, device, asked)

        ear: AbstractContextManager[list[str]] = nullcontext([]) if device.kind == "cpu" else listening()
        try:
            with ear as said:
                session = ort.InferenceSession(self.content, settings, asked.built_in, enable_fallback=0)
                if session.get_providers()[0] != asked.provider:
                    raise _Elsewhere(session.get_providers()[0])
        except MemoryError:
            raise
        except _Elsewhere as error:
            raise _elsewhere(device, str(error), "; ".join(said)) from None
        except Exception as error:
            raise self._refused(device, error) from None
        inputs = [kinds.tensor(node) for node in session.get_inputs()] if self.inputs is None else self.inputs
        needed = asked.graphs or device.kind == "tensorrt"
        if needed and self.inputs is None and any(isinstance(dim, str) for tensor in inputs for dim in tensor.shape):
            # Now that it is known what a bare file takes, that is checked, and TensorRT told for which sizes to build.
            return self._replace(inputs=inputs).on(device, given)
        placed = None
        if placement.recorded():
            placed = placement.read(session, str(device), asked.provider)
            self._look(device, placed)
        return Opened(session, str(device), count, placed, self._sizes(inputs), asked.graphs)

    def _sizes(self, inputs: Sequence[Tensor]) -> Mapping[str, Range]:
        if self.shapes is None and self.max_batch is None:
            return {}
        from edgekit.runtime.devices.shapes import settled

        return settled(self.shapes, self.max_batch, inputs)

    def _ask(self, device: Device, given: Mapping[str, object] | None, count: int) -> Request:
        """Return what to ask onnxruntime for. An app that stays on the CPU loads nothing of the other devices."""
        if device.kind == "cpu" and not given:
            return Request(PROVIDER_OF["cpu"], [(PROVIDER_OF["cpu"], {})])
        from edgekit.runtime.devices import providers

        return providers.request(
            device,
            self.content,
            given,
            threads=count,
            inputs=self.inputs,
            shapes=self.shapes,
            max_batch=self.max_batch,
            cuda_helps=self.cuda_helps,
        )

    def _write(self, settings: Any, device: Device, asked: Request) -> None:
        """Write into `onnxruntime.SessionOptions` what is no matter of threads."""
        settings.log_severity_level = _NOTHING if device.kind == "cpu" else _ERRORS
        if not self.optimize:
            settings.graph_optimization_level = ort.GraphOptimizationLevel.ORT_DISABLE_ALL
        if self.tuned and device.kind == "cpu":
            self.tuned.write(settings)
        if self.trace:
            from edgekit.runtime import tracing

            tracing.write(settings, self.trace, saved=device.kind == "cpu")
        if asked.plugin:
            settings.add_provider_for_devices([asked.plugin[0]], asked.plugin[1])
        if placement.recorded():
            settings.add_session_config_entry(placement.RECORD, "1")
        elif self.strict and device.kind != "cpu":
            settings.add_session_config_entry(placement.NO_CPU, "1")

    def _refused(self, device: Device, error: Exception) -> Exception:
        """Return the error to raise where onnxruntime made no session at all."""
        if name := unknown_option(error):
            from edgekit.runtime.devices import options

            return options.unknown(device, name)
        if device.kind == "cpu":
            return refusal(self.name, error, ort.__version__)
        if "CPU EP has been explicitly disabled" in str(error):
            told = f'{self.name} does not run on device "{device}" alone: some nodes are left to the cpu'
            return DeviceError(told, 'placement="any" lets them; onnxruntime 1.24 or newer names them')
        # Whose fault was it? What opens on the CPU is a sound model, and the device could not take it.
        self._replace(strict=False).on(Device("cpu"))
        told = f'{self.name} opens on the CPU, but not on device "{device}": {reason(error)}'
        return DeviceError(told, 'ask for device "cpu"')

    def _look(self, device: Device, placed: placement.Placement) -> None:
        """Raise DeviceError where nothing runs on the device, or, where that was asked for, not everything."""
        if placed.total and device.kind not in placed.nodes:
            told = f'asked for device "{device}", which came up and runs nothing of {self.name}: {placed}'
            raise DeviceError(told, 'ask for device "cpu", or for a part of it that is here')
        left = placed.left_behind(["cuda"] if self.cuda_helps and device.kind == "tensorrt" else [])
        if self.strict and left:
            told = f'{self.name} does not run on device "{device}" alone: {placement.tell(left)}'
            hint = 'placement="any" lets them'
            raise DeviceError(told, hint + (', placement="gpu" those of CUDA' if "cuda" in left else ""))


class _Elsewhere(Exception):
    """A session that came up on another provider, whose name it carries."""


def _elsewhere(device: Device, provider: str, said: str) -> DeviceError:
    """Return the error for a session that came up on another provider; `said` is what onnxruntime wrote meanwhile."""
    found = next((kind for kind, name in PROVIDER_OF.items() if name == provider), provider)
    told = f'asked for device "{device}", but the session came up on "{found}"'
    if said:
        return DeviceError(f"{told}: {said}", f'mend that, or ask for device "{found}"')
    return DeviceError(
        told, f'a library, a driver or the device itself is missing; mend that, or ask for device "{found}"'
    )
